//! Opening the database: one node after the other migrates it and finds or makes the key ring.
//!
//! Tables that were restored from a dump are opened only to finish the restore, by one alone.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use testudo_crypto::RootKey;
use tokio_postgres::Error;

use super::connect::Link;
use super::driver::{Driver, Parts};
use super::place::{Found, Whereabouts};
use super::{PostgresBackend, fault, follow, integrate, schema};
use crate::backend::{Intent, SharedRing};
use crate::persons::PersonKeys;
use crate::{OpenError, PostgresConfig, StoreConfig};

/// The advisory lock of the node that opens.
const LOCK: i64 = 0x7465_7374_7564_6f01;

/// The database, locked for other nodes that open it: the key ring is needed first.
pub(crate) struct Opening {
    link: Link,
    session: ClientWrapper,
    most: usize,
    ring_version: i64,
    /// Where the tables are, when that is to be kept.
    place: Option<Whereabouts>,
    /// The wrapped key ring, when there is one.
    pub ring: Option<Vec<u8>>,
    /// Whether there are keys of people.
    pub has_people: bool,
}

/// What the backend needs of the store.
pub(crate) struct Shared {
    pub root: RootKey,
    pub ring: SharedRing,
    pub persons: Arc<PersonKeys>,
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
fn failed(error: Error) -> OpenError {
    OpenError::Database(fault::cause(&error))
}

/// Connects, takes the lock of the openers and brings the tables to the newest format.
pub(crate) async fn open(settings: &PostgresConfig, intent: Intent) -> Result<Opening, OpenError> {
    let link = Link::new(settings)?;
    let mut session = link.session(|_| ()).await.map_err(OpenError::Database)?;
    // Others may be at it, and a migration may take its time.
    session.batch_execute("SET lock_timeout = '60s'; SET statement_timeout = 0").await.map_err(failed)?;
    session.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await.map_err(failed)?;
    whole(&session, intent).await?;
    if intent != Intent::Use {
        alone(&session).await?;
    }
    schema::migrate(&mut session).await?;
    let place = Whereabouts::now(&session).await.map_err(failed)?;
    let place = match (place.compare(Whereabouts::stored(&session).await.map_err(failed)?.as_deref()), intent) {
        (Found::Restored, Intent::Use) => return Err(OpenError::Restored),
        (Found::Same | Found::New, Intent::Finish { anyway: false }) => return Err(OpenError::NotRestored),
        (_, Intent::Finish { .. }) => Some(Whereabouts::nowhere()),
        (Found::Same, Intent::Use) => None,
        (Found::New, Intent::Use) => Some(place),
    };
    let durable = session.query_one("SELECT current_setting('fsync')", &[]).await.map_err(failed)?;
    if durable.try_get::<_, String>(0).map_err(failed)? != "on" {
        tracing::error!("PostgreSQL runs with `fsync = off`: a crash loses what was acknowledged; switch it on");
    }
    let row = session.query_opt("SELECT version, blob FROM ring", &[]).await.map_err(failed)?;
    let (ring_version, ring) = match row {
        Some(row) => (row.try_get(0).map_err(failed)?, Some(row.try_get(1).map_err(failed)?)),
        None => (1, None),
    };
    let people = session.query_one("SELECT EXISTS (SELECT 1 FROM person_key)", &[]).await.map_err(failed)?;
    let has_people = people.try_get(0).map_err(failed)?;
    Ok(Opening { link, session, most: settings.pool, ring_version, place, ring, has_people })
}

/// Refuses half a store, which only a restore of one part leaves, and an empty database that should be a restored one.
async fn whole(session: &ClientWrapper, intent: Intent) -> Result<(), OpenError> {
    let sql = "SELECT to_regclass('testudo.journal') IS NOT NULL, to_regclass('testudo_keys.ring') IS NOT NULL";
    let row = session.query_one(sql, &[]).await.map_err(failed)?;
    match (row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?) {
        (true, false) => Err(OpenError::KeysLost),
        (false, true) => Err(OpenError::DataLost),
        (false, false) if intent != Intent::Use => Err(OpenError::Empty),
        _ => Ok(()),
    }
}

/// Waits for a moment until nobody else uses the database, or says that somebody does.
async fn alone(session: &ClientWrapper) -> Result<(), OpenError> {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
               AND application_name = 'testudo' AND pid <> pg_backend_pid()";
    let mut others: i64 = 0;
    for _ in 0..20 {
        others = session.query_one(sql, &[]).await.map_err(failed)?.try_get(0).map_err(failed)?;
        if others == 0 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(OpenError::InUse { connections: others })
}

impl Opening {
    /// A value of the store itself.
    pub async fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, OpenError> {
        let row = self.session.query_opt("SELECT value FROM meta WHERE name = $1", &[&name]).await.map_err(failed)?;
        row.map(|row| row.try_get(0)).transpose().map_err(failed)
    }

    /// Stores a fresh key ring and the values of the store itself, before anything else is.
    pub async fn found(&mut self, ring: &[u8], meta: &[(&'static str, Vec<u8>)]) -> Result<(), OpenError> {
        let tx = self.session.transaction().await.map_err(failed)?;
        let sql = "INSERT INTO ring (version, blob) VALUES (1, $1) ON CONFLICT (one) DO UPDATE SET blob = $1";
        tx.execute(sql, &[&ring]).await.map_err(failed)?;
        for (name, value) in meta {
            tx.execute("INSERT INTO meta (name, value) VALUES ($1, $2)", &[name, value]).await.map_err(failed)?;
        }
        tx.commit().await.map_err(failed)
    }

    /// Lets the next node in and starts the tasks on the current runtime.
    pub async fn start(self, config: &StoreConfig, shared: Shared) -> Result<PostgresBackend, OpenError> {
        let sql =
            "SELECT (SELECT COALESCE(MAX(seq) + 1, 0) FROM journal), (SELECT COALESCE(MAX(number), 0) FROM erasures)";
        let row = self.session.query_one(sql, &[]).await.map_err(failed)?;
        let size: i64 = row.try_get(0).map_err(failed)?;
        let driver = Arc::new(Driver::new(Parts {
            pool: self.link.pool(self.most)?,
            link: self.link,
            root: shared.root,
            ring: shared.ring,
            ring_version: self.ring_version,
            persons: shared.persons,
            erasures: row.try_get(1).map_err(failed)?,
            size: size.cast_unsigned(),
            queue: config.queue,
        }));
        if let Some(place) = &self.place {
            place.keep(&self.session).await.map_err(failed)?;
        }
        destroy_survivors(&self.session).await?;
        // The end of the session is the end of the lock.
        drop(self.session);
        let tasks = vec![tokio::spawn(follow::run(driver.clone())), tokio::spawn(integrate::run(driver.clone()))];
        Ok(PostgresBackend::new(driver, tasks))
    }
}

/// Destroys the keys of erased people that came back with a restored table of keys.
async fn destroy_survivors(session: &ClientWrapper) -> Result<(), OpenError> {
    let sql = "DELETE FROM testudo_keys.person_key k USING testudo.erased e WHERE k.person = e.person";
    let survivors = session.execute(sql, &[]).await.map_err(failed)?;
    if survivors > 0 {
        tracing::warn!(survivors, "keys of erased people were in the database; they are destroyed");
        session.batch_execute("VACUUM testudo_keys.person_key").await.map_err(failed)?;
    }
    Ok(())
}
