//! Reading the journal by place and by what entries say.
//!
//! What is read is checked against its authentication code, so no reader acts on an entry that was not written by this
//! store, or misses one that was taken out.

use std::ops::Range;

use testudo_crypto::KeyRing;

use super::appender::{self, Row};
use super::entry::Entry;
use super::filter::JournalFilter;
use super::terms::{self, SEGMENT};
use crate::ReadError;
use crate::backend::Backend;

/// Rows that are read at once.
const BATCH: u32 = 1_024;

/// The entries of `range` that pass, at most `limit`, with their rows; newest first when the filter says so.
pub(crate) async fn scan(
    backend: &dyn Backend,
    ring: &KeyRing,
    range: Range<u64>,
    limit: usize,
    filter: &JournalFilter,
) -> Result<Vec<(Row, Entry)>, ReadError> {
    let wanted = terms::wanted(filter);
    let mut scan = Scan { backend, ring, filter, limit, found: Vec::new() };
    if wanted.is_empty() {
        scan.all(range).await?;
    } else {
        scan.indexed(range, &wanted).await?;
    }
    Ok(scan.found)
}

struct Scan<'a> {
    backend: &'a dyn Backend,
    ring: &'a KeyRing,
    filter: &'a JournalFilter,
    limit: usize,
    found: Vec<(Row, Entry)>,
}

impl Scan<'_> {
    /// Reads everything, and finds gaps.
    async fn all(&mut self, mut range: Range<u64>) -> Result<(), ReadError> {
        let newest = self.filter.newest_below.is_some();
        while !range.is_empty() && self.found.len() < self.limit {
            let mut rows = self.backend.rows(range.start, range.end, BATCH, newest).await?;
            let expected = (range.end - range.start).min(u64::from(BATCH));
            let first = if newest { range.end - expected } else { range.start };
            let whole = rows.len() as u64 == expected && rows.iter().zip(first..).all(|(row, seq)| row.seq == seq);
            if !whole {
                let seq = rows.iter().zip(first..).find(|(row, seq)| row.seq != *seq).map(|(_, seq)| seq);
                let seq = seq.unwrap_or(first + rows.len() as u64);
                return Err(damaged(seq, &appender::RowFault::Missing));
            }
            if newest {
                range.end = first;
                rows.reverse();
            } else {
                range.start += expected;
            }
            self.take(rows)?;
        }
        Ok(())
    }

    /// Reads what the index names, segment by segment.
    async fn indexed(&mut self, range: Range<u64>, wanted: &[Vec<u64>]) -> Result<(), ReadError> {
        if range.is_empty() {
            return Ok(());
        }
        let (tail, in_tail) = self.backend.tail(wanted.to_vec(), range.start).await?;
        let segments = range.start / SEGMENT..(range.end - 1) / SEGMENT + 1;
        let newest = self.filter.newest_below.is_some();
        let count = segments.end - segments.start;
        for step in 0..count {
            if self.found.len() >= self.limit {
                break;
            }
            let segment = if newest { segments.end - 1 - step } else { segments.start + step };
            let offsets = if segment == tail { in_tail.clone() } else { self.stored(segment, wanted).await? };
            let places = offsets.into_iter().map(|offset| segment * SEGMENT + u64::from(offset));
            let mut places: Vec<u64> = places.filter(|place| range.contains(place)).collect();
            if newest {
                places.reverse();
            }
            for batch in places.chunks(BATCH as usize) {
                if self.found.len() >= self.limit {
                    break;
                }
                let rows = self.backend.rows_at(batch.to_vec()).await?;
                if let Some((_, missing)) = rows.iter().map(|row| row.seq).zip(batch).find(|(seq, place)| seq != *place)
                {
                    return Err(damaged(*missing, &appender::RowFault::Missing));
                }
                self.take(rows)?;
            }
        }
        Ok(())
    }

    async fn stored(&self, segment: u64, wanted: &[Vec<u64>]) -> Result<Vec<u16>, ReadError> {
        let all: Vec<u64> = wanted.iter().flatten().copied().collect();
        let chunks = self.backend.chunks(segment, all).await?;
        Ok(terms::intersect(wanted.iter().map(|terms| {
            let of = |term: &u64| {
                let term = *term;
                chunks.iter().flat_map(move |chunk| terms::offsets(&chunk.data, term)).collect::<Vec<u16>>()
            };
            terms.iter().flat_map(of).collect()
        })))
    }

    fn take(&mut self, rows: Vec<Row>) -> Result<(), ReadError> {
        for row in rows {
            if self.found.len() >= self.limit {
                break;
            }
            let entry = appender::check(self.ring, &row).map_err(|fault| damaged(row.seq, &fault))?;
            if let Some(entry) = entry.filter(|entry| self.filter.passes(&entry.plain)) {
                self.found.push((row, entry));
            }
        }
        Ok(())
    }
}

fn damaged(seq: u64, fault: &appender::RowFault) -> ReadError {
    ReadError::damaged(format!("journal entry {seq}"), fault)
}
