//! The one writer: takes what is queued, commits it as a group, and only then answers.
//!
//! Each transaction has its own savepoint, so a conflict fails alone. The keys file commits before the data file when
//! keys are made (an unused key harms nobody) and after it when keys are destroyed (the list of the erased, which is
//! checked before every use of a key, is in the data file; what a crash leaves is destroyed at the next start).

use std::sync::Arc;

use crossbeam_channel::Receiver;
use parking_lot::Mutex;
use rusqlite::{Connection, ErrorCode, params};
use tokio::sync::{oneshot, watch};

use super::apply::{self, Failed, KeyChanges};
use super::{Connections, Job, read};
use crate::CommitError;
use crate::backend::{Prepared, SharedRing};
use crate::journal::appender::{Appended, Appender};
use crate::journal::committed::{Committed, Recent};
use crate::journal::terms::Tail;
use crate::tx::Receipt;

/// The most operations and events of a group.
const GROUP: usize = 1_024;

type Outcome = Result<Receipt, CommitError>;

pub(super) type Answer = oneshot::Sender<Outcome>;

/// What the writer is asked for.
pub(super) enum Message {
    Commit(Prepared, Answer),
    /// A read that must run here, because the database is in memory.
    Read(Job),
    Stop,
}

/// The state of the writer's thread.
pub(super) struct Writer {
    pub connections: Connections,
    pub appender: Appender,
    /// What is appended and not stored yet.
    pub appended: Appended,
    pub ring: SharedRing,
    pub head: watch::Sender<u64>,
    /// What readers see of the index of the last entries.
    pub tail: Arc<Mutex<Tail>>,
    /// What those who follow the journal get without reading it.
    pub recent: Arc<Recent>,
    /// Keys of the erased that could not be destroyed yet.
    pub to_destroy: Vec<[u8; 16]>,
}

impl Writer {
    /// Runs until it is stopped or nobody can ask any more.
    pub fn run(mut self, queue: &Receiver<Message>) {
        let mut stopped = false;
        while !stopped {
            let Ok(first) = queue.recv() else { break };
            let (mut group, mut jobs, mut weight) = (Vec::new(), Vec::new(), 0);
            let mut next = Some(first);
            while let Some(message) = next.take() {
                match message {
                    Message::Commit(prepared, answer) => {
                        weight += prepared.ops.len() + prepared.drafts.len();
                        group.push((prepared, answer));
                    }
                    Message::Read(job) => jobs.push(job),
                    Message::Stop => stopped = true,
                }
                if weight < GROUP && !stopped {
                    next = queue.try_recv().ok();
                }
            }
            if !group.is_empty() {
                self.commit(group);
            }
            for job in jobs {
                job(&self.connections);
            }
        }
        let _ = self.connections.data.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA optimize;");
        let _ = self.connections.keys.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
    }

    fn commit(&mut self, group: Vec<(Prepared, Answer)>) {
        let (work, answers): (Vec<Prepared>, Vec<Answer>) = group.into_iter().unzip();
        let mark = self.appender.mark();
        match self.attempt(work) {
            Ok((outcomes, landed)) => {
                self.recent.extend(landed);
                self.publish();
                for (outcome, answer) in outcomes.into_iter().zip(answers) {
                    let _ = answer.send(outcome);
                }
            }
            Err(error) => {
                let _ = self.connections.data.execute_batch("ROLLBACK");
                if !self.connections.keys.is_autocommit() {
                    let _ = self.connections.keys.execute_batch("ROLLBACK");
                }
                if !self.appender.take_back(mark) || !size_is(&self.connections.data, self.appender.size()) {
                    self.read_anew();
                }
                let error = unavailable(&error);
                tracing::warn!(%error, waiting = answers.len(), "a group could not be committed");
                for answer in answers {
                    let _ = answer.send(Err(error.clone()));
                }
            }
        }
    }

