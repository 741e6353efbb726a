//! A pool of strings: `ResStringPool` of Android, in UTF-16 or in UTF-8.
//!
//! A string that is not ended by a zero, or that reaches beyond the pool, does not exist for Android, nor here.

use std::borrow::Cow;

use super::{Chunk, POOL};
use crate::le::{size_at, u8_at, u16_at, u32_at};

const HEADER: usize = 28;
const UTF8: u32 = 1 << 8;

/// Strings by their indices, decoded once.
#[derive(Clone, Default, Debug)]
pub struct Pool<'a> {
    strings: Vec<Option<Cow<'a, str>>>,
    utf8: bool,
    anomalies: Vec<PoolAnomaly>,
}

/// What is odd about a pool.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum PoolAnomaly {
    /// The header's numbers contradict each other; Android refuses the pool.
    #[error("the string pool's header contradicts itself")]
    Header,
    /// Fewer strings than are declared.
    #[error("the string pool has room for {found} of {declared} strings")]
    Count {
        /// As the header says.
        declared: u32,
        /// How many offsets there are.
        found: u32,
    },
    /// A string that Android can't read.
    #[error("{count} strings can't be read, the first is {first}")]
    Unreadable {
        /// How many.
        count: u32,
        /// The index of the first.
        first: u32,
    },
    /// Text that is not UTF-8 or UTF-16; what is wrong was replaced.
    #[error("{count} strings are not well encoded, the first is {first}")]
    Encoding {
        /// How many.
        count: u32,
        /// The index of the first.
        first: u32,
    },
    /// Strings overlap so much that decoding all would take far more than the pool.
    #[error("the strings from {first} on overlap too much")]
    Overlap {
        /// The index of the first that was left out.
        first: u32,
    },
}

