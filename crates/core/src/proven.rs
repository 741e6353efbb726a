//! Values whose strict type was verified, or that the contract leaves free, so that rules about attacks skip them.

/// A range of bytes in the body or target that the upstream will read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// The strict type that was verified.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ProvenKind {
    /// An integer or decimal number.
    Number,
    /// A UUID.
    Uuid,
    /// An RFC 3339 date or date-time.
    Date,
    /// One of the values that the contract lists.
    Enum,
    /// `true` or `false`.
    Boolean,
    /// Text of which the contract says that people write there what they like. It may say anything; where it is used,
    /// nothing takes it for a command.
    Free,
}

/// The contract verified that the very bytes at `span` have the strict type `kind`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Proven {
    /// Where.
    pub span: Span,
    /// What.
    pub kind: ProvenKind,
}
