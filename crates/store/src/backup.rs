//! Backup while running, and restore that brings no erased person and no revoked session back.
//!
//! A restore has two halves: the data come back, from a backup folder (SQLite) or by the tools of the database
//! (PostgreSQL), and then what happened since is done again, as far as it must be. Between the two the store can't be
//! opened to be used, also after a crash: [`Store::restore_done`] is the end.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use testudo_core::{Clock, Event, EventKind, PersonId, Timestamp};
use testudo_crypto::RootKey;
use testudo_crypto::digest::Sha256;

use crate::backend::Intent;
use crate::sqlite::{self, RESTORE_FILE};
use crate::{Place, Store, StoreConfig, Tx, UpkeepError};

const MANIFEST: &str = "manifest.json";
/// The part of a backup folder with records and journal.
const DATA: &str = "data";
/// The part of a backup folder with the keys; to be kept apart from the data.
const KEYS: &str = "keys";
/// The largest list of erased people that is read.
const MOST_LIST: usize = 64 << 20;
/// People who are erased in one transaction of a file: each costs a sync and the end of the write-ahead log.
const TOGETHER: usize = 1_000;
/// The same of a database that may be far away: a transaction has a deadline, and each of them some trips.
const TOGETHER_FAR: usize = 64;

/// What a backup holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupManifest {
    /// The format of the backup.
    pub format: u32,
    /// The name of the log.
    pub origin: String,
    /// When it was made.
    pub made: Timestamp,
    /// The entries of the journal that it holds at least.
    pub journal_size: u64,
    /// The SHA-256 of each file, in hex, by its path in the backup folder.
    pub sha256: BTreeMap<String, String>,
}

/// A person whose key was destroyed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErasedPerson {
    /// The person.
    pub person: PersonId,
    /// When.
    pub at: Timestamp,
}

/// What a restore did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RestoreReport {
    /// The manifest of the backup; none when the tools of the database restored it.
    pub manifest: Option<BackupManifest>,
    /// The entries that the journal had.
    pub journal_size: u64,
    /// How many people were erased again.
    pub erased: usize,
    /// How many people have records and no key: the restored keys are older than the data.
    pub without_key: u64,
    /// Sessions that were issued before this instant are revoked.
    pub revoked_before: Timestamp,
}

/// The list of the erased as JSON lines.
pub fn erased_to_lines(erased: &[ErasedPerson]) -> String {
    erased.iter().filter_map(|one| serde_json::to_string(one).ok()).map(|line| line + "\n").collect()
}

/// Reads a list of the erased.
pub fn erased_from_lines(text: &str) -> Result<Vec<ErasedPerson>, UpkeepError> {
    if text.len() > MOST_LIST {
        return Err(UpkeepError::Refused("the list of the erased is larger than 64 MiB".into()));
    }
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let parsed = lines.map(|(number, line)| {
        serde_json::from_str(line).map_err(|error| {
            UpkeepError::Refused(format!("line {} of the list of the erased is not valid: {error}", number + 1))
        })
    });
    parsed.collect()
}

impl Store {
    /// Copies the store to a folder that does not exist or is empty, while it is in use: `data` and `keys` apart, so
    /// that they can be kept apart, and a manifest.
    pub async fn backup(&self, folder: &Path) -> Result<BackupManifest, UpkeepError> {
        let folder = folder.to_owned();
        make_empty(&folder)?;
        let (data, keys) = (folder.join(DATA), folder.join(KEYS));
        make_empty(&data)?;
        make_empty(&keys)?;
        let journal_size = *self.head().borrow();
        let files = self.core().backend.backup(data, keys).await?;
        let (origin, made) = (self.core().origin.clone(), self.core().clock.now());
        let manifest = blocking(move || {
            let mut sha256 = BTreeMap::new();
            for path in [&files.data, &files.keys] {
                let name = path.strip_prefix(&folder).unwrap_or(path).to_string_lossy().into_owned();
                sha256.insert(name, digest(path)?);
            }
            let manifest = BackupManifest { format: 1, origin, made, journal_size, sha256 };
            let text = serde_json::to_vec_pretty(&manifest).map_err(|error| UpkeepError::Refused(error.to_string()))?;
            write_new(&folder.join(MANIFEST), &text)?;
            Ok(manifest)
        })
        .await?;
        let mut tx = Tx::new();
        let event = Event::new(EventKind::BackupMade, made).detail("journal-size", journal_size.to_string());
        tx.event(event);
        self.commit(tx).await?;
        Ok(manifest)
    }

