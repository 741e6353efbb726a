//! XML 1.0, read strictly and in chunks.
//!
//! A [`Reader`] is pushed bytes cut anywhere and hands out [tokens](Token): elements, attributes and text, in the order of
//! the document. Text may come in pieces. It checks that the document is well-formed, and refuses what a service has no
//! need for and attackers do: entities beside the five that XML predefines, other encodings than UTF-8, US-ASCII and
//! Latin-1, and whatever exceeds its [`Limits`]. Nothing is fetched or expanded; a document type is noted and skipped.
//!
//! ```
//! use testudo_body::xml::{Limits, Reader, Token};
//!
//! let mut values = Vec::new();
//! let mut give = |token: &Token<'_>| {
//!     match token {
//!         Token::Attribute { value, .. } => values.push(value.decode().into_owned()),
//!         Token::Text(text) => values.push(text.decode().into_owned()),
//!         _ => {}
//!     }
//!     Ok::<(), std::convert::Infallible>(())
//! };
//! let mut reader = Reader::new(Limits::REQUEST);
//! reader.push(b"<a b='1 &lt; ", &mut give)?;
//! reader.push(b"2'>x<![CDATA[<]]></a>", &mut give)?;
//! reader.finish(&mut give)?;
//! assert_eq!(values, [&b"1 < 2"[..], b"x", b"<"]);
//! # Ok::<(), testudo_body::xml::Halt<std::convert::Infallible>>(())
//! ```

mod chars;
mod declaration;
mod error;
mod markup;
mod reader;
mod tag;
mod text;

pub use error::{Halt, XmlError, XmlErrorKind};
pub use reader::{Reader, Token};
pub use text::{Text, TextKind};

/// Bounds of a [`Reader`]. Whatever exceeds one is refused with its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of the whole input.
    pub total: u64,
    /// How deep elements nest; the root has depth 1.
    pub depth: usize,
    /// Elements of the document.
    pub elements: usize,
    /// Attributes of one element.
    pub attributes: usize,
    /// Bytes of one tag, comment or instruction, which bounds what the reader holds.
    pub markup: usize,
}

impl Limits {
    /// For bodies that are decided whole: 256 KiB.
    pub const REQUEST: Limits =
        Limits { total: 256 * 1024, depth: 128, elements: 50_000, attributes: 128, markup: 64 * 1024 };
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::REQUEST
    }
}

#[cfg(test)]
mod tests;
