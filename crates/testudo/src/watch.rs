//! What happens is watched: the detector follows the journal, and what it finds is written there as alerts.
//!
//! One node does this at a time. Alerts and the cursor are one commit, so each is raised once; the detector is
//! deterministic, so after a crash it goes on from its saved memory, goes silently over what it had dealt with, and is
//! where it was. Those who act on alerts follow the journal themselves.

pub mod replay;
mod saved;

use std::sync::Arc;
use std::time::Duration;

use testudo_core::{Alert, Timestamp};
use testudo_crypto::random;
use testudo_detection::{Detector, EventView, Options, Pseudonyms, Rules};
use testudo_gateway::CloseSignal;
use testudo_store::{CommitError, Committed, JournalFilter, ReadError, Tail, Tx};

use crate::config::DetectionSection;
use crate::node::Node;
use crate::watch::saved::Saved;

/// The observer's name.
const OBSERVER: &str = "detector";
/// The memory is saved this often when there is something new.
const SAVE_EVERY: Duration = Duration::from_mins(1);
/// Without a saved memory, the detector looks back so far before it begins.
const LOOK_BACK: Duration = Duration::from_hours(1);
/// Between two tries.
const RETRY: Duration = Duration::from_millis(500);
/// How often it is asked whether this node is the one to do it.
const TURN: Duration = Duration::from_secs(1);
/// Alerts of one commit.
const MOST_ALERTS: usize = 1_000;

/// The rules in force, as the configuration names them.
#[derive(Default)]
pub struct WatchRules {
    /// The rules.
    pub rules: Rules,
    /// Which rules give no alerts.
    pub quiet: Vec<String>,
    /// Which configuration they belong to.
    pub generation: u64,
}

impl WatchRules {
    /// Reads and compiles them once, so that mistakes are told before anything is put in force.
    pub fn read(section: &DetectionSection, generation: u64) -> Result<WatchRules, crate::rules::RulesError> {
        let rules = crate::rules::configured(section)?;
        let known = rules.compile(Options::default()).map_err(crate::rules::RulesError::from)?;
        if let Some(id) = section.quiet.iter().find(|id| !known.rules().any(|rule| rule.id == **id)) {
            return Err(crate::rules::RulesError::unknown(id));
        }
        Ok(WatchRules { rules, quiet: section.quiet.clone(), generation })
    }
}

/// An entry as rules see it, with its personal part.
pub fn view(entry: &Committed) -> EventView<'_> {
    let plain = &entry.plain;
    let names = Pseudonyms {
        person: plain.person,
        subject: plain.subject,
        device: plain.device,
        address: plain.address,
        network: plain.network,
    };
    EventView::of(&entry.event, names)
}

/// Why watching stopped for a moment.
#[derive(Debug, thiserror::Error)]
enum WatchError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error("{0}")]
    Rules(String),
}

/// Watches until `stop` fires; then the memory is saved, so that the next start has nothing to go over again.
pub async fn follow(node: Arc<Node>, stop: CloseSignal) {
    loop {
        let begun = async {
            while !node.store.leads() {
                tokio::time::sleep(TURN).await;
            }
            Watch::begin(&node).await
        };
        let begun = tokio::select! {
            () = stop.closed() => return,
            begun = begun => begun,
        };
        let outcome = match begun {
            Ok(watch) => watch.run(&stop).await,
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            tracing::warn!(%error, "the journal can't be watched; it is tried again");
        }
        tokio::select! {
            () = stop.closed() => return,
            () = tokio::time::sleep(RETRY) => {}
        }
    }
}

/// Before the first request of the first start: what was before is nobody's alert any more, and nothing that comes now is
/// taken for that.
pub async fn prepare(node: &Node) -> Result<(), CommitError> {
    let head = *node.store.head().borrow();
    let mut tx = Tx::new();
    for observer in [OBSERVER, crate::respond::OBSERVER] {
        let known = node.store.cursor(observer).await.map_err(|error| CommitError::Unavailable(error.to_string()))?;
        if known == 0 {
            tx.cursor(observer, head);
        }
    }
    node.store.commit(tx).await.map(drop)
}

struct Watch<'n> {
    node: &'n Arc<Node>,
    rules: Arc<WatchRules>,
    detector: Detector,
    seed: [u8; 16],
    tail: Tail,
    /// Alerts of entries below this place are raised already.
    done: u64,
    /// Up to where the memory is saved.
    saved: u64,
    save_at: Duration,
}

