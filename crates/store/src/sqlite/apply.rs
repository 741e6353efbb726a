//! Applies prepared operations within a transaction of the data file.

use std::sync::LazyLock;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use crate::backend::{Op, PersonKeyRow, Rewrap, Term, Write};
use crate::journal::appender::{Appended, NewRow};
use crate::journal::terms::signed;
use crate::tx::WriteMode;
use crate::{CommitError, Key};

/// The most entries that are stored with one statement.
pub(super) const ROWS: usize = 16;
static INSERT_ROW: LazyLock<String> = LazyLock::new(|| insert_rows(1));
static INSERT_ROWS: LazyLock<String> = LazyLock::new(|| insert_rows(ROWS));

fn insert_rows(count: usize) -> String {
    format!("INSERT INTO journal (seq, leaf, mac, entry) VALUES {}", vec!["(?, ?, ?, ?)"; count].join(", "))
}

/// Why an operation failed.
#[derive(Debug)]
pub(super) enum Failed {
    /// This transaction cannot happen; others can.
    Refused(CommitError),
    /// The database failed.
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Failed {
        Failed::Database(error)
    }
}

/// What must happen in the keys file for what was applied in the data file.
#[derive(Default)]
pub(super) struct KeyChanges {
    pub created: Vec<PersonKeyRow>,
    pub erased: Vec<[u8; 16]>,
    pub ring: Option<Vec<u8>>,
    pub rewraps: Vec<Rewrap>,
}

impl KeyChanges {
    pub fn join(&mut self, other: KeyChanges) {
        self.created.extend(other.created);
        self.erased.extend(other.erased);
        self.ring = other.ring.or(self.ring.take());
        self.rewraps.extend(other.rewraps);
    }

    pub fn writes_before(&self) -> bool {
        !self.created.is_empty() || self.ring.is_some() || !self.rewraps.is_empty()
    }
}

/// Applies one operation.
pub(super) fn apply(data: &Connection, op: Op, changes: &mut KeyChanges) -> Result<(), Failed> {
    match op {
        Op::Write(write) => write_document(data, &write),
        Op::Delete { kind, key, version } => delete(data, kind, &key, version),
        Op::CreatePerson(row) => {
            refuse_erased(data, &row.person)?;
            let sql = "INSERT INTO person (person) VALUES (?1) ON CONFLICT DO NOTHING";
            if data.prepare_cached(sql)?.execute(params![row.person.as_slice()])? == 0 {
                return Err(Failed::Refused(CommitError::Conflict { kind: "person-key" }));
            }
            changes.created.push(row);
            Ok(())
        }
        Op::ErasePerson { person, at } => {
            erase(data, &person, at)?;
            changes.erased.push(person);
            Ok(())
        }
        Op::Cursor { observer, seq } => {
            let sql = "INSERT INTO observer (name, seq) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET seq = ?2";
            data.prepare_cached(sql)?.execute(params![observer, seq.cast_signed()])?;
            Ok(())
        }
        Op::Forget { observer } => {
            data.prepare_cached("DELETE FROM observer WHERE name = ?1")?.execute(params![observer])?;
            Ok(())
        }
        Op::Checkpoint(row) => {
            let sql = "INSERT INTO checkpoint (size, note) VALUES (?1, ?2) ON CONFLICT (size) DO NOTHING";
            data.prepare_cached(sql)?.execute(params![row.size.cast_signed(), row.note])?;
            Ok(())
        }
        Op::Prune(rows) => {
            let mut update =
                data.prepare_cached("UPDATE journal SET entry = NULL, mac = ?2 WHERE seq = ?1 AND entry IS NOT NULL")?;
            for row in rows {
                update.execute(params![row.seq.cast_signed(), row.mac])?;
            }
            Ok(())
        }
        // One process holds the files, and rotates one key at a time.
        Op::Ring { new: blob, .. } => {
            changes.ring = Some(blob);
            Ok(())
        }
        Op::Rewrap(rewraps) => {
            changes.rewraps.extend(rewraps);
            Ok(())
        }
        Op::Sweep { before, limit } => sweep(data, before, limit),
    }
}

