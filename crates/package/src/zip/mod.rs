//! ZIP archives as hostile hands make them: central directory against local headers, duplicates, gaps, bombs.
//!
//! The format is PKWARE's APPNOTE 6.3.10; what is read is what Android's installer and asset manager would read
//! (`libziparchive`, `androidfw`): the directory decides, local headers must agree, every method but deflate is stored,
//! the encryption flag and the checksum are not looked at. Whatever another reader would see differently is an
//! [`Anomaly`], and says by its [`Effect`] whether Android refuses the entry or the archive for it.
//!
//! To add an oddity: a variant of [`AnomalyKind`] with its effect, the place that notes it, and a test that makes such an
//! archive with the testkit's writer.

mod anomaly;
mod contents;
mod end;
mod entry;
mod layout;
mod limits;
mod name;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use anomaly::{Anomaly, AnomalyKind, Effect};
pub use contents::{ContentError, Contents, Stream};
pub use end::End;
pub use entry::{DEFLATED, DESCRIPTOR, ENCRYPTED, Entry, Local, STORED};
pub use limits::Limits;

use anomaly::Anomalies;

/// An archive: its directory, read whole, over the bytes it was read from.
#[derive(Clone, Debug)]
pub struct Archive<'a> {
    bytes: &'a [u8],
    end: End,
    entries: Vec<Entry<'a>>,
    /// Indices of the entries, by name and then by place.
    by_name: Vec<u32>,
    signing_block: Option<Range<usize>>,
    anomalies: Anomalies,
    admitted: u64,
}

/// Why bytes are no archive.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ZipError {
    /// No end record leads to a directory.
    #[error("no end record leads to a directory of entries")]
    NoDirectory,
    /// There are too many entries.
    #[error("more than {most} entries")]
    TooManyEntries {
        /// How many there may be.
        most: usize,
    },
}

impl<'a> Archive<'a> {
    /// Reads the directory, and holds every local header against it.
    pub fn read(bytes: &'a [u8], limits: Limits) -> Result<Archive<'a>, ZipError> {
        let mut anomalies = Anomalies::default();
        let end = End::find(bytes, &mut anomalies).ok_or(ZipError::NoDirectory)?;
        let mut entries = directory(bytes, &end, limits, &mut anomalies)?;
        let mut admitted = 0u64;
        for (index, entry) in entries.iter_mut().enumerate() {
            name::note(entry.name, index, entry.record, &mut anomalies);
            entry.meet_local(bytes, &end, index, &mut anomalies);
            entry.note(index, &mut anomalies);
            let sum = admitted.saturating_add(entry.size);
            entry.admitted = entry.size <= limits.entry_bytes && sum <= limits.total_bytes;
            if entry.admitted {
                admitted = sum;
            } else {
                anomalies.add(Some(index), entry.record, AnomalyKind::OverLimit { size: entry.size });
            }
        }
        let by_name = sorted(&entries, &mut anomalies);
        let signing_block = layout::signing_block(bytes, &end, &mut anomalies);
        layout::note(bytes, &end, &entries, signing_block.as_ref(), &mut anomalies);
        Ok(Archive { bytes, end, entries, by_name, signing_block, anomalies, admitted })
    }

    /// The bytes that it was read from.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The entries, in the directory's order.
    pub fn entries(&self) -> &[Entry<'a>] {
        &self.entries
    }

    /// The entry of this name; of several, the first.
    pub fn find(&self, name: impl AsRef<[u8]>) -> Option<&Entry<'a>> {
        self.all(name).next()
    }

    /// All entries of this name, in the directory's order.
    pub fn all<'s>(&'s self, name: impl AsRef<[u8]>) -> impl Iterator<Item = &'s Entry<'a>> {
        let name = name.as_ref();
        let start = self.by_name.partition_point(|index| self.name(*index) < name);
        let rest = self.by_name.get(start..).unwrap_or_default();
        let stop = rest.partition_point(|index| self.name(*index) <= name);
        rest.iter().take(stop).filter_map(|index| self.entries.get(*index as usize))
    }

    /// The end record.
    pub fn end(&self) -> &End {
        &self.end
    }

    /// Where the APK Signing Block lies: from its first size to the directory. What it holds is not looked at.
    pub fn signing_block(&self) -> Option<Range<usize>> {
        self.signing_block.clone()
    }

    /// What is odd, at most 4,096 of it.
    pub fn anomalies(&self) -> &[Anomaly] {
        &self.anomalies.kept
    }

    /// How many oddities are beyond those.
    pub fn omitted_anomalies(&self) -> usize {
        self.anomalies.omitted
    }

    /// The worst that any of them does.
    pub fn effect(&self) -> Effect {
        self.anomalies.worst.unwrap_or(Effect::None)
    }

    /// How many bytes all entries that may be opened expand to.
    pub fn admitted(&self) -> u64 {
        self.admitted
    }

    fn name(&self, index: u32) -> &'a [u8] {
        self.entries.get(index as usize).map_or(&[], |entry| entry.name)
    }
}

fn directory<'a>(
    bytes: &'a [u8],
    end: &End,
    limits: Limits,
    anomalies: &mut Anomalies,
) -> Result<Vec<Entry<'a>>, ZipError> {
    let mut entries = Vec::new();
    let mut at = end.directory.start;
    while let Some((mut entry, next)) = Entry::record(bytes, at, end.directory.end) {
        if entries.len() == limits.entries {
            return Err(ZipError::TooManyEntries { most: limits.entries });
        }
        entry.widen(entries.len(), anomalies);
        entry.header = entry.header.saturating_add(end.shift);
        entry.counted = (entries.len() as u64) < end.entries;
        entries.push(entry);
        at = next;
    }
    if at < end.directory.end {
        anomalies.add(None, at, AnomalyKind::DirectoryBroken { bytes: end.directory.end - at });
    }
    let found = entries.len() as u64;
    if found != end.entries {
        anomalies.add(None, end.offset, AnomalyKind::CountDiffers { declared: end.entries, found });
    }
    Ok(entries)
}

/// The entries' indices by name; notes names that come again.
fn sorted(entries: &[Entry<'_>], anomalies: &mut Anomalies) -> Vec<u32> {
    let mut named: Vec<(&[u8], u32)> = entries.iter().map(|entry| entry.name).zip(0..).collect();
    named.sort_unstable();
    for same in named.chunk_by(|a, b| a.0 == b.0) {
        let [(_, first), rest @ ..] = same else { continue };
        for (_, index) in rest {
            let offset = entries.get(*index as usize).map_or(0, |entry| entry.record);
            anomalies.add(Some(*index as usize), offset, AnomalyKind::Duplicate { first: *first });
        }
    }
    named.into_iter().map(|(_, index)| index).collect()
}
