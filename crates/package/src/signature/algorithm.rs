//! The signature algorithms of the APK Signature Schemes v2 and later, and which of several a platform looks at.

use std::collections::BTreeMap;

use testudo_crypto::foreign::{Hash, Scheme as KeyScheme};

use super::input::{Platforms, api};

/// How the contents of the package are digested. Later ones are preferred.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ContentDigest {
    /// SHA-256 over chunks of 1 MiB.
    ChunkedSha256,
    /// The root of a Merkle tree of SHA-256 over pages of 4096 bytes, and the length (fs-verity).
    VeritySha256,
    /// SHA-512 over chunks of 1 MiB.
    ChunkedSha512,
}

impl ContentDigest {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            ContentDigest::ChunkedSha256 => "chunked SHA-256",
            ContentDigest::VeritySha256 => "verity SHA-256",
            ContentDigest::ChunkedSha512 => "chunked SHA-512",
        }
    }
}

/// A signature algorithm.
#[derive(PartialEq, Eq, Debug)]
pub struct SignatureAlgorithm {
    /// Its number in the schemes' format.
    pub id: u32,
    /// Its name.
    pub name: &'static str,
    /// How the key is used.
    pub scheme: KeyScheme,
    /// The digest that is signed.
    pub hash: Hash,
    /// How the contents of the package are digested.
    pub content: ContentDigest,
    /// The first API level that knows it.
    pub since: u32,
}

const fn algorithm(
    id: u32,
    name: &'static str,
    scheme: KeyScheme,
    hash: Hash,
    content: ContentDigest,
    since: u32,
) -> SignatureAlgorithm {
    SignatureAlgorithm { id, name, scheme, hash, content, since }
}

use ContentDigest::{ChunkedSha256, ChunkedSha512, VeritySha256};
use KeyScheme::{Dsa, Ecdsa, RsaPkcs1, RsaPss};

const ALL: [SignatureAlgorithm; 10] = [
    algorithm(0x0101, "RSASSA-PSS with SHA-256", RsaPss, Hash::Sha256, ChunkedSha256, api::NOUGAT),
    algorithm(0x0102, "RSASSA-PSS with SHA-512", RsaPss, Hash::Sha512, ChunkedSha512, api::NOUGAT),
    algorithm(0x0103, "RSASSA-PKCS1-v1_5 with SHA-256", RsaPkcs1, Hash::Sha256, ChunkedSha256, api::NOUGAT),
    algorithm(0x0104, "RSASSA-PKCS1-v1_5 with SHA-512", RsaPkcs1, Hash::Sha512, ChunkedSha512, api::NOUGAT),
    algorithm(0x0201, "ECDSA with SHA-256", Ecdsa, Hash::Sha256, ChunkedSha256, api::NOUGAT),
    algorithm(0x0202, "ECDSA with SHA-512", Ecdsa, Hash::Sha512, ChunkedSha512, api::NOUGAT),
    algorithm(0x0301, "DSA with SHA-256", Dsa, Hash::Sha256, ChunkedSha256, api::NOUGAT),
    algorithm(0x0421, "verity RSASSA-PKCS1-v1_5 with SHA-256", RsaPkcs1, Hash::Sha256, VeritySha256, api::PIE),
    algorithm(0x0423, "verity ECDSA with SHA-256", Ecdsa, Hash::Sha256, VeritySha256, api::PIE),
    algorithm(0x0425, "verity DSA with SHA-256", Dsa, Hash::Sha256, VeritySha256, api::PIE),
];

static ALGORITHMS: [SignatureAlgorithm; 10] = ALL;

impl SignatureAlgorithm {
    /// The algorithm of this number.
    pub fn find(id: u32) -> Option<&'static SignatureAlgorithm> {
        ALGORITHMS.iter().find(|algorithm| algorithm.id == id)
    }
}

/// The signatures that at least one platform of the range looks at: a platform takes the one with the best content
/// digest of those that it knows. `None` if some platform knows none of them.
pub(super) fn looked_at<'a>(
    signatures: &[(&'static SignatureAlgorithm, &'a [u8])],
    platforms: Platforms,
) -> Option<Vec<(&'static SignatureAlgorithm, &'a [u8])>> {
    let mut best: BTreeMap<u32, (&'static SignatureAlgorithm, &'a [u8])> = BTreeMap::new();
    for (algorithm, signature) in signatures.iter().filter(|(algorithm, _)| algorithm.since <= platforms.max) {
        let entry = best.entry(algorithm.since).or_insert((*algorithm, *signature));
        if algorithm.content > entry.0.content {
            *entry = (*algorithm, *signature);
        }
    }
    let first = *best.keys().next()?;
    (first <= platforms.min).then(|| best.into_values().collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn ids(wanted: &[u32], platforms: Platforms) -> Option<Vec<u32>> {
        let signatures: Vec<_> =
            wanted.iter().map(|id| (SignatureAlgorithm::find(*id).unwrap(), [].as_slice())).collect();
        looked_at(&signatures, platforms).map(|chosen| chosen.iter().map(|(algorithm, _)| algorithm.id).collect())
    }

    #[test]
    fn the_best_of_each_release_is_looked_at() {
        assert_eq!(ids(&[0x103, 0x104, 0x101], Platforms::from(24)), Some(vec![0x104]));
        assert_eq!(ids(&[0x103, 0x421], Platforms::from(24)), Some(vec![0x103, 0x421]));
        assert_eq!(ids(&[0x103, 0x421], Platforms { min: 24, max: 27 }), Some(vec![0x103]));
        assert_eq!(ids(&[0x421], Platforms::from(24)), None);
        assert_eq!(ids(&[0x421], Platforms::from(28)), Some(vec![0x421]));
        assert_eq!(ids(&[], Platforms::from(28)), None);
    }

    #[test]
    fn unknown_numbers_are_unknown() {
        assert!(SignatureAlgorithm::find(0x0105).is_none());
    }
}
