//! The admin API: `/admin/v1`, for administrators' tools and the console.
//!
//! Each request is authenticated (the owner's Unix socket, or an access token of the admin audience), authorised by
//! `access` for the permission that its route names, and, when it changes something, admitted by the gate `Execute`.
//! Personal data are masked, or shown in full through the gate `Disclose`. Every act, every disclosure and every refusal
//! leaves an event.

mod audit;
mod clients;
mod containment;
mod detection;
mod disclosure;
mod exports;
mod guard;
mod house;
mod incidents;
mod input;
mod jobs;
mod keys;
mod mask;
mod passkeys;
mod people;
mod routes;
mod sessions;
#[cfg(test)]
mod tests;
mod verification;

use std::sync::Arc;

use axum::Router;
use testudo_access::AdminPolicies;
use testudo_core::Clock;
use testudo_identity::Identity;

use crate::{Acts, Desk, Gates, House};
pub use disclosure::Disclosure;
use jobs::Jobs;

/// The `OpenAPI` description of the admin API.
pub const OPENAPI: &str = include_str!("../admin-openapi.yaml");

/// What the admin API needs.
#[derive(Clone)]
pub struct AdminState {
    identity: Identity,
    policies: Arc<AdminPolicies>,
    gates: Arc<dyn Gates>,
    acts: Arc<dyn Acts>,
    house: Arc<dyn House>,
    clock: Arc<dyn Clock>,
    verifications: Jobs,
    replays: Jobs,
    desk: Option<Arc<dyn Desk>>,
}

impl AdminState {
    /// Joins the identity server (with its store), the policies for administrators, and what the top floor implements.
    pub fn new(
        identity: Identity,
        policies: Arc<AdminPolicies>,
        gates: Arc<dyn Gates>,
        acts: Arc<dyn Acts>,
        house: Arc<dyn House>,
        clock: Arc<dyn Clock>,
    ) -> AdminState {
        let (verifications, replays) = (Jobs::default(), Jobs::default());
        AdminState { identity, policies, gates, acts, house, clock, verifications, replays, desk: None }
    }

    /// The same with incidents and playbooks.
    #[must_use]
    pub fn with_desk(mut self, desk: Arc<dyn Desk>) -> AdminState {
        self.desk = Some(desk);
        self
    }
}

/// The admin API under `/admin/v1`.
pub fn admin_router(state: AdminState) -> Router {
    routes::router(state)
}