impl<'a> Pool<'a> {
    /// Reads a chunk that is a pool; as much of it as can be read.
    pub(crate) fn read(chunk: &Chunk<'a>) -> Pool<'a> {
        let mut anomalies = Vec::new();
        let number = |at| size_at(chunk.bytes, at).unwrap_or(0);
        let (declared, styles, flags) = (number(8), number(12), u32_at(chunk.bytes, 16).unwrap_or(0));
        let (strings_start, styles_start) = (number(20), number(24));
        let offsets = chunk.body();
        let found = declared.min(offsets.len() / 4);
        if found < declared {
            anomalies.push(PoolAnomaly::Count { declared: index(declared), found: index(found) });
        }
        let end = chunk.bytes.len();
        let well_styled = styles > 0 && styles_start > strings_start && styles_start <= end;
        if chunk.kind != POOL
            || chunk.header < HEADER
            || declared > 0 && strings_start >= end
            || styles > 0 && !well_styled
        {
            anomalies.push(PoolAnomaly::Header);
        }
        let data = chunk.bytes.get(strings_start..if well_styled { styles_start } else { end }).unwrap_or_default();
        let utf8 = flags & UTF8 != 0;
        let mut pool = Pool { strings: Vec::with_capacity(found), utf8, anomalies };
        pool.decode(offsets, found, data);
        pool
    }

    /// A pool of these strings.
    pub(crate) fn of(strings: Vec<Cow<'a, str>>) -> Pool<'a> {
        Pool { strings: strings.into_iter().map(Some).collect(), utf8: true, anomalies: Vec::new() }
    }

    /// The string of this index, if there is one that Android can read.
    pub fn get(&self, index: u32) -> Option<&str> {
        self.strings.get(usize::try_from(index).ok()?)?.as_deref()
    }

    /// All strings that can be read, with their indices.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &str)> {
        (0..).zip(&self.strings).filter_map(|(index, string)| Some((index, string.as_deref()?)))
    }

    /// How many strings there are, readable or not.
    pub fn len(&self) -> usize {
        self.strings.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.strings.is_empty()
    }

    /// Whether it is in UTF-8 rather than UTF-16.
    pub fn is_utf8(&self) -> bool {
        self.utf8
    }

    /// What is odd about it.
    pub fn anomalies(&self) -> &[PoolAnomaly] {
        &self.anomalies
    }

    /// Decodes each string once. What all may take together is bounded, because they may overlap.
    fn decode(&mut self, offsets: &[u8], count: usize, data: &'a [u8]) {
        let mut budget = data.len().saturating_mul(16).saturating_add(1 << 16);
        let (mut unreadable, mut misencoded) = ((0, 0), (0, 0));
        let first = |(count, first): &mut (u32, u32), index| {
            *first = if *count == 0 { index } else { *first };
            *count += 1;
        };
        for at in 0..count {
            let string = size_at(offsets, at * 4)
                .and_then(|offset| data.get(offset..))
                .and_then(|from| if self.utf8 { utf8(from) } else { utf16(from) });
            let Some(Decoded { text, taken, faithful }) = string else {
                first(&mut unreadable, index(at));
                self.strings.push(None);
                continue;
            };
            let Some(left) = budget.checked_sub(taken) else {
                self.anomalies.push(PoolAnomaly::Overlap { first: index(at) });
                self.strings.resize(count, None);
                break;
            };
            budget = left;
            if !faithful {
                first(&mut misencoded, index(at));
            }
            self.strings.push(Some(text));
        }
        if let (count @ 1.., first) = unreadable {
            self.anomalies.push(PoolAnomaly::Unreadable { count, first });
        }
        if let (count @ 1.., first) = misencoded {
            self.anomalies.push(PoolAnomaly::Encoding { count, first });
        }
    }
}

fn index(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

struct Decoded<'a> {
    text: Cow<'a, str>,
    /// The bytes that decoding looked at.
    taken: usize,
    faithful: bool,
}

/// Two lengths, in UTF-16 units and in bytes, then the bytes, then a zero.
///
/// The length has 15 bits. For longer strings Android looks for the zero in steps of 32,768.
fn utf8(from: &[u8]) -> Option<Decoded<'_>> {
    let (_, after) = length8(from, 0)?;
    let (least, start) = length8(from, after)?;
    let text = from.get(start..)?;
    let length = (least..text.len()).step_by(0x8000).take(256).find(|end| text.get(*end) == Some(&0))?;
    let text = text.get(..length)?;
    let taken = length + 4;
    if let Ok(text) = std::str::from_utf8(text) {
        return Some(Decoded { text: Cow::Borrowed(text), taken, faithful: true });
    }
    // Some writers put characters beyond U+FFFF as two surrogates of three bytes each.
    match paired_surrogates(text) {
        Some(text) => Some(Decoded { text: Cow::Owned(text), taken, faithful: true }),
        None => Some(Decoded { text: String::from_utf8_lossy(text), taken, faithful: false }),
    }
}

fn length8(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let first = usize::from(u8_at(bytes, at)?);
    if first & 0x80 == 0 {
        return Some((first, at + 1));
    }
    Some(((first & 0x7f) << 8 | usize::from(u8_at(bytes, at + 1)?), at + 2))
}

/// A length in UTF-16 units, then the units, then a zero.
fn utf16(from: &[u8]) -> Option<Decoded<'_>> {
    let first = usize::from(u16_at(from, 0)?);
    let (length, start) =
        if first & 0x8000 == 0 { (first, 2) } else { ((first & 0x7fff) << 16 | usize::from(u16_at(from, 2)?), 4) };
    let end = start + length * 2;
    let text = from.get(start..end)?;
    if u16_at(from, end)? != 0 {
        return None;
    }
    let (units, _) = text.as_chunks::<2>();
    let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
    let mut faithful = true;
    let mut decoded = String::with_capacity(length);
    for unit in char::decode_utf16(units) {
        decoded.push(unit.unwrap_or_else(|_| {
            faithful = false;
            char::REPLACEMENT_CHARACTER
        }));
    }
    Some(Decoded { text: Cow::Owned(decoded), taken: end + 2, faithful })
}

