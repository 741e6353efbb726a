//! The API levels on which pairs of digest and signature algorithm verify in a JAR signature block. They follow from the
//! names that each release's cryptography library registered for the pair of object identifiers.

use testudo_crypto::foreign::{Hash, Scheme};

use super::super::input::Platforms;
use super::super::name::dotted;

/// The signature algorithm of a `SignerInfo`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Signature {
    pub(super) scheme: Scheme,
    /// The hash that its identifier names, if it does.
    hash: Option<Hash>,
}

impl Signature {
    /// Of an object identifier (RFC 3370, RFC 5754).
    pub(super) fn of(oid: &[u8]) -> Option<Signature> {
        let (scheme, hash) = match oid {
            [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last] => (
                Scheme::RsaPkcs1,
                match last {
                    1 => None,
                    4 => Some(Hash::Md5),
                    5 => Some(Hash::Sha1),
                    11 => Some(Hash::Sha256),
                    12 => Some(Hash::Sha384),
                    13 => Some(Hash::Sha512),
                    14 => Some(Hash::Sha224),
                    _ => return None,
                },
            ),
            [0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 1] => (Scheme::Dsa, None),
            [0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 3] => (Scheme::Dsa, Some(Hash::Sha1)),
            [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 1] => (Scheme::Dsa, Some(Hash::Sha224)),
            [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 2] => (Scheme::Dsa, Some(Hash::Sha256)),
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01] => (Scheme::Ecdsa, None),
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01] => (Scheme::Ecdsa, Some(Hash::Sha1)),
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, last] => (
                Scheme::Ecdsa,
                Some(match last {
                    1 => Hash::Sha224,
                    2 => Hash::Sha256,
                    3 => Hash::Sha384,
                    4 => Hash::Sha512,
                    _ => return None,
                }),
            ),
            _ => return None,
        };
        Some(Signature { scheme, hash })
    }

    /// The hash that is signed: the one it names, else the one of the digest algorithm.
    pub(super) fn hash(self, digest: Hash) -> Hash {
        self.hash.unwrap_or(digest)
    }

    /// For people.
    pub(super) fn name(self) -> String {
        let family = match self.scheme {
            Scheme::RsaPkcs1 | Scheme::RsaPss => "RSA",
            Scheme::Ecdsa => "ECDSA",
            Scheme::Dsa => "DSA",
        };
        self.hash.map_or_else(|| family.to_owned(), |hash| format!("{family} with {hash}"))
    }
}

/// The hash of a digest algorithm's object identifier.
pub(super) fn digest_of(oid: &[u8]) -> Option<Hash> {
    match oid {
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05] => Some(Hash::Md5),
        [0x2b, 0x0e, 0x03, 0x02, 0x1a] => Some(Hash::Sha1),
        [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last] => match last {
            1 => Some(Hash::Sha256),
            2 => Some(Hash::Sha384),
            3 => Some(Hash::Sha512),
            4 => Some(Hash::Sha224),
            _ => None,
        },
        _ => None,
    }
}

/// What to call an object identifier.
pub(super) fn describe(digest: &[u8], signature: &[u8]) -> (String, String) {
    let digest = digest_of(digest).map_or_else(|| dotted(digest), |hash| hash.to_string());
    let signature = Signature::of(signature).map_or_else(|| dotted(signature), Signature::name);
    (digest, signature)
}

const END: u32 = Platforms::NEWEST;

