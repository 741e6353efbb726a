//! What happens to an incident: the lines of its timeline, each of which is also an event of the journal.

use serde::{Deserialize, Serialize};
use testudo_core::{Event, EventKind, IncidentId, PersonId, ResponseId, Severity, Timestamp};

use crate::Verdict;

/// Who did it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "who", content = "person")]
pub enum By {
    /// The server by itself, as its playbooks say.
    Machine,
    /// Whoever owns the data folder, through a command.
    Owner,
    /// An administrator.
    Admin(PersonId),
}

impl By {
    /// The actor for events.
    pub fn actor(self) -> testudo_core::Actor {
        let person = match self {
            By::Admin(person) => Some(person),
            By::Machine | By::Owner => None,
        };
        testudo_core::Actor { person, ..testudo_core::Actor::default() }
    }

    /// The stable name of the sort.
    pub const fn name(self) -> &'static str {
        match self {
            By::Machine => "machine",
            By::Owner => "owner",
            By::Admin(_) => "admin",
        }
    }
}

/// One line of the timeline.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct IncidentEvent {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: By,
    /// What.
    #[serde(flatten)]
    pub what: Happened,
}

/// What happened to an incident.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum Happened {
    /// It began.
    Opened {
        /// How bad it seemed.
        level: Severity,
    },
    /// An alert joined it.
    Alerted {
        /// The place of the alert's event in the journal.
        place: u64,
        /// The rule.
        rule: String,
        /// How bad the alert is.
        level: Severity,
    },
    /// It became worse.
    Raised {
        /// How bad it is now.
        level: Severity,
    },
    /// A playbook had nothing to do, or might not do it.
    Skipped {
        /// The playbook.
        playbook: String,
        /// The action's name.
        action: String,
        /// Why, with the numbers.
        why: String,
        /// How many actions that was.
        times: u64,
    },
    /// An action waits for an administrator.
    Proposed {
        /// Which.
        response: ResponseId,
        /// The action's name.
        action: String,
        /// Why it does not go by itself, with the numbers.
        why: String,
    },
    /// An administrator allowed an action.
    Approved {
        /// Which.
        response: ResponseId,
    },
    /// An administrator refused an action.
    Declined {
        /// Which.
        response: ResponseId,
        /// Why.
        why: String,
    },
    /// An action was done.
    Performed {
        /// Which.
        response: ResponseId,
        /// The action's name.
        action: String,
    },
    /// An action was taken back.
    Undone {
        /// Which.
        response: ResponseId,
        /// The action's name.
        action: String,
        /// Why.
        why: String,
    },
    /// The time of an action, or of a proposal, was over.
    Expired {
        /// Which.
        response: ResponseId,
        /// The action's name.
        action: String,
    },
    /// An action could not be done.
    Failed {
        /// Which.
        response: ResponseId,
        /// The action's name.
        action: String,
        /// Why.
        why: String,
    },
    /// Everything that was planned is in force.
    Contained,
    /// More came after it had been contained.
    Reopened {
        /// Why.
        why: String,
    },
    /// Somebody wrote a note.
    Noted,
    /// Somebody added a task.
    TaskAdded {
        /// Its number.
        task: u32,
    },
    /// Somebody finished a task.
    TaskDone {
        /// Its number.
        task: u32,
    },
    /// A named human became aware of a breach of personal data.
    BreachAware {
        /// When the 72 hours are over.
        due: Timestamp,
    },
    /// Time passes since somebody became aware of a breach.
    BreachReminder {
        /// So many hours passed.
        hours: u32,
    },
    /// The breach was entered anew into the register.
    BreachRecorded,
    /// The authority was told.
    BreachNotified,
    /// It is over.
    Closed {
        /// What it was.
        verdict: Verdict,
    },
}

