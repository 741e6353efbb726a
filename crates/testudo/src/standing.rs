//! Standing: the in-memory projection of the journal that every request asks.
//!
//! Revoked sessions, families and people, locked people, disabled clients, suspended builds, blocked peers, tightened
//! limits, routes that may only be read, and who must step up. One structure serves all workers of a node. It is fed by one tail of the journal ([`crate::journal`]) and
//! saved as a snapshot with its cursor, so that a start replays the tail only. When the tail has not reported for
//! [`STALE_AFTER`], standing gives no bit, and requests are refused.
//!
//! What can no longer matter is forgotten: a revoked session is kept until every access token that it may have must have
//! expired, since refresh tokens and codes are checked against the store.

mod held;
mod path;
mod purposes;
mod state;
mod streams;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{HeaderMap, Method};
use ipnet::IpNet;
use parking_lot::RwLock;
use testudo_core::{
    BuildId, ClientId, Clock, Control, Decision, Denial, FamilyId, Fault, LimitTarget, Obligation, Pseudonym,
    SessionId, Timestamp,
};
use testudo_limits::{Tightened, Tightening};
use testudo_store::Committed;
use tokio::sync::watch;

use crate::config::PurposeConfig;

pub use held::{Held, HeldLimit};
pub use path::RoutePath;
pub use state::{KINDS, Snapshot};
pub use streams::{OpenStream, StreamTicket, Streams};

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
    /// Whether there are routes that may only be read.
    restricting: AtomicBool,
    /// What is told of tightened limits, and the clock that says how long they hold.
    limits: Option<(Arc<Tightened>, Arc<dyn Clock>)>,
}

impl Standing {
    /// Starts from a snapshot, or from nothing.
    pub fn new(snapshot: Option<Snapshot>) -> Standing {
        let mut snapshot = snapshot.unwrap_or_default();
        snapshot.state.blocks.index();
        let (cursor, _) = watch::channel(snapshot.cursor);
        let restricting = snapshot.state.routes.iter().len() > 0;
        Standing {
            restricting: AtomicBool::new(restricting),
            limits: None,
            state: RwLock::new(snapshot.state),
            streams: Streams::default(),
            heard: AtomicU64::new(0),
            cursor,
            began: OnceLock::new(),
        }
    }

    /// The same, which tells these limits what is tightened.
    #[must_use]
    pub fn telling(mut self, limits: Arc<Tightened>, clock: Arc<dyn Clock>) -> Standing {
        let monotonic = clock.monotonic();
        self.limits = Some((limits, clock));
        self.publish(&self.state.read(), monotonic);
        self
    }

    /// The open streams of this node, which end with their session.
    pub fn streams(&self) -> &Streams {
        &self.streams
    }