    /// Restores a backup into the empty folder of `config` (SQLite), erases everybody on the list once more, and revokes
    /// every session that was issued before now. Returns the store, which others can open after
    /// [`Store::restore_done`]. A restore that was interrupted can be begun again.
    ///
    /// Give the newest list of the erased that there is ([`Store::erased`] of the lost store); the list in the backup
    /// itself is in force anyway.
    pub async fn restore(
        backup: &Path,
        config: &StoreConfig,
        root: &RootKey,
        clock: Arc<dyn Clock>,
        erased: &[ErasedPerson],
    ) -> Result<(Store, RestoreReport), UpkeepError> {
        let Place::Sqlite { folder } = &config.place else {
            return Err(UpkeepError::Refused(
                "only a folder can be restored into; use the tools of the database".into(),
            ));
        };
        let (from, to, now) = (backup.to_owned(), folder.clone(), clock.now());
        let manifest = blocking(move || copy_back(&from, &to, now)).await?;
        let store = Store::open_for(Intent::Finish { anyway: false }, config, root, clock).await?;
        let report = store.replay(Some(manifest), erased, TOGETHER).await?;
        Ok((store, report))
    }

    /// Finishes the restore of a database whose tools restored data and keys (PostgreSQL): erases everybody on the list
    /// once more, and revokes every session that was issued before now. Returns the store, which others can open after
    /// [`Store::restore_done`]. Refused while others use the database; where nothing shows that it was restored also,
    /// unless `anyway`.
    pub async fn restore_database(
        config: &StoreConfig,
        root: &RootKey,
        clock: Arc<dyn Clock>,
        erased: &[ErasedPerson],
        anyway: bool,
    ) -> Result<(Store, RestoreReport), UpkeepError> {
        if !matches!(config.place, Place::Postgres(_)) {
            return Err(UpkeepError::Refused("name the backup that is to be restored into the folder".into()));
        }
        let store = Store::open_for(Intent::Finish { anyway }, config, root, clock).await?;
        let report = store.replay(None, erased, TOGETHER_FAR).await?;
        Ok((store, report))
    }

    /// Whether a restore into this folder was begun and not finished.
    pub fn restore_is_unfinished(folder: &Path) -> bool {
        folder.join(RESTORE_FILE).exists()
    }

    /// Says that all is done that must be done after a restore, so that the store can be opened and used.
    pub async fn restore_done(&self) -> Result<(), UpkeepError> {
        self.core().backend.restore_done().await
    }

