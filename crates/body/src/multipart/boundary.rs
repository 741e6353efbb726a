//! The boundary, from the content type.

use super::Flags;

/// What separates parts, and what is unusual about how it is given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Boundary {
    pub(super) delimiter: Vec<u8>,
    pub(super) flags: Flags,
}

/// Why a content type gives no boundary.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BoundaryError {
    /// The content type is absurdly long.
    #[error("the content type is longer than {} bytes", Boundary::LONGEST_HEADER)]
    Length,
    /// Another type.
    #[error("the content type is not multipart/form-data")]
    Type,
    /// There are several.
    #[error("the content type has more than one boundary")]
    Several,
    /// There is none, or its name is not in lower case.
    #[error("the content type has no `boundary`")]
    Missing,
    /// Something else stands before the boundary or its `=`.
    #[error("the boundary's parameter is malformed")]
    Malformed,
    /// One quote is missing.
    #[error("the boundary's quotes don't match")]
    Quotes,
    /// It is empty, longer than 70 characters, or has others than RFC 2046 allows.
    #[error("the boundary is not 1 to {} of the characters that RFC 2046 allows", Boundary::LONGEST)]
    Characters,
}

const TYPE: &[u8] = b"multipart/form-data";
const NAME: &[u8] = b"boundary";

impl Boundary {
    /// How long it may be (RFC 2046, 5.1.1).
    pub const LONGEST: usize = 70;
    /// How long the content type may be.
    pub const LONGEST_HEADER: usize = 1024;

    /// The boundary of a content type.
    pub fn of(content_type: &[u8]) -> Result<Boundary, BoundaryError> {
        if content_type.len() > Boundary::LONGEST_HEADER {
            return Err(BoundaryError::Length);
        }
        let (kind, parameters) = content_type.split_at_checked(TYPE.len()).ok_or(BoundaryError::Type)?;
        if !kind.eq_ignore_ascii_case(TYPE) {
            return Err(BoundaryError::Type);
        }
        if assignments(parameters) > 1 {
            return Err(BoundaryError::Several);
        }
        let mut flags = Flags::default();
        let at = memchr::memmem::find(parameters, NAME).ok_or(BoundaryError::Missing)?;
        let (before, named) = parameters.split_at_checked(at).ok_or(BoundaryError::Missing)?;
        match before.iter().filter(|byte| !is_white(**byte)).collect::<Vec<_>>().as_slice() {
            [] => flags |= Flags::MISSING_SEMICOLON,
            [b';'] => {}
            _ => return Err(BoundaryError::Malformed),
        }
        let assigned = named.get(NAME.len()..).unwrap_or_default().trim_ascii_start();
        let value = assigned.strip_prefix(b"=").ok_or(BoundaryError::Malformed)?;
        let spaced = named.len() - NAME.len() > assigned.len() || value.first().is_some_and(|byte| is_white(*byte));
        if spaced {
            flags |= Flags::BOUNDARY_WHITESPACE;
        }
        let value = match value.trim_ascii_start() {
            [b'"', quoted @ .., b'"'] => {
                flags |= Flags::BOUNDARY_QUOTED;
                quoted
            }
            [b'"', ..] | [.., b'"'] => return Err(BoundaryError::Quotes),
            // Some clients name a charset behind it.
            plain => plain.split(|byte| *byte == b';').next().unwrap_or(plain),
        };
        Boundary::new(value, flags)
    }

    fn new(value: &[u8], flags: Flags) -> Result<Boundary, BoundaryError> {
        let allowed = value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(byte));
        if !allowed || value.is_empty() || value.len() > Boundary::LONGEST || value.last() == Some(&b' ') {
            return Err(BoundaryError::Characters);
        }
        Ok(Boundary { delimiter: [b"--", value].concat(), flags })
    }

    /// The boundary itself.
    pub fn value(&self) -> &[u8] {
        self.delimiter.get(2..).unwrap_or_default()
    }
}

/// How often the name comes, in whatever case, with a `=` somewhere behind.
fn assignments(parameters: &[u8]) -> usize {
    let lower = parameters.to_ascii_lowercase();
    let last = memchr::memrchr(b'=', &lower).unwrap_or(0);
    memchr::memmem::find_iter(&lower, NAME).filter(|at| *at < last).count()
}

/// White space of C.
pub(super) fn is_white(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::*;

    fn value(content_type: &str) -> Result<(String, Flags), BoundaryError> {
        let boundary = Boundary::of(content_type.as_bytes())?;
        Ok((String::from_utf8(boundary.value().to_vec()).unwrap(), boundary.flags))
    }

    #[test]
    fn boundaries_are_found_and_oddities_flagged() {
        let plain = Flags::default();
        assert_eq!(value("multipart/form-data; boundary=a'()+_,-./:=? b"), Ok(("a'()+_,-./:=? b".into(), plain)));
        assert_eq!(value("Multipart/Form-Data;boundary=x; charset=UTF-8"), Ok(("x".into(), plain)));
        assert_eq!(value("multipart/form-data; boundary=\"x y\""), Ok(("x y".into(), Flags::BOUNDARY_QUOTED)));
        assert_eq!(value("multipart/form-data; boundary= x"), Ok(("x".into(), Flags::BOUNDARY_WHITESPACE)));
        assert_eq!(value("multipart/form-data; boundary =x"), Ok(("x".into(), Flags::BOUNDARY_WHITESPACE)));
        assert_eq!(value("multipart/form-data boundary=x"), Ok(("x".into(), Flags::MISSING_SEMICOLON)));
    }

    #[test]
    fn others_are_refused() {
        let long = format!("multipart/form-data; boundary={}", "a".repeat(71));
        for (content_type, error) in [
            ("multipart/mixed; boundary=x", BoundaryError::Type),
            ("multipart/form-data", BoundaryError::Missing),
            ("multipart/form-data; BOUNDARY=x", BoundaryError::Missing),
            ("multipart/form-data; boundary=x; boundary=y", BoundaryError::Several),
            ("multipart/form-data; boundary=x; Boundary=y", BoundaryError::Several),
            ("multipart/form-data; a=b; boundary=x", BoundaryError::Malformed),
            ("multipart/form-data; boundaryx=x", BoundaryError::Malformed),
            ("multipart/form-data; boundary", BoundaryError::Malformed),
            ("multipart/form-data; boundary=\"x", BoundaryError::Quotes),
            ("multipart/form-data; boundary=x\"", BoundaryError::Quotes),
            ("multipart/form-data; boundary=", BoundaryError::Characters),
            ("multipart/form-data; boundary=\"\"", BoundaryError::Characters),
            ("multipart/form-data; boundary=x,\u{e9}", BoundaryError::Characters),
            ("multipart/form-data; boundary=x\\", BoundaryError::Characters),
            (long.as_str(), BoundaryError::Characters),
        ] {
            assert_eq!(value(content_type), Err(error), "{content_type}");
        }
        assert_eq!(Boundary::of(&[b'a'; 1025]), Err(BoundaryError::Length));
    }
}