    /// The purposes to which a person has consented, of those that are configured.
    pub fn consents<'a>(&self, person: Option<&Pseudonym>, purposes: &'a [PurposeConfig]) -> Vec<&'a str> {
        let (Some(person), false) = (person, purposes.is_empty()) else { return Vec::new() };
        let state = self.state.read();
        let given = purposes.iter().filter(|own| state.purposes.has(person, &own.name, &own.version));
        given.map(|own| own.name.as_str()).collect()
    }

    /// Whether a peer's address is blocked.
    pub fn check_peer(&self, address: IpAddr, now: Timestamp) -> Decision {
        match self.state.read().blocks.of(address, now) {
            Some(until) => Decision::deny(
                Control::Standing,
                Denial::Forbidden,
                "peer-blocked",
                "requests from this network are refused for now; contact the operator if that is wrong",
            )
            .oblige(retry_after(until, now)),
            None => Decision::default(),
        }
    }

    /// Whether a route may be written, or only read for now.
    pub fn check_route(
        &self,
        template: &str,
        path: &str,
        method: &Method,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Decision {
        if !self.restricting.load(Ordering::Acquire) || held::only_reads(method, headers) {
            return Decision::default();
        }
        match self.state.read().routes.of(template, path, now) {
            Some(until) => Decision::deny(
                Control::Standing,
                Denial::Unavailable,
                "route-read-only",
                "this part of the service can only be read for now; try again later",
            )
            .oblige(retry_after(until, now)),
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
    pub fn apply(&self, entries: &[Committed], cursor: u64, monotonic: Duration) {
        if !entries.is_empty() {
            let mut state = self.state.write();
            for entry in entries {
                state.apply(&entry.event, &entry.plain);
            }
            let state = parking_lot::RwLockWriteGuard::downgrade(state);
            self.publish(&state, monotonic);
            let now = entries.iter().map(|entry| entry.plain.at).max().unwrap_or_default();
            self.streams.sweep(|stream| {
                stream.caller.as_ref().is_some_and(|facts| state.check(facts).is_denied())
                    || state.blocks.of(stream.address, now).is_some()
                    || stream
                        .writes
                        .as_ref()
                        .is_some_and(|(template, path)| state.routes.of(template, path, now).is_some())
            });
        } else if self.limits.as_ref().is_some_and(|(limits, _)| limits.is_any()) {
            // The wall clock may have been set, and shares end by it.
            self.publish(&self.state.read(), monotonic);
        }
        self.heard.store(u64::try_from(monotonic.as_micros()).unwrap_or(u64::MAX).max(1), Ordering::Release);
        self.cursor.send_replace(cursor);
    }

    /// Tells workers what they ask without a lock.
    fn publish(&self, state: &state::State, monotonic: Duration) {
        self.restricting.store(state.routes.iter().len() > 0, Ordering::Release);
        let Some((limits, clock)) = &self.limits else { return };
        let now = clock.now();
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let held = state.limits.iter().filter(|limit| limit.held.until > now);
        let tightening = |limit: &HeldLimit| Tightening {
            target: limit.target.clone(),
            percent: limit.percent,
            until_ns: nanos(monotonic.saturating_add(limit.held.until.since(now))),
        };
        limits.replace(held.map(tightening));
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

    /// The blocked networks, until when, and why; those that end first come first.
    pub fn blocks(&self) -> Vec<(IpNet, Held)> {
        let state = self.state.read();
        let mut all: Vec<_> = state.blocks.iter().map(|(network, held)| (*network, held.clone())).collect();
        all.sort_by_key(|(network, held)| (held.until, *network));
        all
    }

    /// How exactly this network is blocked, not as a part of another.
    pub fn block_of(&self, network: IpNet) -> Option<Held> {
        self.state.read().blocks.get(&network).cloned()
    }

    /// What is tightened; what ends first comes first.
    pub fn tightened(&self) -> Vec<HeldLimit> {
        let mut all: Vec<HeldLimit> = self.state.read().limits.iter().cloned().collect();
        all.sort_by_key(|limit| limit.held.until);
        all
    }

    /// How the limits of a target are tightened.
    pub fn tightened_for(&self, target: &LimitTarget) -> Option<HeldLimit> {
        self.state.read().limits.get(target).cloned()
    }

    /// How the routes at and below exactly this path are restricted.
    pub fn restriction_of(&self, path: &RoutePath) -> Option<Held> {
        self.state.read().routes.get(path).cloned()
    }

    /// Since when a person must show a second factor, if she must.
    pub fn owes_step_up(&self, person: Pseudonym) -> Option<Timestamp> {
        self.state.read().owes_step_up(person)
    }

    /// The paths at and below which routes may only be read; what ends first comes first.
    pub fn restricted(&self) -> Vec<(RoutePath, Held)> {
        let state = self.state.read();
        let mut all: Vec<_> = state.routes.iter().map(|(path, held)| (path.clone(), held.clone())).collect();
        all.sort_by(|one, other| (one.1.until, &one.0).cmp(&(other.1.until, &other.0)));
        all
    }
}

/// When something that is refused for a time may be tried again.
fn retry_after(until: Timestamp, now: Timestamp) -> Obligation {
    Obligation::RetryAfter(u32::try_from(until.since(now).as_secs()).unwrap_or(u32::MAX).saturating_add(1))
}

#[cfg(test)]
mod tests;

impl std::fmt::Debug for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Standing").field("cursor", &self.cursor()).finish_non_exhaustive()
    }
}
