//! What only the top floor can join, as traits that `testudo` implements.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use testudo_core::{
    Action, Actor, Admission, BlockTarget, Decision, Disclose, Execute, Issue, LimitTarget, PersonId, Refusal,
    Timestamp,
};
use testudo_identity::{Context, Pending};

use crate::{CallFacts, Disclosure};

/// A request to the admin API that wants to change something: the subject of the gate [`Execute`].
pub type AdminRequest = axum::extract::Request;

/// The answer of something that takes time.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = Result<T, ActError>> + Send + 'a>>;

/// A decision that takes time.
pub type Weighed<'a> = Pin<Box<dyn Future<Output = Decision> + Send + 'a>>;

/// Joins a decision with what the top floor knows (limits, standing, audit), and asks the gate.
pub trait Gates: Send + Sync + 'static {
    /// What takes time to find out about these tokens: how unusual it is that they are asked for in this way. To be
    /// joined before the gate is asked.
    fn weigh<'a>(&'a self, pending: &'a Pending, ctx: &'a Context) -> Weighed<'a> {
        let _ = (pending, ctx);
        Box::pin(std::future::ready(Decision::default()))
    }

    /// Since when this person has to show a second factor, if she has to.
    fn owes_second_factor(&self, person: PersonId) -> Option<Timestamp> {
        let _ = person;
        None
    }

    /// May these tokens be issued?
    fn issue(
        &self,
        pending: Pending,
        decision: Decision,
        facts: &CallFacts,
    ) -> Result<Admission<Issue, Pending>, Box<Refusal>>;

    /// May this administrator's request go to its handler?
    fn execute(
        &self,
        request: AdminRequest,
        decision: Decision,
        facts: &CallFacts,
    ) -> Result<Admission<Execute, AdminRequest>, Box<Refusal>>;

    /// May this administrator see these personal data in full?
    fn disclose(
        &self,
        disclosure: Disclosure,
        decision: Decision,
        facts: &CallFacts,
    ) -> Result<Admission<Disclose, Disclosure>, Box<Refusal>>;
}

/// Performs actions through the one match of `actions.rs`. A revocation is done once this node's standing shows it.
pub trait Acts: Send + Sync + 'static {
    /// Does it. Doing it again is no error.
    fn perform<'a>(&'a self, action: Action, by: Actor, reason: &'a str) -> Reply<'a, ()>;
    /// The same for who was asked and means it, where it hits what belongs to ourselves ([`ActError::Unconfirmed`]).
    fn perform_confirmed<'a>(&'a self, action: Action, by: Actor, reason: &'a str) -> Reply<'a, ()>;
}

/// A block in force.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Block {
    /// Whom.
    pub target: BlockTarget,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

/// Limits that are tightened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TightLimit {
    /// For whom.
    pub target: LimitTarget,
    /// Of the configured rates, in per cent.
    pub percent: u8,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

/// Routes that may only be read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ReadOnly {
    /// At and below this path.
    pub path: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

/// A file of Sigma rules.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleFile {
    /// What messages call it.
    pub name: String,
    /// YAML.
    pub text: String,
}

/// What is asked about exports, or of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ExportCall {
    /// How all targets do.
    List,
    /// Send one record that stands for no entry.
    Test {
        /// To which target.
        name: String,
    },
    /// Have a target get everything from a place on, again.
    Resend {
        /// Which.
        name: String,
        /// The place.
        from: u64,
    },
    /// Forget the place of a target that is no longer configured.
    Forget {
        /// Which.
        name: String,
    },
}

/// Rules that are to be tried on what the journal holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replay {
    /// On entries at or after this.
    pub since: Timestamp,
    /// With the rules that come with the server.
    pub pack: bool,
    /// With these.
    pub rules: Vec<RuleFile>,
}

/// What the top floor knows and does for administrators beside actions.
pub trait House: Send + Sync + 'static {
    /// Which controls are on, and why others are off.
    fn status(&self) -> Value;
    /// The blocks in force.
    fn blocks(&self) -> Vec<Block>;
    /// The limits that are tightened.
    fn tightened(&self) -> Vec<TightLimit>;
    /// The routes that may only be read.
    fn restricted(&self) -> Vec<ReadOnly>;
    /// What is usual for a person, and what speaks against her now; null if nothing is known.
    fn risk(&self, person: PersonId) -> Reply<'_, Value>;
    /// Reads the rules of a replay, and tells what is wrong with them.
    fn check_rules(&self, replay: &Replay) -> Result<(), ActError>;
    /// Runs rules on what the journal holds, and says what they find. Counts the entries in `progress`.
    fn replay(&self, replay: Replay, progress: Arc<AtomicU64>) -> Reply<'_, Value>;
    /// Makes a backup in the folder that the configuration names, and says what it wrote.
    fn backup(&self, by: Actor) -> Reply<'_, Value>;
    /// The file outside of the store to which checkpoints are appended.
    fn checkpoint_file(&self) -> Option<PathBuf>;
    /// The configuration in force, without secrets.
    fn config(&self) -> Value;
    /// Reads the configuration again, and says what changed.
    fn reload(&self, by: Actor) -> Reply<'_, Value>;
    /// Rotates a purpose key of the ring; the top floor holds the root key.
    fn rotate_ring<'a>(&'a self, purpose: &'a str, by: Actor) -> Reply<'a, Value>;
    /// Where events go: see [`ExportCall`].
    fn exports(&self, call: ExportCall, by: Actor) -> Reply<'_, Value>;
}

/// Why something was not done.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ActError {
    /// There is nothing of that name.
    #[error("there is no such {0}; check its id")]
    NotFound(&'static str),
    /// It makes no sense as it is.
    #[error("{0}")]
    Refused(String),
    /// It would hit what belongs to ourselves: whoever means it says so.
    #[error("{0}")]
    Unconfirmed(String),
    /// Something else changed the same thing.
    #[error("the same thing is being changed by somebody else; read it again and retry")]
    Conflict,
    /// Something that is needed is down.
    #[error("{0}; try again later")]
    Unavailable(String),
    /// Our own mistake.
    #[error("{0}")]
    Failed(String),
}
