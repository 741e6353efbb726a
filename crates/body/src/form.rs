//! Forms and query strings: `application/x-www-form-urlencoded` (WHATWG URL, 5), read in chunks.
//!
//! A [`Reader`] is pushed bytes cut anywhere and hands out [fields](Field): name and value as written, each with its
//! span in the whole input. Nothing but a [limit](Limits) makes it refuse. Escapes that are none stay as they are
//! written, and [`Decoded`] counts them.
//!
//! ```
//! use testudo_body::form::{Field, Limits, Reader};
//!
//! let mut fields = Vec::new();
//! let mut give = |field: &Field<'_>| {
//!     fields.push((field.name.decode().bytes.into_owned(), field.value.decode().bytes.into_owned()));
//!     Ok::<(), std::convert::Infallible>(())
//! };
//! let mut reader = Reader::new(Limits::REQUEST);
//! reader.push(b"a=1%2", &mut give)?;
//! reader.push(b"B1&b=x+y", &mut give)?;
//! reader.finish(&mut give)?;
//! assert_eq!(fields, [(b"a".to_vec(), b"1+1".to_vec()), (b"b".to_vec(), b"x y".to_vec())]);
//! # Ok::<(), testudo_body::form::Halt<std::convert::Infallible>>(())
//! ```

mod reader;
mod text;

pub use reader::{Field, FormError, FormErrorKind, Halt, Reader, Separators};
pub use text::{Decoded, Text};

/// Bounds of a [`Reader`]. Whatever exceeds one is refused with its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of the whole input.
    pub total: u64,
    /// Fields.
    pub fields: usize,
    /// Bytes of one name, as written.
    pub name: usize,
    /// Bytes of one value, as written.
    pub value: usize,
}

impl Limits {
    /// For bodies that are decided whole: 256 KiB.
    pub const REQUEST: Limits = Limits { total: 256 * 1024, fields: 10_000, name: 4096, value: 256 * 1024 };
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::REQUEST
    }
}

#[cfg(test)]
mod tests;
