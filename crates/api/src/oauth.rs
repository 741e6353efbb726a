//! The OAuth and `OpenID` Connect endpoints: forms in, JSON or a redirect out.

mod answer;
mod browser;
mod cors;
mod form;
#[cfg(test)]
mod tests;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use testudo_core::Clock;
use testudo_identity::Identity;

pub use browser::ErrorPage;

use crate::Gates;
use answer::json;

/// What the OAuth endpoints need.
#[derive(Clone)]
pub struct OAuthState {
    /// The identity server.
    pub identity: Identity,
    /// The gate for tokens.
    pub gates: Arc<dyn Gates>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// The OAuth endpoints at the root of the issuer.
pub fn oauth_router(state: OAuthState) -> Router {
    Router::new()
        .route("/authorize", get(browser::authorize).post(browser::authorize_form))
        .route("/logout", get(browser::logout).post(browser::logout_form))
        .route("/token", post(token::token).options(cors::preflight))
        .route("/revoke", post(token::revoke).options(cors::preflight))
        .route("/introspect", post(token::introspect))
        .route("/userinfo", get(token::userinfo).post(token::userinfo).options(cors::preflight))
        .route("/jwks", get(jwks).options(cors::preflight_public))
        .route("/.well-known/openid-configuration", get(discovery).options(cors::preflight_public))
        .route("/.well-known/oauth-authorization-server", get(discovery).options(cors::preflight_public))
        .with_state(state)
}

async fn discovery(State(state): State<OAuthState>, _: Request) -> Response {
    public(json(StatusCode::OK, &state.identity.discovery()))
}

async fn jwks(State(state): State<OAuthState>) -> Response {
    match state.identity.jwks() {
        Ok(keys) => public(json(StatusCode::OK, &keys)),
        Err(error) => answer::error(&error.into(), false),
    }
}

/// What anybody may read and keep for a while.
fn public(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    cors::allow_all(response.headers_mut());
    response.into_response()
}
