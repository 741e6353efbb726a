//! `escapeSeqDecode`: the escapes of ANSI C (ISO/IEC 9899, 6.4.4.4).
//!
//! The backslash of an escape that is none goes away, a last one stays.

use std::borrow::Cow;

use super::rewrite::{octal, pair, rewrite};

pub(super) fn decode(value: &[u8]) -> Cow<'_, [u8]> {
    let next = |rest: &[u8]| memchr::memchr(b'\\', rest);
    rewrite(value, next, |special, output| {
        let (byte, taken) = escape(special);
        output.push(byte);
        taken
    })
}

fn escape(special: &[u8]) -> (u8, usize) {
    let after = special.get(1..).unwrap_or_default();
    match *after {
        [] => (b'\\', 1),
        [b'a', ..] => (0x07, 2),
        [b'b', ..] => (0x08, 2),
        [b'f', ..] => (0x0c, 2),
        [b'n', ..] => (b'\n', 2),
        [b'r', ..] => (b'\r', 2),
        [b't', ..] => (b'\t', 2),
        [b'v', ..] => (0x0b, 2),
        [x @ (b'x' | b'X'), high, low, ..] => pair(high, low).map_or((x, 2), |byte| (byte, 4)),
        [b'0'..=b'7', ..] => {
            let (count, value) = octal(after, 3);
            (value.to_le_bytes()[0], count + 1)
        }
        [other, ..] => (other, 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        let cases: [(&[u8], &[u8]); 6] = [
            (br"\a\b\f\n\r\t\v", b"\x07\x08\x0c\n\r\t\x0b"),
            (br#"\?\'\"\\"#, br#"?'"\"#),
            (br"\x41\X41\xg1\x4", b"AAxg1x4"),
            (br"\101\60\777\18", b"A0\xff\x018"),
            (br"\q", b"q"),
            (b"a\\", b"a\\"),
        ];
        for (value, output) in cases {
            assert_eq!(&*decode(value), output, "{}", value.escape_ascii());
        }
    }
}
