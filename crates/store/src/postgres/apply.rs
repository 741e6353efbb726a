//! Applies prepared operations within a transaction.
//!
//! Transactions run at READ COMMITTED: what a decision rests on is locked before (`FOR UPDATE` on the document, `FOR
//! KEY SHARE` on the person's key), and unique values meet in their index. Documents that are there are locked in one
//! order for all, because the database finds out about a deadlock only after a second; what meets all the same ends in a
//! deadlock error, after which the loser starts again.

use std::collections::{BTreeSet, HashSet};

use deadpool_postgres::Transaction;
use testudo_crypto::digest::Sha256;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::fault::Failed;
use crate::backend::{Op, PersonKeyRow, Pruned, Rewrap, Term, Write};
use crate::tx::WriteMode;
use crate::{CommitError, Key};

/// How often writing a document starts over because somebody made or removed it meanwhile.
const ROUNDS: usize = 8;
/// The class of the advisory locks by which making and erasing a person exclude each other.
const PERSON_LOCKS: i32 = 0x7465_7001;
/// The class of the advisory locks at which those meet who put several documents that are not there yet.
const DOCUMENT_LOCKS: i32 = 0x7465_7002;
/// How many there are: a large transaction must not use up the locks of the server.
const GATES: u8 = 64;

type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// What applying a transaction leaves to do after its commit.
#[derive(Default)]
pub(super) struct Aftermath {
    /// Other nodes must learn of it: keys changed, or people were erased.
    pub tell: bool,
    /// Keys were destroyed.
    pub destroyed: bool,
}

/// Applies operations in order.
pub(super) async fn apply(tx: &Transaction<'_>, ops: &[Op]) -> Result<Aftermath, Failed> {
    let mut steps = Steps { tx, locked: HashSet::new(), after: Aftermath::default() };
    steps.hold(ops).await?;
    for op in ops {
        steps.step(op).await?;
    }
    if steps.after.tell {
        tx.execute("SELECT pg_notify('testudo', 'log')", &[]).await?;
    }
    Ok(steps.after)
}

struct Steps<'a> {
    tx: &'a Transaction<'a>,
    /// The people whose keys this transaction holds.
    locked: HashSet<[u8; 16]>,
    after: Aftermath,
}

