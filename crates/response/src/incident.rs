//! An incident: alerts that belong together, what was done about them, and what people know of it.
//!
//! It is changed through its methods only; each leaves its line in the timeline. Everything in it is bounded, so that it
//! fits one record: an incident that is full takes no more alerts, and the next one continues it.

mod respond;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use testudo_core::{Alert, IncidentId, PersonId, Pseudonym, Severity, Timestamp};

use crate::{Breach, Entity, IncidentEvent, Response};

pub use work::WorkError;
pub(crate) use work::checked;

/// Where an incident stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Something is left to do.
    Open,
    /// All that was planned is in force.
    Contained,
    /// It is over.
    Closed,
}

impl State {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Contained => "contained",
            State::Closed => "closed",
        }
    }

    /// The state of this name.
    pub fn named(name: &str) -> Option<State> {
        [State::Open, State::Contained, State::Closed].into_iter().find(|state| state.name() == name)
    }
}

/// What an incident was, in the end. The names are those of OCSF's Incident Finding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It was an attack.
    TruePositive,
    /// It was none.
    FalsePositive,
    /// It was what it seemed, and meant no harm.
    Benign,
    /// It was a test.
    Test,
    /// It can't be said.
    InsufficientData,
    /// It is told in another incident.
    Duplicate,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Verdict; 6] = [
        Verdict::TruePositive,
        Verdict::FalsePositive,
        Verdict::Benign,
        Verdict::Test,
        Verdict::InsufficientData,
        Verdict::Duplicate,
    ];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::TruePositive => "true-positive",
            Verdict::FalsePositive => "false-positive",
            Verdict::Benign => "benign",
            Verdict::Test => "test",
            Verdict::InsufficientData => "insufficient-data",
            Verdict::Duplicate => "duplicate",
        }
    }

    /// The verdict of this name.
    pub fn named(name: &str) -> Option<Verdict> {
        Verdict::ALL.into_iter().find(|verdict| verdict.name() == name)
    }

    /// `verdict_id` of OCSF's Incident Finding.
    pub const fn ocsf(self) -> u8 {
        match self {
            Verdict::FalsePositive => 1,
            Verdict::TruePositive => 2,
            Verdict::Benign => 5,
            Verdict::Test => 6,
            Verdict::InsufficientData => 7,
            Verdict::Duplicate => 10,
        }
    }
}

/// An alert of an incident.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alerted {
    /// The place of its event in the journal.
    pub place: u64,
    /// The alert.
    pub alert: Alert,
    /// When it came to the responder.
    pub seen: Timestamp,
    /// When all that was to be done at once was in force; none if nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acted: Option<Timestamp>,
}

/// What somebody wrote.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: crate::By,
    /// The text: 1 to [`Incident::MAX_TEXT`] bytes.
    pub text: String,
}

/// Something to do by hand.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Its number within the incident, from 1.
    pub number: u32,
    /// What: 1 to [`Incident::MAX_TEXT`] bytes.
    pub text: String,
    /// Who added it.
    pub by: crate::By,
    /// When.
    pub added: Timestamp,
    /// Who did it, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<(crate::By, Timestamp)>,
}

/// How an incident ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closing {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: crate::By,
    /// What it was.
    pub verdict: Verdict,
    /// In words.
    pub text: String,
}

/// Alerts that belong together, and what was done about them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// Where it stands.
    pub state: State,
    /// How bad it is: the worst of its alerts.
    pub severity: Severity,
    /// The title of its gravest alert.
    pub title: String,
    /// When it was opened.
    pub opened: Timestamp,
    /// When something last happened to it.
    pub updated: Timestamp,
    /// When the first event happened that an alert of it names.
    pub first_event: Timestamp,
    /// When its first alert was raised.
    pub detected: Timestamp,
    /// When all that was planned was in force for the first time.
    pub contained: Option<Timestamp>,
    /// How it ended.
    pub closing: Option<Closing>,
    /// The incident that was full when this one began.
    pub continues: Option<IncidentId>,
    /// Incidents that share somebody or something with it.
    pub related: BTreeSet<IncidentId>,
    /// Whom and what it is about.
    pub entities: BTreeSet<Entity>,
    /// The ids of those people who had to be known to act.
    pub people: BTreeMap<Pseudonym, PersonId>,
    /// The networks that had to be known to act.
    pub networks: BTreeMap<Pseudonym, ipnet::IpNet>,
    /// Its alerts, oldest first.
    pub alerts: Vec<Alerted>,
    /// What happened to it, oldest first.
    pub timeline: Vec<IncidentEvent>,
    /// How many lines of the timeline were left out in its middle.
    pub timeline_left_out: u64,
    /// What was done, or waits.
    pub responses: Vec<Response>,
    /// What people wrote.
    pub notes: Vec<Note>,
    /// What is to be done by hand.
    pub tasks: Vec<Task>,
    /// The clock and facts of a breach of personal data, once somebody is aware of one.
    pub breach: Option<Breach>,
    /// Lines of the timeline that are not in the journal yet.
    #[serde(skip)]
    news: Vec<IncidentEvent>,
}

impl Incident {
    /// The most alerts.
    pub const MAX_ALERTS: usize = 200;
    /// The most responses.
    pub const MAX_RESPONSES: usize = 300;
    /// The most entities.
    pub const MAX_ENTITIES: usize = 500;
    /// The most lines of the timeline; more are left out in its middle.
    pub const MAX_TIMELINE: usize = 700;
    /// The most notes.
    pub const MAX_NOTES: usize = 40;
    /// The most tasks.
    pub const MAX_TASKS: usize = 40;
    /// The most bytes of a note, a task or a reason.
    pub const MAX_TEXT: usize = 2_000;
    /// The most incidents that it is related to.
    pub const MAX_RELATED: usize = 32;

    /// From the first event to the first alert.
    pub fn time_to_detect(&self) -> Duration {
        self.detected.since(self.first_event)
    }

    /// From the first alert until all that was planned was in force for the first time.
    pub fn time_to_contain(&self) -> Option<Duration> {
        Some(self.contained?.since(self.detected))
    }

    /// The longest time from the event that completed an alert until all that was to be done at once was in force.
    pub fn slowest_reaction(&self) -> Option<Duration> {
        self.alerts.iter().filter_map(|alerted| Some(alerted.acted?.since(alerted.alert.at))).max()
    }

    /// Whether it is not closed.
    pub fn is_open(&self) -> bool {
        self.state != State::Closed
    }

    /// Whether it takes no more alerts.
    pub fn is_full(&self) -> bool {
        self.alerts.len() >= Incident::MAX_ALERTS
            || self.entities.len() >= Incident::MAX_ENTITIES
            || self.responses.len() >= Incident::MAX_RESPONSES
    }

    /// The response with this id.
    pub fn response(&self, id: testudo_core::ResponseId) -> Option<&Response> {
        self.responses.iter().find(|response| response.id == id)
    }

    /// The people whom its alerts or its breach name.
    pub fn known_people(&self) -> impl Iterator<Item = PersonId> {
        self.people.values().copied()
    }
}

#[cfg(test)]
mod tests;
