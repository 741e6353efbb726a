//! AES-256-GCM-SIV (RFC 8452), which stays safe when a nonce is used twice: then it tells which plaintexts are equal,
//! and nothing else. That is what tokens of values want, so they use one nonce for all.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::aead::{NONCE, TAG};
use crate::certain;

/// An AES-256-GCM-SIV key, expanded once. Its memory is wiped by aws-lc when it is dropped.
pub struct Aes256GcmSiv(LessSafeKey);

impl Aes256GcmSiv {
    /// Expands the key.
    pub fn new(key: &[u8; 32]) -> Aes256GcmSiv {
        Aes256GcmSiv(LessSafeKey::new(certain(UnboundKey::new(&AES_256_GCM_SIV, key), "expanding a key")))
    }

    /// Encrypts in place and gives the tag; `associated` is authenticated too.
    pub fn seal(&self, nonce: &[u8; NONCE], associated: &[u8], bytes: &mut [u8]) -> [u8; TAG] {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let sealed = self.0.seal_in_place_separate_tag(nonce, Aad::from(associated), bytes);
        certain(certain(sealed, "sealing").as_ref().try_into(), "sealing")
    }

    /// Decrypts in place what ends with its tag. The plaintext, if the tag belongs to this key, nonce, associated data and
    /// ciphertext; what stands in `bytes` otherwise is of no use.
    pub fn open<'a>(&self, nonce: &[u8; NONCE], associated: &[u8], bytes: &'a mut [u8]) -> Option<&'a [u8]> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.0.open_in_place(nonce, Aad::from(associated), bytes).ok().map(|plain| &*plain)
    }
}

impl fmt::Debug for Aes256GcmSiv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aes256GcmSiv([redacted])")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::*;

    /// RFC 8452, appendix C.2, the second case.
    #[test]
    fn it_agrees_with_the_standard() {
        let mut key = [0; 32];
        key[0] = 1;
        let mut nonce = [0; NONCE];
        nonce[0] = 3;
        let cipher = Aes256GcmSiv::new(&key);
        let mut bytes = vec![1, 0, 0, 0, 0, 0, 0, 0];
        let tag = cipher.seal(&nonce, &[], &mut bytes);
        bytes.extend_from_slice(&tag);
        assert_eq!(data_encoding::HEXLOWER.encode(&bytes), "c2ef328e5c71c83b843122130f7364b761e0b97427e3df28");
        assert_eq!(cipher.open(&nonce, &[], &mut bytes.clone()).unwrap(), [1, 0, 0, 0, 0, 0, 0, 0]);
        assert!(cipher.open(&nonce, b"other", &mut bytes).is_none());
    }
}
