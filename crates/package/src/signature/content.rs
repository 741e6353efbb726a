//! Digests of the package outside of its signing block (APK Signature Scheme v2, "Integrity-protected contents").

use std::collections::BTreeMap;

use testudo_crypto::foreign::{Hash, Hasher};

use super::algorithm::ContentDigest;
use super::input::Archive;
use super::merkle::{MerkleTree, PAGE};
use super::signing_block::SigningBlock;

const CHUNK: usize = 1 << 20;

/// The three protected parts, and the digests of them that were asked for.
pub(super) struct Contents<'a> {
    before: &'a [u8],
    directory: &'a [u8],
    /// The end of central directory record as if the directory began where the signing block does.
    end: Vec<u8>,
    block_len: usize,
    digests: BTreeMap<ContentDigest, Option<Vec<u8>>>,
}

impl<'a> Contents<'a> {
    pub(super) fn new(archive: &Archive<'a>, block: &SigningBlock<'a>) -> Contents<'a> {
        let before = archive.bytes.get(..block.start).unwrap_or_default();
        let directory = archive.bytes.get(archive.directory.start..archive.end).unwrap_or_default();
        let mut end = archive.bytes.get(archive.end..).unwrap_or_default().to_vec();
        if let (Some(offset), Ok(start)) = (end.get_mut(16..20), u32::try_from(block.start)) {
            offset.copy_from_slice(&start.to_le_bytes());
        }
        let block_len = archive.directory.start.saturating_sub(block.start);
        Contents { before, directory, end, block_len, digests: BTreeMap::new() }
    }

    /// The digest; `None` if the package isn't aligned as this one needs.
    pub(super) fn digest(&mut self, kind: ContentDigest) -> Option<&[u8]> {
        if !self.digests.contains_key(&kind) {
            let value = match kind {
                ContentDigest::ChunkedSha256 => Some(self.chunked(Hash::Sha256)),
                ContentDigest::ChunkedSha512 => Some(self.chunked(Hash::Sha512)),
                ContentDigest::VeritySha256 => self.verity(),
            };
            self.digests.insert(kind, value);
        }
        self.digests.get(&kind)?.as_deref()
    }

    fn parts(&self) -> [&[u8]; 3] {
        [self.before, self.directory, &self.end]
    }

    fn chunked(&self, hash: Hash) -> Vec<u8> {
        let count: usize = self.parts().iter().map(|part| part.len().div_ceil(CHUNK)).sum();
        let mut top = Hasher::new(hash);
        top.update(&[0x5a]);
        top.update(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
        for chunk in self.parts().into_iter().flat_map(|part| part.chunks(CHUNK)) {
            let mut hasher = Hasher::new(hash);
            hasher.update(&[0xa5]);
            hasher.update(&u32::try_from(chunk.len()).unwrap_or_default().to_le_bytes());
            hasher.update(chunk);
            top.update(hasher.finish().as_ref());
        }
        top.finish().as_ref().to_vec()
    }

    /// The root of the tree with a salt of eight zero bytes, and the length of what it covers.
    fn verity(&self) -> Option<Vec<u8>> {
        if !self.before.len().is_multiple_of(PAGE) || !self.block_len.is_multiple_of(PAGE) {
            return None;
        }
        let mut value = MerkleTree::over(&self.parts(), &[0; 8]).root.as_ref().to_vec();
        let total: usize = self.parts().iter().map(|part| part.len()).sum();
        value.extend_from_slice(&u64::try_from(total).unwrap_or_default().to_le_bytes());
        Some(value)
    }
}