/// Stores appended entries: [`ROWS`] of them with one statement, others one by one.
pub(super) fn store(data: &Connection, appended: &Appended) -> rusqlite::Result<()> {
    if appended.len() == ROWS {
        data.prepare_cached(&INSERT_ROWS)?.execute(params_from_iter(appended.rows().flat_map(values)))?;
    } else {
        for row in appended.rows() {
            data.prepare_cached(&INSERT_ROW)?.execute(params_from_iter(values(row)))?;
        }
    }
    for (node, hash) in &appended.nodes {
        data.prepare_cached("INSERT OR REPLACE INTO node (level, place, hash) VALUES (?1, ?2, ?3)")?
            .execute(params![node.level, node.index.cast_signed(), hash.as_slice()])?;
    }
    for chunk in &appended.chunks {
        data.prepare_cached("INSERT OR REPLACE INTO chunk (segment, first, number, data) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![chunk.segment.cast_signed(), signed(chunk.first), chunk.number, chunk.data])?;
    }
    Ok(())
}

fn values(row: NewRow<'_>) -> [ToSqlOutput<'_>; 4] {
    let [leaf, mac, entry] = [row.leaf, row.mac, row.entry].map(ValueRef::Blob);
    [ValueRef::Integer(row.seq.cast_signed()), leaf, mac, entry].map(ToSqlOutput::Borrowed)
}

/// Writes what must be in the keys file before the data file commits.
pub(super) fn write_keys(keys: &Connection, changes: &KeyChanges) -> rusqlite::Result<()> {
    for row in &changes.created {
        // A key without its person in the data file is what a commit left that did not come about: it is replaced.
        let sql = "INSERT INTO person_key (person, handle, wrapped) VALUES (?1, ?2, ?3) \
                   ON CONFLICT (person) DO UPDATE SET handle = ?2, wrapped = ?3";
        keys.prepare_cached(sql)?.execute(params![row.person.as_slice(), row.handle.as_slice(), row.wrapped])?;
    }
    for rewrap in &changes.rewraps {
        keys.prepare_cached("UPDATE person_key SET wrapped = ?3 WHERE person = ?1 AND wrapped = ?2")?
            .execute(params![rewrap.person.as_slice(), rewrap.old, rewrap.new])?;
    }
    if let Some(ring) = &changes.ring {
        keys.prepare_cached("INSERT INTO ring (id, blob) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET blob = ?1")?
            .execute(params![ring])?;
    }
    Ok(())
}

fn write_document(data: &Connection, write: &Write) -> Result<(), Failed> {
    if let Some(person) = &write.person {
        refuse_erased(data, person)?;
    }
    let conflict = || Failed::Refused(CommitError::Conflict { kind: write.kind });
    let terms = encode_terms(&write.terms);
    if write.mode == WriteMode::Insert {
        let document = insert(data, write, &terms)?.ok_or_else(conflict)?;
        return add_terms(data, write, document, &[]);
    }
    let found = data
        .prepare_cached("SELECT id, version, terms FROM document WHERE kind = ?1 AND key = ?2")?
        .query_row(params![write.kind, write.key.as_bytes()], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?))
        })
        .optional()?;
    let Some((document, version, old)) = found else {
        return match write.mode {
            WriteMode::Update(_) => Err(Failed::Refused(CommitError::NotFound)),
            WriteMode::Insert | WriteMode::Put => {
                let document = insert(data, write, &terms)?.ok_or_else(conflict)?;
                add_terms(data, write, document, &[])
            }
        };
    };
    if matches!(write.mode, WriteMode::Update(expected) if expected.cast_signed() != version) {
        return Err(conflict());
    }
    let sql = "UPDATE document SET version = version + 1, created = ?2, state = ?3, expires = ?4, person = ?5, \
               terms = ?6, body = ?7 WHERE id = ?1";
    data.prepare_cached(sql)?.execute(params![
        document,
        write.created,
        write.state,
        write.expires,
        write.person.as_ref().map(<[u8; 16]>::as_slice),
        terms,
        write.body
    ])?;
    if old == terms {
        return Ok(());
    }
    let old = decode_terms(&old);
    for gone in old.iter().filter(|term| !write.terms.contains(term)) {
        remove_term(data, write.kind, gone, document)?;
    }
    add_terms(data, write, document, &old)
}

fn insert(data: &Connection, write: &Write, terms: &[u8]) -> Result<Option<i64>, Failed> {
    let sql = "INSERT INTO document (kind, key, version, created, state, expires, person, terms, body) \
               VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (kind, key) DO NOTHING";
    let rows = data.prepare_cached(sql)?.execute(params![
        write.kind,
        write.key.as_bytes(),
        write.created,
        write.state,
        write.expires,
        write.person.as_ref().map(<[u8; 16]>::as_slice),
        terms,
        write.body
    ])?;
    Ok((rows == 1).then(|| data.last_insert_rowid()))
}

fn add_terms(data: &Connection, write: &Write, document: i64, old: &[Term]) -> Result<(), Failed> {
    for term in write.terms.iter().filter(|term| !old.contains(term)) {
        let sql = if term.unique {
            "INSERT INTO unique_term (kind, name, value, document) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING"
        } else {
            "INSERT INTO term (kind, name, value, document) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING"
        };
        let rows = data.prepare_cached(sql)?.execute(params![write.kind, term.name, term.value, document])?;
        if term.unique && rows == 0 {
            let index = term.name.clone();
            return Err(Failed::Refused(CommitError::Duplicate { kind: write.kind, index }));
        }
    }
    Ok(())
}

