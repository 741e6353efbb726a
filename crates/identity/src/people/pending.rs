//! A sign-in that is half way: the password was right, and something more is due within a few minutes.

use serde::{Deserialize, Serialize};
use testudo_core::{PersonId, Secret, Timestamp};
use testudo_crypto::random;
use testudo_store::{Document, Key};

use super::person::Person;
use super::sealed::TokenHash;
use crate::{Amr, IdentityConfig};

/// How many wrong codes end the attempt; the soft lock counts them as well.
const MOST_FAILURES: u8 = 5;

/// What is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stage {
    /// A code.
    SecondFactor,
    /// A new password.
    NewPassword,
}

impl Stage {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Stage::SecondFactor => "second-factor",
            Stage::NewPassword => "new-password",
        }
    }
}

/// Half a sign-in, found by the hash of the token in the browser's cookie. It is deleted with the step that completes
/// it, by version, so it completes once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) token: TokenHash,
    pub(crate) person: PersonId,
    pub(crate) stage: Stage,
    pub(crate) amr: Vec<Amr>,
    pub(crate) known: bool,
    pub(crate) epoch: u32,
    failures: u8,
    pub(crate) created: Timestamp,
    expires: Timestamp,
}

impl Pending {
    pub(crate) fn new(
        person: &Person,
        stage: Stage,
        amr: Vec<Amr>,
        known: bool,
        config: &IdentityConfig,
        now: Timestamp,
    ) -> (Pending, Secret<String>) {
        let token = random::token();
        let pending = Pending {
            token: TokenHash::of_new(&token),
            person: person.id,
            stage,
            amr,
            known,
            epoch: person.epoch,
            failures: 0,
            created: now,
            expires: now.plus(config.second_factor_within),
        };
        (pending, token)
    }

    /// Whether it may still be completed by this person.
    pub(crate) fn is_live(&self, person: &Person, stage: Stage, now: Timestamp) -> bool {
        now < self.expires && self.stage == stage && self.epoch == person.epoch && self.person == person.id
    }

    /// Counts a wrong code; tells whether it was the last one.
    pub(crate) fn fail(&mut self) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.failures >= MOST_FAILURES
    }

    pub(crate) fn key(&self) -> Key {
        Key::from(*self.token.as_bytes())
    }
}

impl Document for Pending {
    const KIND: &'static str = "pending-sign-in";

    fn id(&self) -> Key {
        self.key()
    }

    fn person(&self) -> Option<PersonId> {
        Some(self.person)
    }

    fn created(&self) -> Timestamp {
        self.created
    }

    fn expires(&self) -> Option<Timestamp> {
        Some(self.expires)
    }
}
