//! What all tasks of the backend share, and the one way in: work runs on the runtime that opened the store, through a
//! bounded queue, with a deadline; callers on other runtimes only wait for the answer.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use deadpool_postgres::{Client, ClientWrapper, Pool, PoolError, TimeoutType};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use testudo_crypto::{KeyRing, RootKey};
use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::time::Instant;

use super::commit::Sweeper;
use super::connect::Link;
use super::fault;
use crate::ReadError;
use crate::backend::SharedRing;
use crate::journal::terms::Tail;
use crate::persons::PersonKeys;

/// How long a read may take.
const READ: Duration = Duration::from_secs(6);
/// Beyond the deadline of the work itself: how long a caller waits when the home runtime does not get to it.
const GRACE: Duration = Duration::from_secs(2);
/// How often a read is tried.
const TRIES: u32 = 3;
/// The first and the longest pause after connecting failed.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// The index of the entries after the last full segment, as far as it was read.
#[derive(Default)]
pub(super) struct KnownTail {
    pub tail: Tail,
    /// The entries below are in it.
    pub to: u64,
}

/// What the tasks share.
pub(super) struct Driver {
    pub link: Link,
    pub pool: Pool,
    pub home: Handle,
    pub root: RootKey,
    pub ring: SharedRing,
    /// The version of the stored ring that `ring` is.
    pub ring_version: AtomicI64,
    pub persons: Arc<PersonKeys>,
    /// The number of the last erasure that this node knows.
    pub erasures: AtomicI64,
    pub head: watch::Sender<u64>,
    pub tail: tokio::sync::Mutex<KnownTail>,
    pub waiters: Waiters,
    /// Whether this node integrates.
    pub leads: AtomicBool,
    /// Wakes the integrator: there are entries without a place.
    pub inbox: Arc<Notify>,
    /// Wakes the follower: the log grew, or keys changed.
    pub log: Arc<Notify>,
    /// Wakes the follower: other nodes must be told of entries without a place.
    pub announce: Notify,
    /// Wipes what is left of destroyed keys.
    pub sweeper: Arc<Sweeper>,
    /// Nothing new is taken in.
    pub closing: AtomicBool,
    /// The newest instant that counters were asked for.
    pub counted: AtomicI64,
    queue: Arc<Semaphore>,
    places: u32,
    breaker: Mutex<Breaker>,
}

/// What a driver starts from.
pub(super) struct Parts {
    pub link: Link,
    pub pool: Pool,
    pub root: RootKey,
    pub ring: SharedRing,
    pub ring_version: i64,
    pub persons: Arc<PersonKeys>,
    pub erasures: i64,
    pub size: u64,
    pub queue: usize,
}

