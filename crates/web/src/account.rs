//! A person's own account: password, second factor, apps that may act for her, sessions.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use testudo_core::{ClientId, SessionId, Timestamp};
use testudo_identity::{Allowed, IdentityError, NewPasswordOutcome, PasskeyView, SessionView, SignedIn};

use crate::Web;
use crate::consent::explain;
use crate::pages::{AccountPage, AppLine, PasskeyLine, SessionLine};
use crate::problem::{Problem, sentence};
use crate::visit::{Entry, Visit};

pub(crate) const SIGN_IN: &str = "/sign-in?return_to=%2Faccount";

pub(crate) async fn show(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let visit = Visit::open(&web, &request)?;
    let who = match visit.member("/account").await? {
        Entry::In(who) => who,
        Entry::Elsewhere(to) => return Ok(visit.see(&to)),
    };
    let notice = match visit.param("done").as_deref() {
        Some("password") => Some("Your password is changed, and your other sessions are over."),
        Some("factor-removed") => Some("The authenticator app is removed."),
        Some("passkey-added") => Some("Your passkey is ready: use it the next time you sign in."),
        Some("passkey-renamed") => Some("Your passkey has its new name."),
        Some("passkey-removed") => Some("That passkey is removed."),
        Some("session-ended") => Some("That session is over."),
        Some("access-ended") => Some("That app can't act for you any more."),
        Some("agreed") => Some("You agreed. You can take it back here at any time."),
        Some("taken-back") => Some("You took it back. It holds from now on."),
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
    let who = match visit.member("/account").await? {
        Entry::In(who) => who,
        Entry::Elsewhere(to) => return Ok(visit.see(&to)),
    };
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
    let who = match visit.member("/account").await? {
        Entry::In(who) => who,
        Entry::Elsewhere(to) => return Ok(visit.see(&to)),
    };
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
    let who = match visit.member("/account").await? {
        Entry::In(who) => who,
        Entry::Elsewhere(to) => return Ok(visit.see(&to)),
    };
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
    mut visit: Visit,
    status: StatusCode,
    who: &SignedIn,
    notice: Option<&'static str>,
    faults: Vec<String>,
) -> Result<Response, Problem> {
    let found = visit.web.identity.person(who.person).await.map_err(|error| visit.problem(&error))?;
    let Some(person) = found.map(|stored| stored.document) else { return Ok(visit.see(SIGN_IN)) };
    let sessions = visit.web.identity.own_sessions(who, &visit.ctx).await.map_err(|error| visit.problem(&error))?;
    let apps = visit.web.identity.allowed_clients(who, &visit.ctx).await.map_err(|error| visit.problem(&error))?;
    let purposes = visit.web.identity.purposes_of(who.person).await.map_err(|error| visit.problem(&error))?;
    let passkeys = visit.web.identity.passkeys(who.person).await.map_err(|error| visit.problem(&error))?;
    let page = AccountPage {
        shell: visit.shell(),
        csrf: visit.csrf(),
        notice,
        faults,
        username: person.username().to_owned(),
        name: person.name().to_owned(),
        roles: person.roles().iter().cloned().collect(),
        has_totp: person.has_totp(),
        has_factor: person.has_second_factor(),
        passkeys: passkeys.into_iter().map(passkey).collect(),
        owes_factor: person.owes_second_factor(),
        codes_left: person.recovery_codes_left(),
        apps: apps.into_iter().map(app).collect(),
        purposes: purposes.into_iter().map(crate::purposes::line).collect(),
        sessions: sessions.into_iter().map(line).collect(),
    };
    visit.scripted();
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

fn passkey(view: PasskeyView) -> PasskeyLine {
    PasskeyLine {
        id: view.id,
        name: view.name,
        host: view.host,
        synced: view.synced,
        since: minute(view.created),
        used: view.used.map(minute),
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
pub(crate) fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => text,
    }
}
