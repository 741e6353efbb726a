//! Signing in with a password, and the new password that may be due after it.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use testudo_identity::{AuthorizeOutcome, NewPasswordOutcome, NewSession, SignInOutcome};

use crate::Web;
use crate::pages::{NewPasswordPage, SignInPage};
use crate::problem::{Problem, sentence};
use crate::return_to::ReturnTo;
use crate::visit::Visit;

/// The one answer to every sign-in that did not work.
const REFUSED: &str = "That did not work. Check the name and the password. After several tries, wait a while.";

pub(crate) async fn show(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let mut visit = Visit::open(&web, &request)?;
    let return_to = visit.return_to();
    let (client, hint, create) = asked_by(&visit, return_to.as_ref()).await?;
    if create && web.identity.config().sign_up {
        return Ok(visit.see(&ReturnTo::link("/sign-up", return_to.as_ref())));
    }
    let notice = match visit.param("after").as_deref() {
        Some("sign-up") => Some("If the name was free, your account is ready. Sign in with it."),
        Some("sign-out") => Some("You are signed out."),
        Some("expired") => Some("That took too long or did not work too often. Sign in again."),
        _ => None,
    };
    let page = sign_in_page(&visit, return_to.as_ref(), client, notice, Vec::new(), hint.unwrap_or_default());
    visit.scripted();
    Ok(visit.page(StatusCode::OK, &page, return_to.as_ref()))
}

pub(crate) async fn submit(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let (mut visit, form) = Visit::posted(&web, request).await?;
    let return_to = ReturnTo::parse(form.text("return_to"));
    let known = visit.known.as_ref().map(|mark| mark.expose().as_str());
    let outcome = web.identity.sign_in(form.text("username"), form.secret("password"), known, &visit.ctx).await;
    match outcome.map_err(|error| visit.problem(&error))? {
        SignInOutcome::SignedIn(session) => signed_in(visit, &session, return_to.as_ref()).await,
        SignInOutcome::SecondFactorDue(pending) => {
            visit.keep_pending(&pending);
            Ok(visit.see(&ReturnTo::link("/sign-in/factor", return_to.as_ref())))
        }
        SignInOutcome::NewPasswordDue(pending) => {
            visit.keep_pending(&pending);
            Ok(visit.see(&ReturnTo::link("/sign-in/password", return_to.as_ref())))
        }
        SignInOutcome::Refused => {
            let (client, ..) = asked_by(&visit, return_to.as_ref()).await?;
            let username: String = form.text("username").chars().take(254).collect();
            let faults = vec![REFUSED.to_owned()];
            let page = sign_in_page(&visit, return_to.as_ref(), client, None, faults, username);
            visit.scripted();
            Ok(visit.page(StatusCode::UNAUTHORIZED, &page, return_to.as_ref()))
        }
    }
}

/// The page again, for a passkey that did not sign in.
pub(crate) async fn again(mut visit: Visit, return_to: Option<&ReturnTo>, fault: &str) -> Result<Response, Problem> {
    let (client, ..) = asked_by(&visit, return_to).await?;
    let page = sign_in_page(&visit, return_to, client, None, vec![fault.to_owned()], String::new());
    visit.scripted();
    Ok(visit.page(StatusCode::UNAUTHORIZED, &page, return_to))
}

/// Keeps a session that has begun, and goes on. Who administers nothing has none at the admin address.
pub(crate) async fn signed_in(
    mut visit: Visit,
    session: &NewSession,
    return_to: Option<&ReturnTo>,
) -> Result<Response, Problem> {
    let identity = &visit.web.identity;
    if visit.is_admin_address() && !identity.config().administers(&session.who.roles) {
        let refused = identity.refuse_entrance(&session.who, &visit.ctx).await;
        refused.map_err(|error| visit.problem(&error))?;
        let text = "Your account administers nothing here. An owner can give you a role; then sign in again.";
        let heading = "This address is for administrators";
        return Err(Problem::new(&visit.web, StatusCode::FORBIDDEN, heading, text, Some(visit.ctx.request)));
    }
    visit.keep_session(session);
    if let Some(target) = return_to {
        return Ok(visit.see(target.as_str()));
    }
    let owes = visit.web.identity.owes_second_factor(&session.who).await.map_err(|error| visit.problem(&error))?;
    let home = visit.home();
    Ok(visit.see(if owes { "/account/totp" } else { home }))
}

