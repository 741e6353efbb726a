//! The end of an archive: where its directory is (APPNOTE 4.3.14 to 4.3.16).
//!
//! Android takes the last signature of an end record within the last 65,557 bytes, and refuses the archive unless that
//! record's comment ends with the file. Here the last record that leads to a directory is taken, so that an archive that
//! Android refuses can still be looked at; that it is refused stands among the anomalies.

use std::ops::Range;

use memchr::memmem;

use super::anomaly::{Anomalies, AnomalyKind};
use super::entry::CENTRAL_SIGNATURE;
use crate::le::{slice_at, u16_at, u32_at, u64_at};

const SIGNATURE: &[u8] = b"PK\x05\x06";
const SIZE: usize = 22;
const ZIP64_LOCATOR: &[u8] = b"PK\x06\x07";
const ZIP64_LOCATOR_SIZE: usize = 20;
const ZIP64_SIGNATURE: &[u8] = b"PK\x06\x06";
const ZIP64_SIZE: usize = 56;
/// Where readers look for the record: it is followed by a comment of 65,535 bytes at most.
const WINDOW: usize = SIZE + 0xffff;
/// How many signatures are looked at, from the last on.
const CANDIDATES: usize = 16;

/// The end record, and what it leads to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct End {
    /// Where the end record begins.
    pub offset: usize,
    /// Where its comment is.
    pub comment: Range<usize>,
    /// Where the directory is, from its first record to its last.
    pub directory: Range<usize>,
    /// The number of entries that is declared.
    pub entries: u64,
    /// Where the ZIP64 end record begins, when one was needed.
    pub zip64: Option<usize>,
    /// By how much the declared offsets are too small.
    pub shift: usize,
}

impl End {
    pub(super) fn find(bytes: &[u8], anomalies: &mut Anomalies) -> Option<End> {
        let mut found: Option<End> = None;
        for (nth, offset) in candidates(bytes).into_iter().enumerate() {
            let Some(end) = End::at(bytes, offset) else { continue };
            if let Some(taken) = &found {
                if taken.directory != end.directory {
                    let directory = end.directory.start;
                    anomalies.add(None, offset, AnomalyKind::AnotherEnd { directory });
                }
                continue;
            }
            if nth > 0 {
                anomalies.add(None, offset, AnomalyKind::EndUnusable);
            }
            end.note(bytes, anomalies);
            found = Some(end);
        }
        found
    }

    /// The record there, if it leads to a directory.
    fn at(bytes: &[u8], offset: usize) -> Option<End> {
        let record = slice_at(bytes, offset, SIZE)?;
        let comment_length = usize::from(u16_at(record, 20)?);
        let comment = offset + SIZE..(offset + SIZE + comment_length).min(bytes.len());
        let small = |at| u32_at(record, at).map(u64::from);
        let (mut entries, mut size, mut start) = (u64::from(u16_at(record, 10)?), small(12)?, small(16)?);
        let mut zip64 = None;
        let mut stop = offset;
        if size == u64::from(u32::MAX) || start == u64::from(u32::MAX) || entries == u64::from(u16::MAX) {
            if let Some((at, wide)) = zip64_record(bytes, offset) {
                (entries, size, start) = (u64_at(wide, 32)?, u64_at(wide, 40)?, u64_at(wide, 48)?);
                zip64 = Some(at);
                stop = at;
            } else if size == u64::from(u32::MAX) || start == u64::from(u32::MAX) {
                return None;
            }
        }
        let (size, start) = (usize::try_from(size).ok()?, usize::try_from(start).ok()?);
        let end = |start: usize, shift| {
            let directory = start..start.checked_add(size)?;
            let fits = directory.end <= stop
                && (size == 0 && entries == 0 || slice_at(bytes, start, 4) == Some(CENTRAL_SIGNATURE));
            fits.then_some(End { offset, comment: comment.clone(), directory, entries, zip64, shift })
        };
        end(start, 0).or_else(|| {
            let real = stop.checked_sub(size)?;
            end(real, real.checked_sub(start)?)
        })
    }

    fn note(&self, bytes: &[u8], anomalies: &mut Anomalies) {
        let declared = self.offset + SIZE + usize::from(u16_at(bytes, self.offset + 20).unwrap_or(0));
        if declared < bytes.len() {
            anomalies.add(None, declared, AnomalyKind::TrailingBytes { bytes: bytes.len() - declared });
        } else if declared > bytes.len() {
            anomalies.add(None, self.offset, AnomalyKind::CommentCut { bytes: declared - bytes.len() });
        }
        if self.shift > 0 {
            anomalies.add(None, self.directory.start, AnomalyKind::Shifted { bytes: self.shift });
        }
        let disk = u16_at(bytes, self.offset + 4).unwrap_or(0).max(u16_at(bytes, self.offset + 6).unwrap_or(0));
        if disk != 0 && !(disk == u16::MAX && self.zip64.is_some()) {
            anomalies.add(None, self.offset, AnomalyKind::SeveralDisks { disk });
        }
        if self.entries == 0 {
            anomalies.add(None, self.offset, AnomalyKind::Empty);
        }
    }

    /// Where what belongs to the end begins.
    pub(super) fn start(&self) -> usize {
        self.zip64.unwrap_or(self.offset)
    }
}

/// Where end records may begin, the last first. Where readers look there may be none; then the whole file is searched.
fn candidates(bytes: &[u8]) -> Vec<usize> {
    let start = bytes.len().saturating_sub(WINDOW);
    let tail = bytes.get(start..).unwrap_or_default();
    let near: Vec<usize> = memmem::rfind_iter(tail, SIGNATURE).take(CANDIDATES).map(|at| start + at).collect();
    if near.is_empty() { memmem::rfind_iter(bytes, SIGNATURE).take(CANDIDATES).collect() } else { near }
}

/// The ZIP64 end record that the locator before the end record points to.
fn zip64_record(bytes: &[u8], end: usize) -> Option<(usize, &[u8])> {
    let at = end.checked_sub(ZIP64_LOCATOR_SIZE)?;
    let locator = slice_at(bytes, at, ZIP64_LOCATOR_SIZE)?;
    if !locator.starts_with(ZIP64_LOCATOR) {
        return None;
    }
    let declared = usize::try_from(u64_at(locator, 8)?).ok()?;
    // Bytes before the archive shift it; the record then lies right before its locator.
    [Some(declared), at.checked_sub(ZIP64_SIZE)].into_iter().flatten().find_map(|offset| {
        let record = slice_at(bytes, offset, ZIP64_SIZE)?;
        (record.starts_with(ZIP64_SIGNATURE) && offset + ZIP64_SIZE <= at).then_some((offset, record))
    })
}