    fn attempt(&mut self, work: Vec<Prepared>) -> rusqlite::Result<(Vec<Outcome>, Vec<Committed>)> {
        self.destroy_keys()?;
        self.appended.clear();
        let ring = self.ring.read().clone();
        let data = &self.connections.data;
        data.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let (mut outcomes, mut changes) = (Vec::with_capacity(work.len()), KeyChanges::default());
        let mut landed = Vec::new();
        for Prepared { ops, drafts, seen } in work {
            if !ops.is_empty() {
                data.prepare_cached("SAVEPOINT step")?.execute([])?;
                let mut own = KeyChanges::default();
                match ops.into_iter().try_for_each(|op| apply::apply(data, op, &mut own)) {
                    Ok(()) => changes.join(own),
                    Err(Failed::Refused(error)) => {
                        data.prepare_cached("ROLLBACK TO step")?.execute([])?;
                        data.prepare_cached("RELEASE step")?.execute([])?;
                        outcomes.push(Err(error));
                        continue;
                    }
                    Err(Failed::Database(error)) => return Err(error),
                }
                data.prepare_cached("RELEASE step")?.execute([])?;
            }
            let (mut receipt, mut seen) = (Receipt::default(), seen.into_iter());
            for draft in drafts.iter() {
                let seq = self.appender.append(draft, &ring, &mut self.appended);
                if self.appended.len() == apply::ROWS {
                    apply::store(data, &self.appended)?;
                    self.appended.clear();
                }
                receipt.first_seq.get_or_insert(seq);
                receipt.last_seq = Some(seq);
                landed.extend(seen.next().flatten().map(|seen| Committed::new(seq, seen)));
            }
            outcomes.push(Ok(receipt));
        }
        apply::store(data, &self.appended)?;
        if changes.writes_before() {
            let keys = &self.connections.keys;
            keys.execute_batch("BEGIN IMMEDIATE")?;
            apply::write_keys(keys, &changes)?;
            keys.execute_batch("COMMIT")?;
        }
        data.prepare_cached("COMMIT")?.execute([])?;
        self.to_destroy.append(&mut changes.erased);
        if let Err(error) = self.destroy_keys() {
            // The erasure is durable and in force; the key is destroyed with the next group or at the next start.
            tracing::error!(%error, "keys of erased people could not be destroyed yet; it is tried again");
        }
        Ok((outcomes, landed))
    }

    fn destroy_keys(&mut self) -> rusqlite::Result<()> {
        if self.to_destroy.is_empty() {
            return Ok(());
        }
        destroy(&self.connections.keys, &self.to_destroy)?;
        self.to_destroy.clear();
        Ok(())
    }

    /// Shows readers and tails what is durable now.
    fn publish(&mut self) {
        let size = self.appender.size();
        if *self.head.borrow() == size {
            return;
        }
        let current = self.appender.tail();
        let mut tail = self.tail.lock();
        if tail.segment != current.segment {
            tail.segment = current.segment;
            tail.pairs.clear();
        }
        let known = tail.pairs.len();
        tail.pairs.extend(current.pairs.iter().skip(known));
        drop(tail);
        self.head.send_replace(size);
    }

    /// After a failed commit nothing in memory is trusted.
    fn read_anew(&mut self) {
        match read::appender(&self.connections.data) {
            Ok(state) => {
                self.appender = Appender::new(state);
                self.tail.lock().clone_from(self.appender.tail());
                self.publish();
            }
            Err(error) => tracing::error!(%error, "the state of the journal cannot be read"),
        }
    }
}

/// Destroys person keys: the rows are overwritten, and so is what the write-ahead log holds of them.
pub(super) fn destroy(keys: &Connection, people: &[[u8; 16]]) -> rusqlite::Result<()> {
    keys.execute_batch("BEGIN IMMEDIATE")?;
    let deleted = people.iter().try_for_each(|person| {
        keys.prepare_cached("DELETE FROM person_key WHERE person = ?1")?.execute(params![person.as_slice()]).map(|_| ())
    });
    if let Err(error) = deleted {
        let _ = keys.execute_batch("ROLLBACK");
        return Err(error);
    }
    keys.execute_batch("COMMIT")?;
    let busy: i64 = keys.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy != 0 {
        tracing::warn!(
            "the log of the keys file is in use and may hold a destroyed key until the next erasure or start"
        );
    }
    Ok(())
}

fn size_is(data: &Connection, size: u64) -> bool {
    let found = data.query_row("SELECT COALESCE(MAX(seq) + 1, 0) FROM journal", [], |row| row.get::<_, i64>(0));
    found.is_ok_and(|found| found.cast_unsigned() == size)
}

fn unavailable(error: &rusqlite::Error) -> CommitError {
    let cause = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "there is no space left",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "another program holds a lock on its file",
        Some(ErrorCode::ReadOnly) => "its file may only be read",
        Some(ErrorCode::SystemIoFailure) => "the disk failed",
        _ => return CommitError::Unavailable(error.to_string()),
    };
    CommitError::Unavailable(cause.to_owned())
}
