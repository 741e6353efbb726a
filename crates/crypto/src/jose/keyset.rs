//! A set of public keys, found by `kid` (RFC 7517 section 5).

use serde_json::{Value, json};

use super::JwkError;
use super::json::parse_strict;
use super::jwk::PublicKey;

/// A set of public keys with distinct ids.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct KeySet(Vec<PublicKey>);

impl KeySet {
    /// The most keys of a set.
    pub const MAX: usize = 64;

    /// A set of these keys; a key that is there twice counts once, two keys with one `kid` are refused.
    pub fn new(keys: Vec<PublicKey>) -> Result<KeySet, JwkError> {
        let mut set = KeySet::default();
        for key in keys {
            match set.get(key.kid()) {
                Some(held) if *held == key => {}
                Some(_) => return Err(JwkError::DuplicateKid),
                None if set.0.len() == KeySet::MAX => return Err(JwkError::TooMany),
                None => set.0.push(key),
            }
        }
        Ok(set)
    }

    /// The set of a JWKS document in which every key is a usable public key.
    pub fn from_jwks(bytes: &[u8]) -> Result<KeySet, JwkError> {
        let Value::Object(members) = parse_strict(bytes).map_err(JwkError::Json)? else {
            return Err(JwkError::NotObject);
        };
        let keys = members.get("keys").ok_or(JwkError::Missing("keys"))?;
        let keys = keys.as_array().ok_or(JwkError::MemberType("keys"))?;
        if keys.len() > KeySet::MAX {
            return Err(JwkError::TooMany);
        }
        let mut kids = Vec::with_capacity(keys.len());
        let mut set = Vec::with_capacity(keys.len());
        for key in keys {
            let key = PublicKey::from_members(key.as_object().ok_or(JwkError::NotObject)?)?;
            if kids.iter().any(|kid| kid == key.kid()) {
                return Err(JwkError::DuplicateKid);
            }
            kids.push(key.kid().to_owned());
            set.push(key);
        }
        KeySet::new(set)
    }

    /// The key with this id.
    pub fn get(&self, kid: &str) -> Option<&PublicKey> {
        self.0.iter().find(|key| key.kid() == kid)
    }

    /// All keys, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &PublicKey> {
        self.0.iter()
    }

    /// The JWKS document.
    pub fn to_jwks_json(&self) -> Value {
        json!({ "keys": self.0.iter().map(PublicKey::to_jwk_json).collect::<Vec<_>>() })
    }
}
