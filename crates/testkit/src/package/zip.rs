//! A writer of ZIP archives: honest ones in a line, and any that a header can lie in.
//!
//! `Zip::new().file("a", b"text").write()` is an honest archive. What lies is an [`Entry`] whose local header, directory
//! record or data was changed before it was [added](Zip::entry), or one of the fields of [`Zip`] itself.

use std::io::Write as _;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// An archive to write.
#[derive(Clone, Default, Debug)]
pub struct Zip {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Bytes before the first entry, which offsets do not count.
    pub prefix: Vec<u8>,
    /// Bytes between the last entry and the directory, such as a signing block.
    pub before_directory: Vec<u8>,
    /// Bytes between the directory and the end record.
    pub after_directory: Vec<u8>,
    /// The archive's comment.
    pub comment: Vec<u8>,
    /// Bytes after the end.
    pub trailing: Vec<u8>,
    /// The number of entries that the end record declares, if it lies.
    pub declared: Option<u16>,
    /// Whether the directory's place and size stand in a ZIP64 end record.
    pub zip64: bool,
}

/// One entry to write.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The local header; `None` writes the data without one.
    pub local: Option<Header>,
    /// The record in the directory; `None` hides the entry.
    pub central: Option<Header>,
    /// The data as it is written.
    pub data: Vec<u8>,
    /// Bytes before the local header.
    pub gap: Vec<u8>,
    /// To how many bytes the data is aligned, by the length of the local extra field.
    pub align: usize,
    /// What follows the data, such as a data descriptor.
    pub after: Vec<u8>,
    /// Where the directory says that the local header is, if it lies.
    pub place: Option<u32>,
    /// The external attributes, and that Unix made them.
    pub unix_mode: Option<u16>,
}

/// What both headers say.
#[derive(Clone, Debug)]
pub struct Header {
    /// The name.
    pub name: Vec<u8>,
    /// The method.
    pub method: u16,
    /// The flags.
    pub flags: u16,
    /// The CRC-32.
    pub crc: u32,
    /// The compressed size.
    pub compressed: u32,
    /// The size.
    pub size: u32,
    /// The extra fields.
    pub extra: Vec<u8>,
}

impl Entry {
    /// Bytes as they are.
    pub fn stored(name: impl AsRef<[u8]>, data: &[u8]) -> Entry {
        Entry::with(name.as_ref(), 0, data, data.to_vec())
    }

    /// Deflated bytes.
    pub fn deflated(name: impl AsRef<[u8]>, data: &[u8]) -> Entry {
        Entry::with(name.as_ref(), 8, data, deflate(data))
    }

    /// Changes both headers alike.
    #[must_use]
    pub fn both(mut self, change: impl Fn(&mut Header)) -> Entry {
        self.local.iter_mut().chain(&mut self.central).for_each(change);
        self
    }

    /// Changes the local header.
    #[must_use]
    pub fn local(mut self, change: impl FnOnce(&mut Header)) -> Entry {
        if let Some(local) = &mut self.local {
            change(local);
        }
        self
    }

    /// Changes the directory's record.
    #[must_use]
    pub fn central(mut self, change: impl FnOnce(&mut Header)) -> Entry {
        if let Some(central) = &mut self.central {
            change(central);
        }
        self
    }

    /// Moves sizes and checksum behind the data.
    #[must_use]
    pub fn with_descriptor(mut self) -> Entry {
        if let Some(local) = &mut self.local {
            self.after = b"PK\x07\x08".to_vec();
            for number in [local.crc, local.compressed, local.size] {
                self.after.extend(number.to_le_bytes());
            }
            (local.crc, local.compressed, local.size) = (0, 0, 0);
        }
        self.both(|header| header.flags |= 8)
    }

    /// Leaves it out of the directory.
    #[must_use]
    pub fn hidden(mut self) -> Entry {
        self.central = None;
        self
    }

    fn with(name: &[u8], method: u16, plain: &[u8], data: Vec<u8>) -> Entry {
        let mut crc = Crc::new();
        crc.update(plain);
        let header = Header {
            name: name.to_vec(),
            method,
            flags: 0,
            crc: crc.sum(),
            compressed: narrow(data.len()),
            size: narrow(plain.len()),
            extra: Vec::new(),
        };
        Entry {
            local: Some(header.clone()),
            central: Some(header),
            data,
            gap: Vec::new(),
            align: 1,
            after: Vec::new(),
            place: None,
            unix_mode: None,
        }
    }
}

