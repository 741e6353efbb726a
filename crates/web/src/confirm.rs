//! Asking for a fresh second factor in a session, before an act that needs one. It renews when the factor was last shown,
//! without a new sign-in, and then goes back to where the act is.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use testudo_identity::SecondFactorOutcome;

use crate::Web;
use crate::pages::ConfirmPage;
use crate::problem::Problem;
use crate::return_to::ReturnTo;
use crate::sign_in::signed_in;
use crate::visit::Visit;

const REFUSED: &str = "That code was not accepted. Wait for the next one and try again.";

pub(crate) async fn show(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let visit = Visit::open(&web, &request)?;
    let return_to = visit.return_to();
    let Some(who) = visit.signed_in().await? else {
        return Ok(visit.see(&ReturnTo::link("/sign-in", return_to.as_ref())));
    };
    let person = web.identity.person(who.person).await.map_err(|error| visit.problem(&error))?;
    if !person.is_some_and(|stored| stored.document.has_second_factor()) {
        return Ok(visit.see(&ReturnTo::link("/account/totp", return_to.as_ref())));
    }
    page(visit, StatusCode::OK, return_to.as_ref(), Vec::new()).await
}

pub(crate) async fn submit(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let (visit, form) = Visit::posted(&web, request).await?;
    let return_to = ReturnTo::parse(form.text("return_to"));
    let outcome = web.identity.step_up(visit.session_cookie(), form.text("code"), &visit.ctx).await;
    let outcome = outcome.map_err(|error| visit.problem(&error))?;
    finish(visit, outcome, return_to.as_ref(), REFUSED).await
}

/// Goes on, or asks again.
pub(crate) async fn finish(
    visit: Visit,
    outcome: SecondFactorOutcome,
    return_to: Option<&ReturnTo>,
    refused: &str,
) -> Result<Response, Problem> {
    match outcome {
        SecondFactorOutcome::SignedIn(session) => signed_in(visit, &session, return_to).await,
        SecondFactorOutcome::Refused => {
            page(visit, StatusCode::UNAUTHORIZED, return_to, vec![refused.to_owned()]).await
        }
        SecondFactorOutcome::NewPasswordDue(_) | SecondFactorOutcome::Expired => {
            Ok(visit.see(&ReturnTo::link("/sign-in", return_to)))
        }
    }
}

async fn page(
    mut visit: Visit,
    status: StatusCode,
    return_to: Option<&ReturnTo>,
    faults: Vec<String>,
) -> Result<Response, Problem> {
    let Some(who) = visit.signed_in().await? else { return Ok(visit.see(&ReturnTo::link("/sign-in", return_to))) };
    let found = visit.web.identity.person(who.person).await.map_err(|error| visit.problem(&error))?;
    let codes = found.is_some_and(|stored| stored.document.has_totp() || stored.document.recovery_codes_left() > 0);
    let page = ConfirmPage {
        shell: visit.shell(),
        csrf: visit.csrf(),
        return_to: return_to.map(|target| target.as_str().to_owned()),
        faults,
        passkey: visit.can_answer_with_passkey().await?,
        codes,
    };
    visit.scripted();
    Ok(visit.page(status, &page, return_to))
}
