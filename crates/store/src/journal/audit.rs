//! Verification of the whole log: every entry, the tree, the index, and all checkpoints.

use std::collections::BTreeMap;

use testudo_crypto::KeyRing;

use super::appender::{self, RowFault};
use super::checkpoint::Checkpoint;
use super::terms::{self, SEGMENT};
use crate::ReadError;
use crate::backend::Backend;
use crate::merkle::{Frontier, Hash, Node};

/// Rows that are read at once; index segments and stored nodes end at its multiples.
const BATCH: u64 = 1_024;
/// Stored checkpoints that are read at once.
const CHECKPOINTS: u32 = 512;

/// The first entry that is not what was appended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadEntry {
    /// Its place.
    pub seq: u64,
    /// What is wrong with it.
    pub fault: RowFault,
}

/// Entries in a row whose bodies were pruned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PrunedRange {
    /// The first.
    pub from: u64,
    /// The last.
    pub to: u64,
}

/// A checkpoint that the log does not agree with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadCheckpoint {
    /// The size that it states.
    pub size: u64,
    /// Whether it comes from the file outside of the store.
    pub external: bool,
    /// What is wrong.
    pub cause: String,
}

/// What verification found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AuditReport {
    /// The name of the log.
    pub origin: String,
    /// The number of entries.
    pub size: u64,
    /// The root over them; none when an entry is bad.
    pub root: Option<Hash>,
    /// The first bad entry.
    pub bad: Option<BadEntry>,
    /// The first stored hash of the tree that is wrong, as level and place.
    pub bad_node: Option<(u32, u64)>,
    /// The first segment of the index that does not fit its entries.
    pub bad_index: Option<u64>,
    /// What was pruned.
    pub pruned: Vec<PrunedRange>,
    /// How many stored checkpoints agree.
    pub stored_checkpoints: u64,
    /// How many checkpoints of the outside file agree.
    pub external_checkpoints: u64,
    /// The checkpoints that do not.
    pub bad_checkpoints: Vec<BadCheckpoint>,
    /// The entries below this place are vouched for by a checkpoint from outside of the store.
    pub proven_to: Option<u64>,
    /// The entries from here on are covered by no checkpoint: it would not show if some had been cut off at the end.
    pub unproven_from: u64,
}

impl AuditReport {
    /// Whether nothing is wrong.
    pub fn sound(&self) -> bool {
        self.bad.is_none() && self.bad_node.is_none() && self.bad_index.is_none() && self.bad_checkpoints.is_empty()
    }
}

/// Verifies the log.
pub(crate) async fn verify(
    backend: &dyn Backend,
    ring: &KeyRing,
    origin: &str,
    external: Option<&[Checkpoint]>,
) -> Result<AuditReport, ReadError> {
    let size = *backend.head().borrow();
    let keys: Vec<[u8; 32]> = ring.checkpoint_keys().into_iter().map(|(_, key)| key).collect();
    let report = AuditReport { origin: origin.to_owned(), size, ..AuditReport::default() };
    let mut audit = Audit {
        backend,
        ring,
        keys,
        report,
        frontier: Frontier::default(),
        stated: BTreeMap::new(),
        known_to: 0,
        pairs: Vec::new(),
        segment_pruned: false,
    };
    audit.external(external.unwrap_or_default());
    audit.entries().await?;
    audit.rest().await?;
    Ok(audit.report)
}

/// A checkpoint that waits for the log to reach its size.
struct Stated {
    root: Hash,
    external: bool,
}

struct Audit<'a> {
    backend: &'a dyn Backend,
    ring: &'a KeyRing,
    keys: Vec<[u8; 32]>,
    report: AuditReport,
    frontier: Frontier,
    stated: BTreeMap<u64, Vec<Stated>>,
    /// All stored checkpoints below this size are read.
    known_to: u64,
    pairs: Vec<(u64, u16)>,
    segment_pruned: bool,
}

