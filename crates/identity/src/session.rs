//! A browser session: one sign-in of one person in one browser. Refresh families descend from it and die with it.

use std::collections::BTreeSet;
use std::fmt;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use testudo_core::{PersonId, SessionId, Timestamp};
use testudo_store::{Document, Indexes, Key};

/// How somebody proved who she is (RFC 8176).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Amr {
    /// A password.
    Pwd,
    /// A one-time code of her authenticator.
    Otp,
    /// A recovery code. Not registered; RFC 8176 leaves values open.
    Rc,
    /// Proof of possession of a key: a passkey, which also verified her by PIN or biometrics.
    Pop,
    /// More than one factor.
    Mfa,
}

/// How strong a sign-in is, as in the `acr` claim. The order is the strength.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Acr {
    /// One factor.
    #[serde(rename = "urn:testudo:acr:1")]
    Password,
    /// Two factors.
    #[serde(rename = "urn:testudo:acr:2")]
    SecondFactor,
}

impl Acr {
    /// All values, weakest first.
    pub const ALL: &'static [Acr] = &[Acr::Password, Acr::SecondFactor];

    /// The claim's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Acr::Password => "urn:testudo:acr:1",
            Acr::SecondFactor => "urn:testudo:acr:2",
        }
    }

    /// The level as a number, for policies.
    pub const fn level(self) -> u8 {
        match self {
            Acr::Password => 1,
            Acr::SecondFactor => 2,
        }
    }

    /// From the claim's value.
    pub fn parse(text: &str) -> Option<Acr> {
        Acr::ALL.iter().copied().find(|acr| acr.as_str() == text)
    }
}

impl fmt::Display for Acr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Somebody who is signed in to a browser session, as the rest of the house needs to know her.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedIn {
    /// Who.
    pub person: PersonId,
    /// In which session.
    pub session: SessionId,
    /// When she last proved who she is.
    pub auth_time: Timestamp,
    /// How strongly.
    pub acr: Acr,
    /// By what.
    pub amr: Vec<Amr>,
    /// Her roles.
    pub roles: BTreeSet<String>,
    /// At which address.
    pub entrance: Entrance,
    /// When she last showed a second factor in this session.
    pub factor_time: Option<Timestamp>,
}

/// How long a second factor counts as fresh: long enough for a destructive act and its reason, and no longer.
pub const FRESH_FACTOR: Duration = Duration::from_mins(10);

impl SignedIn {
    /// How long ago she showed a second factor; none when she never did in this session.
    pub fn factor_age(&self, now: Timestamp) -> Option<Duration> {
        let shown = self.factor_time.filter(|_| self.acr >= Acr::SecondFactor)?;
        Some(now.since(shown))
    }

    /// Whether she showed a second factor within [`FRESH_FACTOR`].
    pub fn has_fresh_factor(&self, now: Timestamp) -> bool {
        self.factor_age(now).is_some_and(|age| age <= FRESH_FACTOR)
    }
}

/// The address at which a session began. Its cookie is worth nothing at the other one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entrance {
    /// The public one, where people sign in to apps.
    #[default]
    Public,
    /// The admin address, where administrators use the console.
    Admin,
}

/// Whether a session is alive.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionState {
    /// It may be used.
    Active,
    /// It ended by sign-out or revocation.
    Revoked,
}

/// A browser session as it is stored, sealed under the person's key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// Its id, which is no secret.
    pub id: SessionId,
    /// Whose it is.
    pub person: PersonId,
    /// SHA-256 of the cookie's secret.
    pub cookie: [u8; 32],
    /// When it began.
    pub created: Timestamp,
    /// When it was last used, to the minute.
    pub seen: Timestamp,
    /// When it ends at the latest.
    pub ends: Timestamp,
    /// When she last proved who she is.
    pub auth_time: Timestamp,
    /// How strongly.
    pub acr: Acr,
    /// By what.
    pub amr: Vec<Amr>,
    /// Whether it is alive.
    pub state: SessionState,
    /// The address that it began from.
    pub address: Option<String>,
    /// The browser that it began in.
    pub user_agent: Option<String>,
    /// The person's epoch when it was written; when hers is another, all sessions ended in between.
    #[serde(default)]
    pub epoch: u32,
    /// At which address it began.
    #[serde(default)]
    pub entrance: Entrance,
    /// When she last showed a second factor in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor_time: Option<Timestamp>,
}

impl Document for Session {
    const KIND: &'static str = "session";

    fn id(&self) -> Key {
        Key::from(self.id.to_bytes())
    }

    fn person(&self) -> Option<PersonId> {
        Some(self.person)
    }

    fn created(&self) -> Timestamp {
        self.created
    }

    fn expires(&self) -> Option<Timestamp> {
        Some(self.ends)
    }

    fn state(&self) -> u8 {
        match self.state {
            SessionState::Active => 0,
            SessionState::Revoked => 1,
        }
    }

    fn indexes(&self, indexes: &mut Indexes) {
        // Ended ones are found by their id only, so that they never crowd out what can still be ended.
        if self.state == SessionState::Active {
            indexes.plain("person", self.person.to_bytes());
        }
        indexes.unique_plain("cookie", self.cookie);
    }
}
