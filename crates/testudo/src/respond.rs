//! Alerts become incidents, and incidents act.
//!
//! One node does this at a time. It follows the journal with a cursor of its own ([`follow`]): alerts are grouped, planned
//! and acted on at once; the record of the incident, its events and the cursor are one commit afterwards. After a crash
//! the same alerts come again: actions are idempotent, and an incident takes an alert once.
//!
//! What people do with incidents is in [`desk`]; the bundle that proves one is in [`evidence`].

pub mod desk;
pub mod evidence;

mod found;
mod handle;
mod perform;
mod playbooks;
mod population;
mod record;
mod rooms;
mod tend;
mod touched;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use testudo_core::{Alert, EventKind, IncidentId};
use testudo_gateway::CloseSignal;
use testudo_response::Playbook;
use testudo_store::{CommitError, Committed, ReadError, Store, Stored};

use crate::node::Node;

pub use handle::on_alerts;
pub use playbooks::{configured, read_path};
use population::Population;
use record::Record;
pub use rooms::cacao;

/// The observer's name.
pub(crate) const OBSERVER: &str = "responder";
/// How often is looked for what is over, and whether this node is the one to do it.
const TURN: Duration = Duration::from_secs(1);
/// Between two tries.
const RETRY: Duration = Duration::from_millis(500);
/// At the start so many entries are read to know who is active.
const WARM_UP: u64 = 20_000;

/// The kinds that show who is active, alerts, and what happens to incidents elsewhere.
const KINDS: [EventKind; 19] = [
    EventKind::AlertRaised,
    EventKind::RequestDecided,
    EventKind::SignIn,
    EventKind::SecondFactor,
    EventKind::SessionStarted,
    EventKind::TokenIssued,
    EventKind::TokenRefreshed,
    EventKind::PersonErased,
    EventKind::IncidentOpened,
    EventKind::IncidentChanged,
    EventKind::IncidentClosed,
    EventKind::BreachAware,
    EventKind::ResponseProposed,
    EventKind::ResponseApproved,
    EventKind::ResponseDeclined,
    EventKind::ResponsePerformed,
    EventKind::ResponseUndone,
    EventKind::ResponseFailed,
    EventKind::PersonRevoked,
];

/// What responds, held by the node.
#[derive(Default)]
pub struct Responder {
    playbooks: ArcSwap<Vec<Playbook>>,
    population: Mutex<Population>,
    live: tokio::sync::Mutex<Live>,
}

impl Responder {
    /// The playbooks in force.
    pub fn playbooks(&self) -> Arc<Vec<Playbook>> {
        self.playbooks.load_full()
    }

    /// Puts playbooks in force.
    pub fn install(&self, playbooks: Vec<Playbook>) {
        self.playbooks.store(Arc::new(playbooks));
    }
}

/// The incidents about which something may still happen by itself, as they were read last.
#[derive(Default)]
struct Live {
    loaded: bool,
    incidents: BTreeMap<IncidentId, Stored<Record>>,
    /// Those that somebody else may have changed.
    stale: BTreeSet<IncidentId>,
    /// Alerts below this place are dealt with.
    done: u64,
}

impl Live {
    /// Reads what it does not know, and anew what somebody else may have changed.
    async fn refresh(&mut self, store: &Store) -> Result<(), ReadError> {
        if !self.loaded {
            self.incidents.clear();
            for state in record::LIVE_STATES {
                let mut after = None;
                loop {
                    let page = store.list::<Record>(after, 100, Some(state), false).await?;
                    let read = page.items.into_iter().map(|stored| (stored.document.0.id, stored));
                    self.incidents.extend(read);
                    match page.next {
                        Some(next) => after = Some(next),
                        None => break,
                    }
                }
            }
            self.done = store.cursor(OBSERVER).await?;
            self.stale.clear();
            self.loaded = true;
        }
        while let Some(id) = self.stale.first().copied() {
            match store.get::<Record>(record::key(id)).await? {
                Some(stored) if stored.document.is_live() => self.incidents.insert(id, stored),
                _ => self.incidents.remove(&id),
            };
            self.stale.remove(&id);
        }
        Ok(())
    }
}

/// Why responding stopped for a moment.
#[derive(Debug, thiserror::Error)]
pub enum RespondError {
    /// The store can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store can't be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Follows the journal and responds until `stop` fires.
pub async fn follow(node: Arc<Node>, stop: CloseSignal) {
    loop {
        let followed = async {
            while !node.store.leads() || !node.config().response.enabled {
                tokio::time::sleep(TURN).await;
            }
            run(&node).await
        };
        tokio::select! {
            () = stop.closed() => return,
            outcome = followed => {
                node.responder.live.lock().await.loaded = false;
                if let Err(error) = outcome {
                    tracing::warn!(%error, "incidents can't be looked after; it is tried again");
                }
            }
        }
        tokio::select! {
            () = stop.closed() => return,
            () = tokio::time::sleep(RETRY) => {}
        }
    }
}

async fn run(node: &Arc<Node>) -> Result<(), RespondError> {
    let head = *node.store.head().borrow();
    let done = node.store.cursor(OBSERVER).await?;
    {
        let mut live = node.responder.live.lock().await;
        live.loaded = false;
        live.refresh(&node.store).await?;
    }
    let warm = head.saturating_sub(WARM_UP);
    // Alerts that wait: the index finds them, however far back the last one was.
    let mut late = node.store.tail(done, &[EventKind::AlertRaised]);
    while late.position() < warm {
        let alerts = take_in(node, &late.read().await?).await;
        if !alerts.is_empty() {
            on_alerts(node, alerts).await?;
        }
    }
    let mut tail = node.store.tail(warm, &KINDS);
    let mut tended = node.clock.monotonic();
    loop {
        tokio::select! {
            () = tail.grown() => {}
            () = tokio::time::sleep(TURN) => {}
        }
        let entries = tail.read().await?;
        let alerts = take_in(node, &entries).await;
        if !alerts.is_empty() {
            on_alerts(node, alerts).await?;
        }
        let monotonic = node.clock.monotonic();
        if monotonic.saturating_sub(tended) >= TURN {
            if !node.store.leads() || !node.config().response.enabled {
                return Ok(());
            }
            tend::tend(node).await?;
            tended = monotonic;
        }
    }
}

/// Takes in who is active and what became stale; gives the alerts.
async fn take_in(node: &Node, entries: &[Committed]) -> Vec<(u64, Alert)> {
    let mut alerts = Vec::new();
    let mut stale = Vec::new();
    {
        let mut population = node.responder.population.lock();
        for entry in entries {
            match entry.plain.kind {
                EventKind::AlertRaised => alerts.extend(Alert::of(&entry.event).map(|alert| (entry.seq, alert))),
                EventKind::IncidentOpened
                | EventKind::IncidentChanged
                | EventKind::IncidentClosed
                | EventKind::BreachAware
                | EventKind::ResponseProposed
                | EventKind::ResponseApproved
                | EventKind::ResponseDeclined
                | EventKind::ResponsePerformed
                | EventKind::ResponseUndone
                | EventKind::ResponseFailed => {
                    stale.extend(entry.plain.target.as_deref().and_then(|id| id.parse::<IncidentId>().ok()));
                }
                _ => population.observe(&entry.plain),
            }
        }
    }
    if !stale.is_empty() {
        node.responder.live.lock().await.stale.extend(stale);
    }
    alerts
}
