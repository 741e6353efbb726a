//! What happens by itself as time passes: actions end, proposals lapse, the breach clock reminds, and what was cut off
//! is done again.

use std::sync::Arc;
use std::time::Duration;

use testudo_core::{Action, IncidentId, ResponseId, Timestamp};
use testudo_response::{By, Incident, Response, ResponseState, same};
use testudo_store::{CommitError, Stored, Tx};

use super::perform::{self, Outcome};
use super::record::Record;
use super::{Live, RespondError};
use crate::node::Node;

/// What is approved and not done after so long was cut off.
const CUT_OFF: Duration = Duration::from_secs(30);

/// Looks once.
pub async fn tend(node: &Arc<Node>) -> Result<(), RespondError> {
    let mut live = node.responder.live.lock().await;
    live.refresh(&node.store).await?;
    let now = node.clock.now();
    let due: Vec<IncidentId> =
        live.incidents.values().filter(|stored| is_due(&stored.document.0, now)).map(|one| one.document.0.id).collect();
    for id in due {
        tend_one(node, &mut live, id, now).await?;
    }
    Ok(())
}

fn is_due(incident: &Incident, now: Timestamp) -> bool {
    !incident.over(now).is_empty()
        || cut_off(incident, now).next().is_some()
        || incident.breach_runs() && !incident.clone().breach_remind(now).is_empty()
}

fn cut_off(incident: &Incident, now: Timestamp) -> impl Iterator<Item = &Response> {
    incident
        .responses
        .iter()
        .filter(move |response| response.state == ResponseState::Approved && now.since(response.planned) >= CUT_OFF)
}

async fn tend_one(node: &Node, live: &mut Live, id: IncidentId, now: Timestamp) -> Result<(), RespondError> {
    let Some(stored) = live.incidents.get(&id) else { return Ok(()) };
    let mut incident = stored.document.0.clone();
    for (response, undo) in incident.over(now) {
        let needed = undo.filter(|_| !held_elsewhere(live, &incident, response));
        if let Some(action) = needed
            && let Err(error) = perform::undo(node, id, action, By::Machine, "its time is over").await
        {
            tracing::warn!(incident = %id, %error, "what is over could not be undone; it is tried again");
            continue;
        }
        // It is one of those that were over a moment ago.
        let _ = incident.expired(response, now);
    }
    let again: Vec<Response> = cut_off(&incident, now).cloned().collect();
    for response in again {
        let by = response.approved.unwrap_or(By::Machine);
        let at = node.clock.now();
        let _ = match perform::one(node, id, &response, by).await {
            Outcome::Done { was_so } => incident.performed(response.id, was_so, at),
            Outcome::Failed(why) | Outcome::Unconfirmed(why) => incident.failed(response.id, &why, at),
        };
        incident.settle(at);
    }
    for hours in incident.breach_remind(now) {
        tracing::warn!(incident = %id, hours, "the clock of a breach runs: 72 hours after awareness the authority must know");
        for channel in node.notice_channels() {
            let action = Action::Notify { channel: channel.into(), incident: id };
            let _ = node.perform(action, &By::Machine.actor(), "the clock of a breach runs", &node.context()).await;
        }
    }
    save(node, live, incident).await
}

/// Whether another response that is in force does the same to the same.
fn held_elsewhere(live: &Live, own: &Incident, id: ResponseId) -> bool {
    let Some(response) = own.response(id) else { return false };
    let holds = |other: &Response| {
        other.id != id && other.state == ResponseState::Performed && same(&other.action, &response.action)
    };
    let others = live.incidents.values().map(|stored| &stored.document.0).filter(|other| other.id != own.id);
    own.responses.iter().chain(others.flat_map(|other| &other.responses)).any(holds)
}

async fn save(node: &Node, live: &mut Live, mut incident: Incident) -> Result<(), RespondError> {
    let id = incident.id;
    let Some(version) = live.incidents.get(&id).map(|stored| stored.version) else { return Ok(()) };
    let news = incident.take_news();
    if news.is_empty() {
        return Ok(());
    }
    let mut tx = Tx::new();
    for event in news {
        tx.event(event.event(id));
    }
    let record = Record(incident);
    tx.update(&record, version);
    match node.store.commit(tx).await {
        Ok(_) => {
            if record.is_live() {
                live.incidents.insert(id, Stored { document: record, version: version + 1 });
            } else {
                live.incidents.remove(&id);
            }
            Ok(())
        }
        // Somebody worked on it at the same moment: the next look sees that.
        Err(CommitError::Conflict { .. }) => {
            live.stale.insert(id);
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
