//! Making one's own account. The answer is the same whether or not the name was free.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use testudo_identity::{SignUpForm, SignUpOutcome};

use crate::Web;
use crate::pages::SignUpPage;
use crate::problem::{Problem, sentence};
use crate::return_to::ReturnTo;
use crate::visit::Visit;

pub(crate) async fn show(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let visit = Visit::open(&web, &request)?;
    if !web.identity.config().sign_up {
        return Err(closed(&web, &visit));
    }
    let return_to = visit.return_to();
    let page = sign_up_page(&visit, return_to.as_ref(), Vec::new(), String::new(), String::new());
    Ok(visit.page(StatusCode::OK, &page, return_to.as_ref()))
}

pub(crate) async fn submit(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let (visit, form) = Visit::posted(&web, request).await?;
    let return_to = ReturnTo::parse(form.text("return_to"));
    let (username, name) = (form.text("username").to_owned(), form.text("name").to_owned());
    let sign_up = SignUpForm { username: username.clone(), name: name.clone(), password: form.secret("password") };
    let outcome = web.identity.sign_up(sign_up, &visit.ctx).await;
    match outcome.map_err(|error| visit.problem(&error))? {
        SignUpOutcome::Done => {
            let link = ReturnTo::link("/sign-in", return_to.as_ref());
            let separator = if link.contains('?') { '&' } else { '?' };
            Ok(visit.see(&format!("{link}{separator}after=sign-up")))
        }
        SignUpOutcome::Closed => Err(closed(&web, &visit)),
        SignUpOutcome::Invalid(faults) => {
            let faults = faults.iter().map(|fault| sentence(&fault.to_string())).collect();
            let page = sign_up_page(&visit, return_to.as_ref(), faults, username, name);
            Ok(visit.page(StatusCode::UNPROCESSABLE_ENTITY, &page, return_to.as_ref()))
        }
    }
}

fn closed(web: &Web, visit: &Visit) -> Problem {
    let text = "People can't make their own accounts here. Ask whoever runs this service for one.";
    Problem::new(web, StatusCode::NOT_FOUND, "Sign-up is closed", text, Some(visit.ctx.request))
}

fn sign_up_page(
    visit: &Visit,
    return_to: Option<&ReturnTo>,
    faults: Vec<String>,
    username: String,
    name: String,
) -> SignUpPage {
    SignUpPage {
        shell: visit.shell(),
        csrf: visit.csrf(),
        return_to: return_to.map(|target| target.as_str().to_owned()),
        faults,
        username,
        name,
        sign_in_link: ReturnTo::link("/sign-in", return_to),
    }
}
