//! Signing out: by one's own wish, or because a client asks (RP-initiated logout of `OpenID` Connect), which the person
//! confirms here. A client's request comes as the query of the logout endpoint in `request`.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use testudo_identity::LogoutOutcome;

use crate::Web;
use crate::pages::SignOutPage;
use crate::problem::{Problem, sentence};
use crate::visit::Visit;

/// The longest logout request.
const LONGEST: usize = 8 * 1024;

pub(crate) async fn show(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let visit = Visit::open(&web, &request)?;
    let Some(who) = visit.signed_in().await? else { return Ok(visit.see("/sign-in?after=sign-out")) };
    let request = visit.param("request").filter(|request| request.len() <= LONGEST);
    let mut client = None;
    if let Some(request) = &request {
        // Unconfirmed, it only says who asks, unless the client has proven the person's wish already.
        let outcome = web.identity.end_session(request, Some(&who), false, &visit.ctx).await;
        match outcome.map_err(|error| visit.problem(&error))? {
            LogoutOutcome::Confirm { client: asking } => client = asking.map(|client| client.name.clone()),
            done => return finish(visit, done),
        }
    }
    let page = SignOutPage { shell: visit.shell(), csrf: visit.csrf(), client, request };
    Ok(visit.page(StatusCode::OK, &page, None))
}

pub(crate) async fn submit(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let (mut visit, form) = Visit::posted(&web, request).await?;
    let request = form.text("request");
    if request.is_empty() || request.len() > LONGEST {
        let signed_out = web.identity.sign_out(visit.session_cookie(), &visit.ctx).await;
        signed_out.map_err(|error| visit.problem(&error))?;
        visit.forget_session();
        return Ok(visit.see("/sign-in?after=sign-out"));
    }
    let who = visit.signed_in().await?;
    let outcome = web.identity.end_session(request, who.as_ref(), true, &visit.ctx).await;
    let outcome = outcome.map_err(|error| visit.problem(&error))?;
    finish(visit, outcome)
}

fn finish(mut visit: Visit, outcome: LogoutOutcome) -> Result<Response, Problem> {
    match outcome {
        LogoutOutcome::Redirect(target) => {
            visit.forget_session();
            Ok(visit.see(&target))
        }
        LogoutOutcome::SignedOut => {
            visit.forget_session();
            Ok(visit.see("/sign-in?after=sign-out"))
        }
        LogoutOutcome::Confirm { .. } => Ok(visit.see("/sign-out")),
        LogoutOutcome::ErrorPage { text, .. } => Err(Problem::new(
            &visit.web,
            StatusCode::BAD_REQUEST,
            "You are still signed in",
            sentence(&text),
            Some(visit.ctx.request),
        )),
    }
}
