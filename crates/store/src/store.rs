//! The store: one handle for records, journal and counters.

mod open;
mod raw;
mod upkeep;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use testudo_core::{Clock, Event, PersonId, Pseudonym, Timestamp};
use testudo_crypto::{DataKey, KeyRing, Purpose};
use tokio::sync::watch;

use crate::backend::{Backend, DocumentRow, KeyName, ListScan, SharedRing};
use crate::document::{Cursor, Document, Page, Stored};
use crate::journal::committed::Recent;
use crate::journal::entry::{self, Entry, Opened, Personal, Sealing};
use crate::journal::filter::JournalFilter;
use crate::journal::lane::Lane;
use crate::journal::{read, seal};
use crate::persons::{KeyOf, PersonKeys};
use crate::tx::{Receipt, Tx};
use crate::{CommitError, Full, Key, ReadError, prepare};

/// The most documents that one search or page returns.
const MOST: usize = 1_000;
/// The most entries that one read returns.
const MOST_ENTRIES: usize = 10_000;

/// Records, journal and counters. Clones share one store.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    core: Arc<Core>,
    lane: Lane,
}

/// What the parts of the store share.
/// Makes of a text under a name what may stand in the plain part of the journal; nothing when it may stay as it is.
pub type Scrub = fn(&str, &str) -> Option<String>;

pub(crate) struct Core {
    pub backend: Arc<dyn Backend>,
    pub clock: Arc<dyn Clock>,
    pub persons: Arc<PersonKeys>,
    /// The name of the log in checkpoints.
    pub origin: String,
    /// What was committed last, for those who follow.
    pub recent: Arc<Recent>,
    /// Cleans the texts of events.
    pub scrub: std::sync::OnceLock<Scrub>,
    ring: SharedRing,
    day: Mutex<Option<(i64, DataKey)>>,
    checkpoint_file: Option<PathBuf>,
    /// One checkpoint at a time, so that the file and the table have the same order. Holds the size of the last one.
    checkpoints: tokio::sync::Mutex<Option<u64>>,
    /// One rotation at a time.
    rotations: tokio::sync::Mutex<()>,
}

impl Core {
    /// The key ring in force.
    pub fn ring(&self) -> KeyRing {
        self.ring.read().clone()
    }

    /// The key of a day; the last one is kept.
    pub fn day_key(&self, ring: &KeyRing, day: i64) -> DataKey {
        let mut kept = self.day.lock();
        match &*kept {
            Some((held, key)) if *held == day => key.clone(),
            _ => {
                let key = ring.day_key(day);
                *kept = Some((day, key.clone()));
                key
            }
        }
    }
}

/// How the store does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoreStatus {
    /// The entries of the journal.
    pub size: u64,
    /// The events that wait in the batched lane.
    pub waiting: usize,
    /// The journal cannot be written at present, or the store is closed; requests must be refused.
    pub stalled: bool,
}

impl Store {
    pub(crate) fn core(&self) -> &Core {
        &self.0.core
    }

    /// Commits a transaction: all of it or nothing, with its events; durable when it returns.
    pub async fn commit(&self, tx: Tx) -> Result<Receipt, CommitError> {
        let core = self.core();
        let erasures = core.persons.erasures();
        let ready = prepare::transaction(core, tx).await?;
        if ready.prepared.ops.is_empty() && ready.prepared.drafts.is_empty() {
            return Ok(Receipt::default());
        }
        let receipt = core.backend.commit(ready.prepared).await;
        for person in ready.erased {
            core.persons.forget(person.to_bytes());
        }
        if receipt.is_ok() {
            ready.made.iter().for_each(|key| core.persons.keep(key, erasures));
        }
        receipt
    }

    /// Reads a document by its key.
    pub async fn get<D: Document>(&self, key: impl Into<Key>) -> Result<Option<Stored<D>>, ReadError> {
        let key = key.into();
        if !key.fits() {
            return Ok(None);
        }
        match self.core().backend.document(D::KIND, key).await? {
            Some(row) => self.open_document(row).await,
            None => Ok(None),
        }
    }

