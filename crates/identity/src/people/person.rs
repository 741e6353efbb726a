//! A person with an account, as the store keeps her: one small document sealed under her own key.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use testudo_core::{PersonId, Secret, Timestamp};
use testudo_store::{Document, Indexes, Key};

use super::factors::{RecoveryCodes, Totp};
use super::passkeys::PasskeyId;
use super::sealed::secret_text;
use super::soft_lock::SoftLock;
use super::username::Username;

/// The blind index over user names.
pub(crate) const BY_USERNAME: &str = "username";
/// The plain index over owners.
pub(crate) const BY_ROLE: &str = "role";
/// The role of the first administrator.
pub const OWNER: &str = "owner";
/// The most roles that a person has.
pub const MOST_ROLES: usize = 32;

/// Whether a person may sign in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum PersonState {
    /// She may.
    Active = 0,
    /// She may not until an administrator unlocks her.
    Locked = 1,
    /// She must choose a new password first.
    ResetRequired = 2,
}

/// The password as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Password {
    #[serde(with = "secret_text")]
    pub(crate) phc: Secret<String>,
    pub(crate) changed: Timestamp,
}

/// The second factors of a person.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Factors {
    /// The authenticator app in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) totp: Option<Totp>,
    /// One whose first code is awaited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unconfirmed: Option<Totp>,
    /// What is left of the recovery codes.
    #[serde(default, skip_serializing_if = "RecoveryCodes::is_empty")]
    pub(crate) recovery: RecoveryCodes,
    /// Her passkeys; only those that stand here count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) passkeys: Vec<PasskeyId>,
}

/// A person with an account.
#[derive(Clone, Serialize, Deserialize)]
pub struct Person {
    pub(crate) id: PersonId,
    pub(crate) username: Username,
    pub(crate) name: String,
    pub(crate) roles: BTreeSet<String>,
    pub(crate) state: PersonState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) password: Option<Password>,
    #[serde(default)]
    pub(crate) factors: Factors,
    /// Failures from browsers that nobody knows.
    #[serde(default, skip_serializing_if = "SoftLock::is_clear")]
    pub(crate) failures: SoftLock,
    /// Failures from browsers in which she has signed in before.
    #[serde(default, skip_serializing_if = "SoftLock::is_clear")]
    pub(crate) known_failures: SoftLock,
    /// While she is locked: once she is not, she must choose a new password.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) reset_due: bool,
    /// She must choose a new password although the one she has is her own, which may be waived.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) own_password_due: bool,
    /// Counts the times when all sessions ended; a session of an older epoch is over, whenever it was written.
    #[serde(default)]
    pub(crate) epoch: u32,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
}

impl Person {
    pub(crate) fn new(id: PersonId, username: Username, name: String, now: Timestamp) -> Person {
        Person {
            id,
            username,
            name,
            roles: BTreeSet::new(),
            state: PersonState::Active,
            password: None,
            factors: Factors::default(),
            failures: SoftLock::default(),
            known_failures: SoftLock::default(),
            reset_due: false,
            own_password_due: false,
            epoch: 0,
            created: now,
            updated: now,
        }
    }

    /// Her id.
    pub fn id(&self) -> PersonId {
        self.id
    }

    /// The name that she signs in with.
    pub fn username(&self) -> &str {
        self.username.as_str()
    }

    /// The name that people call her; empty when she gave none.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Her e-mail address, when she signs in with one. Nobody has verified it.
    pub fn email(&self) -> Option<&str> {
        let username = self.username.as_str();
        username.contains('@').then_some(username)
    }

    /// Her roles.
    pub fn roles(&self) -> &BTreeSet<String> {
        &self.roles
    }

    /// Whether she may sign in.
    pub fn state(&self) -> PersonState {
        self.state
    }

    /// Whether a second factor is due when she signs in.
    pub fn has_second_factor(&self) -> bool {
        self.factors.totp.is_some() || !self.factors.passkeys.is_empty()
    }

    /// Whether an authenticator app is in use.
    pub fn has_totp(&self) -> bool {
        self.factors.totp.is_some()
    }

    /// How many passkeys she has.
    pub fn passkey_count(&self) -> usize {
        self.factors.passkeys.len()
    }

    /// How many recovery codes are left.
    pub fn recovery_codes_left(&self) -> usize {
        self.factors.recovery.left()
    }

    /// Whether her roles ask for a second factor that she has not enrolled yet.
    pub fn owes_second_factor(&self) -> bool {
        self.roles.contains(OWNER) && !self.has_second_factor()
    }

    /// When the account was made.
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// When it was last changed.
    pub fn updated(&self) -> Timestamp {
        self.updated
    }

    /// The counter that an attempt from such a browser counts on.
    pub(crate) fn lock(&self, known_browser: bool) -> &SoftLock {
        if known_browser { &self.known_failures } else { &self.failures }
    }

    pub(crate) fn lock_mut(&mut self, known_browser: bool) -> &mut SoftLock {
        if known_browser { &mut self.known_failures } else { &mut self.failures }
    }

    /// Ends all sessions that began before.
    pub(crate) fn end_sessions(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
    }
}

impl fmt::Debug for Person {
    /// The id and state only: the rest is personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person").field("id", &self.id).field("state", &self.state).finish_non_exhaustive()
    }
}

impl Document for Person {
    const KIND: &'static str = "person";

    fn id(&self) -> Key {
        Key::from(self.id)
    }

    fn person(&self) -> Option<PersonId> {
        Some(self.id)
    }

    fn created(&self) -> Timestamp {
        self.created
    }

    fn state(&self) -> u8 {
        self.state as u8
    }

    fn indexes(&self, indexes: &mut Indexes) {
        indexes.unique_blind(BY_USERNAME, self.username.as_str().as_bytes());
        if self.roles.contains(OWNER) {
            indexes.plain(BY_ROLE, OWNER);
        }
    }
}

/// Whether a text is a role: 1 to 32 of `a-z 0-9 -`, a letter first.
pub(crate) fn is_role(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.starts_with(|letter: char| letter.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// A display name, trimmed; none when it is longer than 100 characters or has control characters.
pub(crate) fn display_name(text: &str) -> Option<String> {
    let name = text.trim();
    let fits = name.len() <= 400 && name.chars().count() <= 100;
    let clean = !name.chars().any(|letter| letter.is_control() || is_direction_mark(letter));
    (fits && clean).then(|| name.to_owned())
}

/// Marks that turn the direction of text around, with which a name could disguise its surroundings.
fn is_direction_mark(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
