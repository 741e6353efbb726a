//! One entry: its record in the directory (APPNOTE 4.3.12) and its local header (4.3.7).

use std::borrow::Cow;
use std::ops::Range;

use super::anomaly::{Anomalies, AnomalyKind, shown};
use super::end::End;
use crate::le::{slice_at, u16_at, u32_at, u64_at};

pub(super) const CENTRAL_SIGNATURE: &[u8] = b"PK\x01\x02";
pub(super) const CENTRAL_SIZE: usize = 46;
pub(super) const LOCAL_SIGNATURE: &[u8] = b"PK\x03\x04";
pub(super) const LOCAL_SIZE: usize = 30;
const DESCRIPTOR_SIGNATURE: &[u8] = b"PK\x07\x08";

/// The bytes as they are.
pub const STORED: u16 = 0;
/// RFC 1951.
pub const DEFLATED: u16 = 8;
/// The flag of encrypted entries.
pub const ENCRYPTED: u16 = 1;
/// The flag that says that sizes and checksum follow the data.
pub const DESCRIPTOR: u16 = 1 << 3;

/// An entry as the directory has it, with the local header it points to.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// The name, as written.
    pub name: &'a [u8],
    /// Where the directory's record begins.
    pub record: usize,
    /// Where the local header begins.
    pub header: usize,
    /// The method of compression: [`STORED`], [`DEFLATED`], or what Android takes for stored.
    pub method: u16,
    /// The general purpose flags.
    pub flags: u16,
    /// The CRC-32 of the data, expanded.
    pub crc: u32,
    /// The size of the data in the archive.
    pub compressed: u64,
    /// The size of the data, expanded.
    pub size: u64,
    /// The system and version that made it.
    pub made_by: u16,
    /// The external attributes.
    pub attributes: u32,
    /// Date and time as DOS has them: the date in the upper half.
    pub modified: u32,
    /// The extra fields of the directory's record.
    pub extra: &'a [u8],
    /// The local header, if one is there.
    pub local: Option<Local<'a>>,
    /// Whether it is among the entries that the end record counts; Android does not see the others.
    pub counted: bool,
    /// Whether it may be opened within the limits.
    pub(super) admitted: bool,
}

/// A local header.
#[derive(Clone, Debug)]
pub struct Local<'a> {
    /// The name, as written.
    pub name: &'a [u8],
    /// The method of compression.
    pub method: u16,
    /// The general purpose flags.
    pub flags: u16,
    /// The CRC-32, or 0 when it follows the data.
    pub crc: u32,
    /// The size in the archive, or 0 when it follows the data.
    pub compressed: u64,
    /// The size expanded, or 0 when it follows the data.
    pub size: u64,
    /// The extra fields.
    pub extra: &'a [u8],
    /// Where the data begins.
    pub data: usize,
}