impl Audit<'_> {
    fn external(&mut self, checkpoints: &[Checkpoint]) {
        for checkpoint in checkpoints {
            match checkpoint.verify(&self.report.origin, &self.keys) {
                Ok(()) => self.state(checkpoint, true),
                Err(error) => self.bad_checkpoint(checkpoint.size, true, error.to_string()),
            }
        }
    }

    fn state(&mut self, checkpoint: &Checkpoint, external: bool) {
        self.stated.entry(checkpoint.size).or_default().push(Stated { root: checkpoint.root, external });
    }

    fn bad_checkpoint(&mut self, size: u64, external: bool, cause: String) {
        self.report.bad_checkpoints.push(BadCheckpoint { size, external, cause });
    }

    async fn entries(&mut self) -> Result<(), ReadError> {
        let size = self.report.size;
        let mut next = 0;
        self.agree();
        while next < size {
            let end = (next + BATCH).min(size);
            while self.known_to <= end {
                self.stored_checkpoints().await?;
            }
            let rows = self.backend.rows(next, end, u32::try_from(BATCH).unwrap_or(u32::MAX), false).await?;
            let (mut rows, mut nodes) = (rows.into_iter(), Vec::new());
            for seq in next..end {
                let checked = match rows.next().filter(|row| row.seq == seq) {
                    None => Err(RowFault::Missing),
                    Some(row) => appender::check(self.ring, &row).map(|entry| (row.leaf, entry)),
                };
                let (leaf, entry) = match checked {
                    Ok(checked) => checked,
                    Err(fault) => {
                        self.report.bad = Some(BadEntry { seq, fault });
                        return Ok(());
                    }
                };
                self.frontier.push(leaf, |node, hash| nodes.push((node, hash)));
                let offset = u16::try_from(seq % SEGMENT).unwrap_or(u16::MAX);
                match entry {
                    Some(entry) => {
                        self.pairs.extend(terms::terms(&entry.plain).into_iter().map(|term| (term, offset)));
                    }
                    None => self.pruned(seq),
                }
                self.agree();
            }
            self.nodes(&nodes).await?;
            if end.is_multiple_of(SEGMENT) {
                self.index(end / SEGMENT - 1).await?;
            }
            next = end;
        }
        self.report.root = Some(self.frontier.root());
        Ok(())
    }

    fn pruned(&mut self, seq: u64) {
        self.segment_pruned = true;
        match self.report.pruned.last_mut() {
            Some(range) if range.to + 1 == seq => range.to = seq,
            _ => self.report.pruned.push(PrunedRange { from: seq, to: seq }),
        }
    }

    /// Reads the next stored checkpoints.
    async fn stored_checkpoints(&mut self) -> Result<(), ReadError> {
        let rows = self.backend.checkpoints(self.known_to, CHECKPOINTS).await?;
        self.known_to = match rows.last() {
            Some(last) if rows.len() == CHECKPOINTS as usize => last.size + 1,
            _ => u64::MAX,
        };
        for row in rows {
            let checked = Checkpoint::parse(&row.note).and_then(|checkpoint| {
                checkpoint.verify(&self.report.origin, &self.keys)?;
                Ok(checkpoint)
            });
            match checked {
                Ok(checkpoint) if checkpoint.size == row.size => self.state(&checkpoint, false),
                Ok(_) => self.bad_checkpoint(row.size, false, "it is stored under another size".into()),
                Err(error) => self.bad_checkpoint(row.size, false, error.to_string()),
            }
        }
        Ok(())
    }

    /// Compares the checkpoints of the present size with the present root.
    fn agree(&mut self) {
        let size = self.frontier.size();
        let Some(stated) = self.stated.remove(&size) else { return };
        let root = self.frontier.root();
        for Stated { root: expected, external } in stated {
            if expected != root {
                let cause = "the entries before it are not the ones that it was made for".to_owned();
                self.bad_checkpoint(size, external, cause);
                continue;
            }
            self.report.unproven_from = size;
            if external {
                self.report.external_checkpoints += 1;
                self.report.proven_to = Some(size);
            } else {
                self.report.stored_checkpoints += 1;
            }
        }
    }

    async fn nodes(&mut self, nodes: &[(Node, Hash)]) -> Result<(), ReadError> {
        for (node, hash) in nodes {
            let stored = self.backend.nodes(node.level, node.index, node.index + 1).await?;
            if stored != [*hash] {
                self.report.bad_node.get_or_insert((node.level, node.index));
            }
        }
        Ok(())
    }

    /// The index of a segment holds exactly the terms of its entries; at least those when some were pruned.
    async fn index(&mut self, segment: u64) -> Result<(), ReadError> {
        let expected = terms::chunks(segment, &mut self.pairs);
        self.pairs.clear();
        let stored = self.backend.segment(segment).await?;
        let pairs = |chunks: &[terms::Chunk]| -> Vec<Vec<u8>> {
            chunks.iter().flat_map(|chunk| chunk.data.chunks(10).map(<[u8]>::to_vec)).collect()
        };
        let fits = if std::mem::take(&mut self.segment_pruned) {
            let stored = pairs(&stored);
            pairs(&expected).iter().all(|pair| stored.binary_search(pair).is_ok())
        } else {
            expected == stored
        };
        if !fits {
            self.report.bad_index.get_or_insert(segment);
        }
        Ok(())
    }

    /// What states a size that the log does not have.
    async fn rest(&mut self) -> Result<(), ReadError> {
        if self.report.bad.is_none() {
            while self.known_to < u64::MAX {
                self.stored_checkpoints().await?;
            }
        }
        let reached = self.frontier.size();
        let (size, grown) = (self.report.size, *self.backend.head().borrow());
        for (stated, checkpoints) in std::mem::take(&mut self.stated) {
            for Stated { external, .. } in checkpoints {
                // What was appended since this began is not looked at, but it is there.
                if stated > size && stated <= grown {
                    continue;
                }
                if stated > size {
                    let cause = format!("the log had {stated} entries then and has {size} now: its end was cut off");
                    self.bad_checkpoint(stated, external, cause);
                } else if external && stated > reached {
                    self.bad_checkpoint(stated, external, "it lies behind the first bad entry".to_owned());
                }
            }
        }
        Ok(())
    }
}
