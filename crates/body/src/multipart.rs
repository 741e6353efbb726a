//! Multipart forms: `multipart/form-data` (RFC 7578, RFC 2046 section 5.1), read strictly and in chunks.
//!
//! A [`Reader`] is pushed bytes cut anywhere and hands out [tokens](Token): where a part begins, with its headers, its
//! data in pieces, and where it ends. It holds no more than the headers of one part and the head of one line.
//!
//! Servers differ in what they make of a broken body, so that a broken one is read on as far as it can be, for rules to
//! see what is in it. What is unusual is noted as [`Flags`], and [`Reader::finish`] gives the first [error](MultipartError).
//! Both follow `ModSecurity` 3, whose rules ask for them.
//!
//! ```
//! use testudo_body::multipart::{Boundary, Limits, Reader, Token};
//!
//! let mut seen = Vec::new();
//! let mut give = |token: &Token<'_>| {
//!     match token {
//!         Token::BeginPart(part) => seen.extend_from_slice(&part.name),
//!         Token::Data { bytes, .. } => seen.extend_from_slice(bytes),
//!         Token::EndPart { .. } => seen.push(b'.'),
//!     }
//!     Ok::<(), std::convert::Infallible>(())
//! };
//! let mut reader = Reader::new(Boundary::of(b"multipart/form-data; boundary=x")?, Limits::REQUEST);
//! reader.push(b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1", &mut give)?;
//! reader.push(b"2\r\n--x--\r\n", &mut give)?;
//! reader.finish(&mut give)?;
//! assert_eq!(seen, b"a12.");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod boundary;
mod disposition;
mod error;
mod flags;
mod line;
mod part;
mod reader;

pub use boundary::{Boundary, BoundaryError};
pub use disposition::ExtendedName;
pub use error::{Halt, MultipartError, MultipartErrorKind};
pub use flags::Flags;
pub use part::{Header, Part};
pub use reader::{Reader, Token};

/// Bounds of a [`Reader`]. Whatever exceeds one is refused with its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of the whole input.
    pub total: u64,
    /// Parts.
    pub parts: usize,
    /// Files among the parts. More are flagged, not refused.
    pub files: usize,
    /// Headers of one part.
    pub headers: usize,
    /// Bytes of one header, its line end included.
    pub header: usize,
    /// Bytes of a part that is no file.
    pub value: u64,
}

impl Limits {
    /// For bodies that are decided whole: 256 KiB.
    pub const REQUEST: Limits =
        Limits { total: 256 * 1024, parts: 1000, files: 100, headers: 32, header: 4096, value: 256 * 1024 };

    /// For uploads of any length.
    pub const STREAM: Limits = Limits { total: u64::MAX, ..Limits::REQUEST };
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::REQUEST
    }
}

#[cfg(test)]
mod tests;
