//! Merkle trees of RFC 6962 (SHA-256): hashes, the compact range that grows a tree, which subtrees a proof is made of,
//! and the verification of inclusion and consistency proofs (RFC 9162 section 2.1) and of their subtree forms
//! (draft-ietf-plants-merkle-tree-certs section 4).

use std::ops::Range;

use testudo_crypto::digest;

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The proof does not prove what it was given for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProofError {
    /// The indexes or sizes make no sense together.
    #[error("the sizes or the index of the proof are out of range")]
    Range,
    /// The proof has too few or too many hashes.
    #[error("the proof has a wrong number of hashes")]
    Length,
    /// The hashes lead to another root.
    #[error("the proof leads to another root")]
    Mismatch,
}

/// The byte before an entry in the hash of its leaf.
pub(crate) const LEAF: u8 = 0;

/// The hash of a leaf: SHA-256 over 0x00 and the entry.
pub fn leaf_hash(entry: &[u8]) -> Hash {
    let mut bytes = Vec::with_capacity(entry.len() + 1);
    bytes.push(LEAF);
    bytes.extend_from_slice(entry);
    digest::sha256(&bytes)
}

/// The hash of an inner node: SHA-256 over 0x01 and both children.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1u8; 65];
    let (_, children) = bytes.split_at_mut(1);
    let (to_left, to_right) = children.split_at_mut(32);
    to_left.copy_from_slice(left);
    to_right.copy_from_slice(right);
    digest::sha256(&bytes)
}

/// The root of the empty tree: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    digest::sha256(&[])
}

/// Verifies that the leaf at `index` is in the tree of `size` leaves with this root.
pub fn verify_inclusion(index: u64, size: u64, leaf: &Hash, proof: &[Hash], root: &Hash) -> Result<(), ProofError> {
    verify_subtree_inclusion(index, 0, size, leaf, proof, root)
}

/// Verifies that the leaf at `index` is in the subtree over `start..end` with this root.
pub fn verify_subtree_inclusion(
    index: u64,
    start: u64,
    end: u64,
    leaf: &Hash,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if !is_subtree(start, end) || !(start..end).contains(&index) {
        return Err(ProofError::Range);
    }
    let (mut at, mut last, mut hash) = (index - start, end - start - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    if hash == *root { Ok(()) } else { Err(ProofError::Mismatch) }
}

/// Verifies that the tree of `size1` leaves with `root1` is a prefix of the tree of `size2` leaves with `root2`.
///
/// The empty tree is a prefix of any tree, so a proof for it would prove nothing: it is refused.
pub fn verify_consistency(
    size1: u64,
    size2: u64,
    proof: &[Hash],
    root1: &Hash,
    root2: &Hash,
) -> Result<(), ProofError> {
    if size1 == 0 {
        return Err(ProofError::Range);
    }
    verify_subtree_consistency(0, size1, size2, proof, root1, root2)
}

/// Verifies that the subtree over `start..end` with `subtree` as its root is part of the tree of `size` leaves. An
/// empty subtree is part of every tree, so nothing is learnt about `root` then.
pub fn verify_subtree_consistency(
    start: u64,
    end: u64,
    size: u64,
    proof: &[Hash],
    subtree: &Hash,
    root: &Hash,
) -> Result<(), ProofError> {
    if start == end && end <= size {
        return match (proof.is_empty(), *subtree == empty_root()) {
            (true, true) => Ok(()),
            (false, _) => Err(ProofError::Length),
            (true, false) => Err(ProofError::Mismatch),
        };
    }
    if !is_subtree(start, end) || end > size {
        return Err(ProofError::Range);
    }
    let (mut first, mut last, mut top) = (start, end - 1, size - 1);
    let at_edge = last == top;
    while first != last && (at_edge || last & 1 == 1) {
        (first, last, top) = (first >> 1, last >> 1, top >> 1);
    }
    let mut rest = proof.iter();
    let seed = if first == last { subtree } else { rest.next().ok_or(ProofError::Length)? };
    let (mut low, mut high) = (*seed, *seed);
    for sibling in rest {
        if top == 0 {
            return Err(ProofError::Length);
        }
        if last & 1 == 1 || last == top {
            if first < last {
                low = node_hash(sibling, &low);
            }
            high = node_hash(sibling, &high);
            while last & 1 == 0 && last != 0 {
                (first, last, top) = (first >> 1, last >> 1, top >> 1);
            }
        } else {
            high = node_hash(&high, sibling);
        }
        (first, last, top) = (first >> 1, last >> 1, top >> 1);
    }
    if top != 0 {
        return Err(ProofError::Length);
    }
    if low == *subtree && high == *root { Ok(()) } else { Err(ProofError::Mismatch) }
}

/// Whether `start..end` is a subtree: not empty, and `start` a multiple of its size rounded up to a power of two.
fn is_subtree(start: u64, end: u64) -> bool {
    let width = end.checked_sub(start).filter(|width| *width > 0).and_then(u64::checked_next_power_of_two);
    width.is_some_and(|width| start.is_multiple_of(width))
}

/// The ranges whose hashes prove that the leaf at `index` is in the tree of `size` leaves, from the leaf upwards.
pub(crate) fn inclusion_ranges(index: u64, size: u64) -> Vec<Range<u64>> {
    let (mut low, mut high, mut ranges) = (0, size, Vec::new());
    while high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            ranges.push(middle..high);
            high = middle;
        } else {
            ranges.push(low..middle);
            low = middle;
        }
    }
    ranges.reverse();
    ranges
}

