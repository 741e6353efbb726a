//! JSON over HTTP: the OAuth endpoints and the admin API. Routers that parse, call and map; no server, no policy.
//!
//! The pipeline of `testudo` sets [`CallFacts`] on each request and serves what [`oauth_router`] and [`admin_router`]
//! give it. What only the top floor can join comes in through the traits of `join.rs`.
//!
//! To add an admin endpoint: add a line to `admin/routes.rs` with its permission, its handler beside its neighbours,
//! and its operation to `admin-openapi.yaml`; a test proves that the two agree.

mod admin;
mod call;
mod desk;
mod join;
mod oauth;
mod problem;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
mod testing;

pub use admin::{AdminState, Disclosure, OPENAPI, admin_router};
pub use call::{CallFacts, LocalOwner};
pub use desk::{Desk, EvidenceFile, IncidentList, Work};
pub use join::{
    ActError, Acts, AdminRequest, Block, ExportCall, Gates, House, ReadOnly, Replay, Reply, RuleFile, TightLimit,
    Weighed,
};
pub use oauth::{ErrorPage, OAuthState, oauth_router};
pub use problem::Problem;
