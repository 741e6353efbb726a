//! ECDSA over P-256, P-384 and P-521 (FIPS 186-4 section 6.4) with a digest of any length.

use aws_lc_rs::digest::{self, Digest as Imported};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, UnparsedPublicKey, VerificationAlgorithm,
};

use super::dsa::signature_integers;
use super::{Digest, KeyError, Refusal};

#[derive(Clone, Copy, Debug)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// The curve of the contents of its OBJECT IDENTIFIER (RFC 5480 section 2.1.1.1).
    pub(super) fn of(oid: &[u8]) -> Option<Curve> {
        match oid {
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07] => Some(Curve::P256),
            [0x2b, 0x81, 0x04, 0x00, 0x22] => Some(Curve::P384),
            [0x2b, 0x81, 0x04, 0x00, 0x23] => Some(Curve::P521),
            _ => None,
        }
    }

    fn bits(self) -> usize {
        match self {
            Curve::P256 => 256,
            Curve::P384 => 384,
            Curve::P521 => 521,
        }
    }

    /// The verifier whose digest is the longest that the group order doesn't cut.
    fn verifier(self) -> (&'static dyn VerificationAlgorithm, &'static digest::Algorithm, usize) {
        match self {
            Curve::P256 => (&ECDSA_P256_SHA256_FIXED, &digest::SHA256, 32),
            Curve::P384 => (&ECDSA_P384_SHA384_FIXED, &digest::SHA384, 48),
            Curve::P521 => (&ECDSA_P521_SHA512_FIXED, &digest::SHA512, 64),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct EcKey {
    curve: Curve,
    point: Vec<u8>,
}

impl EcKey {
    /// A key of an uncompressed point (SEC 1 section 2.3.3); platforms read no other form.
    pub(super) fn new(curve: Curve, point: &[u8]) -> Result<EcKey, KeyError> {
        if point.first() != Some(&4) || point.len() != 1 + 2 * curve.bits().div_ceil(8) {
            return Err(KeyError::Curve);
        }
        let (algorithm, _, _) = curve.verifier();
        UnparsedPublicKey::new(algorithm, point).parse().map_err(|_| KeyError::Value)?;
        Ok(EcKey { curve, point: point.to_vec() })
    }

    pub(super) fn bits(&self) -> usize {
        self.curve.bits()
    }

    pub(super) fn verify(&self, digest: &Digest, signature: &[u8]) -> Result<bool, Refusal> {
        let (r, s) = signature_integers(signature).ok_or(Refusal::Signature)?;
        let size = self.curve.bits().div_ceil(8);
        let (Some(r), Some(s)) = (padded(r, size), padded(s, size)) else {
            return Ok(false);
        };
        // A digest counts as a number of its leftmost bits: a long one is cut, a short one is the same number with
        // zeros before it. So any digest becomes one of the length that the verifier takes.
        let (algorithm, native, length) = self.curve.verifier();
        let digest = digest.as_ref();
        let digest = padded(digest.get(..length).unwrap_or(digest), length).unwrap_or_default();
        let Ok(digest) = Imported::import_less_safe(&digest, native) else {
            return Err(Refusal::KeySize);
        };
        Ok(UnparsedPublicKey::new(algorithm, &self.point).verify_digest(&digest, &[r, s].concat()).is_ok())
    }
}

/// The number with zeros before it; `None` if it is longer.
fn padded(number: &[u8], length: usize) -> Option<Vec<u8>> {
    let zeros = length.checked_sub(number.len())?;
    let mut out = vec![0; zeros];
    out.extend_from_slice(number);
    Some(out)
}
