//! Passkeys in pages. The script asks for a challenge with `fetch` (`begin_*`, which answer JSON) and posts the answer in
//! the page's own form, so that everything else is a page like the others. Both prove origin and form token.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use testudo_identity::{
    AddPasskeyOutcome, FactorOutcome, PasskeyCeremony, PasskeyId, PasskeyOrigin, SecondFactorOutcome, SignInOutcome,
};

use crate::problem::{Problem, sentence};
use crate::return_to::ReturnTo;
use crate::visit::{Entry, Visit};
use crate::{Web, account, confirm, factor, sign_in};

/// The one answer to every passkey that did not sign in.
const REFUSED: &str = "That passkey could not sign you in. Try again, or use your password.";
const NOT_ACCEPTED: &str = "That passkey was not accepted. Try again, or use a code.";
const CONFIRM: &str = "/confirm?return_to=%2Faccount";
const SIGN_IN: &str = "/sign-in?return_to=%2Faccount";

/// A challenge for whoever wants to sign in.
pub(crate) async fn begin_sign_in(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let (visit, _) = Visit::posted(&web, request).await?;
    let at = match visit.passkey_origin() {
        Ok(at) => at,
        Err(text) => return Ok(visit.told(StatusCode::CONFLICT, &text)),
    };
    let begun = web.identity.begin_passkey_sign_in(&at, &visit.ctx).await;
    let begun = begun.map_err(|error| visit.problem(&error))?;
    Ok(visit.challenge(&begun))
}

pub(crate) async fn sign_in(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let (mut visit, form) = Visit::posted(&web, request).await?;
    let return_to = ReturnTo::parse(form.text("return_to"));
    let known = visit.known.as_ref().map(|mark| mark.expose().as_str());
    let answer = form.text("credential");
    let outcome = web.identity.passkey_sign_in(visit.passkey_cookie(), answer, known, &visit.ctx).await;
    let outcome = outcome.map_err(|error| visit.problem(&error))?;
    visit.forget_passkey();
    match outcome {
        SignInOutcome::SignedIn(session) => sign_in::signed_in(visit, &session, return_to.as_ref()).await,
        SignInOutcome::NewPasswordDue(pending) => {
            visit.keep_pending(&pending);
            Ok(visit.see(&ReturnTo::link("/sign-in/password", return_to.as_ref())))
        }
        SignInOutcome::SecondFactorDue(_) | SignInOutcome::Refused => {
            sign_in::again(visit, return_to.as_ref(), REFUSED).await
        }
    }
}

/// A challenge for the second factor of a sign-in, or for the step-up of a session without one.
pub(crate) async fn begin_factor(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let (visit, _) = Visit::posted(&web, request).await?;
    let at = match visit.passkey_origin() {
        Ok(at) => at,
        Err(text) => return Ok(visit.told(StatusCode::CONFLICT, &text)),
    };
    let begun = match visit.pending_cookie() {
        Some(pending) => web.identity.begin_passkey_factor(pending, &at, &visit.ctx).await,
        None => web.identity.begin_passkey_confirmation(visit.session_cookie(), &at, &visit.ctx).await,
    };
    answer_to(visit, begun)
}

pub(crate) async fn factor(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let (mut visit, form) = Visit::posted(&web, request).await?;
    let return_to = ReturnTo::parse(form.text("return_to"));
    let (ceremony, answer) = (visit.passkey_cookie(), form.text("credential"));
    let outcome = match visit.pending_cookie() {
        Some(pending) => web.identity.passkey_factor(pending, ceremony, answer, &visit.ctx).await,
        None => web.identity.confirm_with_passkey(visit.session_cookie(), ceremony, answer, &visit.ctx).await,
    };
    let outcome = outcome.map_err(|error| visit.problem(&error))?;
    visit.forget_passkey();
    factor::finish(visit, outcome, return_to.as_ref(), NOT_ACCEPTED).await
}

/// A challenge for the fresh factor of a session.
pub(crate) async fn begin_confirmation(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let (visit, _) = Visit::posted(&web, request).await?;
    let at = match visit.passkey_origin() {
        Ok(at) => at,
        Err(text) => return Ok(visit.told(StatusCode::CONFLICT, &text)),
    };
    let begun = web.identity.begin_passkey_confirmation(visit.session_cookie(), &at, &visit.ctx).await;
    answer_to(visit, begun)
}

pub(crate) async fn confirm(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let (mut visit, form) = Visit::posted(&web, request).await?;
    let return_to = ReturnTo::parse(form.text("return_to"));
    let (ceremony, answer) = (visit.passkey_cookie(), form.text("credential"));
    let outcome = web.identity.confirm_with_passkey(visit.session_cookie(), ceremony, answer, &visit.ctx).await;
    let outcome: SecondFactorOutcome = outcome.map_err(|error| visit.problem(&error))?;
    visit.forget_passkey();
    confirm::finish(visit, outcome, return_to.as_ref(), NOT_ACCEPTED).await
}

/// A challenge for a new passkey.
pub(crate) async fn begin_add(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let (visit, _) = Visit::posted(&web, request).await?;
    let at = match visit.passkey_origin() {
        Ok(at) => at,
        Err(text) => return Ok(visit.told(StatusCode::CONFLICT, &text)),
    };
    let outcome = web.identity.begin_passkey(visit.session_cookie(), &at, &visit.ctx).await;
    match outcome.map_err(|error| visit.problem(&error))? {
        FactorOutcome::Done(begun) => Ok(visit.challenge(&begun)),
        FactorOutcome::ConfirmFirst => Ok(visit.go(CONFIRM)),
        FactorOutcome::SignInAgain => Ok(visit.go(SIGN_IN)),
        FactorOutcome::NotApplicable | FactorOutcome::Refused | FactorOutcome::LastOfAdministrator => {
            let text = "You have as many passkeys as an account may have. Remove one first.";
            Ok(visit.told(StatusCode::CONFLICT, text))
        }
    }
}