impl Steps<'_> {
    /// Locks the documents that several operations are about, in the order of their keys. What is put and not there yet
    /// has no row to lock; who puts such documents meets at a few advisory locks, also in one order.
    async fn hold(&self, ops: &[Op]) -> Result<(), Failed> {
        let about = |op: &Op| match op {
            Op::Write(write) if write.mode != WriteMode::Insert => Some((write.kind, write.key.as_bytes().to_vec())),
            Op::Delete { kind, key, .. } => Some((*kind, key.as_bytes().to_vec())),
            _ => None,
        };
        let wanted: BTreeSet<(&str, Vec<u8>)> = ops.iter().filter_map(about).collect();
        if wanted.len() < 2 || self.hold_rows(&wanted).await? == wanted.len() {
            return Ok(());
        }
        let gates: BTreeSet<i32> = wanted.iter().map(|(kind, key)| gate(kind, key)).collect();
        let gates: Vec<i32> = gates.into_iter().collect();
        let sql = "SELECT pg_advisory_xact_lock($1, gate) FROM UNNEST($2::int[]) AS o (gate)";
        let statement = self.tx.prepare_cached(sql).await?;
        self.tx.query(&statement, &[&DOCUMENT_LOCKS, &gates]).await?;
        self.hold_rows(&wanted).await?;
        Ok(())
    }

    /// Locks the documents that are there; how many.
    async fn hold_rows(&self, wanted: &BTreeSet<(&str, Vec<u8>)>) -> Result<usize, Failed> {
        let (kinds, keys): (Vec<&str>, Vec<&[u8]>) = wanted.iter().map(|(kind, key)| (*kind, key.as_slice())).unzip();
        let sql = "SELECT 1 FROM document d JOIN UNNEST($1::text[], $2::bytea[]) AS o (kind, key) \
                       ON d.kind = o.kind AND d.key = o.key ORDER BY d.kind, d.key FOR UPDATE OF d";
        let statement = self.tx.prepare_cached(sql).await?;
        Ok(self.tx.query(&statement, &[&kinds, &keys]).await?.len())
    }

    async fn step(&mut self, op: &Op) -> Result<(), Failed> {
        match op {
            Op::Write(write) => {
                if let Some(person) = &write.person {
                    self.lock(person).await?;
                }
                self.write(write).await
            }
            Op::Delete { kind, key, version } => self.delete(kind, key, *version).await,
            Op::CreatePerson(row) => self.create(row).await,
            Op::ErasePerson { person, at } => self.erase(person, *at).await,
            Op::Cursor { observer, seq } => {
                let sql = "INSERT INTO observer (name, seq) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET seq = $2";
                self.run(sql, &[observer, &seq.cast_signed()]).await.map(drop)
            }
            Op::Forget { observer } => self.run("DELETE FROM observer WHERE name = $1", &[observer]).await.map(drop),
            Op::Checkpoint(row) => {
                let sql = "INSERT INTO checkpoint (size, note) VALUES ($1, $2) ON CONFLICT (size) DO NOTHING";
                self.run(sql, &[&row.size.cast_signed(), &row.note]).await.map(drop)
            }
            Op::Prune(rows) => self.prune(rows).await,
            Op::Ring { old, new } => self.ring(old, new).await,
            Op::Rewrap(rewraps) => self.rewrap(rewraps).await,
            Op::Sweep { before, limit } => {
                let sql = "DELETE FROM document WHERE id IN (SELECT id FROM document WHERE expires < $1 \
                           ORDER BY expires LIMIT $2 FOR UPDATE SKIP LOCKED)";
                self.run(sql, &[before, &i64::from(*limit)]).await.map(drop)
            }
        }
    }

    async fn run(&self, sql: &str, params: Params<'_>) -> Result<u64, Failed> {
        let statement = self.tx.prepare_cached(sql).await?;
        Ok(self.tx.execute(&statement, params).await?)
    }

    async fn row(&self, sql: &str, params: Params<'_>) -> Result<Option<Row>, Failed> {
        let statement = self.tx.prepare_cached(sql).await?;
        Ok(self.tx.query_opt(&statement, params).await?)
    }

    /// Holds the key of a person, so that she is not erased before this transaction ends.
    async fn lock(&mut self, person: &[u8; 16]) -> Result<(), Failed> {
        if self.locked.contains(person) {
            return Ok(());
        }
        let bytes = person.as_slice();
        if self.row("SELECT 1 FROM person_key WHERE person = $1 FOR KEY SHARE", &[&bytes]).await?.is_none() {
            self.refuse_erased(person).await?;
            return Err(CommitError::NotFound.into());
        }
        self.locked.insert(*person);
        Ok(())
    }

    async fn refuse_erased(&self, person: &[u8; 16]) -> Result<(), Failed> {
        match self.row("SELECT 1 FROM erased WHERE person = $1", &[&person.as_slice()]).await? {
            Some(_) => Err(CommitError::ErasedPerson.into()),
            None => Ok(()),
        }
    }

    async fn write(&self, write: &Write) -> Result<(), Failed> {
        let conflict = || Failed::Refused(CommitError::Conflict { kind: write.kind });
        let terms = fingerprint(&write.terms);
        for _ in 0..ROUNDS {
            if write.mode != WriteMode::Insert {
                match self.held(write.kind, &write.key).await? {
                    Some((id, version, old)) => {
                        if matches!(write.mode, WriteMode::Update(expected) if expected.cast_signed() != version) {
                            return Err(conflict());
                        }
                        return self.replace(write, id, &terms, old != terms).await;
                    }
                    None if matches!(write.mode, WriteMode::Update(_)) => return Err(CommitError::NotFound.into()),
                    None => {}
                }
            }
            if let Some(id) = self.insert(write, &terms).await? {
                return self.add_terms(write, id).await;
            }
            if write.mode == WriteMode::Insert {
                return Err(conflict());
            }
        }
        Err(conflict())
    }

    /// A document, held until this transaction ends: its id, version and fingerprint of terms.
    async fn held(&self, kind: &str, key: &Key) -> Result<Option<(i64, i64, Vec<u8>)>, Failed> {
        let sql = "SELECT id, version, terms FROM document WHERE kind = $1 AND key = $2 FOR UPDATE";
        let Some(row) = self.row(sql, &[&kind, &key.as_bytes()]).await? else { return Ok(None) };
        Ok(Some((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)))
    }

    async fn insert(&self, write: &Write, terms: &[u8]) -> Result<Option<i64>, Failed> {
        let sql = "INSERT INTO document (kind, key, version, created, state, expires, person, terms, body) \
                   VALUES ($1, $2, 1, $3, $4, $5, $6, $7, $8) ON CONFLICT (kind, key) DO NOTHING RETURNING id";
        let person = write.person.as_ref().map(<[u8; 16]>::as_slice);
        let state = i16::from(write.state);
        let params: Params<'_> =
            &[&write.kind, &write.key.as_bytes(), &write.created, &state, &write.expires, &person, &terms, &write.body];
        let row = self.row(sql, params).await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    async fn replace(&self, write: &Write, id: i64, terms: &[u8], reindex: bool) -> Result<(), Failed> {
        let sql = "UPDATE document SET version = version + 1, created = $2, state = $3, expires = $4, person = $5, \
                   terms = $6, body = $7 WHERE id = $1";
        let person = write.person.as_ref().map(<[u8; 16]>::as_slice);
        let state = i16::from(write.state);
        let params: Params<'_> = &[&id, &write.created, &state, &write.expires, &person, &terms, &write.body];
        self.run(sql, params).await?;
        if reindex {
            self.run("DELETE FROM term WHERE document = $1", &[&id]).await?;
            self.run("DELETE FROM unique_term WHERE document = $1", &[&id]).await?;
            self.add_terms(write, id).await?;
        }
        Ok(())
    }

    async fn add_terms(&self, write: &Write, id: i64) -> Result<(), Failed> {
        let (unique, plain): (Vec<&Term>, Vec<&Term>) = write.terms.iter().partition(|term| term.unique);
        let columns = |terms: &[&Term]| -> (Vec<String>, Vec<Vec<u8>>) {
            terms.iter().map(|term| (term.name.clone(), term.value.clone())).unzip()
        };
        if !plain.is_empty() {
            let (names, values) = columns(&plain);
            let sql = "INSERT INTO term (kind, name, value, document) SELECT $1, t.name, t.value, $4 \
                       FROM UNNEST($2::text[], $3::bytea[]) AS t (name, value) ON CONFLICT DO NOTHING";
            self.run(sql, &[&write.kind, &names, &values, &id]).await?;
        }
        if unique.is_empty() {
            return Ok(());
        }
        let (names, values) = columns(&unique);
        let sql = "INSERT INTO unique_term (kind, name, value, document) SELECT $1, t.name, t.value, $4 \
                   FROM UNNEST($2::text[], $3::bytea[]) AS t (name, value) ON CONFLICT DO NOTHING \
                   RETURNING name, value";
        let statement = self.tx.prepare_cached(sql).await?;
        let rows = self.tx.query(&statement, &[&write.kind, &names, &values, &id]).await?;
        let mut taken = Vec::with_capacity(rows.len());
        for row in &rows {
            taken.push((row.try_get::<_, String>(0)?, row.try_get::<_, Vec<u8>>(1)?));
        }
        match unique.iter().find(|term| !taken.iter().any(|(name, value)| (name, value) == (&term.name, &term.value))) {
            None => Ok(()),
            Some(term) => Err(CommitError::Duplicate { kind: write.kind, index: term.name.clone() }.into()),
        }
    }

    async fn delete(&self, kind: &'static str, key: &Key, version: Option<u64>) -> Result<(), Failed> {
        match (self.held(kind, key).await?, version) {
            (None, None) => Ok(()),
            (None, Some(_)) => Err(CommitError::NotFound.into()),
            (Some((_, found, _)), Some(version)) if found != version.cast_signed() => {
                Err(CommitError::Conflict { kind }.into())
            }
            (Some((id, ..)), _) => self.run("DELETE FROM document WHERE id = $1", &[&id]).await.map(drop),
        }
    }

    async fn create(&mut self, row: &PersonKeyRow) -> Result<(), Failed> {
        self.exclude(&row.person).await?;
        self.refuse_erased(&row.person).await?;
        let sql = "INSERT INTO person_key (person, handle, wrapped) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        let made = self.run(sql, &[&row.person.as_slice(), &row.handle.as_slice(), &row.wrapped]).await?;
        if made == 0 {
            return Err(CommitError::Conflict { kind: "person-key" }.into());
        }
        self.locked.insert(row.person);
        Ok(())
    }

    async fn erase(&mut self, person: &[u8; 16], at: i64) -> Result<(), Failed> {
        self.exclude(person).await?;
        let bytes = person.as_slice();
        // The key first: this waits for everybody who writes about her, and then her documents are all there.
        self.run("DELETE FROM person_key WHERE person = $1", &[&bytes]).await?;
        self.run("DELETE FROM document WHERE person = $1", &[&bytes]).await?;
        // The number is drawn under the lock of its row, so numbers become visible in their order.
        let sql = "WITH next AS (UPDATE erasures SET number = number + 1 RETURNING number) \
                   INSERT INTO erased (person, at, number) SELECT $1, $2, number FROM next ON CONFLICT (person) DO NOTHING";
        self.run(sql, &[&bytes, &at]).await?;
        self.locked.remove(person);
        self.after.tell = true;
        self.after.destroyed = true;
        Ok(())
    }

    /// Making and erasing one person happen one after the other.
    async fn exclude(&self, person: &[u8; 16]) -> Result<(), Failed> {
        let key = person.last_chunk::<4>().copied().unwrap_or_default();
        let key = i32::from_be_bytes(key);
        self.run("SELECT pg_advisory_xact_lock($1, $2)", &[&PERSON_LOCKS, &key]).await.map(drop)
    }

    async fn prune(&self, rows: &[Pruned]) -> Result<(), Failed> {
        let seqs: Vec<i64> = rows.iter().map(|row| row.seq.cast_signed()).collect();
        let macs: Vec<&[u8]> = rows.iter().map(|row| row.mac.as_slice()).collect();
        let sql = "UPDATE journal SET entry = NULL, mac = p.mac FROM UNNEST($1::bigint[], $2::bytea[]) AS p (seq, mac) \
                   WHERE journal.seq = p.seq AND journal.entry IS NOT NULL";
        self.run(sql, &[&seqs, &macs]).await.map(drop)
    }

    /// Replaces the key ring where it still is the one that was rotated, so that no node's rotation is lost.
    async fn ring(&mut self, old: &[u8], new: &[u8]) -> Result<(), Failed> {
        let sql = "UPDATE ring SET blob = $2, version = version + 1 WHERE blob = $1";
        if self.run(sql, &[&old, &new]).await? == 0 {
            return Err(CommitError::Conflict { kind: "key-ring" }.into());
        }
        self.after.tell = true;
        Ok(())
    }

    async fn rewrap(&self, rewraps: &[Rewrap]) -> Result<(), Failed> {
        let people: Vec<&[u8]> = rewraps.iter().map(|one| one.person.as_slice()).collect();
        let old: Vec<&[u8]> = rewraps.iter().map(|one| one.old.as_slice()).collect();
        let new: Vec<&[u8]> = rewraps.iter().map(|one| one.new.as_slice()).collect();
        let sql = "UPDATE person_key SET wrapped = r.new FROM UNNEST($1::bytea[], $2::bytea[], $3::bytea[]) \
                   AS r (person, old, new) WHERE person_key.person = r.person AND person_key.wrapped = r.old";
        self.run(sql, &[&people, &old, &new]).await.map(drop)
    }
}

