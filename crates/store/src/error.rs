//! What can go wrong, one type per operation.

use std::fmt;
use std::path::PathBuf;

use testudo_core::{EventKind, Fault};

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process holds the data folder.
    #[error("the data folder `{folder}` is in use by {holder}; stop that process or choose another folder")]
    Held {
        /// The folder.
        folder: PathBuf,
        /// Process id, start time and host of the holder.
        holder: String,
    },
    /// The file system refused something.
    #[error("cannot {action} `{path}`: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The data were written by a newer version of this program.
    #[error("the data have format {found}, this program knows up to {known}; install the newer version again")]
    Newer {
        /// The format found.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// The root key does not open the key ring.
    #[error("the root key does not open the key ring of these data: {0}; give the root key with which they were made")]
    RootKey(String),
    /// There are data but no key ring.
    #[error(
        "there are data but their key ring is missing; restore the keys from their backup, data cannot be read without"
    )]
    KeysLost,
    /// The key ring belongs to other data.
    #[error("the key ring belongs to other data; restore the keys that were backed up with these data")]
    KeysMismatch,
    /// There are keys but no data.
    #[error("there are keys but the data that they belong to are missing; restore the data from their backup, too")]
    DataLost,
    /// A restore was begun and not finished.
    #[error(
        "these data were restored from a backup, and the restore is not finished: people who were erased and sessions \
         that were ended since the backup would be back; finish it with `testudo restore`"
    )]
    Restored,
    /// Nothing shows that the database was restored.
    #[error(
        "nothing shows that this database was restored from a dump; if it was, by a copy of the whole server or into \
         tables that were there already, repeat with `--after-pg-restore` (this ends every session)"
    )]
    NotRestored,
    /// The database holds no store.
    #[error("the database holds no data of Testudo; restore both dumps with `pg_restore` first")]
    Empty,
    /// Others use the database.
    #[error("others hold {connections} connections to the database; stop all nodes first")]
    InUse {
        /// Their connections.
        connections: i64,
    },
    /// The database refused.
    #[error("cannot open the database: {0}")]
    Database(String),
    /// The configuration makes no sense.
    #[error("{0}")]
    Config(String),
}

/// Why a transaction did not happen. None of it did.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The document changed since it was read, or exists already.
    #[error("a document of kind `{kind}` was changed by somebody else; read it again and retry")]
    Conflict {
        /// The kind of the document.
        kind: &'static str,
    },
    /// Another document has the same value in a unique index.
    #[error("another document of kind `{kind}` has the same `{index}`")]
    Duplicate {
        /// The kind of the document.
        kind: &'static str,
        /// The unique index.
        index: String,
    },
    /// A document or person that must exist does not.
    #[error("what should be changed does not exist")]
    NotFound,
    /// The person was erased; nothing can be kept about her any more.
    #[error("the person was erased")]
    ErasedPerson,
    /// The queue to the store is full.
    #[error("the store is overloaded; try again later")]
    Full,
    /// The store cannot write now: no space, a lock, a lost connection.
    #[error("the store cannot write now: {0}; nothing was changed, try again later")]
    Unavailable(String),
    /// The connection to the database broke while the transaction was committed, and what became of it could not be
    /// asked in time.
    #[error("the connection to the store broke and it is not known whether this was done; look before you try again")]
    Uncertain,
    /// The transaction itself is not acceptable.
    #[error("the transaction is not acceptable: {0}")]
    Invalid(String),
}

impl CommitError {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        match self {
            CommitError::Conflict { .. }
            | CommitError::Duplicate { .. }
            | CommitError::NotFound
            | CommitError::ErasedPerson => Fault::Client,
            CommitError::Full | CommitError::Unavailable(_) | CommitError::Uncertain => Fault::Dependency,
            CommitError::Invalid(_) => Fault::Bug,
        }
    }
}

/// Why something could not be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Too many reads wait already.
    #[error("the store is overloaded; try again later")]
    Full,
    /// The store cannot be read now.
    #[error("the store cannot be read now: {0}; try again later")]
    Unavailable(String),
    /// What is stored does not open or parse: it was changed outside of this program, or its key is gone.
    #[error("what is stored in `{place}` cannot be opened: {cause}; run `testudo audit verify`")]
    Damaged {
        /// Which table and kind.
        place: String,
        /// Why.
        cause: String,
    },
    /// The request itself is not acceptable.
    #[error("the request to the store is not acceptable: {0}")]
    Invalid(String),
}

impl ReadError {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        match self {
            ReadError::Full | ReadError::Unavailable(_) | ReadError::Damaged { .. } => Fault::Dependency,
            ReadError::Invalid(_) => Fault::Bug,
        }
    }

    pub(crate) fn damaged(place: impl Into<String>, cause: impl std::fmt::Display) -> ReadError {
        ReadError::Damaged { place: place.into(), cause: cause.to_string() }
    }
}

/// The queue of the batched lane is full, or the journal cannot be written: refuse the request with 503.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the journal takes no more entries now; refuse the request and try again later")]
pub struct Full;

/// Why a key was not rotated.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotateError {
    /// Stored values depend on this key for ever.
    #[error("this key cannot be rotated: what it made is searched by value or derived from it")]
    Fixed,
    /// The root key is not the one that protects the key ring.
    #[error("the root key does not open the key ring: {0}")]
    RootKey(String),
    /// Writing failed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Reading failed.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Why pruning, checkpointing, backup or restore did not come about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpkeepError {
    /// The file system refused something.
    #[error("cannot {action} `{path}`: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Writing failed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Reading failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Opening failed.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What was asked for makes no sense.
    #[error("{0}")]
    Refused(String),
    /// The store was closed before these events, which it had taken in, were known to be durable.
    #[error(
        "{} that the journal had taken in could not be written before the store was closed: {}",
        Count(.0),
        Kinds(.0)
    )]
    Unwritten(Vec<(EventKind, u64)>),
}

/// How many events these are, in words.
struct Count<'a>(&'a [(EventKind, u64)]);

impl fmt::Display for Count<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.iter().map(|(_, count)| count).sum::<u64>() {
            1 => f.write_str("1 event"),
            count => write!(f, "{count} events"),
        }
    }
}

/// The kinds of events with their numbers.
struct Kinds<'a>(&'a [(EventKind, u64)]);

impl fmt::Display for Kinds<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (kind, count)) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{count} x {kind}")?;
        }
        Ok(())
    }
}

impl UpkeepError {
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> UpkeepError {
        let path = path.into();
        move |source| UpkeepError::Io { action, path, source }
    }
}