/// Ranges of API levels on which the pair verifies, in order.
fn supported(digest: Hash, signature: Signature) -> &'static [(u32, u32)] {
    use Hash::{Md5, Sha1, Sha224, Sha256, Sha384, Sha512};
    // Releases 21 to 23 took a signature algorithm by its own name, whatever the digest algorithm beside it was.
    const BY_ITS_OWN_NAME: &[(u32, u32)] = &[(21, 23)];
    const ALWAYS: &[(u32, u32)] = &[(0, END)];
    match (signature.scheme, digest, signature.hash) {
        (Scheme::RsaPkcs1, Md5 | Sha1, None) | (Scheme::RsaPkcs1, Sha1, Some(Sha1)) | (Scheme::Dsa, Sha1, None) => {
            ALWAYS
        }
        (Scheme::RsaPkcs1, Sha224, None | Some(Sha224)) | (Scheme::RsaPkcs1, Md5, Some(Md5)) => &[(0, 8), (21, END)],
        (Scheme::RsaPkcs1, Sha256, None | Some(Sha256)) => &[(0, 8), (18, END)],
        (Scheme::RsaPkcs1, Sha224, Some(Sha256))
        | (Scheme::RsaPkcs1, Sha256, Some(Sha1))
        | (Scheme::RsaPkcs1, Sha512, Some(Sha384)) => &[(21, 21)],
        (Scheme::Dsa, Sha1, Some(Sha1)) => &[(9, END)],
        (Scheme::Dsa, Sha224 | Sha256, None) => &[(22, END)],
        (Scheme::Dsa, _, None) | (Scheme::Ecdsa, Md5, None) => &[],
        (Scheme::RsaPkcs1, Sha384 | Sha512, None)
        | (Scheme::Ecdsa, Sha1 | Sha256 | Sha384 | Sha512, None)
        | (Scheme::Ecdsa, Sha1, Some(Sha1)) => &[(18, END)],
        (Scheme::Ecdsa, Sha224, None) => &[(21, END)],
        (_, digest, Some(own)) if digest == own => &[(21, END)],
        _ => BY_ITS_OWN_NAME,
    }
}

/// The API levels of the range on which the pair does not verify, for people; `None` if it verifies on all.
pub(super) fn unsupported_levels(digest: &[u8], signature: &[u8], platforms: Platforms) -> Option<String> {
    let ranges = match (digest_of(digest), Signature::of(signature)) {
        (Some(digest), Some(signature)) => supported(digest, signature),
        _ => &[],
    };
    let mut missing: Vec<(u32, u32)> = Vec::new();
    let mut next = Some(platforms.min);
    for (from, to) in ranges {
        let Some(level) = next.filter(|level| *level <= platforms.max) else { break };
        if level < *from {
            missing.push((level, (from - 1).min(platforms.max)));
        }
        next = if *to == END { None } else { Some(level.max(to + 1)) };
    }
    if let Some(level) = next.filter(|level| *level <= platforms.max) {
        missing.push((level, platforms.max));
    }
    let texts: Vec<String> = missing
        .into_iter()
        .map(|(from, to)| match to {
            END => format!("{from}+"),
            to if to == from => from.to_string(),
            to => format!("{from}-{to}"),
        })
        .collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA1: &[u8] = &[0x2b, 0x0e, 0x03, 0x02, 0x1a];
    const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 1];
    const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 1];
    const SHA256_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 11];
    const DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 1];

    fn levels(digest: &[u8], signature: &[u8], min: u32, max: u32) -> Option<String> {
        unsupported_levels(digest, signature, Platforms { min, max })
    }

    #[test]
    fn gaps_are_named() {
        assert_eq!(levels(SHA1, RSA, 1, END), None);
        assert_eq!(levels(SHA256, SHA256_RSA, 18, END), None);
        assert_eq!(levels(SHA256, SHA256_RSA, 4, END), Some("9-17".into()));
        assert_eq!(levels(SHA256, DSA, 18, END), Some("18-21".into()));
        assert_eq!(levels(SHA256, DSA, 21, END), Some("21".into()));
        assert_eq!(levels(SHA256, DSA, 22, END), None);
        assert_eq!(levels(SHA1, SHA256_RSA, 18, END), Some("18-20, 24+".into()));
        assert_eq!(levels(SHA1, SHA256_RSA, 21, 23), None);
        assert_eq!(levels(SHA1, &[1], 5, 6), Some("5-6".into()));
    }
}
