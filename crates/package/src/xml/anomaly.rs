//! What is odd about binary XML: tricks that make other readers stumble, and what Android refuses.

use crate::chunk::PoolAnomaly;

/// One oddity, with its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Anomaly {
    /// The offset in the document.
    pub offset: usize,
    /// What is odd.
    pub kind: AnomalyKind,
}

/// What is odd.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnomalyKind {
    /// The document's chunk has another type than binary XML has.
    #[error("the document has type {kind:#06x}")]
    Kind {
        /// The type.
        kind: u16,
    },
    /// The document's header is larger than eight bytes.
    #[error("the document's header has {size} bytes")]
    HeaderSize {
        /// Its size.
        size: u16,
    },
    /// The document says that it is longer than it is.
    #[error("the document says that it has {declared} bytes, there are {found}")]
    Cut {
        /// As its header says.
        declared: u32,
        /// How many there are.
        found: usize,
    },
    /// Bytes follow the document.
    #[error("{bytes} bytes follow the document")]
    TrailingBytes {
        /// How many.
        bytes: usize,
    },
    /// A chunk of a type that Android skips.
    #[error("a chunk of type {kind:#06x} is skipped")]
    SkippedChunk {
        /// The type.
        kind: u16,
    },
    /// There is no root element.
    #[error("there is no element")]
    NoElement,
    /// A chunk whose sizes contradict each other; Android stops with an error.
    #[error("a chunk's sizes are wrong, nothing behind it is read")]
    Broken,
    /// A node's header is larger than it needs to be.
    #[error("a node's header has {size} bytes")]
    NodeHeaderSize {
        /// Its size.
        size: usize,
    },
    /// Attributes do not follow each other every twenty bytes.
    #[error("attributes lie {size} bytes apart")]
    AttributeSize {
        /// How far.
        size: u16,
    },
    /// Attributes do not begin right behind the element.
    #[error("attributes begin at byte {start} of the element")]
    AttributeStart {
        /// Where.
        start: u16,
    },
    /// The same attribute comes again; Android takes the first.
    #[error("attribute `{name}` comes again")]
    DuplicateAttribute {
        /// Its name.
        name: String,
    },
    /// An attribute comes behind one with the same or a larger resource id: Android does not find it.
    #[error("attribute `{name}` is out of order, Android does not see it")]
    HiddenAttribute {
        /// Its name.
        name: String,
    },
    /// An attribute of Android without its resource id: Android does not find it.
    #[error("attribute `android:{name}` has no resource id, Android does not see it")]
    AttributeWithoutId {
        /// Its name.
        name: String,
    },
    /// An attribute has a resource id and no name.
    #[error("attribute {id:#010x} has no name in the string pool")]
    NamelessAttribute {
        /// Its resource id.
        id: u32,
    },
    /// An element has no readable name.
    #[error("an element has no name")]
    NamelessElement,
    /// An end that belongs to no element, or to another one.
    #[error("an element ends that was not open")]
    UnbalancedEnd,
    /// Elements that don't end.
    #[error("{count} elements do not end")]
    Unclosed {
        /// How many.
        count: usize,
    },
    /// A second root element.
    #[error("a second root element")]
    SecondRoot,
    /// Elements lie deeper than is read.
    #[error("elements lie deeper than {most} levels")]
    TooDeep {
        /// How deep they may lie.
        most: usize,
    },
    /// The string pool is odd.
    #[error(transparent)]
    Pool(#[from] PoolAnomaly),
    /// Another string pool; Android takes the last before the first element.
    #[error("a second string pool")]
    SecondPool,
}

impl AnomalyKind {
    /// Whether Android refuses the document for it.
    pub fn refused(&self) -> bool {
        matches!(
            self,
            AnomalyKind::NoElement
                | AnomalyKind::Broken
                | AnomalyKind::Cut { .. }
                | AnomalyKind::Pool(PoolAnomaly::Header | PoolAnomaly::Count { .. })
        )
    }
}

/// Oddities, up to a number.
#[derive(Clone, Default, Debug)]
pub(super) struct Anomalies(pub(super) Vec<Anomaly>);

impl Anomalies {
    const MOST: usize = 1024;

    pub(super) fn add(&mut self, offset: usize, kind: AnomalyKind) {
        if self.0.len() < Self::MOST {
            self.0.push(Anomaly { offset, kind });
        }
    }
}
