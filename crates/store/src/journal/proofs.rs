//! Roots and proofs from stored hashes, with a bounded number of reads each.

use std::ops::Range;

use crate::ReadError;
use crate::backend::Backend;
use crate::merkle::{self, Hash};

/// The root of the tree of the first `size` entries.
pub(crate) async fn root(backend: &dyn Backend, size: u64) -> Result<Hash, ReadError> {
    range_hash(backend, &(0..size)).await
}

/// The hashes that prove that the entry at `seq` is in the tree of `size` entries.
pub(crate) async fn inclusion(backend: &dyn Backend, seq: u64, size: u64) -> Result<Vec<Hash>, ReadError> {
    if seq >= size {
        return Err(ReadError::Invalid("the entry is not in a tree of this size".into()));
    }
    hashes(backend, merkle::inclusion_ranges(seq, size)).await
}

/// The hashes that prove that the tree of `size1` entries is a prefix of the tree of `size2` entries.
pub(crate) async fn consistency(backend: &dyn Backend, size1: u64, size2: u64) -> Result<Vec<Hash>, ReadError> {
    if size1 == 0 || size1 > size2 {
        return Err(ReadError::Invalid(
            "a consistency proof goes from a tree that is not empty to a larger one".into(),
        ));
    }
    hashes(backend, merkle::consistency_ranges(0, size1, size2)).await
}

async fn hashes(backend: &dyn Backend, ranges: Vec<Range<u64>>) -> Result<Vec<Hash>, ReadError> {
    let mut hashes = Vec::with_capacity(ranges.len());
    for range in ranges {
        hashes.push(range_hash(backend, &range).await?);
    }
    Ok(hashes)
}

/// The hash over a range that is a subtree: at most 128 stored hashes per complete subtree in it.
async fn range_hash(backend: &dyn Backend, range: &Range<u64>) -> Result<Hash, ReadError> {
    let mut peaks = Vec::new();
    for node in merkle::decompose(range) {
        let (level, stored) = node.stored();
        let expected = stored.end - stored.start;
        let hashes = backend.nodes(level, stored.start, stored.end).await?;
        if hashes.len() as u64 != expected {
            return Err(ReadError::damaged("journal", format!("hashes of level {level} are missing")));
        }
        peaks.extend(merkle::fold(hashes));
    }
    Ok(merkle::bag(&peaks))
}
