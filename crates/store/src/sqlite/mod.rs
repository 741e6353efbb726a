//! SQLite: two files in one folder (data and keys), one writer with group commit, a few threads that read.
//!
//! Both files use a write-ahead log with `synchronous = FULL`: a commit returns after the log was synced, and every
//! acknowledgement waits for that.

mod apply;
mod lock;
mod read;
mod schema;
mod writer;

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use rusqlite::backup::StepResult;
use rusqlite::{Connection, OpenFlags};
use testudo_core::Timestamp;
use tokio::sync::{oneshot, watch};

pub(crate) use self::lock::FolderLock;
use self::writer::{Message, Writer};
use crate::backend::{
    Backend, BackupFiles, CheckpointRow, DocumentRow, Intent, KeyName, KeyState, ListScan, PersonKeyRow, Prepared,
    Reply, SharedRing,
};
use crate::backup::blocking;
use crate::counters::Counters;
use crate::journal::appender::{Appended, Appender, Row};
use crate::journal::committed::Recent;
use crate::journal::terms::{Chunk, Tail};
use crate::merkle::Hash;
use crate::tx::Receipt;
use crate::{CommitError, Key, OpenError, ReadError, StoreConfig, UpkeepError};

/// The file of records and journal.
pub(crate) const DATA_FILE: &str = "data.db";
/// The file of the key ring and the person keys.
pub(crate) const KEYS_FILE: &str = "keys.db";
/// Lies beside them until a restore is finished.
pub(crate) const RESTORE_FILE: &str = "restore-unfinished";
/// How long another program's lock is waited for.
const BUSY: Duration = Duration::from_secs(2);
/// Write-ahead log pages after which they are moved into the file.
const WAL_PAGES: i64 = 8_000;
/// Page cache of a connection that writes, in KiB.
const WRITE_CACHE: u32 = 12_288;
/// Page cache of a connection that reads, in KiB.
const READ_CACHE: u32 = 3_072;
/// Reads that wait.
const WAITING_READS: usize = 1_024;

/// A piece of work on the connections of a thread.
pub(super) type Job = Box<dyn FnOnce(&Connections) + Send>;

/// The two files as one thread sees them.
pub(super) struct Connections {
    pub data: Connection,
    pub keys: Connection,
}

/// The files, opened and locked, but not in use yet: the key ring is needed first.
pub(crate) struct Opening {
    connections: Connections,
    folder: Option<PathBuf>,
    lock: Option<FolderLock>,
    /// The wrapped key ring, when there is one.
    pub ring: Option<Vec<u8>>,
    /// Whether a key of a person was ever made.
    pub has_people: bool,
}

/// Opens the files of a folder, or new ones in memory.
pub(crate) fn open(
    intent: Intent,
    folder: Option<&Path>,
    config: &StoreConfig,
    now: Timestamp,
) -> Result<Opening, OpenError> {
    let failed = |error: rusqlite::Error| OpenError::Database(error.to_string());
    let lock = folder.map(|folder| make_folder(folder).and_then(|()| FolderLock::take(folder, now))).transpose()?;
    match (intent, folder.is_some_and(|folder| folder.join(RESTORE_FILE).exists())) {
        (Intent::Use, true) => return Err(OpenError::Restored),
        (Intent::Finish { anyway: false }, false) => return Err(OpenError::NotRestored),
        _ => {}
    }
    let connections = Connections {
        data: connect(folder.map(|folder| folder.join(DATA_FILE)).as_deref(), false).map_err(failed)?,
        keys: connect(folder.map(|folder| folder.join(KEYS_FILE)).as_deref(), false).map_err(failed)?,
    };
    schema::migrate_data(&connections.data)?;
    schema::migrate_keys(&connections.keys)?;
    if let Some(most) = config.max_bytes {
        let pages = i64::try_from(most / 4_096).unwrap_or(i64::MAX).max(64);
        connections.data.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).map_err(failed)?;
    }
    let ring = read::ring(&connections.keys).map_err(failed)?;
    let has_people = !read::person_keys(&connections.keys, None, 1).map_err(failed)?.is_empty();
    Ok(Opening { connections, folder: folder.map(Path::to_owned), lock, ring, has_people })
}

fn make_folder(folder: &Path) -> Result<(), OpenError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|source| OpenError::Io { action: "make the folder", path: folder.to_owned(), source })
}

