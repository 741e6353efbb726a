//! The integrator: gives committed entries their place in the log, one node at a time.
//!
//! Transactions commit in another order than they begin, so a number that is drawn within one would leave gaps behind
//! which entries appear later, and a tail would skip them. Here entries wait in the inbox until they are committed; then
//! whoever holds the lock moves what is there, in one transaction, to the end of the log. The lock belongs to the session
//! that does the moving, so it ends with it, and nobody moves without it.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use tokio::time::{Instant, sleep, timeout};
use tokio::try_join;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Statement};

use super::driver::{Driver, longer};
use super::{fault, follow, read};
use crate::backend::EventDraft;
use crate::journal::appender::{Appended, Appender};
use crate::journal::terms::signed;

/// The advisory lock of the integrator.
const LOCK: i64 = 0x7465_7374_7564_6f02;
/// How often a node asks for the lock that another one holds. It asks rather than waits: a statement that waits keeps
/// the database from cleaning up the inbox.
const CANDIDATE: Duration = Duration::from_millis(200);
/// How often the inbox is looked at when nobody says that something is in it.
const POLL: Duration = Duration::from_millis(500);
/// The most rows, and about the most bytes, that are moved at once.
const BATCH: (i64, i64) = (4_096, 16 << 20);
/// How long moving may take before the session is given up.
const SLOW: Duration = Duration::from_secs(15);
/// A session that lasted this long did not fail by itself, so the next one comes at once.
const STEADY: Duration = Duration::from_secs(10);
/// How often what nobody needs any more is removed.
const TIDY: Duration = Duration::from_mins(1);

/// Integrates whenever this node can.
pub(super) async fn run(driver: Arc<Driver>) {
    let mut pause = Duration::ZERO;
    loop {
        let began = Instant::now();
        let Err(cause) = lead(&driver).await;
        driver.leads.store(false, Ordering::Release);
        tracing::warn!(cause, "this node does not integrate entries now; it tries again");
        pause = longer(if began.elapsed() > STEADY { Duration::ZERO } else { pause });
        sleep(pause).await;
    }
}

/// One session, from asking for the lock to the failure that ends it.
async fn lead(driver: &Driver) -> Result<Infallible, String> {
    let mut session = driver.link.session(|_| ()).await?;
    while !locked(&session).await? {
        sleep(CANDIDATE).await;
    }
    let state =
        timeout(SLOW, read::appender(&session)).await.map_err(|_| slow())?.map_err(|error| fault::cause(&error))?;
    let mut integrator = Integrator { appender: Appender::new(state), driver };
    driver.publish(integrator.appender.size());
    driver.leads.store(true, Ordering::Release);
    tracing::debug!("this node integrates entries now");
    let mut tidied = None::<Instant>;
    loop {
        let moved = timeout(SLOW, integrator.step(&mut session)).await.map_err(|_| slow())??;
        if tidied.is_none_or(|at| at.elapsed() > TIDY) {
            tidied = Some(Instant::now());
            integrator.tidy(&session).await.map_err(|error| fault::cause(&error))?;
        }
        if !moved {
            let _ = timeout(POLL, driver.inbox.notified()).await;
        }
    }
}

fn slow() -> String {
    "PostgreSQL did not answer in time".to_owned()
}

async fn locked(session: &ClientWrapper) -> Result<bool, String> {
    let asked = async {
        let statement = session.prepare_cached("SELECT pg_try_advisory_lock($1)").await?;
        session.query_one(&statement, &[&LOCK]).await?.try_get(0)
    };
    timeout(SLOW, asked).await.map_err(|_| slow())?.map_err(|error: Error| fault::cause(&error))
}

struct Integrator<'a> {
    appender: Appender,
    driver: &'a Driver,
}

type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Entries of one row of the inbox, with their places in the log.
struct Moved {
    place: i64,
    first: u64,
    last: u64,
}

impl Integrator<'_> {
    /// Moves what is in the inbox, at most a batch; whether there was something. After an error the state in memory is
    /// not to be used any more.
    async fn step(&mut self, session: &mut ClientWrapper) -> Result<bool, String> {
        let failed = |error: Error| fault::cause(&error);
        let Taken { rows, ring, erasures } = take(session).await.map_err(failed)?;
        if rows.is_empty() {
            return Ok(false);
        }
        if !follow::keys(self.driver, session, ring, erasures).await.map_err(failed)? {
            return Err("the key ring of the database does not open here".to_owned());
        }
        let ring = self.driver.ring();
        let (mut moved, mut appended) = (Vec::with_capacity(rows.len()), Appended::default());
        for (place, drafts) in rows {
            let first = self.appender.size();
            for draft in &drafts {
                self.appender.append(draft, &ring, &mut appended);
            }
            moved.push(Moved { place, first, last: self.appender.size().saturating_sub(1) });
        }
        store(session, &moved, &appended).await.map_err(failed)?;
        self.driver.publish(self.appender.size());
        for one in moved {
            self.driver.waiters.placed(one.place, one.first, one.last);
        }
        Ok(true)
    }

    /// Removes places that nobody asks for any more, and counters whose windows are over.
    async fn tidy(&self, session: &ClientWrapper) -> Result<(), Error> {
        session.execute("DELETE FROM placed WHERE at < now() - interval '1 minute'", &[]).await?;
        let now = self.driver.counted.load(Ordering::Acquire);
        session.execute("DELETE FROM counter WHERE ends < $1", &[&now]).await?;
        Ok(())
    }
}

