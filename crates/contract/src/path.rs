//! Request paths, read strictly.
//!
//! A path that two programs could read differently is refused: what stands behind the gateway might route it elsewhere
//! than the gateway thought (RFC 3986 sections 2.1, 3.3, 5.2.4; CWE-22, CWE-436).

use std::borrow::Cow;

/// The longest path in bytes.
pub const MAX_PATH: usize = 4096;
/// The most segments in a path.
const MAX_SEGMENTS: usize = 128;

/// Why a path is refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum PathError {
    /// It is not an absolute path.
    #[error("the path does not start with `/`")]
    NotAbsolute,
    /// It is longer than is read.
    #[error("the path is longer than {MAX_PATH} bytes or has more than {MAX_SEGMENTS} segments")]
    TooLong,
    /// A byte that must be percent-encoded or can't stand in a path.
    #[error("the path has a byte that can't stand in a path")]
    Byte,
    /// `%` without two hexadecimal digits.
    #[error("the path has a `%` that is not followed by two hexadecimal digits")]
    Escape,
    /// An encoded slash, backslash or control character.
    #[error("the path has an encoded slash, backslash or control character")]
    Hidden,
    /// An encoded `%` before two hexadecimal digits, which decodes again.
    #[error("the path is encoded twice")]
    Twice,
    /// The decoded bytes are not UTF-8, overlong forms included.
    #[error("the path does not decode to UTF-8")]
    NotUtf8,
    /// A segment `.` or `..`, however written, also with path parameters behind it.
    #[error("the path has a `.` or `..` segment")]
    Dots,
    /// Two slashes in a row.
    #[error("the path has an empty segment")]
    Empty,
}

impl PathError {
    /// A stable code for decisions.
    pub const fn code(self) -> &'static str {
        match self {
            PathError::NotAbsolute => "path-not-absolute",
            PathError::TooLong => "path-too-long",
            PathError::Byte => "path-byte",
            PathError::Escape => "path-escape",
            PathError::Hidden => "path-hidden-separator",
            PathError::Twice => "path-encoded-twice",
            PathError::NotUtf8 => "path-not-utf8",
            PathError::Dots => "path-dot-segment",
            PathError::Empty => "path-empty-segment",
        }
    }
}

/// A path that has one reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct StrictPath<'p>(&'p str);

impl<'p> StrictPath<'p> {
    /// Checks the whole path; allocates only for segments that are encoded.
    pub(crate) fn parse(path: &'p str) -> Result<StrictPath<'p>, PathError> {
        let Some(rest) = path.strip_prefix('/') else { return Err(PathError::NotAbsolute) };
        if path.len() > MAX_PATH {
            return Err(PathError::TooLong);
        }
        let mut count = 0;
        let mut segments = rest.split('/').peekable();
        while let Some(segment) = segments.next() {
            count += 1;
            if count > MAX_SEGMENTS {
                return Err(PathError::TooLong);
            }
            if segment.is_empty() && segments.peek().is_some() {
                return Err(PathError::Empty);
            }
            check_segment(segment)?;
        }
        Ok(StrictPath(rest))
    }

    /// The decoded segments; the last one is empty where the path ends in a slash.
    pub(crate) fn segments(self) -> Segments<'p> {
        Segments(Some(self.0))
    }
}

/// Decoded segments of a path.
#[derive(Clone)]
pub(crate) struct Segments<'p>(Option<&'p str>);

impl<'p> Iterator for Segments<'p> {
    type Item = Cow<'p, str>;

    fn next(&mut self) -> Option<Cow<'p, str>> {
        let rest = self.0?;
        let segment = if let Some((segment, rest)) = rest.split_once('/') {
            self.0 = Some(rest);
            segment
        } else {
            self.0 = None;
            rest
        };
        Some(decode(segment))
    }
}

impl Segments<'_> {
    /// Whether none is left.
    pub(crate) fn is_done(&self) -> bool {
        self.0.is_none()
    }
}

fn decode(segment: &str) -> Cow<'_, str> {
    if segment.contains('%') {
        percent_encoding::percent_decode_str(segment).decode_utf8_lossy()
    } else {
        Cow::Borrowed(segment)
    }
}

fn check_segment(segment: &str) -> Result<(), PathError> {
    let encoded = check_bytes(segment.as_bytes())?;
    let decoded = if encoded {
        percent_encoding::percent_decode_str(segment).decode_utf8().map_err(|_| PathError::NotUtf8)?
    } else {
        Cow::Borrowed(segment)
    };
    let name = decoded.split(';').next().unwrap_or_default().trim();
    if matches!(name, "." | "..") { Err(PathError::Dots) } else { Ok(()) }
}