fn connect(path: Option<&Path>, read_only: bool) -> rusqlite::Result<Connection> {
    let connection = match path {
        None => Connection::open_in_memory()?,
        Some(path) => {
            let access = if read_only {
                OpenFlags::SQLITE_OPEN_READ_ONLY
            } else {
                OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
            };
            Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?
        }
    };
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    if !read_only {
        restrict(path);
        connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        connection.execute_batch(
            "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY;",
        )?;
        connection.query_row(&format!("PRAGMA wal_autocheckpoint = {WAL_PAGES}"), [], |_| Ok(()))?;
    }
    let kibibytes = if read_only { READ_CACHE } else { WRITE_CACHE };
    connection.execute_batch(&format!("PRAGMA cache_size = -{kibibytes}; PRAGMA trusted_schema = OFF;"))?;
    Ok(connection)
}

/// The files are for their owner only, whatever the folder allows.
fn restrict(path: Option<&Path>) {
    use std::os::unix::fs::PermissionsExt;
    if let Some(path) = path {
        let _ = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600));
    }
}

impl Opening {
    /// Stores a fresh key ring and the values of the store itself, before anything else is.
    pub fn found(&self, ring: &[u8], meta: &[(&'static str, Vec<u8>)]) -> Result<(), OpenError> {
        let failed = |error: rusqlite::Error| OpenError::Database(error.to_string());
        let changes = apply::KeyChanges { ring: Some(ring.to_vec()), ..apply::KeyChanges::default() };
        apply::write_keys(&self.connections.keys, &changes).map_err(failed)?;
        let data = &self.connections.data;
        data.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
        for (name, value) in meta {
            let sql = "INSERT INTO meta (name, value) VALUES (?1, ?2)";
            data.execute(sql, rusqlite::params![name, value]).map_err(failed)?;
        }
        data.execute_batch("COMMIT").map_err(failed)
    }

    /// A value of the store itself.
    pub fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, OpenError> {
        read::meta(&self.connections.data, name).map_err(|error| OpenError::Database(error.to_string()))
    }

    /// Starts the threads.
    pub fn start(
        self,
        config: &StoreConfig,
        ring: SharedRing,
        recent: Arc<Recent>,
    ) -> Result<SqliteBackend, OpenError> {
        let failed = |error: rusqlite::Error| OpenError::Database(error.to_string());
        let Opening { connections, folder, lock, .. } = self;
        let erased: Vec<[u8; 16]> =
            read::erased(&connections.data).map_err(failed)?.into_iter().map(|(person, _)| person).collect();
        let survivors = surviving(&connections.keys, &erased).map_err(failed)?;
        // Also without survivors: the write-ahead log may still hold a key that was destroyed before a crash.
        writer::destroy(&connections.keys, &survivors).map_err(failed)?;
        let appender = Appender::new(read::appender(&connections.data).map_err(failed)?);
        let (head, _) = watch::channel(appender.size());
        let tail = Arc::new(Mutex::new(appender.tail().clone()));
        let (to_writer, queue) = crossbeam_channel::bounded(config.queue.max(1));
        let mut threads = Vec::new();
        let mut readers = None;
        if let Some(folder) = &folder {
            let (to_readers, reads) = crossbeam_channel::bounded::<Job>(WAITING_READS);
            for _ in 0..config.readers.max(1) {
                let connections = Connections {
                    data: connect(Some(&folder.join(DATA_FILE)), true).map_err(failed)?,
                    keys: connect(Some(&folder.join(KEYS_FILE)), true).map_err(failed)?,
                };
                let reads: Receiver<Job> = reads.clone();
                threads.push(spawn("store-read", move || {
                    while let Ok(job) = reads.recv() {
                        job(&connections);
                    }
                    drop(connections);
                })?);
            }
            readers = Some(to_readers);
        }
        let writer = Writer {
            connections,
            appender,
            appended: Appended::default(),
            ring,
            head: head.clone(),
            tail: tail.clone(),
            recent,
            to_destroy: Vec::new(),
        };
        threads.push(spawn("store-write", move || {
            writer.run(&queue);
            drop(lock);
        })?);
        Ok(SqliteBackend {
            writer: Mutex::new(Some(to_writer)),
            readers: Mutex::new(readers),
            threads: Mutex::new(threads),
            folder,
            head,
            tail,
            counters: Counters::default(),
        })
    }
}

fn surviving(keys: &Connection, erased: &[[u8; 16]]) -> rusqlite::Result<Vec<[u8; 16]>> {
    let mut statement = keys.prepare("SELECT 1 FROM person_key WHERE person = ?1")?;
    let mut found = Vec::new();
    for person in erased {
        if statement.exists([person.as_slice()])? {
            found.push(*person);
        }
    }
    Ok(found)
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    spawned.map_err(|error| OpenError::Database(format!("cannot start a thread: {error}")))
}

/// The store on SQLite.
pub(crate) struct SqliteBackend {
    writer: Mutex<Option<Sender<Message>>>,
    readers: Mutex<Option<Sender<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// None in memory.
    folder: Option<PathBuf>,
    head: watch::Sender<u64>,
    tail: Arc<Mutex<Tail>>,
    counters: Counters,
}

fn closed() -> String {
    "it is closed".to_owned()
}

impl SqliteBackend {
    fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connections) -> rusqlite::Result<T> + Send + 'static,
    ) -> Reply<'_, T> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connections| {
            let _ = answer.send(work(connections));
        });
        let sent = if self.folder.is_none() {
            let writer = self.writer.lock().clone();
            writer.map(|writer| writer.try_send(Message::Read(job)).map_err(|error| error.is_full()))
        } else {
            let readers = self.readers.lock().clone();
            readers.map(|readers| readers.try_send(job).map_err(|error| error.is_full()))
        };
        async move {
            match sent {
                Some(Ok(())) => {}
                Some(Err(true)) => return Err(ReadError::Full),
                Some(Err(false)) | None => return Err(ReadError::Unavailable(closed())),
            }
            match answered.await {
                Ok(answer) => answer.map_err(|error| ReadError::Unavailable(error.to_string())),
                Err(_) => Err(ReadError::Unavailable(closed())),
            }
        }
        .boxed()
    }
}

