//! A ZIP reader for tests that follows Android's signature verifier, and the few manifest attributes that matter to it.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::DeflateDecoder;
use testudo_package::signature::{Archive, ArchiveEntry, Demands, EntryError};

/// An archive whose directory was read.
pub struct Zip<'a> {
    bytes: &'a [u8],
    directory: std::ops::Range<usize>,
    end: usize,
    entries: Vec<Record>,
}

struct Record {
    name: String,
    raw_name: Vec<u8>,
    flags: u16,
    method: u16,
    crc: u32,
    compressed: usize,
    size: usize,
    offset: usize,
}

impl<'a> Zip<'a> {
    /// Reads the end record and the central directory.
    pub fn read(bytes: &'a [u8]) -> Option<Zip<'a>> {
        let end = find_end(bytes)?;
        let count = u16_at(bytes, end + 10)?;
        let size = usize::try_from(u32_at(bytes, end + 12)?).ok()?;
        let start = usize::try_from(u32_at(bytes, end + 16)?).ok()?;
        if start > end || start.checked_add(size)? > end {
            return None;
        }
        let mut entries = Vec::new();
        let mut at = start;
        for _ in 0..count {
            let record = bytes.get(at..start + size)?;
            if u32_at(record, 0)? != 0x0201_4b50 {
                return None;
            }
            let name_len = usize::from(u16_at(record, 28)?);
            let raw_name = record.get(46..46 + name_len)?.to_vec();
            let extra = usize::from(u16_at(record, 30)?) + usize::from(u16_at(record, 32)?);
            record.get(46 + name_len + extra..)?;
            let name = String::from_utf8_lossy(&raw_name).into_owned();
            if !name.ends_with('/') {
                entries.push(Record {
                    name,
                    raw_name,
                    flags: u16_at(record, 8)?,
                    method: u16_at(record, 10)?,
                    crc: u32_at(record, 16)?,
                    compressed: usize::try_from(u32_at(record, 20)?).ok()?,
                    size: usize::try_from(u32_at(record, 24)?).ok()?,
                    offset: usize::try_from(u32_at(record, 42)?).ok()?,
                });
            }
            at += 46 + name_len + extra;
        }
        Some(Zip { bytes, directory: start..start + size, end, entries })
    }

    /// Runs with the archive as the verifier takes it.
    pub fn with_archive<T>(&self, run: impl FnOnce(&Archive<'_>) -> T) -> T {
        let read = |at: usize, limit: usize| self.contents(at, limit);
        let entry =
            |record: &Record| ArchiveEntry { name: Cow::Owned(record.name.clone()), offset: record.offset as u64 };
        run(&Archive {
            bytes: self.bytes,
            directory: self.directory.clone(),
            end: self.end,
            entries: self.entries.iter().map(entry).collect(),
            read: &read,
        })
    }

    /// What the manifest demands of the signature.
    pub fn demands(&self) -> Option<Demands> {
        let at = self.entries.iter().position(|record| record.name == "AndroidManifest.xml")?;
        let xml = self.contents(at, 64 << 20).ok()?;
        Some(demands_of(&xml))
    }

    fn contents(&self, at: usize, limit: usize) -> Result<Cow<'a, [u8]>, EntryError> {
        let record = self.entries.get(at).ok_or_else(|| EntryError::Malformed("no such entry".into()))?;
        let data = self.data(record).ok_or_else(|| EntryError::Malformed("headers".into()))?;
        if record.size > limit {
            return Err(EntryError::TooLarge { limit });
        }
        if record.method == 0 {
            return Ok(Cow::Borrowed(data));
        }
        let mut out = Vec::with_capacity(record.size.min(1 << 20));
        let result = DeflateDecoder::new(data).take(record.size as u64 + 1).read_to_end(&mut out);
        if result.is_err() && out.len() != record.size || out.len() != record.size {
            return Err(EntryError::Malformed("compressed data".into()));
        }
        Ok(Cow::Owned(out))
    }

    fn data(&self, record: &Record) -> Option<&'a [u8]> {
        let before = self.bytes.get(..self.directory.start)?;
        let local = before.get(record.offset..)?;
        local.get(..30 + record.raw_name.len())?;
        let flags = u16_at(local, 6)?;
        if u32_at(local, 0)? != 0x0403_4b50 || flags & 8 != record.flags & 8 {
            return None;
        }
        if flags & 8 == 0 {
            let same = u32_at(local, 14)? == record.crc
                && u32_at(local, 18)? as usize == record.compressed
                && u32_at(local, 22)? as usize == record.size;
            if !same {
                return None;
            }
        }
        let name_len = usize::from(u16_at(local, 26)?);
        if name_len > record.raw_name.len() || String::from_utf8_lossy(local.get(30..30 + name_len)?) != record.name {
            return None;
        }
        let start = 30 + name_len + usize::from(u16_at(local, 28)?);
        let size = if record.method == 0 { record.size } else { record.compressed };
        local.get(start..start.checked_add(size)?)
    }
}

fn find_end(bytes: &[u8]) -> Option<usize> {
    let last = bytes.len().checked_sub(22)?;
    (0..=last.min(0xffff)).map(|comment| (last - comment, comment)).find_map(|(at, comment)| {
        let right = u32_at(bytes, at)? == 0x0605_4b50 && usize::from(u16_at(bytes, at + 20)?) == comment;
        right.then_some(at)
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

const MIN_SDK: u32 = 0x0101_020c;
const TARGET_SDK: u32 = 0x0101_0270;
const TARGET_SANDBOX: u32 = 0x0101_054c;

/// Integer attributes of a binary XML document by their resource id; the first of each counts.
fn demands_of(xml: &[u8]) -> Demands {
    let mut ids: Vec<u32> = Vec::new();
    let mut found: Vec<(u32, u32)> = Vec::new();
    let mut at = 8;
    while let (Some(kind), Some(size)) = (u16_at(xml, at), u32_at(xml, at + 4)) {
        let size = size as usize;
        let Some(chunk) = xml.get(at..).and_then(|rest| rest.get(..size.max(8))) else { break };
        match kind {
            0x0180 => ids = chunk[8..].chunks_exact(4).filter_map(|id| u32_at(id, 0)).collect(),
            0x0102 => {
                let start = 16 + usize::from(u16_at(chunk, 24).unwrap_or(20));
                let width = usize::from(u16_at(chunk, 26).unwrap_or(20)).max(20);
                let attributes = chunk.get(start..).unwrap_or_default().chunks_exact(width);
                for attribute in attributes.take(usize::from(u16_at(chunk, 28).unwrap_or(0))) {
                    let name = u32_at(attribute, 4).and_then(|name| ids.get(name as usize));
                    if let (Some(id), Some(0x10), Some(value)) = (name, attribute.get(15), u32_at(attribute, 16)) {
                        found.push((*id, value));
                    }
                }
            }
            _ => {}
        }
        at += size.max(8);
    }
    let first = |wanted| found.iter().find(|(id, _)| *id == wanted).map(|(_, value)| *value);
    let target_sdk = first(TARGET_SDK).or(first(MIN_SDK)).unwrap_or(1);
    Demands { sandbox: first(TARGET_SANDBOX).unwrap_or(1), target_sdk }
}
