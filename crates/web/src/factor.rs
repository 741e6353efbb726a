//! Second factors: the code of a sign-in or step-up, and the app and recovery codes of an account.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use testudo_identity::{ConfirmOutcome, FactorOutcome, RecoveryCode, SecondFactorOutcome, TotpEnrolment};

use crate::Web;
use crate::account;
use crate::pages::{FactorPage, RecoveryCodesPage, TotpPage};
use crate::problem::Problem;
use crate::qr;
use crate::return_to::ReturnTo;
use crate::sign_in::{expired, signed_in};
use crate::visit::{Entry, Visit};

/// Why a factor stays.
pub(crate) const LAST: &str =
    "This is your only second factor, and your role needs one. Add another one first, then remove this.";
const REFUSED: &str = "That code was not accepted. Wait for the next one and try again.";

pub(crate) async fn show(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let visit = Visit::open(&web, &request)?;
    let return_to = visit.return_to();
    if visit.pending.is_none() {
        let Some(who) = visit.signed_in().await? else {
            return Ok(visit.see(&ReturnTo::link("/sign-in", return_to.as_ref())));
        };
        let person = web.identity.person(who.person).await.map_err(|error| visit.problem(&error))?;
        if !person.is_some_and(|stored| stored.document.has_second_factor()) {
            return Ok(visit.see(&ReturnTo::link("/account/totp", return_to.as_ref())));
        }
    }
    factor_page(visit, StatusCode::OK, return_to.as_ref(), Vec::new()).await
}

pub(crate) async fn submit(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let (visit, form) = Visit::posted(&web, request).await?;
    let return_to = ReturnTo::parse(form.text("return_to"));
    let code = form.text("code");
    let outcome = match visit.pending_cookie() {
        Some(pending) => web.identity.second_factor(pending, code, &visit.ctx).await,
        None => web.identity.step_up(visit.session_cookie(), code, &visit.ctx).await,
    };
    let outcome = outcome.map_err(|error| visit.problem(&error))?;
    finish(visit, outcome, return_to.as_ref(), REFUSED).await
}

/// Goes on, or asks again.
pub(crate) async fn finish(
    mut visit: Visit,
    outcome: SecondFactorOutcome,
    return_to: Option<&ReturnTo>,
    refused: &str,
) -> Result<Response, Problem> {
    match outcome {
        SecondFactorOutcome::SignedIn(session) => signed_in(visit, &session, return_to).await,
        SecondFactorOutcome::NewPasswordDue(pending) => {
            visit.keep_pending(&pending);
            Ok(visit.see(&ReturnTo::link("/sign-in/password", return_to)))
        }
        SecondFactorOutcome::Refused => {
            factor_page(visit, StatusCode::UNAUTHORIZED, return_to, vec![refused.to_owned()]).await
        }
        SecondFactorOutcome::Expired => {
            visit.forget_pending();
            Ok(visit.see(&expired(return_to)))
        }
    }
}

pub(crate) async fn show_totp(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let visit = Visit::open(&web, &request)?;
    let return_to = visit.return_to();
    let Some(who) = visit.signed_in().await? else { return Ok(visit.see("/sign-in?return_to=%2Faccount%2Ftotp")) };
    let outcome = web.identity.begin_totp(&who, &visit.ctx).await;
    match outcome.map_err(|error| visit.problem(&error))? {
        FactorOutcome::Done(enrolment) => {
            Ok(totp_page(visit, StatusCode::OK, &enrolment, return_to.as_ref(), Vec::new()))
        }
        FactorOutcome::SignInAgain => Ok(visit.see("/sign-in?return_to=%2Faccount%2Ftotp")),
        FactorOutcome::ConfirmFirst => Ok(visit.see("/confirm?return_to=%2Faccount%2Ftotp")),
        FactorOutcome::NotApplicable | FactorOutcome::Refused | FactorOutcome::LastOfAdministrator => {
            Ok(visit.see("/account"))
        }
    }
}

