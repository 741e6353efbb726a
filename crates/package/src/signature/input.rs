//! What the verifier needs of a package and of the platforms it is for.

use std::borrow::Cow;
use std::ops::Range;

use thiserror::Error;

/// Reads the uncompressed bytes of an entry, given its index in [`Archive::entries`] and the most bytes that it may give.
pub type ReadEntry<'a> = dyn Fn(usize, usize) -> Result<Cow<'a, [u8]>, EntryError> + 'a;

/// A ZIP archive as the platform's verifier sees it.
pub struct Archive<'a> {
    /// The whole file.
    pub bytes: &'a [u8],
    /// Where the central directory is.
    pub directory: Range<usize>,
    /// Where the end of central directory record begins; it ends with the file.
    pub end: usize,
    /// The entries of the central directory in its order, without those whose names end with a slash. A name that isn't
    /// UTF-8 is read with replacement characters, as the platform does.
    pub entries: Vec<ArchiveEntry<'a>>,
    /// Gives the contents of an entry.
    pub read: &'a ReadEntry<'a>,
}

/// An entry of the archive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ArchiveEntry<'a> {
    /// Its name in the central directory.
    pub name: Cow<'a, str>,
    /// Where its local header is: contents are read in this order.
    pub offset: u64,
}

/// Why an entry can't be read.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum EntryError {
    /// Its headers or its compressed data are broken.
    #[error("malformed entry: {0}")]
    Malformed(String),
    /// It is larger than it may be.
    #[error("entry is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The most bytes that it may have.
        limit: usize,
    },
}

/// Releases of Android that change how signatures are verified, by their API level.
pub mod api {
    #![expect(missing_docs, reason = "the names are those of the releases")]
    pub const GINGERBREAD: u32 = 9;
    pub const JELLY_BEAN_MR2: u32 = 18;
    pub const KITKAT: u32 = 19;
    pub const NOUGAT: u32 = 24;
    pub const OREO: u32 = 26;
    pub const PIE: u32 = 28;
    pub const TIRAMISU: u32 = 33;
}

/// The API levels for which a verdict holds: verified means that each platform in the range accepts the package.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Platforms {
    /// The lowest API level, which for an app is its `minSdkVersion`.
    pub min: u32,
    /// The highest API level.
    pub max: u32,
}

impl Platforms {
    /// The highest API level there can be.
    pub const NEWEST: u32 = 0x7fff_ffff;

    /// This level and all later ones.
    pub fn from(min: u32) -> Platforms {
        Platforms { min, max: Platforms::NEWEST }
    }

    /// The same range without what is below.
    #[must_use]
    pub fn not_below(self, floor: u32) -> Platforms {
        Platforms { min: self.min.max(floor), max: self.max }
    }
}

/// What the package's manifest demands of its signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Demands {
    /// `targetSandboxVersion`, 1 if absent: from 2 on, a signature of the whole file is needed.
    pub sandbox: u32,
    /// `targetSdkVersion`, or what stands in for it: from 30 on, a signature of the whole file is needed.
    pub target_sdk: u32,
}

/// How to verify.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// For which platforms.
    pub platforms: Platforms,
    /// What the manifest demands; `None` if the package has no readable manifest, which no installer takes.
    pub demands: Option<Demands>,
    /// The contents of the `.idsig` file that came with the package (scheme v4).
    pub v4: Option<&'a [u8]>,
    /// The most bytes of one entry that are read.
    pub entry_limit: usize,
    /// The most bytes of all entries together that are read.
    pub total_limit: usize,
}

impl Options<'_> {
    /// Limits that fit real packages: an entry of 512 MiB, 4 GiB in all.
    pub fn new(platforms: Platforms, demands: Option<Demands>) -> Options<'static> {
        Options { platforms, demands, v4: None, entry_limit: 512 << 20, total_limit: 4 << 30 }
    }
}