impl<'n> Watch<'n> {
    /// Takes up the saved memory, or looks back a while.
    async fn begin(node: &'n Arc<Node>) -> Result<Watch<'n>, WatchError> {
        let rules = node.rules();
        let look_back = node.clock.now().minus(LOOK_BACK);
        let saved = Saved::load(&node.store).await?;
        let cursor = node.store.cursor(OBSERVER).await?;
        let seed = saved.as_ref().map_or_else(random::array, |saved| saved.seed);
        let mut detector = compile(&rules, seed)?;
        let kept = saved.and_then(|saved| detector.restore(saved.state).ok().map(|_| saved.place));
        let from = match kept {
            Some(place) => place,
            None => first_since(node, look_back).await?,
        };
        let (from, done) = (from.min(cursor), cursor);
        let tail = node.store.tail(from, &[]);
        let save_at = node.clock.monotonic() + SAVE_EVERY;
        Ok(Watch { node, rules, detector, seed, tail, done, saved: from, save_at })
    }

    async fn run(mut self, stop: &CloseSignal) -> Result<(), WatchError> {
        loop {
            tokio::select! {
                () = stop.closed() => {
                    self.keep().await;
                    return Ok(());
                }
                () = self.tail.grown() => {}
                () = tokio::time::sleep(TURN) => {}
            }
            if !self.node.store.leads() {
                return Ok(());
            }
            if self.rules.generation != self.node.rules().generation {
                self.renew()?;
            }
            let entries = self.tail.read().await?;
            self.observe(&entries).await?;
            if self.node.clock.monotonic() >= self.save_at {
                self.keep().await;
            }
        }
    }

    async fn observe(&mut self, entries: &[Committed]) -> Result<(), WatchError> {
        let (mut alerts, mut known) = (Vec::new(), Vec::new());
        for entry in entries {
            let found = if entry.seq < self.done { &mut known } else { &mut alerts };
            self.detector.observe(&view(entry), entry.seq, found);
            known.clear();
        }
        alerts.retain(|alert: &Alert| !self.rules.quiet.contains(&alert.rule));
        let place = self.tail.position();
        if alerts.is_empty() {
            self.done = self.done.max(place);
            return Ok(());
        }
        let chunks = alerts.len().div_ceil(MOST_ALERTS);
        for (number, chunk) in alerts.chunks(MOST_ALERTS).enumerate() {
            let mut tx = Tx::new();
            for alert in chunk {
                tx.event(alert.event());
            }
            if number + 1 == chunks {
                tx.cursor(OBSERVER, place);
            }
            self.node.store.commit(tx).await?;
        }
        self.done = self.done.max(place);
        Ok(())
    }

    /// Goes on under new rules; what belongs to rules that did not change is kept.
    fn renew(&mut self) -> Result<(), WatchError> {
        let rules = self.node.rules();
        let mut detector = compile(&rules, self.seed)?;
        if let Err(error) = detector.restore(self.detector.save()) {
            tracing::warn!(%error, "the new rules begin anew");
        }
        (self.detector, self.rules) = (detector, rules);
        Ok(())
    }

    /// Saves the memory, when there is something new in it.
    async fn keep(&mut self) {
        let place = self.tail.position();
        if place == self.saved {
            return;
        }
        self.save_at = self.node.clock.monotonic() + SAVE_EVERY;
        let saved = Saved { place, seed: self.seed, state: self.detector.save() };
        let mut tx = Tx::new();
        tx.cursor(OBSERVER, self.done);
        // The cursor first: memory that is ahead of it would pass entries over whose alerts are not raised.
        let kept = match self.node.store.commit(tx).await {
            Ok(_) => saved.save(&self.node.store).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match kept {
            Ok(()) => self.saved = place,
            Err(error) => tracing::warn!(error, "the memory of the detector could not be saved; it is tried again"),
        }
    }
}

fn compile(rules: &WatchRules, seed: [u8; 16]) -> Result<Detector, WatchError> {
    let options = Options { seed, ..Options::default() };
    rules.rules.compile(options).map_err(|error| WatchError::Rules(error.to_string()))
}

/// The place of the first entry at or after an instant.
async fn first_since(node: &Node, since: Timestamp) -> Result<u64, ReadError> {
    let (mut low, mut high) = (0, *node.store.head().borrow());
    while low < high {
        let middle = low + (high - low) / 2;
        match node.store.read_journal(middle, 1, &JournalFilter::default()).await?.first() {
            Some(entry) if entry.plain.at < since => low = entry.seq + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}
