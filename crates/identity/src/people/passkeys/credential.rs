//! A passkey as the store keeps it: sealed under its person's key, found by the hash of its credential id.
//!
//! The person's record lists the ids of her passkeys, and only those count. Both change in one transaction, so of two
//! parallel changes one wins, and a passkey that was taken from the list is worth nothing from that instant.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use testudo_core::{PersonId, Timestamp};
use testudo_crypto::digest::sha256;
use testudo_store::{Document, Indexes, Key};
use webauthn_rs::prelude as webauthn;

/// How many passkeys a person has at most.
pub(crate) const MOST: usize = 10;
const BYTES: usize = 16;
const PREFIX: &str = "pky_";

/// The id of a passkey: 128 bits of the hash of its credential id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PasskeyId([u8; BYTES]);

/// A text that is no id of a passkey.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this is no id of a passkey: they look like `pky_` and 32 of `0-9 a-f`")]
pub struct PasskeyIdError;

impl PasskeyId {
    /// The id of a credential.
    pub(crate) fn of(credential: &[u8]) -> PasskeyId {
        let mut bytes = b"passkey\0".to_vec();
        bytes.extend_from_slice(credential);
        let mut id = [0; BYTES];
        for (to, from) in id.iter_mut().zip(sha256(&bytes)) {
            *to = from;
        }
        PasskeyId(id)
    }
}

impl From<PasskeyId> for Key {
    fn from(id: PasskeyId) -> Key {
        Key::from(id.0)
    }
}

impl fmt::Display for PasskeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", HEXLOWER.encode(&self.0))
    }
}

impl FromStr for PasskeyId {
    type Err = PasskeyIdError;

    fn from_str(text: &str) -> Result<PasskeyId, PasskeyIdError> {
        let hex = text.strip_prefix(PREFIX).ok_or(PasskeyIdError)?;
        let bytes = HEXLOWER.decode(hex.as_bytes()).map_err(|_| PasskeyIdError)?;
        bytes.try_into().map(PasskeyId).map_err(|_| PasskeyIdError)
    }
}

impl Serialize for PasskeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PasskeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PasskeyId, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A passkey of a person.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Passkey {
    pub(crate) id: PasskeyId,
    pub(crate) person: PersonId,
    /// What she calls it.
    pub(crate) name: String,
    /// The host for which it was made.
    pub(crate) relying_party: String,
    pub(crate) credential: webauthn::Passkey,
    /// Whether her platform keeps copies of it.
    pub(crate) synced: bool,
    pub(crate) created: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) used: Option<Timestamp>,
}

impl fmt::Debug for Passkey {
    /// The id only: the rest is personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passkey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Passkey {
    pub(crate) fn view(&self) -> PasskeyView {
        PasskeyView {
            id: self.id,
            name: self.name.clone(),
            host: self.relying_party.clone(),
            synced: self.synced,
            created: self.created,
            used: self.used,
        }
    }
}

impl Document for Passkey {
    const KIND: &'static str = "passkey";

    fn id(&self) -> Key {
        self.id.into()
    }

    fn person(&self) -> Option<PersonId> {
        Some(self.person)
    }

    fn created(&self) -> Timestamp {
        self.created
    }

    fn indexes(&self, indexes: &mut Indexes) {
        indexes.plain("person", self.person.to_bytes());
    }
}

/// A passkey as its person and administrators see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PasskeyView {
    /// Its id.
    pub id: PasskeyId,
    /// What she calls it; personal.
    pub name: String,
    /// The host at which it works.
    pub host: String,
    /// Whether her platform keeps copies of it (its backup state).
    pub synced: bool,
    /// When it was added.
    pub created: Timestamp,
    /// When it was last used.
    pub used: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let id = PasskeyId::of(b"credential");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_ne!(id, PasskeyId::of(b"credentiam"));
        let text = id.to_string();
        for bad in ["", "pky_", "pky_00", &text.to_uppercase(), &format!("{text}0"), &text.replace("pky_", "")] {
            assert_eq!(bad.parse::<PasskeyId>(), Err(PasskeyIdError), "{bad}");
        }
    }
}
