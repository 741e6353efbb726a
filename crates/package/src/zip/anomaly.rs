//! What is odd about an archive, and what it makes of the readers.
//!
//! Android's reader (`libziparchive`) refuses some archives whole, some entries when they are opened, and reads others in
//! ways that no other reader does. Each oddity says which of these it is.

/// What an oddity does to readers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Effect {
    /// All readers agree.
    None,
    /// Android reads on; other readers see something else, or refuse.
    Differs,
    /// Android refuses to open the entry.
    EntryRefused,
    /// Android refuses the whole archive: it can't be installed.
    ArchiveRefused,
}

/// One oddity, with its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Anomaly {
    /// The entry's index in the directory.
    pub entry: Option<u32>,
    /// The offset in the archive.
    pub offset: usize,
    /// What is odd.
    pub kind: AnomalyKind,
}

/// What is odd.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnomalyKind {
    /// There is no entry.
    #[error("the archive has no entry")]
    Empty,
    /// Bytes follow the archive's end.
    #[error("{bytes} bytes follow the end of the archive")]
    TrailingBytes {
        /// How many.
        bytes: usize,
    },
    /// The comment is shorter than its length says.
    #[error("the archive's comment lacks {bytes} bytes")]
    CommentCut {
        /// How many.
        bytes: usize,
    },
    /// The last end record leads nowhere, so an earlier one was taken.
    #[error("the last end record leads to no directory, an earlier one was taken")]
    EndUnusable,
    /// Another end record leads to a directory too.
    #[error("another end record leads to a directory at {directory}")]
    AnotherEnd {
        /// Where that directory begins.
        directory: usize,
    },
    /// The archive names several disks.
    #[error("the archive says that it is part {disk} of several")]
    SeveralDisks {
        /// The disk's number.
        disk: u16,
    },
    /// The archive does not begin with an entry.
    #[error("the archive does not begin with an entry")]
    LeadingBytes,
    /// The offsets are all off by as much, as in self-extracting archives.
    #[error("the directory lies {bytes} bytes behind its declared place")]
    Shifted {
        /// By how much.
        bytes: usize,
    },
    /// The number of entries is not the declared one.
    #[error("{declared} entries are declared, the directory holds {found}")]
    CountDiffers {
        /// As the end record says.
        declared: u64,
        /// As the directory has it.
        found: u64,
    },
    /// The directory holds something that is no record of an entry.
    #[error("{bytes} bytes of the directory are no record of an entry")]
    DirectoryBroken {
        /// How many are left.
        bytes: usize,
    },
    /// Bytes that belong to nothing.
    #[error("{bytes} bytes belong to nothing")]
    Gap {
        /// How many.
        bytes: usize,
        /// Whether all are zero.
        zero: bool,
    },
    /// A local header that the directory does not know: readers of streams see it.
    #[error("an entry `{}` that the directory does not list", String::from_utf8_lossy(.name))]
    Unlisted {
        /// Its name, at most 256 bytes of it.
        name: Vec<u8>,
    },
    /// The block before the directory has the magic of a signing block, and sizes that are wrong.
    #[error("the signing block's sizes do not match")]
    SigningBlockBroken,
    /// The name was there before.
    #[error("the name is that of entry {first} too")]
    Duplicate {
        /// The index of the first.
        first: u32,
    },
    /// The name has a NUL byte.
    #[error("the name has a NUL byte")]
    NameNul,
    /// The name is not UTF-8.
    #[error("the name is not UTF-8")]
    NameNotUtf8,
    /// The name is empty.
    #[error("the name is empty")]
    NameEmpty,
    /// The name begins with a slash, or with a drive.
    #[error("the name is absolute")]
    NameAbsolute,
    /// The name leads to a parent folder.
    #[error("the name leads out of its folder")]
    NameParent,
    /// The name has a backslash.
    #[error("the name has a backslash")]
    NameBackslash,
    /// A symbolic link.
    #[error("the entry is a symbolic link")]
    Link,
    /// A method that Android does not know; it reads the bytes as they are.
    #[error("compression method {method} is not known, Android reads the bytes as they are")]
    UnknownMethod {
        /// The number.
        method: u16,
    },
    /// Bytes that are stored as they are have two sizes.
    #[error("stored as it is, and yet of {compressed} and of {size} bytes")]
    StoredSizes {
        /// The compressed size.
        compressed: u64,
        /// The size.
        size: u64,
    },
    /// The flag for encryption is set.
    #[error("marked as encrypted, Android reads it as if it were not")]
    Encrypted,
    /// There is no local header where the directory points.
    #[error("no local header stands at the entry's place")]
    NoLocalHeader,
    /// The entry's place is not before the directory.
    #[error("the entry's place is not before the directory")]
    Outside,
    /// The data runs into the directory, or out of the file.
    #[error("the entry's data reaches beyond the directory's start")]
    DataOutside,
    /// The local header has another name.
    #[error("the local header has another name, `{}`", String::from_utf8_lossy(.local))]
    NameDiffers {
        /// The local name, at most 256 bytes of it.
        local: Vec<u8>,
    },
    /// The local header has another method.
    #[error("the local header has method {local}, the directory {central}")]
    MethodDiffers {
        /// As the directory has it.
        central: u16,
        /// As the local header has it.
        local: u16,
    },
    /// The local header has other flags.
    #[error("the local header has flags {local:#06x}, the directory {central:#06x}")]
    FlagsDiffer {
        /// As the directory has them.
        central: u16,
        /// As the local header has them.
        local: u16,
    },
    /// The local header has other sizes.
    #[error("the local header has sizes {local:?}, the directory {central:?}")]
    SizesDiffer {
        /// As the directory has them: compressed, expanded.
        central: (u64, u64),
        /// As the local header has them.
        local: (u64, u64),
        /// Whether a data descriptor follows, so that Android does not look at the header's.
        descriptor: bool,
    },
    /// The local header has another checksum.
    #[error("the local header has checksum {local:#010x}, the directory {central:#010x}")]
    ChecksumDiffers {
        /// As the directory has it.
        central: u32,
        /// As the local header has it.
        local: u32,
        /// Whether a data descriptor follows, so that Android does not look at the header's.
        descriptor: bool,
    },
    /// The data descriptor says something else than the directory.
    #[error("the data descriptor does not match the directory")]
    DescriptorDiffers,
    /// The ZIP64 field is missing or has not the size that it needs.
    #[error("the ZIP64 field is missing or broken")]
    Zip64Broken,
    /// Two entries share bytes.
    #[error("shares bytes with entry {other}")]
    Overlap {
        /// The other's index.
        other: u32,
    },
    /// The entry expands to very much more than it takes.
    #[error("expands to {ratio} times its size")]
    Bomb {
        /// How many times.
        ratio: u64,
    },
    /// The entry, or all up to it, is beyond the limits.
    #[error("{size} bytes are beyond the limits, so the entry is not opened")]
    OverLimit {
        /// The declared size.
        size: u64,
    },
}

