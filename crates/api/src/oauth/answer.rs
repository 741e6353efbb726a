//! Answers of the machine-facing endpoints: JSON that nobody keeps.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use testudo_identity::{OAuthCode, OAuthError};

/// JSON with `no-store`.
pub(super) fn json(status: StatusCode, body: &Value) -> Response {
    let mut response = (status, body.to_string()).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// An error of RFC 6749 section 5.2. `basic`: the client used the `Authorization` header, so it is challenged there.
pub(super) fn error(error: &OAuthError, basic: bool) -> Response {
    if let Some(source) = &error.source {
        tracing::warn!(code = error.code.as_str(), cause = %source, "an OAuth endpoint failed");
    }
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = json(status, &error.to_json());
    let headers = response.headers_mut();
    let challenge = match error.code {
        OAuthCode::InvalidClient if basic => Some("Basic realm=\"testudo\""),
        OAuthCode::InvalidToken => Some("Bearer realm=\"testudo\", error=\"invalid_token\""),
        OAuthCode::InsufficientScope => {
            Some("Bearer realm=\"testudo\", error=\"insufficient_scope\", scope=\"openid\"")
        }
        _ => None,
    };
    if let Some(challenge) = challenge {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    if let Some(seconds) = error.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// An error in the same form that has no code of the protocol's own status.
pub(super) fn refuse(status: StatusCode, text: &str) -> Response {
    json(status, &serde_json::json!({ "error": "invalid_request", "error_description": text }))
}