/// Decodes UTF-8 in which surrogates stand as characters of their own (CESU-8), if each has its other half.
fn paired_surrogates(bytes: &[u8]) -> Option<String> {
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        match std::str::from_utf8(rest) {
            Ok(valid) => {
                text.push_str(valid);
                return Some(text);
            }
            Err(error) => {
                let (valid, after) = rest.split_at_checked(error.valid_up_to())?;
                text.push_str(std::str::from_utf8(valid).ok()?);
                let (pair, after) = after.split_first_chunk::<6>()?;
                let [0xed, a @ 0xa0..=0xaf, b @ 0x80..=0xbf, 0xed, c @ 0xb0..=0xbf, d @ 0x80..=0xbf] = *pair else {
                    return None;
                };
                let six = |byte: u8| u32::from(byte & 0x3f);
                let high = (six(a) & 0xf) << 6 | six(b);
                let low = (six(c) & 0xf) << 6 | six(d);
                text.push(char::from_u32(0x1_0000 + (high << 10 | low))?);
                rest = after;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use testudo_testkit::package::xml::pool;

    use super::*;

    fn read(bytes: &[u8]) -> Pool<'_> {
        Pool::read(&Chunk::at(bytes, 0, 8).unwrap())
    }

    #[test]
    fn both_encodings_give_the_same_strings() {
        let long = "é".repeat(20_000);
        let strings = ["", "a", "naïve", "𝄞 clef", &"x".repeat(200), &long];
        for utf8 in [false, true] {
            let bytes = pool(&strings, utf8);
            let pool = read(&bytes);
            assert_eq!(pool.is_utf8(), utf8);
            assert_eq!(pool.anomalies(), []);
            let found: Vec<&str> = pool.iter().map(|(_, string)| string).collect();
            assert_eq!(found, strings);
            assert_eq!(pool.get(6), None);
        }
    }

    #[test]
    fn surrogates_in_utf8_are_joined() {
        assert_eq!(paired_surrogates(b"a\xed\xa0\xb4\xed\xb4\x9eb").as_deref(), Some("a𝄞b"));
        assert_eq!(paired_surrogates(b"a\xed\xa0\xb4b"), None);
    }

    #[test]
    fn a_string_without_its_zero_does_not_exist() {
        let mut bytes = pool(&["abc", "def"], true);
        let end = bytes.windows(3).position(|window| window == b"abc").unwrap() + 3;
        bytes[end] = b'!';
        let pool = read(&bytes);
        assert_eq!((pool.get(0), pool.get(1)), (None, Some("def")));
        assert_eq!(pool.anomalies(), [PoolAnomaly::Unreadable { count: 1, first: 0 }]);
    }

    #[test]
    fn offsets_and_counts_that_lie_are_told() {
        let mut bytes = pool(&["abc", "def"], false);
        bytes[28..32].copy_from_slice(&0xffff_fff0u32.to_le_bytes());
        assert_eq!(read(&bytes).get(0), None);
        bytes[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(read(&bytes).anomalies()[0], PoolAnomaly::Count { declared: u32::MAX, .. }));
        bytes[20..24].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(read(&bytes).anomalies().contains(&PoolAnomaly::Header));
    }

    #[test]
    fn strings_that_overlap_are_decoded_within_bounds() {
        let long = "x".repeat(30_000);
        let mut strings = vec![long.as_str()];
        strings.resize(3000, "");
        let mut bytes = pool(&strings, false);
        for at in 1..3000 {
            let offset: [u8; 4] = bytes[28..32].try_into().unwrap();
            bytes[28 + at * 4..32 + at * 4].copy_from_slice(&offset);
        }
        let pool = read(&bytes);
        assert!(matches!(pool.anomalies(), [PoolAnomaly::Overlap { .. }]));
        assert_eq!(pool.len(), 3000);
        assert!(pool.iter().count() < 30);
    }
}
