//! The reads.

use deadpool_postgres::ClientWrapper;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row as SqlRow};

use crate::Key;
use crate::backend::{CheckpointRow, DocumentRow, KeyName, KeyState, ListScan, PersonKeyRow};
use crate::journal::appender::{AppenderState, Row, tail_of};
use crate::journal::terms::{Chunk, SEGMENT, signed};
use crate::merkle::{self, Frontier, Hash};

type Result<T> = std::result::Result<T, Error>;
type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

async fn rows_of(on: &ClientWrapper, sql: &str, params: Params<'_>) -> Result<Vec<SqlRow>> {
    let statement = on.prepare_cached(sql).await?;
    on.query(&statement, params).await
}

async fn row_of(on: &ClientWrapper, sql: &str, params: Params<'_>) -> Result<Option<SqlRow>> {
    let statement = on.prepare_cached(sql).await?;
    on.query_opt(&statement, params).await
}

/// Documents, with the version of the key ring at the instant they were read: what another node sealed under a newer
/// ring opens only with that.
pub(super) type Documents = (Vec<DocumentRow>, i64);

const DOCUMENT: &str =
    "SELECT d.key, d.version, d.created, d.person, d.body, (SELECT version FROM ring) FROM document d";

fn documents(rows: &[SqlRow]) -> Result<Documents> {
    let mut ring = 0;
    let mut documents = Vec::with_capacity(rows.len());
    for row in rows {
        documents.push(DocumentRow {
            key: Key::from(row.try_get::<_, Vec<u8>>(0)?),
            version: row.try_get::<_, i64>(1)?.cast_unsigned(),
            created: row.try_get(2)?,
            person: row.try_get::<_, Option<Vec<u8>>>(3)?.and_then(|person| person.try_into().ok()),
            body: row.try_get(4)?,
        });
        ring = row.try_get::<_, Option<i64>>(5)?.unwrap_or_default();
    }
    Ok((documents, ring))
}

pub(super) async fn document(on: &ClientWrapper, kind: &str, key: Key) -> Result<Documents> {
    let sql = format!("{DOCUMENT} WHERE d.kind = $1 AND d.key = $2");
    documents(&rows_of(on, &sql, &[&kind, &key.as_bytes()]).await?)
}

pub(super) async fn find(
    on: &ClientWrapper,
    kind: &str,
    index: String,
    value: Vec<u8>,
    limit: u32,
) -> Result<Documents> {
    let sql = format!(
        "{DOCUMENT} WHERE d.id IN (\
         SELECT document FROM unique_term WHERE kind = $1 AND name = $2 AND value = $3 \
         UNION ALL SELECT document FROM term WHERE kind = $1 AND name = $2 AND value = $3) \
         ORDER BY d.created, d.key LIMIT $4"
    );
    documents(&rows_of(on, &sql, &[&kind, &index, &value, &i64::from(limit)]).await?)
}

pub(super) async fn list(on: &ClientWrapper, kind: &str, scan: ListScan) -> Result<Documents> {
    let (order, compare) = if scan.newest_first { ("DESC", "<") } else { ("ASC", ">") };
    let sql = format!(
        "{DOCUMENT} WHERE d.kind = $1 AND (d.created, d.key) {compare} ($2, $3) \
         AND ($4::smallint IS NULL OR d.state = $4) ORDER BY d.created {order}, d.key {order} LIMIT $5"
    );
    let (created, key) = match &scan.after {
        Some((created, key)) => (*created, key.as_bytes().to_vec()),
        None if scan.newest_first => (i64::MAX, vec![u8::MAX; Key::MAX + 1]),
        None => (i64::MIN, Vec::new()),
    };
    let state = scan.state.map(i16::from);
    documents(&rows_of(on, &sql, &[&kind, &created, &key, &state, &i64::from(scan.limit)]).await?)
}

pub(super) async fn person_key(on: &ClientWrapper, name: KeyName) -> Result<KeyState> {
    let (column, value) = match name {
        KeyName::Person(person) => ("person", person),
        KeyName::Handle(handle) => ("handle", handle),
    };
    // A key that came back with a restored table is no key any more.
    let sql = format!(
        "SELECT person, handle, wrapped FROM person_key k WHERE {column} = $1 \
         AND NOT EXISTS (SELECT 1 FROM erased e WHERE e.person = k.person)"
    );
    if let Some(row) = row_of(on, &sql, &[&value.as_slice()]).await? {
        return Ok(KeyState::Known(person_key_row(&row)?));
    }
    let KeyName::Person(person) = name else {
        // Handles are only ever made with a key: without one, the key was destroyed.
        return Ok(KeyState::Erased);
    };
    let erased = row_of(on, "SELECT 1 FROM erased WHERE person = $1", &[&person.as_slice()]).await?;
    Ok(if erased.is_some() { KeyState::Erased } else { KeyState::Unknown })
}