impl Driver {
    pub fn new(parts: Parts) -> Driver {
        let places = u32::try_from(parts.queue.clamp(1, Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
        Driver {
            link: parts.link,
            pool: parts.pool,
            home: Handle::current(),
            root: parts.root,
            ring: parts.ring,
            ring_version: AtomicI64::new(parts.ring_version),
            persons: parts.persons,
            erasures: AtomicI64::new(parts.erasures),
            head: watch::channel(parts.size).0,
            tail: tokio::sync::Mutex::default(),
            waiters: Waiters::default(),
            leads: AtomicBool::new(false),
            inbox: Arc::default(),
            log: Arc::default(),
            announce: Notify::new(),
            sweeper: Arc::default(),
            closing: AtomicBool::new(false),
            counted: AtomicI64::new(i64::MIN),
            queue: Arc::new(Semaphore::new(places as usize)),
            places,
            breaker: Mutex::default(),
        }
    }

    /// The key ring in force.
    pub fn ring(&self) -> KeyRing {
        self.ring.read().clone()
    }

    /// Shows what is in the log now.
    pub fn publish(&self, size: u64) {
        self.head.send_if_modified(|head| {
            let grew = size > *head;
            *head = size.max(*head);
            grew
        });
    }

    /// Tells whoever integrates that there are entries without a place.
    pub fn announce(&self) {
        if self.leads.load(Ordering::Acquire) {
            self.inbox.notify_one();
        } else {
            self.announce.notify_one();
        }
    }

    /// Takes a key ring that another node stored; whether it opened.
    pub fn adopt(&self, version: i64, blob: &[u8]) -> bool {
        match KeyRing::unwrap(&self.root, blob) {
            Ok(ring) => {
                let mut held = self.ring.write();
                if self.ring_version.fetch_max(version, Ordering::AcqRel) < version {
                    *held = ring;
                }
                true
            }
            Err(error) => {
                tracing::error!(%error, "another node stored a key ring that the root key of this node does not open");
                false
            }
        }
    }

    /// Forgets the key of a person whom another node erased; the number is that of the erasure.
    pub fn forget(&self, person: [u8; 16], number: i64) {
        self.persons.forget(person);
        self.erasures.fetch_max(number, Ordering::AcqRel);
    }

    /// A place in the queue; none when it is full, an error when the store is closed.
    pub fn enter(&self) -> Result<Option<OwnedSemaphorePermit>, String> {
        if self.closing.load(Ordering::Acquire) {
            return Err(closed());
        }
        Ok(self.queue.clone().try_acquire_owned().ok())
    }

    /// Waits until nobody is in the queue any more.
    pub async fn drained(&self, most: Duration) {
        let _ = tokio::time::timeout(most, self.queue.acquire_many(self.places)).await;
    }

    /// Runs work on the home runtime. `None` when it was lost or did not end in time.
    pub fn at_home<T: Send + 'static>(
        &self,
        limit: Duration,
        permit: OwnedSemaphorePermit,
        work: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = Option<T>> + Send + 'static {
        let (answer, answered) = oneshot::channel();
        // Who stops waiting must not stop a commit half-way, so the work is a task of its own.
        self.home.spawn(async move {
            let _ = answer.send(work.await);
            drop(permit);
        });
        async move { tokio::time::timeout(limit + GRACE, answered).await.ok()?.ok() }
    }

    /// A connection, or why there is none.
    pub async fn connection(&self) -> Result<Client, NoConnection> {
        let refusal = self.breaker.lock().refuses(Instant::now());
        if let Some(cause) = refusal.filter(|_| self.pool.status().size == 0) {
            return Err(NoConnection::Down(cause));
        }
        match self.pool.get().await {
            Ok(client) => {
                self.reached();
                Ok(client)
            }
            Err(PoolError::Timeout(TimeoutType::Wait)) => Err(NoConnection::Busy),
            Err(PoolError::Closed) => Err(NoConnection::Down(closed())),
            Err(error) => {
                let cause = match error {
                    PoolError::Backend(error) => fault::cause(&error),
                    _ => "PostgreSQL cannot be reached in time".to_owned(),
                };
                self.breaker.lock().failed(Instant::now(), &cause);
                Err(NoConnection::Down(cause))
            }
        }
    }

    /// The database answers: no reason to refuse anything.
    pub fn reached(&self) {
        *self.breaker.lock() = Breaker::default();
    }

    /// Reads, and tries again where the connection was lost.
    pub async fn read<T>(&self, work: &Work<T>) -> Result<T, ReadError> {
        let limit = Instant::now() + READ;
        let mut tries = 1;
        loop {
            let client = match self.connection().await {
                Ok(client) => client,
                Err(NoConnection::Busy) => return Err(ReadError::Full),
                Err(NoConnection::Down(cause)) => return Err(ReadError::Unavailable(cause)),
            };
            match tokio::time::timeout_at(limit, work(&client)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) if fault::passing(&error) && tries < TRIES => tries += 1,
                Ok(Err(error)) => return Err(ReadError::Unavailable(fault::cause(&error))),
                Err(_) => {
                    // Its answer may still come; nobody must take it for the answer to something else.
                    drop(Client::take(client));
                    return Err(ReadError::Unavailable("PostgreSQL did not answer in time".into()));
                }
            }
        }
    }