/// The ranges whose hashes prove that the subtree over `start..end` is part of the tree of `size` leaves.
pub(crate) fn consistency_ranges(start: u64, end: u64, size: u64) -> Vec<Range<u64>> {
    let (mut low, mut high, mut ranges, mut known) = (0, size, Vec::new(), true);
    // `low..high` shrinks onto the subtree; once it was cut through, its remaining part is no longer known as a whole.
    let mut from = start;
    while (from, end) != (low, high) {
        let middle = low + split(high - low);
        if end <= middle {
            ranges.push(middle..high);
            high = middle;
        } else {
            ranges.push(low..middle);
            if from < middle {
                known = false;
                from = middle;
            }
            low = middle;
        }
    }
    if !known {
        ranges.push(low..high);
    }
    ranges.reverse();
    ranges
}

/// The largest power of two below `size`, which is at least 2.
fn split(size: u64) -> u64 {
    1 << (u64::BITS - 1 - (size - 1).leading_zeros())
}

/// A complete subtree: `1 << level` leaves from `index << level` on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Node {
    pub level: u32,
    pub index: u64,
}

impl Node {
    /// The stored nodes from which this one is computed: their level (a multiple of eight) and indexes.
    pub fn stored(self) -> (u32, Range<u64>) {
        let above = self.level % STORED;
        (self.level - above, self.index << above..(self.index + 1) << above)
    }
}

/// Nodes are stored at every eighth level; level 0 are the leaves.
pub(crate) const STORED: u32 = 8;

/// The complete subtrees that make up a range which is a subtree, the largest first.
pub(crate) fn decompose(range: &Range<u64>) -> Vec<Node> {
    let (mut at, mut nodes) = (range.start, Vec::new());
    while at < range.end {
        let level = u64::BITS - 1 - (range.end - at).leading_zeros();
        nodes.push(Node { level, index: at >> level });
        at += 1 << level;
    }
    nodes
}

/// The root over hashes of subtrees of equal size; their number is a power of two.
pub(crate) fn fold(mut hashes: Vec<Hash>) -> Option<Hash> {
    while hashes.len() > 1 {
        hashes = hashes
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => Some(node_hash(left, right)),
                _ => None,
            })
            .collect::<Option<Vec<_>>>()?;
    }
    hashes.pop()
}

/// The root over complete subtrees of falling size.
pub(crate) fn bag(peaks: &[Hash]) -> Hash {
    let mut peaks = peaks.iter().rev();
    let Some(last) = peaks.next() else { return empty_root() };
    peaks.fold(*last, |right, left| node_hash(left, &right))
}

/// The right edge of a growing tree: one hash per set bit of its size, the largest subtree first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// From the hashes of `decompose(&(0..size))`.
    pub fn new(size: u64, peaks: Vec<Hash>) -> Option<Frontier> {
        (peaks.len() == size.count_ones() as usize).then_some(Frontier { size, peaks })
    }

    /// The number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root hash.
    pub fn root(&self) -> Hash {
        bag(&self.peaks)
    }

    /// Adds a leaf; calls back with each subtree that is complete now and is to be stored.
    pub fn push(&mut self, leaf: Hash, mut store: impl FnMut(Node, Hash)) {
        let (mut hash, mut level, index) = (leaf, 0u32, self.size);
        while (index >> level) & 1 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            hash = node_hash(&left, &hash);
            level += 1;
            if level.is_multiple_of(STORED) {
                store(Node { level, index: index >> level }, hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }
}

#[cfg(test)]
mod tests;