    /// Finds documents by a plain index; at most 1,000, oldest first.
    pub async fn find<D: Document>(&self, index: &str, value: &[u8]) -> Result<Vec<Stored<D>>, ReadError> {
        self.find_value(index, value, false).await
    }

    /// Finds documents by a blind index; the value normalised as in [`Document::indexes`].
    pub async fn find_blind<D: Document>(&self, index: &str, value: &[u8]) -> Result<Vec<Stored<D>>, ReadError> {
        self.find_value(index, value, true).await
    }

    async fn find_value<D: Document>(
        &self,
        index: &str,
        value: &[u8],
        blind: bool,
    ) -> Result<Vec<Stored<D>>, ReadError> {
        let value = prepare::term_value(&self.core().ring(), D::KIND, index, value, blind);
        let limit = u32::try_from(MOST).unwrap_or(u32::MAX);
        let rows = self.core().backend.find(D::KIND, index.to_owned(), value, limit).await?;
        self.open_documents(rows).await
    }

    /// Lists documents by creation time, a page of at most 1,000 at a time.
    pub async fn list<D: Document>(
        &self,
        after: Option<Cursor>,
        limit: usize,
        state: Option<u8>,
        newest_first: bool,
    ) -> Result<Page<D>, ReadError> {
        let limit = limit.clamp(1, MOST);
        let after = after.map(|cursor| (cursor.created.micros(), cursor.key));
        let more = u32::try_from(limit + 1).unwrap_or(u32::MAX);
        let scan = ListScan { after, state, limit: more, newest_first };
        let mut rows = self.core().backend.list(D::KIND, scan).await?;
        let next = (rows.len() > limit).then(|| {
            rows.truncate(limit);
            rows.last().map(|row| Cursor { created: Timestamp::from_micros(row.created), key: row.key.clone() })
        });
        Ok(Page { items: self.open_documents(rows).await?, next: next.flatten() })
    }

    async fn open_documents<D: Document>(&self, rows: Vec<DocumentRow>) -> Result<Vec<Stored<D>>, ReadError> {
        let mut documents = Vec::with_capacity(rows.len());
        for row in rows {
            documents.extend(self.open_document(row).await?);
        }
        Ok(documents)
    }

    /// Opens a document; none when its person was erased meanwhile.
    async fn open_document<D: Document>(&self, row: DocumentRow) -> Result<Option<Stored<D>>, ReadError> {
        let (core, ring) = (self.core(), self.core().ring());
        let place = prepare::place(D::KIND, row.key.as_bytes());
        let json = match row.person {
            None => ring.open(Purpose::Records, &place, &row.body),
            Some(person) => match core.persons.get(core.backend.as_ref(), &ring, KeyName::Person(person)).await? {
                KeyOf::Known(key) => key.key.open(&place, &row.body),
                KeyOf::Erased => return Ok(None),
                KeyOf::Unknown => return Err(ReadError::damaged(D::KIND, "the key of its person is missing")),
            },
        };
        let json = json.map_err(|error| ReadError::damaged(D::KIND, error))?;
        let document = serde_json::from_slice(&json).map_err(|error| ReadError::damaged(D::KIND, error))?;
        Ok(Some(Stored { document, version: row.version }))
    }

    /// Puts an event into the batched lane. Never blocks; refuses when the lane is full or the journal cannot be
    /// written.
    pub fn append(&self, event: Event) -> Result<(), Full> {
        self.0.lane.append(event)
    }

    /// The same, but gives an event back that is not taken, so that it can be offered again.
    pub fn offer(&self, event: Box<Event>) -> Result<(), Box<Event>> {
        self.0.lane.offer(event)
    }

    /// Returns when all events that [`Store::append`] took before are durable, however long that takes; false when the
    /// store was closed before.
    pub async fn flush(&self) -> bool {
        self.0.lane.flush().await
    }

    /// [`Store::flush`] for at most so long; false when not everything is durable by then.
    pub async fn flush_within(&self, most: Duration) -> bool {
        tokio::time::timeout(most, self.flush()).await.unwrap_or(false)
    }

