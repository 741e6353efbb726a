//! Native libraries of Android: ELF files of 32 and 64 bits, in both byte orders.
//!
//! What is read is what the dynamic linker reads (System V ABI, gABI 4.3; `linker_phdr.cpp` of Bionic): the program header
//! decides where things lie, sections are only a hint. Symbols are read one by one and never gathered.
//!
//! To add a property that hardening has: a method of [`Elf`] over segments, dynamic entries or symbols.

mod dynamic;
mod field;
mod symbol;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use dynamic::Dynamic;
pub use symbol::Symbol;

use crate::le::slice_at;
use field::View;

/// Loaded into memory.
pub const LOAD: u32 = 1;
const DYNAMIC: u32 = 2;
const INTERPRETER: u32 = 3;
const NOTE: u32 = 4;
const GNU_STACK: u32 = 0x6474_e551;
const GNU_RELRO: u32 = 0x6474_e552;

/// A segment that may be executed.
pub const EXECUTE: u32 = 1;
/// A segment that may be written.
pub const WRITE: u32 = 2;

/// A file that is loaded wherever there is room.
pub const SHARED: u16 = 3;

/// A table of all symbols, which strippers remove.
const SYMBOL_TABLE: u32 = 2;
const DYNAMIC_SYMBOLS: u32 = 11;
/// A section that has no bytes in the file.
const NO_BITS: u32 = 8;

/// How many segments and sections are looked at; the linker of Android takes 65,536 bytes of segments at most.
const MOST_SEGMENTS: usize = 1170;
const MOST_SECTIONS: usize = 4096;

/// An ELF file.
#[derive(Clone, Debug)]
pub struct Elf<'a> {
    view: View<'a>,
    /// What kind of file: 2 a program at a fixed place, [`SHARED`].
    pub kind: u16,
    /// The processor.
    pub machine: u16,
    /// The program header, in its order.
    pub segments: Vec<Segment>,
    /// The sections; none where the table is not there or broken.
    pub sections: Vec<Section<'a>>,
    /// What the dynamic linker is told.
    pub dynamic: Dynamic<'a>,
}

/// A segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// What it is for, such as [`LOAD`].
    pub kind: u32,
    /// What may be done with its memory.
    pub flags: u32,
    /// Where it lies in the file.
    pub offset: u64,
    /// Where it lies in memory.
    pub address: u64,
    /// How many bytes it has in the file.
    pub file_size: u64,
    /// How many bytes it has in memory.
    pub memory_size: u64,
    /// To what its place is aligned.
    pub align: u64,
}

/// A section.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Section<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// What it holds.
    pub kind: u32,
    /// Where it lies in the file.
    pub offset: u64,
    /// How many bytes it has.
    pub size: u64,
    /// The size of one of its records.
    pub record: u64,
}

/// How much of the linker's tables is made read-only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Relro {
    /// Nothing.
    None,
    /// All but the addresses of functions, which are bound late.
    Partial,
    /// Everything: all is bound at the start.
    Full,
}

/// What the file says about the stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stack {
    /// It is data.
    Protected,
    /// It may be executed.
    Executable,
    /// Nothing; what holds depends on the processor.
    Unstated,
}

/// Why bytes are no ELF file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ElfError {
    /// It begins otherwise.
    #[error("not an ELF file")]
    Magic,
    /// Class or byte order are none that there are.
    #[error("class {class} and byte order {order} are not known")]
    Class {
        /// The class.
        class: u8,
        /// The byte order.
        order: u8,
    },
    /// It ends within a header.
    #[error("the file ends within its {0}")]
    Truncated(&'static str),
}

