//! Where the store is and how it behaves.

use std::path::PathBuf;
use std::time::Duration;

use testudo_core::Secret;

/// Where records, journal and keys are kept.
#[derive(Clone, Debug)]
pub enum Place {
    /// In files of this folder; one process at a time.
    Sqlite {
        /// The folder; made with mode 0700 when missing.
        folder: PathBuf,
    },
    /// In memory, for tests; lost at the end.
    Memory,
    /// In a PostgreSQL database that several nodes share.
    Postgres(PostgresConfig),
}

/// How to reach PostgreSQL.
#[derive(Clone, Debug)]
pub struct PostgresConfig {
    /// `postgres://user:password@host:port/database`.
    pub url: Secret<String>,
    /// The certificate authorities to trust (PEM); without it the connection is not encrypted and only loopback and
    /// Unix sockets are accepted.
    pub ca_file: Option<PathBuf>,
    /// Most connections for reads and commits; each node has two more, for the log. A pooler in between must not share
    /// connections between transactions.
    pub pool: usize,
}

/// Where the store is and how it behaves.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// Where the data are.
    pub place: Place,
    /// A file outside of the store, to which each checkpoint is appended.
    pub checkpoint_file: Option<PathBuf>,
    /// How often a checkpoint is made when the journal grew; zero for only on demand and at the end.
    pub checkpoint_every: Duration,
    /// Most events that wait in the batched lane.
    pub lane: usize,
    /// Most transactions that wait for the writer.
    pub queue: usize,
    /// Threads that read (SQLite).
    pub readers: usize,
    /// Most person keys that are held open.
    pub open_keys: usize,
    /// Most bytes of the data file (SQLite); none means as many as fit on the disk.
    pub max_bytes: Option<u64>,
}

impl StoreConfig {
    /// SQLite in a folder.
    pub fn sqlite(folder: impl Into<PathBuf>) -> StoreConfig {
        StoreConfig::new(Place::Sqlite { folder: folder.into() })
    }

    /// SQLite in memory.
    pub fn memory() -> StoreConfig {
        StoreConfig::new(Place::Memory)
    }

    /// PostgreSQL.
    pub fn postgres(config: PostgresConfig) -> StoreConfig {
        StoreConfig::new(Place::Postgres(config))
    }

    fn new(place: Place) -> StoreConfig {
        StoreConfig {
            place,
            checkpoint_file: None,
            checkpoint_every: Duration::from_secs(10),
            lane: 65_536,
            queue: 8_192,
            readers: 2,
            open_keys: 4_096,
            max_bytes: None,
        }
    }
}
