//! PostgreSQL: many nodes on one database.
//!
//! - Connections are pooled, and live on the runtime that opened the store (`driver`, `connect`).
//! - A commit is one transaction; its entries go into an inbox (`commit`, `apply`).
//! - One node at a time gives committed entries their place in the log (`integrate`), all nodes hear of it (`follow`).
//! - Rotated key rings and erased people reach every node before it sees what was written with them.
//!
//! The session lock of the integrator and LISTEN need real sessions: a pooler between the nodes and PostgreSQL must not
//! share connections between transactions.

mod apply;
mod commit;
mod connect;
mod driver;
mod fault;
mod follow;
mod integrate;
mod opening;
mod place;
mod read;
mod schema;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::Error;

use self::commit::Patience;
use self::driver::{Driver, NoConnection, Work};
pub(crate) use self::opening::{Opening, Shared, open};
use crate::backend::{
    Backend, BackupFiles, CheckpointRow, DocumentRow, KeyName, KeyState, ListScan, PersonKeyRow, Prepared, Reply,
};
use crate::counters;
use crate::journal::appender::{Row, tail_of};
use crate::journal::terms::{Chunk, SEGMENT, Tail};
use crate::merkle::Hash;
use crate::tx::Receipt;
use crate::{CommitError, Key, ReadError, UpkeepError};

/// How long closing waits for what was accepted.
const LAST: Duration = Duration::from_secs(6);
/// The limit of work that is to end in certainty: none that matters.
const ENDLESS: Duration = Duration::from_hours(24 * 365);

/// The store on PostgreSQL.
pub(crate) struct PostgresBackend {
    driver: Arc<Driver>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl PostgresBackend {
    fn new(driver: Arc<Driver>, tasks: Vec<JoinHandle<()>>) -> PostgresBackend {
        PostgresBackend { driver, tasks: Mutex::new(tasks) }
    }

    fn commit_within(
        &self,
        limit: Duration,
        prepared: Prepared,
        patience: Patience,
    ) -> BoxFuture<'static, Result<Receipt, CommitError>> {
        let driver = self.driver.clone();
        let entered = match self.driver.enter() {
            Ok(Some(permit)) => {
                let work = async move { commit::commit(&driver, &prepared, patience).await };
                Ok(self.driver.at_home(limit, permit, work))
            }
            Ok(None) => Err(CommitError::Full),
            Err(cause) => Err(CommitError::Unavailable(cause)),
        };
        async move { entered?.await.unwrap_or(Err(CommitError::Uncertain)) }.boxed()
    }

    /// Runs a read on a pooled connection.
    fn read<T: Send + 'static>(
        &self,
        work: impl for<'c> Fn(&'c ClientWrapper) -> BoxFuture<'c, Result<T, Error>> + Send + Sync + 'static,
    ) -> Reply<'static, T> {
        let work: Work<T> = Box::new(work);
        self.home(async move |driver: Arc<Driver>| driver.read(&work).await)
    }

    /// Reads documents, and takes over the key ring that they need.
    fn documents(
        &self,
        work: impl for<'c> Fn(&'c ClientWrapper) -> BoxFuture<'c, Result<read::Documents, Error>> + Send + Sync + 'static,
    ) -> Reply<'static, Vec<DocumentRow>> {
        let work: Work<read::Documents> = Box::new(work);
        let run = move |driver: Arc<Driver>| async move {
            let (rows, version) = driver.read(&work).await?;
            if version > driver.ring_version.load(Ordering::Acquire) {
                let ring: Work<_> = Box::new(|on| read::ring(on).boxed());
                if let Some((version, blob)) = driver.read(&ring).await? {
                    driver.adopt(version, &blob);
                }
            }
            Ok(rows)
        };
        self.home(run)
    }

    /// Runs work for a reader on the home runtime.
    fn home<T, F>(&self, work: impl FnOnce(Arc<Driver>) -> F) -> Reply<'static, T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ReadError>> + Send + 'static,
    {
        let entered = match self.driver.enter() {
            Ok(Some(permit)) => Ok(self.driver.at_home(Driver::read_limit(), permit, work(self.driver.clone()))),
            Ok(None) => Err(ReadError::Full),
            Err(cause) => Err(ReadError::Unavailable(cause)),
        };
        async move {
            let answer = entered?.await;
            answer.unwrap_or_else(|| Err(ReadError::Unavailable("PostgreSQL did not answer in time".into())))
        }
        .boxed()
    }
}

