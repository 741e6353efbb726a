//! Errors as `application/problem+json` (RFC 9457).

use std::borrow::Cow;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use testudo_core::{Fault, Obligation, Refusal};
use testudo_identity::{AdminError, IdentityError, challenge};
use testudo_store::{ReadError, UpkeepError};

use crate::ActError;

/// Seconds after which what was not available may be tried again.
const RETRY_LATER: u32 = 5;

/// An error with its stable code and what to do about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    status: u16,
    code: Cow<'static, str>,
    detail: Cow<'static, str>,
    challenge: Option<String>,
    retry_after: Option<u32>,
}

impl Problem {
    /// A problem with this status, stable code and sentence.
    pub fn new(status: u16, code: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Problem {
        let retry_after = (status == 503).then_some(RETRY_LATER);
        Problem { status, code: code.into(), detail: detail.into(), challenge: None, retry_after }
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// With a `WWW-Authenticate` value.
    pub(crate) fn challenged(mut self, challenge: Option<String>) -> Problem {
        self.challenge = challenge;
        self
    }

    pub(crate) fn not_found(what: &str) -> Problem {
        Problem::new(404, "not-found", format!("there is no such {what}; check its id"))
    }

    pub(crate) fn malformed(detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem::new(400, "malformed", detail)
    }

    fn of(fault: Fault, code: &'static str, text: String) -> Problem {
        match fault {
            // What failed inside is for the log, not for the caller.
            Fault::Bug => Problem::new(500, "internal", "the server made a mistake; tell its operator the request id"),
            fault => Problem::new(fault.status(), code, text),
        }
    }
}

impl From<IdentityError> for Problem {
    fn from(error: IdentityError) -> Problem {
        let text = error.to_string();
        match error {
            IdentityError::NotFound(_) => Problem::new(404, "not-found", text),
            IdentityError::Exists(_) => Problem::new(409, "exists", text),
            IdentityError::Contention => Problem::new(409, "conflict", text),
            IdentityError::Invalid(_) => Problem::new(422, "invalid", text),
            other => Problem::of(other.fault(), "unavailable", text),
        }
    }
}

impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Problem {
        let text = error.to_string();
        match error {
            AdminError::Identity(error) => error.into(),
            AdminError::NoSuchPerson => Problem::new(404, "not-found", text),
            AdminError::NameTaken => Problem::new(409, "exists", text),
            AdminError::LastOwner => Problem::new(409, "last-owner", text),
            AdminError::LastFactor => Problem::new(409, "last-factor", text),
            _ => Problem::new(422, "invalid", text),
        }
    }
}

impl From<ActError> for Problem {
    fn from(error: ActError) -> Problem {
        let text = error.to_string();
        match error {
            ActError::NotFound(_) => Problem::new(404, "not-found", text),
            ActError::Refused(_) => Problem::new(422, "invalid", text),
            ActError::Unconfirmed(_) => Problem::new(409, "unconfirmed", text),
            ActError::Conflict => Problem::new(409, "conflict", text),
            ActError::Unavailable(_) => Problem::new(503, "unavailable", text),
            ActError::Failed(_) => Problem::of(Fault::Bug, "internal", text),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Problem {
        Problem::of(error.fault(), "unavailable", error.to_string())
    }
}

impl From<UpkeepError> for Problem {
    fn from(error: UpkeepError) -> Problem {
        match error {
            UpkeepError::Refused(text) => Problem::new(422, "invalid", text),
            UpkeepError::Read(error) => error.into(),
            other => Problem::new(503, "unavailable", other.to_string()),
        }
    }
}

impl From<&Refusal> for Problem {
    fn from(refusal: &Refusal) -> Problem {
        let reason = refusal.reason();
        let obligations = refusal.decision().obligations();
        let retry_after = obligations.iter().find_map(|obligation| match obligation {
            Obligation::RetryAfter(seconds) => Some(*seconds),
            _ => None,
        });
        let challenge = (refusal.status() == 401).then(|| challenge(reason, obligations, ""));
        Problem {
            status: refusal.status(),
            code: reason.code.clone(),
            detail: reason.text.clone(),
            challenge,
            retry_after,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = json!({
            "type": format!("urn:testudo:problem:{}", self.code),
            "title": status.canonical_reason().unwrap_or("Error"),
            "status": status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        });
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(value) = self.challenge.and_then(|challenge| HeaderValue::from_str(&challenge).ok()) {
            headers.insert(WWW_AUTHENTICATE, value);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use testudo_identity::OAuthError;
    use testudo_store::CommitError;

    use super::*;

    #[test]
    fn what_may_or_may_not_have_been_done_is_never_told_as_done() {
        for error in [CommitError::Uncertain, CommitError::Full, CommitError::Unavailable("it is down".into())] {
            let doubt = error == CommitError::Uncertain;
            let people = Problem::from(IdentityError::from(error.clone()));
            let administration = Problem::from(AdminError::from(error.clone()));
            for problem in [people, administration, Problem::from(UpkeepError::Commit(error.clone()))] {
                assert_eq!((problem.status, problem.retry_after), (503, Some(RETRY_LATER)), "{problem:?}");
                assert_eq!(problem.detail.contains("look before you try again"), doubt, "{problem:?}");
            }
            let tokens = OAuthError::from(IdentityError::from(error));
            assert!(tokens.status() == 503 && tokens.retry_after.is_some(), "{tokens:?}");
        }
    }
}
