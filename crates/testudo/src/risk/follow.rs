//! Following the journal: each event to the profile of its person, alerts to what goes on around all, and what is new
//! about how a person comes back to the journal as `risk.noted`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use testudo_core::{Alert, Event, EventKind};
use testudo_detection::risk::{Observed, Signal};
use testudo_gateway::CloseSignal;
use testudo_store::{Committed, ReadError, Tail};

use super::acts::{KINDS, Places};
use crate::node::Node;

/// Profiles that changed are saved this often.
const SAVE_EVERY: Duration = Duration::from_secs(2);
/// Between two tries.
const RETRY: Duration = Duration::from_millis(500);
/// What happened longer ago is no news: the journal is read again after a loss.
const NEWS: Duration = Duration::from_mins(10);
/// Events that wait for room in the journal.
const MOST_WAITING: usize = 1_000;

/// Follows until `stop` fires. What is not saved then is read again at the next start.
pub async fn follow(node: Arc<Node>, stop: CloseSignal) {
    let mut follower = Follower::new(&node);
    let mut save = tokio::time::interval(SAVE_EVERY);
    save.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.closed() => break,
            _ = save.tick() => node.risk.save(&node.store).await,
            () = follower.tail.grown() => {
                if let Err(error) = follower.read().await {
                    tracing::warn!(%error, "the journal can't be read; what is usual for people is not learnt meanwhile");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
        follower.tell();
    }
}

/// Takes in everything that is committed; for commands over a store that nobody follows.
pub async fn catch_up(node: &Node) -> Result<(), ReadError> {
    let mut follower = Follower::new(node);
    let head = *node.store.head().borrow();
    while follower.tail.position() < head {
        follower.read().await?;
    }
    Ok(())
}

struct Follower<'n> {
    node: &'n Node,
    tail: Tail,
    places: Places,
    waiting: VecDeque<Event>,
}

impl<'n> Follower<'n> {
    fn new(node: &'n Node) -> Follower<'n> {
        let tail = node.store.tail(node.risk.position(), KINDS);
        Follower { node, tail, places: Places::new(&node.store), waiting: VecDeque::new() }
    }

    async fn read(&mut self) -> Result<(), ReadError> {
        let entries = self.tail.read().await?;
        for entry in &entries {
            self.take(entry).await?;
        }
        self.node.risk.cursor.send_replace(self.tail.position());
        Ok(())
    }

    async fn take(&mut self, entry: &Committed) -> Result<(), ReadError> {
        let risk = &self.node.risk;
        match entry.plain.kind {
            EventKind::PersonErased => {
                if let Some(name) = entry.plain.subject.or(entry.plain.person) {
                    risk.forget(name);
                }
            }
            EventKind::AlertRaised => {
                if let Some(alert) = Alert::of(&entry.event) {
                    risk.alert(&alert, entry.seq);
                }
            }
            _ => {
                let Some((name, person, act)) = self.places.act(entry) else { return Ok(()) };
                if risk.wants(name, &act, entry.plain.at) {
                    risk.load(&self.node.store, name, person, entry.plain.at).await?;
                    let observed = risk.observe(name, person, &act, entry.plain.at, entry.seq);
                    self.note(entry, &observed);
                }
            }
        }
        Ok(())
    }

    /// One node tells what is new, for all see the same.
    fn note(&mut self, entry: &Committed, observed: &Observed) {
        let old = self.node.clock.now().since(entry.plain.at) > NEWS;
        if observed.noted.is_empty() || old || !self.node.is_followed() || !self.node.store.leads() {
            return;
        }
        for signal in &observed.noted {
            if self.waiting.len() < MOST_WAITING {
                self.waiting.push_back(noted(entry, *signal, observed.score));
            }
        }
    }

    /// Hands over what waits, as far as the journal takes it.
    fn tell(&mut self) {
        while let Some(event) = self.waiting.pop_front() {
            if let Err(event) = self.node.store.offer(Box::new(event)) {
                self.waiting.push_front(*event);
                return;
            }
        }
    }
}

/// The event that says that something is new; it happened when its cause did.
fn noted(entry: &Committed, signal: Signal, score: u8) -> Event {
    let mut event = Event::new(EventKind::RiskNoted, entry.plain.at).by(entry.event.actor.clone());
    event.peer = entry.event.peer;
    event.request = entry.event.request;
    event.detail("signal", signal.code()).detail("score", score.to_string()).detail("cause", entry.plain.kind.name())
}
