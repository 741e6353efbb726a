//! Work that takes minutes: it is started, and its report is asked for. One of a kind runs at a time; the last few reports
//! are kept.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use testudo_core::Timestamp;

const KEPT: usize = 16;

/// The jobs of one kind.
#[derive(Clone, Default)]
pub(super) struct Jobs(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    last: u64,
    jobs: VecDeque<(u64, Timestamp, Job)>,
}

enum Job {
    Running(Arc<AtomicU64>),
    Done(Value),
}

impl Jobs {
    /// Starts one, unless one is running. The work counts how far it is, and gives the report.
    pub(super) fn start<W>(&self, now: Timestamp, work: impl FnOnce(Arc<AtomicU64>) -> W) -> Option<u64>
    where
        W: Future<Output = Value> + Send + 'static,
    {
        let progress = Arc::new(AtomicU64::new(0));
        let id = {
            let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if inner.jobs.iter().any(|(_, _, job)| matches!(job, Job::Running(_))) {
                return None;
            }
            inner.last += 1;
            let id = inner.last;
            inner.jobs.push_back((id, now, Job::Running(Arc::clone(&progress))));
            if inner.jobs.len() > KEPT {
                inner.jobs.pop_front();
            }
            id
        };
        // Should the task end early, the job is not left running.
        let report = json!({ "state": "failed", "error": "it was broken off" });
        let (mut end, work) = (End { jobs: self.clone(), id, report }, work(progress));
        tokio::spawn(async move {
            end.report = work.await;
            drop(end);
        });
        Some(id)
    }

    /// The report of a job.
    pub(super) fn report(&self, id: u64) -> Option<Value> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, started, job) = inner.jobs.iter().find(|(known, _, _)| *known == id)?;
        let mut report = match job {
            Job::Running(progress) => json!({ "state": "running", "progress": progress.load(Ordering::Relaxed) }),
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
    jobs: Jobs,
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
