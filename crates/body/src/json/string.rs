//! Finding the end of a string, checking what is in it (RFC 8259, 7; RFC 3629).
//!
//! Plain ASCII is skipped eight bytes at a time; everything else goes through a small state that survives the end of a
//! chunk.

use super::JsonErrorKind;

/// Where in a string the input stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Scan {
    /// Whether an escape was seen.
    pub(super) escaped: bool,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    #[default]
    Plain,
    /// After a backslash.
    Escape,
    /// After `\u` and some of its digits.
    Hex { left: u8, value: u16, low: bool },
    /// After a high surrogate: its backslash is due.
    LowEscape,
    /// After a high surrogate and a backslash: `u` is due.
    LowU,
    /// Within a character of several bytes: how many are due, and what the next may be.
    Utf8 { left: u8, least: u8, most: u8 },
}

impl Scan {
    /// Goes on from `from`; gives the index of the closing quote, or nothing when the chunk ends before it.
    #[inline]
    pub(super) fn run(&mut self, chunk: &[u8], from: usize) -> Result<Option<usize>, (JsonErrorKind, usize)> {
        let mut at = from;
        if self.state != State::Plain {
            return self.slowly(chunk, at);
        }
        at += plain(chunk.get(at..).unwrap_or_default());
        match chunk.get(at) {
            None => Ok(None),
            Some(b'"') => Ok(Some(at)),
            Some(_) => self.slowly(chunk, at),
        }
    }

    fn slowly(&mut self, chunk: &[u8], from: usize) -> Result<Option<usize>, (JsonErrorKind, usize)> {
        let mut at = from;
        loop {
            if self.state == State::Plain {
                at += plain(chunk.get(at..).unwrap_or_default());
            }
            let Some(&byte) = chunk.get(at) else { return Ok(None) };
            if self.state == State::Plain && byte == b'"' {
                return Ok(Some(at));
            }
            self.state = self.step(byte).map_err(|kind| (kind, at))?;
            at += 1;
        }
    }

    fn step(&mut self, byte: u8) -> Result<State, JsonErrorKind> {
        Ok(match self.state {
            State::Plain => match byte {
                b'\\' => {
                    self.escaped = true;
                    State::Escape
                }
                0..0x20 => return Err(JsonErrorKind::Control),
                0xc2..=0xdf => State::Utf8 { left: 1, least: 0x80, most: 0xbf },
                0xe0 => State::Utf8 { left: 2, least: 0xa0, most: 0xbf },
                0xed => State::Utf8 { left: 2, least: 0x80, most: 0x9f },
                0xe1..=0xef => State::Utf8 { left: 2, least: 0x80, most: 0xbf },
                0xf0 => State::Utf8 { left: 3, least: 0x90, most: 0xbf },
                0xf1..=0xf3 => State::Utf8 { left: 3, least: 0x80, most: 0xbf },
                0xf4 => State::Utf8 { left: 3, least: 0x80, most: 0x8f },
                0x80.. => return Err(JsonErrorKind::Utf8),
                _ => State::Plain,
            },
            State::Utf8 { left, least, most } => {
                if !(least..=most).contains(&byte) {
                    return Err(JsonErrorKind::Utf8);
                }
                if left == 1 { State::Plain } else { State::Utf8 { left: left - 1, least: 0x80, most: 0xbf } }
            }
            State::Escape => match byte {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => State::Plain,
                b'u' => State::Hex { left: 4, value: 0, low: false },
                _ => return Err(JsonErrorKind::Escape),
            },
            State::Hex { left, value, low } => hex(left, value, low, byte)?,
            State::LowEscape if byte == b'\\' => State::LowU,
            State::LowU if byte == b'u' => State::Hex { left: 4, value: 0, low: true },
            State::LowEscape | State::LowU => return Err(JsonErrorKind::Surrogate),
        })
    }
}

fn hex(left: u8, value: u16, low: bool, byte: u8) -> Result<State, JsonErrorKind> {
    let digit = char::from(byte).to_digit(16).and_then(|digit| u16::try_from(digit).ok());
    let value = value << 4 | digit.ok_or(JsonErrorKind::Escape)?;
    if left > 1 {
        return Ok(State::Hex { left: left - 1, value, low });
    }
    match (low, value) {
        (false, 0xd800..0xdc00) => Ok(State::LowEscape),
        (false, 0xdc00..0xe000) => Err(JsonErrorKind::Surrogate),
        (true, 0xdc00..0xe000) | (false, _) => Ok(State::Plain),
        (true, _) => Err(JsonErrorKind::Surrogate),
    }
}

/// How many bytes lead that are ASCII and neither quote, backslash nor control character.
#[inline]
fn plain(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((block, after)) = rest.split_first_chunk::<8>() {
        let special = special(u64::from_le_bytes(*block));
        if special != 0 {
            return bytes.len() - rest.len() + (special.trailing_zeros() / 8) as usize;
        }
        rest = after;
    }
    let tail = rest.iter().take_while(|byte| matches!(byte, 0x20..=0x7f) && !matches!(byte, b'"' | b'\\')).count();
    bytes.len() - rest.len() + tail
}

/// The high bit of each byte that [`plain`] stops at. Bytes above the lowest such byte may be marked wrongly, for
/// borrows run upward; the lowest is right.
#[inline]
const fn special(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES * 128;
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let is_quote = quote.wrapping_sub(ONES) & !quote;
    let is_backslash = backslash.wrapping_sub(ONES) & !backslash;
    let is_control = word.wrapping_sub(ONES * 0x20) & !word;
    (is_quote | is_backslash | is_control | word) & HIGH
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::format_collect, reason = "test code")]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_skipped_is_plain(bytes in proptest::collection::vec(any::<u8>(), 0..40), lead in 0usize..20) {
            let mut all = vec![b'a'; lead];
            all.extend(&bytes);
            let slow = all.iter().position(|byte| *byte < 0x20 || *byte > 0x7f || *byte == b'"' || *byte == b'\\');
            prop_assert_eq!(plain(&all), slow.unwrap_or(all.len()));
        }

        #[test]
        fn utf8_is_what_the_standard_library_takes(bytes in proptest::collection::vec(0x70u8..=255, 0..8)) {
            let mut scan = Scan::default();
            let whole = scan.run(&bytes, 0).is_ok() && scan.state == State::Plain;
            prop_assert_eq!(whole, std::str::from_utf8(&bytes).is_ok());
        }
    }

    #[test]
    fn escapes_survive_every_cut() {
        let text = br#"a\n\u00e9\ud83d\ude00\"b"#;
        for cut in 0..text.len() {
            let mut scan = Scan::default();
            assert_eq!(scan.run(&text[..cut], 0), Ok(None), "{cut}");
            assert_eq!(scan.run(&text[cut..], 0), Ok(None), "{cut}");
            assert_eq!(scan.run(b"\"", 0), Ok(Some(0)), "{cut}");
            assert!(scan.escaped);
        }
    }
}
