//! Verification of the log as a job: a large log takes minutes, so it is started, and its report is looked at later. One
//! runs at a time; the last report is kept.

use std::sync::{Arc, Mutex, PoisonError};

use testudo_core::Timestamp;
use testudo_store::AuditReport;

use super::Console;
use super::audit::hex;
use super::when::{When, number};

/// The last verification of this node.
#[derive(Clone, Default)]
pub(crate) struct Verifications(Arc<Mutex<Option<Job>>>);

#[derive(Clone)]
struct Job {
    started: Timestamp,
    outcome: Outcome,
}

#[derive(Clone)]
enum Outcome {
    Running,
    Done(Box<Told>),
    Failed(String),
}

#[derive(Clone)]
struct Told {
    sound: bool,
    size: u64,
    root: String,
    proven_to: Option<u64>,
    unproven_from: u64,
    faults: Vec<String>,
}

/// What a page says of it.
pub(crate) struct Report {
    pub(crate) started: When,
    /// `running`, `sound`, `damaged` or `failed`.
    pub(crate) state: &'static str,
    pub(crate) lines: Vec<String>,
}

impl Report {
    pub(crate) fn is_running(&self) -> bool {
        self.state == "running"
    }
}

impl Verifications {
    /// Starts one, unless one is running.
    pub(crate) fn start(&self, console: &Console) -> bool {
        {
            let mut job = self.lock();
            if job.as_ref().is_some_and(|job| matches!(job.outcome, Outcome::Running)) {
                return false;
            }
            *job = Some(Job { started: console.clock.now(), outcome: Outcome::Running });
        }
        let (jobs, store) = (self.clone(), console.store().clone());
        let file = console.house.checkpoint_file().filter(|file| file.exists());
        tokio::spawn(async move {
            // Should the task end early, the job is not left running.
            let mut end = End { jobs, outcome: Some(Outcome::Failed("it was broken off".into())) };
            end.outcome = Some(match store.verify(file.as_deref()).await {
                Ok(report) => Outcome::Done(Box::new(told(&report))),
                Err(error) => Outcome::Failed(error.to_string()),
            });
        });
        true
    }

    /// The last one.
    pub(crate) fn last(&self) -> Option<Report> {
        let job = self.lock().clone()?;
        let (state, lines) = match job.outcome {
            Outcome::Running => ("running", Vec::new()),
            Outcome::Failed(why) => ("failed", vec![crate::problem::sentence(&why)]),
            Outcome::Done(told) => {
                let mut lines = vec![format!("{} entries, root {}", number(told.size), told.root)];
                lines.push(match told.proven_to {
                    Some(place) => {
                        format!("The {} first are vouched for by checkpoints from outside of the store.", number(place))
                    }
                    None => "No checkpoint from outside of the store vouches for them.".to_owned(),
                });
                if told.unproven_from < told.size {
                    lines.push(format!("From entry {} on no checkpoint speaks yet.", number(told.unproven_from)));
                }
                lines.extend(told.faults);
                (if told.sound { "sound" } else { "damaged" }, lines)
            }
        };
        Some(Report { started: When::minute(job.started), state, lines })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Job>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct End {
    jobs: Verifications,
    outcome: Option<Outcome>,
}

impl Drop for End {
    fn drop(&mut self) {
        if let (Some(job), Some(outcome)) = (self.jobs.lock().as_mut(), self.outcome.take()) {
            job.outcome = outcome;
        }
    }
}

fn told(report: &AuditReport) -> Told {
    let mut faults = Vec::new();
    if let Some(bad) = &report.bad {
        faults.push(format!("Entry {} is damaged: {}.", bad.seq, bad.fault));
    }
    if let Some((level, place)) = report.bad_node {
        faults.push(format!("The stored hash {place} of level {level} is wrong."));
    }
    if let Some(segment) = report.bad_index {
        faults.push(format!("The index of segment {segment} is wrong."));
    }
    for bad in report.bad_checkpoints.iter().take(5) {
        faults.push(format!("The checkpoint of size {} does not fit: {}.", bad.size, bad.cause));
    }
    for range in report.pruned.iter().take(5) {
        faults.push(format!("Entries {} to {} were exported and pruned.", range.from, range.to));
    }
    Told {
        sound: report.sound(),
        size: report.size,
        root: report.root.as_ref().map(hex).unwrap_or_default(),
        proven_to: report.proven_to,
        unproven_from: report.unproven_from,
        faults,
    }
}