pub(crate) async fn add(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let (mut visit, form) = Visit::posted(&web, request).await?;
    let return_to = ReturnTo::parse(form.text("return_to"));
    let (ceremony, answer) = (visit.passkey_cookie(), form.text("credential"));
    let outcome =
        web.identity.add_passkey(visit.session_cookie(), ceremony, answer, form.text("name"), &visit.ctx).await;
    let outcome = outcome.map_err(|error| visit.problem(&error))?;
    visit.forget_passkey();
    match outcome {
        AddPasskeyOutcome::Added { session, codes } => {
            visit.keep_session(&session);
            if codes.is_empty() {
                let done = return_to.as_ref().map_or("/account?done=passkey-added", ReturnTo::as_str).to_owned();
                return Ok(visit.see(&done));
            }
            Ok(factor::codes_page(visit, &codes, return_to.as_ref()))
        }
        AddPasskeyOutcome::Refused(fault) => show_again(visit, sentence(&fault.to_string())).await,
        AddPasskeyOutcome::NotApplicable => {
            let text = "A name has at most 100 characters, and an account at most 10 passkeys.";
            show_again(visit, text.to_owned()).await
        }
        AddPasskeyOutcome::ConfirmFirst => Ok(visit.see(CONFIRM)),
        AddPasskeyOutcome::SignInAgain => Ok(visit.see(SIGN_IN)),
    }
}

/// What was wrong with a new passkey: on the page of the account, or where the first factor is chosen.
async fn show_again(visit: Visit, fault: String) -> Result<Response, Problem> {
    match visit.member("/account").await? {
        Entry::In(who) => account::again(visit, &who, vec![fault]).await,
        Entry::Elsewhere(to) => Ok(visit.see(&to)),
    }
}

pub(crate) async fn rename(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let (visit, form) = Visit::posted(&web, request).await?;
    let who = match visit.member("/account").await? {
        Entry::In(who) => who,
        Entry::Elsewhere(to) => return Ok(visit.see(&to)),
    };
    let renamed = match form.text("passkey").parse::<PasskeyId>() {
        Ok(passkey) => web.identity.rename_passkey(&who, passkey, form.text("name"), &visit.ctx).await,
        Err(error) => return account::again(visit, &who, vec![sentence(&error.to_string())]).await,
    };
    match renamed {
        Ok(()) => Ok(visit.see("/account?done=passkey-renamed")),
        Err(error) if error.fault() == testudo_core::Fault::Client => {
            account::again(visit, &who, vec![sentence(&error.to_string())]).await
        }
        Err(error) => Err(visit.problem(&error)),
    }
}

pub(crate) async fn remove(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let (visit, form) = Visit::posted(&web, request).await?;
    let who = match visit.member("/account").await? {
        Entry::In(who) => who,
        Entry::Elsewhere(to) => return Ok(visit.see(&to)),
    };
    let Ok(passkey) = form.text("passkey").parse::<PasskeyId>() else {
        return Ok(visit.see("/account?done=passkey-removed"));
    };
    let outcome = web.identity.remove_passkey(&who, passkey, &visit.ctx).await;
    match outcome.map_err(|error| visit.problem(&error))? {
        // One that is gone is removed, which is what was wanted.
        FactorOutcome::Done(()) | FactorOutcome::NotApplicable => Ok(visit.see("/account?done=passkey-removed")),
        FactorOutcome::LastOfAdministrator => account::again(visit, &who, vec![factor::LAST.to_owned()]).await,
        FactorOutcome::ConfirmFirst | FactorOutcome::SignInAgain | FactorOutcome::Refused => Ok(visit.see(CONFIRM)),
    }
}

fn answer_to(
    visit: Visit,
    begun: Result<Option<PasskeyCeremony>, testudo_identity::IdentityError>,
) -> Result<Response, Problem> {
    if let Some(begun) = begun.map_err(|error| visit.problem(&error))? {
        Ok(visit.challenge(&begun))
    } else {
        let text = "There is no passkey of yours for this address, or you waited too long. Use a code.";
        Ok(visit.told(StatusCode::CONFLICT, text))
    }
}

impl Visit {
    /// Where passkeys are asked for now: the origin of a script's request, or the one that the page was asked from.
    pub(crate) fn passkey_origin(&self) -> Result<PasskeyOrigin, String> {
        PasskeyOrigin::parse(&self.origin).map_err(|error| sentence(&error.to_string()))
    }

    /// A challenge, and its cookie.
    fn challenge(mut self, begun: &PasskeyCeremony) -> Response {
        self.keep_passkey(&begun.token);
        self.json(StatusCode::OK, begun.options.clone())
    }

    /// What a script shows.
    fn told(self, status: StatusCode, text: &str) -> Response {
        self.json(status, json!({ "error": text }).to_string())
    }

    /// Where a script goes.
    fn go(self, next: &str) -> Response {
        self.json(StatusCode::CONFLICT, json!({ "next": next, "error": "One moment." }).to_string())
    }

    fn json(self, status: StatusCode, text: String) -> Response {
        let mut response = (status, Json(())).into_response();
        *response.body_mut() = axum::body::Body::from(text);
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        crate::csp::apply(response.headers_mut(), None);
        self.with_cookies(response)
    }
}