    /// The limit of a read.
    pub const fn read_limit() -> Duration {
        READ
    }
}

/// Work on a connection.
pub(super) type Work<T> =
    Box<dyn for<'c> Fn(&'c ClientWrapper) -> BoxFuture<'c, Result<T, tokio_postgres::Error>> + Send + Sync>;

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum NoConnection {
    /// All are in use.
    Busy,
    /// The database cannot be reached.
    Down(String),
}

pub(super) fn closed() -> String {
    "it is closed".to_owned()
}

/// Refuses at once for a while after connecting failed, so that a database that is down costs its callers nothing.
#[derive(Default)]
struct Breaker {
    until: Option<Instant>,
    pause: Duration,
    cause: String,
}

impl Breaker {
    fn refuses(&self, now: Instant) -> Option<String> {
        self.until.is_some_and(|until| now < until).then(|| self.cause.clone())
    }

    fn failed(&mut self, now: Instant, cause: &str) {
        if self.until.is_some_and(|until| now < until) {
            return;
        }
        self.pause = (self.pause * 2).clamp(PAUSES.0, PAUSES.1);
        self.until = Some(now + self.pause);
        cause.clone_into(&mut self.cause);
    }
}

/// The next pause of a task that connects again and again: doubled, bounded, and not the same on all nodes.
pub(super) fn longer(pause: Duration) -> Duration {
    let jitter = u32::from(u8::from_be_bytes(testudo_crypto::random::array())) + 256;
    (pause * 2).clamp(PAUSES.0, PAUSES.1) * jitter / 512
}

/// Commits that wait for the places of their entries, by place in the inbox.
#[derive(Default)]
pub(super) struct Waiters(Mutex<HashMap<i64, oneshot::Sender<(u64, u64)>>>);

impl Waiters {
    /// Waits for the entries at this place of the inbox; call it before they are committed.
    pub fn wait(&self, place: i64) -> oneshot::Receiver<(u64, u64)> {
        let (answer, answered) = oneshot::channel();
        self.0.lock().insert(place, answer);
        answered
    }

    /// Nobody waits for this place any more.
    pub fn leave(&self, place: i64) {
        self.0.lock().remove(&place);
    }

    /// The places that somebody waits for.
    pub fn places(&self) -> Vec<i64> {
        self.0.lock().keys().copied().collect()
    }

    /// Says where entries are in the log.
    pub fn placed(&self, place: i64, first: u64, last: u64) {
        if let Some(answer) = self.0.lock().remove(&place) {
            let _ = answer.send((first, last));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_breaker_opens_for_longer_each_time_and_closes() {
        let (mut breaker, mut now) = (Breaker::default(), Instant::now());
        assert_eq!(breaker.refuses(now), None);
        for pause in [50, 100, 200, 400, 800, 1_600, 2_000, 2_000] {
            breaker.failed(now, "down");
            breaker.failed(now, "again");
            assert_eq!(breaker.refuses(now).as_deref(), Some("down"));
            now += Duration::from_millis(pause - 1);
            assert!(breaker.refuses(now).is_some(), "{pause}");
            now += Duration::from_millis(1);
            assert_eq!(breaker.refuses(now), None);
        }
        assert!((0..100).map(|_| longer(Duration::from_secs(9))).all(|pause| pause <= PAUSES.1));
    }

    #[tokio::test]
    async fn each_waiter_gets_its_own_place() {
        let waiters = Waiters::default();
        let (one, two) = (waiters.wait(1), waiters.wait(2));
        waiters.placed(2, 7, 9);
        waiters.placed(3, 1, 1);
        assert_eq!(two.await.ok(), Some((7, 9)));
        assert_eq!(waiters.places(), [1]);
        waiters.leave(1);
        assert!(one.await.is_err());
    }
}
