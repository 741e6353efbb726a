//! What the console is told and what it asks to be done, as one trait that the top floor implements.
//!
//! Nothing here is personal: people, devices and networks come by pseudonym or masked, and what is masked is revealed by
//! [`House::reveal`], which the console calls only with an admission of the gate [`Disclose`].

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use testudo_core::{
    Action, Actor, Admission, Control, Decision, Disclose, Execute, IncidentId, PersonId, ResponseId, Severity,
    Timestamp,
};

/// The answer of something that takes time.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = Result<T, HouseError>> + Send + 'a>>;

/// Why something is not known or was not done.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HouseError {
    /// There is nothing of that name.
    #[error("there is no such {0}; check its id")]
    NotFound(&'static str),
    /// It makes no sense as it is.
    #[error("{0}")]
    Refused(String),
    /// Something that is needed is down.
    #[error("{0}; try again later")]
    Unavailable(String),
}

/// A thing that an administrator asks for: the subject of the gate [`Execute`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    /// An action of the house.
    Perform(Action),
    /// A measure in force ends; by its [`Measure::id`].
    Lift(Box<str>),
    /// An action of an incident is taken back.
    Undo(IncidentId, ResponseId),
    /// An action that waits for a second administrator is done.
    Approve(IncidentId, ResponseId),
    /// An action that waits is not done.
    Decline(IncidentId, ResponseId),
    /// Somebody writes to an incident.
    Note(IncidentId, String),
    /// A task of an incident is done, by its number.
    TaskDone(IncidentId, u32),
    /// Somebody became aware of a breach: the clock of 72 hours runs.
    BreachAware(IncidentId),
    /// An incident is over; when it was a false alarm, what it did is taken back.
    Close(IncidentId, bool),
}

/// Something masked that an administrator asks to see: the subject of the gate [`Disclose`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Secret {
    /// The network of a block, by [`Measure::id`].
    Measure(Box<str>),
}

/// What the top floor knows and does.
pub trait House: Send + Sync + 'static {
    /// The bit of the journal: it takes entries.
    fn audit(&self) -> Decision;
    /// Whether refusals are reported only.
    fn observes(&self) -> bool;
    /// How well the app is secured now, and why.
    fn posture(&self) -> Posture;
    /// Traffic and refusals.
    fn pulse(&self, span: Span) -> Pulse;
    /// Blocks, tightened limits and restricted routes in force.
    fn measures(&self) -> Vec<Measure>;
    /// The configured rates.
    fn rates(&self) -> Vec<RateLine>;
    /// Incidents, newest first: the open ones, or all.
    fn incidents(&self, open: bool, before: Option<IncidentId>, limit: usize) -> Reply<'_, IncidentPage>;
    /// One incident.
    fn incident(&self, id: IncidentId) -> Reply<'_, Option<Incident>>;
    /// The evidence of an incident as one file that verifies without the server.
    fn evidence(&self, id: IncidentId) -> Reply<'_, Option<Download>>;
    /// What is unusual about a person at present.
    fn risk(&self, person: PersonId) -> Reply<'_, Option<Risk>>;
    /// The rules of detection in force.
    fn rules(&self) -> Vec<RuleLine>;
    /// The policies in force: name and text of each file.
    fn policies(&self) -> Vec<PolicyText>;
    /// What a candidate would change of the last day's decisions; without one, what the policies in force say of them.
    fn dry_run(&self, candidate: Option<String>) -> Reply<'_, DryRun>;
    /// The targets that events are exported to.
    fn exports(&self) -> Vec<ExportLine>;
    /// The configuration in force as it was read, secrets left out.
    fn settings(&self) -> Vec<Section>;
    /// The file outside of the store to which checkpoints are appended.
    fn checkpoint_file(&self) -> Option<PathBuf>;
    /// Does it, and returns when it holds on this node.
    fn act<'a>(&'a self, act: Admission<Execute, Act>, by: Actor, reason: &'a str) -> Reply<'a, ()>;
    /// Shows it.
    fn reveal(&self, secret: Admission<Disclose, Secret>) -> Reply<'_, String>;
}