impl Zip {
    /// An empty archive.
    pub fn new() -> Zip {
        Zip::default()
    }

    /// Adds a deflated file.
    #[must_use]
    pub fn file(self, name: impl AsRef<[u8]>, data: impl AsRef<[u8]>) -> Zip {
        self.entry(Entry::deflated(name, data.as_ref()))
    }

    /// Adds a stored file, aligned to four bytes.
    #[must_use]
    pub fn stored(self, name: impl AsRef<[u8]>, data: impl AsRef<[u8]>) -> Zip {
        self.entry(Entry { align: 4, ..Entry::stored(name, data.as_ref()) })
    }

    /// Adds an entry.
    #[must_use]
    pub fn entry(mut self, entry: Entry) -> Zip {
        self.entries.push(entry);
        self
    }

    /// The archive's bytes.
    pub fn write(&self) -> Vec<u8> {
        let mut out = self.prefix.clone();
        let mut directory = Vec::new();
        let mut listed = 0u16;
        for entry in &self.entries {
            out.extend(&entry.gap);
            let place = out.len() - self.prefix.len();
            if let Some(local) = &entry.local {
                let mut extra = local.extra.clone();
                let unaligned = (place + 30 + local.name.len() + extra.len()) % entry.align;
                if unaligned != 0 {
                    extra.resize(extra.len() + entry.align - unaligned, 0);
                }
                out.extend(b"PK\x03\x04");
                local.write(&mut out);
                out.extend(narrow16(extra.len()).to_le_bytes());
                out.extend(&local.name);
                out.extend(extra);
            }
            out.extend(&entry.data);
            out.extend(&entry.after);
            if let Some(central) = &entry.central {
                listed = listed.wrapping_add(1);
                directory.extend(b"PK\x01\x02");
                directory.extend([20, if entry.unix_mode.is_some() { 3 } else { 0 }]);
                central.write(&mut directory);
                directory.extend(narrow16(central.extra.len()).to_le_bytes());
                directory.extend([0; 6]);
                directory.extend((u32::from(entry.unix_mode.unwrap_or(0)) << 16).to_le_bytes());
                directory.extend(entry.place.unwrap_or(narrow(place)).to_le_bytes());
                directory.extend(&central.name);
                directory.extend(&central.extra);
            }
        }
        out.extend(&self.before_directory);
        self.finish(out, &directory, self.declared.unwrap_or(listed))
    }

    fn finish(&self, mut out: Vec<u8>, directory: &[u8], listed: u16) -> Vec<u8> {
        let (mut start, mut size) = (narrow(out.len() - self.prefix.len()), narrow(directory.len()));
        out.extend(directory);
        out.extend(&self.after_directory);
        if self.zip64 {
            let record = (out.len() - self.prefix.len()) as u64;
            out.extend(b"PK\x06\x06");
            out.extend(44u64.to_le_bytes());
            out.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            for number in [listed.into(), listed.into(), size.into(), u64::from(start)] {
                out.extend(number.to_le_bytes());
            }
            out.extend(b"PK\x06\x07\0\0\0\0");
            out.extend(record.to_le_bytes());
            out.extend(1u32.to_le_bytes());
            (start, size) = (u32::MAX, u32::MAX);
        }
        out.extend(b"PK\x05\x06\0\0\0\0");
        out.extend(listed.to_le_bytes());
        out.extend(listed.to_le_bytes());
        out.extend(size.to_le_bytes());
        out.extend(start.to_le_bytes());
        out.extend(narrow16(self.comment.len()).to_le_bytes());
        out.extend(&self.comment);
        out.extend(&self.trailing);
        out
    }
}

impl Header {
    /// What both kinds of headers have in common, from the needed version to the length of the name.
    fn write(&self, out: &mut Vec<u8>) {
        out.extend(20u16.to_le_bytes());
        out.extend(self.flags.to_le_bytes());
        out.extend(self.method.to_le_bytes());
        // 1981-01-01, as build tools write it.
        out.extend(0x0221_0000u32.to_le_bytes());
        for number in [self.crc, self.compressed, self.size] {
            out.extend(number.to_le_bytes());
        }
        out.extend(narrow16(self.name.len()).to_le_bytes());
    }
}

/// Deflates.
pub fn deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).and_then(|()| encoder.finish()).unwrap_or_default()
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn narrow16(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}
