//! `cssDecode`: the escapes of CSS (CSS 2.1, 4.1.3), with the low byte of a code point.

use std::borrow::Cow;

use super::rewrite::{digit, narrow, rewrite};
use super::whitespace::is_space;

pub(super) fn decode(value: &[u8]) -> Cow<'_, [u8]> {
    let next = |rest: &[u8]| memchr::memchr(b'\\', rest);
    rewrite(value, next, |special, output| {
        let after = special.get(1..).unwrap_or_default();
        let (length, code) = number(after);
        if length > 0 {
            output.push(low(code));
            // One white space ends a number.
            let space = after.get(length).copied().is_some_and(is_space);
            return 1 + length + usize::from(space);
        }
        match after.first() {
            None => 1,
            Some(b'\n') => 2,
            Some(byte) => {
                output.push(*byte);
                2
            }
        }
    })
}

/// How many hexadecimal digits lead, at most six, and what they write.
fn number(after: &[u8]) -> (usize, u32) {
    let digits = after.iter().take(6).map_while(|byte| digit(*byte));
    digits.fold((0, 0), |(count, code), digit| (count + 1, code << 4 | u32::from(digit)))
}

/// The low byte; full-width ASCII becomes ASCII.
fn low(code: u32) -> u8 {
    let [low, high, rest, _] = code.to_le_bytes();
    if rest == 0 { narrow(high, low) } else { low }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        let cases: [(&[u8], &[u8]); 9] = [
            (br"\6a\61 v\000061 s", b"javas"),
            (br"\a b", b"\nb"),
            (br"\1234567", b"\x567"),
            (br"\ff1c\00ff1c\0ff1c", b"<<<"),
            (br"\12ff1c", b"\x1c"),
            (b"a\\\nb", b"ab"),
            (b"a\\", b"a"),
            (br"\zx\\", br"zx\"),
            (b"\\61\tb\\61\t\tb", b"aba\tb"),
        ];
        for (value, output) in cases {
            assert_eq!(&*decode(value), output, "{}", value.escape_ascii());
        }
    }
}