pub(crate) async fn confirm_totp(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let (mut visit, form) = Visit::posted(&web, request).await?;
    let return_to = ReturnTo::parse(form.text("return_to"));
    let outcome = web.identity.confirm_totp(visit.session_cookie(), form.text("code"), &visit.ctx).await;
    match outcome.map_err(|error| visit.problem(&error))? {
        ConfirmOutcome::Enrolled { session, codes } => {
            visit.keep_session(&session);
            if codes.is_empty() {
                let home = visit.home();
                return Ok(visit.see(return_to.as_ref().map_or(home, ReturnTo::as_str)));
            }
            Ok(codes_page(visit, &codes, return_to.as_ref()))
        }
        ConfirmOutcome::Refused(enrolment) => {
            let faults = vec![REFUSED.to_owned()];
            Ok(totp_page(visit, StatusCode::UNPROCESSABLE_ENTITY, &enrolment, return_to.as_ref(), faults))
        }
        ConfirmOutcome::NotBegun => Ok(visit.see("/account/totp")),
    }
}

pub(crate) async fn remove_totp(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let (visit, form) = Visit::posted(&web, request).await?;
    let who = match visit.member("/account").await? {
        Entry::In(who) => who,
        Entry::Elsewhere(to) => return Ok(visit.see(&to)),
    };
    let outcome = web.identity.remove_totp(&who, form.text("code"), &visit.ctx).await;
    match outcome.map_err(|error| visit.problem(&error))? {
        FactorOutcome::Done(()) => Ok(visit.see("/account?done=factor-removed")),
        FactorOutcome::Refused => account::again(visit, &who, vec![REFUSED.to_owned()]).await,
        FactorOutcome::LastOfAdministrator => account::again(visit, &who, vec![LAST.to_owned()]).await,
        FactorOutcome::NotApplicable | FactorOutcome::SignInAgain | FactorOutcome::ConfirmFirst => {
            Ok(visit.see("/account"))
        }
    }
}

pub(crate) async fn renew_codes(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let (visit, form) = Visit::posted(&web, request).await?;
    let who = match visit.member("/account").await? {
        Entry::In(who) => who,
        Entry::Elsewhere(to) => return Ok(visit.see(&to)),
    };
    let outcome = web.identity.renew_recovery_codes(&who, form.text("code"), &visit.ctx).await;
    match outcome.map_err(|error| visit.problem(&error))? {
        FactorOutcome::Done(codes) => Ok(codes_page(visit, &codes, None)),
        FactorOutcome::Refused => account::again(visit, &who, vec![REFUSED.to_owned()]).await,
        FactorOutcome::ConfirmFirst => Ok(visit.see("/confirm?return_to=%2Faccount")),
        FactorOutcome::NotApplicable | FactorOutcome::SignInAgain | FactorOutcome::LastOfAdministrator => {
            Ok(visit.see("/account"))
        }
    }
}

async fn factor_page(
    mut visit: Visit,
    status: StatusCode,
    return_to: Option<&ReturnTo>,
    faults: Vec<String>,
) -> Result<Response, Problem> {
    let page = FactorPage {
        shell: visit.shell(),
        csrf: visit.csrf(),
        return_to: return_to.map(|target| target.as_str().to_owned()),
        faults,
        start_over: ReturnTo::link("/sign-in", return_to),
        passkey: visit.can_answer_with_passkey().await?,
    };
    visit.scripted();
    Ok(visit.page(status, &page, return_to))
}

fn totp_page(
    mut visit: Visit,
    status: StatusCode,
    enrolment: &TotpEnrolment,
    return_to: Option<&ReturnTo>,
    faults: Vec<String>,
) -> Response {
    let page = TotpPage {
        shell: visit.shell(),
        csrf: visit.csrf(),
        return_to: return_to.map(|target| target.as_str().to_owned()),
        faults,
        // A name too long for a code is still typed by hand.
        qr: qr::svg(enrolment.uri.expose(), "QR code for the authenticator app").unwrap_or_default(),
        secret: grouped(enrolment.secret.expose()),
    };
    visit.scripted();
    visit.page(status, &page, return_to)
}

pub(crate) fn codes_page(visit: Visit, codes: &[RecoveryCode], return_to: Option<&ReturnTo>) -> Response {
    let page = RecoveryCodesPage {
        shell: visit.shell(),
        codes: codes.iter().map(|code| code.expose().clone()).collect(),
        next: return_to.map_or(visit.home(), ReturnTo::as_str).to_owned(),
    };
    visit.page(StatusCode::OK, &page, return_to)
}

/// In groups of four, as people type it.
fn grouped(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}