impl<'a> Entry<'a> {
    /// The name as text; what is no UTF-8 is replaced.
    pub fn text(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.name)
    }

    /// Whether it is a folder.
    pub fn is_folder(&self) -> bool {
        self.name.ends_with(b"/")
    }

    /// The mode that a Unix system gave it.
    pub fn unix_mode(&self) -> Option<u32> {
        (self.made_by >> 8 == 3).then_some(self.attributes >> 16)
    }

    /// Whether Android expands the data: any other method than deflate is read as it is.
    pub fn is_deflated(&self) -> bool {
        self.method == DEFLATED
    }

    /// Where the data lies, as Android takes it: expanded data by its compressed size, other data by its size. It may
    /// reach beyond the file.
    pub fn data(&self) -> Option<Range<usize>> {
        let start = self.local.as_ref()?.data;
        let length = if self.is_deflated() { self.compressed } else { self.size };
        Some(start..start.checked_add(usize::try_from(length).ok()?)?)
    }

    /// The record at `at` of the directory that ends at `stop`.
    pub(super) fn record(bytes: &'a [u8], at: usize, stop: usize) -> Option<(Entry<'a>, usize)> {
        let record = bytes.get(at..stop)?;
        if !record.starts_with(CENTRAL_SIGNATURE) {
            return None;
        }
        let small = |at| u32_at(record, at).map(u64::from);
        let length = |at| u16_at(record, at).map(usize::from);
        let (name, extra, comment) = (length(28)?, length(30)?, length(32)?);
        let end = CENTRAL_SIZE + name + extra + comment;
        let entry = Entry {
            name: slice_at(record, CENTRAL_SIZE, name)?,
            record: at,
            header: usize::try_from(small(42)?).ok()?,
            method: u16_at(record, 10)?,
            flags: u16_at(record, 8)?,
            crc: u32_at(record, 16)?,
            compressed: small(20)?,
            size: small(24)?,
            made_by: u16_at(record, 4)?,
            attributes: u32_at(record, 38)?,
            modified: u32_at(record, 12)?,
            extra: slice_at(record, CENTRAL_SIZE + name, extra)?,
            local: None,
            counted: true,
            admitted: true,
        };
        (end <= record.len()).then_some((entry, at + end))
    }

    /// Takes sizes and place from the ZIP64 field, if the record asks for it.
    pub(super) fn widen(&mut self, index: usize, anomalies: &mut Anomalies) {
        const ASKS: u64 = u32::MAX as u64;
        let mut header = self.header as u64;
        if self.size != ASKS && self.compressed != ASKS && header != ASKS {
            return;
        }
        if zip64_field(self.extra, [&mut self.size, &mut self.compressed, &mut header]).is_none() {
            anomalies.add(Some(index), self.record, AnomalyKind::Zip64Broken);
        }
        self.header = usize::try_from(header).unwrap_or(usize::MAX);
    }

    /// Reads the local header, and notes how it differs.
    pub(super) fn meet_local(&mut self, bytes: &'a [u8], end: &End, index: usize, anomalies: &mut Anomalies) {
        let header = self.header;
        let mut note = |kind| anomalies.add(Some(index), header, kind);
        if header >= end.directory.start {
            note(AnomalyKind::Outside);
            return;
        }
        let Some(local) = Local::read(bytes, header) else {
            note(AnomalyKind::NoLocalHeader);
            return;
        };
        if local.zip64_broken {
            note(AnomalyKind::Zip64Broken);
        }
        let local = local.local;
        if local.name != self.name {
            note(AnomalyKind::NameDiffers { local: shown(local.name) });
        }
        if local.method != self.method {
            note(AnomalyKind::MethodDiffers { central: self.method, local: local.method });
        }
        // Bit 11 tells how names are encoded, bits 1 and 2 how hard the compressor tried: nothing reads differently.
        if (local.flags ^ self.flags) & !0x0806 != 0 {
            note(AnomalyKind::FlagsDiffer { central: self.flags, local: local.flags });
        }
        let descriptor = local.flags & DESCRIPTOR != 0;
        let (central_sizes, local_sizes) = ((self.compressed, self.size), (local.compressed, local.size));
        if local_sizes != central_sizes && !(descriptor && local_sizes == (0, 0)) {
            note(AnomalyKind::SizesDiffer { central: central_sizes, local: local_sizes, descriptor });
        }
        if local.crc != self.crc && !(descriptor && local.crc == 0) {
            note(AnomalyKind::ChecksumDiffers { central: self.crc, local: local.crc, descriptor });
        }
        self.local = Some(local);
        let stop = end.directory.start as u64;
        let reach = |length: u64| self.local.as_ref().is_some_and(|local| local.data as u64 + length.min(stop) <= stop);
        let fits = reach(self.compressed) && (self.is_deflated() || reach(self.size));
        if !fits {
            note(AnomalyKind::DataOutside);
        } else if descriptor && !self.descriptor_matches(bytes) {
            note(AnomalyKind::DescriptorDiffers);
        }
    }

    /// Notes what is odd about the record itself.
    pub(super) fn note(&self, index: usize, anomalies: &mut Anomalies) {
        let mut note = |kind| anomalies.add(Some(index), self.record, kind);
        if self.method != STORED && self.method != DEFLATED {
            note(AnomalyKind::UnknownMethod { method: self.method });
        } else if self.method == STORED && self.compressed != self.size {
            note(AnomalyKind::StoredSizes { compressed: self.compressed, size: self.size });
        }
        let local = self.local.as_ref().map_or(0, |local| local.flags);
        if (self.flags | local) & ENCRYPTED != 0 {
            note(AnomalyKind::Encrypted);
        }
        if self.unix_mode().is_some_and(|mode| mode & 0o170_000 == 0o120_000) {
            note(AnomalyKind::Link);
        }
        let ratio = self.size / self.compressed.max(1);
        if self.is_deflated() && ratio > 250 && self.size > 16 << 20 {
            note(AnomalyKind::Bomb { ratio });
        }
    }

    /// Everything that belongs to it: local header, data, data descriptor.
    pub(super) fn span(&self, bytes: &[u8]) -> Option<Range<usize>> {
        let data = self.data()?;
        let descriptor = self.local.as_ref().is_some_and(|local| local.flags & DESCRIPTOR != 0);
        let tail = if descriptor { self.descriptor(bytes).map_or(0, |(length, _)| length) } else { 0 };
        Some(self.header..data.end.saturating_add(tail))
    }

    fn descriptor_matches(&self, bytes: &[u8]) -> bool {
        self.descriptor(bytes).is_some_and(|(_, matches)| matches)
    }

    /// The data descriptor's length, and whether it says what the directory says (APPNOTE 4.3.9). Its signature is
    /// optional, and its sizes have 4 or 8 bytes.
    fn descriptor(&self, bytes: &[u8]) -> Option<(usize, bool)> {
        let at = self.data()?.end;
        let signature = if slice_at(bytes, at, 4) == Some(DESCRIPTOR_SIGNATURE) { 4 } else { 0 };
        let at = at + signature;
        let crc = u32_at(bytes, at)? == self.crc;
        let wide = (u64_at(bytes, at + 4), u64_at(bytes, at + 12)) == (Some(self.compressed), Some(self.size));
        let narrow = u32_at(bytes, at + 4).map(u64::from) == Some(self.compressed)
            && u32_at(bytes, at + 8).map(u64::from) == Some(self.size);
        Some((signature + if narrow || !wide { 12 } else { 20 }, crc && (narrow || wide)))
    }
}

