//! Names and values as written, and what they say.

use std::borrow::Cow;

use memchr::memchr2;
use testudo_core::Span;

/// A name or a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Text<'a> {
    /// Where it stands.
    pub span: Span,
    /// As written.
    pub raw: &'a [u8],
}

/// What a text says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decoded<'a> {
    /// The bytes.
    pub bytes: Cow<'a, [u8]>,
    /// How many `%` are not followed by two hexadecimal digits.
    pub invalid: usize,
}

impl<'a> Text<'a> {
    /// What it says, with `+` and escapes resolved. Allocates only when there are any.
    pub fn decode(&self) -> Decoded<'a> {
        let Some(first) = memchr2(b'%', b'+', self.raw) else {
            return Decoded { bytes: Cow::Borrowed(self.raw), invalid: 0 };
        };
        let (plain, mut rest) = self.raw.split_at_checked(first).unwrap_or((self.raw, &[]));
        let mut bytes = Vec::with_capacity(self.raw.len());
        bytes.extend_from_slice(plain);
        let mut invalid = 0;
        while let Some((byte, after)) = rest.split_first() {
            rest = after;
            match (byte, after) {
                (b'+', _) => bytes.push(b' '),
                (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    bytes.push(digit(*high) << 4 | digit(*low));
                    rest = after;
                }
                _ => {
                    invalid += usize::from(*byte == b'%');
                    bytes.push(*byte);
                }
            }
        }
        Decoded { bytes: Cow::Owned(bytes), invalid }
    }
}

/// The number of a hexadecimal digit.
fn digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        _ => (byte | 0x20).wrapping_sub(b'a' - 10),
    }
}
