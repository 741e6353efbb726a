//! Proof Key for Code Exchange (RFC 7636), method S256 only.

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use testudo_crypto::digest::sha256;

/// The SHA-256 of a verifier.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Challenge([u8; 32]);

impl Challenge {
    /// From its 43 characters. Other lengths, padding and non-canonical last characters are refused.
    pub(crate) fn parse(text: &str) -> Option<Challenge> {
        if text.len() != 43 {
            return None;
        }
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Challenge)
    }

    /// Whether this verifier (43 to 128 unreserved characters) is the one. Constant in time for a well-formed one.
    pub(crate) fn is_met_by(&self, verifier: &str) -> bool {
        let clean = verifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
        (43..=128).contains(&verifier.len()) && clean && bool::from(sha256(verifier.as_bytes()).ct_eq(&self.0))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::Challenge;

    #[test]
    fn the_example_of_rfc_7636_appendix_b() {
        let challenge = Challenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").unwrap();
        assert!(challenge.is_met_by("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert!(!challenge.is_met_by("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl"));
        assert!(!challenge.is_met_by("short"));
    }

    #[test]
    fn a_challenge_has_one_form() {
        for bad in [
            "",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM=",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cN",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM",
        ] {
            assert!(Challenge::parse(bad).is_none(), "{bad}");
        }
    }
}
