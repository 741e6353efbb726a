//! The loop of one target: read a batch, send it until it is taken, move the place.
//!
//! At least once: the place moves only after the target has taken everything below it, so whatever ends this program in
//! between, the same records are sent again. One batch is in memory. A target that is down costs one attempt per step of
//! the backoff and stops nobody but its own loop.

use std::sync::Arc;
use std::time::Duration;

use testudo_core::Clock;
use testudo_crypto::random;

use crate::backoff::Backoff;
use crate::progress::{Progress, State};
use crate::target::{Delivery, Target};
use crate::{Origin, Record};

/// Failures in a row after which it is said that the target takes nothing.
const STALLED_AFTER: u32 = 3;
/// The longest wait that a target may ask for.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// Records in the order of their places, and the place after them.
#[derive(Debug)]
pub struct Batch {
    /// The records; may be none, when those that were passed are not for this target.
    pub records: Vec<Record>,
    /// The place from which the next batch goes on.
    pub next: u64,
}

/// Why a feed gives nothing.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The store is away; it is asked again.
    #[error("{0}")]
    Unavailable(String),
    /// Somebody else exports to this target now, or its place was changed: begin anew.
    #[error("the place of this target was changed by somebody else")]
    Lost,
}

/// Where records come from, and where the place of a target is kept.
pub trait Feed: Send {
    /// The next batch; waits until there is one. After an error the same batch comes again.
    fn next(&mut self) -> impl Future<Output = Result<Batch, FeedError>> + Send;

    /// Says, before each attempt to send, that this exporter is still at it.
    fn hold(&mut self) -> impl Future<Output = Result<(), FeedError>> + Send;

    /// Everything below `next` was taken, but for what was refused for good: the places where they are known, how many,
    /// and the first cause.
    fn taken(
        &mut self,
        next: u64,
        refused: &[(Option<u64>, u64, String)],
    ) -> impl Future<Output = Result<(), FeedError>> + Send;

    /// The target takes nothing at present.
    fn stalled(&mut self, cause: &str) -> impl Future<Output = ()> + Send;

    /// The target takes records again.
    fn resumed(&mut self) -> impl Future<Output = ()> + Send;
}

/// Why an exporter ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// The place of its target was changed by somebody else: ask for it again.
    Lost,
}

/// Exports to one target.
pub struct Exporter<F> {
    feed: F,
    target: Target,
    origin: Origin,
    progress: Arc<Progress>,
    clock: Arc<dyn Clock>,
    backoff: Backoff,
    is_stalled: bool,
}

impl<F: Feed> Exporter<F> {
    /// From a feed to a target.
    pub fn new(feed: F, target: Target, origin: Origin, progress: Arc<Progress>, clock: Arc<dyn Clock>) -> Exporter<F> {
        let backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(30));
        Exporter { feed, target, origin, progress, clock, backoff, is_stalled: false }
    }

    /// The same with other waits after failures.
    #[must_use]
    pub fn waiting(mut self, backoff: Backoff) -> Exporter<F> {
        self.backoff = backoff;
        self
    }

    /// Runs until the place is lost to somebody else. Dropping it at any moment loses nothing.
    pub async fn run(mut self) -> Ended {
        self.progress.is(State::Running);
        loop {
            let batch = match self.feed.next().await {
                Ok(batch) => batch,
                Err(FeedError::Lost) => return Ended::Lost,
                Err(FeedError::Unavailable(cause)) => {
                    self.wait(&cause, None).await;
                    continue;
                }
            };
            let Ok(refused) = self.deliver(&batch.records).await else { return Ended::Lost };
            loop {
                match self.feed.taken(batch.next, &refused).await {
                    Ok(()) => break,
                    Err(FeedError::Lost) => return Ended::Lost,
                    Err(FeedError::Unavailable(cause)) => self.wait(&cause, None).await,
                }
            }
            self.backoff.succeeded();
            self.progress.at(batch.next);
        }
    }

    /// Sends until everything is taken or refused for good; gives what was refused.
    async fn deliver(&mut self, records: &[Record]) -> Result<Vec<(Option<u64>, u64, String)>, FeedError> {
        let mut left: Vec<&Record> = records.iter().collect();
        let mut refused = Vec::new();
        while !left.is_empty() {
            match self.feed.hold().await {
                Ok(()) => {}
                Err(FeedError::Lost) => return Err(FeedError::Lost),
                Err(FeedError::Unavailable(cause)) => {
                    self.wait(&cause, None).await;
                    continue;
                }
            }
            match self.target.send(&left, &self.origin).await {
                Ok(delivery) => {
                    let pushed_back = delivery.count > 0 && delivery.again.len() == delivery.count;
                    let (again, wait) = (delivery.again.len(), delivery.wait);
                    left = self.take(left, delivery, &mut refused);
                    if pushed_back {
                        // It answers, and takes nothing.
                        self.failed("the target takes nothing at present: it asks to send again later", wait).await;
                    } else {
                        self.worked().await;
                        if again > 0 {
                            self.wait("the target took a part, and asks to send the rest again later", wait).await;
                        }
                    }
                }
                Err(error) => self.failed(&error.cause, error.wait).await,
            }
        }
        Ok(refused)
    }

    fn take<'r>(
        &self,
        left: Vec<&'r Record>,
        delivery: Delivery,
        refused: &mut Vec<(Option<u64>, u64, String)>,
    ) -> Vec<&'r Record> {
        let of = |index: usize| left.get(index).copied().filter(|_| index < delivery.count);
        let again: Vec<&Record> = delivery.again.iter().filter_map(|index| of(*index)).collect();
        let before = refused.len();
        for one in delivery.refused {
            if let Some(record) = of(one.index) {
                refused.push((Some(record.seq), 1, one.cause));
            }
        }
        let named = refused.len() - before;
        let unnamed = usize::try_from(delivery.refused_unnamed).unwrap_or(usize::MAX);
        if unnamed > 0 {
            refused.push((None, delivery.refused_unnamed, "the receiver rejected them and does not name them".into()));
        }
        let gone = named.saturating_add(unnamed);
        self.progress.took(delivery.count.saturating_sub(again.len()).saturating_sub(gone), gone);
        again.into_iter().chain(left.into_iter().skip(delivery.count)).collect()
    }

    async fn worked(&mut self) {
        self.backoff.succeeded();
        if self.is_stalled {
            self.is_stalled = false;
            self.progress.is(State::Running);
            self.feed.resumed().await;
        }
    }

    async fn failed(&mut self, cause: &str, asked: Option<Duration>) {
        let failures = self.progress.failed(cause, self.clock.now());
        if failures >= STALLED_AFTER && !self.is_stalled {
            self.is_stalled = true;
            self.progress.is(State::Stalled);
            self.feed.stalled(cause).await;
        }
        self.sleep(asked).await;
    }

    async fn wait(&mut self, cause: &str, asked: Option<Duration>) {
        self.progress.failed(cause, self.clock.now());
        self.sleep(asked).await;
    }

    async fn sleep(&mut self, asked: Option<Duration>) {
        let own = self.backoff.failed(u64::from_be_bytes(random::array()));
        tokio::time::sleep(own.max(asked.unwrap_or_default().min(LONGEST_WAIT))).await;
    }
}

impl<F> std::fmt::Debug for Exporter<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exporter").field("target", &self.target).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
