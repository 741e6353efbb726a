//! The journal as the feed of a target: what it wants, from its place on, and the place as it moves.
//!
//! With `include = "personal"` records are opened through the gate `Disclose`, and each batch in which something personal
//! is leaves its `data.disclosed` before it leaves. What this loop itself writes down holds nothing personal, and a
//! refusal of an `export.rejected` is not written down again, so that no loop feeds itself.

#![expect(clippy::single_match_else, reason = "both ways are told")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use testudo_core::{Admission, Control, ControlSet, Decision, Disclose, Event, EventKind, Fault, Severity, Timestamp};
use testudo_export::{Batch, Feed, FeedError, Record};
use testudo_store::{CommitError, Committed, Stored, Tail, Tx};
use tokio::sync::Notify;

use super::place::{Place, observer};
use crate::config::{ExportConfig, Include};
use crate::node::Node;

/// What comes in the next moment shares a batch.
const LINGER: Duration = Duration::from_millis(100);
/// How often a feed that waits asks whether it is still the one.
const TURN: Duration = Duration::from_secs(2);
/// A place that moves over entries that nobody wants is written down after this many, or after a while.
const PASSED: u64 = 5_000;
const PASSING: Duration = Duration::from_secs(5);
/// Places that one event names.
const MOST_PLACES: usize = 20;

/// Feeds the exporter of one target.
pub struct JournalFeed {
    node: Arc<Node>,
    config: ExportConfig,
    place: Stored<Place>,
    tail: Tail,
    changed: Arc<Notify>,
    /// Of the batch under way: how many there are, and which are refusals that were written down.
    count: u64,
    own: Vec<u64>,
    /// Read, and not given out because disclosing it failed.
    kept: Option<Vec<Committed>>,
    written: Timestamp,
}

impl JournalFeed {
    /// From the place on that was taken.
    pub fn new(node: Arc<Node>, config: ExportConfig, place: Stored<Place>, changed: Arc<Notify>) -> JournalFeed {
        let tail = node.store.tail(place.document.next, &config.wanted());
        let written = node.clock.now();
        JournalFeed { node, config, place, tail, changed, count: 0, own: Vec::new(), kept: None, written }
    }

    /// Looks whether the place is still the one that was taken.
    async fn look(&self) -> Result<(), FeedError> {
        if !self.node.store.leads() {
            return Err(FeedError::Lost);
        }
        let now = self.node.store.get::<Place>(self.config.name.as_str()).await.map_err(unavailable)?;
        if now.is_some_and(|now| now.version == self.place.version) { Ok(()) } else { Err(FeedError::Lost) }
    }

    async fn commit(&self, event: Event) -> Result<(), CommitError> {
        let mut tx = Tx::new();
        tx.event(event);
        self.node.store.commit(tx).await.map(drop)
    }

