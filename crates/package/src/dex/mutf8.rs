//! Strings of Dalvik executables: UTF-16 units in one to three bytes each, with 0 written in two ("MUTF-8 encoding").

use std::borrow::Cow;

/// Borrowed MUTF-8. Two that are equal as bytes are equal as text; their order as bytes is that of their UTF-16 units,
/// but for the unit 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mutf8<'a>(&'a [u8]);

impl<'a> Mutf8<'a> {
    /// What `bytes` hold, taken as MUTF-8 without a look at it.
    pub const fn new(bytes: &'a [u8]) -> Mutf8<'a> {
        Mutf8(bytes)
    }

    /// The bytes as they are.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The text. Lone surrogates and broken bytes become U+FFFD.
    pub fn decode(self) -> Cow<'a, str> {
        // Without the two-byte form of 0 and without surrogates, MUTF-8 is UTF-8, and both of these are no UTF-8.
        match std::str::from_utf8(self.0) {
            Ok(text) if !self.0.contains(&0) => Cow::Borrowed(text),
            _ => Cow::Owned(char::decode_utf16(Units(self.0)).map(|unit| unit.unwrap_or('\u{fffd}')).collect()),
        }
    }

    /// The text where the bytes are UTF-8 as well, as nearly all are.
    pub fn as_str(self) -> Option<&'a str> {
        match self.decode() {
            Cow::Borrowed(text) => Some(text),
            Cow::Owned(_) => None,
        }
    }

    /// The UTF-16 units.
    pub fn units(self) -> impl Iterator<Item = u16> + 'a {
        Units(self.0)
    }
}

impl std::fmt::Debug for Mutf8<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&self.decode(), out)
    }
}

impl std::fmt::Display for Mutf8<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.decode())
    }
}

impl PartialEq<str> for Mutf8<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes() || self.decode() == other
    }
}

struct Units<'a>(&'a [u8]);

impl Iterator for Units<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        const BROKEN: u16 = 0xfffd;
        let part = |byte: u8| (byte & 0xc0 == 0x80).then(|| u16::from(byte & 0x3f));
        let (unit, used) = match *self.0 {
            [] => return None,
            [one, ..] if one < 0x80 => (u16::from(one), 1),
            [one, two, ..] if one & 0xe0 == 0xc0 => match part(two) {
                Some(two) => (u16::from(one & 0x1f) << 6 | two, 2),
                None => (BROKEN, 1),
            },
            [one, two, three, ..] if one & 0xf0 == 0xe0 => match (part(two), part(three)) {
                (Some(two), Some(three)) => (u16::from(one & 0x0f) << 12 | two << 6 | three, 3),
                _ => (BROKEN, 1),
            },
            [_, ..] => (BROKEN, 1),
        };
        self.0 = self.0.get(used..).unwrap_or_default();
        Some(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_borrowed_where_it_is_utf_8() {
        assert!(matches!(Mutf8::new("añ漢".as_bytes()).decode(), Cow::Borrowed("añ漢")));
        assert_eq!(Mutf8::new("plain".as_bytes()).as_str(), Some("plain"));
    }

    #[test]
    fn zero_surrogates_and_broken_bytes_are_decoded() {
        assert_eq!(Mutf8::new(&[b'a', 0xc0, 0x80, b'b']).decode(), "a\0b");
        assert_eq!(Mutf8::new(&[0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]).decode(), "😀");
        assert_eq!(Mutf8::new(&[0xed, 0xa0, 0xbd]).decode(), "\u{fffd}", "a lone surrogate");
        assert_eq!(Mutf8::new(&[b'a', 0xff, b'b', 0xe0]).decode(), "a\u{fffd}b\u{fffd}");
    }
}
