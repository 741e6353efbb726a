//! `utf8toUnicode`: sequences of UTF-8 (RFC 3629) become `%uHHHH`, as `ModSecurity` writes them.
//!
//! A lead byte without its continuation goes away; so does a NUL that is not the last byte. After a sequence that is
//! overlong or a surrogate its lead byte is written once more, so that a rule can see that it was there.

use std::borrow::Cow;
use std::io::Write;

use super::ByteClasses;
use super::rewrite::rewrite;

pub(super) static SPECIAL: ByteClasses = ByteClasses::range(0x80, 0xff).with(0);

pub(super) fn to_unicode(value: &[u8]) -> Cow<'_, [u8]> {
    let next = |rest: &[u8]| rest.iter().position(|byte| *byte == 0 || *byte >= 0x80);
    rewrite(value, next, step)
}

fn step(special: &[u8], output: &mut Vec<u8>) -> usize {
    let Some((&lead, after)) = special.split_first() else { return 1 };
    let (more, bits, least) = match lead {
        0 => {
            if after.is_empty() {
                output.push(0);
            }
            return 1;
        }
        0xc0..=0xdf => (1, lead & 0x1f, 0x80),
        0xe0..=0xef => (2, lead & 0x0f, 0x800),
        0xf0..=0xf7 => (3, lead & 0x07, 0x1_0000),
        _ => {
            output.push(lead);
            return 1;
        }
    };
    if lead >= 0xf5 {
        output.push(lead);
    }
    let Some(code) = continued(u32::from(bits), after, more) else { return 1 };
    // Writing to a vector cannot fail.
    let _ = write!(output, "%u{code:04x}");
    if (0xd800..=0xdfff).contains(&code) {
        output.push(lead);
    }
    if code < least {
        output.push(lead);
    }
    more + 1
}

/// The code point, when `more` continuation bytes follow.
fn continued(bits: u32, after: &[u8], more: usize) -> Option<u32> {
    let bytes = after.get(..more)?;
    bytes.iter().try_fold(bits, |code, byte| (byte & 0xc0 == 0x80).then_some(code << 6 | u32::from(byte & 0x3f)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences() {
        let cases: [(&[u8], &[u8]); 10] = [
            ("aé€😀z".as_bytes(), b"a%u00e9%u20ac%u1f600z"),
            (b"\xc3z", b"z"),
            (b"\xe2\x82z", b"\x82z"),
            (b"\x80\xff", b"\x80\xff"),
            (b"\xc0\xaf", b"%u002f\xc0"),
            (b"\xed\xa0\x80", b"%ud800\xed"),
            (b"\xf5\x80\x80\x80", b"\xf5%u140000"),
            (b"\xf0\x80\x80\xaf", b"%u002f\xf0"),
            (b"a\0b\0", b"ab\0"),
            (b"\xe2", b""),
        ];
        for (value, output) in cases {
            assert_eq!(&*to_unicode(value), output, "{}", value.escape_ascii());
        }
    }
}
