//! Verification of the log as a job: a large log takes minutes, so it is started, and its report is asked for. One runs
//! at a time; the last few reports are kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use testudo_core::Timestamp;
use testudo_store::{AuditReport, Checkpoint};

use super::AdminState;

const KEPT: usize = 16;

/// The verifications of this node.
#[derive(Clone, Default)]
pub(super) struct Verifications(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    last: u64,
    jobs: VecDeque<(u64, Timestamp, Job)>,
}

enum Job {
    Running,
    Done(Value),
}

impl Verifications {
    /// Starts one, unless one is running. Without checkpoints of the caller's it takes the file that is appended to.
    pub(super) fn start(&self, state: &AdminState, given: Option<Vec<Checkpoint>>) -> Option<u64> {
        let id = {
            let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if inner.jobs.iter().any(|(_, _, job)| matches!(job, Job::Running)) {
                return None;
            }
            inner.last += 1;
            let id = inner.last;
            inner.jobs.push_back((id, state.clock.now(), Job::Running));
            if inner.jobs.len() > KEPT {
                inner.jobs.pop_front();
            }
            id
        };
        let (jobs, state) = (self.clone(), state.clone());
        tokio::spawn(async move {
            // Should the task end early, the job is not left running.
            let mut end = End { jobs, id, report: json!({ "state": "failed", "error": "it was broken off" }) };
            let store = state.identity.store();
            let file = state.house.checkpoint_file().filter(|file| file.exists());
            let external = given.is_some() || file.is_some();
            let verified = match &given {
                Some(checkpoints) => store.verify_against(Some(checkpoints)).await,
                None => store.verify(file.as_deref()).await,
            };
            end.report = match verified {
                Ok(report) => view(&report, external),
                Err(error) => json!({ "state": "failed", "error": error.to_string() }),
            };
        });
        Some(id)
    }

    /// The report of a verification.
    pub(super) fn report(&self, id: u64) -> Option<Value> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, started, job) = inner.jobs.iter().find(|(known, _, _)| *known == id)?;
        let mut report = match job {
            Job::Running => json!({ "state": "running" }),
            Job::Done(report) => report.clone(),
        };
        if let Some(members) = report.as_object_mut() {
            members.insert("id".into(), id.into());
            members.insert("started".into(), started.to_string().into());
        }
        Some(report)
    }
}

struct End {
    jobs: Verifications,
    id: u64,
    report: Value,
}

impl Drop for End {
    fn drop(&mut self) {
        let mut inner = self.jobs.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, _, job)) = inner.jobs.iter_mut().find(|(id, _, _)| *id == self.id) {
            *job = Job::Done(self.report.take());
        }
    }
}

fn view(report: &AuditReport, external: bool) -> Value {
    json!({
        "state": "done",
        "sound": report.sound(),
        "origin": report.origin,
        "size": report.size,
        "root": report.root.as_ref().map(hex),
        "bad_entry": report.bad.as_ref().map(|bad| json!({ "seq": bad.seq, "fault": bad.fault.to_string() })),
        "bad_node": report.bad_node.map(|(level, place)| json!({ "level": level, "place": place })),
        "bad_index": report.bad_index,
        "pruned": report.pruned.iter().map(|range| json!({ "from": range.from, "to": range.to })).collect::<Vec<_>>(),
        "bad_checkpoints": report.bad_checkpoints.iter()
            .map(|bad| json!({ "size": bad.size, "external": bad.external, "cause": bad.cause }))
            .collect::<Vec<_>>(),
        "stored_checkpoints": report.stored_checkpoints,
        "external_checkpoints": external.then_some(report.external_checkpoints),
        "proven_to": report.proven_to,
        "unproven_from": report.unproven_from,
    })
}

/// A hash in lower-case hex.
pub(super) fn hex(hash: &[u8; 32]) -> String {
    use std::fmt::Write;
    hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
