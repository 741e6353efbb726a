//! Programs and libraries of Apple's platforms: Mach-O files, alone or for several processors in one (`mach-o/loader.h`,
//! `mach-o/fat.h`).
//!
//! Load commands decide where things lie. Files of 64 and of 32 bits are read, the latter for old processors beside a newer
//! one; the byte order is that of all processors since 2006. Symbols are read one by one and never gathered.
//!
//! To add a load command: its number in `command.rs`, and a field that it fills.

mod code_signature;
mod command;
mod symbol;
#[cfg(test)]
mod tests;

use crate::be;
use crate::le::{slice_at, u32_at, u64_at};

pub use code_signature::{CodeDirectory, CodeSignature, Pages};
pub use command::{Encryption, Library, Link, Section, Segment};
pub use symbol::Symbol;

/// Programs for how many processors there may be in one file.
const MOST_SLICES: usize = 32;

const FAT: u32 = 0xcafe_babe;
const FAT_64: u32 = 0xcafe_babf;
const THIN_32: u32 = 0xfeed_face;
const THIN_64: u32 = 0xfeed_facf;

/// The processor of today's devices.
pub const ARM64: u32 = 0x0100_000c;
/// A program, rather than a library.
pub const PROGRAM: u32 = 2;
/// A library.
pub const DYLIB: u32 = 6;
/// A library that is loaded when it is asked for.
pub const BUNDLE: u32 = 8;

/// The program is loaded wherever there is room.
const FLAG_PIE: u32 = 0x20_0000;
/// The stack may be executed.
const FLAG_EXECUTABLE_STACK: u32 = 0x2_0000;

/// The program for one processor.
#[derive(Clone, Debug)]
pub struct MachO<'a> {
    bytes: &'a [u8],
    wide: bool,
    /// The processor, such as [`ARM64`].
    pub processor: u32,
    /// The kind of processor within it.
    pub subtype: u32,
    /// What kind of file: [`PROGRAM`], [`DYLIB`].
    pub kind: u32,
    /// The flags of its header.
    pub flags: u32,
    /// The segments.
    pub segments: Vec<Segment<'a>>,
    /// The libraries that it is linked with.
    pub libraries: Vec<Library<'a>>,
    /// The folders in which libraries are sought.
    pub rpaths: Vec<&'a [u8]>,
    /// The name by which a library is linked.
    pub name: Option<&'a [u8]>,
    /// Which bytes a store encrypted.
    pub encryption: Option<Encryption>,
    /// The id of the build.
    pub uuid: Option<&'a [u8]>,
    /// The platform: 2 for iOS, 7 for its simulator.
    pub platform: Option<u32>,
    /// The least version of the system, its parts from the upper half down.
    pub least_system: Option<u32>,
    /// The version of the development kit.
    pub sdk: Option<u32>,
    /// Where the symbols are.
    table: Option<symbol::Table>,
    /// Where the code signature is.
    signature: Option<(usize, usize)>,
}

/// Why bytes are no Mach-O file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MachError {
    /// It begins otherwise.
    #[error("not a Mach-O file")]
    Magic,
    /// A header reaches beyond the file.
    #[error("the file ends within its {0}")]
    Truncated(&'static str),
    /// There are programs for too many processors.
    #[error("programs for more than {MOST_SLICES} processors")]
    TooMany,
    /// Programs for several processors share their bytes.
    #[error("programs for several processors overlap")]
    Overlap,
}

/// Whether bytes begin like a Mach-O file.
pub fn is_macho(bytes: &[u8]) -> bool {
    // Classes of Java begin like files for several processors; their next number is a version from 45 on.
    let fat = matches!(be::u32_at(bytes, 0), Some(FAT | FAT_64))
        && be::size_at(bytes, 4).is_some_and(|count| count <= MOST_SLICES);
    fat || matches!(u32_at(bytes, 0), Some(THIN_32 | THIN_64))
}

/// Reads a file: one program for each of its processors. Slices that are no Mach-O files themselves are left out.
pub fn read(bytes: &[u8]) -> Result<Vec<MachO<'_>>, MachError> {
    let (size, wide) = match be::u32_at(bytes, 0) {
        Some(FAT) => (20, false),
        Some(FAT_64) => (32, true),
        _ => return MachO::read(bytes).map(|thin| vec![thin]),
    };
    let count = be::size_at(bytes, 4).ok_or(MachError::Truncated("header"))?;
    if count > MOST_SLICES {
        return Err(MachError::TooMany);
    }
    let slice = |index: usize| {
        let at = 8 + index * size;
        let number = |at| be::u64_at(bytes, at).and_then(|number| usize::try_from(number).ok());
        let (offset, length) = if wide {
            number(at + 8).zip(number(at + 16))
        } else {
            be::size_at(bytes, at + 8).zip(be::size_at(bytes, at + 12))
        }
        .ok_or(MachError::Truncated("list of processors"))?;
        slice_at(bytes, offset, length).ok_or(MachError::Truncated("program for a processor"))
    };
    let slices = (0..count).map(slice).collect::<Result<Vec<_>, _>>()?;
    if slices.iter().map(|slice| slice.len()).sum::<usize>() > bytes.len() {
        return Err(MachError::Overlap);
    }
    let programs: Vec<_> = slices.into_iter().filter_map(|slice| MachO::read(slice).ok()).collect();
    if programs.is_empty() { Err(MachError::Magic) } else { Ok(programs) }
}