impl<'a> Elf<'a> {
    /// Reads the headers.
    pub fn read(bytes: &'a [u8]) -> Result<Elf<'a>, ElfError> {
        if !bytes.starts_with(b"\x7fELF") {
            return Err(ElfError::Magic);
        }
        let header = || ElfError::Truncated("header");
        let [class, order] = *bytes.get(4..).and_then(<[u8]>::first_chunk).ok_or_else(header)?;
        if !matches!((class, order), (1 | 2, 1 | 2)) {
            return Err(ElfError::Class { class, order });
        }
        let view = View { bytes, wide: class == 2, big: order == 2 };
        let (kind, machine) = view.u16(16).zip(view.u16(18)).ok_or_else(header)?;
        let segments = segments(view).ok_or(ElfError::Truncated("program header"))?;
        let sections = sections(view).unwrap_or_default();
        let mut elf = Elf { view, kind, machine, segments, sections, dynamic: Dynamic::default() };
        elf.dynamic = Dynamic::read(&elf);
        Ok(elf)
    }

    /// Whether addresses have 64 bits.
    pub fn is_64(&self) -> bool {
        self.view.wide
    }

    /// Whether the most significant byte comes first.
    pub fn is_big_endian(&self) -> bool {
        self.view.big
    }

    /// Whether it is loaded wherever there is room.
    pub fn is_position_independent(&self) -> bool {
        self.kind == SHARED
    }

    /// Whether it is a program rather than a library.
    pub fn is_program(&self) -> bool {
        self.kind != SHARED || self.segments.iter().any(|segment| segment.kind == INTERPRETER)
    }

    /// How much of the linker's tables is made read-only.
    pub fn relro(&self) -> Relro {
        match (self.segments.iter().any(|segment| segment.kind == GNU_RELRO), self.dynamic.bind_now) {
            (false, _) => Relro::None,
            (true, false) => Relro::Partial,
            (true, true) => Relro::Full,
        }
    }

    /// What it says about the stack.
    pub fn stack(&self) -> Stack {
        match self.segments.iter().find(|segment| segment.kind == GNU_STACK) {
            Some(segment) if segment.flags & EXECUTE != 0 => Stack::Executable,
            Some(_) => Stack::Protected,
            None => Stack::Unstated,
        }
    }

    /// The segments that are loaded.
    pub fn loads(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().filter(|segment| segment.kind == LOAD)
    }

    /// The least alignment of a segment that is loaded.
    pub fn page_alignment(&self) -> Option<u64> {
        self.loads().map(|segment| segment.align).min()
    }

    /// Whether memory may be written and executed at once.
    pub fn is_writable_code(&self) -> bool {
        self.loads().any(|segment| segment.flags & (EXECUTE | WRITE) == EXECUTE | WRITE)
    }

    /// Whether the table of all symbols is gone.
    pub fn is_stripped(&self) -> bool {
        !self.sections.iter().any(|section| section.kind == SYMBOL_TABLE && section.size > 0)
    }

    /// Whether it holds what debuggers need: names, types and lines of the source.
    pub fn has_debug_info(&self) -> bool {
        let debug = |name: &[u8]| name.starts_with(b".debug_info") || name.starts_with(b".zdebug_info");
        self.sections.iter().any(|section| debug(section.name) && section.kind != NO_BITS)
    }

    /// The section of this name.
    pub fn section(&self, name: &str) -> Option<&Section<'a>> {
        self.sections.iter().find(|section| section.name == name.as_bytes())
    }

    /// The bytes of a section.
    pub fn data(&self, section: &Section<'a>) -> Option<&'a [u8]> {
        if section.kind == NO_BITS {
            return None;
        }
        slice_at(self.view.bytes, usize::try_from(section.offset).ok()?, usize::try_from(section.size).ok()?)
    }

    /// The id that the linker gave the build.
    pub fn build_id(&self) -> Option<&'a [u8]> {
        const BUILD_ID: usize = 3;
        let notes = self.segments.iter().filter(|segment| segment.kind == NOTE);
        notes.filter_map(|segment| self.file_range(segment)).find_map(|range| {
            let view = View { bytes: self.view.bytes.get(range)?, ..self.view };
            let mut at = 0;
            for _ in 0..64 {
                let (name, size, kind) = (view.size(at)?, view.size(at + 4)?, view.size(at + 8)?);
                let data = (at + 12).checked_add(name)?.checked_next_multiple_of(4)?;
                if kind == BUILD_ID && slice_at(view.bytes, at + 12, name)? == b"GNU\0" {
                    return slice_at(view.bytes, data, size);
                }
                at = data.checked_add(size)?.checked_next_multiple_of(4)?;
            }
            None
        })
    }

