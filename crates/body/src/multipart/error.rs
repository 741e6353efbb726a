//! What is wrong with a body, and where.

/// What breaks the grammar, or exceeds a limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MultipartErrorKind {
    /// The boundary never comes.
    #[error("the boundary never comes")]
    NoBoundary,
    /// The input ends before the last boundary.
    #[error("the last boundary is missing")]
    LastBoundaryMissing,
    /// The boundary is followed by something else than the end of its line.
    #[error("something follows the boundary in its line")]
    Boundary,
    /// The boundary is in quotes, as in the content type.
    #[error("quotes around the boundary")]
    QuotedBoundary,
    /// White space stands between the dashes and the boundary.
    #[error("white space before the boundary")]
    SpacedBoundary,
    /// A zero byte in a header.
    #[error("a zero byte in a header")]
    Nul,
    /// The first line of the headers is a continuation.
    #[error("a continuation of no header")]
    Folding,
    /// A header without a colon.
    #[error("a header without a colon")]
    Colon,
    /// A header whose name is empty or has other characters than visible ASCII.
    #[error("a malformed name of a header")]
    HeaderName,
    /// A header that the part has already.
    #[error("a header comes twice")]
    Duplicate,
    /// The part has no `Content-Disposition`.
    #[error("a part without `Content-Disposition`")]
    DispositionMissing,
    /// `Content-Disposition` is malformed.
    #[error("a malformed `Content-Disposition`: {0}")]
    Disposition(&'static str),
    /// `Content-Disposition` gives no name.
    #[error("a part without a name")]
    NameMissing,
    /// More files than the limit. Reading goes on.
    #[error("more than {most} files")]
    Files {
        /// How many there may be.
        most: usize,
    },
    /// A limit is exceeded.
    #[error("more than {most} {what}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much there may be.
        most: u64,
    },
}

/// What is wrong, with the place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("byte {offset}: {kind}")]
pub struct MultipartError {
    /// What is wrong.
    pub kind: MultipartErrorKind,
    /// The offset in the input: of the line, or of what exceeds a limit.
    pub offset: usize,
}

/// Why reading stopped.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Halt<E> {
    /// The input is not what the reader takes.
    #[error(transparent)]
    Multipart(#[from] MultipartError),
    /// The visitor stopped it.
    #[error("{0}")]
    Visitor(E),
}
