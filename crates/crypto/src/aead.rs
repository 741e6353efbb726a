//! AES-256-GCM (NIST SP 800-38D) with 96-bit nonces and 128-bit tags, the one cipher of the house.
//!
//! Nonces are random, so one key should seal at most 2^32 messages. A purpose key is rotated long before that, and
//! what grows without bound is sealed under keys of people and days.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::{certain, random};

/// Bytes of a nonce.
pub const NONCE: usize = NONCE_LEN;
/// Bytes of a tag.
pub const TAG: usize = 16;

/// An AES-256-GCM key, expanded once. Its memory is wiped by aws-lc when it is dropped.
pub struct Aes256Gcm(LessSafeKey);

impl Aes256Gcm {
    /// Expands the key.
    pub fn new(key: &[u8; 32]) -> Aes256Gcm {
        Aes256Gcm(LessSafeKey::new(certain(UnboundKey::new(&AES_256_GCM, key), "expanding a key")))
    }

    /// Appends a fresh nonce, the ciphertext of `plain` and the tag to `out`; `associated` is authenticated too.
    pub fn seal(&self, associated: &[u8], plain: &[u8], out: &mut Vec<u8>) {
        let nonce: [u8; NONCE] = random::array();
        out.reserve(NONCE + plain.len() + TAG);
        out.extend_from_slice(&nonce);
        let start = out.len();
        out.extend_from_slice(plain);
        let body = out.get_mut(start..).unwrap_or_default();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = certain(self.0.seal_in_place_separate_tag(nonce, Aad::from(associated), body), "sealing");
        out.extend_from_slice(tag.as_ref());
    }

    /// The plaintext, if the tag belongs to this key, nonce, associated data and ciphertext.
    pub fn open(
        &self,
        nonce: &[u8; NONCE],
        associated: &[u8],
        ciphertext: &[u8],
        tag: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        if tag.len() != TAG {
            return None;
        }
        let mut plain = Zeroizing::new(vec![0; ciphertext.len()]);
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.0.open_separate_gather(nonce, Aad::from(associated), ciphertext, tag, &mut plain).ok()?;
        Some(plain)
    }
}

impl fmt::Debug for Aes256Gcm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aes256Gcm([redacted])")
    }
}
