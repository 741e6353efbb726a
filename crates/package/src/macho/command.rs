//! Load commands (`mach-o/loader.h`).

use super::symbol::Table;
use super::{MachO, fixed, word};
use crate::le::{size_at, slice_at, u32_at};

/// More of any kind are not kept.
const MOST: usize = 4096;

const SEGMENT_32: u32 = 0x1;
const SYMBOLS: u32 = 0x2;
const LOAD_DYLIB: u32 = 0xc;
const ID_DYLIB: u32 = 0xd;
const SEGMENT_64: u32 = 0x19;
const UUID: u32 = 0x1b;
const CODE_SIGNATURE: u32 = 0x1d;
const LAZY_DYLIB: u32 = 0x20;
const ENCRYPTION_32: u32 = 0x21;
const LEAST_IOS: u32 = 0x25;
const ENCRYPTION_64: u32 = 0x2c;
const BUILD_VERSION: u32 = 0x32;
const WEAK_DYLIB: u32 = 0x8000_0018;
const RPATH: u32 = 0x8000_001c;
const REEXPORT_DYLIB: u32 = 0x8000_001f;

/// The number of iOS among platforms.
const IOS: u32 = 2;

/// A segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Segment<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Where it lies in the file.
    pub offset: u64,
    /// How many bytes it has in the file.
    pub size: u64,
    /// What may ever be done with its memory: 1 read, 2 write, 4 execute.
    pub most: u32,
    /// What may be done with it at first.
    pub initial: u32,
    /// Its sections.
    pub sections: Vec<Section<'a>>,
}

/// A section.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Section<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// The name of its segment.
    pub segment: &'a [u8],
    /// Where it lies in the file.
    pub offset: usize,
    /// How many bytes it has.
    pub size: usize,
}

/// A library that a program is linked with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Library<'a> {
    /// The path by which it is found.
    pub path: &'a [u8],
    /// How it is linked.
    pub link: Link,
}

/// How a library is linked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Link {
    /// The program does not start without it.
    Needed,
    /// The program starts without it.
    Weak,
    /// What it has is offered as one's own.
    Reexported,
    /// It is loaded at its first use.
    Lazy,
}

/// Which bytes a store encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Encryption {
    /// Where they begin.
    pub offset: u32,
    /// How many there are.
    pub size: u32,
    /// The system of encryption; 0 when they are not encrypted.
    pub id: u32,
}

impl<'a> MachO<'a> {
    /// Takes what the commands say, until one is broken.
    pub(super) fn take_commands(&mut self, commands: &'a [u8], count: u32) {
        let mut rest = commands;
        for _ in 0..count {
            let (Some(kind), Some(size)) = (u32_at(rest, 0), size_at(rest, 4)) else { return };
            let Some((command, after)) = rest.split_at_checked(size.max(8)) else { return };
            if self.take(kind, command).is_none() && self.segments.len() >= MOST {
                return;
            }
            rest = after;
        }
    }

    /// `None`: the command is broken, and left out.
    fn take(&mut self, kind: u32, command: &'a [u8]) -> Option<()> {
        let number = |at| u32_at(command, at);
        match kind {
            SEGMENT_32 | SEGMENT_64 if self.segments.len() < MOST => {
                self.segments.push(Segment::read(command, kind == SEGMENT_64)?);
            }
            LOAD_DYLIB | WEAK_DYLIB | REEXPORT_DYLIB | LAZY_DYLIB if self.libraries.len() < MOST => {
                let link = match kind {
                    WEAK_DYLIB => Link::Weak,
                    REEXPORT_DYLIB => Link::Reexported,
                    LAZY_DYLIB => Link::Lazy,
                    _ => Link::Needed,
                };
                self.libraries.push(Library { path: text(command)?, link });
            }
            ID_DYLIB => self.name = Some(text(command)?),
            RPATH if self.rpaths.len() < MOST => self.rpaths.push(text(command)?),
            SYMBOLS => {
                let [symbols, count, strings, size] = [8, 12, 16, 20].map(|at| size_at(command, at));
                self.table = Some(Table { symbols: symbols?, count: count?, strings: strings?, size: size? });
            }
            UUID => self.uuid = Some(slice_at(command, 8, 16)?),
            CODE_SIGNATURE => self.signature = Some((size_at(command, 8)?, size_at(command, 12)?)),
            ENCRYPTION_32 | ENCRYPTION_64 => {
                self.encryption = Some(Encryption { offset: number(8)?, size: number(12)?, id: number(16)? });
            }
            LEAST_IOS => {
                (self.platform, self.least_system, self.sdk) = (Some(IOS), number(8), number(12));
            }
            BUILD_VERSION => (self.platform, self.least_system, self.sdk) = (number(8), number(12), number(16)),
            _ => {}
        }
        Some(())
    }
}

impl<'a> Segment<'a> {
    fn read(command: &'a [u8], wide: bool) -> Option<Segment<'a>> {
        let width = if wide { 8 } else { 4 };
        let at = 24 + 2 * width;
        let (offset, size) = (word(command, at, wide)?, word(command, at + width, wide)?);
        let at = at + 2 * width;
        let count = size_at(command, at + 8)?;
        let (start, record) = (at + 16, if wide { 80 } else { 68 });
        let section = |bytes: &'a [u8]| {
            Some(Section {
                name: fixed(slice_at(bytes, 0, 16)?),
                segment: fixed(slice_at(bytes, 16, 16)?),
                size: usize::try_from(word(bytes, 32 + width, wide)?).ok()?,
                offset: size_at(bytes, 32 + 2 * width)?,
            })
        };
        let sections = command.get(start..)?.chunks_exact(record).take(count).filter_map(section).collect();
        Some(Segment {
            name: fixed(slice_at(command, 8, 16)?),
            offset,
            size,
            most: u32_at(command, at)?,
            initial: u32_at(command, at + 4)?,
            sections,
        })
    }
}

/// The text whose place in the command stands first in it.
fn text(command: &[u8]) -> Option<&[u8]> {
    command.get(size_at(command, 8)?..).map(fixed)
}
