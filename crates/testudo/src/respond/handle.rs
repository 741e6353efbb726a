//! Alerts come in: they are grouped, planned, acted on, and then written down.

#![expect(clippy::single_match_else, reason = "both ways are told")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use testudo_core::{Alert, IncidentId, ResponseId, Timestamp};
use testudo_response::{By, Happened, Incident, Response, ResponseState, Ruling, belongs, plan};
use testudo_store::{CommitError, Stored, Tx};

use super::found::Found;
use super::perform::{self, Outcome};
use super::record::Record;
use super::{Live, OBSERVER, RespondError};
use crate::node::Node;

/// How often a commit is tried that somebody else came before.
const TRIES: usize = 5;

/// What is to be written into one incident.
#[derive(Default)]
struct Work {
    /// The alerts that join it, with what was found in their events.
    alerts: Vec<(u64, Alert, Found)>,
    continues: Option<IncidentId>,
    related: BTreeSet<IncidentId>,
    /// What is not done: playbook, action, why, how many.
    not_done: Vec<(String, &'static str, String, u64)>,
    responses: Vec<Response>,
    outcomes: BTreeMap<ResponseId, Outcome>,
    /// When all was in force that was to be done at once.
    acted: Option<Timestamp>,
}

/// Takes in alerts with the places of their events, in the order of places. What is below the cursor is dealt with.
pub async fn on_alerts(node: &Arc<Node>, mut alerts: Vec<(u64, Alert)>) -> Result<(), RespondError> {
    let mut live = node.responder.live.lock().await;
    live.refresh(&node.store).await?;
    alerts.retain(|(place, _)| *place >= live.done);
    let Some(last) = alerts.last().map(|(place, _)| *place) else { return Ok(()) };
    let now = node.clock.now();
    let mut works = gather(node, &live, alerts, now).await?;
    let acts = decide(node, &live, &mut works, now).await?;
    for (id, responses) in acts {
        let outcomes = perform::all(node, id, responses).await;
        if let Some(work) = works.get_mut(&id) {
            work.outcomes.extend(outcomes);
            work.acted = Some(node.clock.now());
        }
    }
    commit(node, &mut live, &works, last + 1, now).await
}

/// Finds the incident of each alert.
async fn gather(
    node: &Node,
    live: &Live,
    alerts: Vec<(u64, Alert)>,
    now: Timestamp,
) -> Result<BTreeMap<IncidentId, Work>, RespondError> {
    let open_at = node.config().response.open_at;
    let playbooks = node.responder.playbooks();
    let mut works: BTreeMap<IncidentId, Work> = BTreeMap::new();
    // Those that an alert of this batch joins; the others are looked at where they are.
    let mut scratch: BTreeMap<IncidentId, Incident> = BTreeMap::new();
    for (place, alert) in alerts {
        let found = Found::of(node, &alert).await?;
        let mut entities = found.entities();
        entities.extend(testudo_response::Entity::of_alert(&alert));
        let untouched = live.incidents.values().map(|stored| &stored.document.0);
        let untouched = untouched.filter(|incident| !scratch.contains_key(&incident.id));
        let belongs = belongs(&alert, &entities, &untouched.chain(scratch.values()).collect::<Vec<_>>(), now);
        let acts = playbooks.iter().any(|playbook| playbook.enabled && playbook.trigger.fits(&alert));
        let id = match belongs.joins {
            Some(id) => id,
            None if alert.level >= open_at || acts => incident_id(&alert, place),
            None => continue,
        };
        let incident = scratch.entry(id).or_insert_with(|| match live.incidents.get(&id) {
            Some(stored) => stored.document.0.clone(),
            None => Incident::open(id, place, &alert, now),
        });
        incident.join(place, &alert, now);
        found.name_in(incident);
        let work = works.entry(id).or_default();
        work.continues = work.continues.or(belongs.continues);
        work.related.extend(belongs.related);
        work.alerts.push((place, alert, found));
    }
    Ok(works)
}

/// Plans all of it; what is to be done at once comes back.
async fn decide(
    node: &Node,
    live: &Live,
    works: &mut BTreeMap<IncidentId, Work>,
    now: Timestamp,
) -> Result<Vec<(IncidentId, Vec<Response>)>, RespondError> {
    let config = node.config();
    let section = &config.response;
    let playbooks = node.responder.playbooks();
    let mut acts = Vec::new();
    for (id, work) in works {
        let base = live.incidents.get(id).map(|stored| stored.document.0.clone());
        let Some(mut incident) = write(base, *id, work, now) else { continue };
        let mut at_once = Vec::new();
        for (place, alert, found) in &work.alerts {
            let situation = found.situation(node, &incident, now).await;
            let mut plan = plan(&playbooks, alert, &incident, &situation, &section.blast_radius, now);
            if section.dry_run {
                for planned in plan.actions.iter_mut().filter(|planned| planned.is_to_be()) {
                    planned.ruling = Ruling::Skipped("a dry run: `response.dry-run` is on".into());
                }
            }
            let not_done =
                plan.not_done().into_iter().map(|((playbook, name, why), times)| (playbook, name, why, times));
            work.not_done.extend(not_done);
            let reason = format!("`{}` fits", alert.rule);
            let ids = |index| response_id(alert, *place, index);
            for response in plan.responses(Some(*place), By::Machine, &reason, section.approve_within, now, ids) {
                if incident.respond(response.clone()).is_err() {
                    continue;
                }
                if response.state == ResponseState::Approved {
                    at_once.push(response.clone());
                }
                work.responses.push(response);
            }
        }
        if !at_once.is_empty() {
            acts.push((*id, at_once));
        }
    }
    Ok(acts)
}

/// Writes into an incident, or opens it.
fn write(base: Option<Incident>, id: IncidentId, work: &Work, now: Timestamp) -> Option<Incident> {
    let mut incident = match base {
        Some(incident) => incident,
        None => {
            let (place, alert, _) = work.alerts.first()?;
            let mut incident = Incident::open(id, *place, alert, now);
            incident.continues = work.continues;
            incident
        }
    };
    for (place, alert, found) in &work.alerts {
        incident.join(*place, alert, now);
        found.name_in(&mut incident);
    }
    for related in work.related.iter().filter(|related| **related != id) {
        if incident.related.len() < Incident::MAX_RELATED {
            incident.related.insert(*related);
        }
    }
    for (playbook, action, why, times) in &work.not_done {
        let skipped = Happened::Skipped {
            playbook: playbook.clone(),
            action: (*action).to_owned(),
            why: why.clone(),
            times: *times,
        };
        // Alerts come in series, and the same reason need not be told for each of them.
        let told = incident.timeline.iter().any(|line| same_reason(&line.what, &skipped));
        if !told {
            incident.record(now, By::Machine, skipped);
        }
    }
    for response in &work.responses {
        let mut response = response.clone();
        if let Some(Outcome::Unconfirmed(why)) = work.outcomes.get(&response.id) {
            response.state = ResponseState::Proposed;
            response.reason.clone_from(why);
        }
        let id = response.id;
        if incident.respond(response).is_err() {
            continue;
        }
        let at = work.acted.unwrap_or(now);
        // What was cut off stays approved, and is done again.
        let _ = match work.outcomes.get(&id) {
            Some(Outcome::Done { was_so }) => incident.performed(id, *was_so, at),
            Some(Outcome::Failed(why)) => incident.failed(id, why, at),
            Some(Outcome::Unconfirmed(_)) | None => Ok(()),
        };
    }
    if let Some(acted) = work.acted {
        for (place, _, _) in &work.alerts {
            let done = work.responses.iter().any(|response| {
                response.alert == Some(*place) && matches!(work.outcomes.get(&response.id), Some(Outcome::Done { .. }))
            });
            if done {
                incident.acted(*place, acted);
            }
        }
        incident.settle(acted);
    }
    Some(incident)
}

/// Whether two lines say that the same was not done for the same reason.
fn same_reason(one: &Happened, other: &Happened) -> bool {
    match (one, other) {
        (
            Happened::Skipped { playbook, action, why, .. },
            Happened::Skipped { playbook: second, action: third, why: fourth, .. },
        ) => (playbook, action, why) == (second, third, fourth),
        _ => false,
    }
}

/// Commits all incidents with their events and the cursor. Where somebody else was first, it is written into what she
/// left.
async fn commit(
    node: &Node,
    live: &mut Live,
    works: &BTreeMap<IncidentId, Work>,
    cursor: u64,
    now: Timestamp,
) -> Result<(), RespondError> {
    for attempt in 0..TRIES {
        let mut tx = Tx::new();
        let mut written = Vec::new();
        for (id, work) in works {
            let stored = live.incidents.get(id);
            let version = stored.map(|stored| stored.version);
            let Some(mut incident) = write(stored.map(|stored| stored.document.0.clone()), *id, work, now) else {
                continue;
            };
            for event in incident.take_news() {
                tx.event(event.event(*id));
            }
            let record = Record(incident);
            match version {
                Some(version) => tx.update(&record, version),
                None => tx.insert(&record),
            };
            written.push(Stored { document: record, version: version.unwrap_or(0) + 1 });
        }
        tx.cursor(OBSERVER, cursor);
        match node.store.commit(tx).await {
            Ok(_) => {
                live.done = cursor;
                live.incidents.extend(written.into_iter().map(|stored| (stored.document.0.id, stored)));
                return Ok(());
            }
            Err(CommitError::Conflict { .. }) if attempt + 1 < TRIES => {
                live.stale.extend(works.keys());
                live.refresh(&node.store).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The id of the incident that an alert opens: the same for the same alert.
fn incident_id(alert: &Alert, place: u64) -> IncidentId {
    let mut tail = [0; 10];
    tail.iter_mut().skip(2).zip(place.to_be_bytes()).for_each(|(to, byte)| *to = byte);
    IncidentId::new(alert.at, tail)
}

/// The id of the action at a place of the plan for an alert: the same for the same alert.
fn response_id(alert: &Alert, place: u64, index: usize) -> ResponseId {
    let mut tail = [0; 10];
    let number = u16::try_from(index).unwrap_or(u16::MAX).to_be_bytes();
    let bytes = place.to_be_bytes().into_iter().chain(number);
    tail.iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte);
    ResponseId::new(alert.at, tail)
}
