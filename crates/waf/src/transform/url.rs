//! `urlDecode`, `urlDecodeUni` and `urlEncode`: percent-encoding as forms and IIS write it (WHATWG URL, 5).
//!
//! What is no valid escape stays as it is.

use std::borrow::Cow;

use super::rewrite::{narrow, pair, rewrite};
use super::{ByteClasses, UnicodeMap};

pub(super) static SPECIAL: ByteClasses = ByteClasses::of_bytes(b"%+");

/// What [`encode`] does not leave as it is.
pub(super) static ENCODED: ByteClasses = ByteClasses::range(b'0', b'9')
    .union(ByteClasses::range(b'A', b'Z'))
    .union(ByteClasses::range(b'a', b'z'))
    .with(b'*')
    .complement();

pub(super) fn decode(value: &[u8]) -> Cow<'_, [u8]> {
    rewrite(value, next, |special, output| {
        let (byte, taken) = escape(special);
        output.push(byte);
        taken
    })
}

pub(super) fn decode_uni<'v>(value: &'v [u8], map: Option<&UnicodeMap>) -> Cow<'v, [u8]> {
    rewrite(value, next, |special, output| {
        let (byte, taken) = match special {
            [b'%', b'u' | b'U', a, b, c, d, ..] => match (pair(*a, *b), pair(*c, *d)) {
                (Some(high), Some(low)) => {
                    let mapped = map.and_then(|map| map.get(u16::from_be_bytes([high, low])));
                    (mapped.unwrap_or_else(|| narrow(high, low)), 6)
                }
                _ => (b'%', 1),
            },
            _ => escape(special),
        };
        output.push(byte);
        taken
    })
}

/// Whole escapes in lower-case digits, as `ModSecurity` writes them.
pub(super) fn encode(value: &[u8]) -> Cow<'_, [u8]> {
    let next = |rest: &[u8]| rest.iter().position(|byte| ENCODED.contains(*byte));
    rewrite(value, next, |special, output| {
        match special.first() {
            None => {}
            Some(b' ') => output.push(b'+'),
            Some(byte) => {
                output.push(b'%');
                output.extend_from_slice(&super::hex::digits(*byte));
            }
        }
        1
    })
}

#[inline]
fn next(rest: &[u8]) -> Option<usize> {
    match rest {
        // Escapes stand side by side.
        [b'%' | b'+', ..] => Some(0),
        _ => memchr::memchr2(b'%', b'+', rest),
    }
}

#[inline]
fn escape(special: &[u8]) -> (u8, usize) {
    match special {
        [b'+', ..] => (b' ', 1),
        [b'%', high, low, ..] => pair(*high, *low).map_or((b'%', 1), |byte| (byte, 3)),
        _ => (b'%', 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes() {
        let cases: [(&[u8], &[u8], &[u8]); 10] = [
            (b"a+b%20c", b"a b c", b"a b c"),
            (b"%41%4a%4A", b"AJJ", b"AJJ"),
            (b"100%", b"100%", b"100%"),
            (b"%4", b"%4", b"%4"),
            (b"%%41", b"%A", b"%A"),
            (b"%zz%41", b"%zzA", b"%zzA"),
            (b"%u0041", b"%u0041", b"A"),
            (b"%U2027", b"%U2027", b"'"),
            (b"%uff1cscript", b"%uff1cscript", b"<script"),
            (b"%u004%41", b"%u004A", b"%u004A"),
        ];
        for (value, plain, uni) in cases {
            assert_eq!(&*decode(value), plain, "{}", value.escape_ascii());
            assert_eq!(&*decode_uni(value, None), uni, "{}", value.escape_ascii());
        }
    }

    #[test]
    fn encodes() {
        assert_eq!(&*encode(b"a b*\xff/-_."), b"a+b*%ff%2f%2d%5f%2e");
        assert!(matches!(encode(b"abc"), Cow::Borrowed(_)));
    }
}
