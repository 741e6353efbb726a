//! The console: what administrators see and do, on the admin address.
//!
//! Server-rendered pages, each a question with its answer. Everything works as plain links and forms; one small script of
//! our own adds live updates. What only the top floor knows comes through [`House`].
//!
//! To add a page: a template under `templates/console/` that extends `console/base.html`, a handler that opens a
//! [`desk::Desk`] with the permission that the page needs (`Desk::posted` for a form, and [`desk::Desk::execute`] or
//! [`desk::Desk::disclose`] for what it does), a line in [`router`] and in `layout::MENU`, and its snapshot in
//! `tests/console.rs`.

mod acts;
mod audit;
mod chart;
mod desk;
mod detection;
mod disclosure;
mod events;
mod exports;
mod finder;
mod house;
mod incidents;
mod layout;
mod limits;
mod overview;
mod people;
mod policies;
mod query;
mod refusals;
mod requests;
mod row;
mod settings;
mod stream;
mod verification;
mod when;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use testudo_access::AdminPolicies;
use testudo_core::Clock;
use testudo_store::Store;

pub use house::{
    Act, Breach, Change, Download, DryRun, ExportLine, House, HouseError, Incident, IncidentAction, IncidentLine,
    IncidentPage, Measure, Moment, PolicyText, Posture, PosturePart, Pulse, RateLine, Reply, Risk, RuleLine, Secret,
    Section, Span, Step, Task,
};
pub use query::{EventQuery, QueryFault};

use crate::Web;

/// What the console works with; cheap to clone.
#[derive(Clone)]
pub struct Console {
    web: Web,
    policies: Arc<AdminPolicies>,
    house: Arc<dyn House>,
    clock: Arc<dyn Clock>,
    verifications: verification::Verifications,
    streams: Arc<tokio::sync::Semaphore>,
}

impl Console {
    /// Joins the pages of the admin address, the policies for administrators, and what the top floor implements.
    pub fn new(web: Web, policies: Arc<AdminPolicies>, house: Arc<dyn House>, clock: Arc<dyn Clock>) -> Console {
        Console {
            web,
            policies,
            house,
            clock,
            verifications: verification::Verifications::default(),
            streams: Arc::new(tokio::sync::Semaphore::new(stream::MOST)),
        }
    }

    pub(crate) fn web(&self) -> &Web {
        &self.web
    }

    fn store(&self) -> &Store {
        self.web.identity.store()
    }
}

/// The console's pages, to be merged with those of the admin address.
pub(crate) fn router(console: Console) -> Router {
    Router::new()
        .route("/", get(overview::show))
        .route("/events", get(events::list))
        .route("/events/stream", get(stream::follow))
        .route("/events/{seq}", get(events::show))
        .route("/events/{seq}/reveal", post(events::reveal))
        .route("/requests", get(requests::find))
        .route("/requests/{request}", get(requests::show))
        .route("/incidents", get(incidents::list))
        .route("/incidents/{incident}", get(incidents::show))
        .route("/incidents/{incident}/evidence", get(incidents::evidence))
        .route("/incidents/{incident}/notes", post(incidents::note))
        .route("/incidents/{incident}/tasks", post(incidents::task))
        .route("/people", get(people::list))
        .route("/people/find", post(people::find))
        .route("/people/by/{pseudonym}", get(people::by_pseudonym))
        .route("/people/{person}", get(people::show))
        .route("/people/{person}/reveal", post(people::reveal))
        .route("/limits", get(limits::show))
        .route("/limits/block", get(limits::new_block).post(limits::block))
        .route("/limits/reveal", post(limits::reveal))
        .route("/policies", get(policies::show))
        .route("/policies/dry-run", post(policies::dry_run))
        .route("/audit", get(audit::show))
        .route("/audit/verify", post(audit::verify))
        .route("/audit/checkpoint", get(audit::checkpoint))
        .route("/audit/proof", get(audit::proof))
        .route("/detection", get(detection::show))
        .route("/exports", get(exports::show))
        .route("/settings", get(settings::show))
        .route("/acts/{act}/{target}", get(acts::ask).post(acts::perform))
        .with_state(console)
}