impl Happened {
    /// The stable name, as in the detail `what` of events.
    pub const fn name(&self) -> &'static str {
        match self {
            Happened::Opened { .. } => "opened",
            Happened::Alerted { .. } => "alerted",
            Happened::Raised { .. } => "raised",
            Happened::Skipped { .. } => "skipped",
            Happened::Proposed { .. } => "proposed",
            Happened::Approved { .. } => "approved",
            Happened::Declined { .. } => "declined",
            Happened::Performed { .. } => "performed",
            Happened::Undone { .. } => "undone",
            Happened::Expired { .. } => "expired",
            Happened::Failed { .. } => "failed",
            Happened::Contained => "contained",
            Happened::Reopened { .. } => "reopened",
            Happened::Noted => "noted",
            Happened::TaskAdded { .. } => "task-added",
            Happened::TaskDone { .. } => "task-done",
            Happened::BreachAware { .. } => "breach-aware",
            Happened::BreachReminder { .. } => "breach-reminder",
            Happened::BreachRecorded => "breach-recorded",
            Happened::BreachNotified => "breach-notified",
            Happened::Closed { .. } => "closed",
        }
    }

    const fn kind(&self) -> EventKind {
        match self {
            Happened::Opened { .. } => EventKind::IncidentOpened,
            Happened::Closed { .. } => EventKind::IncidentClosed,
            Happened::Proposed { .. } => EventKind::ResponseProposed,
            Happened::Approved { .. } => EventKind::ResponseApproved,
            Happened::Declined { .. } => EventKind::ResponseDeclined,
            Happened::Performed { .. } => EventKind::ResponsePerformed,
            Happened::Undone { .. } | Happened::Expired { .. } => EventKind::ResponseUndone,
            Happened::Failed { .. } => EventKind::ResponseFailed,
            Happened::BreachAware { .. } => EventKind::BreachAware,
            _ => EventKind::IncidentChanged,
        }
    }
}

impl IncidentEvent {
    /// The event of the journal that announces it. Free texts (reasons, notes) stay in the record.
    pub fn event(&self, incident: IncidentId) -> Event {
        let mut event = Event::new(self.what.kind(), self.at)
            .by(self.by.actor())
            .on(incident.to_string())
            .detail("what", self.what.name())
            .detail("by", self.by.name());
        match &self.what {
            Happened::Opened { level } | Happened::Raised { level } => event = event.detail("level", level.name()),
            Happened::Alerted { place, rule, level } => {
                event = event
                    .detail("alert", place.to_string())
                    .detail("rule", rule.clone())
                    .detail("alert-level", level.name());
            }
            Happened::Skipped { playbook, action, why, times } => {
                event = event
                    .detail("playbook", playbook.clone())
                    .detail("action", action.clone())
                    .detail("why", clip(why))
                    .detail("times", times.to_string());
            }
            Happened::Proposed { response, action, why } | Happened::Failed { response, action, why } => {
                event = event
                    .detail("response", response.to_string())
                    .detail("action", action.clone())
                    .detail("why", clip(why));
            }
            Happened::Performed { response, action }
            | Happened::Undone { response, action, .. }
            | Happened::Expired { response, action } => {
                event = event.detail("response", response.to_string()).detail("action", action.clone());
            }
            Happened::Approved { response } | Happened::Declined { response, .. } => {
                event = event.detail("response", response.to_string());
            }
            Happened::TaskAdded { task } | Happened::TaskDone { task } => {
                event = event.detail("task", task.to_string());
            }
            Happened::BreachAware { due } => event = event.detail("due", due.to_string()),
            Happened::BreachReminder { hours } => event = event.detail("hours", hours.to_string()),
            Happened::Closed { verdict } => event = event.detail("verdict", verdict.name()),
            Happened::Contained
            | Happened::Reopened { .. }
            | Happened::Noted
            | Happened::BreachRecorded
            | Happened::BreachNotified => {}
        }
        event
    }
}

/// A fact of an event is short.
fn clip(text: &str) -> String {
    text.chars().take(120).collect()
}
