//! The follower: learns what other nodes did. It listens on a connection of its own, and looks twice a second whether it
//! missed something.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Error;

use super::driver::{Driver, longer};
use super::{fault, read};

/// How often it is looked when nobody says anything.
const POLL: Duration = Duration::from_millis(500);
/// A session that lasted this long did not fail by itself, so the next one comes at once.
const STEADY: Duration = Duration::from_secs(10);
/// How long a look may take.
const SLOW: Duration = Duration::from_secs(5);

/// Follows, and connects again whenever the connection is lost.
pub(super) async fn run(driver: Arc<Driver>) {
    let mut pause = Duration::ZERO;
    loop {
        let began = Instant::now();
        let Err(cause) = listen(&driver).await;
        tracing::warn!(cause, "this node does not hear of the others now; it connects again");
        pause = longer(if began.elapsed() > STEADY { Duration::ZERO } else { pause });
        sleep(pause).await;
    }
}

async fn listen(driver: &Driver) -> Result<Infallible, String> {
    let (inbox, log) = (driver.inbox.clone(), driver.log.clone());
    let woken = move |payload: &str| if payload == "in" { inbox.notify_one() } else { log.notify_one() };
    let session = driver.link.session(woken).await?;
    let slow = |_| "PostgreSQL did not answer in time".to_owned();
    let failed = |error: Error| fault::cause(&error);
    timeout(SLOW, session.batch_execute("LISTEN testudo")).await.map_err(slow)?.map_err(failed)?;
    driver.reached();
    loop {
        timeout(SLOW, sync(driver, &session)).await.map_err(slow)?.map_err(failed)?;
        tokio::select! {
            () = driver.log.notified() => {}
            () = sleep(POLL) => {}
            () = driver.announce.notified() => {
                let told = session.execute("SELECT pg_notify('testudo', 'in')", &[]);
                timeout(SLOW, told).await.map_err(slow)?.map_err(failed)?;
            }
        }
    }
}

/// Takes over what is in the database by now: keys first, then the log that was made with them.
pub(super) async fn sync(driver: &Driver, on: &ClientWrapper) -> Result<(), Error> {
    let sql = "SELECT (SELECT COALESCE(MAX(seq) + 1, 0) FROM journal), (SELECT version FROM ring), \
               (SELECT number FROM erasures)";
    let statement = on.prepare_cached(sql).await?;
    let row = on.query_one(&statement, &[]).await?;
    let (size, ring, erasures): (i64, Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    if !keys(driver, on, ring.unwrap_or_default(), erasures.unwrap_or_default()).await? {
        // What was made with unknown keys is not shown: it could not be checked.
        return Ok(());
    }
    let size = size.cast_unsigned();
    driver.publish(size);
    let waiting = driver.waiters.places();
    if waiting.is_empty() {
        return Ok(());
    }
    let statement = on.prepare_cached("SELECT place, first, last FROM placed WHERE place = ANY($1::bigint[])").await?;
    for row in on.query(&statement, &[&waiting]).await? {
        let (first, last) = (row.try_get::<_, i64>(1)?.cast_unsigned(), row.try_get::<_, i64>(2)?.cast_unsigned());
        // Nobody learns of a place before it can be read.
        if last < size {
            driver.waiters.placed(row.try_get(0)?, first, last);
        }
    }
    Ok(())
}

/// Takes over what other nodes did to the keys, up to this version of the ring and this number of erasures; whether the
/// ring opened. To be called before what was made with these keys is shown.
pub(super) async fn keys(driver: &Driver, on: &ClientWrapper, ring: i64, erasures: i64) -> Result<bool, Error> {
    if ring > driver.ring_version.load(Ordering::Acquire) {
        match read::ring(on).await? {
            Some((version, blob)) if driver.adopt(version, &blob) => {}
            Some(_) | None => return Ok(false),
        }
    }
    let known = driver.erasures.load(Ordering::Acquire);
    if erasures > known {
        let sql = "SELECT person, number FROM erased WHERE number > $1 ORDER BY number";
        let statement = on.prepare_cached(sql).await?;
        for row in on.query(&statement, &[&known]).await? {
            driver.forget(read::id(row.try_get(0)?), row.try_get(1)?);
        }
        driver.erasures.fetch_max(erasures, Ordering::AcqRel);
    }
    Ok(true)
}