impl<'a> MachO<'a> {
    /// Reads a file for one processor.
    fn read(bytes: &'a [u8]) -> Result<MachO<'a>, MachError> {
        let wide = match u32_at(bytes, 0) {
            Some(THIN_32) => false,
            Some(THIN_64) => true,
            _ => return Err(MachError::Magic),
        };
        let field = |at| u32_at(bytes, at).ok_or(MachError::Truncated("header"));
        let mut program = MachO {
            bytes,
            wide,
            processor: field(4)?,
            subtype: field(8)?,
            kind: field(12)?,
            flags: field(24)?,
            segments: Vec::new(),
            libraries: Vec::new(),
            rpaths: Vec::new(),
            name: None,
            encryption: None,
            uuid: None,
            platform: None,
            least_system: None,
            sdk: None,
            table: None,
            signature: None,
        };
        let (start, count, size) = (if wide { 32 } else { 28 }, field(16)?, field(20)?);
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let commands = slice_at(bytes, start, size).ok_or(MachError::Truncated("load commands"))?;
        program.take_commands(commands, count);
        Ok(program)
    }

    /// Whether addresses have 64 bits.
    pub fn is_64(&self) -> bool {
        self.wide
    }

    /// The processor's name as tools write it.
    pub fn architecture(&self) -> &'static str {
        match (self.processor, self.subtype & 0xff_ffff) {
            (7, _) => "i386",
            (0x0100_0007, _) => "x86_64",
            (12, _) => "armv7",
            (ARM64, 2) => "arm64e",
            (ARM64, _) => "arm64",
            (0x0200_000c, _) => "arm64_32",
            _ => "unknown",
        }
    }

    /// Whether it is loaded wherever there is room. Libraries always are.
    pub fn is_position_independent(&self) -> bool {
        self.kind != PROGRAM || self.flags & FLAG_PIE != 0
    }

    /// Whether its stack may be executed.
    pub fn has_executable_stack(&self) -> bool {
        self.flags & FLAG_EXECUTABLE_STACK != 0
    }

    /// Whether bytes of it are encrypted, so that nothing can be said of them.
    pub fn is_encrypted(&self) -> bool {
        self.encryption.is_some_and(|encryption| encryption.id != 0)
    }

    /// The symbols.
    pub fn symbols(&self) -> impl Iterator<Item = Symbol<'a>> {
        symbol::of(self.bytes, self.wide, self.table)
    }

    /// The names of what it takes from libraries.
    pub fn imports(&self) -> impl Iterator<Item = &'a [u8]> {
        self.symbols().filter(Symbol::is_import).map(|symbol| symbol.name)
    }

    /// The section of this name in a segment.
    pub fn section(&self, segment: &str, name: &str) -> Option<&'a [u8]> {
        let sections = self.segments.iter().flat_map(|segment| &segment.sections);
        let section =
            sections.into_iter().find(|own| own.segment == segment.as_bytes() && own.name == name.as_bytes())?;
        slice_at(self.bytes, section.offset, section.size)
    }

    /// The selectors of Objective-C that it has or sends.
    pub fn selectors(&self) -> impl Iterator<Item = &'a [u8]> {
        let names = self.section("__TEXT", "__objc_methname").unwrap_or_default();
        names.split(|byte| *byte == 0).filter(|name| !name.is_empty())
    }

    /// The code signature, if there is one that can be read.
    pub fn code_signature(&self) -> Option<CodeSignature<'a>> {
        let (offset, size) = self.signature?;
        CodeSignature::read(self.bytes, offset, size)
    }

    /// Whether there is a code signature, read or not.
    pub fn is_signed(&self) -> bool {
        self.signature.is_some()
    }
}

/// A text in a fixed number of bytes.
fn fixed(bytes: &[u8]) -> &[u8] {
    bytes.get(..memchr::memchr(0, bytes).unwrap_or(bytes.len())).unwrap_or_default()
}

/// A 64- or 32-bit number.
fn word(bytes: &[u8], at: usize, wide: bool) -> Option<u64> {
    if wide { u64_at(bytes, at) } else { u32_at(bytes, at).map(u64::from) }
}
