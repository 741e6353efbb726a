//! `jsDecode`: the escapes of JavaScript strings (ECMA-262, 12.9.4), with the low byte of a code point.

use std::borrow::Cow;

use super::rewrite::{narrow, octal, pair, rewrite};

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
        [b'u', a, b, c, d, ..] => {
            if let (Some(high), Some(low)) = (pair(a, b), pair(c, d)) {
                return (narrow(high, low), 6);
            }
        }
        [b'x', high, low, ..] => {
            if let Some(byte) = pair(high, low) {
                return (byte, 4);
            }
        }
        [b'0'..=b'3', ..] => return octal_escape(after, 3),
        [b'4'..=b'7', ..] => return octal_escape(after, 2),
        _ => {}
    }
    match after.first() {
        None => (b'\\', 1),
        Some(byte) => (single(*byte), 2),
    }
}

fn octal_escape(after: &[u8], most: usize) -> (u8, usize) {
    let (count, value) = octal(after, most);
    (value.to_le_bytes()[0], count + 1)
}

const fn single(byte: u8) -> u8 {
    match byte {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        let cases: [(&[u8], &[u8]); 9] = [
            (br"\u0061\u2027\uff1c", b"a'<"),
            (br"\x41\X41\x4", b"AX41x4"),
            (br"\101\60\400\8", b"A0 08"),
            (br"\n\t\v\a\q\'\\", b"\n\t\x0b\x07q'\\"),
            (br"\u004", b"u004"),
            (br"\u00zz", b"u00zz"),
            (b"a\\", b"a\\"),
            (br"\377", b"\xff"),
            (br"\1", b"\x01"),
        ];
        for (value, output) in cases {
            assert_eq!(&*decode(value), output, "{}", value.escape_ascii());
        }
    }
}
