//! HTML for people: the sign-in pages.
//!
//! Server-rendered, without JavaScript, under a content security policy that allows our own style sheet and nothing else.
//! [`router`] has the pages that everybody sees, [`admin_router`] has the same and the enrolment of the first
//! administrator. Both are plain routers for the pipeline to call in process: it puts a [`testudo_identity::Context`]
//! into the extensions of each request, and a request without one is answered with 500, because nothing about it would
//! be known.
//!
//! To add a page: a template under `templates/` that extends `base.html`, its struct in `pages.rs`, a handler that opens
//! a [`visit::Visit`] (`Visit::open` for GET, `Visit::posted` for POST, which proves origin and form token), a route in
//! [`router`], and a snapshot in `tests/pages.rs`.

mod account;
mod assets;
mod confirm;
mod consent;
pub mod console;
mod cookies;
mod csp;
mod csrf;
mod enrol;
mod factor;
mod form;
mod origin;
mod pages;
mod passkey;
mod problem;
mod purposes;
mod qr;
mod return_to;
mod sign_in;
mod sign_out;
mod sign_up;
mod visit;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use testudo_identity::Identity;

pub use cookies::{SESSION_COOKIE, session_cookie};
pub use form::{Form, FormError};
pub use origin::same_origin;
pub use return_to::ReturnTo;

/// What the pages work with; cheap to clone.
#[derive(Clone)]
pub struct Web {
    pub(crate) identity: Identity,
    pub(crate) origins: Arc<[String]>,
}

impl Web {
    /// Pages over an authority. They are at home at its issuer and at `more` origins (such as the admin address), in the
    /// form `https://host:port`: forms that are posted from elsewhere are refused.
    pub fn new(identity: Identity, more: impl IntoIterator<Item = String>) -> Web {
        let issuer = identity.config().issuer.clone();
        Web { identity, origins: std::iter::once(issuer).chain(more).collect() }
    }

    /// The pages of the admin address, which is at home at these origins: sessions of its own, for administrators only.
    pub fn admin(identity: &Identity, origins: impl IntoIterator<Item = String>) -> Web {
        Web { identity: identity.at_admin_address(), origins: origins.into_iter().collect() }
    }
}

/// The pages that everybody sees.
pub fn router(web: Web) -> Router {
    everybody().fallback(problem::no_such_page).with_state(web)
}

/// The pages of the admin address: all of [`router`], and the enrolment of the first administrator.
pub fn admin_router(web: Web) -> Router {
    everybody().route("/enrol", get(enrol::show).post(enrol::submit)).fallback(problem::no_such_page).with_state(web)
}

/// The pages of the admin address with the console.
pub fn console_router(console: console::Console) -> Router {
    let pages = admin_router(console.web().clone());
    pages.merge(console::router(console))
}

/// A page for what an OAuth endpoint tells a person instead of a client: what is wrong and what to do.
pub fn error_page(web: &Web, status: StatusCode, text: &str) -> Response {
    problem::Problem::new(web, status, "This sign-in can't go on", text, None).into_response()
}

/// The paths of [`router`], for the pipeline's table of public routes. The asset's path ends with its hash.
pub fn public_paths() -> Vec<String> {
    let fixed = [
        "/sign-in",
        "/sign-in/factor",
        "/sign-in/factor/passkey",
        "/sign-in/factor/passkey/begin",
        "/sign-in/passkey",
        "/sign-in/passkey/begin",
        "/sign-in/password",
        "/sign-up",
        "/sign-out",
        "/consent",
        "/confirm",
        "/confirm/passkey",
        "/confirm/passkey/begin",
        "/account",
        "/account/password",
        "/account/passkeys",
        "/account/passkeys/begin",
        "/account/passkeys/rename",
        "/account/passkeys/remove",
        "/account/totp",
        "/account/totp/remove",
        "/account/recovery-codes",
        "/account/apps/end",
        "/account/purposes",
        "/account/sessions/end",
        "/account/sign-out-everywhere",
    ];
    fixed
        .into_iter()
        .map(str::to_owned)
        .chain([assets::stylesheet_path(), assets::passkey_script_path()].map(str::to_owned))
        .collect()
}

fn everybody() -> Router<Web> {
    Router::new()
        .route("/sign-in", get(sign_in::show).post(sign_in::submit))
        .route("/sign-in/factor", get(factor::show).post(factor::submit))
        .route("/sign-in/factor/passkey", post(passkey::factor))
        .route("/sign-in/factor/passkey/begin", post(passkey::begin_factor))
        .route("/sign-in/passkey", post(passkey::sign_in))
        .route("/sign-in/passkey/begin", post(passkey::begin_sign_in))
        .route("/confirm", get(confirm::show).post(confirm::submit))
        .route("/confirm/passkey", post(passkey::confirm))
        .route("/confirm/passkey/begin", post(passkey::begin_confirmation))
        .route("/account/passkeys", post(passkey::add))
        .route("/account/passkeys/begin", post(passkey::begin_add))
        .route("/account/passkeys/rename", post(passkey::rename))
        .route("/account/passkeys/remove", post(passkey::remove))
        .route("/sign-in/password", get(sign_in::show_new_password).post(sign_in::submit_new_password))
        .route("/sign-up", get(sign_up::show).post(sign_up::submit))
        .route("/sign-out", get(sign_out::show).post(sign_out::submit))
        .route("/consent", get(consent::show).post(consent::submit))
        .route("/account", get(account::show))
        .route("/account/password", post(account::change_password))
        .route("/account/totp", get(factor::show_totp).post(factor::confirm_totp))
        .route("/account/totp/remove", post(factor::remove_totp))
        .route("/account/recovery-codes", post(factor::renew_codes))
        .route("/account/apps/end", post(account::end_access))
        .route("/account/purposes", post(purposes::change))
        .route("/account/sessions/end", post(account::end_session))
        .route("/account/sign-out-everywhere", post(account::sign_out_everywhere))
        .route("/assets/{name}", get(assets::serve))
}