pub(super) async fn person_keys(on: &ClientWrapper, after: Option<[u8; 16]>, limit: u32) -> Result<Vec<PersonKeyRow>> {
    let sql = "SELECT person, handle, wrapped FROM person_key WHERE person > $1 ORDER BY person LIMIT $2";
    let after = after.map_or_else(Vec::new, |person| person.to_vec());
    rows_of(on, sql, &[&after, &i64::from(limit)]).await?.iter().map(person_key_row).collect()
}

fn person_key_row(row: &SqlRow) -> Result<PersonKeyRow> {
    Ok(PersonKeyRow { person: id(row.try_get(0)?), handle: id(row.try_get(1)?), wrapped: row.try_get(2)? })
}

/// An id of a wrong length cannot come from this store; it is read as zeros, which open nothing.
pub(super) fn id(bytes: Vec<u8>) -> [u8; 16] {
    bytes.try_into().unwrap_or_default()
}

pub(super) async fn ring(on: &ClientWrapper) -> Result<Option<(i64, Vec<u8>)>> {
    let row = row_of(on, "SELECT version, blob FROM ring", &[]).await?;
    row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
}

pub(super) async fn erased(on: &ClientWrapper) -> Result<Vec<([u8; 16], i64)>> {
    let rows = rows_of(on, "SELECT person, at FROM erased ORDER BY at, person", &[]).await?;
    rows.iter().map(|row| Ok((id(row.try_get(0)?), row.try_get(1)?))).collect()
}

/// How many people have documents and no key, and were not erased.
pub(super) async fn without_key(on: &ClientWrapper) -> Result<u64> {
    let sql = "SELECT count(DISTINCT d.person) FROM document d WHERE d.person IS NOT NULL \
               AND NOT EXISTS (SELECT 1 FROM person_key k WHERE k.person = d.person) \
               AND NOT EXISTS (SELECT 1 FROM erased e WHERE e.person = d.person)";
    let row = row_of(on, sql, &[]).await?;
    Ok(row.map(|row| row.try_get::<_, i64>(0)).transpose()?.unwrap_or_default().cast_unsigned())
}

pub(super) async fn rows(on: &ClientWrapper, from: u64, to: u64, limit: u32, last: bool) -> Result<Vec<Row>> {
    let sql = if last {
        "SELECT seq, leaf, mac, entry FROM journal WHERE seq >= $1 AND seq < $2 ORDER BY seq DESC LIMIT $3"
    } else {
        "SELECT seq, leaf, mac, entry FROM journal WHERE seq >= $1 AND seq < $2 ORDER BY seq LIMIT $3"
    };
    let found = rows_of(on, sql, &[&clamp(from), &clamp(to), &i64::from(limit)]).await?;
    let mut rows = found.iter().map(journal_row).collect::<Result<Vec<Row>>>()?;
    if last {
        rows.reverse();
    }
    Ok(rows)
}

/// The rows in the order in which their places were given.
pub(super) async fn rows_at(on: &ClientWrapper, places: Vec<i64>) -> Result<Vec<Row>> {
    let sql = "SELECT j.seq, j.leaf, j.mac, j.entry FROM UNNEST($1::bigint[]) WITH ORDINALITY AS p (seq, number) \
               JOIN journal j ON j.seq = p.seq ORDER BY p.number";
    rows_of(on, sql, &[&places]).await?.iter().map(journal_row).collect()
}

fn journal_row(row: &SqlRow) -> Result<Row> {
    Ok(Row {
        seq: row.try_get::<_, i64>(0)?.cast_unsigned(),
        leaf: hash(row.try_get(1)?),
        mac: row.try_get(2)?,
        entry: row.try_get(3)?,
    })
}

/// A hash of a wrong length cannot come from this store; it is read as zeros, which no check accepts.
fn hash(bytes: Vec<u8>) -> Hash {
    bytes.try_into().unwrap_or_default()
}

fn clamp(place: u64) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}

/// The chunks that begin with one of the terms, and those before them, in which they may begin.
pub(super) async fn chunks(on: &ClientWrapper, segment: u64, terms: Vec<u64>) -> Result<Vec<Chunk>> {
    let sql = "SELECT DISTINCT ON (c.first, c.number) c.segment, c.number, c.first, c.data \
               FROM UNNEST($2::bigint[]) AS w (term) CROSS JOIN LATERAL (\
               SELECT * FROM chunk WHERE segment = $1 AND first <= w.term AND first >= COALESCE(\
               (SELECT MAX(first) FROM chunk WHERE segment = $1 AND first < w.term), w.term)) AS c \
               ORDER BY c.first, c.number";
    let terms: Vec<i64> = terms.into_iter().map(signed).collect();
    rows_of(on, sql, &[&clamp(segment), &terms]).await?.iter().map(chunk_row).collect()
}

pub(super) async fn segment(on: &ClientWrapper, segment: u64) -> Result<Vec<Chunk>> {
    let sql = "SELECT segment, number, first, data FROM chunk WHERE segment = $1 ORDER BY first, number";
    rows_of(on, sql, &[&clamp(segment)]).await?.iter().map(chunk_row).collect()
}

