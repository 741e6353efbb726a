//! What a file tells the dynamic linker (gABI, "Dynamic Section").

use std::borrow::Cow;

use super::symbol::name_at;
use super::{DYNAMIC, Elf};
use crate::le::slice_at;

/// How many entries are looked at.
const MOST: usize = 16_384;

const NEEDED: u64 = 1;
const HASH: u64 = 4;
const STRINGS: u64 = 5;
const SYMBOLS: u64 = 6;
const STRINGS_SIZE: u64 = 10;
const SONAME: u64 = 14;
const RPATH: u64 = 15;
const TEXT_RELOCATIONS: u64 = 22;
const BIND_NOW: u64 = 24;
const RUNPATH: u64 = 29;
const FLAGS: u64 = 30;
const GNU_HASH: u64 = 0x6fff_fef5;
const FLAGS_1: u64 = 0x6fff_fffb;

const FLAG_TEXT_RELOCATIONS: u64 = 4;
const FLAG_BIND_NOW: u64 = 8;
const FLAG_1_NOW: u64 = 1;

/// What a file tells the dynamic linker.
#[derive(Clone, Default, Debug)]
pub struct Dynamic<'a> {
    /// Whether there is anything; a file without is linked statically.
    pub present: bool,
    /// The libraries that it needs.
    pub needed: Vec<Cow<'a, str>>,
    /// The name by which it is needed.
    pub soname: Option<Cow<'a, str>>,
    /// Folders in which libraries are sought first.
    pub rpath: Option<Cow<'a, str>>,
    /// Folders in which libraries are sought.
    pub runpath: Option<Cow<'a, str>>,
    /// Whether all symbols are bound at the start.
    pub bind_now: bool,
    /// Whether code is changed when it is loaded.
    pub text_relocations: bool,
    /// The texts that symbols and entries name.
    pub(super) strings: &'a [u8],
    /// Where the symbols begin in the file.
    pub(super) symbols: Option<usize>,
    /// Where the table by name is, of either kind.
    pub(super) hash: Option<usize>,
    pub(super) gnu_hash: Option<usize>,
}

impl<'a> Dynamic<'a> {
    pub(super) fn read(elf: &Elf<'a>) -> Dynamic<'a> {
        let mut dynamic = Dynamic::default();
        let Some(segment) = elf.segments.iter().find(|segment| segment.kind == DYNAMIC) else { return dynamic };
        let Some(range) = elf.file_range(segment) else { return dynamic };
        dynamic.present = true;
        let width = elf.view.width();
        let entries: Vec<(u64, u64)> = range
            .step_by(2 * width)
            .take(MOST)
            .map_while(|at| Some((elf.view.word(at)?, elf.view.word(at + width)?)))
            .take_while(|(tag, _)| *tag != 0)
            .collect();
        let last = |wanted| entries.iter().rev().find(|(tag, _)| *tag == wanted).map(|(_, value)| *value);
        let place = |wanted| last(wanted).and_then(|address| elf.offset_of(address));
        dynamic.strings = place(STRINGS)
            .and_then(|start| {
                let size = usize::try_from(last(STRINGS_SIZE)?).ok()?;
                slice_at(elf.view.bytes, start, size.min(elf.view.bytes.len().saturating_sub(start)))
            })
            .unwrap_or_default();
        let strings = dynamic.strings;
        let text = |offset| name_at(strings, usize::try_from(offset).ok()?).map(String::from_utf8_lossy);
        dynamic.needed =
            entries.iter().filter(|(tag, _)| *tag == NEEDED).filter_map(|(_, offset)| text(*offset)).collect();
        dynamic.soname = last(SONAME).and_then(text);
        dynamic.rpath = last(RPATH).and_then(text).filter(|path| !path.is_empty());
        dynamic.runpath = last(RUNPATH).and_then(text).filter(|path| !path.is_empty());
        let flags = last(FLAGS).unwrap_or(0);
        dynamic.bind_now = last(BIND_NOW).is_some()
            || flags & FLAG_BIND_NOW != 0
            || last(FLAGS_1).is_some_and(|flags| flags & FLAG_1_NOW != 0);
        dynamic.text_relocations = last(TEXT_RELOCATIONS).is_some() || flags & FLAG_TEXT_RELOCATIONS != 0;
        dynamic.symbols = place(SYMBOLS);
        dynamic.hash = place(HASH);
        dynamic.gnu_hash = place(GNU_HASH);
        dynamic
    }
}
