//! Upkeep of the store: checkpoints, proofs, verification, pruning, key rotation, sweeping, closing.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use testudo_core::{Event, EventKind, PersonId, Timestamp};
use testudo_crypto::{KeyRing, Purpose, RootKey};
use tokio::time::timeout;

use super::{Core, Store};
use crate::backend::{CheckpointRow, Op, Prepared, Rewrap};
use crate::backup::blocking;
use crate::journal::audit::{self, AuditReport};
use crate::journal::checkpoint::{self, Checkpoint, parse_checkpoints};
use crate::journal::proofs;
use crate::journal::prune::{self, PruneReport, PruneRequest};
use crate::merkle::Hash;
use crate::{ErasedPerson, ReadError, RotateError, UpkeepError, prepare};

/// The part of a checkpoint file that is read: its end.
const MOST_CHECKPOINTS: u64 = 64 << 20;
/// The part that is read at the start.
const LAST_CHECKPOINTS: u64 = 16 << 10;
/// Person keys that are re-wrapped at once.
const REWRAP: u32 = 256;
/// Documents that are swept at once.
const SWEEP: u32 = 1_000;
/// How long closing waits for the batched lane.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long closing waits for its last checkpoint.
const CHECKPOINT: Duration = Duration::from_secs(5);
/// How long closing waits for threads and connections.
const ENDS: Duration = Duration::from_secs(8);

impl Core {
    /// Makes a checkpoint; unless `always`, only when the log grew since the last one.
    pub async fn checkpoint(&self, always: bool) -> Result<Option<Checkpoint>, UpkeepError> {
        let mut last = self.checkpoints.lock().await;
        let size = *self.backend.head().borrow();
        if !always && (*last == Some(size) || size == 0) {
            return Ok(None);
        }
        let stored = self.backend.checkpoints(size, 2).await?;
        // Another node may have gone on meanwhile; a backend that hears of it shows that in its head.
        let reached = *self.backend.head().borrow();
        if stored.iter().any(|row| row.size > reached) {
            let cause = "the journal is shorter than its last checkpoint says; run `testudo audit verify`";
            return Err(UpkeepError::Refused(cause.into()));
        }
        if !always && !stored.is_empty() {
            *last = Some(size);
            return Ok(None);
        }
        let root = proofs::root(self.backend.as_ref(), size).await?;
        let made = Checkpoint::sign(&self.origin, size, root, self.clock.now(), &self.ring().checkpoint_signer());
        let row = CheckpointRow { size, note: made.note.clone() };
        self.backend.commit(Prepared { ops: vec![Op::Checkpoint(row)], ..Prepared::default() }).await?;
        if let Some(path) = self.checkpoint_file.clone() {
            let note = made.note.clone();
            blocking(move || checkpoint::append(&path, &note)).await?;
        }
        *last = Some(size);
        Ok(Some(made))
    }
}

impl Store {
    /// Makes a checkpoint now, stores it, and appends it to the file outside of the store.
    pub async fn checkpoint(&self) -> Result<Checkpoint, UpkeepError> {
        let made = self.core().checkpoint(true).await?;
        made.ok_or_else(|| UpkeepError::Refused("no checkpoint was made".into()))
    }

    /// The hashes that prove that the entry at `seq` is in the log when it had `size` entries.
    pub async fn inclusion_proof(&self, seq: u64, size: u64) -> Result<Vec<Hash>, ReadError> {
        self.within(size)?;
        proofs::inclusion(self.core().backend.as_ref(), seq, size).await
    }

    /// The hashes that prove that the log of `size1` entries is a prefix of the log of `size2` entries.
    pub async fn consistency_proof(&self, size1: u64, size2: u64) -> Result<Vec<Hash>, ReadError> {
        self.within(size2)?;
        proofs::consistency(self.core().backend.as_ref(), size1, size2).await
    }

    /// The root of the log when it had `size` entries.
    pub async fn root_at(&self, size: u64) -> Result<Hash, ReadError> {
        self.within(size)?;
        proofs::root(self.core().backend.as_ref(), size).await
    }

    fn within(&self, size: u64) -> Result<(), ReadError> {
        if size > *self.head().borrow() {
            return Err(ReadError::Invalid("the log is not that large".into()));
        }
        Ok(())
    }

    /// Verifies the whole log. Against the checkpoints of a file that was kept outside of the store, truncation and
    /// rollback show; without it, what lies behind the last stored checkpoint is unproven, and the report says so.
    pub async fn verify(&self, checkpoint_file: Option<&Path>) -> Result<AuditReport, UpkeepError> {
        let external = match checkpoint_file {
            None => None,
            Some(path) => {
                let path = path.to_owned();
                let text = blocking(move || read_end(&path, MOST_CHECKPOINTS)).await?;
                let parsed = parse_checkpoints(&text);
                Some(
                    parsed
                        .map_err(|error| UpkeepError::Refused(format!("the checkpoint file is not valid: {error}")))?,
                )
            }
        };
        self.verify_against(external.as_deref()).await
    }

