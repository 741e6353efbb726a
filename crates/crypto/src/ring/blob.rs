//! The wrapped form of a ring: magic, format, root key fingerprint, nonce, ciphertext, tag.
//!
//! The fingerprint tells a wrong root key from a damaged blob. Plaintext of format 1: for each purpose in order its
//! number (1 byte), the count of versions (1 byte), then per version number (4), creation in microseconds (8) and
//! secret (32), big endian, numbers ascending, nothing after. The last purpose may be missing: rings of the first version
//! did not have it.

use std::sync::Arc;

use testudo_core::Timestamp;
use zeroize::Zeroizing;

use super::{KeyRingError, MAX_VERSIONS, Purpose, Purposes, Version};
use crate::RootKey;
use crate::aead::{Aes256Gcm, NONCE, TAG};

const MAGIC: &[u8; 7] = b"testudo";
const FORMAT: u8 = 1;
const HEADER: usize = MAGIC.len() + 1 + RootKey::FINGERPRINT;
const VERSION: usize = 4 + 8 + 32;
/// A ring that is full to the last version.
const MAX_BLOB: usize = HEADER + NONCE + TAG + Purpose::ALL.len() * (2 + MAX_VERSIONS * VERSION);

pub(super) fn wrap(purposes: &Purposes, root: &RootKey) -> Vec<u8> {
    let mut plain = Zeroizing::new(Vec::with_capacity(MAX_BLOB));
    for (purpose, versions) in purposes {
        plain.push(purpose.number());
        plain.push(u8::try_from(versions.len()).unwrap_or(u8::MAX));
        for version in versions {
            plain.extend_from_slice(&version.number.to_be_bytes());
            plain.extend_from_slice(&version.created.micros().to_be_bytes());
            plain.extend_from_slice(version.secret.as_ref());
        }
    }
    let mut out = MAGIC.to_vec();
    out.push(FORMAT);
    out.extend_from_slice(&root.fingerprint());
    let header = out.clone();
    Aes256Gcm::new(&root.wrapping_key()).seal(&header, &plain, &mut out);
    out
}

pub(super) fn unwrap(root: &RootKey, blob: &[u8]) -> Result<Purposes, KeyRingError> {
    if blob.len() > MAX_BLOB {
        return Err(KeyRingError::Damaged("too long"));
    }
    let (header, rest) = blob.split_first_chunk::<HEADER>().ok_or(KeyRingError::Damaged("cut off"))?;
    let rest_of_header = header.strip_prefix(MAGIC).ok_or(KeyRingError::Damaged("not a key ring"))?;
    let (format, fingerprint) = rest_of_header.split_first().ok_or(KeyRingError::Damaged("cut off"))?;
    if *format != FORMAT {
        return Err(KeyRingError::UnknownFormat(*format));
    }
    if fingerprint != root.fingerprint() {
        return Err(KeyRingError::WrongRootKey);
    }
    let (nonce, rest) = rest.split_first_chunk::<NONCE>().ok_or(KeyRingError::Damaged("cut off"))?;
    let (ciphertext, tag) = rest.split_last_chunk::<TAG>().ok_or(KeyRingError::Damaged("cut off"))?;
    let key = Aes256Gcm::new(&root.wrapping_key());
    let plain = key.open(nonce, header, ciphertext, tag).ok_or(KeyRingError::Damaged("authentication failed"))?;
    parse(&plain).ok_or(KeyRingError::Damaged("its content is not a key ring"))
}

fn parse(plain: &[u8]) -> Option<Purposes> {
    let mut rest = plain;
    let mut purposes = Purposes::new();
    for purpose in Purpose::ALL {
        if rest.is_empty() && purpose == Purpose::Masking {
            // A ring from before this purpose: every node makes the same key of it, saved or not.
            let index = purposes.get(&Purpose::BlindIndex)?.first()?;
            let secret = super::derive(&index.secret, Purpose::BlindIndex, b"masking");
            purposes.insert(purpose, vec![Arc::new(Version::new(purpose, 1, index.created, secret))]);
            break;
        }
        let (&[number, count], tail) = rest.split_first_chunk::<2>()?;
        rest = tail;
        if number != purpose.number() || count == 0 || usize::from(count) > MAX_VERSIONS {
            return None;
        }
        let mut versions: Vec<Arc<Version>> = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            let (number, tail) = rest.split_first_chunk::<4>()?;
            let (created, tail) = tail.split_first_chunk::<8>()?;
            let (secret, tail) = tail.split_first_chunk::<32>()?;
            rest = tail;
            let number = u32::from_be_bytes(*number);
            if number <= versions.last().map_or(0, |version| version.number) {
                return None;
            }
            let created = Timestamp::from_micros(i64::from_be_bytes(*created));
            versions.push(Arc::new(Version::new(purpose, number, created, Zeroizing::new(*secret))));
        }
        purposes.insert(purpose, versions);
    }
    rest.is_empty().then_some(purposes)
}
