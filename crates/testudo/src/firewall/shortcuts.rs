//! Do the shortcuts of the engine change an answer? One request of many is judged again without them, by the way: off the
//! request's path, one at a time, and for at most a twentieth of one core. A difference is an event.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use testudo_core::{Event, EventKind, RequestId};
use testudo_gateway::CloseSignal;
use testudo_store::Tx;
use testudo_waf::{Difference, Tape, Waf};
use tokio::sync::mpsc;

use crate::node::Node;

/// Requests that wait. When they are there, further ones are not looked at.
const WAITING: usize = 2;
/// Of how much time one part is used.
const SHARE: u32 = 20;
/// The longest rest after one.
const LONGEST_REST: Duration = Duration::from_secs(30);
/// Rules that an event names.
const MOST: usize = 32;

/// A request that is to be judged again.
struct Job {
    tape: Tape,
    plain: Arc<Waf>,
    request: RequestId,
}

/// Takes requests that are to be judged again.
pub struct ShortcutCheck {
    jobs: mpsc::Sender<Job>,
    counts: Counts,
}

/// What came of it so far.
#[derive(Debug, Default)]
pub struct Counts {
    /// Requests that were judged again.
    pub checked: AtomicU64,
    /// Those of them with another answer.
    pub differed: AtomicU64,
    /// Requests that were due and not looked at: others waited, or the budget of work ended one of the answers.
    pub skipped: AtomicU64,
}

impl ShortcutCheck {
    /// Begins, until the node stops.
    pub fn start(node: &Arc<Node>, stop: CloseSignal) -> Arc<ShortcutCheck> {
        let (jobs, asked) = mpsc::channel(WAITING);
        let check = Arc::new(ShortcutCheck { jobs, counts: Counts::default() });
        tokio::spawn(follow(Arc::clone(node), Arc::clone(&check), asked, stop));
        check
    }

    /// Has a request judged again, unless others wait.
    pub fn offer(&self, tape: Option<Tape>, plain: &Arc<Waf>, request: RequestId) {
        let job = tape.map(|tape| Job { tape, plain: Arc::clone(plain), request });
        if job.is_none_or(|job| self.jobs.try_send(job).is_err()) {
            self.counts.skipped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What came of it so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}

/// Whether a request is one of so many: a property of its id, which nobody outside chooses.
pub fn is_due(request: &str, every: u32) -> bool {
    // FNV-1a: the parts of an id that are not random are spread too.
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    every > 0 && ((request.bytes().fold(0xcbf2_9ce4_8422_2325, hash) >> 16) & 0xffff_ffff) < due(every)
}

/// The part of all hashes that is one of so many.
fn due(every: u32) -> u64 {
    (1 << 32) / u64::from(every.max(1))
}

async fn follow(node: Arc<Node>, check: Arc<ShortcutCheck>, mut asked: mpsc::Receiver<Job>, stop: CloseSignal) {
    loop {
        let job = tokio::select! {
            () = stop.closed() => return,
            job = asked.recv() => job,
        };
        let Some(Job { tape, plain, request }) = job else { return };
        let started = Instant::now();
        let compared = tokio::task::spawn_blocking(move || tape.compare(&plain)).await;
        let spent = started.elapsed();
        match compared {
            Ok(Some(difference)) => {
                check.counts.checked.fetch_add(1, Ordering::Relaxed);
                if !difference.is_none() {
                    check.counts.differed.fetch_add(1, Ordering::Relaxed);
                    tell(&node, &difference, request).await;
                }
            }
            Ok(None) => _ = check.counts.skipped.fetch_add(1, Ordering::Relaxed),
            Err(error) => tracing::error!(%error, "a request could not be judged again without shortcuts"),
        }
        tokio::select! {
            () = stop.closed() => return,
            () = tokio::time::sleep((spent * (SHARE - 1)).min(LONGEST_REST)) => {}
        }
    }
}

/// Writes down which rules answered otherwise; nothing of the request itself.
async fn tell(node: &Node, difference: &Difference, request: RequestId) {
    let listed = |ids: &BTreeSet<u64>| ids.iter().take(MOST).map(u64::to_string).collect::<Vec<_>>().join(" ");
    let (missed, extra) = (listed(&difference.missed), listed(&difference.extra));
    tracing::error!(%request, missed, extra, "shortcuts of the firewall changed an answer; please report the rules");
    let mut event = Event::new(EventKind::ShortcutDiffers, node.clock.now()).during(request);
    for (name, ids) in [("missed", missed), ("extra", extra)] {
        if !ids.is_empty() {
            event = event.detail(name, ids);
        }
    }
    if difference.decision {
        event = event.detail("decision", "differs");
    }
    let mut tx = Tx::new();
    tx.event(event);
    if let Err(error) = node.store.commit(tx).await {
        tracing::error!(%error, "an event could not be written to the journal");
    }
}

#[cfg(test)]
mod tests {
    use testudo_core::Timestamp;
    use testudo_crypto::random;

    use super::*;

    #[test]
    fn one_of_so_many_requests_is_due() {
        let id = |second| RequestId::new(Timestamp::from_seconds(second), random::array()).to_string();
        let ids: Vec<String> = (0..20_000).map(id).collect();
        let due = |every| ids.iter().filter(|id| is_due(id, every)).count();
        assert_eq!((due(0), due(1)), (0, ids.len()));
        assert!((50..=160).contains(&due(200)), "{}", due(200));
    }
}
