//! The table of symbols (`mach-o/nlist.h`).

use super::{fixed, word};
use crate::le::{size_at, slice_at, u16_at};

/// Names longer than this are cut: they are none that anything asks for.
const LONGEST_NAME: usize = 2048;
/// How many symbols are looked at.
const MOST: usize = 1 << 20;

/// The bits of a symbol of the debugger.
const DEBUG: u8 = 0xe0;
/// A note for the linker, of which strippers leave one that says nothing about the source.
const OPTION: u8 = 0x3c;
const EXTERNAL: u8 = 1;
const TYPE: u8 = 0xe;

/// Where the symbols and their names are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    pub symbols: usize,
    pub count: usize,
    pub strings: usize,
    pub size: usize,
}

/// A symbol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Symbol<'a> {
    /// Its name, with the underscore that compilers put before it; at most 2,048 bytes of it.
    pub name: &'a [u8],
    /// Whether it is for debuggers only: a file of the source, a line, a type.
    pub debug: bool,
    /// Whether other files see it.
    pub external: bool,
    /// Whether it is here and not elsewhere.
    pub defined: bool,
    /// Its number among the libraries, and other notes.
    pub notes: u16,
    /// Its address.
    pub value: u64,
}

impl Symbol<'_> {
    /// Whether a library must have it.
    pub fn is_import(&self) -> bool {
        !self.debug && self.external && !self.defined && !self.name.is_empty()
    }
}

pub(super) fn of(bytes: &[u8], wide: bool, table: Option<Table>) -> impl Iterator<Item = Symbol<'_>> {
    let size = if wide { 16 } else { 12 };
    let records = table.and_then(|table| slice_at(bytes, table.symbols, table.count.min(MOST) * size));
    let strings = table.and_then(|table| slice_at(bytes, table.strings, table.size)).unwrap_or_default();
    records.unwrap_or_default().chunks_exact(size).filter_map(move |record| {
        let name = strings.get(size_at(record, 0)?..).unwrap_or_default();
        let kind = *record.get(4)?;
        Some(Symbol {
            name: fixed(name.get(..LONGEST_NAME).unwrap_or(name)),
            debug: kind & DEBUG != 0 && kind != OPTION,
            external: kind & EXTERNAL != 0,
            defined: kind & TYPE != 0,
            notes: u16_at(record, 6)?,
            value: word(record, 8, wide)?,
        })
    })
}