impl AnomalyKind {
    /// What it does to readers.
    pub fn effect(&self) -> Effect {
        match self {
            // Android takes as many records as are declared; it refuses when there are fewer.
            AnomalyKind::CountDiffers { declared, found } if declared <= found => Effect::Differs,
            AnomalyKind::Gap { .. } | AnomalyKind::Bomb { .. } | AnomalyKind::OverLimit { .. } | AnomalyKind::Link => {
                Effect::None
            }
            AnomalyKind::AnotherEnd { .. }
            | AnomalyKind::SeveralDisks { .. }
            | AnomalyKind::Unlisted { .. }
            | AnomalyKind::SigningBlockBroken
            | AnomalyKind::NameEmpty
            | AnomalyKind::NameAbsolute
            | AnomalyKind::NameParent
            | AnomalyKind::NameBackslash
            | AnomalyKind::UnknownMethod { .. }
            | AnomalyKind::StoredSizes { .. }
            | AnomalyKind::Encrypted
            | AnomalyKind::MethodDiffers { .. }
            | AnomalyKind::FlagsDiffer { .. }
            | AnomalyKind::SizesDiffer { descriptor: true, .. }
            | AnomalyKind::ChecksumDiffers { descriptor: true, .. }
            | AnomalyKind::DescriptorDiffers
            | AnomalyKind::DirectoryBroken { .. }
            | AnomalyKind::Overlap { .. } => Effect::Differs,
            AnomalyKind::NoLocalHeader
            | AnomalyKind::DataOutside
            | AnomalyKind::NameDiffers { .. }
            | AnomalyKind::SizesDiffer { .. }
            | AnomalyKind::ChecksumDiffers { .. }
            | AnomalyKind::Zip64Broken => Effect::EntryRefused,
            AnomalyKind::Empty
            | AnomalyKind::TrailingBytes { .. }
            | AnomalyKind::CommentCut { .. }
            | AnomalyKind::EndUnusable
            | AnomalyKind::LeadingBytes
            | AnomalyKind::Shifted { .. }
            | AnomalyKind::CountDiffers { .. }
            | AnomalyKind::Duplicate { .. }
            | AnomalyKind::NameNul
            | AnomalyKind::NameNotUtf8
            | AnomalyKind::Outside => Effect::ArchiveRefused,
        }
    }
}

/// Oddities, up to a number: a hostile archive must not make the list longer than itself.
#[derive(Clone, Default, Debug)]
pub(super) struct Anomalies {
    pub(super) kept: Vec<Anomaly>,
    pub(super) omitted: usize,
    pub(super) worst: Option<Effect>,
}

impl Anomalies {
    const MOST: usize = 4096;

    pub(super) fn add(&mut self, entry: Option<usize>, offset: usize, kind: AnomalyKind) {
        self.worst = self.worst.max(Some(kind.effect()));
        if self.kept.len() < Self::MOST {
            self.kept.push(Anomaly { entry: entry.and_then(|index| u32::try_from(index).ok()), offset, kind });
        } else {
            self.omitted += 1;
        }
    }
}

/// At most 256 bytes of a name.
pub(super) fn shown(name: &[u8]) -> Vec<u8> {
    name.iter().copied().take(256).collect()
}
