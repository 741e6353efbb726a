//! Transformations that look at each byte alone: case, parity and NUL.

use std::borrow::Cow;

use super::ByteClasses;
use super::rewrite::rewrite;

pub(super) static CAPITAL: ByteClasses = ByteClasses::range(b'A', b'Z');
pub(super) static SMALL: ByteClasses = ByteClasses::range(b'a', b'z');
pub(super) static HIGH: ByteClasses = ByteClasses::range(0x80, 0xff);
pub(super) static NUL: ByteClasses = ByteClasses::EMPTY.with(0);
/// Bytes with an odd number of bits and no high bit, and those with an even number and the high bit.
pub(super) static NOT_EVEN: ByteClasses = {
    let mut set = ByteClasses::EMPTY;
    let mut byte = u8::MAX;
    loop {
        if even(byte) != byte {
            set = set.with(byte);
        }
        if byte == 0 {
            break set;
        }
        byte -= 1;
    }
};
pub(super) static NOT_ODD: ByteClasses = {
    let mut set = ByteClasses::EMPTY;
    let mut byte = u8::MAX;
    loop {
        if odd(byte) != byte {
            set = set.with(byte);
        }
        if byte == 0 {
            break set;
        }
        byte -= 1;
    }
};

pub(super) fn lowercase(value: &[u8]) -> Cow<'_, [u8]> {
    if value.iter().any(u8::is_ascii_uppercase) { Cow::Owned(value.to_ascii_lowercase()) } else { Cow::Borrowed(value) }
}

pub(super) fn uppercase(value: &[u8]) -> Cow<'_, [u8]> {
    if value.iter().any(u8::is_ascii_lowercase) { Cow::Owned(value.to_ascii_uppercase()) } else { Cow::Borrowed(value) }
}

/// As `ModSecurity` counts: the high bit is set when the byte, that bit included, has an odd number of bits.
const fn even(byte: u8) -> u8 {
    if byte.count_ones() % 2 == 1 { byte | 0x80 } else { byte & 0x7f }
}

const fn odd(byte: u8) -> u8 {
    if byte.count_ones().is_multiple_of(2) { byte | 0x80 } else { byte & 0x7f }
}

pub(super) fn parity_even(value: &[u8]) -> Cow<'_, [u8]> {
    Cow::Owned(value.iter().map(|byte| even(*byte)).collect())
}

pub(super) fn parity_odd(value: &[u8]) -> Cow<'_, [u8]> {
    Cow::Owned(value.iter().map(|byte| odd(*byte)).collect())
}

pub(super) fn parity_zero(value: &[u8]) -> Cow<'_, [u8]> {
    if value.is_ascii() { Cow::Borrowed(value) } else { Cow::Owned(value.iter().map(|byte| byte & 0x7f).collect()) }
}

pub(super) fn remove_nulls(value: &[u8]) -> Cow<'_, [u8]> {
    rewrite(value, |rest| memchr::memchr(0, rest), |_, _| 1)
}

pub(super) fn replace_nulls(value: &[u8]) -> Cow<'_, [u8]> {
    let next = |rest: &[u8]| memchr::memchr(0, rest);
    rewrite(value, next, |_, output| {
        output.push(b' ');
        1
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes() {
        assert_eq!(&*lowercase(b"aB\xc4Z"), b"ab\xc4z");
        assert_eq!(&*uppercase(b"aB\xe4z"), b"AB\xe4Z");
        assert_eq!(&*parity_zero(b"a\xe1"), b"aa");
        assert_eq!(&*parity_even(b"abc"), b"\xe1\xe2c");
        assert_eq!(&*parity_odd(b"abc"), b"ab\xe3");
        assert_eq!(&*remove_nulls(b"\0a\0\0b"), b"ab");
        assert_eq!(&*replace_nulls(b"\0a\0\0b"), b" a  b");
    }
}
