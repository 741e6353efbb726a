//! What people do with incidents: read, note, approve, undo, close, run a playbook, and start the clock of a breach.
//!
//! Each reads the record, changes it and commits it with its events; when somebody else was first, it starts anew.

use std::sync::Arc;

use testudo_core::{IncidentId, ResponseId, Timestamp};
use testudo_crypto::random;
use testudo_response::{
    BreachWords, By, Draft, Happened, Incident, Plan, Response, ResponseState, State, Verdict, WorkError, run, same,
};
use testudo_store::{CommitError, Cursor, ReadError, Stored, Tx};

use super::found::Found;
use super::perform::{self, Outcome};
use super::record::{self, Record};
use super::touched;
use crate::actions::ActionError;
use crate::node::Node;

/// How often a change is tried that somebody else came before.
const TRIES: usize = 8;
/// The newest alerts of an incident on which a playbook that a person runs looks.
const LOOKED_AT: usize = 50;

/// Why something was not done to an incident.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// There is no such incident.
    #[error("there is no such incident; `testudo incident list` lists them")]
    NoIncident,
    /// There is no such playbook, or it has no such step.
    #[error("there is no playbook `{0}` with that step; `testudo playbook list` lists them")]
    NoPlaybook(String),
    /// It makes no sense as it is.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// The action was not done.
    #[error(transparent)]
    Act(#[from] ActionError),
    /// The store can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store can't be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// A part of the list of incidents.
#[derive(Debug)]
pub struct IncidentPage {
    /// The incidents, newest first.
    pub items: Vec<Incident>,
    /// Where the next part begins.
    pub next: Option<Cursor>,
}

impl Node {
    /// Lists incidents, newest first; of one state, or of all.
    pub async fn incidents(
        &self,
        state: Option<State>,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<IncidentPage, DeskError> {
        let limit = limit.clamp(1, 200);
        let wanted = match state {
            Some(State::Open) => Some(record::OPEN),
            Some(State::Contained) => Some(record::CONTAINED),
            // Closed ones have two states in the store.
            Some(State::Closed) | None => None,
        };
        let (mut items, mut after) = (Vec::new(), after);
        loop {
            let page = self.store.list::<Record>(after, limit, wanted, true).await?;
            let fits = |incident: &Incident| state.is_none_or(|state| incident.state == state);
            items.extend(page.items.into_iter().map(|stored| stored.document.0).filter(fits));
            after = page.next;
            if after.is_none() || items.len() >= limit {
                return Ok(IncidentPage { items, next: after });
            }
        }
    }

    /// An incident.
    pub async fn incident(&self, id: IncidentId) -> Result<Incident, DeskError> {
        Ok(self.stored_incident(id).await?.document.0)
    }

    async fn stored_incident(&self, id: IncidentId) -> Result<Stored<Record>, DeskError> {
        self.store.get::<Record>(record::key(id)).await?.ok_or(DeskError::NoIncident)
    }

    /// Changes an incident and commits it with what happened.
    async fn change_incident<T>(
        &self,
        id: IncidentId,
        change: impl Fn(&mut Incident, Timestamp) -> Result<T, WorkError>,
    ) -> Result<(Incident, T), DeskError> {
        for attempt in 1.. {
            let Stored { document: Record(mut incident), version } = self.stored_incident(id).await?;
            let changed = change(&mut incident, self.clock.now())?;
            let mut tx = Tx::new();
            for event in incident.take_news() {
                tx.event(event.event(id));
            }
            let record = Record(incident);
            tx.update(&record, version);
            match self.store.commit(tx).await {
                Ok(_) => return Ok((record.0, changed)),
                Err(CommitError::Conflict { .. }) if attempt < TRIES => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(DeskError::Commit(CommitError::Conflict { kind: "incident" }))
    }

    /// Writes a note.
    pub async fn note_incident(&self, id: IncidentId, text: &str, by: By) -> Result<Incident, DeskError> {
        Ok(self.change_incident(id, |incident, now| incident.note(text, by, now)).await?.0)
    }

    /// Adds a task.
    pub async fn add_incident_task(&self, id: IncidentId, text: &str, by: By) -> Result<Incident, DeskError> {
        Ok(self.change_incident(id, |incident, now| incident.add_task(text, by, now)).await?.0)
    }

    /// Says that a task is done.
    pub async fn finish_incident_task(&self, id: IncidentId, task: u32, by: By) -> Result<Incident, DeskError> {
        Ok(self.change_incident(id, |incident, now| incident.finish_task(task, by, now)).await?.0)
    }

    /// Closes an incident; with `undo`, what is in force and can be taken back is taken back first.
    pub async fn close_incident(
        &self,
        id: IncidentId,
        verdict: Verdict,
        text: &str,
        undo: bool,
        by: By,
    ) -> Result<Incident, DeskError> {
        let incident = self.incident(id).await?;
        if !incident.is_open() {
            return Err(WorkError::Closed.into());
        }
        if undo {
            let in_force = incident.responses.iter().filter(|response| response.can_be_undone());
            for response in in_force.map(|response| response.id).collect::<Vec<_>>() {
                match self.undo_response(id, response, text, by).await {
                    // Its time was over, or somebody was first: it is taken back.
                    Ok(_) | Err(DeskError::Work(WorkError::State { .. })) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(self.change_incident(id, |incident, now| incident.close(verdict, text, by, now)).await?.0)
    }

    /// Takes a response back, and with it the same where another incident did it too.
    pub async fn undo_response(
        &self,
        id: IncidentId,
        response: ResponseId,
        why: &str,
        by: By,
    ) -> Result<Incident, DeskError> {
        let incident = self.incident(id).await?;
        let undo = incident.undo_of(response)?;
        perform::undo(self, id, undo, by, why).await?;
        let (incident, action) = self
            .change_incident(id, |incident, now| {
                incident.undone(response, why, by, now)?;
                let action = incident.response(response).map(|response| response.action.clone());
                let others = incident.responses.iter().filter(|other| {
                    other.can_be_undone() && action.as_ref().is_some_and(|action| same(&other.action, action))
                });
                for other in others.map(|other| other.id).collect::<Vec<_>>() {
                    incident.undone(other, why, by, now)?;
                }
                Ok(action)
            })
            .await?;
        if let Some(action) = action {
            self.undo_elsewhere(id, &action, why, by).await?;
        }
        Ok(incident)
    }

    /// Marks the same action in other incidents as undone: it is not in force any more.
    async fn undo_elsewhere(
        &self,
        own: IncidentId,
        action: &testudo_core::Action,
        why: &str,
        by: By,
    ) -> Result<(), DeskError> {
        let holds = |response: &Response| response.can_be_undone() && same(&response.action, action);
        for state in record::LIVE_STATES {
            let page = self.store.list::<Record>(None, 1_000, Some(state), true).await?;
            for stored in page.items {
                let incident = stored.document.0;
                if incident.id == own || !incident.responses.iter().any(holds) {
                    continue;
                }
                let undo = |incident: &mut Incident, now| {
                    let held: Vec<_> = incident.responses.iter().filter(|one| holds(one)).map(|one| one.id).collect();
                    held.into_iter().try_for_each(|response| incident.undone(response, why, by, now))
                };
                self.change_incident(incident.id, undo).await?;
            }
        }
        Ok(())
    }

    /// A second administrator allows what waits, and it is done.
    pub async fn approve_response(&self, id: IncidentId, response: ResponseId, by: By) -> Result<Incident, DeskError> {
        let (incident, _) = self.change_incident(id, |incident, now| incident.approve(response, by, now)).await?;
        let Some(approved) = incident.response(response).cloned() else { return Ok(incident) };
        let outcome = perform::one(self, id, &approved, by).await;
        let written = self
            .change_incident(id, |incident, now| {
                if incident.response(response).is_some_and(|one| one.state == ResponseState::Performed) {
                    return Ok(());
                }
                match &outcome {
                    Outcome::Done { was_so } => incident.performed(response, *was_so, now)?,
                    Outcome::Failed(why) | Outcome::Unconfirmed(why) => incident.failed(response, why, now)?,
                }
                incident.settle(now);
                Ok(())
            })
            .await?;
        Ok(written.0)
    }

    /// An administrator refuses what waits.
    pub async fn decline_response(
        &self,
        id: IncidentId,
        response: ResponseId,
        why: &str,
        by: By,
    ) -> Result<Incident, DeskError> {
        Ok(self.change_incident(id, |incident, now| incident.decline(response, why, by, now)).await?.0)
    }

    /// Plans what a playbook, or one step of it (from 1), would do about an incident, for somebody who asks.
    pub async fn plan_playbook(&self, id: IncidentId, playbook: &str, step: Option<usize>) -> Result<Plan, DeskError> {
        let incident = self.incident(id).await?;
        let playbooks = self.responder.playbooks();
        let unknown = || DeskError::NoPlaybook(playbook.to_owned());
        let mut playbook = playbooks.iter().find(|one| one.id == playbook).ok_or_else(unknown)?.clone();
        if let Some(step) = step {
            let only = step.checked_sub(1).and_then(|step| playbook.steps.get(step)).cloned().ok_or_else(unknown)?;
            playbook.steps = vec![only];
        }
        let mut found = Found::default();
        for alerted in incident.alerts.iter().rev().take(LOOKED_AT) {
            found.join(Found::of(self, &alerted.alert).await?);
        }
        let alert = incident.alerts.iter().max_by_key(|alerted| (alerted.alert.level, alerted.place));
        let alert = &alert.ok_or(DeskError::NoIncident)?.alert;
        let now = self.clock.now();
        // What a person wants is not vetoed by what a person wanted before.
        let mut asked = incident.clone();
        asked.responses.retain(|one| !matches!(one.state, ResponseState::Undone | ResponseState::Declined));
        let situation = found.situation(self, &asked, now).await;
        let radius = self.config().response.blast_radius;
        Ok(run([&playbook], alert, &asked, &situation, &radius, now))
    }

    /// Runs a playbook on an incident, or one step of it. What is beyond the limits waits for a second administrator.
    pub async fn run_playbook(
        self: &Arc<Node>,
        id: IncidentId,
        playbook: &str,
        step: Option<usize>,
        by: By,
    ) -> Result<(Incident, Plan), DeskError> {
        let plan = self.plan_playbook(id, playbook, step).await?;
        let now = self.clock.now();
        let wait = self.config().response.approve_within;
        let ids: Vec<_> = plan.actions.iter().map(|_| ResponseId::new(now, random::array())).collect();
        let spare = ResponseId::new(now, random::array());
        let reason = "an administrator ran the playbook";
        let responses = plan.responses(None, by, reason, wait, now, |place| ids.get(place).copied().unwrap_or(spare));
        self.change_incident(id, |incident, now| {
            for ((playbook, action, why), times) in plan.not_done() {
                let skipped = Happened::Skipped { playbook, action: action.to_owned(), why, times };
                incident.record(now, by, skipped);
            }
            responses.iter().try_for_each(|response| incident.respond(response.clone()))
        })
        .await?;
        let mut outcomes = Vec::new();
        for response in responses.iter().filter(|response| response.state == ResponseState::Approved) {
            outcomes.push((response.id, perform::one(self, id, response, by).await));
        }
        let (incident, ()) = self
            .change_incident(id, |incident, now| {
                for (response, outcome) in &outcomes {
                    match outcome {
                        Outcome::Done { was_so } => incident.performed(*response, *was_so, now)?,
                        Outcome::Failed(why) | Outcome::Unconfirmed(why) => incident.failed(*response, why, now)?,
                    }
                }
                incident.settle(now);
                Ok(())
            })
            .await?;
        Ok((incident, plan))
    }

    /// A named human is aware of a breach of personal data: the clock starts, and what was touched is counted.
    pub async fn aware_of_breach(
        &self,
        id: IncidentId,
        named: &str,
        since: Option<Timestamp>,
        by: By,
    ) -> Result<Incident, DeskError> {
        let contact = self.config().response.contact.clone();
        let facts = touched::facts(self, &self.incident(id).await?).await?;
        let start = |incident: &mut Incident, now: Timestamp| {
            incident.aware(named, since.unwrap_or(now), by, now)?;
            incident.breach_facts(facts.clone())?;
            if contact.is_some() {
                incident.breach_words(BreachWords { contact: contact.clone(), ..BreachWords::default() }, by, now)?;
            }
            Ok(())
        };
        Ok(self.change_incident(id, start).await?.0)
    }

    /// Enters what people know into the register, and counts anew what was touched.
    pub async fn describe_breach(&self, id: IncidentId, words: &BreachWords, by: By) -> Result<Incident, DeskError> {
        let facts = touched::facts(self, &self.incident(id).await?).await?;
        let enter = |incident: &mut Incident, now| {
            incident.breach_words(words.clone(), by, now)?;
            incident.breach_facts(facts.clone())
        };
        Ok(self.change_incident(id, enter).await?.0)
    }

    /// The authority was told.
    pub async fn breach_notified(&self, id: IncidentId, by: By) -> Result<Incident, DeskError> {
        Ok(self.change_incident(id, |incident, now| incident.breach_notified(by, now)).await?.0)
    }

    /// The draft of a notification.
    pub async fn breach_draft(&self, id: IncidentId) -> Result<Draft, DeskError> {
        let draft = self.incident(id).await?.breach_draft(self.clock.now());
        draft.ok_or(DeskError::Work(WorkError::NotAware))
    }
}
