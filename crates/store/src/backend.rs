//! What a database must do for the store: keep opaque bytes, all or nothing, in order.
//!
//! Everything above this trait is shared by all backends: sealing, pseudonyms, blind indexes, the encoding of entries,
//! proofs and verification. A backend sees sealed bodies, index terms and journal drafts; it gives each draft its place
//! with a [`crate::journal::appender::Appender`], which all backends use, and stores what that returns.
//!
//! To add a backend: implement [`Backend`], open it in `store/open.rs`, and run the conformance suite on it
//! (`tests/conformance.rs`).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use parking_lot::RwLock;
use testudo_crypto::KeyRing;
use tokio::sync::watch;

use crate::journal::appender::Row;
use crate::journal::committed::Seen;
use crate::journal::terms::Chunk;
use crate::merkle::Hash;
use crate::tx::{Receipt, WriteMode};
use crate::{CommitError, Key, ReadError, UpkeepError};

/// The key ring in force; swapped by rotation.
pub(crate) type SharedRing = Arc<RwLock<KeyRing>>;

/// The answer of a read.
pub(crate) type Reply<'a, T> = BoxFuture<'a, Result<T, ReadError>>;

/// An index value as it is stored: plain bytes or a blind hash, both prefixed so that they never meet.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Term {
    pub name: String,
    pub value: Vec<u8>,
    pub unique: bool,
}

/// A sealed document to write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Write {
    pub mode: WriteMode,
    pub kind: &'static str,
    pub key: Key,
    /// The person under whose key it is sealed: refused when she is erased meanwhile.
    pub person: Option<[u8; 16]>,
    pub created: i64,
    pub expires: Option<i64>,
    pub state: u8,
    pub terms: Vec<Term>,
    pub body: Vec<u8>,
}

/// A step of a prepared transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Op {
    Write(Box<Write>),
    Delete {
        kind: &'static str,
        key: Key,
        version: Option<u64>,
    },
    CreatePerson(PersonKeyRow),
    /// Puts the person on the list of the erased, deletes her documents and destroys her key.
    ErasePerson {
        person: [u8; 16],
        at: i64,
    },
    Cursor {
        observer: String,
        seq: u64,
    },
    /// Forgets a cursor.
    Forget {
        observer: String,
    },
    /// Stores a signed checkpoint, unless there is one of that size.
    Checkpoint(CheckpointRow),
    /// Removes the bodies of entries that were exported, and replaces their codes.
    Prune(Vec<Pruned>),
    /// Replaces the key ring where it still is the old one.
    Ring {
        old: Vec<u8>,
        new: Vec<u8>,
    },
    /// Replaces the wrapped form of person keys where it still is the old one.
    Rewrap(Vec<Rewrap>),
    /// Deletes documents that expired before an instant, at most so many.
    Sweep {
        before: i64,
        limit: u32,
    },
}

/// An entry whose body goes, with the code that says so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Pruned {
    pub seq: u64,
    pub mac: Vec<u8>,
}

/// A person key under a newer key of the ring.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Rewrap {
    pub person: [u8; 16],
    pub old: Vec<u8>,
    pub new: Vec<u8>,
}

/// A wrapped person key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PersonKeyRow {
    pub person: [u8; 16],
    pub handle: [u8; 16],
    pub wrapped: Vec<u8>,
}

/// An event that is ready but for its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct EventDraft {
    pub body: Vec<u8>,
    pub terms: Vec<u64>,
}

/// A transaction that is ready to be applied.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Prepared {
    pub ops: Vec<Op>,
    pub drafts: Arc<Vec<EventDraft>>,
    /// What those who follow the journal will see, draft by draft; what is not here they read from the journal.
    pub seen: Vec<Option<Arc<Seen>>>,
}

/// A stored document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct DocumentRow {
    pub key: Key,
    pub version: u64,
    pub created: i64,
    pub person: Option<[u8; 16]>,
    pub body: Vec<u8>,
}

/// A part of a list, in the order of creation time and key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ListScan {
    pub after: Option<(i64, Key)>,
    pub state: Option<u8>,
    pub limit: u32,
    pub newest_first: bool,
}

/// What is known of a person's key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum KeyState {
    Known(PersonKeyRow),
    Erased,
    Unknown,
}

/// By what a person key is looked up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum KeyName {
    Person([u8; 16]),
    Handle([u8; 16]),
}

/// A stored checkpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct CheckpointRow {
    pub size: u64,
    pub note: String,
}