impl Backend for SqliteBackend {
    fn commit(&self, prepared: Prepared) -> BoxFuture<'_, Result<Receipt, CommitError>> {
        let (answer, answered) = oneshot::channel();
        let writer = self.writer.lock().clone();
        let sent = writer.map(|writer| writer.try_send(Message::Commit(prepared, answer)));
        async move {
            match sent {
                Some(Ok(())) => {}
                Some(Err(TrySendError::Full(_))) => return Err(CommitError::Full),
                Some(Err(TrySendError::Disconnected(_))) | None => return Err(CommitError::Unavailable(closed())),
            }
            answered.await.unwrap_or_else(|_| Err(CommitError::Unavailable(closed())))
        }
        .boxed()
    }

    fn document(&self, kind: &'static str, key: Key) -> Reply<'_, Option<DocumentRow>> {
        self.read(move |on| read::document(&on.data, kind, &key))
    }

    fn find(&self, kind: &'static str, index: String, value: Vec<u8>, limit: u32) -> Reply<'_, Vec<DocumentRow>> {
        self.read(move |on| read::find(&on.data, kind, &index, &value, limit))
    }

    fn list(&self, kind: &'static str, scan: ListScan) -> Reply<'_, Vec<DocumentRow>> {
        self.read(move |on| read::list(&on.data, kind, &scan))
    }

    fn person_key(&self, name: KeyName) -> Reply<'_, KeyState> {
        self.read(move |on| read::person_key(on, name))
    }

    fn person_keys(&self, after: Option<[u8; 16]>, limit: u32) -> Reply<'_, Vec<PersonKeyRow>> {
        self.read(move |on| read::person_keys(&on.keys, after, limit))
    }

    fn wrapped_ring(&self) -> Reply<'_, Option<Vec<u8>>> {
        self.read(|on| read::ring(&on.keys))
    }

    fn erased(&self) -> Reply<'_, Vec<([u8; 16], i64)>> {
        self.read(|on| read::erased(&on.data))
    }

    fn rows(&self, from: u64, to: u64, limit: u32, last: bool) -> Reply<'_, Vec<Row>> {
        self.read(move |on| read::rows(&on.data, from, to, limit, last))
    }

    fn rows_at(&self, places: Vec<u64>) -> Reply<'_, Vec<Row>> {
        self.read(move |on| read::rows_at(&on.data, &places))
    }

    fn chunks(&self, segment: u64, terms: Vec<u64>) -> Reply<'_, Vec<Chunk>> {
        self.read(move |on| read::chunks(&on.data, segment, &terms))
    }

    fn segment(&self, segment: u64) -> Reply<'_, Vec<Chunk>> {
        self.read(move |on| read::segment(&on.data, segment))
    }

    fn tail(&self, wanted: Vec<Vec<u64>>, from: u64) -> Reply<'_, (u64, Vec<u16>)> {
        let tail = self.tail.lock();
        let found = (tail.segment, tail.search(&wanted, from));
        async move { Ok(found) }.boxed()
    }

    fn nodes(&self, level: u32, from: u64, to: u64) -> Reply<'_, Vec<Hash>> {
        self.read(move |on| read::nodes(&on.data, level, from, to))
    }

    fn checkpoints(&self, from: u64, limit: u32) -> Reply<'_, Vec<CheckpointRow>> {
        self.read(move |on| read::checkpoints(&on.data, from, limit))
    }

    fn cursor(&self, observer: String) -> Reply<'_, Option<u64>> {
        self.read(move |on| read::cursor(&on.data, &observer))
    }

    fn lowest_cursor(&self) -> Reply<'_, Option<u64>> {
        self.read(|on| read::lowest_cursor(&on.data))
    }

    fn head(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    fn add(&self, counter: String, key: Vec<u8>, window: Duration, now: i64, n: u64) -> Reply<'_, u64> {
        let total = self.counters.add(&counter, &key, window, now, n);
        async move { Ok(total) }.boxed()
    }

    fn backup(&self, data: PathBuf, keys: PathBuf) -> BoxFuture<'_, Result<BackupFiles, UpkeepError>> {
        let files = BackupFiles { data: data.join(DATA_FILE), keys: keys.join(KEYS_FILE) };
        let to = files.clone();
        // Data first: keys that were made meanwhile are then in the copy of the keys.
        let copied = self.read(move |on| copy(&on.data, &to.data).and_then(|()| copy(&on.keys, &to.keys)));
        async move { copied.await.map(|()| files).map_err(UpkeepError::Read) }.boxed()
    }

    fn without_key(&self) -> Reply<'_, u64> {
        self.read(read::without_key)
    }

    fn restore_done(&self) -> BoxFuture<'_, Result<(), UpkeepError>> {
        let folder = self.folder.clone();
        let done = blocking(move || folder.map_or(Ok(()), |folder| unmark(&folder)));
        done.boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        let writer = self.writer.lock().take();
        drop(self.readers.lock().take());
        let threads = std::mem::take(&mut *self.threads.lock());
        async move {
            let (done, ended) = oneshot::channel();
            let wait = move || {
                if let Some(writer) = writer {
                    let _ = writer.send(Message::Stop);
                }
                for thread in threads {
                    let _ = thread.join();
                }
                let _ = done.send(());
            };
            // Joining blocks, so it has a thread of its own.
            if spawn("store-close", wait).is_ok() {
                let _ = ended.await;
            }
        }
        .boxed()
    }
}