/// Rows of the inbox, and the state of the keys when they were read.
#[derive(Default)]
struct Taken {
    rows: Vec<(i64, Vec<EventDraft>)>,
    ring: i64,
    erasures: i64,
}

/// The next rows of the inbox. Only who holds the lock removes rows, so they are still there when they are moved.
async fn take(session: &ClientWrapper) -> Result<Taken, Error> {
    let sql = "SELECT place, bodies, terms, (SELECT version FROM ring), (SELECT number FROM erasures) FROM (SELECT place, bodies, terms, size, SUM(size) OVER (ORDER BY place) \
               AS total FROM inbox ORDER BY place LIMIT $1) AS next WHERE total - size < $2 ORDER BY place";
    let statement = session.prepare_cached(sql).await?;
    let rows = session.query(&statement, &[&BATCH.0, &BATCH.1]).await?;
    let draft = |(body, terms): (Vec<u8>, Vec<u8>)| {
        let terms = terms.chunks_exact(8).filter_map(|term| term.first_chunk::<8>());
        EventDraft { body, terms: terms.map(|term| u64::from_be_bytes(*term)).collect() }
    };
    let mut taken = Taken::default();
    for row in rows {
        let (bodies, terms): (Vec<Vec<u8>>, Vec<Vec<u8>>) = (row.try_get(1)?, row.try_get(2)?);
        taken.rows.push((row.try_get(0)?, bodies.into_iter().zip(terms).map(draft).collect()));
        taken.ring = row.try_get::<_, Option<i64>>(3)?.unwrap_or_default();
        taken.erasures = row.try_get::<_, Option<i64>>(4)?.unwrap_or_default();
    }
    Ok(taken)
}

/// Writes a batch of the log, and takes it out of the inbox, at once.
async fn store(session: &mut ClientWrapper, moved: &[Moved], appended: &Appended) -> Result<(), Error> {
    let sql = "INSERT INTO journal (seq, leaf, mac, entry) \
               SELECT * FROM UNNEST($1::bigint[], $2::bytea[], $3::bytea[], $4::bytea[])";
    let to_journal = session.prepare_cached(sql).await?;
    let sql = "INSERT INTO node (level, place, hash) SELECT * FROM UNNEST($1::int[], $2::bigint[], $3::bytea[]) \
               ON CONFLICT (level, place) DO UPDATE SET hash = EXCLUDED.hash";
    let to_node = session.prepare_cached(sql).await?;
    let sql = "INSERT INTO chunk (segment, first, number, data) \
               SELECT * FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[]) \
               ON CONFLICT (segment, first, number) DO UPDATE SET data = EXCLUDED.data";
    let to_chunk = session.prepare_cached(sql).await?;
    let sql = "WITH gone AS (DELETE FROM inbox WHERE place = ANY($1::bigint[])) \
               INSERT INTO placed (place, first, last) SELECT * FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[]) \
               ON CONFLICT (place) DO UPDATE SET first = EXCLUDED.first, last = EXCLUDED.last";
    let to_placed = session.prepare_cached(sql).await?;
    let to_tell = session.prepare_cached("SELECT pg_notify('testudo', 'log')").await?;

    let rows = || appended.rows();
    let seqs: Vec<i64> = rows().map(|row| row.seq.cast_signed()).collect();
    let leaves: Vec<&[u8]> = rows().map(|row| row.leaf).collect();
    let macs: Vec<&[u8]> = rows().map(|row| row.mac).collect();
    let entries: Vec<&[u8]> = rows().map(|row| row.entry).collect();
    let (nodes, chunks) = (&appended.nodes, &appended.chunks);
    let levels: Vec<i32> = nodes.iter().map(|(node, _)| node.level.cast_signed()).collect();
    let indexes: Vec<i64> = nodes.iter().map(|(node, _)| node.index.cast_signed()).collect();
    let hashes: Vec<&[u8]> = nodes.iter().map(|(_, hash)| hash.as_slice()).collect();
    let segments: Vec<i64> = chunks.iter().map(|chunk| chunk.segment.cast_signed()).collect();
    let firsts: Vec<i64> = chunks.iter().map(|chunk| signed(chunk.first)).collect();
    let numbers: Vec<i64> = chunks.iter().map(|chunk| i64::from(chunk.number)).collect();
    let data: Vec<&[u8]> = chunks.iter().map(|chunk| chunk.data.as_slice()).collect();
    let places: Vec<i64> = moved.iter().map(|one| one.place).collect();
    let from: Vec<i64> = moved.iter().map(|one| one.first.cast_signed()).collect();
    let to: Vec<i64> = moved.iter().map(|one| one.last.cast_signed()).collect();

    let tx = session.transaction().await?;
    let run = async |statement: &Statement, params: Params<'_>, needed: bool| {
        if needed { tx.execute(statement, params).await } else { Ok(0) }
    };
    // Polled together, the statements go out together: one trip instead of five.
    let (journal, inbox): (Params<'_>, Params<'_>) = (&[&seqs, &leaves, &macs, &entries], &[&places, &from, &to]);
    let (node, chunk): (Params<'_>, Params<'_>) =
        (&[&levels, &indexes, &hashes], &[&segments, &firsts, &numbers, &data]);
    try_join!(
        run(&to_journal, journal, true),
        run(&to_node, node, !levels.is_empty()),
        run(&to_chunk, chunk, !segments.is_empty()),
        run(&to_placed, inbox, true),
        run(&to_tell, &[], true),
    )?;
    tx.commit().await
}
