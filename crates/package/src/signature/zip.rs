//! An archive of [`zip`](crate::zip) as the platform's verifier takes it, which is stricter than what installs packages:
//! the end record ends with the file, there is no ZIP64, local headers agree with the directory. Checksums are not looked
//! at, and every method but 0 is deflate.

use std::borrow::Cow;
use std::io::Read as _;

use flate2::bufread::DeflateDecoder;

use super::{Archive, ArchiveEntry, Demands, EntryError, Issue, Options, Platforms, Problem, Verification, verify};
use crate::le::{slice_at, u16_at, u32_at};
use crate::manifest::Manifest;
use crate::zip;

const END: &[u8] = b"PK\x05\x06";
const END_SIZE: usize = 22;
const LOCAL: &[u8] = b"PK\x03\x04";
const LOCAL_SIZE: usize = 30;
/// No limit of memory is needed before the data are seen to be as long as their size says.
const RESERVED: usize = 1 << 20;

impl Demands {
    /// What the manifest demands.
    pub fn of(manifest: &Manifest<'_>) -> Demands {
        let sandbox = manifest.sandbox_version.and_then(|version| u32::try_from(version).ok());
        Demands { sandbox: sandbox.unwrap_or(1), target_sdk: manifest.target_sdk() }
    }
}

impl Options<'_> {
    /// For the platforms that the manifest says the package is for, with what it demands; without a manifest, for all.
    pub fn of(manifest: Option<&Manifest<'_>>) -> Options<'static> {
        Options::new(Platforms::from(manifest.map_or(1, Manifest::min_sdk)), manifest.map(Demands::of))
    }
}

/// Verifies the signatures of a package. What the platform's verifier does not take for an archive has the error
/// [`Issue::Archive`].
pub fn verify_package(archive: &zip::Archive<'_>, options: &Options<'_>) -> Verification {
    let Some(records) = records(archive) else {
        let errors = vec![Problem::of_package(Issue::Archive)];
        return Verification { errors, ..Verification::default() };
    };
    let entry = |record: &&zip::Entry<'_>| ArchiveEntry {
        name: Cow::Owned(record.text().into_owned()),
        offset: record.header as u64,
    };
    let read = |at: usize, limit: usize| {
        let record = records.get(at).ok_or_else(|| broken("no such entry"))?;
        contents(archive, record, limit)
    };
    let end = archive.end();
    let taken = Archive {
        bytes: archive.bytes(),
        directory: end.directory.clone(),
        end: end.offset,
        entries: records.iter().map(entry).collect(),
        read: &read,
    };
    verify(&taken, options)
}

/// The entries that the verifier sees: as many as are counted, without folders.
fn records<'z, 'a>(archive: &'z zip::Archive<'a>) -> Option<Vec<&'z zip::Entry<'a>>> {
    let end = archive.end();
    if end.shift != 0 || end.zip64.is_some() || Some(end.offset) != last_end(archive.bytes()) {
        return None;
    }
    let counted: Vec<_> = archive.entries().iter().filter(|entry| entry.counted).collect();
    if counted.len() as u64 != end.entries {
        return None;
    }
    Some(counted.into_iter().filter(|entry| !entry.text().ends_with('/')).collect())
}

/// The last end record whose comment ends with the file.
fn last_end(bytes: &[u8]) -> Option<usize> {
    let last = bytes.len().checked_sub(END_SIZE)?;
    (0..=last.min(0xffff)).find_map(|comment| {
        let at = last - comment;
        let ends = slice_at(bytes, at, END.len()) == Some(END) && usize::from(u16_at(bytes, at + 20)?) == comment;
        ends.then_some(at)
    })
}

fn contents<'a>(
    archive: &zip::Archive<'a>,
    record: &zip::Entry<'a>,
    limit: usize,
) -> Result<Cow<'a, [u8]>, EntryError> {
    let data = data(archive, record).ok_or_else(|| broken("headers"))?;
    let size = usize::try_from(record.size).ok().filter(|size| *size <= limit);
    let size = size.ok_or(EntryError::TooLarge { limit })?;
    if record.method == zip::STORED {
        return Ok(Cow::Borrowed(data));
    }
    let mut out = Vec::with_capacity(size.min(RESERVED));
    let read = DeflateDecoder::new(data).take(record.size.saturating_add(1)).read_to_end(&mut out);
    if read.is_err() || out.len() != size {
        return Err(broken("compressed data"));
    }
    Ok(Cow::Owned(out))
}

/// The data in the archive, if the local header says what the directory says.
fn data<'a>(archive: &zip::Archive<'a>, record: &zip::Entry<'a>) -> Option<&'a [u8]> {
    let bytes = archive.bytes().get(..archive.end().directory.start)?;
    let local = bytes.get(record.header..)?;
    local.get(..LOCAL_SIZE + record.name.len())?;
    let descriptor = |flags: u16| flags & zip::DESCRIPTOR != 0;
    if !local.starts_with(LOCAL) || descriptor(u16_at(local, 6)?) != descriptor(record.flags) {
        return None;
    }
    let (compressed, size) = (u32::try_from(record.compressed).ok()?, u32::try_from(record.size).ok()?);
    let sizes = (u32_at(local, 14)?, u32_at(local, 18)?, u32_at(local, 22)?);
    if !descriptor(record.flags) && sizes != (record.crc, compressed, size) {
        return None;
    }
    let length = usize::from(u16_at(local, 26)?);
    if length > record.name.len() || String::from_utf8_lossy(slice_at(local, LOCAL_SIZE, length)?) != record.text() {
        return None;
    }
    let start = LOCAL_SIZE + length + usize::from(u16_at(local, 28)?);
    let length = if record.method == zip::STORED { size } else { compressed };
    slice_at(local, start, usize::try_from(length).ok()?)
}

fn broken(what: &str) -> EntryError {
    EntryError::Malformed(what.to_owned())
}
