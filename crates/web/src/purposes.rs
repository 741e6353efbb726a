//! What a person's data may be used for: she agrees and takes it back on her account page.

use axum::extract::{Request, State};
use axum::response::Response;
use testudo_identity::{IdentityError, PurposeView};

use crate::Web;
use crate::account::{SIGN_IN, again, minute};
use crate::pages::PurposeLine;
use crate::problem::Problem;
use crate::visit::Visit;

pub(crate) async fn change(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let (visit, form) = Visit::posted(&web, request).await?;
    let Some(who) = visit.signed_in().await? else { return Ok(visit.see(SIGN_IN)) };
    let purpose = form.text("purpose");
    let (changed, done) = if form.text("agree") == "yes" {
        (web.identity.give_consent(&who, purpose, form.text("version"), &visit.ctx).await, "agreed")
    } else {
        (web.identity.take_back_consent(&who, purpose, &visit.ctx).await, "taken-back")
    };
    match changed {
        Ok(()) => Ok(visit.see(&format!("/account?done={done}"))),
        Err(IdentityError::NotFound(_)) => {
            let fault = "What you would agree to has changed. Please read it again.".to_owned();
            again(visit, &who, vec![fault]).await
        }
        Err(error) => Err(visit.problem(&error)),
    }
}

/// One purpose on the page.
pub(crate) fn line(view: PurposeView) -> PurposeLine {
    PurposeLine {
        name: view.purpose.name,
        title: view.purpose.title,
        text: view.purpose.text,
        version: view.purpose.version,
        since: view.since.map(minute),
        outdated: view.outdated.is_some(),
    }
}