    /// Does again what was done after the backup and must not be undone by it.
    async fn replay(
        &self,
        manifest: Option<BackupManifest>,
        erased: &[ErasedPerson],
        together: usize,
    ) -> Result<RestoreReport, UpkeepError> {
        let (now, journal_size) = (self.core().clock.now(), *self.head().borrow());
        let known: BTreeSet<PersonId> = self.erased().await?.into_iter().map(|one| one.person).collect();
        let again: BTreeSet<PersonId> =
            erased.iter().map(|one| one.person).filter(|person| !known.contains(person)).collect();
        let again: Vec<PersonId> = again.into_iter().collect();
        for part in again.chunks(together) {
            let mut tx = Tx::new();
            for person in part {
                tx.erase_person(*person).event(Event::new(EventKind::PersonErased, now).to(*person));
            }
            self.commit(tx).await?;
        }
        let without_key = self.core().backend.without_key().await?;
        let mut restored = Event::new(EventKind::BackupRestored, now)
            .detail("journal-size", journal_size.to_string())
            .detail("erased-again", again.len().to_string())
            .detail("without-key", without_key.to_string());
        if let Some(manifest) = &manifest {
            restored = restored.detail("made", manifest.made.to_string());
        }
        let mut tx = Tx::new();
        tx.event(restored);
        let revoked = Event::new(EventKind::AllRevoked, now).detail("before", now.micros().to_string());
        tx.event(revoked.detail("cause", "restore"));
        self.commit(tx).await?;
        Ok(RestoreReport { manifest, journal_size, erased: again.len(), without_key, revoked_before: now })
    }
}

fn copy_back(from: &Path, to: &Path, now: Timestamp) -> Result<BackupManifest, UpkeepError> {
    let path = from.join(MANIFEST);
    let mut text = String::new();
    let file = std::fs::File::open(&path).map_err(UpkeepError::io("open the manifest", &path))?;
    file.take(1 << 20).read_to_string(&mut text).map_err(UpkeepError::io("read the manifest", &path))?;
    let manifest: BackupManifest = serde_json::from_str(&text)
        .map_err(|error| UpkeepError::Refused(format!("the manifest `{}` is not valid: {error}", path.display())))?;
    if manifest.format != 1 {
        return Err(UpkeepError::Refused(format!("the backup has format {}; this program knows 1", manifest.format)));
    }
    let parts = [(DATA, sqlite::DATA_FILE), (KEYS, sqlite::KEYS_FILE)];
    for (part, name) in parts {
        let source = from.join(part).join(name);
        let found = digest(&source)?;
        if manifest.sha256.get(&format!("{part}/{name}")) != Some(&found) {
            let cause =
                format!("`{}` is not the file that the manifest describes; use another backup", source.display());
            return Err(UpkeepError::Refused(cause));
        }
    }
    // Only now: a refused backup leaves nothing behind.
    if !Store::restore_is_unfinished(to) {
        make_empty(to)?;
    }
    let lock = sqlite::mark(to, now)?;
    for (part, name) in parts {
        let (source, target) = (from.join(part).join(name), to.join(name));
        std::fs::copy(&source, &target).map_err(UpkeepError::io("copy to", &target))?;
        let synced = std::fs::File::open(&target).and_then(|file| file.sync_all());
        synced.map_err(UpkeepError::io("sync", &target))?;
    }
    drop(lock);
    Ok(manifest)
}

fn make_empty(folder: &Path) -> Result<(), UpkeepError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(UpkeepError::io("make the folder", folder))?;
    let mut inside = std::fs::read_dir(folder).map_err(UpkeepError::io("read the folder", folder))?;
    if inside.next().is_some() {
        return Err(UpkeepError::Refused(format!(
            "the folder `{}` is not empty; choose another one",
            folder.display()
        )));
    }
    Ok(())
}

fn digest(path: &Path) -> Result<String, UpkeepError> {
    let mut file = std::fs::File::open(path).map_err(UpkeepError::io("open", path))?;
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        let read = file.read(&mut buffer).map_err(UpkeepError::io("read", path))?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else { break };
        digest.update(part);
    }
    Ok(HEXLOWER.encode(&digest.finish()))
}

fn write_new(path: &PathBuf, bytes: &[u8]) -> Result<(), UpkeepError> {
    let written = std::fs::File::create_new(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(UpkeepError::io("write", path))
}

/// Runs file work off the runtime.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, UpkeepError> + Send + 'static,
) -> Result<T, UpkeepError> {
    let stopped = |_| Err(UpkeepError::Refused("the work was interrupted; try again".into()));
    tokio::task::spawn_blocking(work).await.unwrap_or_else(stopped)
}
