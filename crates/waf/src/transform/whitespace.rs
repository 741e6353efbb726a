//! `compressWhitespace`, `removeWhitespace`, `trim`, `trimLeft` and `trimRight`.
//!
//! White space is C's: space, tab, line feed, vertical tab, form feed, carriage return.

use std::borrow::Cow;

use super::ByteClasses;
use super::rewrite::rewrite;

pub(super) static SPACE: ByteClasses = ByteClasses::range(b'\t', b'\r').with(b' ');

/// White space and the bytes of a no-break space, in Latin-1 and in UTF-8.
pub(super) static REMOVED: ByteClasses = ByteClasses::range(b'\t', b'\r').with(b' ').with(0xa0).with(0xc2);

/// Whether C calls the byte white space.
#[inline]
pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

pub(super) fn compress(value: &[u8]) -> Cow<'_, [u8]> {
    rewrite(value, first_to_compress, |special, output| {
        output.push(b' ');
        special.iter().take_while(|byte| is_space(**byte)).count()
    })
}

/// Where white space begins that is not a single space.
pub(super) fn first_to_compress(value: &[u8]) -> Option<usize> {
    let mut after_space = false;
    for (at, &byte) in value.iter().enumerate() {
        if !is_space(byte) {
            after_space = false;
        } else if after_space {
            return at.checked_sub(1);
        } else if byte == b' ' {
            after_space = true;
        } else {
            return Some(at);
        }
    }
    None
}

pub(super) fn remove(value: &[u8]) -> Cow<'_, [u8]> {
    let next = |rest: &[u8]| rest.iter().position(|byte| REMOVED.contains(*byte));
    rewrite(value, next, |_, _| 1)
}

pub(super) fn trim(value: &[u8]) -> &[u8] {
    trim_left(trim_right(value))
}

pub(super) fn trim_left(value: &[u8]) -> &[u8] {
    let spaces = value.iter().take_while(|byte| is_space(**byte)).count();
    value.get(spaces..).unwrap_or_default()
}

pub(super) fn trim_right(value: &[u8]) -> &[u8] {
    let spaces = value.iter().rev().take_while(|byte| is_space(**byte)).count();
    value.get(..value.len() - spaces).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed() {
        let cases: [(&[u8], &[u8]); 6] = [
            (b"a b c", b"a b c"),
            (b"a  b", b"a b"),
            (b"\ta \n\x0b\x0c\r b\t", b" a b "),
            (b" ", b" "),
            (b"a b\n", b"a b "),
            (b"a\xa0 b", b"a\xa0 b"),
        ];
        for (value, output) in cases {
            assert_eq!(&*compress(value), output, "{}", value.escape_ascii());
        }
        assert!(matches!(compress(b"a b c "), Cow::Borrowed(_)));
    }

    #[test]
    fn removed_and_trimmed() {
        assert_eq!(&*remove(b" a\t\xc2\xa0b\n"), b"ab");
        assert_eq!(trim(b"\x0b a b \n"), b"a b");
        assert_eq!(trim_left(b" a "), b"a ");
        assert_eq!(trim_right(b" a "), b" a");
        assert_eq!(trim(b"  "), b"");
    }
}