    /// [`Store::verify`] against checkpoints that were read already.
    pub async fn verify_against(&self, external: Option<&[Checkpoint]>) -> Result<AuditReport, UpkeepError> {
        let (core, ring) = (self.core(), self.core().ring());
        Ok(audit::verify(core.backend.as_ref(), &ring, &core.origin, external).await?)
    }

    /// Exports and prunes old entries. Entries that an observer has not dealt with stay.
    pub async fn prune(&self, request: &PruneRequest) -> Result<PruneReport, UpkeepError> {
        prune::prune(self.core(), request).await
    }

    /// Everybody who was erased; to be kept with backups, for [`Store::restore`].
    pub async fn erased(&self) -> Result<Vec<ErasedPerson>, ReadError> {
        let rows = self.core().backend.erased().await?;
        let one = |(person, at)| ErasedPerson { person: PersonId::from_bytes(person), at: Timestamp::from_micros(at) };
        Ok(rows.into_iter().map(one).collect())
    }

    /// Deletes documents whose time is over.
    pub async fn sweep(&self) -> Result<(), UpkeepError> {
        let before = self.core().clock.now().micros();
        let ops = vec![Op::Sweep { before, limit: SWEEP }];
        self.core().backend.commit(Prepared { ops, ..Prepared::default() }).await?;
        Ok(())
    }

    /// Adds a version of a purpose key, under which everything is sealed from now on. What older versions sealed still
    /// opens. When it is the key of the person keys, those are re-wrapped in the background.
    pub async fn rotate_keys(&self, purpose: Purpose, root: &RootKey) -> Result<(), RotateError> {
        let core = self.core();
        let _one = core.rotations.lock().await;
        let now = core.clock.now();
        // Only who holds the root key may change the ring, and the new one must open with the same key.
        let stored = core.backend.wrapped_ring().await?;
        let stored = stored.ok_or_else(|| RotateError::RootKey("the key ring is missing".into()))?;
        let ring = KeyRing::unwrap(root, &stored).map_err(|error| RotateError::RootKey(error.to_string()))?;
        let rotated = ring.rotate(purpose, now).map_err(|_| RotateError::Fixed)?;
        let event = Event::new(EventKind::KeyRotated, now).on(format!("{purpose:?}"));
        let announced = prepare::event(core, event).await?;
        let ops = vec![Op::Ring { old: stored, new: rotated.wrap(root) }];
        core.backend.commit(Prepared { ops, ..announced }).await?;
        let newest = |ring: &KeyRing| ring.history(purpose).last().map(|(version, _)| *version);
        let mut held = core.ring.write();
        // Unless this node heard meanwhile that another one rotated it once more.
        if newest(&held) < newest(&rotated) {
            *held = rotated;
        }
        drop(held);
        *core.day.lock() = None;
        if purpose == Purpose::PersonKeys {
            self.resume_rotation();
        }
        Ok(())
    }

    /// Re-wraps person keys that are not under the newest key, in batches, in the background.
    pub(super) fn resume_rotation(&self) {
        if self.ring().history(Purpose::PersonKeys).len() < 2 {
            return;
        }
        let core = Arc::downgrade(&self.0.core);
        tokio::spawn(async move {
            let mut after = None;
            while let Some(core) = core.upgrade() {
                match rewrap(&core, after).await {
                    Ok(Some(last)) => after = Some(last),
                    Ok(None) => break,
                    Err(error) => {
                        tracing::warn!(%error, "person keys could not be re-wrapped; it goes on at the next start");
                        break;
                    }
                }
            }
        });
    }

    /// Writes what waits, makes a last checkpoint, and ends all threads, in bounded time. The store answers nothing
    /// afterwards. [`UpkeepError::Unwritten`] when not everything that was taken in could be written.
    pub async fn close(&self) -> Result<(), UpkeepError> {
        self.close_within(PATIENCE).await
    }

