//! Stopping in order and in bounded time: no new connections, open requests end, everything is written; and what could
//! not be written is said.
//!
//! After the drain it takes at most about 20 seconds, also when the database does not answer.

use std::collections::BTreeMap;
use std::time::Duration;

use testudo_core::{Event, EventKind};
use testudo_store::UpkeepError;
use tokio::time::{Instant, timeout};

use super::{Server, announce};

/// How long the events of requests that were let through are tried to be written.
const PATIENCE: Duration = Duration::from_secs(8);
/// What is left of it at least for what the journal has taken in.
const LEAST: Duration = Duration::from_secs(1);
/// How long the end of the node may take to be written down.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// How a server stopped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stopped {
    /// No request was cut off.
    pub clean: bool,
    /// The events that were to be in the journal and could not be written, in words; none when there are none.
    pub lost: Option<String>,
}

impl Server {
    /// Stops in order: no new connections, open requests end, everything is written.
    pub async fn stop(self) -> Stopped {
        let drain = self.node.config().server.drain_timeout;
        let (gateway, admin) = tokio::join!(self.gateway.drain(drain), self.admin.drain(Duration::from_secs(1)));
        self.stop.close("server-stops");
        super::save_learned(&self.node).await;
        let (node, mut tail, mut watch, began) = (self.node, self.tail, self.watch, Instant::now());
        node.journal.settle(&node.store, PATIENCE).await;
        // A journal that can't be written has no use for these.
        if !node.store.status().stalled {
            let words = async {
                announce(&node, Event::new(EventKind::NodeStopped, node.clock.now())).await;
                let _ = tokio::join!(&mut tail, &mut watch);
                node.save_standing().await;
            };
            if timeout(LAST_WORDS, words).await.is_err() {
                tracing::warn!("the store is slow; the next start reads more of the journal");
            }
        }
        tail.abort();
        watch.abort();
        let closed = node.store.close_within(PATIENCE.saturating_sub(began.elapsed()).max(LEAST)).await;
        let mut lost: BTreeMap<EventKind, u64> = node.journal.give_up();
        match closed {
            Ok(()) => {}
            Err(UpkeepError::Unwritten(events)) => {
                for (kind, count) in events {
                    *lost.entry(kind).or_default() += count;
                }
            }
            Err(error) => tracing::warn!(%error, "the store was not closed in order"),
        }
        let lost = (!lost.is_empty()).then(|| UpkeepError::Unwritten(lost.into_iter().collect()).to_string());
        if let Some(lost) = &lost {
            tracing::error!("{lost}");
        }
        Stopped { clean: gateway.finished && admin.finished, lost }
    }
}
