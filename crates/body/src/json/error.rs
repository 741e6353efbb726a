//! Why JSON is refused, and where.

/// Why a [`Reader`](super::Reader) refuses, without the place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JsonErrorKind {
    /// There is nothing, or only white space.
    #[error("there is no value")]
    Empty,
    /// The input ends within a value.
    #[error("the input ends within a value")]
    Truncated,
    /// A byte order mark comes first (RFC 8259, 8.1).
    #[error("a byte order mark comes first: send UTF-8 without it")]
    ByteOrderMark,
    /// A byte that can't stand here.
    #[error("expected {expected}")]
    Unexpected {
        /// What can stand here.
        expected: &'static str,
    },
    /// Something follows the value.
    #[error("something follows the value")]
    Trailing,
    /// A line break within a value, where each line is one value.
    #[error("the line ends within a value, and each line must hold a whole one")]
    LineBreak,
    /// Not `true`, `false` or `null`.
    #[error("a word that is not true, false or null")]
    Word,
    /// Digits that break the grammar of numbers.
    #[error("a malformed number")]
    Number,
    /// A control character in a string, which must be escaped.
    #[error("a control character in a string: escape it")]
    Control,
    /// An escape that JSON does not have.
    #[error("an unknown escape in a string")]
    Escape,
    /// `\uD800` to `\uDFFF` without its other half.
    #[error("half of a surrogate pair in a string")]
    Surrogate,
    /// Bytes that are not UTF-8.
    #[error("bytes that are not UTF-8")]
    Utf8,
    /// A limit is exceeded.
    #[error("more than {most} {what}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much there may be.
        most: u64,
    },
}

/// JSON that was refused, with the place.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}, byte {offset}, at `{path}`: {kind}")]
pub struct JsonError {
    /// Why.
    pub kind: JsonErrorKind,
    /// The offset in the input.
    pub offset: usize,
    /// The line, from 1.
    pub line: usize,
    /// The value within which it happened, as a JSON pointer. Keys that don't look like names are shown as `*`, for
    /// they may hold personal data.
    pub path: String,
}

/// Why reading stopped.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Halt<E> {
    /// The input is not what the reader takes.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The visitor stopped it.
    #[error("{0}")]
    Visitor(E),
}
