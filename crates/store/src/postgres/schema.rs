//! The tables on PostgreSQL and their migrations, which only go forward.
//!
//! Data and keys have a schema each (`testudo`, `testudo_keys`), so that they can be backed up apart.

use deadpool_postgres::ClientWrapper;

use super::fault;
use crate::OpenError;

/// The oldest server that has what is used here (`pg_xact_status` over `xid8`).
const OLDEST: i32 = 130_000;

/// The migrations; the n-th leads to format n. Each runs in a transaction.
const STEPS: &[&str] = &["
CREATE TABLE testudo.document (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text COLLATE \"C\" NOT NULL,
    key bytea NOT NULL,
    version bigint NOT NULL,
    created bigint NOT NULL,
    state smallint NOT NULL,
    expires bigint,
    person bytea,
    terms bytea NOT NULL,
    body bytea NOT NULL,
    UNIQUE (kind, key)
);
CREATE INDEX document_list ON testudo.document (kind, created, key);
CREATE INDEX document_expires ON testudo.document (expires) WHERE expires IS NOT NULL;
CREATE INDEX document_person ON testudo.document (person) WHERE person IS NOT NULL;
CREATE TABLE testudo.term (
    kind text COLLATE \"C\" NOT NULL,
    name text COLLATE \"C\" NOT NULL,
    value bytea NOT NULL,
    document bigint NOT NULL REFERENCES testudo.document ON DELETE CASCADE,
    PRIMARY KEY (kind, name, value, document)
);
CREATE INDEX term_document ON testudo.term (document);
CREATE TABLE testudo.unique_term (
    kind text COLLATE \"C\" NOT NULL,
    name text COLLATE \"C\" NOT NULL,
    value bytea NOT NULL,
    document bigint NOT NULL REFERENCES testudo.document ON DELETE CASCADE,
    PRIMARY KEY (kind, name, value)
);
CREATE INDEX unique_term_document ON testudo.unique_term (document);
CREATE TABLE testudo.inbox (
    place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    size integer NOT NULL,
    bodies bytea[] NOT NULL,
    terms bytea[] NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CREATE UNLOGGED TABLE testudo.placed (
    place bigint PRIMARY KEY,
    first bigint NOT NULL,
    last bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE testudo.journal (
    seq bigint PRIMARY KEY,
    leaf bytea NOT NULL,
    mac bytea NOT NULL,
    entry bytea
);
CREATE TABLE testudo.node (
    level integer NOT NULL,
    place bigint NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (level, place)
);
CREATE TABLE testudo.chunk (
    segment bigint NOT NULL,
    first bigint NOT NULL,
    number bigint NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (segment, first, number)
);
CREATE TABLE testudo.checkpoint (size bigint PRIMARY KEY, note text NOT NULL);
CREATE TABLE testudo.observer (name text COLLATE \"C\" PRIMARY KEY, seq bigint NOT NULL);
CREATE TABLE testudo.erased (person bytea PRIMARY KEY, at bigint NOT NULL, number bigint NOT NULL UNIQUE);
CREATE TABLE testudo.erasures (one boolean PRIMARY KEY DEFAULT true CHECK (one), number bigint NOT NULL);
INSERT INTO testudo.erasures (number) VALUES (0);
CREATE TABLE testudo.meta (name text COLLATE \"C\" PRIMARY KEY, value bytea NOT NULL);
CREATE UNLOGGED TABLE testudo.counter (
    name bytea PRIMARY KEY,
    number bigint NOT NULL,
    current bigint NOT NULL,
    previous bigint NOT NULL,
    ends bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE testudo_keys.ring (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint NOT NULL,
    blob bytea NOT NULL
);
CREATE TABLE testudo_keys.person_key (
    person bytea PRIMARY KEY,
    handle bytea NOT NULL UNIQUE,
    wrapped bytea NOT NULL
);
"];

/// Brings the database to the newest format. The caller holds the lock of the openers.
pub(super) async fn migrate(client: &mut ClientWrapper) -> Result<(), OpenError> {
    let failed = |error: tokio_postgres::Error| OpenError::Database(fault::cause(&error));
    let version = client.query_one("SELECT current_setting('server_version_num')::int", &[]).await.map_err(failed)?;
    let version: i32 = version.try_get(0).map_err(failed)?;
    if version < OLDEST {
        return Err(OpenError::Config("PostgreSQL is older than version 13; use a newer one".into()));
    }
    for schema in ["testudo", "testudo_keys"] {
        let there = client.query_opt("SELECT 1 FROM pg_namespace WHERE nspname = $1", &[&schema]).await;
        if there.map_err(failed)?.is_none() {
            client.batch_execute(&format!("CREATE SCHEMA {schema}")).await.map_err(failed)?;
        }
    }
    let format = "CREATE TABLE IF NOT EXISTS testudo.format (number bigint PRIMARY KEY, at timestamptz DEFAULT now())";
    client.batch_execute(format).await.map_err(failed)?;
    advance(client, STEPS).await
}

/// Takes the steps that were not taken yet, each whole or not at all.
async fn advance(client: &mut ClientWrapper, steps: &[&str]) -> Result<(), OpenError> {
    let failed = |error: tokio_postgres::Error| OpenError::Database(fault::cause(&error));
    let found = client.query_one("SELECT COALESCE(MAX(number), 0) FROM testudo.format", &[]).await.map_err(failed)?;
    let found: i64 = found.try_get(0).map_err(failed)?;
    let known = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    if !(0..=known).contains(&found) {
        return Err(OpenError::Newer { found, known });
    }
    for (step, number) in steps.iter().zip(1i64..).skip(usize::try_from(found).unwrap_or(usize::MAX)) {
        let tx = client.transaction().await.map_err(failed)?;
        tx.batch_execute(step).await.map_err(failed)?;
        tx.execute("INSERT INTO testudo.format (number) VALUES ($1)", &[&number]).await.map_err(failed)?;
        tx.commit().await.map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::print_stderr)]
    use testudo_core::Secret;
    use testudo_testkit::postgres::TempPostgres;

    use super::super::connect::Link;
    use super::*;
    use crate::PostgresConfig;

    #[tokio::test]
    async fn migrations_go_forward_from_where_the_database_is_each_whole_or_not_at_all() {
        let Some(server) = TempPostgres::start(None).unwrap() else {
            // Past what the test harness captures.
            let _ = std::io::Write::write_fmt(
                &mut std::io::stderr(),
                format_args!("SKIPPED: PostgreSQL is not installed; nothing is known of migrations on it\n"),
            );
            return;
        };
        let url = Secret::new(server.url("postgres"));
        let link = Link::new(&PostgresConfig { url, ca_file: None, pool: 2 }).unwrap();
        let mut client = link.session(|_| ()).await.unwrap();
        migrate(&mut client).await.unwrap();
        migrate(&mut client).await.unwrap();
        client.batch_execute("DELETE FROM testudo.format").await.unwrap();
        let first = "CREATE TABLE testudo.a (x bigint); INSERT INTO testudo.a VALUES (1)";
        let second = "ALTER TABLE testudo.a ADD COLUMN y bigint; UPDATE testudo.a SET y = x + 1";
        let broken = "CREATE TABLE testudo.b (x bigint); INSERT INTO testudo.nowhere VALUES (1)";
        advance(&mut client, &[first]).await.unwrap();
        assert!(matches!(advance(&mut client, &[first, second, broken]).await, Err(OpenError::Database(_))));
        let sql = "SELECT max(number), to_regclass('testudo.b') IS NULL FROM testudo.format";
        let row = client.query_one(sql, &[]).await.unwrap();
        assert_eq!((row.get::<_, i64>(0), row.get::<_, bool>(1)), (2, true), "nothing of a step that failed is there");
        advance(&mut client, &[first, second, "CREATE TABLE testudo.b (x bigint)"]).await.unwrap();
        let row = client.query_one("SELECT x, y FROM testudo.a", &[]).await.unwrap();
        assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (1, 2), "each step ran once");
        assert!(matches!(advance(&mut client, &[first]).await, Err(OpenError::Newer { found: 3, known: 1 })));
    }
}
