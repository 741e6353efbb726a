//! Signatures that others made, verified and never made here: what old and new app packages carry.
//!
//! RSASSA-PKCS1-v1_5 and RSASSA-PSS (RFC 8017) with 512 to 16384 bits, ECDSA over P-256, P-384 and P-521 and DSA
//! (FIPS 186-4), with MD5, SHA-1 and SHA-2. These sizes and digests are far outside of what Testudo accepts for itself
//! (see [`crate::jose`]): a verdict from here says that a signature is what it claims, not that it is strong. Keys,
//! signatures and messages are public, so nothing runs in constant time.
//!
//! To add an algorithm: a variant of [`Scheme`] and its arm in [`PublicKey::verify`]; a key type needs a variant of
//! [`KeyKind`] and its reader in `spki.rs`.

pub mod der;
mod dsa;
mod ecdsa;
mod hash;
mod modulus;
mod rsa;
mod spki;
#[cfg(test)]
mod tests;

use thiserror::Error;

pub use hash::{Digest, Hash, Hasher};
pub use spki::canonical_spki;

/// How the message was signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    /// RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2).
    RsaPkcs1,
    /// RSASSA-PSS with MGF1 over the same hash and a salt as long as its output (RFC 8017 section 8.1).
    RsaPss,
    /// ECDSA with an ASN.1 signature value (RFC 3279 section 2.2.3).
    Ecdsa,
    /// DSA with an ASN.1 signature value (RFC 3279 section 2.2.2).
    Dsa,
}

/// The family of a public key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyKind {
    /// RSA.
    Rsa,
    /// Elliptic curve of NIST.
    Ec,
    /// DSA.
    Dsa,
}

/// Why a `SubjectPublicKeyInfo` gives no key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum KeyError {
    /// The bytes are no key.
    #[error("malformed public key: {0}")]
    Encoding(#[from] der::DerError),
    /// Nothing here knows this key type.
    #[error("unsupported public key algorithm")]
    Algorithm,
    /// Nothing here knows this curve or this form of a point.
    #[error("unsupported elliptic curve or form of its point")]
    Curve,
    /// The key is too small, too large or its numbers make no sense.
    #[error("public key has an unusable size or value")]
    Value,
}

/// Why a signature was not even compared. This is a different fact from a signature that does not match.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Refusal {
    /// The key is of another family than the signature.
    #[error("key does not fit the signature algorithm")]
    KeyKind,
    /// The digest is too long for the key.
    #[error("key size does not fit the digest")]
    KeySize,
    /// The signature has the wrong length or is no ASN.1 value.
    #[error("malformed signature value")]
    Signature,
}

/// A public key to verify foreign signatures with.
#[derive(Clone, Debug)]
pub struct PublicKey(Key);

#[derive(Clone, Debug)]
enum Key {
    Rsa(rsa::RsaKey),
    Ec(ecdsa::EcKey),
    Dsa(dsa::DsaKey),
}

impl PublicKey {
    /// The key in a DER `SubjectPublicKeyInfo` (RFC 5280 section 4.1.2.7).
    pub fn from_spki(spki: &[u8]) -> Result<PublicKey, KeyError> {
        spki::read(spki).map(PublicKey)
    }

    /// The family.
    pub fn kind(&self) -> KeyKind {
        match self.0 {
            Key::Rsa(_) => KeyKind::Rsa,
            Key::Ec(_) => KeyKind::Ec,
            Key::Dsa(_) => KeyKind::Dsa,
        }
    }

    /// The size in bits: of the modulus (RSA), of the field (EC), of the prime p (DSA).
    pub fn bits(&self) -> usize {
        match &self.0 {
            Key::Rsa(key) => key.bits(),
            Key::Ec(key) => key.bits(),
            Key::Dsa(key) => key.bits(),
        }
    }

    /// Whether the signature over the pieces of a message, joined, is right.
    pub fn verify(&self, scheme: Scheme, hash: Hash, message: &[&[u8]], signature: &[u8]) -> Result<bool, Refusal> {
        let mut hasher = Hasher::new(hash);
        for piece in message {
            hasher.update(piece);
        }
        let digest = hasher.finish();
        match (&self.0, scheme) {
            (Key::Rsa(key), Scheme::RsaPkcs1) => key.verify_pkcs1(hash, &digest, signature),
            (Key::Rsa(key), Scheme::RsaPss) => key.verify_pss(hash, &digest, signature),
            (Key::Ec(key), Scheme::Ecdsa) => key.verify(&digest, signature),
            (Key::Dsa(key), Scheme::Dsa) => key.verify(&digest, signature),
            _ => Err(Refusal::KeyKind),
        }
    }
}
