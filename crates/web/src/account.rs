//! A person's own account: password, second factor, apps that may act for her, sessions.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use testudo_core::{ClientId, SessionId, Timestamp};
use testudo_identity::{Allowed, IdentityError, NewPasswordOutcome, SessionView, SignedIn};

use crate::Web;
use crate::consent::explain;
use crate::pages::{AccountPage, AppLine, SessionLine};
use crate::problem::{Problem, sentence};
use crate::visit::Visit;

const SIGN_IN: &str = "/sign-in?return_to=%2Faccount";

pub(crate) async fn show(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let visit = Visit::open(&web, &request)?;
    let Some(who) = visit.signed_in().await? else { return Ok(visit.see(SIGN_IN)) };
    let notice = match visit.param("done").as_deref() {
        Some("password") => Some("Your password is changed, and your other sessions are over."),
        Some("factor-removed") => Some("The authenticator app and its recovery codes are removed."),
        Some("session-ended") => Some("That session is over."),
        Some("access-ended") => Some("That app can't act for you any more."),
        _ => None,
    };
    answer(visit, StatusCode::OK, &who, notice, Vec::new()).await
}

/// The page again, with what was wrong.
pub(crate) async fn again(visit: Visit, who: &SignedIn, faults: Vec<String>) -> Result<Response, Problem> {
    answer(visit, StatusCode::UNPROCESSABLE_ENTITY, who, None, faults).await
}

pub(crate) async fn change_password(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let (mut visit, form) = Visit::posted(&web, request).await?;
    let Some(who) = visit.signed_in().await? else { return Ok(visit.see(SIGN_IN)) };
    let (current, new) = (form.secret("current_password"), form.secret("new_password"));
    let outcome = web.identity.change_password(visit.session_cookie(), current, new, &visit.ctx).await;
    match outcome.map_err(|error| visit.problem(&error))? {
        NewPasswordOutcome::Changed(session) => {
            visit.keep_session(&session);
            Ok(visit.see("/account?done=password"))
        }
        NewPasswordOutcome::Invalid(fault) => again(visit, &who, vec![sentence(&fault.to_string())]).await,
        NewPasswordOutcome::Refused => {
            let fault = "The current password is not right. After several tries, wait a while.";
            again(visit, &who, vec![fault.to_owned()]).await
        }
        NewPasswordOutcome::Expired => Ok(visit.see(SIGN_IN)),
    }
}

pub(crate) async fn end_session(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let (visit, form) = Visit::posted(&web, request).await?;
    let Some(who) = visit.signed_in().await? else { return Ok(visit.see(SIGN_IN)) };
    let ended = match form.text("session").parse::<SessionId>() {
        Ok(session) => web.identity.end_own_session(&who, session, &visit.ctx).await,
        Err(_) => Err(IdentityError::NotFound("session")),
    };
    match ended {
        // One that is gone is over, which is what was wanted.
        Ok(()) | Err(IdentityError::NotFound(_)) => Ok(visit.see("/account?done=session-ended")),
        Err(error) => Err(visit.problem(&error)),
    }
}

pub(crate) async fn end_access(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let (visit, form) = Visit::posted(&web, request).await?;
    let Some(who) = visit.signed_in().await? else { return Ok(visit.see(SIGN_IN)) };
    let ended = match form.text("client").parse::<ClientId>() {
        Ok(client) => web.identity.withdraw_consent(&who, &client, &visit.ctx).await,
        Err(_) => Err(IdentityError::NotFound("client")),
    };
    match ended {
        // One that may do nothing is what was wanted.
        Ok(()) | Err(IdentityError::NotFound(_)) => Ok(visit.see("/account?done=access-ended")),
        Err(error) => Err(visit.problem(&error)),
    }
}

pub(crate) async fn sign_out_everywhere(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let (mut visit, _) = Visit::posted(&web, request).await?;
    if let Some(who) = visit.signed_in().await? {
        let ended = web.identity.sign_out_everywhere(&who, &visit.ctx).await;
        ended.map_err(|error| visit.problem(&error))?;
    }
    visit.forget_session();
    Ok(visit.see("/sign-in?after=sign-out"))
}

async fn answer(
    visit: Visit,
    status: StatusCode,
    who: &SignedIn,
    notice: Option<&'static str>,
    faults: Vec<String>,
) -> Result<Response, Problem> {
    let found = visit.web.identity.person(who.person).await.map_err(|error| visit.problem(&error))?;
    let Some(person) = found.map(|stored| stored.document) else { return Ok(visit.see(SIGN_IN)) };
    let sessions = visit.web.identity.own_sessions(who, &visit.ctx).await.map_err(|error| visit.problem(&error))?;
    let apps = visit.web.identity.allowed_clients(who, &visit.ctx).await.map_err(|error| visit.problem(&error))?;
    let page = AccountPage {
        shell: visit.shell(),
        csrf: visit.csrf(),
        notice,
        faults,
        username: person.username().to_owned(),
        name: person.name().to_owned(),
        roles: person.roles().iter().cloned().collect(),
        has_factor: person.has_second_factor(),
        owes_factor: person.owes_second_factor(),
        codes_left: person.recovery_codes_left(),
        apps: apps.into_iter().map(app).collect(),
        sessions: sessions.into_iter().map(line).collect(),
    };
    Ok(visit.page(status, &page, None))
}

fn line(view: SessionView) -> SessionLine {
    SessionLine {
        id: view.id,
        current: view.current,
        browser: view.browser,
        address: view.address,
        since: minute(view.created),
        seen: minute(view.seen),
    }
}

fn app(allowed: Allowed) -> AppLine {
    AppLine {
        client: allowed.client,
        name: allowed.name,
        own: allowed.first_party,
        scopes: allowed.scopes.iter().map(explain).collect(),
        since: minute(allowed.since),
        used: allowed.used.map(minute),
    }
}

/// To the minute, in UTC.
fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => text,
    }
}
