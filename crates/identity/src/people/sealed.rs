//! How secrets and the hashes of random tokens lie in documents.

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::ConstantTimeEq;
use testudo_core::Secret;
use testudo_crypto::digest::sha256;

/// Serde of a secret text inside a document, which the store seals.
pub(crate) mod secret_text {
    use super::{Deserialize, Deserializer, Secret, Serializer};

    pub(crate) fn serialize<S: Serializer>(secret: &Secret<String>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.expose())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret<String>, D::Error> {
        String::deserialize(deserializer).map(Secret::new)
    }
}

/// The SHA-256 of a random token. The token has 256 bits, so a plain hash is enough: nothing can be guessed.
#[derive(Clone, Copy, Debug, PartialOrd, Ord)]
pub(crate) struct TokenHash([u8; 32]);

impl TokenHash {
    /// The longest text that is hashed; no token of ours is longer.
    const LONGEST: usize = 128;

    /// The hash of a token as it came from a caller; none when it can't be one of ours.
    pub(crate) fn of(token: &str) -> Option<TokenHash> {
        let plausible = (1..=TokenHash::LONGEST).contains(&token.len());
        plausible.then(|| TokenHash(sha256(token.as_bytes())))
    }

    /// The hash of a token that was just made.
    pub(crate) fn of_new(token: &Secret<String>) -> TokenHash {
        TokenHash(sha256(token.expose().as_bytes()))
    }

    /// The hash of parts, each with its length before it, so that no two lists of parts are the same bytes.
    pub(crate) fn of_parts(parts: &[&[u8]]) -> TokenHash {
        let mut bytes = zeroize::Zeroizing::new(Vec::new());
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        TokenHash(sha256(&bytes))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for TokenHash {
    fn eq(&self, other: &TokenHash) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for TokenHash {}

impl Serialize for TokenHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64URL_NOPAD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for TokenHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TokenHash, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(serde::de::Error::custom)?;
        bytes.try_into().map(TokenHash).map_err(|_| serde::de::Error::custom("a token hash has 32 bytes"))
    }
}
