//! One action of an incident, from its proposal to its end.

use serde::{Deserialize, Serialize};
use testudo_core::{Action, ResponseId, Timestamp};

use crate::By;

/// Where a response stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResponseState {
    /// It waits for an administrator.
    Proposed,
    /// It is allowed, and is being done.
    Approved,
    /// An administrator refused it.
    Declined,
    /// It was done; if it can be undone, it is in force.
    Performed,
    /// It was taken back by a person.
    Undone,
    /// It could not be done.
    Failed,
    /// Its time, or that of its proposal, is over.
    Expired,
}

impl ResponseState {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            ResponseState::Proposed => "proposed",
            ResponseState::Approved => "approved",
            ResponseState::Declined => "declined",
            ResponseState::Performed => "performed",
            ResponseState::Undone => "undone",
            ResponseState::Failed => "failed",
            ResponseState::Expired => "expired",
        }
    }
}

/// Whom an action would hit, by what is known when it is planned.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reach {
    /// Active people.
    pub people: u64,
    /// Those of them whom no alert of the incident names.
    pub honest: u64,
    /// Active people in all.
    pub active: u64,
}

impl Reach {
    /// The part of the active people in per cent, rounded up; nobody of nobody is nothing.
    pub fn percent(&self) -> u64 {
        if self.people == 0 { 0 } else { (self.people * 100).div_ceil(self.active.max(self.people)).min(100) }
    }
}

/// One action of an incident.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// Its id.
    pub id: ResponseId,
    /// Where it stands.
    pub state: ResponseState,
    /// What is done.
    pub action: Action,
    /// What takes it back. None: it can't be taken back, or it was so before.
    pub undo: Option<Action>,
    /// By which playbook.
    pub playbook: String,
    /// The place of the alert that led to it; none when an administrator ran the playbook by hand.
    pub alert: Option<u64>,
    /// Whom it hits.
    pub reach: Reach,
    /// Why it is done, or why it waits.
    pub reason: String,
    /// Who wanted it.
    pub by: By,
    /// Who allowed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<By>,
    /// When it was planned.
    pub planned: Timestamp,
    /// When it was done: every worker of this node refuses from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub performed: Option<Timestamp>,
    /// For how many seconds it is in force; none until it is undone, or for what can't be undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// Until when it is in force; of a proposal, until when it may be approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// When it ended, in whatever way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// Who ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<By>,
    /// Why it ended, or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
}

impl Response {
    /// Whether it is in force and can be undone.
    pub fn can_be_undone(&self) -> bool {
        self.state == ResponseState::Performed && self.undo.is_some()
    }

    /// Whether it may be approved by this one: never by who wanted it. What the machine proposes needs one administrator.
    pub fn may_be_approved_by(&self, by: By) -> bool {
        by != By::Machine && by != self.by
    }

    /// Whether its action is the same thing on the same target, whatever its duration.
    pub fn is_for(&self, action: &Action) -> bool {
        same(&self.action, action)
    }
}

/// Whether two actions are the same thing on the same target, whatever their durations.
pub fn same(one: &Action, other: &Action) -> bool {
    match (one, other) {
        (Action::Block { target, .. }, Action::Block { target: second, .. }) => target == second,
        (Action::TightenLimits { target, .. }, Action::TightenLimits { target: second, .. }) => target == second,
        (Action::RestrictRoutes { path, .. }, Action::RestrictRoutes { path: second, .. }) => path == second,
        _ => one == other,
    }
}
