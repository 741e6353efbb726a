//! Why XML is refused, and where.

/// Why a [`Reader`](super::Reader) refuses, without the place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum XmlErrorKind {
    /// There is no element.
    #[error("there is no element")]
    Empty,
    /// The input ends within the root element, or within markup.
    #[error("the input ends before the document does")]
    Truncated,
    /// Text stands before the root element.
    #[error("text before the root element")]
    Leading,
    /// Something follows the root element.
    #[error("something follows the root element")]
    Trailing,
    /// Markup that XML does not have, or not here.
    #[error("malformed markup: expected {expected}")]
    Markup {
        /// What can stand here.
        expected: &'static str,
    },
    /// The tag closes another element than the last that was opened.
    #[error("a closing tag that does not match")]
    Mismatch,
    /// An element has an attribute twice.
    #[error("an attribute comes twice")]
    Duplicate,
    /// `&` without a character's number or the name of an entity behind it.
    #[error("a malformed reference: write `&` as `&amp;`")]
    Reference,
    /// An entity that XML does not predefine.
    #[error("an entity that is not predefined")]
    Entity,
    /// A character that XML does not allow, or bytes that are not UTF-8.
    #[error("a character that XML does not allow")]
    Character,
    /// `]]>` in text.
    #[error("`]]>` in text: write `>` as `&gt;`")]
    SectionEnd,
    /// An encoding that is not read.
    #[error("an encoding other than UTF-8, US-ASCII and Latin-1")]
    Encoding,
    /// A limit is exceeded.
    #[error("more than {most} {what}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much there may be.
        most: u64,
    },
}

/// XML that was refused, with the place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}, byte {offset}: {kind}")]
pub struct XmlError {
    /// Why.
    pub kind: XmlErrorKind,
    /// The offset in the input.
    pub offset: usize,
    /// The line, from 1.
    pub line: usize,
}

/// Why reading stopped.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Halt<E> {
    /// The input is not what the reader takes.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// The visitor stopped it.
    #[error("{0}")]
    Visitor(E),
}

/// What a failed step gives, before the place is known: the index in the step's bytes, or what the visitor said.
pub(super) enum Wrong<E> {
    Xml(XmlErrorKind, usize),
    Visitor(E),
}

impl<E> From<(XmlErrorKind, usize)> for Wrong<E> {
    fn from((kind, at): (XmlErrorKind, usize)) -> Wrong<E> {
        Wrong::Xml(kind, at)
    }
}
