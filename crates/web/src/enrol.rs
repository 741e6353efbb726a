//! The first administrator, for whoever has the token that the server printed. Mounted on the admin address only.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use testudo_identity::{EnrolOutcome, SignUpForm};

use crate::Web;
use crate::pages::EnrolPage;
use crate::problem::{Problem, sentence};
use crate::visit::Visit;

pub(crate) async fn show(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let visit = Visit::open(&web, &request)?;
    if !web.identity.enrolment_is_open(&visit.ctx).await.map_err(|error| visit.problem(&error))? {
        let text = "No enrolment token is waiting. Make a new one on the server's command line.";
        return Err(Problem::new(&web, StatusCode::NOT_FOUND, "Nothing to enrol", text, Some(visit.ctx.request)));
    }
    let page = enrol_page(&visit, Vec::new(), String::new(), String::new());
    Ok(visit.page(StatusCode::OK, &page, None))
}

pub(crate) async fn submit(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let (mut visit, form) = Visit::posted(&web, request).await?;
    let username = form.text("username").to_owned();
    let new = SignUpForm { username: username.clone(), name: String::new(), password: form.secret("password") };
    let outcome = web.identity.enrol(form.text("token"), new, &visit.ctx).await;
    let (status, faults) = match outcome.map_err(|error| visit.problem(&error))? {
        EnrolOutcome::Enrolled(session) => {
            visit.keep_session(&session);
            return Ok(visit.see("/account/totp"));
        }
        EnrolOutcome::Invalid(faults) => {
            let faults = faults.iter().map(|fault| sentence(&fault.to_string())).collect();
            (StatusCode::UNPROCESSABLE_ENTITY, faults)
        }
        EnrolOutcome::NameTaken => {
            (StatusCode::UNPROCESSABLE_ENTITY, vec!["Somebody has this name. Choose another.".to_owned()])
        }
        EnrolOutcome::Refused => {
            let fault = "This token is wrong, used or too old. Make a new one on the server's command line.";
            (StatusCode::UNAUTHORIZED, vec![fault.to_owned()])
        }
    };
    // The token is a secret: it has to be pasted again.
    let page = enrol_page(&visit, faults, String::new(), username);
    Ok(visit.page(status, &page, None))
}

fn enrol_page(visit: &Visit, faults: Vec<String>, token: String, username: String) -> EnrolPage {
    EnrolPage { shell: visit.shell(), csrf: visit.csrf(), faults, token, username }
}
