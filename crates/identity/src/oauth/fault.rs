//! The errors of the token, revocation, introspection and userinfo endpoints (RFC 6749 section 5.2, RFC 6750).

use std::borrow::Cow;

use testudo_core::{Fault, Refusal};

use crate::IdentityError;

/// The registered error codes that we use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OAuthCode {
    /// Something is missing, repeated or malformed.
    InvalidRequest,
    /// The client could not prove who it is.
    InvalidClient,
    /// The code or refresh token is not good, or not good any more.
    InvalidGrant,
    /// The client may not use this grant.
    UnauthorizedClient,
    /// There is no such grant here.
    UnsupportedGrantType,
    /// A scope is unknown, malformed or more than was granted.
    InvalidScope,
    /// A resource is unknown or not for this client (RFC 8707).
    InvalidTarget,
    /// The access token is not good (RFC 6750).
    InvalidToken,
    /// The access token lacks a scope (RFC 6750).
    InsufficientScope,
    /// The person may not, or does not want to.
    AccessDenied,
    /// Something that we need is down.
    TemporarilyUnavailable,
    /// Our own mistake.
    ServerError,
}

impl OAuthCode {
    /// The code as it is sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            OAuthCode::InvalidRequest => "invalid_request",
            OAuthCode::InvalidClient => "invalid_client",
            OAuthCode::InvalidGrant => "invalid_grant",
            OAuthCode::UnauthorizedClient => "unauthorized_client",
            OAuthCode::UnsupportedGrantType => "unsupported_grant_type",
            OAuthCode::InvalidScope => "invalid_scope",
            OAuthCode::InvalidTarget => "invalid_target",
            OAuthCode::InvalidToken => "invalid_token",
            OAuthCode::InsufficientScope => "insufficient_scope",
            OAuthCode::AccessDenied => "access_denied",
            OAuthCode::TemporarilyUnavailable => "temporarily_unavailable",
            OAuthCode::ServerError => "server_error",
        }
    }

    /// The HTTP status that goes with it.
    pub const fn status(self) -> u16 {
        match self {
            OAuthCode::InvalidClient | OAuthCode::InvalidToken => 401,
            OAuthCode::InsufficientScope | OAuthCode::AccessDenied => 403,
            OAuthCode::TemporarilyUnavailable => 503,
            OAuthCode::ServerError => 500,
            _ => 400,
        }
    }
}

/// Seconds after which what was not available may be tried again.
const RETRY_AFTER: u32 = 5;

/// A refusal in the protocol's words. The description is for developers: no personal data, no secrets.
#[derive(Debug, thiserror::Error)]
#[error("{}: {description}", code.as_str())]
pub struct OAuthError {
    /// The registered code.
    pub code: OAuthCode,
    /// Our own stable code, finer than the registered one, as in events.
    pub reason: Cow<'static, str>,
    /// What is wrong and what to do.
    pub description: Cow<'static, str>,
    /// Seconds after which it may be tried again.
    pub retry_after: Option<u32>,
    /// What failed inside, if something did.
    #[source]
    pub source: Option<Box<IdentityError>>,
}

impl OAuthError {
    pub(crate) fn new(code: OAuthCode, reason: &'static str, description: impl Into<Cow<'static, str>>) -> OAuthError {
        OAuthError { code, reason: reason.into(), description: description.into(), retry_after: None, source: None }
    }

    pub(crate) fn request(reason: &'static str, description: impl Into<Cow<'static, str>>) -> OAuthError {
        OAuthError::new(OAuthCode::InvalidRequest, reason, description)
    }

    pub(crate) fn grant(reason: &'static str, description: impl Into<Cow<'static, str>>) -> OAuthError {
        OAuthError::new(OAuthCode::InvalidGrant, reason, description)
    }

    pub(crate) fn client() -> OAuthError {
        OAuthError::new(
            OAuthCode::InvalidClient,
            "client-authentication",
            "the client is unknown, disabled or could not prove who it is",
        )
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.code.status()
    }

    /// The body: `error` and `error_description`.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({ "error": self.code.as_str(), "error_description": printable(&self.description) })
    }
}

impl From<IdentityError> for OAuthError {
    fn from(error: IdentityError) -> OAuthError {
        let (code, text) = match error.fault() {
            Fault::Client => (OAuthCode::InvalidRequest, "the request can't be fulfilled as it is"),
            Fault::Peer | Fault::Dependency => {
                (OAuthCode::TemporarilyUnavailable, "something that is needed is not available; try again later")
            }
            Fault::Bug => (OAuthCode::ServerError, "the server made a mistake; tell its operator the request id"),
        };
        let retry_after = (code == OAuthCode::TemporarilyUnavailable).then_some(RETRY_AFTER);
        OAuthError { retry_after, source: Some(Box::new(error)), ..OAuthError::new(code, "internal", text) }
    }
}

impl From<&Refusal> for OAuthError {
    /// A gate that stayed shut, in the protocol's words.
    fn from(refusal: &Refusal) -> OAuthError {
        let code = match refusal.status() {
            401 | 403 => OAuthCode::InvalidGrant,
            429 | 503 => OAuthCode::TemporarilyUnavailable,
            _ => OAuthCode::InvalidRequest,
        };
        let reason = refusal.reason();
        OAuthError {
            code,
            reason: reason.code.clone(),
            description: reason.text.clone(),
            retry_after: refusal.decision().obligations().iter().find_map(|obligation| match obligation {
                testudo_core::Obligation::RetryAfter(seconds) => Some(*seconds),
                _ => None,
            }),
            source: None,
        }
    }
}

/// RFC 6749 allows `%x20-21 / %x23-5B / %x5D-7E` in descriptions.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '"' | '\\' => '\'',
            ' '..='~' => c,
            _ => '?',
        })
        .collect()
}