/// How well the app is secured now.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Posture {
    /// 0 to 100.
    pub score: u8,
    /// What it is made of, the weightiest first.
    pub parts: Vec<PosturePart>,
}

/// A part of the posture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PosturePart {
    /// What, such as the name of a control.
    pub name: String,
    /// The points that it gives.
    pub points: u8,
    /// The points that it could give.
    pub of: u8,
    /// Why points are missing, and what to do.
    pub why: Option<String>,
    /// Where to look, as a path of the console.
    pub link: Option<&'static str>,
}

/// Which time a picture shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Span {
    /// The last hour by minutes.
    #[default]
    Hour,
    /// The last day by half hours.
    Day,
    /// The last week by hours.
    Week,
}

impl Span {
    /// All of them.
    pub const ALL: [Span; 3] = [Span::Hour, Span::Day, Span::Week];

    /// The name in addresses.
    pub const fn name(self) -> &'static str {
        match self {
            Span::Hour => "hour",
            Span::Day => "day",
            Span::Week => "week",
        }
    }

    /// How many steps it has, and how long each is.
    pub const fn steps(self) -> (usize, Duration) {
        match self {
            Span::Hour => (60, Duration::from_mins(1)),
            Span::Day => (48, Duration::from_mins(30)),
            Span::Week => (84, Duration::from_hours(2)),
        }
    }
}

/// Traffic and refusals of a [`Span`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pulse {
    /// The steps, oldest first.
    pub steps: Vec<Step>,
    /// How long each step is.
    pub step: Duration,
    /// Refusals by control, most first, with their course.
    pub controls: Vec<(Control, Vec<u64>)>,
    /// Refusals by code, most first.
    pub codes: Vec<(Control, String, u64)>,
    /// Requests by route, most first: allowed and refused.
    pub routes: Vec<(String, u64, u64)>,
    /// From when on it is known, when that is later than the span's beginning.
    pub known_since: Option<Timestamp>,
}

/// One step of a [`Pulse`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Step {
    /// When it begins.
    pub at: Timestamp,
    /// Requests that were allowed.
    pub allowed: u64,
    /// Requests that were refused.
    pub refused: u64,
    /// Sign-ins that worked.
    pub sign_ins: u64,
    /// Sign-ins that did not.
    pub sign_in_failures: u64,
    /// Alerts of detection.
    pub alerts: u64,
}

/// A block, a tightened limit or a restricted route in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Measure {
    /// Its name in addresses; says nothing about whom it hits.
    pub id: Box<str>,
    /// What is done, such as `block`.
    pub name: &'static str,
    /// To whom or what, masked.
    pub target: String,
    /// Whether the target is masked, and can be revealed.
    pub masked: bool,
    /// How much, where that can be said, such as `25 % of the configured rates`.
    pub how: String,
    /// Until when; none until it is undone.
    pub until: Option<Timestamp>,
    /// Why.
    pub reason: String,
    /// The incident that did it.
    pub incident: Option<IncidentId>,
}

/// A configured rate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RateLine {
    /// By what callers are counted, such as `person`.
    pub by: String,
    /// The rate, as in the configuration.
    pub rate: String,
    /// The configuration key.
    pub key: String,
}

/// A part of the list of incidents.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct IncidentPage {
    /// The incidents.
    pub items: Vec<IncidentLine>,
    /// How many are open in all.
    pub open: usize,
    /// Whether there are older ones.
    pub more: bool,
}

/// An incident in a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IncidentLine {
    /// Its id.
    pub id: IncidentId,
    /// What happens, in a line.
    pub title: String,
    /// How bad it is.
    pub severity: Severity,
    /// Its state, such as `open`.
    pub state: String,
    /// Whether it is over.
    pub closed: bool,
    /// When it was opened.
    pub opened: Timestamp,
    /// When it last changed.
    pub changed: Timestamp,
    /// How many alerts it joins.
    pub alerts: usize,
    /// How many actions were done.
    pub done: usize,
    /// How many actions wait for somebody.
    pub waiting: usize,
}