    /// Writes the place down, with what announces the move.
    async fn write(&mut self, next: u64, events: Vec<Event>, sent: u64, refused: u64) -> Result<(), FeedError> {
        let mut document = self.place.document.clone();
        document.next = next;
        document.sent = document.sent.saturating_add(sent);
        document.refused = document.refused.saturating_add(refused);
        let mut tx = Tx::new();
        tx.update(&document, self.place.version).cursor(&observer(&self.config.name), next);
        for event in events {
            tx.event(event);
        }
        match self.node.store.commit(tx).await {
            Ok(_) => {
                self.place = Stored { document, version: self.place.version + 1 };
                self.written = self.node.clock.now();
                Ok(())
            }
            // Somebody moved it by hand, or another node took it.
            Err(CommitError::Conflict { .. } | CommitError::NotFound) => Err(FeedError::Lost),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// Makes records, with their personal part where that is exported and the gate admits it.
    async fn records(&self, entries: Vec<Committed>) -> Result<Vec<Record>, FeedError> {
        let plain = |entry: &Committed| Record::plain(entry.seq, entry.plain.clone());
        if self.config.include == Include::Plain || !entries.iter().any(|entry| is_personal(&entry.event)) {
            return Ok(entries.iter().map(plain).collect());
        }
        let (first, last) = (entries.first().map(|e| e.seq), entries.last().map(|e| e.seq));
        let count = entries.iter().filter(|entry| is_personal(&entry.event)).count();
        let audit = if self.node.store.status().stalled {
            Decision::fault(Control::Audit, Fault::Dependency)
        } else {
            Decision::allow(Control::Audit)
        };
        // Whoever owns the configuration has said so: `include = "personal"`.
        let decision = Decision::allow(Control::Authentication).and(Decision::allow(Control::Authorization)).and(audit);
        let admission: Admission<Disclose, Vec<Committed>> = decision
            .admit(entries, ControlSet::EMPTY)
            .map_err(|refusal| FeedError::Unavailable(refusal.reason().text.to_string()))?;
        let event = self
            .event(EventKind::Disclosed)
            .detail("records", count.to_string())
            .detail("from", first.unwrap_or(0).to_string())
            .detail("to", last.unwrap_or(0).to_string())
            .detail("via", "configuration");
        self.commit(event).await.map_err(unavailable)?;
        let open = |entry: &Committed| Record { event: Some(Box::new(entry.event.clone())), ..plain(entry) };
        Ok(admission.into_parts().0.iter().map(open).collect())
    }

    fn event(&self, kind: EventKind) -> Event {
        Event::new(kind, self.node.clock.now()).on(format!("export {}", self.config.name))
    }

    /// Whether entries that nobody wants were passed, so many or so long ago that the place should say so.
    fn has_passed(&self) -> bool {
        let passed = self.tail.position().saturating_sub(self.place.document.next);
        passed >= PASSED || (passed > 0 && self.node.clock.now().since(self.written) >= PASSING)
    }

    fn wants(&self, entry: &Committed) -> bool {
        self.config.severity == Severity::Informational || entry.event.severity() >= self.config.severity
    }

    fn waiting(&self) -> String {
        self.node.store.head().borrow().saturating_sub(self.place.document.next).to_string()
    }
}

impl Feed for JournalFeed {
    async fn next(&mut self) -> Result<Batch, FeedError> {
        loop {
            let entries = match self.kept.take() {
                Some(kept) => kept,
                None => {
                    let grown = tokio::select! {
                        () = self.tail.grown() => true,
                        () = self.changed.notified() => false,
                        () = tokio::time::sleep(TURN) => false,
                    };
                    if !grown {
                        self.look().await?;
                        if self.has_passed() {
                            return Ok(Batch { records: Vec::new(), next: self.tail.position() });
                        }
                        continue;
                    }
                    tokio::time::sleep(LINGER).await;
                    let mut read = self.tail.read().await.map_err(unavailable)?;
                    read.retain(|entry| self.wants(entry));
                    read
                }
            };
            let next = self.tail.position();
            if entries.is_empty() {
                if self.has_passed() {
                    return Ok(Batch { records: Vec::new(), next });
                }
                continue;
            }
            self.count = entries.len() as u64;
            let own = |entry: &&Committed| entry.plain.kind == EventKind::ExportRejected;
            self.own = entries.iter().filter(own).map(|entry| entry.seq).collect();
            return match self.records(entries.clone()).await {
                Ok(records) => Ok(Batch { records, next }),
                Err(error) => {
                    self.kept = Some(entries);
                    Err(error)
                }
            };
        }
    }

    async fn hold(&mut self) -> Result<(), FeedError> {
        // A target may be down for long: who moved its place by hand meanwhile is heard before each attempt.
        self.look().await
    }

    async fn taken(&mut self, next: u64, refused: &[(Option<u64>, u64, String)]) -> Result<(), FeedError> {
        let gone: u64 = refused.iter().map(|(_, count, _)| count).sum();
        let sent = self.count.saturating_sub(gone);
        // A refusal of nothing but refusals is not written down again.
        let is_new = |seq: &Option<u64>| match seq {
            Some(seq) => !self.own.contains(seq),
            None => (self.own.len() as u64) < self.count,
        };
        let mut by_cause: BTreeMap<&str, (u64, Vec<String>)> = BTreeMap::new();
        for (seq, count, cause) in refused.iter().filter(|(seq, ..)| is_new(seq)) {
            let (total, places) = by_cause.entry(cause).or_default();
            *total += count;
            if let Some(seq) = seq.filter(|_| places.len() < MOST_PLACES) {
                places.push(seq.to_string());
            }
        }
        let events = by_cause.into_iter().map(|(cause, (total, places))| {
            tracing::error!(
                export = self.config.name,
                cause,
                entries = total,
                "events are refused for good and skipped"
            );
            let mut event = self.event(EventKind::ExportRejected).failed(Control::Audit, "export-rejected");
            event = event.detail("entries", total.to_string()).detail("cause", cause);
            if places.is_empty() { event } else { event.detail("places", places.join(" ")) }
        });
        let events = events.collect();
        self.write(next, events, sent, gone).await?;
        self.count = 0;
        Ok(())
    }

    async fn stalled(&mut self, cause: &str) {
        tracing::warn!(export = self.config.name, cause, "a target of exports takes nothing; what waits is kept");
        let event = self.event(EventKind::ExportStalled).failed(Control::Audit, "export-stalled");
        let event = event
            .detail("place", self.place.document.next.to_string())
            .detail("waiting", self.waiting())
            .detail("cause", cause);
        if let Err(error) = self.commit(event).await {
            tracing::warn!(%error, "an event could not be written to the journal");
        }
    }

    async fn resumed(&mut self) {
        tracing::info!(export = self.config.name, "a target of exports takes events again");
        let event = self.event(EventKind::ExportResumed);
        let event = event.detail("place", self.place.document.next.to_string()).detail("waiting", self.waiting());
        if let Err(error) = self.commit(event).await {
            tracing::warn!(%error, "an event could not be written to the journal");
        }
    }
}

/// Whether an event holds something that is not in its plain part.
fn is_personal(event: &Event) -> bool {
    let http = event.http.as_ref().is_some_and(|http| http.path.is_some() || http.user_agent.is_some());
    event.actor.person.is_some()
        || event.actor.device.is_some()
        || event.subject.is_some()
        || event.peer.is_some()
        || http
        || !event.personal.is_empty()
}

fn unavailable(error: impl std::fmt::Display) -> FeedError {
    FeedError::Unavailable(error.to_string())
}
