//! The word list: which words and phrases are more than names.
//!
//! A table that the compiler builds from `words.txt`.

use super::token::{Kind, Token};

const TEXT: &[u8] = include_bytes!("words.txt");

/// A power of two, about twice the number of words.
const SLOTS: usize = 2048;

#[derive(Clone, Copy)]
struct Entry {
    /// Where the word stands in the list.
    at: u16,
    /// 0 where the slot is free.
    len: u8,
    kind: Kind,
}

struct Table {
    entries: [Entry; SLOTS],
    /// For each first byte, the lengths that words have: one bit per length.
    lengths: [u32; 128],
}

static TABLE: Table = build();

/// What the word or phrase is, whatever its case; nothing if it is not on the list.
#[expect(clippy::indexing_slicing, reason = "each index is masked to the length of its array")]
pub(super) fn look_up(word: &[u8]) -> Option<Kind> {
    let first = word.first()?.to_ascii_uppercase();
    let lengths = TABLE.lengths[usize::from(first & 0x7f)];
    if word.len() > Token::KEPT || lengths & (1 << word.len()) == 0 {
        return None;
    }
    find(word).map(|entry| entry.kind)
}

/// The phrase that two words make, if they make one.
#[expect(clippy::indexing_slicing, reason = "the index is masked to the length of the array")]
pub(super) fn phrase(first: &[u8], second: &[u8]) -> Option<(Kind, &'static [u8])> {
    let initial = first.first()?.to_ascii_uppercase();
    let len = first.len() + 1 + second.len();
    if len > Token::KEPT || TABLE.lengths[usize::from(initial & 0x7f)] & (1 << len) == 0 {
        return None;
    }
    let mut buffer = [b' '; Token::KEPT];
    buffer.get_mut(..first.len())?.copy_from_slice(first);
    buffer.get_mut(first.len() + 1..len)?.copy_from_slice(second);
    let entry = find(buffer.get(..len)?)?;
    Some((entry.kind, text(entry)))
}

#[expect(clippy::indexing_slicing, reason = "the index is masked to the length of the array")]
fn find(word: &[u8]) -> Option<Entry> {
    let mut slot = hash(word);
    loop {
        let entry = TABLE.entries[slot & (SLOTS - 1)];
        if entry.len == 0 {
            return None;
        }
        if usize::from(entry.len) == word.len() && text(entry).eq_ignore_ascii_case(word) {
            return Some(entry);
        }
        slot += 1;
    }
}

fn text(entry: Entry) -> &'static [u8] {
    let at = usize::from(entry.at);
    TEXT.get(at..at + usize::from(entry.len)).unwrap_or_default()
}

/// FNV-1a over upper-case letters.
#[expect(clippy::indexing_slicing, reason = "bounded by the loop; iterators don't run at compile time")]
const fn hash(word: &[u8]) -> usize {
    let mut hash: u32 = 0x811c_9dc5;
    let mut at = 0;
    while at < word.len() {
        hash = (hash ^ word[at].to_ascii_uppercase() as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    (hash ^ (hash >> 15)) as usize & (SLOTS - 1)
}

#[expect(clippy::indexing_slicing, clippy::expect_used, reason = "at compile time")]
const fn build() -> Table {
    let free = Entry { at: 0, len: 0, kind: Kind::Unknown };
    let mut table = Table { entries: [free; SLOTS], lengths: [0; 128] };
    let mut at = 0;
    while at < TEXT.len() {
        if TEXT[at] == b'#' {
            at = skip(at, b'\n') + 1;
            continue;
        }
        let kind = Kind::of_word(TEXT[at]).expect("the symbol of a kind");
        let end = skip(at, b'\n');
        at += 2;
        while at < end {
            let comma = skip(at, b',');
            let stop = if comma < end { comma } else { end };
            put(&mut table, at, stop - at, kind);
            at = stop + 1;
        }
        at = end + 1;
    }
    table
}

#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "at compile time")]
const fn put(table: &mut Table, at: usize, len: usize, kind: Kind) {
    assert!(len > 0 && len <= Token::KEPT && at <= u16::MAX as usize);
    let (_, from) = TEXT.split_at(at);
    let (word, _) = from.split_at(len);
    let mut slot = hash(word);
    while table.entries[slot & (SLOTS - 1)].len != 0 {
        slot += 1;
    }
    table.entries[slot & (SLOTS - 1)] = Entry { at: at as u16, len: len as u8, kind };
    table.lengths[word[0] as usize & 0x7f] |= 1 << len;
}

#[expect(clippy::indexing_slicing, reason = "at compile time")]
const fn skip(mut at: usize, to: u8) -> usize {
    while at < TEXT.len() && TEXT[at] != to {
        at += 1;
    }
    at
}
