//! `@validateByteRange`, `@validateUrlEncoding` and `@validateUtf8Encoding`: they match what is **not** valid.

use crate::transform::ByteClasses;

/// Reads a list such as `9,10,13,32-126`; an entry that is none is the error.
pub(super) fn byte_ranges(entries: &str) -> Result<ByteClasses, &str> {
    entries.split(',').map(str::trim).try_fold(ByteClasses::EMPTY, |set, entry| {
        let (first, last) = entry.split_once('-').unwrap_or((entry, entry));
        match (first.trim_end().parse(), last.trim_start().parse()) {
            (Ok(first), Ok(last)) if first <= last => Ok(set.union(ByteClasses::range(first, last))),
            _ => Err(entry),
        }
    })
}

/// Whether a byte is outside of `valid`.
#[inline]
pub(super) fn has_other_bytes(valid: &ByteClasses, value: &[u8]) -> bool {
    value.iter().any(|byte| !valid.contains(*byte))
}

/// Whether a percent sign stands without two hexadecimal digits (RFC 3986, 2.1).
pub(super) fn is_url_encoding_broken(value: &[u8]) -> bool {
    memchr::memchr_iter(b'%', value).any(|at| {
        let digits = value.get(at + 1..at + 3);
        !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

/// Whether the value is no UTF-8 (RFC 3629).
#[inline]
pub(super) fn is_utf8_broken(value: &[u8]) -> bool {
    std::str::from_utf8(value).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let set = byte_ranges("9, 10,13,32-126 , 128 - 255").map_err(str::to_owned);
        let expected = ByteClasses::range(32, 126).union(ByteClasses::range(128, 255)).with(9).with(10).with(13);
        assert_eq!(set, Ok(expected));
        for (list, entry) in [("", ""), ("xxx", "xxx"), ("1,256", "256"), ("1-", "1-"), ("9-1", "9-1"), ("1,,2", "")] {
            assert_eq!(byte_ranges(list), Err(entry));
        }
        assert!(has_other_bytes(&expected, b"a\0"));
        assert!(!has_other_bytes(&expected, b"a\tb\xff"));
        assert!(!has_other_bytes(&ByteClasses::EMPTY, b""));
    }

    #[test]
    fn encodings() {
        for valid in [&b""[..], b"a%20b", b"%ff%FF", b"+"] {
            assert!(!is_url_encoding_broken(valid), "{}", valid.escape_ascii());
        }
        for broken in [&b"%"[..], b"%2", b"%2g", b"%%20", b"%20%g0", b"%u0041"] {
            assert!(is_url_encoding_broken(broken), "{}", broken.escape_ascii());
        }
        assert!(!is_utf8_broken("é€😀".as_bytes()));
        for broken in [&b"\xc3"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x80"] {
            assert!(is_utf8_broken(broken), "{}", broken.escape_ascii());
        }
    }
}
