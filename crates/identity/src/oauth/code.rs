//! Authorization codes: 256 random bits, stored as a hash only, good for one use within a minute.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use testudo_core::{ClientId, FamilyId, PersonId, SessionId, Timestamp};
use testudo_crypto::digest::sha256;
use testudo_store::{Document, Key};

use super::pkce::Challenge;
use super::scope::Scopes;
use crate::session::{Acr, Amr};

/// How long a code is remembered, so that a second use is noticed: longer than any access token that it gave.
const REMEMBERED: Duration = Duration::from_hours(2);

/// What a code stands for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Code {
    /// SHA-256 of the code.
    pub(crate) hash: [u8; 32],
    /// For whom it was made.
    pub(crate) client: ClientId,
    /// Who allowed it.
    pub(crate) person: PersonId,
    /// In which browser session.
    pub(crate) session: SessionId,
    /// The redirect URI as the request named it.
    pub(crate) redirect_uri: String,
    /// The PKCE challenge.
    pub(crate) challenge: Challenge,
    /// What was allowed.
    pub(crate) scopes: Scopes,
    /// For which audience.
    pub(crate) audience: String,
    /// The nonce of the request.
    pub(crate) nonce: Option<String>,
    /// When she last proved who she is.
    pub(crate) auth_time: Timestamp,
    /// How strongly.
    pub(crate) acr: Acr,
    /// By what.
    pub(crate) amr: Vec<Amr>,
    /// When it was made.
    pub(crate) created: Timestamp,
    /// The family that it gave, once it was used.
    pub(crate) used: Option<FamilyId>,
}

impl Code {
    /// The key under which a presented code is found.
    pub(crate) fn key(presented: &str) -> [u8; 32] {
        sha256(presented.as_bytes())
    }
}

impl Document for Code {
    const KIND: &'static str = "code";

    fn id(&self) -> Key {
        Key::from(self.hash)
    }

    fn person(&self) -> Option<PersonId> {
        Some(self.person)
    }

    fn created(&self) -> Timestamp {
        self.created
    }

    fn expires(&self) -> Option<Timestamp> {
        Some(self.created.plus(REMEMBERED))
    }

    fn state(&self) -> u8 {
        u8::from(self.used.is_some())
    }
}
