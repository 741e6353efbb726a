//! Commits: all or nothing, tried again where the database asks for it, and never left in doubt without saying so.
//!
//! A commit puts its entries into the inbox, in the same transaction as its changes. It is durable then; what follows is
//! only the wait until the integrator has given them their places.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::{Client, Pool, Transaction};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_postgres::error::SqlState;

use super::apply::{self, Aftermath};
use super::driver::{Driver, NoConnection};
use super::fault::{self, Failed};
use crate::CommitError;
use crate::backend::{EventDraft, Prepared};
use crate::tx::Receipt;

/// How long a transaction may take, with all tries.
const WORK: Duration = Duration::from_secs(5);
/// How long it is asked what became of a commit whose connection broke.
const DOUBT: Duration = Duration::from_secs(3);
/// Between two questions what became of it.
const AGAIN: Duration = Duration::from_millis(50);
/// How long the places of the entries are waited for.
const PLACES: Duration = Duration::from_secs(3);
/// How often a transaction is tried.
const TRIES: u32 = 8;
/// The bytes of a row of the inbox; more only when a single entry has more.
const ROW: usize = 8 << 20;

/// The limit of a commit as a whole.
pub(super) const LIMIT: Duration = WORK.saturating_add(DOUBT).saturating_add(PLACES);

/// How long somebody waits for the truth about a commit whose connection broke.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Patience {
    /// [`DOUBT`]: a caller waits for the answer.
    Short,
    /// Until it is known, or the store is closed.
    Long,
}

/// Commits; durable when it returns. The places are left out of the receipt when they are not known in time.
pub(super) async fn commit(driver: &Driver, prepared: &Prepared, patience: Patience) -> Result<Receipt, CommitError> {
    let limit = Instant::now() + WORK;
    let mut tries = 1;
    let done = loop {
        let cause = match attempt(driver, prepared, limit).await {
            Ok(done) => break done,
            Err(Stop::Refused(error)) => return Err(error),
            Err(Stop::Down(cause)) => return Err(CommitError::Unavailable(cause)),
            Err(Stop::Busy) => return Err(CommitError::Full),
            Err(Stop::Failed(error)) if fault::passing(&error) => fault::cause(&error),
            Err(Stop::Failed(error)) => return Err(CommitError::Unavailable(fault::cause(&error))),
            Err(Stop::Slow) => return Err(CommitError::Unavailable("PostgreSQL did not answer in time".into())),
            Err(Stop::Doubt(done)) => match became(driver, &done.transaction, patience).await {
                Some(true) => break done,
                Some(false) => "the connection to PostgreSQL broke".to_owned(),
                None => return Err(CommitError::Uncertain),
            },
        };
        if tries == TRIES || Instant::now() >= limit {
            return Err(CommitError::Unavailable(cause));
        }
        // Who met once does not meet again at once.
        let [byte] = testudo_crypto::random::array();
        sleep(Duration::from_micros(u64::from(byte) * 20) * tries).await;
        tries += 1;
    };
    after(driver, &done.after);
    let Some(waiting) = done.waiting else { return Ok(Receipt::default()) };
    driver.announce();
    Ok(waiting.places().await)
}

/// A transaction that was committed, or of which that is not known yet.
struct Done<'a> {
    transaction: String,
    after: Aftermath,
    waiting: Option<Waiting<'a>>,
}

/// Why an attempt ended.
enum Stop<'a> {
    Refused(CommitError),
    Failed(tokio_postgres::Error),
    Slow,
    Busy,
    Down(String),
    /// The connection broke while the transaction was committed.
    Doubt(Box<Done<'a>>),
}

impl From<Failed> for Stop<'_> {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Refused(error) => Stop::Refused(error),
            Failed::Database(error) => Stop::Failed(error),
        }
    }
}

impl From<tokio_postgres::Error> for Stop<'_> {
    fn from(error: tokio_postgres::Error) -> Self {
        Stop::Failed(error)
    }
}

async fn attempt<'a>(driver: &'a Driver, prepared: &Prepared, limit: Instant) -> Result<Box<Done<'a>>, Stop<'a>> {
    let mut client = match timeout_at(limit, driver.connection()).await {
        Ok(Ok(client)) => client,
        Ok(Err(NoConnection::Busy)) | Err(_) => return Err(Stop::Busy),
        Ok(Err(NoConnection::Down(cause))) => return Err(Stop::Down(cause)),
    };
    let outcome = transact(driver, &mut client, prepared, limit).await;
    let spoilt = match &outcome {
        Ok(_) | Err(Stop::Refused(_) | Stop::Busy | Stop::Down(_)) => false,
        Err(Stop::Failed(error)) => fault::broken(error),
        Err(Stop::Slow | Stop::Doubt(_)) => true,
    };
    if spoilt {
        drop(Client::take(client));
    }
    outcome
}

async fn transact<'a>(
    driver: &'a Driver,
    client: &mut Client,
    prepared: &Prepared,
    limit: Instant,
) -> Result<Box<Done<'a>>, Stop<'a>> {
    let slow = |_| Stop::Slow;
    let tx = timeout_at(limit, client.transaction()).await.map_err(slow)??;
    let after = timeout_at(limit, apply::apply(&tx, &prepared.ops)).await.map_err(slow)??;
    let (transaction, places) = timeout_at(limit, put(&tx, &prepared.drafts)).await.map_err(slow)??;
    let waiting = Waiting::of(driver, places);
    let done = Box::new(Done { transaction, after, waiting });
    // The commit has time of its own: to give up on it early would only make doubt.
    match timeout_at(limit + DOUBT, tx.commit()).await {
        Ok(Ok(())) => Ok(done),
        Ok(Err(error)) if !fault::broken(&error) => Err(Stop::Failed(error)),
        Ok(Err(_)) | Err(_) => Err(Stop::Doubt(done)),
    }
}

