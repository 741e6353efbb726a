//! The reads on the two SQLite files.

use rusqlite::{Connection, OptionalExtension, Row as SqlRow, params};

use super::Connections;
use crate::Key;
use crate::backend::{CheckpointRow, DocumentRow, KeyName, KeyState, ListScan, PersonKeyRow};
use crate::journal::appender::{AppenderState, Row, tail_of};
use crate::journal::terms::{Chunk, SEGMENT, signed};
use crate::merkle::{self, Frontier, Hash};

type Result<T> = rusqlite::Result<T>;

pub(super) fn document(data: &Connection, kind: &str, key: &Key) -> Result<Option<DocumentRow>> {
    data.prepare_cached("SELECT key, version, created, person, body FROM document WHERE kind = ?1 AND key = ?2")?
        .query_row(params![kind, key.as_bytes()], document_row)
        .optional()
}

pub(super) fn find(data: &Connection, kind: &str, index: &str, value: &[u8], limit: u32) -> Result<Vec<DocumentRow>> {
    let sql = "SELECT key, version, created, person, body FROM document WHERE id IN (\
               SELECT document FROM unique_term WHERE kind = ?1 AND name = ?2 AND value = ?3 \
               UNION ALL SELECT document FROM term WHERE kind = ?1 AND name = ?2 AND value = ?3) \
               ORDER BY created, key LIMIT ?4";
    let mut statement = data.prepare_cached(sql)?;
    let rows = statement.query_map(params![kind, index, value, limit], document_row)?;
    rows.collect()
}

pub(super) fn list(data: &Connection, kind: &str, scan: &ListScan) -> Result<Vec<DocumentRow>> {
    let sql = if scan.newest_first {
        "SELECT key, version, created, person, body FROM document WHERE kind = ?1 AND (created, key) < (?2, ?3) \
         AND (?4 IS NULL OR state = ?4) ORDER BY created DESC, key DESC LIMIT ?5"
    } else {
        "SELECT key, version, created, person, body FROM document WHERE kind = ?1 AND (created, key) > (?2, ?3) \
         AND (?4 IS NULL OR state = ?4) ORDER BY created, key LIMIT ?5"
    };
    let (created, key) = match &scan.after {
        Some((created, key)) => (*created, key.as_bytes().to_vec()),
        None if scan.newest_first => (i64::MAX, vec![u8::MAX; Key::MAX + 1]),
        None => (i64::MIN, Vec::new()),
    };
    let mut statement = data.prepare_cached(sql)?;
    let rows = statement.query_map(params![kind, created, key, scan.state, scan.limit], document_row)?;
    rows.collect()
}

fn document_row(row: &SqlRow<'_>) -> Result<DocumentRow> {
    Ok(DocumentRow {
        key: Key::from(row.get::<_, Vec<u8>>(0)?),
        version: row.get::<_, i64>(1)?.cast_unsigned(),
        created: row.get(2)?,
        person: row.get(3)?,
        body: row.get(4)?,
    })
}

pub(super) fn person_key(connections: &Connections, name: KeyName) -> Result<KeyState> {
    if let KeyName::Person(person) = name {
        let mut erased = connections.data.prepare_cached("SELECT 1 FROM erased WHERE person = ?1")?;
        if erased.exists(params![person.as_slice()])? {
            return Ok(KeyState::Erased);
        }
    }
    let (sql, value) = match name {
        KeyName::Person(person) => ("SELECT person, handle, wrapped FROM person_key WHERE person = ?1", person),
        KeyName::Handle(handle) => ("SELECT person, handle, wrapped FROM person_key WHERE handle = ?1", handle),
    };
    let found =
        connections.keys.prepare_cached(sql)?.query_row(params![value.as_slice()], person_key_row).optional()?;
    Ok(match (found, name) {
        (Some(row), _) => KeyState::Known(row),
        // Handles are only ever made with a key: without one, the key was destroyed.
        (None, KeyName::Handle(_)) => KeyState::Erased,
        (None, KeyName::Person(_)) => KeyState::Unknown,
    })
}