/// An incident.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Incident {
    /// What lists show.
    pub line: IncidentLine,
    /// From the first event to the incident.
    pub detected_after: Option<Duration>,
    /// From the first event to the last of the first actions.
    pub contained_after: Option<Duration>,
    /// Whom and what it is about: kind and pseudonym or id.
    pub entities: Vec<(String, String)>,
    /// What was done, or waits.
    pub actions: Vec<IncidentAction>,
    /// What happened, oldest first.
    pub timeline: Vec<Moment>,
    /// What people wrote, oldest first: when, who, what.
    pub notes: Vec<(Timestamp, String, String)>,
    /// What is to be done by people.
    pub tasks: Vec<Task>,
    /// The breach clock, when it runs.
    pub breach: Option<Breach>,
}

/// An action of an incident.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IncidentAction {
    /// Its id.
    pub id: ResponseId,
    /// What, such as `block`.
    pub name: String,
    /// To whom, by pseudonym or id.
    pub target: String,
    /// Its state, such as `done`.
    pub state: String,
    /// More words: why it waits, or why it failed.
    pub note: String,
    /// When it was done or proposed.
    pub at: Timestamp,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
    /// Whether it can be undone now.
    pub undoable: bool,
    /// Whether it waits for a second administrator.
    pub waits: bool,
}

/// A moment of an incident's timeline.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// What, in words.
    pub text: String,
    /// The entry of the journal that proves it.
    pub seq: Option<u64>,
}

/// Something that people are to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Task {
    /// Its number in the incident.
    pub number: u32,
    /// What.
    pub text: String,
    /// When it was done.
    pub done: Option<Timestamp>,
}

/// The breach clock of GDPR article 33.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Breach {
    /// When somebody became aware.
    pub aware: Timestamp,
    /// When the authority must have been told.
    pub due: Timestamp,
    /// The facts that the article asks for, as drafted: question and answer.
    pub facts: Vec<(String, String)>,
}

/// A file to download.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Download {
    /// Its name.
    pub name: String,
    /// Its media type.
    pub media: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What is unusual about a person at present.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Risk {
    /// 0 to 100.
    pub score: u8,
    /// The top reasons with their points.
    pub reasons: Vec<(String, u8)>,
    /// What is usual: kind (device, network, client, hour), by what name, last seen.
    pub usual: Vec<(String, String, Timestamp)>,
}

/// A rule of detection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleLine {
    /// Its id.
    pub id: String,
    /// What it finds.
    pub title: String,
    /// How bad that is.
    pub level: Severity,
    /// The file that it stands in.
    pub file: String,
    /// Techniques of MITRE ATT&CK and other tags.
    pub tags: Vec<String>,
}

/// A policy file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyText {
    /// Its name.
    pub name: String,
    /// Its Cedar text.
    pub text: String,
}

/// What a dry run found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DryRun {
    /// Decisions that were looked at.
    pub looked_at: u64,
    /// Decisions that could not be rebuilt, since the person, session or route is gone.
    pub unknown: u64,
    /// Whether there were more in the last day.
    pub cut: bool,
    /// From when the oldest was.
    pub since: Option<Timestamp>,
    /// Decisions that stay allowed, and that stay refused.
    pub same: (u64, u64),
    /// Requests that would be refused now.
    pub newly_refused: Vec<Change>,
    /// Requests that would be allowed now.
    pub newly_allowed: Vec<Change>,
    /// How many each list stands for.
    pub changed: (u64, u64),
    /// Mistakes of the candidate; then nothing was run.
    pub mistakes: Vec<String>,
}

/// Requests that a candidate decides otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Method and route.
    pub route: String,
    /// Why, in the words of the policy.
    pub why: String,
    /// How many.
    pub count: u64,
    /// A request as an example.
    pub example: Option<String>,
}

/// A target that events are exported to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExportLine {
    /// Its name in the configuration.
    pub name: String,
    /// Format and transport.
    pub how: String,
    /// Its state in words.
    pub state: String,
    /// Whether it takes events.
    pub healthy: bool,
    /// The next entry that it gets.
    pub cursor: u64,
    /// How many entries it is behind.
    pub behind: u64,
}

/// A section of the configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// Keys and values, as read.
    pub values: Vec<(String, String)>,
}
