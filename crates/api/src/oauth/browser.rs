//! The endpoints that browsers visit: authorization and logout. Pages are web's; these only send there and back.

use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, COOKIE, LOCATION, REFERRER_POLICY, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use testudo_identity::{AuthorizeOutcome, Context, IdentityError, LogoutOutcome, SignedIn};

use super::token::unprepared;
use super::{OAuthState, form};
use crate::Problem;
use crate::call::context;

/// The cookie of a browser session.
const SESSION: &str = "__Host-testudo";
/// Takes that cookie away.
const NO_SESSION: &str = "__Host-testudo=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0";

/// Left in the extensions of an answer that a person should read, so that `web` can render it as a page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ErrorPage {
    /// A stable code.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub text: String,
}

pub(super) async fn authorize(State(state): State<OAuthState>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let Some((_, ctx)) = context(&parts, &*state.clock) else {
        return unprepared();
    };
    let query = parts.uri.query().unwrap_or_default();
    match decide(&state, &parts.headers, query, &ctx).await {
        Ok(AuthorizeOutcome::Redirect(url)) => see_other(&url),
        Ok(AuthorizeOutcome::SignInNeeded { resume, .. }) => {
            page("/sign-in", "return_to", &format!("/authorize?{resume}"))
        }
        Ok(AuthorizeOutcome::StepUpNeeded { resume, .. }) => {
            page("/sign-in/factor", "return_to", &format!("/authorize?{resume}"))
        }
        Ok(AuthorizeOutcome::ConsentNeeded { .. }) => page("/consent", "return_to", &format!("/authorize?{query}")),
        Ok(AuthorizeOutcome::ErrorPage { code, text }) => error_page(code, text),
        Err(error) => Problem::from(error).into_response(),
    }
}

async fn decide(
    state: &OAuthState,
    headers: &HeaderMap,
    query: &str,
    ctx: &Context,
) -> Result<AuthorizeOutcome, IdentityError> {
    let signed_in = signed_in(state, headers, ctx).await?;
    let owed = signed_in.as_ref().and_then(|who| state.gates.owes_second_factor(who.person));
    state.identity.authorize(query, signed_in.as_ref(), owed, false, ctx).await
}

/// `OpenID` Connect allows a form here; it goes on as a query, so that the person can come back to it.
pub(super) async fn authorize_form(request: Request) -> Response {
    forward_form("/authorize", request).await
}

pub(super) async fn logout(State(state): State<OAuthState>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let Some((_, ctx)) = context(&parts, &*state.clock) else {
        return unprepared();
    };
    let query = parts.uri.query().unwrap_or_default();
    let outcome = match signed_in(&state, &parts.headers, &ctx).await {
        Ok(signed_in) => state.identity.end_session(query, signed_in.as_ref(), false, &ctx).await,
        Err(error) => Err(error),
    };
    let mut answer = match outcome {
        Ok(LogoutOutcome::Redirect(url)) => see_other(&url),
        Ok(LogoutOutcome::SignedOut) => see_other("/sign-in?after=sign-out"),
        Ok(LogoutOutcome::Confirm { .. }) => return page("/sign-out", "request", query),
        Ok(LogoutOutcome::ErrorPage { code, text }) => return error_page(code, text),
        Err(error) => return Problem::from(error).into_response(),
    };
    answer.headers_mut().append(SET_COOKIE, HeaderValue::from_static(NO_SESSION));
    answer
}

pub(super) async fn logout_form(request: Request) -> Response {
    forward_form("/logout", request).await
}

async fn forward_form(path: &str, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match form::read(&parts.headers, body).await {
        Ok(form) if form.bytes().all(|byte| byte.is_ascii_graphic()) => see_other(&format!("{path}?{form}")),
        Ok(_) => error_page("form-malformed", "the request is not a form".into()),
        Err(response) => *response,
    }
}

async fn signed_in(state: &OAuthState, headers: &HeaderMap, ctx: &Context) -> Result<Option<SignedIn>, IdentityError> {
    state.identity.browser(cookie(headers), ctx).await
}

/// The value of the session cookie; nothing if it is there twice.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let mut found = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == SESSION)
        .map(|(_, value)| value);
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// Sends to a page of ours with what it needs to come back.
fn page(path: &str, name: &str, value: &str) -> Response {
    let encoded: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
    see_other(&format!("{path}?{name}={encoded}"))
}

/// 303, so that a form is never sent on (RFC 9700 section 4.12); no referrer, so that a query never leaks.
fn see_other(url: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(url) else {
        return error_page("redirect-malformed", "the address to return to is malformed".into());
    };
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn error_page(code: &'static str, text: String) -> Response {
    let mut response = (StatusCode::BAD_REQUEST, text.clone()).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.extensions_mut().insert(ErrorPage { code, text });
    response
}