fn remove_term(data: &Connection, kind: &str, term: &Term, document: i64) -> Result<(), Failed> {
    let sql = if term.unique {
        "DELETE FROM unique_term WHERE kind = ?1 AND name = ?2 AND value = ?3 AND document = ?4"
    } else {
        "DELETE FROM term WHERE kind = ?1 AND name = ?2 AND value = ?3 AND document = ?4"
    };
    data.prepare_cached(sql)?.execute(params![kind, term.name, term.value, document])?;
    Ok(())
}

fn delete(data: &Connection, kind: &'static str, key: &Key, version: Option<u64>) -> Result<(), Failed> {
    let found = data
        .prepare_cached("SELECT id, version, terms FROM document WHERE kind = ?1 AND key = ?2")?
        .query_row(params![kind, key.as_bytes()], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?))
        })
        .optional()?;
    match (found, version) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(Failed::Refused(CommitError::NotFound)),
        (Some((_, found, _)), Some(version)) if found != version.cast_signed() => {
            Err(Failed::Refused(CommitError::Conflict { kind }))
        }
        (Some((document, _, terms)), _) => remove(data, kind, document, &terms),
    }
}

fn remove(data: &Connection, kind: &str, document: i64, terms: &[u8]) -> Result<(), Failed> {
    for term in decode_terms(terms) {
        remove_term(data, kind, &term, document)?;
    }
    data.prepare_cached("DELETE FROM document WHERE id = ?1")?.execute(params![document])?;
    Ok(())
}

fn erase(data: &Connection, person: &[u8; 16], at: i64) -> Result<(), Failed> {
    let sql = "INSERT INTO erased (person, at) VALUES (?1, ?2) ON CONFLICT (person) DO NOTHING";
    data.prepare_cached(sql)?.execute(params![person.as_slice(), at])?;
    data.prepare_cached("DELETE FROM person WHERE person = ?1")?.execute(params![person.as_slice()])?;
    let found = rows(data, "SELECT id, kind, terms FROM document WHERE person = ?1", params![person.as_slice()])?;
    found.into_iter().try_for_each(|(document, kind, terms)| remove(data, &kind, document, &terms))
}

fn sweep(data: &Connection, before: i64, limit: u32) -> Result<(), Failed> {
    let sql = "SELECT id, kind, terms FROM document WHERE expires < ?1 ORDER BY expires LIMIT ?2";
    let found = rows(data, sql, params![before, limit])?;
    found.into_iter().try_for_each(|(document, kind, terms)| remove(data, &kind, document, &terms))
}

type Found = (i64, String, Vec<u8>);

fn rows(data: &Connection, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<Vec<Found>> {
    let mut statement = data.prepare_cached(sql)?;
    let rows = statement.query_map(params, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    rows.collect()
}

fn refuse_erased(data: &Connection, person: &[u8; 16]) -> Result<(), Failed> {
    let erased = data.prepare_cached("SELECT 1 FROM erased WHERE person = ?1")?.exists(params![person.as_slice()])?;
    if erased { Err(Failed::Refused(CommitError::ErasedPerson)) } else { Ok(()) }
}

/// The terms of a document as one value, kept with it so that an update knows which ones to remove.
fn encode_terms(terms: &[Term]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for term in terms {
        bytes.push(u8::from(term.unique));
        bytes.push(u8::try_from(term.name.len()).unwrap_or(u8::MAX));
        bytes.extend_from_slice(term.name.as_bytes());
        bytes.extend_from_slice(&u16::try_from(term.value.len()).unwrap_or(u16::MAX).to_be_bytes());
        bytes.extend_from_slice(&term.value);
    }
    bytes
}

fn decode_terms(mut bytes: &[u8]) -> Vec<Term> {
    fn next<'a>(bytes: &mut &'a [u8]) -> Option<(bool, &'a [u8], &'a [u8])> {
        let (&[unique, length], rest) = bytes.split_first_chunk::<2>()?;
        let (name, rest) = rest.split_at_checked(usize::from(length))?;
        let (&length, rest) = rest.split_first_chunk::<2>()?;
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(length)))?;
        *bytes = rest;
        Some((unique != 0, name, value))
    }
    let mut terms = Vec::new();
    while let Some((unique, name, value)) = next(&mut bytes) {
        terms.push(Term { name: String::from_utf8_lossy(name).into_owned(), value: value.to_vec(), unique });
    }
    terms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_come_back() {
        let term = |name: &str, value: &[u8], unique| Term { name: name.to_owned(), value: value.to_vec(), unique };
        let terms = vec![term("email", &[7; 17], true), term("client", b"papp", false), term("x", b"", false)];
        assert_eq!(decode_terms(&encode_terms(&terms)), terms);
        assert_eq!(decode_terms(&[1, 200, 3]), []);
    }
}