/// The advisory lock of a document.
fn gate(kind: &str, key: &[u8]) -> i32 {
    let mut digest = Sha256::new();
    digest.update(kind.as_bytes());
    digest.update(&[0]);
    digest.update(key);
    let [first, ..] = digest.finish();
    i32::from(first % GATES)
}

/// What changes when the terms of a document do.
fn fingerprint(terms: &[Term]) -> Vec<u8> {
    let mut digest = Sha256::new();
    for term in terms {
        digest.update(&[u8::from(term.unique)]);
        for part in [term.name.as_bytes(), term.value.as_slice()] {
            digest.update(&(part.len() as u64).to_be_bytes());
            digest.update(part);
        }
    }
    digest.finish().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_term_counts() {
        let term = |name: &str, value: &[u8], unique| Term { name: name.to_owned(), value: value.to_vec(), unique };
        let sets = [
            vec![],
            vec![term("a", b"b", true)],
            vec![term("a", b"b", false)],
            vec![term("ab", b"", true)],
            vec![term("", b"ab", true)],
            vec![term("a", b"", true), term("b", b"", true)],
        ];
        let distinct: HashSet<Vec<u8>> = sets.iter().map(|terms| fingerprint(terms)).collect();
        assert_eq!(distinct.len(), sets.len());
    }
}