    /// The symbols that the dynamic linker knows: imported and exported.
    pub fn symbols(&self) -> impl Iterator<Item = Symbol<'a>> {
        symbol::of(self)
    }

    /// Names of what it takes from other libraries.
    pub fn imports(&self) -> impl Iterator<Item = Cow<'a, str>> {
        self.symbols().filter(Symbol::is_import).map(|symbol| symbol.text())
    }

    /// Names of what it offers.
    pub fn exports(&self) -> impl Iterator<Item = Cow<'a, str>> {
        self.symbols().filter(Symbol::is_export).map(|symbol| symbol.text())
    }

    /// Where a segment's bytes lie in the file.
    fn file_range(&self, segment: &Segment) -> Option<std::ops::Range<usize>> {
        let (start, size) = (usize::try_from(segment.offset).ok()?, usize::try_from(segment.file_size).ok()?);
        let end = start.checked_add(size)?.min(self.view.bytes.len());
        (start <= end).then_some(start..end)
    }

    /// The place in the file of an address in memory.
    fn offset_of(&self, address: u64) -> Option<usize> {
        let within = |segment: &&Segment| {
            address >= segment.address && address - segment.address < segment.file_size.min(segment.memory_size)
        };
        let segment = self.loads().find(within)?;
        let offset = usize::try_from(segment.offset.checked_add(address - segment.address)?).ok()?;
        (offset < self.view.bytes.len()).then_some(offset)
    }
}

fn segments(view: View<'_>) -> Option<Vec<Segment>> {
    let (start, size, count) = if view.wide {
        (view.word(32)?, view.u16(54)?, view.u16(56)?)
    } else {
        (view.word(28)?, view.u16(42)?, view.u16(44)?)
    };
    let (start, size) = (usize::try_from(start).ok()?, usize::from(size));
    let read = |index: usize| {
        let at = record(view, start, index, size)?;
        Some(if view.wide {
            Segment {
                kind: view.u32(at)?,
                flags: view.u32(at + 4)?,
                offset: view.word(at + 8)?,
                address: view.word(at + 16)?,
                file_size: view.word(at + 32)?,
                memory_size: view.word(at + 40)?,
                align: view.word(at + 48)?,
            }
        } else {
            Segment {
                kind: view.u32(at)?,
                flags: view.u32(at + 24)?,
                offset: view.word(at + 4)?,
                address: view.word(at + 8)?,
                file_size: view.word(at + 16)?,
                memory_size: view.word(at + 20)?,
                align: view.word(at + 28)?,
            }
        })
    };
    (0..usize::from(count).min(MOST_SEGMENTS)).map(read).collect()
}

fn sections(view: View<'_>) -> Option<Vec<Section<'_>>> {
    let (start, size, count, names) = if view.wide {
        (view.word(40)?, view.u16(58)?, view.u16(60)?, view.u16(62)?)
    } else {
        (view.word(32)?, view.u16(46)?, view.u16(48)?, view.u16(50)?)
    };
    let (start, size) = (usize::try_from(start).ok()?, usize::from(size));
    let header = |index: usize| {
        let at = record(view, start, index, size)?;
        let (offset, length, entry) = if view.wide { (24, 32, 56) } else { (16, 20, 36) };
        let section = Section {
            name: &[],
            kind: view.u32(at + 4)?,
            offset: view.word(at + offset)?,
            size: view.word(at + length)?,
            record: view.word(at + entry)?,
        };
        Some((view.size(at)?, section))
    };
    let (_, names) = header(usize::from(names))?;
    let names = slice_at(view.bytes, usize::try_from(names.offset).ok()?, usize::try_from(names.size).ok()?)?;
    let read = |index| {
        let (name, section) = header(index)?;
        Some(Section { name: symbol::name_at(names, name).unwrap_or_default(), ..section })
    };
    (0..usize::from(count).min(MOST_SECTIONS)).map(read).collect()
}

/// Where a record of a table lies.
fn record(view: View<'_>, start: usize, index: usize, size: usize) -> Option<usize> {
    start.checked_add(index.checked_mul(size)?).filter(|at| *at < view.bytes.len())
}