impl Drop for PostgresBackend {
    fn drop(&mut self) {
        self.tasks.lock().iter().for_each(JoinHandle::abort);
    }
}

impl Backend for PostgresBackend {
    fn commit(&self, prepared: Prepared) -> BoxFuture<'_, Result<Receipt, CommitError>> {
        self.commit_within(commit::LIMIT, prepared, Patience::Short)
    }

    fn commit_surely(&self, prepared: Prepared) -> BoxFuture<'_, Result<Receipt, CommitError>> {
        self.commit_within(ENDLESS, prepared, Patience::Long)
    }

    fn document(&self, kind: &'static str, key: Key) -> Reply<'_, Option<DocumentRow>> {
        let found = self.documents(move |on| read::document(on, kind, key.clone()).boxed());
        async move { found.await.map(|rows| rows.into_iter().next()) }.boxed()
    }

    fn find(&self, kind: &'static str, index: String, value: Vec<u8>, limit: u32) -> Reply<'_, Vec<DocumentRow>> {
        self.documents(move |on| read::find(on, kind, index.clone(), value.clone(), limit).boxed())
    }

    fn list(&self, kind: &'static str, scan: ListScan) -> Reply<'_, Vec<DocumentRow>> {
        self.documents(move |on| read::list(on, kind, scan.clone()).boxed())
    }

    fn person_key(&self, name: KeyName) -> Reply<'_, KeyState> {
        self.read(move |on| read::person_key(on, name).boxed())
    }

    fn person_keys(&self, after: Option<[u8; 16]>, limit: u32) -> Reply<'_, Vec<PersonKeyRow>> {
        self.read(move |on| read::person_keys(on, after, limit).boxed())
    }

    fn wrapped_ring(&self) -> Reply<'_, Option<Vec<u8>>> {
        let ring = self.read(|on| read::ring(on).boxed());
        async move { Ok(ring.await?.map(|(_, blob)| blob)) }.boxed()
    }

    fn erased(&self) -> Reply<'_, Vec<([u8; 16], i64)>> {
        self.read(|on| read::erased(on).boxed())
    }

    fn rows(&self, from: u64, to: u64, limit: u32, last: bool) -> Reply<'_, Vec<Row>> {
        self.read(move |on| read::rows(on, from, to, limit, last).boxed())
    }

    fn rows_at(&self, places: Vec<u64>) -> Reply<'_, Vec<Row>> {
        let places: Vec<i64> = places.into_iter().map(|place| i64::try_from(place).unwrap_or(i64::MAX)).collect();
        self.read(move |on| read::rows_at(on, places.clone()).boxed())
    }

    fn chunks(&self, segment: u64, terms: Vec<u64>) -> Reply<'_, Vec<Chunk>> {
        self.read(move |on| read::chunks(on, segment, terms.clone()).boxed())
    }

    fn segment(&self, segment: u64) -> Reply<'_, Vec<Chunk>> {
        self.read(move |on| read::segment(on, segment).boxed())
    }

    fn tail(&self, wanted: Vec<Vec<u64>>, from: u64) -> Reply<'_, (u64, Vec<u16>)> {
        self.home(|driver| tail(driver, wanted, from))
    }

    fn nodes(&self, level: u32, from: u64, to: u64) -> Reply<'_, Vec<Hash>> {
        self.read(move |on| read::nodes(on, level, from, to).boxed())
    }

    fn checkpoints(&self, from: u64, limit: u32) -> Reply<'_, Vec<CheckpointRow>> {
        let run = move |driver: Arc<Driver>| async move {
            let work: Work<_> = Box::new(move |on| read::checkpoints(on, from, limit).boxed());
            let rows = driver.read(&work).await?;
            // Another node may have made one for entries that this node has not heard of yet.
            if rows.last().is_some_and(|row| row.size > *driver.head.borrow()) {
                let client = driver.connection().await.map_err(|none| match none {
                    NoConnection::Busy => ReadError::Full,
                    NoConnection::Down(cause) => ReadError::Unavailable(cause),
                })?;
                let synced = follow::sync(&driver, &client).await;
                synced.map_err(|error| ReadError::Unavailable(fault::cause(&error)))?;
            }
            Ok(rows)
        };
        self.home(run)
    }

    fn cursor(&self, observer: String) -> Reply<'_, Option<u64>> {
        self.read(move |on| read::cursor(on, observer.clone()).boxed())
    }

    fn lowest_cursor(&self) -> Reply<'_, Option<u64>> {
        self.read(|on| read::lowest_cursor(on).boxed())
    }

    fn head(&self) -> watch::Receiver<u64> {
        self.driver.head.subscribe()
    }

    fn leads(&self) -> bool {
        self.driver.leads.load(Ordering::Acquire)
    }

    fn add(&self, counter: String, key: Vec<u8>, window: Duration, now: i64, n: u64) -> Reply<'_, u64> {
        let window = counters::length(window);
        // The name is keyed: what is counted may be an address, which must not stand in the database.
        let name = self.driver.ring().blind_index(&format!("counter/{window}/{counter}"), &key);
        let number = now.div_euclid(window);
        let count = read::Count { number, n, ends: number.saturating_add(2).saturating_mul(window) };
        self.driver.counted.fetch_max(now, Ordering::AcqRel);
        let adding = self.read(move |on| read::add(on, name, count).boxed());
        async move {
            let (current, previous) = adding.await?;
            Ok(counters::total(current, previous, window, now))
        }
        .boxed()
    }

    fn backup(&self, _data: PathBuf, _keys: PathBuf) -> BoxFuture<'_, Result<BackupFiles, UpkeepError>> {
        let text = "PostgreSQL is backed up with its own tools, first `pg_dump --schema=testudo` for the data, then \
                    `pg_dump --schema=testudo_keys` for the keys, which are kept apart from the data, and last \
                    `testudo backup --erased FILE` for the list of the erased";
        async move { Err(UpkeepError::Refused(text.into())) }.boxed()
    }

    fn without_key(&self) -> Reply<'_, u64> {
        self.read(|on| read::without_key(on).boxed())
    }

    fn restore_done(&self) -> BoxFuture<'_, Result<(), UpkeepError>> {
        // At home, as everything is that waits for a connection.
        let done = self.home(|driver| async move {
            let client = driver.connection().await.map_err(|none| match none {
                NoConnection::Busy => ReadError::Full,
                NoConnection::Down(cause) => ReadError::Unavailable(cause),
            })?;
            let kept = async { place::Whereabouts::now(&client).await?.keep(&client).await };
            kept.await.map_err(|error| ReadError::Unavailable(fault::cause(&error)))
        });
        async move { done.await.map_err(UpkeepError::Read) }.boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        let driver = self.driver.clone();
        let tasks = std::mem::take(&mut *self.tasks.lock());
        async move {
            driver.closing.store(true, Ordering::Release);
            driver.drained(LAST).await;
            for task in tasks {
                task.abort();
                let _ = task.await;
            }
            driver.pool.close();
        }
        .boxed()
    }
}

/// Searches the index of the entries after the last full segment; what was read before is not read again.
async fn tail(driver: Arc<Driver>, wanted: Vec<Vec<u64>>, wanted_from: u64) -> Result<(u64, Vec<u16>), ReadError> {
    let mut known = driver.tail.lock().await;
    let size = *driver.head.borrow();
    let segment = size / SEGMENT;
    if known.tail.segment != segment {
        *known = driver::KnownTail { tail: Tail { segment, pairs: Vec::new() }, to: segment * SEGMENT };
    }
    let from = known.to.max(segment * SEGMENT);
    if from < size {
        let limit = u32::try_from(SEGMENT).unwrap_or(u32::MAX);
        let work: Work<_> = Box::new(move |on| read::rows(on, from, size, limit, false).boxed());
        let rows = driver.read(&work).await?;
        known.tail.pairs.extend(tail_of(segment, &rows).pairs);
        known.to = size;
    }
    Ok((segment, known.tail.search(&wanted, wanted_from)))
}
