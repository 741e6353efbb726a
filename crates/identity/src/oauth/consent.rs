//! Consent: which scopes a person has allowed to a client that is not ours.

use serde::{Deserialize, Serialize};
use testudo_core::{ClientId, PersonId, Timestamp};
use testudo_crypto::digest::sha256;
use testudo_store::{Document, Key};

use super::scope::Scopes;

/// What a person allowed to a client.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Consent {
    /// Who.
    pub(crate) person: PersonId,
    /// To whom.
    pub(crate) client: ClientId,
    /// What.
    pub(crate) scopes: Scopes,
    /// When, for the first time.
    pub(crate) created: Timestamp,
}

impl Consent {
    /// The key of a person's consent to a client.
    pub(crate) fn key(person: PersonId, client: &ClientId) -> Key {
        let mut key = person.to_bytes().to_vec();
        key.extend_from_slice(&sha256(client.as_str().as_bytes()));
        Key::from(key)
    }
}

impl Document for Consent {
    const KIND: &'static str = "consent";

    fn id(&self) -> Key {
        Consent::key(self.person, &self.client)
    }

    fn person(&self) -> Option<PersonId> {
        Some(self.person)
    }

    fn created(&self) -> Timestamp {
        self.created
    }
}