/// Marks a folder as one whose restore is not finished, durably, and locks it; what an earlier try left in it goes.
pub(crate) fn mark(folder: &Path, now: Timestamp) -> Result<FolderLock, UpkeepError> {
    let mark = folder.join(RESTORE_FILE);
    let again = mark.exists();
    if !again {
        File::create_new(&mark).and_then(|file| file.sync_all()).map_err(UpkeepError::io("write", &mark))?;
        sync(folder)?;
    }
    let lock = FolderLock::take(folder, now)?;
    for name in [DATA_FILE, KEYS_FILE].iter().filter(|_| again) {
        for end in ["", "-wal", "-shm", "-journal"] {
            remove(&folder.join(format!("{name}{end}")))?;
        }
    }
    Ok(lock)
}

fn unmark(folder: &Path) -> Result<(), UpkeepError> {
    remove(&folder.join(RESTORE_FILE))?;
    sync(folder)
}

/// Removes a file that may be there.
fn remove(path: &Path) -> Result<(), UpkeepError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(UpkeepError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Makes durable which files are in a folder.
fn sync(folder: &Path) -> Result<(), UpkeepError> {
    File::open(folder).and_then(|file| file.sync_all()).map_err(UpkeepError::io("sync", folder))
}

fn copy(from: &Connection, to: &Path) -> rusqlite::Result<()> {
    let mut target = Connection::open(to)?;
    restrict(Some(to));
    let backup = rusqlite::backup::Backup::new(from, &mut target)?;
    // In one step: it reads one snapshot, while a copy in steps would begin again with every commit of the writer.
    while backup.step(-1)? != StepResult::Done {
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(backup);
    target.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    target.close().map_err(|(_, error)| error)
}
