//! The store: records, journal and counters behind one interface, on SQLite or PostgreSQL. The only SQL in the house.
//!
//! - **Records** are [`Document`]s: sealed at rest, with an optimistic version, found by key, by index or in lists.
//! - The **journal** is a Merkle log of [`testudo_core::Event`]s with signed [`Checkpoint`]s, which [`Store::verify`]
//!   proves.
//! - **Counters** say how much lately, and may be lost.
//!
//! A [`Tx`] changes records together with the events that announce it. Events that announce no change go through
//! [`Store::append`]. Observers follow the journal with a [`Tail`].
//!
//! To store a new kind of record, implement [`Document`]; nothing else is needed. To add a backend, see `backend.rs`.

mod backend;
mod backup;
mod config;
mod counters;
mod document;
mod error;
mod journal;
mod key;
pub mod merkle;
mod persons;
mod postgres;
mod prepare;
mod sqlite;
mod store;
mod tail;
mod tx;

pub use backup::{BackupManifest, ErasedPerson, RestoreReport, erased_from_lines, erased_to_lines};
pub use config::{Place, PostgresConfig, StoreConfig};
pub use document::{Cursor, CursorError, Document, Indexes, Page, Stored};
pub use error::{CommitError, Full, OpenError, ReadError, RotateError, UpkeepError};
pub use journal::appender::RowFault;
pub use journal::audit::{AuditReport, BadCheckpoint, BadEntry, PrunedRange};
pub use journal::checkpoint::{Checkpoint, CheckpointError, parse_checkpoints};
pub use journal::committed::{Committed, Seen};
pub use journal::entry::{Entry, Opened, Plain};
pub use journal::filter::JournalFilter;
pub use journal::prune::{PruneReport, PruneRequest};
pub use key::Key;
pub use store::{Scrub, Store, StoreStatus};
pub use tail::Tail;
pub use tx::{Receipt, Tx};
