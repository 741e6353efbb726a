//! SHA-256 (FIPS 180-4), HMAC (RFC 2104) with SHA-256 and, for one-time codes, SHA-1; HKDF (RFC 5869); comparison in
//! constant time.

use std::fmt;

use aws_lc_rs::{digest, hkdf, hmac};
use subtle::ConstantTimeEq;

/// The most bytes that HKDF-SHA-256 gives: 255 blocks.
pub const HKDF_MAX: usize = 255 * 32;

/// SHA-256 of the bytes.
pub fn sha256(data: &[u8]) -> [u8; 32] {
    to_array(digest::digest(&digest::SHA256, data).as_ref())
}

/// SHA-256 over bytes that come in pieces.
#[derive(Clone)]
pub struct Sha256(digest::Context);

impl Sha256 {
    /// Starts with no bytes.
    pub fn new() -> Sha256 {
        Sha256(digest::Context::new(&digest::SHA256))
    }

    /// Takes the next piece.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The digest of all pieces.
    pub fn finish(self) -> [u8; 32] {
        to_array(self.0.finish().as_ref())
    }
}

impl Default for Sha256 {
    fn default() -> Sha256 {
        Sha256::new()
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sha256")
    }
}

/// HMAC-SHA-256. For many messages under one key, [`KeyRing::mac`](crate::KeyRing::mac) keeps the key expanded.
pub fn hmac_sha256(key: &[u8], data: &[u8]) -> [u8; 32] {
    to_array(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data).as_ref())
}

/// HMAC-SHA-1, only for the one-time codes of RFC 4226 and 6238: authenticator apps know no other algorithm reliably, and the
/// collisions of SHA-1 do not reach HMAC.
pub fn hmac_sha1(key: &[u8], data: &[u8]) -> [u8; 20] {
    to_array(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key), data).as_ref())
}

/// HKDF-SHA-256: fills `out` from the input key material; `false` (and `out` unusable) if `out` is longer than
/// [`HKDF_MAX`].
#[must_use]
pub fn hkdf_sha256(material: &[u8], salt: &[u8], info: &[u8], out: &mut [u8]) -> bool {
    if out.is_empty() {
        return true;
    }
    let key = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(material);
    key.expand(&[info], Length(out.len())).and_then(|okm| okm.fill(out)).is_ok()
}

/// Whether both are equal; how long it takes depends on the lengths only.
pub fn equal(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// An output as an array; `N` is the length that the algorithm has.
fn to_array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    array
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    #[test]
    fn sha256_of_abc() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(HEXLOWER.encode(&sha256(b"abc")), expected);
        let mut pieces = Sha256::new();
        pieces.update(b"a");
        pieces.update(b"bc");
        assert_eq!(HEXLOWER.encode(&pieces.finish()), expected);
    }

    #[test]
    fn hmac_sha1_of_rfc_2202() {
        let mac = hmac_sha1(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(HEXLOWER.encode(&mac), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    }

    #[test]
    fn hkdf_has_a_limit() {
        assert!(hkdf_sha256(b"k", b"s", b"i", &mut [0; HKDF_MAX]));
        assert!(!hkdf_sha256(b"k", b"s", b"i", &mut [0; HKDF_MAX + 1]));
    }
}
