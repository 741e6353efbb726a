//! The tables of the two SQLite files and their migrations, which only go forward.

use rusqlite::Connection;

use crate::OpenError;

/// The migrations of the data file; the n-th leads to `user_version` n.
const DATA: &[&str] = &["
CREATE TABLE document (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    key BLOB NOT NULL,
    version INTEGER NOT NULL,
    created INTEGER NOT NULL,
    state INTEGER NOT NULL,
    expires INTEGER,
    person BLOB,
    terms BLOB NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (kind, key)
) STRICT;
CREATE INDEX document_list ON document (kind, created, key);
CREATE INDEX document_expires ON document (expires) WHERE expires IS NOT NULL;
CREATE INDEX document_person ON document (person) WHERE person IS NOT NULL;
CREATE TABLE term (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    value BLOB NOT NULL,
    document INTEGER NOT NULL,
    PRIMARY KEY (kind, name, value, document)
) STRICT, WITHOUT ROWID;
CREATE TABLE unique_term (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    value BLOB NOT NULL,
    document INTEGER NOT NULL,
    PRIMARY KEY (kind, name, value)
) STRICT, WITHOUT ROWID;
CREATE TABLE journal (
    seq INTEGER PRIMARY KEY,
    leaf BLOB NOT NULL,
    mac BLOB NOT NULL,
    entry BLOB
) STRICT;
CREATE TABLE node (
    level INTEGER NOT NULL,
    place INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (level, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE chunk (
    segment INTEGER NOT NULL,
    first INTEGER NOT NULL,
    number INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (segment, first, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, note TEXT NOT NULL) STRICT;
CREATE TABLE observer (name TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE person (person BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE erased (person BLOB PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
"];

/// The migrations of the keys file.
const KEYS: &[&str] = &["
CREATE TABLE ring (id INTEGER PRIMARY KEY CHECK (id = 1), blob BLOB NOT NULL) STRICT;
CREATE TABLE person_key (
    person BLOB PRIMARY KEY,
    handle BLOB NOT NULL UNIQUE,
    wrapped BLOB NOT NULL
) STRICT, WITHOUT ROWID;
"];

/// Brings the data file to the newest format.
pub(super) fn migrate_data(connection: &Connection) -> Result<(), OpenError> {
    migrate(connection, DATA)
}

/// Brings the keys file to the newest format.
pub(super) fn migrate_keys(connection: &Connection) -> Result<(), OpenError> {
    migrate(connection, KEYS)
}

fn migrate(connection: &Connection, steps: &[&str]) -> Result<(), OpenError> {
    let failed = |error: rusqlite::Error| OpenError::Database(error.to_string());
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
    let known = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    if !(0..=known).contains(&found) {
        return Err(OpenError::Newer { found, known });
    }
    let done = usize::try_from(found).unwrap_or(usize::MAX);
    for (number, step) in steps.iter().enumerate().skip(done) {
        let step = format!("BEGIN IMMEDIATE;{step}PRAGMA user_version = {};COMMIT;", number + 1);
        connection.execute_batch(&step).map_err(|error| {
            let _ = connection.execute_batch("ROLLBACK");
            failed(error)
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn migrations_go_forward_from_where_the_file_is_each_whole_or_not_at_all() {
        let connection = Connection::open_in_memory().unwrap();
        let found = || -> i64 { connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap() };
        let first = "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1);";
        let second = "ALTER TABLE a ADD COLUMN y INTEGER; UPDATE a SET y = x + 1;";
        let broken = "CREATE TABLE b (x INTEGER) STRICT; INSERT INTO nowhere VALUES (1);";
        migrate(&connection, &[first]).unwrap();
        assert_eq!(found(), 1);
        assert!(matches!(migrate(&connection, &[first, second, broken]), Err(OpenError::Database(_))));
        assert_eq!(found(), 2, "what was done stays done");
        assert!(connection.prepare("SELECT x FROM b").is_err(), "nothing of a step that failed is there");
        migrate(&connection, &[first, second, "CREATE TABLE b (x INTEGER) STRICT;"]).unwrap();
        let row = connection.query_row("SELECT x, y FROM a", [], |row| Ok((row.get(0)?, row.get(1)?)));
        assert_eq!((found(), row.unwrap()), (3, (1, 2)), "each step ran once");
    }

    #[test]
    fn a_newer_format_is_refused() {
        let connection = Connection::open_in_memory().unwrap();
        migrate_data(&connection).unwrap();
        migrate_data(&connection).unwrap();
        connection.execute_batch("PRAGMA user_version = 99").unwrap();
        assert!(matches!(migrate_data(&connection), Err(OpenError::Newer { found: 99, known: 1 })));
    }
}
