//! `hexDecode`, `hexEncode` and `sqlHexDecode`.

use std::borrow::Cow;

use super::ByteClasses;
use super::rewrite::{pair, rewrite};

pub(super) static X: ByteClasses = ByteClasses::of_bytes(b"xX");

/// The two digits of a byte.
#[inline]
#[expect(clippy::indexing_slicing, reason = "four bits are below 16")]
pub(super) const fn digits(byte: u8) -> [u8; 2] {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    [DIGITS[(byte >> 4) as usize], DIGITS[(byte & 15) as usize]]
}

pub(super) fn encode(value: &[u8]) -> Cow<'_, [u8]> {
    Cow::Owned(value.iter().flat_map(|byte| digits(*byte)).collect())
}

/// Pairs become bytes; a last single digit goes away. Bytes that are no digits count as in `ModSecurity`'s arithmetic.
pub(super) fn decode(value: &[u8]) -> Cow<'_, [u8]> {
    const fn loose(byte: u8) -> u8 {
        if byte >= b'A' { (byte & 0xdf).wrapping_sub(b'A').wrapping_add(10) } else { byte.wrapping_sub(b'0') }
    }
    let (pairs, _) = value.as_chunks::<2>();
    Cow::Owned(pairs.iter().map(|[high, low]| loose(*high).wrapping_mul(16).wrapping_add(loose(*low))).collect())
}

/// `0x` and at least one pair of digits becomes what the pairs write.
pub(super) fn sql_decode(value: &[u8]) -> Cow<'_, [u8]> {
    // The `x` is rarer than the zero before it.
    let next = |rest: &[u8]| {
        let mut ends = memchr::memchr2_iter(b'x', b'X', rest);
        ends.find_map(|at| at.checked_sub(1).filter(|at| rest.get(*at) == Some(&b'0')))
    };
    rewrite(value, next, |special, output| {
        let (pairs, _) = special.get(2..).unwrap_or_default().as_chunks::<2>();
        let before = output.len();
        output.extend(pairs.iter().map_while(|[high, low]| pair(*high, *low)));
        let count = output.len() - before;
        if count == 0 {
            output.extend_from_slice(special.get(..2).unwrap_or_default());
        }
        2 + count * 2
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs() {
        assert_eq!(&*encode(b"\x00aZ\xff"), b"00615aff");
        assert_eq!(&*decode(b"00615Aff7"), b"\x00aZ\xff");
        assert_eq!(&*decode(b"0z"), b"#");
        assert_eq!(&*decode(b"a"), b"");
    }

    #[test]
    fn sql() {
        let cases: [(&[u8], &[u8]); 8] = [
            (b"0x414243", b"ABC"),
            (b"a=0X41 or 0x4", b"a=A or 0x4"),
            (b"0x41g", b"Ag"),
            (b"0x414", b"A4"),
            (b"00x41", b"0A"),
            (b"0x0x41", b"0xA"),
            (b"x41", b"x41"),
            (b"0x", b"0x"),
        ];
        for (value, output) in cases {
            assert_eq!(&*sql_decode(value), output, "{}", value.escape_ascii());
        }
    }
}
