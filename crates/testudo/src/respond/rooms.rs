//! Incidents for the admin API.

use std::sync::Arc;

use serde_json::Value;
use testudo_api::{ActError, Desk, EvidenceFile, IncidentList, Reply, Work};
use testudo_core::{Fault, IncidentId, Timestamp};
use testudo_crypto::digest::sha256;
use testudo_response::{By, Draft, Incident, Plan, Playbook, State};

use super::desk::DeskError;
use super::evidence::EvidenceError;
use crate::node::Node;
use crate::rooms::{Rooms, refused};

/// When the pack and its format came to be; playbooks have no time of their own.
const SINCE: Timestamp = Timestamp::from_seconds(1_764_374_400);

fn told(error: DeskError) -> ActError {
    let fault = |fault: Fault, text: String| match fault {
        Fault::Client => ActError::Conflict,
        Fault::Bug => ActError::Failed(text),
        Fault::Peer | Fault::Dependency => ActError::Unavailable(text),
    };
    match error {
        DeskError::NoIncident => ActError::NotFound("incident"),
        DeskError::NoPlaybook(_) => ActError::Refused(error.to_string()),
        DeskError::Work(error) => ActError::Refused(error.to_string()),
        DeskError::Act(error) => refused(error),
        DeskError::Read(error) => fault(error.fault(), error.to_string()),
        DeskError::Commit(error) => fault(error.fault(), error.to_string()),
    }
}

impl Node {
    /// Works on an incident.
    pub async fn work_on_incident(self: &Arc<Node>, id: IncidentId, work: Work, by: By) -> Result<Incident, DeskError> {
        match work {
            Work::Note(text) => self.note_incident(id, &text, by).await,
            Work::AddTask(text) => self.add_incident_task(id, &text, by).await,
            Work::FinishTask(task) => self.finish_incident_task(id, task, by).await,
            Work::Close { verdict, text, undo } => self.close_incident(id, verdict, &text, undo, by).await,
            Work::Undo(response, why) => self.undo_response(id, response, &why, by).await,
            Work::Approve(response) => self.approve_response(id, response, by).await,
            Work::Decline(response, why) => self.decline_response(id, response, &why, by).await,
            Work::Aware { named, since } => self.aware_of_breach(id, &named, since, by).await,
            Work::Describe(words) => self.describe_breach(id, &words, by).await,
            Work::Notified => self.breach_notified(id, by).await,
        }
    }
}

impl Desk for Rooms {
    fn incidents(&self, state: Option<State>, after: Option<String>, limit: usize) -> Reply<'_, IncidentList> {
        Box::pin(async move {
            let after = after.map(|text| text.parse()).transpose();
            let after = after.map_err(|_| ActError::Refused("`after` is not a list cursor; start anew".into()))?;
            let page = self.node()?.incidents(state, after, limit).await.map_err(told)?;
            Ok(IncidentList { items: page.items, next: page.next.map(|next| next.to_string()) })
        })
    }

    fn incident(&self, id: IncidentId) -> Reply<'_, Incident> {
        Box::pin(async move { self.node()?.incident(id).await.map_err(told) })
    }

    fn work(&self, id: IncidentId, work: Work, by: By) -> Reply<'_, Incident> {
        Box::pin(async move { self.node()?.work_on_incident(id, work, by).await.map_err(told) })
    }

    fn plan(&self, id: IncidentId, playbook: String, step: Option<usize>) -> Reply<'_, Plan> {
        Box::pin(async move { self.node()?.plan_playbook(id, &playbook, step).await.map_err(told) })
    }

    fn run(&self, id: IncidentId, playbook: String, step: Option<usize>, by: By) -> Reply<'_, (Incident, Plan)> {
        Box::pin(async move { self.node()?.run_playbook(id, &playbook, step, by).await.map_err(told) })
    }

    fn draft(&self, id: IncidentId) -> Reply<'_, Draft> {
        Box::pin(async move { self.node()?.breach_draft(id).await.map_err(told) })
    }

    fn evidence(&self, id: IncidentId, personal: bool) -> Reply<'_, EvidenceFile> {
        Box::pin(async move {
            let made = self.node()?.evidence(id, personal).await.map_err(|error| match error {
                EvidenceError::Desk(error) => told(error),
                EvidenceError::Write(_) => ActError::Failed(error.to_string()),
                EvidenceError::Read(_) | EvidenceError::Checkpoint(_) => ActError::Unavailable(error.to_string()),
            })?;
            Ok(EvidenceFile { name: made.name, entries: made.entries, bytes: made.bytes })
        })
    }

    fn playbooks(&self) -> Arc<Vec<Playbook>> {
        self.node().map(|node| node.responder.playbooks()).unwrap_or_default()
    }

    fn cacao(&self, id: &str) -> Option<Value> {
        let playbooks = self.playbooks();
        Some(cacao(playbooks.iter().find(|playbook| playbook.id == id)?))
    }
}

/// A playbook as CACAO 2.0.
pub fn cacao(playbook: &Playbook) -> Value {
    playbook.to_cacao(SINCE, uuid)
}

/// A UUID of a name: in the form of version 5, over SHA-256.
fn uuid(name: &str) -> String {
    let hash = sha256(format!("testudo playbook {name}").as_bytes());
    let mut bytes: [u8; 16] = hash.first_chunk().copied().unwrap_or_default();
    let [.., version, _, variant, _, _, _, _, _, _, _] = &mut bytes;
    *version = (*version & 0x0f) | 0x50;
    *variant = (*variant & 0x3f) | 0x80;
    let hex = data_encoding::HEXLOWER.encode(&bytes);
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
}
