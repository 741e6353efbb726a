//! The map of `SecUnicodeMapFile`: which byte a code point becomes in a code page (best fit).
//!
//! The file lists code pages, each a head such as `20127 (US-ASCII)` and pairs `hhhh:hh` of code point and byte.

use thiserror::Error;

/// Code points and the bytes that stand for them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnicodeMap {
    /// Ascending by code point.
    pairs: Box<[(u16, u8)]>,
}

/// Why a map cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum UnicodeMapError {
    /// The file does not have that code page.
    #[error("the map has no code page {0}; name one of those that it lists")]
    NoCodePage(u32),
    /// A pair that is none.
    #[error("`{pair}` in code page {code_page} is no pair of code point and byte, such as `00a1:21`")]
    Pair {
        /// The code page.
        code_page: u32,
        /// What stands there.
        pair: String,
    },
}

/// The full stops of RFC 3490, 3.1, always mapped.
const FULL_STOPS: [(u16, u8); 4] = [(0x3002, b'.'), (0xff61, b'.'), (0xff0e, b'.'), (0x002e, b'.')];

impl UnicodeMap {
    /// Reads the pairs of a code page.
    pub fn parse(text: &[u8], code_page: u32) -> Result<UnicodeMap, UnicodeMapError> {
        let wanted = code_page.to_string();
        let mut words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        if !words.any(|word| word == wanted.as_bytes()) {
            return Err(UnicodeMapError::NoCodePage(code_page));
        }
        let mut pairs = FULL_STOPS.to_vec();
        let listed = words.skip_while(|word| !word.contains(&b':')).take_while(|word| word.contains(&b':'));
        for word in listed {
            let bad = || UnicodeMapError::Pair { code_page, pair: word.escape_ascii().to_string() };
            pairs.push(pair(word).ok_or_else(bad)?);
        }
        // The last pair of a code point holds.
        pairs.reverse();
        pairs.sort_by_key(|(code, _)| *code);
        pairs.dedup_by_key(|(code, _)| *code);
        Ok(UnicodeMap { pairs: pairs.into() })
    }

    /// The byte of a code point.
    #[inline]
    pub fn get(&self, code: u16) -> Option<u8> {
        let at = self.pairs.binary_search_by_key(&code, |(code, _)| *code).ok()?;
        self.pairs.get(at).map(|(_, byte)| *byte)
    }
}

fn pair(word: &[u8]) -> Option<(u16, u8)> {
    let (code, byte) = std::str::from_utf8(word).ok()?.split_once(':')?;
    Some((u16::from_str_radix(code, 16).ok()?, u8::from_str_radix(byte, 16).ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::*;

    const TEXT: &[u8] = b"(MAC - Roman)\n\n\n1250  (ANSI)\n00a1:21 00a2:63\n\n\
        20127 (US-ASCII)\n00c4:41 0107:63 00c4:61\nff1c:3c\n\n20261 (T.61)\n00a1:22\n";

    #[test]
    fn a_code_page() {
        let map = UnicodeMap::parse(TEXT, 20127).unwrap();
        let got = [0xc4, 0x107, 0xff1c, 0x3002, 0xa1].map(|code| map.get(code));
        assert_eq!(got, [Some(b'a'), Some(b'c'), Some(b'<'), Some(b'.'), None]);
        assert_eq!(UnicodeMap::parse(TEXT, 1250).unwrap().get(0xa1), Some(b'!'));
        assert_eq!(UnicodeMap::parse(TEXT, 20261).unwrap().get(0xa1), Some(b'"'));
    }

    #[test]
    fn errors() {
        let missing = UnicodeMap::parse(TEXT, 65001).unwrap_err();
        assert_eq!(missing.to_string(), "the map has no code page 65001; name one of those that it lists");
        let pair = UnicodeMap::parse(b"1 x\n0g:41\n", 1).unwrap_err();
        assert_eq!(pair.to_string(), "`0g:41` in code page 1 is no pair of code point and byte, such as `00a1:21`");
    }

    #[test]
    fn the_map_goes_before_the_low_byte() {
        let map = UnicodeMap::parse(TEXT, 20127).unwrap();
        let decoded = super::super::url::decode_uni(b"%u0107%u0127%uff1c", Some(&map));
        assert_eq!(&*decoded, b"c'<");
    }
}
