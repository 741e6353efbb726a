//! What a JSON reader hands out.

use testudo_core::Span;

use super::{Path, Text};

/// A piece of JSON. Offsets and spans count bytes of the whole input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Token<'a> {
    /// `{` at this offset.
    BeginObject(usize),
    /// `}` at this offset.
    EndObject(usize),
    /// `[` at this offset.
    BeginArray(usize),
    /// `]` at this offset.
    EndArray(usize),
    /// `,` at this offset.
    Comma(usize),
    /// The key of a member.
    Key {
        /// The key.
        text: Text<'a>,
        /// Whether the object had it before, once escapes are resolved. Always `false` when the reader does not look.
        repeated: bool,
    },
    /// A string.
    String(Text<'a>),
    /// A string that began in an earlier chunk and is longer than [`Limits::hold`](super::Limits::hold) begins; its
    /// opening quote has this offset. Its parts follow, then its end. (A string within one chunk is given whole,
    /// however long it is.)
    BeginString(usize),
    /// A part as written. Escapes and characters may be cut between parts.
    StringPart(&'a [u8]),
    /// The string ended; its span includes both quotes.
    EndString(Span),
    /// A number.
    Number {
        /// Its span.
        span: Span,
        /// As written.
        raw: &'a [u8],
    },
    /// `true` or `false`.
    Bool {
        /// Its span.
        span: Span,
        /// Which.
        value: bool,
    },
    /// `null`.
    Null(Span),
    /// The value at the top is complete. The offset is that of its line break, or of the input's end.
    EndDocument(usize),
}

/// Takes tokens as they come.
pub trait Visit {
    /// Why it stops the reading.
    type Stop;

    /// The next token. `path` names the value that it belongs to: for a key its member, for brackets their container,
    /// for a comma the element before it.
    fn token(&mut self, token: &Token<'_>, path: &Path) -> Result<(), Self::Stop>;
}

impl<E, F: FnMut(&Token<'_>, &Path) -> Result<(), E>> Visit for F {
    type Stop = E;

    fn token(&mut self, token: &Token<'_>, path: &Path) -> Result<(), E> {
        self(token, path)
    }
}