/// Checks the bytes of one segment, and says whether some are encoded.
fn check_bytes(segment: &[u8]) -> Result<bool, PathError> {
    let mut encoded = false;
    let mut rest = segment;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match byte {
            b'%' => {
                let [high, low, tail @ ..] = rest else { return Err(PathError::Escape) };
                let (Some(high), Some(low)) = (hex(*high), hex(*low)) else { return Err(PathError::Escape) };
                rest = tail;
                encoded = true;
                match high << 4 | low {
                    0..=0x1f | 0x7f | b'/' | b'\\' => return Err(PathError::Hidden),
                    b'%' if decodes_again(rest) => return Err(PathError::Twice),
                    _ => {}
                }
            }
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => {}
            byte if b"-._~!$&'()*+,;=:@".contains(byte) => {}
            _ => return Err(PathError::Byte),
        }
    }
    Ok(encoded)
}

/// Whether a decoded `%` and what follows it, itself decoded, form another escape.
fn decodes_again(rest: &[u8]) -> bool {
    let mut digits = 0;
    let mut rest = rest;
    while digits < 2 {
        let (digit, tail) = match rest {
            [b'%', high, low, tail @ ..] => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, tail),
                _ => return false,
            },
            [byte, tail @ ..] => (*byte, tail),
            [] => return false,
        };
        if hex(digit).is_none() {
            return false;
        }
        digits += 1;
        rest = tail;
    }
    true
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_with_two_readings_are_refused() {
        let cases = [
            ("", PathError::NotAbsolute),
            ("*", PathError::NotAbsolute),
            ("http://x/", PathError::NotAbsolute),
            ("//", PathError::Empty),
            ("//evil/x", PathError::Empty),
            ("/a//b", PathError::Empty),
            ("/a//", PathError::Empty),
            ("/.", PathError::Dots),
            ("/..", PathError::Dots),
            ("/a/../b", PathError::Dots),
            ("/a/./b", PathError::Dots),
            ("/a/%2e%2E/b", PathError::Dots),
            ("/a/.%2e/b", PathError::Dots),
            ("/a/..;/b", PathError::Dots),
            ("/a/..;x=1/b", PathError::Dots),
            ("/a/..%3bx/b", PathError::Dots),
            ("/a/..%20/b", PathError::Dots),
            ("/a%2fb", PathError::Hidden),
            ("/a%2Fb", PathError::Hidden),
            ("/a%5cb", PathError::Hidden),
            ("/a%00", PathError::Hidden),
            ("/a%0d%0ab", PathError::Hidden),
            ("/a%7f", PathError::Hidden),
            ("/a\\b", PathError::Byte),
            ("/a b", PathError::Byte),
            ("/a\u{0}b", PathError::Byte),
            ("/a?b", PathError::Byte),
            ("/a#b", PathError::Byte),
            ("/é", PathError::Byte),
            ("/<", PathError::Byte),
            ("/a%", PathError::Escape),
            ("/a%4", PathError::Escape),
            ("/a%zz", PathError::Escape),
            ("/a%252f", PathError::Twice),
            ("/a%252e%252e", PathError::Twice),
            ("/a%25%32%66", PathError::Twice),
            ("/a%252%66", PathError::Twice),
            ("/a%c0%af", PathError::NotUtf8),
            ("/a%e0%80%af", PathError::NotUtf8),
            ("/a%ff", PathError::NotUtf8),
            ("/a%ed%a0%80", PathError::NotUtf8),
        ];
        for (path, error) in cases {
            assert_eq!(StrictPath::parse(path), Err(error), "{path}");
        }
        assert_eq!(StrictPath::parse(&format!("/{}", "a".repeat(MAX_PATH))), Err(PathError::TooLong));
        assert_eq!(StrictPath::parse(&"/a".repeat(MAX_SEGMENTS + 1)), Err(PathError::TooLong));
    }

    #[test]
    fn paths_with_one_reading_are_decoded_by_segment() {
        let cases: [(&str, &[&str]); 9] = [
            ("/", &[""]),
            ("/a", &["a"]),
            ("/a/", &["a", ""]),
            ("/a/b.c/...", &["a", "b.c", "..."]),
            ("/%61/%C3%A9", &["a", "é"]),
            ("/100%25", &["100%"]),
            ("/5%25of", &["5%of"]),
            ("/a;v=1/b@c:d", &["a;v=1", "b@c:d"]),
            ("/.well-known/..x", &[".well-known", "..x"]),
        ];
        for (path, segments) in cases {
            let parsed: Vec<_> = StrictPath::parse(path).map(|path| path.segments().collect()).unwrap_or_default();
            assert_eq!(parsed, segments, "{path}");
        }
    }
}
