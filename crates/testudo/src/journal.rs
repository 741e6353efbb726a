//! The journal loop: one tail that feeds standing, and the gate that refuses requests when the journal can't take their
//! event.
//!
//! The tail wakes on each commit. What it reads goes to [`crate::standing::Standing`] and to the watchers of clients and
//! keys; then its place is known, and whoever waits for a revocation to hold goes on.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use testudo_core::{Event, EventKind};
use testudo_gateway::CloseSignal;
use testudo_store::{ReadError, Store};

use crate::node::Node;
use crate::standing::KINDS;

/// Requests of this node whose event is not written yet.
const MOST_OPEN: usize = 32_768;
/// The tail looks at least this often, so that standing stays fresh.
const TICK: Duration = Duration::from_millis(500);
/// The snapshot of standing is saved this often when it changed.
const SAVE_EVERY: Duration = Duration::from_mins(1);

/// Places for events that will be written.
#[derive(Debug, Default)]
pub struct JournalGate {
    open: Arc<AtomicUsize>,
    /// What had a place when the journal could not be written; each keeps its place until it is.
    late: Mutex<VecDeque<(Box<Event>, Reserved)>>,
    lost: AtomicU64,
}

/// A place for one event; free again when dropped.
#[derive(Debug)]
pub struct Reserved(Arc<AtomicUsize>);

impl JournalGate {
    /// Takes a place; none when too many events wait or the journal can't be written.
    pub fn reserve(&self, store: &Store) -> Option<Reserved> {
        if store.status().stalled {
            return None;
        }
        if self.open.fetch_add(1, Ordering::Relaxed) >= MOST_OPEN {
            self.open.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Reserved(Arc::clone(&self.open)))
    }

    /// Writes the event of a request. With a place it is kept while the journal can't be written.
    pub fn write(&self, store: &Store, event: Event, place: Option<Reserved>) {
        match (store.offer(Box::new(event)), place) {
            (Ok(()), _) => {}
            (Err(event), Some(place)) => self.late.lock().push_back((event, place)),
            (Err(_), None) => self.lost(),
        }
    }

    /// Writes what was kept, as far as the journal takes it.
    pub fn retry(&self, store: &Store) {
        let mut late = self.late.lock();
        while let Some((event, place)) = late.pop_front() {
            if let Err(event) = store.offer(event) {
                late.push_front((event, place));
                return;
            }
        }
    }

    /// Writes what was kept, until that is done or for at most so long.
    pub async fn settle(&self, store: &Store, most: Duration) {
        let limit = tokio::time::Instant::now() + most;
        loop {
            self.retry(store);
            if self.late.lock().is_empty() || tokio::time::Instant::now() >= limit {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Gives up on what was kept, because the node stops: the events that will never be written.
    pub fn give_up(&self) -> BTreeMap<EventKind, u64> {
        let mut given_up = BTreeMap::new();
        for (event, _) in self.late.lock().drain(..) {
            self.lost();
            *given_up.entry(event.kind).or_default() += u64::from(event.count);
        }
        given_up
    }

    /// An event could not be written: says so, loudly.
    pub fn lost(&self) {
        if self.lost.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::error!("the journal takes no more events; requests are refused until it does");
        }
    }

    /// How many events could not be written.
    pub fn lost_count(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The kinds that the tail reads: what changes standing, clients and keys.
fn watched() -> Vec<EventKind> {
    KINDS.iter().copied().chain([EventKind::ClientChanged, EventKind::KeyRotated]).collect()
}

/// Takes in everything from standing's cursor to the head once.
pub async fn catch_up(node: &Node) -> Result<(), ReadError> {
    let mut tail = node.store.tail(node.standing.cursor(), &watched());
    loop {
        let entries = tail.read().await?;
        let has = |kinds: &[EventKind]| entries.iter().any(|entry| kinds.contains(&entry.plain.kind));
        if has(&[EventKind::KeyRotated]) {
            node.reload_keys().await;
        }
        if has(&[EventKind::ClientCreated, EventKind::ClientChanged, EventKind::ClientRemoved]) {
            node.reload_clients().await;
        }
        node.standing.apply(&entries, tail.position(), node.clock.monotonic());
        if tail.position() >= *node.store.head().borrow() {
            return Ok(());
        }
    }
}

/// Follows the journal until `stop` fires.
pub async fn follow(node: Arc<Node>, stop: CloseSignal) {
    let mut head = node.store.head();
    let mut saved = (node.standing.cursor(), node.clock.monotonic());
    loop {
        if let Err(error) = catch_up(&node).await {
            tracing::warn!(%error, "the journal can't be read; standing grows stale");
        }
        node.journal.retry(&node.store);
        let monotonic = node.clock.monotonic();
        if monotonic.saturating_sub(saved.1) >= SAVE_EVERY {
            node.standing.forget(node.clock.now(), monotonic, Node::longest_token());
            if node.standing.cursor() != saved.0 {
                node.save_standing().await;
            }
            saved = (node.standing.cursor(), monotonic);
        }
        tokio::select! {
            () = stop.closed() => break,
            _ = head.changed() => {}
            () = tokio::time::sleep(TICK) => {}
        }
    }
}