    /// Reads entries from `from_seq` on, at most `limit` (and 10,000). Pruned entries are left out.
    ///
    /// Entries come in order without gaps; an entry that was changed or taken out is an error.
    pub async fn read_journal(
        &self,
        from_seq: u64,
        limit: usize,
        filter: &JournalFilter,
    ) -> Result<Vec<Entry>, ReadError> {
        let core = self.core();
        let size = *core.backend.head().borrow();
        let end = filter.newest_below.map_or(size, |below| below.min(size));
        let ring = core.ring();
        let limit = limit.min(MOST_ENTRIES);
        let found = read::scan(core.backend.as_ref(), &ring, from_seq..end, limit, filter).await?;
        Ok(found.into_iter().map(|(_, entry)| entry).collect())
    }

    /// Opens the personal part of an entry, unless its key was destroyed.
    pub async fn open_entry(&self, entry: &Entry) -> Result<Opened, ReadError> {
        let (core, ring) = (self.core(), self.core().ring());
        let place = entry::place(&entry.binding);
        let opened = match entry.sealing {
            Sealing::Nothing => return Ok(Opened { event: entry.event(Personal::default()), erased: false }),
            Sealing::Day(day) => ring.day_key(day).open(&place, &entry.sealed),
            Sealing::Person(handle) => {
                match core.persons.get(core.backend.as_ref(), &ring, KeyName::Handle(handle)).await? {
                    KeyOf::Known(key) => key.key.open(&place, &entry.sealed),
                    KeyOf::Erased | KeyOf::Unknown => {
                        return Ok(Opened { event: entry.event(Personal::default()), erased: true });
                    }
                }
            }
        };
        let name = || format!("journal entry {}", entry.seq);
        let json = opened.map_err(|error| ReadError::damaged(name(), error))?;
        let personal = serde_json::from_slice(&json).map_err(|error| ReadError::damaged(name(), error))?;
        Ok(Opened { event: entry.event(personal), erased: false })
    }

    /// The number of entries that can be read; changes wake who waits on it.
    pub fn head(&self) -> watch::Receiver<u64> {
        self.core().backend.head()
    }

    /// The place from which an observer goes on; 0 when it never moved its cursor.
    pub async fn cursor(&self, observer: &str) -> Result<u64, ReadError> {
        Ok(self.core().backend.cursor(observer.to_owned()).await?.unwrap_or(0))
    }

    /// Whether this node does what only one of all nodes must do. On PostgreSQL it is the node that gives entries their
    /// place; with one node, always that.
    pub fn leads(&self) -> bool {
        self.core().backend.leads()
    }

    /// Adds `n` to a counter; returns the approximate total in the window that ends now. Counters may be lost.
    pub async fn add(&self, counter: &str, key: &[u8], window: Duration, n: u64) -> Result<u64, ReadError> {
        let now = self.core().clock.now().micros();
        self.core().backend.add(counter.to_owned(), key.to_vec(), window, now, n).await
    }

    /// The pseudonym under which the journal knows a person.
    pub fn person_pseudonym(&self, person: PersonId) -> Pseudonym {
        seal::person_pseudonym(&self.core().ring(), person)
    }

    /// The pseudonyms under which the journal knows an address and its /24 or /64.
    pub fn address_pseudonyms(&self, address: IpAddr) -> (Pseudonym, Pseudonym) {
        seal::address_pseudonyms(&self.core().ring(), address)
    }

    /// Passes the details, target and method of every event through this from now on, before they are written in plain.
    /// The first call counts.
    pub fn scrub_events(&self, scrub: Scrub) {
        // A second one changes nothing.
        let _ = self.core().scrub.set(scrub);
    }

    /// The key ring in force.
    pub fn ring(&self) -> KeyRing {
        self.core().ring()
    }

    /// The name of the log, as in its checkpoints.
    pub fn origin(&self) -> &str {
        &self.core().origin
    }

    /// How the store does.
    pub fn status(&self) -> StoreStatus {
        let size = *self.head().borrow();
        StoreStatus { size, waiting: self.0.lane.waiting(), stalled: self.0.lane.stalled() }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("origin", &self.origin()).finish_non_exhaustive()
    }
}