pub(super) fn person_keys(keys: &Connection, after: Option<[u8; 16]>, limit: u32) -> Result<Vec<PersonKeyRow>> {
    let sql = "SELECT person, handle, wrapped FROM person_key WHERE person > ?1 ORDER BY person LIMIT ?2";
    let mut statement = keys.prepare_cached(sql)?;
    let after = after.map_or_else(Vec::new, |person| person.to_vec());
    let rows = statement.query_map(params![after, limit], person_key_row)?;
    rows.collect()
}

fn person_key_row(row: &SqlRow<'_>) -> Result<PersonKeyRow> {
    Ok(PersonKeyRow { person: row.get(0)?, handle: row.get(1)?, wrapped: row.get(2)? })
}

pub(super) fn erased(data: &Connection) -> Result<Vec<([u8; 16], i64)>> {
    let mut statement = data.prepare_cached("SELECT person, at FROM erased ORDER BY at, person")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// How many people have documents and no key, and were not erased.
pub(super) fn without_key(on: &Connections) -> Result<u64> {
    let sql = "SELECT DISTINCT person FROM document WHERE person IS NOT NULL \
               AND person NOT IN (SELECT person FROM erased)";
    let mut people = on.data.prepare(sql)?;
    let mut key = on.keys.prepare("SELECT 1 FROM person_key WHERE person = ?1")?;
    let (mut rows, mut count) = (people.query([])?, 0);
    while let Some(row) = rows.next()? {
        count += u64::from(!key.exists([row.get::<_, Vec<u8>>(0)?])?);
    }
    Ok(count)
}

pub(super) fn rows(data: &Connection, from: u64, to: u64, limit: u32, last: bool) -> Result<Vec<Row>> {
    let sql = if last {
        "SELECT seq, leaf, mac, entry FROM journal WHERE seq >= ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3"
    } else {
        "SELECT seq, leaf, mac, entry FROM journal WHERE seq >= ?1 AND seq < ?2 ORDER BY seq LIMIT ?3"
    };
    let clamp = |seq: u64| i64::try_from(seq).unwrap_or(i64::MAX);
    let mut statement = data.prepare_cached(sql)?;
    let rows = statement.query_map(params![clamp(from), clamp(to), limit], journal_row)?;
    let mut rows = rows.collect::<Result<Vec<Row>>>()?;
    if last {
        rows.reverse();
    }
    Ok(rows)
}

pub(super) fn rows_at(data: &Connection, places: &[u64]) -> Result<Vec<Row>> {
    let mut statement = data.prepare_cached("SELECT seq, leaf, mac, entry FROM journal WHERE seq = ?1")?;
    let mut rows = Vec::with_capacity(places.len());
    for place in places {
        rows.extend(statement.query_row(params![place.cast_signed()], journal_row).optional()?);
    }
    Ok(rows)
}

/// A leaf of a wrong length cannot come from this store; it is read as zeros, which no check accepts.
fn journal_row(row: &SqlRow<'_>) -> Result<Row> {
    Ok(Row {
        seq: row.get::<_, i64>(0)?.cast_unsigned(),
        leaf: hash(row.get::<_, Vec<u8>>(1)?),
        mac: row.get(2)?,
        entry: row.get(3)?,
    })
}

fn hash(bytes: Vec<u8>) -> Hash {
    bytes.try_into().unwrap_or_default()
}

pub(super) fn chunks(data: &Connection, segment: u64, terms: &[u64]) -> Result<Vec<Chunk>> {
    let mut found: Vec<Chunk> = Vec::new();
    let sql = "SELECT segment, number, first, data FROM chunk WHERE segment = ?1 AND first <= ?2 \
               ORDER BY first DESC, number DESC";
    let mut statement = data.prepare_cached(sql)?;
    for term in terms {
        let mut rows = statement.query(params![segment.cast_signed(), signed(*term)])?;
        // Chunks that begin with the term, and the one before them, in which it may begin.
        while let Some(row) = rows.next()? {
            let chunk = chunk_row(row)?;
            let before = chunk.first < *term;
            if !found.contains(&chunk) {
                found.push(chunk);
            }
            if before {
                break;
            }
        }
    }
    Ok(found)
}

pub(super) fn segment(data: &Connection, segment: u64) -> Result<Vec<Chunk>> {
    let sql = "SELECT segment, number, first, data FROM chunk WHERE segment = ?1 ORDER BY first, number";
    let mut statement = data.prepare_cached(sql)?;
    let rows = statement.query_map(params![segment.cast_signed()], chunk_row)?;
    rows.collect()
}

fn chunk_row(row: &SqlRow<'_>) -> Result<Chunk> {
    Ok(Chunk {
        segment: row.get::<_, i64>(0)?.cast_unsigned(),
        number: row.get(1)?,
        first: row.get::<_, i64>(2)?.cast_unsigned() ^ (1 << 63),
        data: row.get(3)?,
    })
}

pub(super) fn nodes(data: &Connection, level: u32, from: u64, to: u64) -> Result<Vec<Hash>> {
    if level == 0 {
        let mut statement =
            data.prepare_cached("SELECT leaf FROM journal WHERE seq >= ?1 AND seq < ?2 ORDER BY seq")?;
        let rows = statement.query_map(params![from.cast_signed(), to.cast_signed()], |row| row.get(0).map(hash))?;
        return rows.collect();
    }
    let sql = "SELECT hash FROM node WHERE level = ?1 AND place >= ?2 AND place < ?3 ORDER BY place";
    let mut statement = data.prepare_cached(sql)?;
    let rows = statement.query_map(params![level, from.cast_signed(), to.cast_signed()], |row| row.get(0).map(hash))?;
    rows.collect()
}

pub(super) fn checkpoints(data: &Connection, from: u64, limit: u32) -> Result<Vec<CheckpointRow>> {
    let mut statement =
        data.prepare_cached("SELECT size, note FROM checkpoint WHERE size >= ?1 ORDER BY size LIMIT ?2")?;
    let rows = statement.query_map(params![i64::try_from(from).unwrap_or(i64::MAX), limit], |row| {
        Ok(CheckpointRow { size: row.get::<_, i64>(0)?.cast_unsigned(), note: row.get(1)? })
    })?;
    rows.collect()
}

pub(super) fn cursor(data: &Connection, observer: &str) -> Result<Option<u64>> {
    data.prepare_cached("SELECT seq FROM observer WHERE name = ?1")?
        .query_row(params![observer], |row| row.get::<_, i64>(0).map(i64::cast_unsigned))
        .optional()
}

pub(super) fn lowest_cursor(data: &Connection) -> Result<Option<u64>> {
    data.prepare_cached("SELECT MIN(seq) FROM observer")?
        .query_row([], |row| Ok(row.get::<_, Option<i64>>(0)?.map(i64::cast_unsigned)))
}

pub(super) fn meta(data: &Connection, name: &str) -> Result<Option<Vec<u8>>> {
    data.prepare_cached("SELECT value FROM meta WHERE name = ?1")?.query_row(params![name], |row| row.get(0)).optional()
}

pub(super) fn ring(keys: &Connection) -> Result<Option<Vec<u8>>> {
    keys.query_row("SELECT blob FROM ring WHERE id = 1", [], |row| row.get(0)).optional()
}

/// The state from which appending goes on. Hashes that are missing count as zeros: the store still opens, so that
/// verification can name what was done to it.
pub(super) fn appender(data: &Connection) -> Result<AppenderState> {
    let size = data.query_row("SELECT COALESCE(MAX(seq) + 1, 0) FROM journal", [], |row| row.get::<_, i64>(0))?;
    let size = size.cast_unsigned();
    let mut peaks = Vec::new();
    for node in merkle::decompose(&(0..size)) {
        let (level, range) = node.stored();
        let expected = range.end - range.start;
        let mut hashes = nodes(data, level, range.start, range.end)?;
        if hashes.len() as u64 != expected {
            tracing::error!(level, from = range.start, "hashes of the journal are missing; run `testudo audit verify`");
            hashes.resize(usize::try_from(expected).unwrap_or_default(), Hash::default());
        }
        peaks.extend(merkle::fold(hashes));
    }
    let segment = size / SEGMENT;
    let rows = rows(data, segment * SEGMENT, size, u32::MAX, false)?;
    let frontier = Frontier::new(size, peaks).unwrap_or_default();
    Ok(AppenderState { frontier, tail: tail_of(segment, &rows) })
}
