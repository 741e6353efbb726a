//! Why something was not done, as JSON.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

/// Why something was not done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    /// The gateway did not say who calls.
    Nobody,
    /// The token may not do that.
    Scope(&'static str),
    /// The path is unknown.
    NoSuchRoute,
    /// The path has no such method.
    NoSuchMethod,
    /// The person has no such thing.
    NoSuch(&'static str),
    /// A value does not fit.
    Invalid(String),
    /// The body is too large or of another type.
    Body(StatusCode, String),
    /// The key was used for another order.
    KeyReused,
    /// The account holds less.
    Funds,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code, message) = match self {
            Refusal::Nobody => {
                let message = "there is no `Testudo-Person` header: call through the gateway with a token";
                (StatusCode::UNAUTHORIZED, "unauthenticated", message.into())
            }
            Refusal::Scope(scope) => {
                (StatusCode::FORBIDDEN, "insufficient-scope", format!("the token lacks the scope `{scope}`"))
            }
            Refusal::NoSuchRoute => (StatusCode::NOT_FOUND, "no-such-route", "there is no such route".into()),
            Refusal::NoSuchMethod => {
                (StatusCode::METHOD_NOT_ALLOWED, "no-such-method", "the route has no such method".into())
            }
            Refusal::NoSuch(what) => (StatusCode::NOT_FOUND, "not-found", format!("you have no such {what}")),
            Refusal::Invalid(message) => (StatusCode::BAD_REQUEST, "invalid", message),
            Refusal::Body(status, message) => (status, "body", message),
            Refusal::KeyReused => {
                let message = "this idempotency key was used for another transfer; take a new one";
                (StatusCode::CONFLICT, "key-reused", message.into())
            }
            Refusal::Funds => {
                (StatusCode::UNPROCESSABLE_ENTITY, "insufficient-funds", "the account holds less than that".into())
            }
        };
        (status, Json(json!({ "error": code, "message": message }))).into_response()
    }
}

impl From<JsonRejection> for Refusal {
    fn from(rejection: JsonRejection) -> Refusal {
        Refusal::Body(rejection.status(), rejection.body_text())
    }
}

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Refusal {
        Refusal::Invalid(rejection.body_text())
    }
}

impl From<PathRejection> for Refusal {
    fn from(rejection: PathRejection) -> Refusal {
        Refusal::Invalid(rejection.body_text())
    }
}
