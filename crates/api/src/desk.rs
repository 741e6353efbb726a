//! Incidents as the top floor keeps them, as a trait that `testudo` implements.

use std::sync::Arc;

use serde_json::Value;
use testudo_core::{IncidentId, ResponseId, Timestamp};
use testudo_response::{BreachWords, By, Draft, Incident, Plan, Playbook, State, Verdict};

use crate::Reply;

/// What is done to an incident.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Work {
    /// Somebody writes a note.
    Note(String),
    /// Somebody adds a task.
    AddTask(String),
    /// A task is done.
    FinishTask(u32),
    /// It is over.
    Close {
        /// What it was.
        verdict: Verdict,
        /// In words.
        text: String,
        /// Take back what is in force.
        undo: bool,
    },
    /// A response is taken back.
    Undo(ResponseId, String),
    /// What waits is allowed.
    Approve(ResponseId),
    /// What waits is refused.
    Decline(ResponseId, String),
    /// A named human is aware of a breach of personal data.
    Aware {
        /// Who.
        named: String,
        /// Since when; now, if it is not said.
        since: Option<Timestamp>,
    },
    /// What people know of the breach.
    Describe(BreachWords),
    /// The authority was told.
    Notified,
}

/// The evidence of an incident.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EvidenceFile {
    /// A name for the file.
    pub name: String,
    /// How many entries of the journal are in it.
    pub entries: usize,
    /// The file.
    pub bytes: Vec<u8>,
}

/// A part of the list of incidents.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IncidentList {
    /// The incidents, newest first.
    pub items: Vec<Incident>,
    /// Where the next part begins.
    pub next: Option<String>,
}

/// Incidents and playbooks.
pub trait Desk: Send + Sync + 'static {
    /// Lists incidents, newest first; of one state, or of all.
    fn incidents(&self, state: Option<State>, after: Option<String>, limit: usize) -> Reply<'_, IncidentList>;
    /// One incident.
    fn incident(&self, id: IncidentId) -> Reply<'_, Incident>;
    /// Works on an incident.
    fn work(&self, id: IncidentId, work: Work, by: By) -> Reply<'_, Incident>;
    /// What a playbook, or one step of it, would do.
    fn plan(&self, id: IncidentId, playbook: String, step: Option<usize>) -> Reply<'_, Plan>;
    /// Runs a playbook, or one step of it.
    fn run(&self, id: IncidentId, playbook: String, step: Option<usize>, by: By) -> Reply<'_, (Incident, Plan)>;
    /// The draft of a notification of a breach.
    fn draft(&self, id: IncidentId) -> Reply<'_, Draft>;
    /// The evidence; with `personal`, whoever asks is told only what the gate admits.
    fn evidence(&self, id: IncidentId, personal: bool) -> Reply<'_, EvidenceFile>;
    /// The playbooks in force.
    fn playbooks(&self) -> Arc<Vec<Playbook>>;
    /// A playbook as CACAO 2.0.
    fn cacao(&self, id: &str) -> Option<Value>;
}