pub(crate) async fn show_new_password(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let visit = Visit::open(&web, &request)?;
    let return_to = visit.return_to();
    if visit.pending.is_none() {
        return Ok(visit.see(&ReturnTo::link("/sign-in", return_to.as_ref())));
    }
    let page = new_password_page(&visit, return_to.as_ref(), Vec::new());
    Ok(visit.page(StatusCode::OK, &page, return_to.as_ref()))
}

pub(crate) async fn submit_new_password(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let (mut visit, form) = Visit::posted(&web, request).await?;
    let return_to = ReturnTo::parse(form.text("return_to"));
    let pending = visit.pending_cookie().unwrap_or_default();
    let outcome = web.identity.choose_password(pending, form.secret("new_password"), &visit.ctx).await;
    match outcome.map_err(|error| visit.problem(&error))? {
        NewPasswordOutcome::Changed(session) => signed_in(visit, &session, return_to.as_ref()).await,
        NewPasswordOutcome::Invalid(fault) => {
            let page = new_password_page(&visit, return_to.as_ref(), vec![sentence(&fault.to_string())]);
            Ok(visit.page(StatusCode::UNPROCESSABLE_ENTITY, &page, return_to.as_ref()))
        }
        NewPasswordOutcome::Refused | NewPasswordOutcome::Expired => {
            visit.forget_pending();
            Ok(visit.see(&expired(return_to.as_ref())))
        }
    }
}

/// The sign-in page that says that the half sign-in is over.
pub(crate) fn expired(return_to: Option<&ReturnTo>) -> String {
    let link = ReturnTo::link("/sign-in", return_to);
    let separator = if link.contains('?') { '&' } else { '?' };
    format!("{link}{separator}after=expired")
}

/// The client of an authorize request, the name that it thinks the person has, and whether it wants a new account.
async fn asked_by(
    visit: &Visit,
    return_to: Option<&ReturnTo>,
) -> Result<(Option<String>, Option<String>, bool), Problem> {
    let Some(query) = return_to.and_then(ReturnTo::authorize_query) else { return Ok((None, None, false)) };
    let outcome = visit.web.identity.authorize(query, None, None, false, &visit.ctx).await;
    match outcome.map_err(|error| visit.problem(&error))? {
        AuthorizeOutcome::SignInNeeded { client, login_hint, create, .. } => {
            Ok((Some(client.name.clone()), login_hint, create))
        }
        AuthorizeOutcome::StepUpNeeded { client, .. } | AuthorizeOutcome::ConsentNeeded { client, .. } => {
            Ok((Some(client.name.clone()), None, false))
        }
        AuthorizeOutcome::Redirect(_) | AuthorizeOutcome::ErrorPage { .. } => Ok((None, None, false)),
    }
}

fn sign_in_page(
    visit: &Visit,
    return_to: Option<&ReturnTo>,
    client: Option<String>,
    notice: Option<&'static str>,
    faults: Vec<String>,
    username: String,
) -> SignInPage {
    SignInPage {
        shell: visit.shell(),
        csrf: visit.csrf(),
        return_to: return_to.map(|target| target.as_str().to_owned()),
        client,
        notice,
        faults,
        username,
        sign_up: visit.web.identity.config().sign_up,
        sign_up_link: ReturnTo::link("/sign-up", return_to),
    }
}

fn new_password_page(visit: &Visit, return_to: Option<&ReturnTo>, faults: Vec<String>) -> NewPasswordPage {
    NewPasswordPage {
        shell: visit.shell(),
        csrf: visit.csrf(),
        return_to: return_to.map(|target| target.as_str().to_owned()),
        faults,
    }
}