/// Puts the entries into the inbox; the name of the transaction, and the places in the inbox.
async fn put(tx: &Transaction<'_>, drafts: &[EventDraft]) -> Result<(String, Vec<i64>), Failed> {
    if drafts.is_empty() {
        let statement = tx.prepare_cached("SELECT pg_current_xact_id()::text").await?;
        return Ok((tx.query_one(&statement, &[]).await?.try_get(0)?, Vec::new()));
    }
    let sql = "INSERT INTO inbox (size, bodies, terms) VALUES ($1, $2, $3) \
               RETURNING place, pg_current_xact_id()::text";
    let statement = tx.prepare_cached(sql).await?;
    let (mut name, mut places, mut rest) = (String::new(), Vec::new(), drafts);
    while !rest.is_empty() {
        let mut size = 0usize;
        let count = rest
            .iter()
            .take_while(|draft| {
                size += draft.body.len() + draft.terms.len() * 8;
                size <= ROW
            })
            .count();
        let (part, more) = rest.split_at(count.max(1));
        let bodies: Vec<&[u8]> = part.iter().map(|draft| draft.body.as_slice()).collect();
        let terms: Vec<Vec<u8>> =
            part.iter().map(|draft| draft.terms.iter().flat_map(|term| term.to_be_bytes()).collect()).collect();
        let size: usize = bodies.iter().map(|body| body.len()).sum();
        let size = i32::try_from(size).unwrap_or(i32::MAX);
        let row = tx.query_one(&statement, &[&size, &bodies, &terms]).await?;
        places.push(row.try_get(0)?);
        name = row.try_get(1)?;
        rest = more;
    }
    Ok((name, places))
}

/// Whether a transaction was committed; none when it cannot be known in time.
async fn became(driver: &Driver, transaction: &str, patience: Patience) -> Option<bool> {
    let mut limit = Instant::now() + DOUBT;
    loop {
        if Instant::now() >= limit {
            if patience == Patience::Short || driver.closing.load(Ordering::Acquire) {
                return None;
            }
            limit = Instant::now() + DOUBT;
        }
        if let Ok(Ok(client)) = timeout_at(limit, driver.connection()).await {
            let asked = async {
                let statement = client.prepare_cached("SELECT pg_xact_status($1::text::xid8)").await?;
                client.query_one(&statement, &[&transaction]).await?.try_get::<_, Option<String>>(0)
            };
            match timeout_at(limit, asked).await {
                Ok(Ok(status)) => match status.as_deref() {
                    Some("committed") => return Some(true),
                    Some("aborted") => return Some(false),
                    Some(_) => {}
                    None => return None,
                },
                // A number that this server has not given out yet: another one took over, and never heard of it.
                Ok(Err(error)) if error.code() == Some(&SqlState::INVALID_PARAMETER_VALUE) => return Some(false),
                Ok(Err(_)) => {}
                Err(_) => drop(Client::take(client)),
            }
        }
        sleep(AGAIN).await;
    }
}

/// What a commit leaves to do.
fn after(driver: &Driver, after: &Aftermath) {
    if after.tell {
        driver.log.notify_one();
    }
    if after.destroyed {
        // What is left of destroyed keys in the table is overwritten soon, not at the server's leisure.
        driver.sweeper.clone().sweep(driver.pool.clone());
    }
}

/// Vacuums the table of person keys after erasures: one at a time, however many there are, so that it never takes more
/// than one connection from those who wait.
#[derive(Debug, Default)]
pub(super) struct Sweeper {
    /// Something was destroyed since the last time began.
    due: AtomicBool,
    running: AtomicBool,
}

impl Sweeper {
    fn sweep(self: Arc<Self>, pool: Pool) {
        self.due.store(true, Ordering::Release);
        if self.running.swap(true, Ordering::AcqRel) {
            return;
        }
        tokio::spawn(async move {
            loop {
                while self.due.swap(false, Ordering::AcqRel) {
                    let Ok(client) = pool.get().await else { break };
                    if let Err(error) = client.batch_execute("VACUUM person_key").await {
                        tracing::debug!(cause = fault::cause(&error), "the table of person keys was not vacuumed");
                    }
                }
                self.running.store(false, Ordering::Release);
                // Who came between the two saw it run.
                if !self.due.load(Ordering::Acquire) || self.running.swap(true, Ordering::AcqRel) {
                    break;
                }
            }
        });
    }
}

/// The wait for the places of entries.
struct Waiting<'a> {
    driver: &'a Driver,
    places: Vec<i64>,
    answers: Vec<oneshot::Receiver<(u64, u64)>>,
}

impl<'a> Waiting<'a> {
    fn of(driver: &'a Driver, places: Vec<i64>) -> Option<Waiting<'a>> {
        if places.is_empty() {
            return None;
        }
        let answers = places.iter().map(|place| driver.waiters.wait(*place)).collect();
        Some(Waiting { driver, places, answers })
    }

    async fn places(mut self) -> Receipt {
        let limit = Instant::now() + PLACES;
        let (mut first, mut last) = (u64::MAX, 0);
        for answer in std::mem::take(&mut self.answers) {
            let Ok(Ok((from, to))) = timeout_at(limit, answer).await else {
                tracing::warn!("entries are committed, but have no place in the log yet");
                return Receipt::default();
            };
            (first, last) = (first.min(from), last.max(to));
        }
        Receipt { first_seq: Some(first), last_seq: Some(last) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.places.iter().for_each(|place| self.driver.waiters.leave(*place));
    }
}
