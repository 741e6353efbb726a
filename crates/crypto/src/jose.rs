//! A strict JOSE core: compact JWS with ES256, `EdDSA` or RS256 (RFC 7515, 7517, 7518, 7638, 8037; RFC 8725 throughout).
//!
//! The key decides the algorithm, the caller decides the type, and whatever could redirect the choice of key or the
//! meaning of the bytes (`jku`, `x5u`, `x5c`, `jwk`, `crit`, `b64`, `zip`, duplicate members, second spellings of the
//! same base64url) is refused before a signature is computed. Encryption, HMAC and nested tokens do not exist here.

mod error;
mod header;
/// A strict JSON reader.
pub mod json;
mod jwk;
mod jws;
mod keyset;
mod roca;
mod signing;

pub use self::error::{JoseError, JwkError};
pub use self::header::{Header, parse_header};
pub use self::json::JsonError;
pub use self::jwk::PublicKey;
pub use self::jws::{Expect, Verified, verify, verify_bytes, verify_with};
pub use self::keyset::KeySet;
pub use self::signing::SigningKey;

/// The longest token that is looked at.
pub const MAX_TOKEN: usize = 8 * 1024;
/// The longest `kid`.
pub const MAX_KID: usize = 128;
/// The type of `DPoP` proofs, the only tokens that carry their key.
pub const DPOP: &str = "dpop+jwt";

/// A signature algorithm.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256: what Testudo signs with.
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256 and 2048 to 4096 bits: verified, never made.
    Rs256,
}

impl Algorithm {
    /// The name in `alg`.
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::Es256 => "ES256",
            Algorithm::EdDsa => "EdDSA",
            Algorithm::Rs256 => "RS256",
        }
    }

    /// The algorithm with this name in `alg`.
    pub fn from_name(name: &str) -> Option<Algorithm> {
        [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256].into_iter().find(|algorithm| algorithm.name() == name)
    }

    fn from_header(name: &str) -> Result<Algorithm, JoseError> {
        match Algorithm::from_name(name) {
            Some(algorithm) => Ok(algorithm),
            None if name.eq_ignore_ascii_case("none") => Err(JoseError::AlgorithmNone),
            None if name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("HS")) => {
                Err(JoseError::AlgorithmSymmetric)
            }
            None => Err(JoseError::AlgorithmUnknown),
        }
    }
}

/// Whether the text may be a `kid`: 1 to [`MAX_KID`] characters of `A-Z a-z 0-9 . _ ~ -`.
fn is_kid(text: &str) -> bool {
    (1..=MAX_KID).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte))
}

#[cfg(test)]
mod tests;