struct LocalRead<'a> {
    local: Local<'a>,
    zip64_broken: bool,
}

impl<'a> Local<'a> {
    fn read(bytes: &'a [u8], at: usize) -> Option<LocalRead<'a>> {
        let header = slice_at(bytes, at, LOCAL_SIZE)?;
        if !header.starts_with(LOCAL_SIGNATURE) {
            return None;
        }
        let (name, extra) = (usize::from(u16_at(header, 26)?), usize::from(u16_at(header, 28)?));
        let mut local = Local {
            name: slice_at(bytes, at + LOCAL_SIZE, name)?,
            method: u16_at(header, 8)?,
            flags: u16_at(header, 6)?,
            crc: u32_at(header, 14)?,
            compressed: u32_at(header, 18)?.into(),
            size: u32_at(header, 22)?.into(),
            extra: slice_at(bytes, at + LOCAL_SIZE + name, extra)?,
            data: at + LOCAL_SIZE + name + extra,
        };
        let asks = |size| size == u64::from(u32::MAX);
        let zip64_broken = (asks(local.size) || asks(local.compressed))
            && zip64_field(local.extra, [&mut local.size, &mut local.compressed, &mut 0]).is_none();
        Some(LocalRead { local, zip64_broken })
    }

    /// The name of a local header there, if there is one.
    pub(super) fn name_at(bytes: &'a [u8], at: usize) -> Option<&'a [u8]> {
        Local::read(bytes, at).map(|read| read.local.name)
    }
}

/// Reads into each number that asks for it, in the field's order (APPNOTE 4.5.3). A field of full length has all three,
/// asked for or not.
fn zip64_field(extra: &[u8], numbers: [&mut u64; 3]) -> Option<()> {
    let mut at = 0;
    loop {
        let (id, length) = (u16_at(extra, at)?, usize::from(u16_at(extra, at + 2)?));
        let field = slice_at(extra, at + 4, length)?;
        at += 4 + length;
        if id != 1 {
            continue;
        }
        let full = field.len() >= 24;
        let mut read = 0;
        for number in numbers {
            if *number == u64::from(u32::MAX) || full {
                *number = u64_at(field, read)?;
                read += 8;
            }
        }
        return Some(());
    }
}
