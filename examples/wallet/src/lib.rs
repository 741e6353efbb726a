//! A small mobile-banking backend to try Testudo with.
//!
//! It stands behind the gateway on loopback and believes its `Testudo-*` headers. Everything is in memory and bounded;
//! each person's data is made up from the person's id. [`OPENAPI`] is its contract; a test proves that the two agree.
//!
//! To add a route: write its handler in the file of its resource, name it in [`ROUTES`] and `handler`, and describe it
//! in `openapi.yaml`.

mod accounts;
mod bank;
mod caller;
mod cards;
mod demo;
mod profile;
mod refusal;
mod transfers;

use std::future::Future;
use std::net::TcpListener;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, patch, post};
use serde_json::json;
use tokio::sync::watch;

use crate::bank::Bank;
use crate::refusal::Refusal;

/// The contract, in version 3.1 of `OpenAPI`.
pub const OPENAPI: &str = include_str!("../openapi.yaml");

/// The largest request body.
const MAX_BODY: usize = 16 << 10;

/// Methods and paths, as in the contract.
pub const ROUTES: &[(&str, &str)] = &[
    ("GET", "/health"),
    ("GET", "/rates"),
    ("GET", "/accounts"),
    ("GET", "/accounts/{account}"),
    ("GET", "/accounts/{account}/events"),
    ("GET", "/accounts/{account}/statements"),
    ("GET", "/accounts/{account}/statements/{month}"),
    ("GET", "/transfers"),
    ("POST", "/transfers"),
    ("GET", "/cards"),
    ("POST", "/cards/{card}/freeze"),
    ("POST", "/cards/{card}/unfreeze"),
    ("GET", "/profile"),
    ("PATCH", "/profile"),
];

fn handler(method: &str, path: &str) -> Option<MethodRouter<Arc<Bank>>> {
    Some(match (method, path) {
        ("GET", "/health") => get(health),
        ("GET", "/rates") => get(rates),
        ("GET", "/accounts") => get(accounts::list),
        ("GET", "/accounts/{account}") => get(accounts::one),
        ("GET", "/accounts/{account}/events") => get(accounts::events),
        ("GET", "/accounts/{account}/statements") => get(accounts::statements),
        ("GET", "/accounts/{account}/statements/{month}") => get(accounts::statement),
        ("GET", "/transfers") => get(transfers::list),
        ("POST", "/transfers") => post(transfers::create),
        ("GET", "/cards") => get(cards::list),
        ("POST", "/cards/{card}/freeze") => post(cards::freeze),
        ("POST", "/cards/{card}/unfreeze") => post(cards::unfreeze),
        ("GET", "/profile") => get(profile::show),
        ("PATCH", "/profile") => patch(profile::change),
        _ => return None,
    })
}

/// The backend as a router, for tests and for serving in process. Its event streams end when their reader leaves.
pub fn router() -> Router {
    routes(watch::channel(false).1)
}

fn routes(closing: watch::Receiver<bool>) -> Router {
    let bank = Arc::new(Bank::new(closing));
    let all = ROUTES.iter().filter_map(|(method, path)| Some((path, handler(method, path)?)));
    all.fold(Router::new(), |router, (path, handler)| router.route(path, handler))
        .fallback(|| async { Refusal::NoSuchRoute })
        .method_not_allowed_fallback(|| async { Refusal::NoSuchMethod })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(axum::middleware::from_fn(echo_request))
        .with_state(bank)
}

/// Serves until `shutdown` is done; event streams end with it.
pub async fn serve(listener: TcpListener, shutdown: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let (close, closing) = watch::channel(false);
    axum::serve(listener, routes(closing))
        .with_graceful_shutdown(async move {
            shutdown.await;
            close.send_replace(true);
        })
        .await
}

/// Says in the answer which request it answers.
async fn echo_request(request: Request, next: Next) -> Response {
    let id = request.headers().get("testudo-request").cloned();
    let mut response = next.run(request).await;
    if let Some(id) = id {
        response.headers_mut().insert("wallet-request", id);
    }
    response
}

async fn health() -> Response {
    axum::Json(json!({ "status": "up" })).into_response()
}

async fn rates() -> Response {
    axum::Json(json!({ "base": "EUR", "rates": { "USD": 1.0842, "GBP": 0.8431, "CHF": 0.9527, "JPY": 163.21 } }))
        .into_response()
}