fn chunk_row(row: &SqlRow) -> Result<Chunk> {
    Ok(Chunk {
        segment: row.try_get::<_, i64>(0)?.cast_unsigned(),
        number: u32::try_from(row.try_get::<_, i64>(1)?).unwrap_or(u32::MAX),
        first: row.try_get::<_, i64>(2)?.cast_unsigned() ^ (1 << 63),
        data: row.try_get(3)?,
    })
}

pub(super) async fn nodes(on: &ClientWrapper, level: u32, from: u64, to: u64) -> Result<Vec<Hash>> {
    let rows = if level == 0 {
        let sql = "SELECT leaf FROM journal WHERE seq >= $1 AND seq < $2 ORDER BY seq";
        rows_of(on, sql, &[&clamp(from), &clamp(to)]).await?
    } else {
        let sql = "SELECT hash FROM node WHERE level = $1 AND place >= $2 AND place < $3 ORDER BY place";
        rows_of(on, sql, &[&level.cast_signed(), &clamp(from), &clamp(to)]).await?
    };
    rows.iter().map(|row| row.try_get(0).map(hash)).collect()
}

pub(super) async fn checkpoints(on: &ClientWrapper, from: u64, limit: u32) -> Result<Vec<CheckpointRow>> {
    let sql = "SELECT size, note FROM checkpoint WHERE size >= $1 ORDER BY size LIMIT $2";
    let rows = rows_of(on, sql, &[&clamp(from), &i64::from(limit)]).await?;
    let row =
        |row: &SqlRow| Ok(CheckpointRow { size: row.try_get::<_, i64>(0)?.cast_unsigned(), note: row.try_get(1)? });
    rows.iter().map(row).collect()
}

pub(super) async fn cursor(on: &ClientWrapper, observer: String) -> Result<Option<u64>> {
    let row = row_of(on, "SELECT seq FROM observer WHERE name = $1", &[&observer]).await?;
    row.map(|row| Ok(row.try_get::<_, i64>(0)?.cast_unsigned())).transpose()
}

pub(super) async fn lowest_cursor(on: &ClientWrapper) -> Result<Option<u64>> {
    let row = row_of(on, "SELECT MIN(seq) FROM observer", &[]).await?;
    let lowest = row.map(|row| row.try_get::<_, Option<i64>>(0)).transpose()?;
    Ok(lowest.flatten().map(i64::cast_unsigned))
}

/// The number of entries in the log.
pub(super) async fn size(on: &ClientWrapper) -> Result<u64> {
    let row = row_of(on, "SELECT COALESCE(MAX(seq) + 1, 0) FROM journal", &[]).await?;
    Ok(row.map(|row| row.try_get::<_, i64>(0)).transpose()?.unwrap_or_default().cast_unsigned())
}

/// Adds to a counter over two windows; returns what the current and the previous one hold.
pub(super) async fn add(on: &ClientWrapper, name: [u8; 16], count: Count) -> Result<(u64, u64)> {
    let sql = "INSERT INTO counter AS c (name, number, current, previous, ends) VALUES ($1, $2, $3, 0, $4) \
               ON CONFLICT (name) DO UPDATE SET \
               current = LEAST(CASE WHEN c.number >= $2 THEN c.current ELSE 0 END, 2305843009213693952) + $3, \
               previous = CASE WHEN c.number >= $2 THEN c.previous WHEN c.number = $2 - 1 THEN c.current ELSE 0 END, \
               number = GREATEST(c.number, $2), ends = GREATEST(c.ends, $4) RETURNING current, previous";
    let n = i64::try_from(count.n).unwrap_or(i64::MAX).min(1 << 61);
    let Some(row) = row_of(on, sql, &[&name.as_slice(), &count.number, &n, &count.ends]).await? else {
        return Ok((count.n, 0));
    };
    Ok((row.try_get::<_, i64>(0)?.unsigned_abs(), row.try_get::<_, i64>(1)?.unsigned_abs()))
}

/// What is added to a counter.
#[derive(Clone, Copy)]
pub(super) struct Count {
    /// The number of the current window.
    pub number: i64,
    pub n: u64,
    /// The instant from which the counter says nothing any more.
    pub ends: i64,
}

/// The state from which appending goes on. Hashes that are missing count as zeros: the store still works, so that
/// verification can name what was done to it.
pub(super) async fn appender(on: &ClientWrapper) -> Result<AppenderState> {
    let size = size(on).await?;
    let mut peaks = Vec::new();
    for node in merkle::decompose(&(0..size)) {
        let (level, range) = node.stored();
        let expected = range.end - range.start;
        let mut hashes = nodes(on, level, range.start, range.end).await?;
        if hashes.len() as u64 != expected {
            tracing::error!(level, from = range.start, "hashes of the journal are missing; run `testudo audit verify`");
            hashes.resize(usize::try_from(expected).unwrap_or_default(), Hash::default());
        }
        peaks.extend(merkle::fold(hashes));
    }
    let segment = size / SEGMENT;
    let rows = rows(on, segment * SEGMENT, size, u32::MAX, false).await?;
    let frontier = Frontier::new(size, peaks).unwrap_or_default();
    Ok(AppenderState { frontier, tail: tail_of(segment, &rows) })
}