/// The files that a backup wrote.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct BackupFiles {
    pub data: PathBuf,
    pub keys: PathBuf,
}

/// What a store is opened for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Intent {
    /// To be used. Refused while a restore is not finished.
    Use,
    /// To finish a restore. Refused when there was none, unless `anyway`.
    Finish {
        /// Also where nothing shows that there was one.
        anyway: bool,
    },
}

/// A database that keeps the store. All methods may be called from any task.
pub(crate) trait Backend: Send + Sync + 'static {
    /// Applies the transaction as a whole; durable when it returns.
    fn commit(&self, prepared: Prepared) -> BoxFuture<'_, Result<Receipt, CommitError>>;

    /// The same, for what nobody waits for: it takes as long as it takes to know what became of it, so that another try
    /// never does it twice. [`CommitError::Uncertain`] only when the store is closed or nobody can know any more.
    fn commit_surely(&self, prepared: Prepared) -> BoxFuture<'_, Result<Receipt, CommitError>> {
        self.commit(prepared)
    }

    fn document(&self, kind: &'static str, key: Key) -> Reply<'_, Option<DocumentRow>>;
    fn find(&self, kind: &'static str, index: String, value: Vec<u8>, limit: u32) -> Reply<'_, Vec<DocumentRow>>;
    fn list(&self, kind: &'static str, scan: ListScan) -> Reply<'_, Vec<DocumentRow>>;

    fn person_key(&self, name: KeyName) -> Reply<'_, KeyState>;
    /// Person keys after one, in the order of the person's bytes.
    fn person_keys(&self, after: Option<[u8; 16]>, limit: u32) -> Reply<'_, Vec<PersonKeyRow>>;
    /// The wrapped key ring as it is stored.
    fn wrapped_ring(&self) -> Reply<'_, Option<Vec<u8>>>;
    /// The erased, with the instant.
    fn erased(&self) -> Reply<'_, Vec<([u8; 16], i64)>>;

    /// The rows of `from..to` that exist, ascending, at most `limit`; with `last`, the last ones of the range instead
    /// of the first (still ascending).
    fn rows(&self, from: u64, to: u64, limit: u32, last: bool) -> Reply<'_, Vec<Row>>;
    /// The rows at these places, ascending, as far as they exist.
    fn rows_at(&self, places: Vec<u64>) -> Reply<'_, Vec<Row>>;
    /// The index chunks of a segment that may hold the terms.
    fn chunks(&self, segment: u64, terms: Vec<u64>) -> Reply<'_, Vec<Chunk>>;
    /// All index chunks of a segment.
    fn segment(&self, segment: u64) -> Reply<'_, Vec<Chunk>>;
    /// The first segment whose index is not stored yet, and the offsets in it of the visible entries that may have one
    /// of each inner list of terms.
    fn tail(&self, wanted: Vec<Vec<u64>>, from: u64) -> Reply<'_, (u64, Vec<u16>)>;
    /// Stored hashes of a level (0: leaves) for the indexes `from..to`.
    fn nodes(&self, level: u32, from: u64, to: u64) -> Reply<'_, Vec<Hash>>;
    /// Stored checkpoints of at least this size, ascending, at most `limit`.
    fn checkpoints(&self, from: u64, limit: u32) -> Reply<'_, Vec<CheckpointRow>>;

    fn cursor(&self, observer: String) -> Reply<'_, Option<u64>>;
    /// The lowest cursor of all observers.
    fn lowest_cursor(&self) -> Reply<'_, Option<u64>>;

    /// The number of visible entries.
    fn head(&self) -> watch::Receiver<u64>;
    /// Whether this node does what only one of all nodes must do, such as making checkpoints every so often.
    fn leads(&self) -> bool {
        true
    }
    /// Adds to a counter and returns the total in the running window.
    fn add(&self, counter: String, key: Vec<u8>, window: Duration, now: i64, n: u64) -> Reply<'_, u64>;
    /// Copies data and keys into the two folders, which exist and are empty.
    fn backup(&self, data: PathBuf, keys: PathBuf) -> BoxFuture<'_, Result<BackupFiles, UpkeepError>>;
    /// How many people have documents and no key, and were not erased: their keys are older than the data.
    fn without_key(&self) -> Reply<'_, u64>;
    /// The restore that was begun is finished: from now on the store can be opened to be used.
    fn restore_done(&self) -> BoxFuture<'_, Result<(), UpkeepError>>;
    /// Ends all threads and connections after what was accepted is done.
    fn close(&self) -> BoxFuture<'_, ()>;
}
