//! What an incident goes through: alerts join it, people write, it is closed.

use testudo_core::{Alert, IncidentId, Severity, Timestamp};

use super::{Alerted, Closing, Incident, Note, State, Task, Verdict};
use crate::{By, Entity, Happened, IncidentEvent, ResponseState};

/// Why something can't be done to an incident.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WorkError {
    /// It is closed.
    #[error("the incident is closed; what comes now belongs to a new one")]
    Closed,
    /// There is no such response.
    #[error("the incident has no response `{0}`; `testudo incident show` lists them")]
    NoResponse(String),
    /// There is no such task.
    #[error("the incident has no task {0}")]
    NoTask(u32),
    /// The response is in another state.
    #[error("the response is {state}, so that it can't be {wanted}")]
    State {
        /// Where it stands.
        state: &'static str,
        /// What was asked for.
        wanted: &'static str,
    },
    /// Nothing takes it back.
    #[error("`{0}` can't be undone: what it ended has ended, or it was so before")]
    NotUndoable(&'static str),
    /// Whoever wanted it can't approve it.
    #[error("who proposed an action can't approve it; ask a second administrator")]
    SamePerson,
    /// A text is empty, too long, or has control characters.
    #[error("write 1 to {0} bytes of text")]
    Text(usize),
    /// There are too many already.
    #[error("the incident has {0} {1} already, and takes no more")]
    TooMany(usize, &'static str),
    /// Nobody was named.
    #[error("name the person who is aware of the breach: the clock starts with somebody's word")]
    Nameless,
    /// Somebody is aware already.
    #[error("somebody is aware of the breach since {0}; the clock runs, and is not set back")]
    Aware(Timestamp),
    /// Nobody is aware yet.
    #[error("nobody is aware of a breach; start the clock first")]
    NotAware,
    /// The time is before the incident or after now.
    #[error("the time of awareness lies between the first event ({0}) and now")]
    AwareWhen(Timestamp),
}

impl Incident {
    /// Opens an incident with its first alert.
    pub fn open(id: IncidentId, place: u64, alert: &Alert, now: Timestamp) -> Incident {
        let mut incident = Incident {
            id,
            state: State::Open,
            severity: alert.level,
            title: alert.title.clone(),
            opened: now,
            updated: now,
            first_event: alert.since.min(alert.at),
            detected: now,
            contained: None,
            closing: None,
            continues: None,
            related: std::collections::BTreeSet::new(),
            entities: std::collections::BTreeSet::new(),
            people: std::collections::BTreeMap::new(),
            networks: std::collections::BTreeMap::new(),
            alerts: Vec::new(),
            timeline: Vec::new(),
            timeline_left_out: 0,
            responses: Vec::new(),
            notes: Vec::new(),
            tasks: Vec::new(),
            breach: None,
            news: Vec::new(),
        };
        incident.record(now, By::Machine, Happened::Opened { level: alert.level });
        incident.join(place, alert, now);
        incident
    }

    /// Takes in an alert; false if it has it already, or takes none.
    pub fn join(&mut self, place: u64, alert: &Alert, now: Timestamp) -> bool {
        if !self.is_open() || self.is_full() || self.alerts.iter().any(|known| known.place == place) {
            return false;
        }
        self.name_entities(Entity::of_alert(alert));
        self.first_event = self.first_event.min(alert.since.min(alert.at));
        self.alerts.push(Alerted { place, alert: alert.clone(), seen: now, acted: None });
        let joined = Happened::Alerted { place, rule: alert.rule.clone(), level: alert.level };
        self.record(now, By::Machine, joined);
        if alert.level > self.severity {
            self.severity = alert.level;
            self.title.clone_from(&alert.title);
            self.record(now, By::Machine, Happened::Raised { level: alert.level });
        }
        if self.state == State::Contained && alert.level >= Severity::Medium {
            self.state = State::Open;
            self.record(now, By::Machine, Happened::Reopened { why: format!("`{}` fits again", alert.rule) });
        }
        true
    }

    /// Adds whom and what it is about, as many as it takes.
    pub fn name_entities(&mut self, entities: impl IntoIterator<Item = Entity>) {
        for entity in entities {
            if self.entities.len() < Incident::MAX_ENTITIES {
                self.entities.insert(entity);
            }
        }
    }

    /// Writes a note.
    pub fn note(&mut self, text: &str, by: By, now: Timestamp) -> Result<(), WorkError> {
        let text = checked(text)?;
        room(self.notes.len(), Incident::MAX_NOTES, "notes")?;
        self.notes.push(Note { at: now, by, text });
        self.record(now, by, Happened::Noted);
        Ok(())
    }

    /// Adds a task; returns its number.
    pub fn add_task(&mut self, text: &str, by: By, now: Timestamp) -> Result<u32, WorkError> {
        let text = checked(text)?;
        room(self.tasks.len(), Incident::MAX_TASKS, "tasks")?;
        let number = u32::try_from(self.tasks.len()).unwrap_or(u32::MAX).saturating_add(1);
        self.tasks.push(Task { number, text, by, added: now, done: None });
        self.record(now, by, Happened::TaskAdded { task: number });
        Ok(number)
    }

    /// Says that a task is done; again is the same.
    pub fn finish_task(&mut self, number: u32, by: By, now: Timestamp) -> Result<(), WorkError> {
        let task = self.tasks.iter_mut().find(|task| task.number == number).ok_or(WorkError::NoTask(number))?;
        if task.done.is_none() {
            task.done = Some((by, now));
            self.record(now, by, Happened::TaskDone { task: number });
        }
        Ok(())
    }

    /// Closes it. What waits for an administrator is declined; what is in force stays until its time is over or it is
    /// undone.
    pub fn close(&mut self, verdict: Verdict, text: &str, by: By, now: Timestamp) -> Result<(), WorkError> {
        if !self.is_open() {
            return Err(WorkError::Closed);
        }
        let text = checked(text)?;
        let waiting: Vec<_> = self.responses.iter().filter(|one| one.state == ResponseState::Proposed).collect();
        let waiting: Vec<_> = waiting.into_iter().map(|one| one.id).collect();
        for id in waiting {
            self.decline(id, "the incident was closed", by, now)?;
        }
        self.state = State::Closed;
        self.closing = Some(Closing { at: now, by, verdict, text });
        self.record(now, by, Happened::Closed { verdict });
        Ok(())
    }

    /// Adds a line to the timeline. A timeline that is full loses lines in its middle: how it began and how it ended
    /// matter most.
    pub fn record(&mut self, at: Timestamp, by: By, what: Happened) {
        let line = IncidentEvent { at, by, what };
        if self.timeline.len() >= Incident::MAX_TIMELINE {
            self.timeline.remove(Incident::MAX_TIMELINE / 2);
            self.timeline_left_out += 1;
        }
        self.timeline.push(line.clone());
        self.news.push(line);
        self.updated = self.updated.max(at);
    }

    /// What happened since this was last asked, to be committed with the record.
    pub fn take_news(&mut self) -> Vec<IncidentEvent> {
        std::mem::take(&mut self.news)
    }
}

/// A text that somebody wrote: not empty, bounded, no control characters but line ends and tabs.
pub(crate) fn checked(text: &str) -> Result<String, WorkError> {
    let text = text.trim();
    let clean = !text.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
    let fits = (1..=Incident::MAX_TEXT).contains(&text.len());
    if fits && clean { Ok(text.to_owned()) } else { Err(WorkError::Text(Incident::MAX_TEXT)) }
}

fn room(has: usize, most: usize, what: &'static str) -> Result<(), WorkError> {
    if has < most { Ok(()) } else { Err(WorkError::TooMany(has, what)) }
}
