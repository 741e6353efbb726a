//! What is odd about a table of resources.

use crate::chunk::PoolAnomaly;

/// One oddity, with its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Anomaly {
    /// The offset in the table.
    pub offset: usize,
    /// What is odd.
    pub kind: AnomalyKind,
}

/// What is odd.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnomalyKind {
    /// The table's chunk has another type than tables have.
    #[error("the table has type {kind:#06x}")]
    Kind {
        /// The type.
        kind: u16,
    },
    /// The table says that it is longer than it is.
    #[error("the table says that it has {declared} bytes, there are {found}")]
    Cut {
        /// As its header says.
        declared: usize,
        /// How many there are.
        found: usize,
    },
    /// Bytes follow the table.
    #[error("{bytes} bytes follow the table")]
    TrailingBytes {
        /// How many.
        bytes: usize,
    },
    /// There are more or fewer packages than are declared.
    #[error("{declared} packages are declared, the table holds {found}")]
    PackageCount {
        /// As the header says.
        declared: u32,
        /// As the table has it.
        found: u32,
    },
    /// A chunk whose sizes contradict each other; nothing behind it is read.
    #[error("a chunk's sizes are wrong, nothing behind it is read")]
    Broken,
    /// A package whose header is broken.
    #[error("a package's header is broken")]
    BrokenPackage,
    /// The resources of a kind and a configuration whose header is broken.
    #[error("the header of a type is broken")]
    BrokenType,
    /// A kind of resources has more configurations than are looked at.
    #[error("a kind has more than {most} configurations")]
    TooManyConfigs {
        /// How many are looked at.
        most: usize,
    },
    /// A chunk of a type that Android skips.
    #[error("a chunk of type {kind:#06x} is skipped")]
    SkippedChunk {
        /// The type.
        kind: u16,
    },
    /// A string pool is odd.
    #[error(transparent)]
    Pool(#[from] PoolAnomaly),
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
