//! Standing: the in-memory projection of the journal that every request asks.
//!
//! Revoked sessions, families and people, locked people, disabled clients, suspended builds, blocked peers, and who must
//! step up. One structure serves all workers of a node. It is fed by one tail of the journal ([`crate::journal`]) and
//! saved as a snapshot with its cursor, so that a start replays the tail only. When the tail has not reported for
//! [`STALE_AFTER`], standing gives no bit, and requests are refused.
//!
//! What can no longer matter is forgotten: a revoked session is kept until every access token that it may have must have
//! expired, since refresh tokens and codes are checked against the store.

mod state;
mod streams;

use std::net::IpAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use testudo_core::{
    BuildId, ClientId, Control, Decision, Denial, FamilyId, Fault, Obligation, Pseudonym, SessionId, Timestamp,
};
use testudo_store::{Entry, Opened};
use tokio::sync::watch;

pub use state::{KINDS, Snapshot};
pub use streams::{StreamTicket, Streams};

/// Without news from the journal for this long, standing is not known.
pub const STALE_AFTER: Duration = Duration::from_secs(5);

/// The facts of a caller that standing asks about.
#[derive(Clone, Debug)]
pub struct StandingFacts {
    /// The person, by pseudonym; none for a client that acts for itself.
    pub person: Option<Pseudonym>,
    /// Her session.
    pub session: Option<SessionId>,
    /// The refresh family of the token.
    pub family: Option<FamilyId>,
    /// The client.
    pub client: ClientId,
    /// The app build.
    pub build: Option<BuildId>,
    /// When the token was issued.
    pub issued: Timestamp,
    /// When the person last proved who she is.
    pub auth_time: Timestamp,
    /// Whether that was with a second factor.
    pub second_factor: bool,
}

/// What is known about who may do anything at all.
pub struct Standing {
    state: RwLock<state::State>,
    streams: Streams,
    /// Monotonic microseconds of the last word from the tail; 0 before the first.
    heard: AtomicU64,
    cursor: watch::Sender<u64>,
    /// Both clocks when something was first forgotten.
    began: OnceLock<(Duration, Timestamp)>,
}

impl Standing {
    /// Starts from a snapshot, or from nothing.
    pub fn new(snapshot: Option<Snapshot>) -> Standing {
        let mut snapshot = snapshot.unwrap_or_default();
        snapshot.state.index_blocks();
        let (cursor, _) = watch::channel(snapshot.cursor);
        Standing {
            state: RwLock::new(snapshot.state),
            streams: Streams::default(),
            heard: AtomicU64::new(0),
            cursor,
            began: OnceLock::new(),
        }
    }

    /// The open streams of this node, which end with their session.
    pub fn streams(&self) -> &Streams {
        &self.streams
    }

    /// Whether a peer's address is blocked.
    pub fn check_peer(&self, address: IpAddr, now: Timestamp) -> Decision {
        match self.state.read().blocked(address, now) {
            Some(left) => Decision::deny(
                Control::Standing,
                Denial::Forbidden,
                "peer-blocked",
                "requests from this network are refused for now; contact the operator if that is wrong",
            )
            .oblige(Obligation::RetryAfter(u32::try_from(left.as_secs()).unwrap_or(u32::MAX).saturating_add(1))),
            None => Decision::default(),
        }
    }

    /// Whether a caller is in good standing. `monotonic` is the clock's.
    pub fn check(&self, facts: &StandingFacts, monotonic: Duration) -> Decision {
        match self.fresh(monotonic) {
            Ok(()) => self.state.read().check(facts),
            Err(fault) => fault,
        }
    }

    /// The bit for a request without a caller: standing is fresh, and nothing more is known.
    pub fn check_anonymous(&self, monotonic: Duration) -> Decision {
        self.fresh(monotonic).map_or_else(|fault| fault, |()| Decision::allow(Control::Standing))
    }

    fn fresh(&self, monotonic: Duration) -> Result<(), Decision> {
        if self.lag(monotonic).is_some_and(|lag| lag <= STALE_AFTER) {
            Ok(())
        } else {
            Err(Decision::fault(Control::Standing, Fault::Dependency))
        }
    }

    /// How long ago the tail last reported; none before the first time.
    pub fn lag(&self, monotonic: Duration) -> Option<Duration> {
        match self.heard.load(Ordering::Acquire) {
            0 => None,
            heard => Some(monotonic.saturating_sub(Duration::from_micros(heard))),
        }
    }

    /// Takes in entries below `cursor`, which the tail has read at `monotonic`. Streams that they end are closed before
    /// this returns.
    pub fn apply(&self, entries: &[(Entry, Opened)], cursor: u64, monotonic: Duration) {
        if !entries.is_empty() {
            let mut state = self.state.write();
            for (entry, opened) in entries {
                state.apply(&opened.event, &entry.plain);
            }
            let state = parking_lot::RwLockWriteGuard::downgrade(state);
            self.streams.sweep(|facts| state.check(facts).is_denied());
        }
        self.heard.store(u64::try_from(monotonic.as_micros()).unwrap_or(u64::MAX).max(1), Ordering::Release);
        self.cursor.send_replace(cursor);
    }

    /// Forgets what can no longer matter. When the wall clock steps forth, the monotonic clock says that the time has not
    /// passed: after a step back, a token that was revoked would be valid again.
    pub fn forget(&self, now: Timestamp, monotonic: Duration, longest_token: Duration) {
        let (began, at) = *self.began.get_or_init(|| (monotonic, now));
        let steady = at.plus(monotonic.saturating_sub(began));
        self.state.write().forget(now.min(steady), longest_token);
    }

    /// Waits until everything below and at `seq` is taken in.
    pub async fn reached(&self, seq: u64) {
        let mut cursor = self.cursor.subscribe();
        // The sender lives as long as `self`, so that this can't fail.
        let _ = cursor.wait_for(|cursor| *cursor > seq).await;
    }

    /// The place up to which the journal is taken in.
    pub fn cursor(&self) -> u64 {
        *self.cursor.borrow()
    }

    /// What to save.
    pub fn snapshot(&self) -> Snapshot {
        let state = self.state.read();
        Snapshot { cursor: self.cursor(), state: state.clone() }
    }

    /// How many of each are held, for the console and metrics.
    pub fn counts(&self) -> Vec<(&'static str, usize)> {
        self.state.read().counts()
    }

    /// The blocked networks and until when.
    pub fn blocks(&self) -> Vec<(ipnet::IpNet, Timestamp)> {
        self.state.read().blocks()
    }
}

#[cfg(test)]
mod tests;

impl std::fmt::Debug for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Standing").field("cursor", &self.cursor()).finish_non_exhaustive()
    }
}
