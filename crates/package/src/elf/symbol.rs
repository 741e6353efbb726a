//! The symbols that the dynamic linker knows (gABI, "Symbol Table").

use std::borrow::Cow;

use super::{DYNAMIC_SYMBOLS, Elf};
use crate::le::slice_at;

/// Names longer than this are cut: they are none that anything asks for.
const LONGEST_NAME: usize = 2048;
/// How many symbols are looked at.
const MOST: usize = 1 << 20;
/// How many buckets of a hash table are looked at.
const MOST_BUCKETS: usize = 1 << 22;

const LOCAL: u8 = 0;
const WEAK: u8 = 2;

/// A symbol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Symbol<'a> {
    /// Its name; at most 2,048 bytes of it.
    pub name: &'a [u8],
    /// Whether a library may lack it.
    pub weak: bool,
    /// Whether only the file itself sees it.
    pub local: bool,
    /// Whether it is here and not elsewhere.
    pub defined: bool,
    /// Its address in memory.
    pub value: u64,
}

impl<'a> Symbol<'a> {
    /// The name as text.
    pub fn text(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.name)
    }

    /// Whether another library must have it.
    pub fn is_import(&self) -> bool {
        !self.defined && !self.name.is_empty()
    }

    /// Whether other libraries may use it.
    pub fn is_export(&self) -> bool {
        self.defined && !self.local && !self.name.is_empty()
    }
}

/// The symbols, without the empty first one.
pub(super) fn of<'a>(elf: &Elf<'a>) -> impl Iterator<Item = Symbol<'a>> + use<'a> {
    let (view, strings) = (elf.view, elf.dynamic.strings);
    let size = if view.wide { 24 } else { 16 };
    let start = elf.dynamic.symbols.unwrap_or(view.bytes.len());
    let count = count(elf, size).unwrap_or(0).min(MOST).min(view.bytes.len().saturating_sub(start) / size);
    (1..count.max(1)).filter_map(move |index| {
        let at = start + index * size;
        let (info, section, value) = if view.wide {
            (at + 4, view.u16(at + 6)?, view.word(at + 8)?)
        } else {
            (at + 12, view.u16(at + 14)?, view.word(at + 4)?)
        };
        let binding = view.bytes.get(info)? >> 4;
        let name = name_at(strings, view.size(at)?).unwrap_or_default();
        Some(Symbol { name, weak: binding == WEAK, local: binding == LOCAL, defined: section != 0, value })
    })
}

/// How many symbols there are: the tables that find them by name tell.
fn count(elf: &Elf<'_>, size: usize) -> Option<usize> {
    let view = elf.view;
    if let Some(count) = elf.dynamic.hash.and_then(|at| view.size(at + 4)) {
        return Some(count);
    }
    if let Some(count) = elf.dynamic.gnu_hash.and_then(|at| gnu_count(elf, at)) {
        return Some(count);
    }
    let section = elf.sections.iter().find(|section| section.kind == DYNAMIC_SYMBOLS)?;
    Some(usize::try_from(section.size).ok()? / size)
}

/// The symbol behind the last one in the longest chain of a GNU hash table.
fn gnu_count(elf: &Elf<'_>, at: usize) -> Option<usize> {
    let view = elf.view;
    let (buckets, first, filter) = (view.size(at)?, view.size(at + 4)?, view.size(at + 8)?);
    let start = at.checked_add(16)?.checked_add(filter.checked_mul(view.width())?)?;
    let chains = start.checked_add(buckets.checked_mul(4)?)?;
    slice_at(view.bytes, start, chains - start).filter(|_| buckets <= MOST_BUCKETS)?;
    let last = (0..buckets).filter_map(|bucket| view.size(start + bucket * 4)).max()?;
    if last < first {
        return Some(first);
    }
    let mut symbol = last;
    while view.u32(chains.checked_add((symbol - first).checked_mul(4)?)?)? & 1 == 0 {
        symbol += 1;
    }
    Some(symbol + 1)
}

/// The name that begins there and ends with a NUL byte.
pub(super) fn name_at(strings: &[u8], at: usize) -> Option<&[u8]> {
    let rest = strings.get(at..)?;
    let rest = rest.get(..LONGEST_NAME).unwrap_or(rest);
    rest.get(..memchr::memchr(0, rest).unwrap_or(rest.len()))
}