    /// [`Store::close`], giving the batched lane this long to be written.
    pub async fn close_within(&self, patience: Duration) -> Result<(), UpkeepError> {
        let (core, lane) = (self.core(), &self.0.lane);
        lane.close(patience).await;
        // A database that does not answer is not asked for a checkpoint.
        let made =
            if lane.unwritten().is_empty() { timeout(CHECKPOINT, core.checkpoint(false)).await } else { Ok(Ok(None)) };
        let ended = timeout(ENDS, core.backend.close()).await;
        lane.give_up();
        let unwritten = lane.unwritten();
        if !unwritten.is_empty() {
            return Err(UpkeepError::Unwritten(unwritten));
        }
        let slow = |what: &str| UpkeepError::Refused(format!("{what} in time; all events are written"));
        made.map_err(|_| slow("the last checkpoint could not be made"))??;
        ended.map_err(|_| slow("the threads of the store did not end"))
    }
}

/// Re-wraps one batch; returns the last person of it.
async fn rewrap(core: &Core, after: Option<[u8; 16]>) -> Result<Option<[u8; 16]>, UpkeepError> {
    let rows = core.backend.person_keys(after, REWRAP).await?;
    let Some(last) = rows.last().map(|row| row.person) else { return Ok(None) };
    let ring = core.ring();
    let newest = ring.history(Purpose::PersonKeys).last().map(|(version, _)| *version);
    let mut rewraps = Vec::new();
    for row in rows.into_iter().filter(|row| version(&row.wrapped) != newest) {
        let new = ring.rewrap_person_key(PersonId::from_bytes(row.person), &row.wrapped);
        let new = new.map_err(|error| ReadError::damaged("person-key", error))?;
        rewraps.push(Rewrap { person: row.person, old: row.wrapped, new });
    }
    if !rewraps.is_empty() {
        core.backend.commit(Prepared { ops: vec![Op::Rewrap(rewraps)], ..Prepared::default() }).await?;
    }
    Ok(Some(last))
}

/// The key version in the header of an envelope: format, kind, then the version.
fn version(envelope: &[u8]) -> Option<u32> {
    let (_, rest) = envelope.split_first_chunk::<2>()?;
    rest.first_chunk::<4>().map(|version| u32::from_be_bytes(*version))
}

/// Compares the journal with the last checkpoint of the file outside; says so in the log when it does not continue it.
pub(super) async fn compare_with_file(core: &Core) {
    let Some(path) = core.checkpoint_file.clone().filter(|path| path.exists()) else { return };
    let Ok(text) = blocking(move || read_end(&path, LAST_CHECKPOINTS)).await else { return };
    let Some(last) = parse_checkpoints(&text).ok().and_then(|mut checkpoints| checkpoints.pop()) else { return };
    let size = *core.backend.head().borrow();
    let continues =
        last.size <= size && proofs::root(core.backend.as_ref(), last.size).await.is_ok_and(|root| root == last.root);
    if !continues {
        tracing::error!(
            size,
            checkpoint = last.size,
            "the journal does not continue its last checkpoint in the file outside of the store; \
             run `testudo audit verify --checkpoint` unless a backup was restored"
        );
    }
}

fn read_end(path: &Path, most: u64) -> Result<String, UpkeepError> {
    let mut file = std::fs::File::open(path).map_err(UpkeepError::io("open the checkpoint file", path))?;
    let failed = || UpkeepError::io("read the checkpoint file", path);
    let length = file.metadata().map_err(failed())?.len();
    let skip = length.saturating_sub(most);
    file.seek(SeekFrom::Start(skip)).map_err(failed())?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).map_err(failed())?;
    if skip == 0 {
        return String::from_utf8(bytes).map_err(|_| UpkeepError::Refused("the checkpoint file is not text".into()));
    }
    let text = String::from_utf8_lossy(&bytes);
    // Begin with the first whole note: the one after the first signature.
    let start = text.find("\n\u{2014} ").and_then(|at| text.get(at + 1..)?.find("\n\n").map(|end| at + 1 + end + 2));
    Ok(start.and_then(|start| text.get(start..)).unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_end_of_a_long_checkpoint_file_begins_with_a_whole_note() {
        let (folder, ring) = (tempfile::tempdir().unwrap(), KeyRing::generate(Timestamp::EPOCH));
        let path = folder.path().join("checkpoints");
        for size in 0..20 {
            let made = Checkpoint::sign("testudo/x", size, [1; 32], Timestamp::EPOCH, &ring.checkpoint_signer());
            checkpoint::append(&path, &made.note).unwrap();
        }
        assert_eq!(parse_checkpoints(&read_end(&path, MOST_CHECKPOINTS).unwrap()).unwrap().len(), 20);
        for most in 600..1_400 {
            let sizes: Vec<u64> =
                parse_checkpoints(&read_end(&path, most).unwrap()).unwrap().iter().map(|one| one.size).collect();
            assert!(!sizes.is_empty() && sizes.last() == Some(&19) && sizes.is_sorted(), "{most}: {sizes:?}");
        }
    }
}
