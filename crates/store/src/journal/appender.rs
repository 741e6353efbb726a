//! Gives events their place in the log: entry, leaf hash, authentication code, tree nodes and index chunks.

use std::ops::Range;

use testudo_crypto::{KeyRing, Purpose, digest};

use super::entry::{self, Entry};
use super::terms::{self, Chunk, SEGMENT, Tail};
use crate::backend::EventDraft;
use crate::merkle::{self, Frontier, Hash, Node};

/// An entry as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Row {
    pub seq: u64,
    /// The bytes; gone when it was pruned.
    pub entry: Option<Vec<u8>>,
    pub leaf: Hash,
    pub mac: Vec<u8>,
}

/// Entries that have their places now, and what else a backend must store for them.
#[derive(Default)]
pub(crate) struct Appended {
    places: Vec<Placed>,
    /// Each entry behind the byte with which its leaf is hashed.
    bytes: Vec<u8>,
    /// Inner nodes of the tree that are complete now.
    pub nodes: Vec<(Node, Hash)>,
    /// The index of segments that are full now.
    pub chunks: Vec<Chunk>,
}

struct Placed {
    seq: u64,
    leaf: Hash,
    mac: [u8; MAC],
    bytes: Range<usize>,
}

/// A row of the journal to be stored.
#[derive(Clone, Copy)]
pub(crate) struct NewRow<'a> {
    pub seq: u64,
    pub leaf: &'a [u8],
    pub mac: &'a [u8],
    pub entry: &'a [u8],
}

impl Appended {
    /// The number of entries.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// The rows of the journal.
    pub fn rows(&self) -> impl Iterator<Item = NewRow<'_>> {
        self.places.iter().map(|Placed { seq, leaf, mac, bytes }| {
            let entry = self.bytes.get(bytes.clone()).unwrap_or_default();
            NewRow { seq: *seq, leaf, mac, entry }
        })
    }

    /// Empties it, to be used again.
    pub fn clear(&mut self) {
        self.places.clear();
        self.bytes.clear();
        self.nodes.clear();
        self.chunks.clear();
    }
}

/// From where appending goes on.
#[derive(Clone, Debug, Default)]
pub(crate) struct AppenderState {
    pub frontier: Frontier,
    pub tail: Tail,
}

/// Appends to the log. A clone of its state taken before a batch restores it when the batch fails.
#[derive(Clone, Debug, Default)]
pub(crate) struct Appender {
    frontier: Frontier,
    tail: Tail,
}

/// A mark to which an appender can be taken back within one batch.
pub(crate) struct Mark {
    frontier: Frontier,
    pairs: usize,
    segment: u64,
}

impl Appender {
    /// Goes on from a state.
    pub fn new(state: AppenderState) -> Appender {
        Appender { frontier: state.frontier, tail: state.tail }
    }

    /// The number of entries.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The index of the entries after the last full segment.
    pub fn tail(&self) -> &Tail {
        &self.tail
    }

    /// Where the appender is now.
    pub fn mark(&self) -> Mark {
        Mark { frontier: self.frontier.clone(), pairs: self.tail.pairs.len(), segment: self.tail.segment }
    }

    /// Takes the appender back to a mark; `false` when a segment was closed since, and the state must be read anew.
    pub fn take_back(&mut self, mark: Mark) -> bool {
        if mark.segment != self.tail.segment {
            return false;
        }
        self.frontier = mark.frontier;
        self.tail.pairs.truncate(mark.pairs);
        true
    }

    /// Gives a draft the next place, which is returned.
    pub fn append(&mut self, draft: &EventDraft, ring: &KeyRing, to: &mut Appended) -> u64 {
        let (seq, start) = (self.frontier.size(), to.bytes.len());
        to.bytes.push(merkle::LEAF);
        entry::encode(seq, &draft.body, &mut to.bytes);
        let leaf = digest::sha256(to.bytes.get(start..).unwrap_or_default());
        let mac = authenticate(ring, Presence::Whole, seq, &leaf);
        to.places.push(Placed { seq, leaf, mac, bytes: start + 1..to.bytes.len() });
        self.frontier.push(leaf, |node, hash| to.nodes.push((node, hash)));
        let offset = u16::try_from(seq % SEGMENT).unwrap_or(u16::MAX);
        self.tail.pairs.extend(draft.terms.iter().map(|term| (*term, offset)));
        if (seq + 1).is_multiple_of(SEGMENT) {
            to.chunks.extend(terms::chunks(self.tail.segment, &mut self.tail.pairs));
            self.tail.pairs.clear();
            self.tail.segment += 1;
        }
        seq
    }
}

/// Whether an entry is there as a whole, or pruned to its hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Presence {
    Whole,
    Pruned,
}

/// The bytes of an authentication code that are stored.
pub(crate) const MAC: usize = 32;

fn authenticated(presence: Presence, seq: u64, leaf: &Hash) -> [u8; 41] {
    let mut data = [0; 41];
    let (tag, rest) = data.split_at_mut(1);
    tag.fill(match presence {
        Presence::Whole => b'E',
        Presence::Pruned => b'P',
    });
    let (place, hash) = rest.split_at_mut(8);
    place.copy_from_slice(&seq.to_be_bytes());
    hash.copy_from_slice(leaf);
    data
}

/// The code that binds a leaf to its place, and says whether its body may be gone.
pub(crate) fn authenticate(ring: &KeyRing, presence: Presence, seq: u64, leaf: &Hash) -> [u8; MAC] {
    ring.mac(Purpose::JournalMac, &authenticated(presence, seq, leaf))
}

/// Why a stored row is not what was appended.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RowFault {
    /// The bytes do not hash to the stored leaf.
    #[error("its bytes were changed")]
    Bytes,
    /// The code does not fit the leaf at this place.
    #[error("it was not written here by this store")]
    Code,
    /// The body is gone and no pruning removed it.
    #[error("its body was removed without pruning")]
    Removed,
    /// The entry is not there.
    #[error("it is missing")]
    Missing,
    /// The bytes are authentic but do not parse.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

/// Checks a stored row; the entry when it is there as a whole.
pub(crate) fn check(ring: &KeyRing, row: &Row) -> Result<Option<Entry>, RowFault> {
    let authentic = |presence| {
        row.mac.len() == MAC
            && ring.verify_mac(Purpose::JournalMac, &authenticated(presence, row.seq, &row.leaf), &row.mac)
    };
    let Some(bytes) = &row.entry else {
        return match (authentic(Presence::Pruned), authentic(Presence::Whole)) {
            (true, _) => Ok(None),
            (false, true) => Err(RowFault::Removed),
            (false, false) => Err(RowFault::Code),
        };
    };
    if merkle::leaf_hash(bytes) != row.leaf {
        return Err(RowFault::Bytes);
    }
    if !authentic(Presence::Whole) {
        return Err(RowFault::Code);
    }
    Entry::parse(row.seq, row.leaf, bytes).map(Some).map_err(|error| RowFault::Unreadable(error.to_string()))
}

/// Rebuilds the tail from the rows after the last full segment.
pub(crate) fn tail_of(segment: u64, rows: &[Row]) -> Tail {
    let mut tail = Tail { segment, pairs: Vec::new() };
    for row in rows {
        let entry = row.entry.as_ref().and_then(|bytes| Entry::parse(row.seq, row.leaf, bytes).ok());
        let offset = u16::try_from(row.seq % SEGMENT).unwrap_or(u16::MAX);
        tail.pairs.extend(entry.iter().flat_map(|entry| terms::terms(&entry.plain)).map(|term| (term, offset)));
    }
    tail
}
