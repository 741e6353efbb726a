//! The Merkle tree of fs-verity: SHA-256 over pages of 4096 bytes, the last filled with zeros, level upon level until one
//! page holds all digests (<https://docs.kernel.org/filesystems/fsverity.html>, section "Merkle tree").

use testudo_crypto::foreign::{Digest, Hash, Hasher};

/// The size of a page.
pub const PAGE: usize = 4096;
const DIGEST: usize = 32;

/// A tree over bytes.
#[derive(Clone, Debug)]
pub struct MerkleTree {
    /// The digest of its top page.
    pub root: Digest,
    /// Its levels from the top on, each filled up to whole pages.
    pub pages: Vec<u8>,
}

impl MerkleTree {
    /// The tree over the parts, joined; each page is hashed after the salt.
    pub fn over(parts: &[&[u8]], salt: &[u8]) -> MerkleTree {
        let mut levels = vec![digest_pages(parts, salt)];
        while let Some(top) = levels.last().filter(|level| level.len() > PAGE) {
            let next = digest_pages(&[top], salt);
            levels.push(next);
        }
        let top = levels.last().map(Vec::as_slice).unwrap_or_default();
        let root = digest_page(top, salt);
        MerkleTree { root, pages: levels.into_iter().rev().flatten().collect() }
    }
}

/// The digests of all pages, filled up to whole pages.
fn digest_pages(parts: &[&[u8]], salt: &[u8]) -> Vec<u8> {
    let total: usize = parts.iter().map(|part| part.len()).sum();
    let mut digests = Vec::with_capacity(total.div_ceil(PAGE) * DIGEST);
    let mut page = Vec::with_capacity(PAGE);
    for part in parts {
        let mut rest = *part;
        if !page.is_empty() {
            let (head, tail) = rest.split_at(rest.len().min(PAGE - page.len()));
            page.extend_from_slice(head);
            rest = tail;
            if page.len() == PAGE {
                digests.extend_from_slice(digest_page(&page, salt).as_ref());
                page.clear();
            }
        }
        let mut whole = rest.chunks_exact(PAGE);
        for chunk in whole.by_ref() {
            digests.extend_from_slice(digest_page(chunk, salt).as_ref());
        }
        page.extend_from_slice(whole.remainder());
    }
    if !page.is_empty() {
        digests.extend_from_slice(digest_page(&page, salt).as_ref());
    }
    digests.resize(digests.len().next_multiple_of(PAGE).max(PAGE), 0);
    digests
}

fn digest_page(page: &[u8], salt: &[u8]) -> Digest {
    static ZEROS: [u8; PAGE] = [0; PAGE];
    let mut hasher = Hasher::new(Hash::Sha256);
    hasher.update(salt);
    hasher.update(page);
    hasher.update(ZEROS.get(page.len().min(PAGE)..).unwrap_or_default());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    /// The tree in its definition's words: fill up, cut, hash, repeat.
    fn naive(data: &[u8], salt: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let mut levels: Vec<Vec<u8>> = Vec::new();
        let mut data = data.to_vec();
        loop {
            data.resize(data.len().next_multiple_of(PAGE), 0);
            let mut level: Vec<u8> = data
                .chunks(PAGE)
                .flat_map(|page| Hash::Sha256.digest(&[salt, page].concat()).as_ref().to_vec())
                .collect();
            level.resize(level.len().next_multiple_of(PAGE), 0);
            levels.insert(0, level.clone());
            if level.len() == PAGE {
                let root = Hash::Sha256.digest(&[salt, &level].concat()).as_ref().to_vec();
                return (root, levels.concat());
            }
            data = level;
        }
    }

    #[test]
    fn any_cut_into_parts_gives_the_same_tree() {
        let data: Vec<u8> = (0..1_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for length in [1, 4095, 4096, 4097, 4096 * 128, 4096 * 128 + 1, data.len()] {
            let data = &data[..length];
            let (root, pages) = naive(data, b"saltsalt");
            for cut in [0, length / 3, length] {
                let tree = MerkleTree::over(&[&data[..cut], &data[cut..]], b"saltsalt");
                assert_eq!(tree.root.as_ref(), root, "{length} {cut}");
                assert_eq!(tree.pages, pages);
            }
        }
    }
}
