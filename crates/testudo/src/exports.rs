//! Exports: one loop for each configured target, which follows the journal from the target's place.
//!
//! A target's place is a record and, for pruning, a cursor of the journal: entries that a target has not taken are kept,
//! however long it is down, and so are those of a target that is no longer configured, until somebody says that it is
//! forgotten. On PostgreSQL the leading node exports; that its place was not moved by another one is checked with each
//! move.

#![expect(clippy::similar_names, reason = "the names are the words of the field")]

mod feed;
mod place;
mod target;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use testudo_core::{Actor, Event, EventKind};
use testudo_export::{Exporter, Origin, Progress, Record, State, Target};
use testudo_gateway::CloseSignal;
use testudo_store::Plain;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use self::feed::JournalFeed;
use self::place::Place;
use crate::config::{Config, ExportConfig};
use crate::node::Node;

pub use place::PlaceError;
pub use target::{TargetError, secret};

/// Between two tries to begin.
const RETRY: Duration = Duration::from_secs(2);
/// How often a node that does not export asks whether it should.
const TURN: Duration = Duration::from_secs(1);
/// A test is over by then.
const TEST: Duration = Duration::from_mins(1);

/// The exports of a node.
#[derive(Default)]
pub struct Exports {
    running: Mutex<BTreeMap<String, Running>>,
}

struct Running {
    config: ExportConfig,
    progress: Arc<Progress>,
    /// The place was changed by somebody: look at it.
    changed: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Builds all targets of a configuration once, so that mistakes are told before anything is put in force.
pub fn check(config: &Config) -> Result<(), TargetError> {
    config.export.iter().try_for_each(|export| target::build(export).map(drop))
}

impl Exports {
    /// Starts what is configured and does not run, stops what runs and is not configured so. Places stay.
    pub fn apply(&self, node: &Arc<Node>, stop: &CloseSignal) {
        let config = node.config();
        let mut running = self.running.lock();
        running.retain(|name, running| {
            config.export.iter().any(|wanted| *name == wanted.name && *wanted == running.config)
        });
        for export in &config.export {
            running.entry(export.name.clone()).or_insert_with(|| {
                let (progress, changed) = (Arc::new(Progress::default()), Arc::new(Notify::new()));
                let work = run(Arc::clone(node), export.clone(), Arc::clone(&progress), Arc::clone(&changed));
                let stop = stop.clone();
                let task = tokio::spawn(async move {
                    tokio::select! { () = work => {}, () = stop.closed() => {} }
                });
                Running { config: export.clone(), progress, changed, task }
            });
        }
    }

    /// How all targets do, those that are no longer configured too.
    pub async fn list(&self, node: &Node) -> Result<Value, PlaceError> {
        let head = *node.store.head().borrow();
        let places = place::all(node).await?;
        let config = node.config();
        let mut items = Vec::new();
        for export in &config.export {
            let place = places.iter().find(|place| place.name == export.name);
            items.push(self.view(export, place, head));
        }
        for place in places.iter().filter(|place| !config.export.iter().any(|export| export.name == place.name)) {
            items.push(json!({
                "name": place.name, "state": "not-configured", "place": place.next,
                "waiting": head.saturating_sub(place.next), "sent": place.sent, "refused": place.refused,
                "note": "it is not configured any more, and what it has not taken is not pruned; `testudo export forget` ends that",
            }));
        }
        Ok(json!({ "head": head, "items": items }))
    }

    /// The numbers of the targets that run here, without asking the store.
    pub fn here(&self, head: u64) -> Vec<Value> {
        self.running.lock().values().map(|running| self::view(&running.config, &running.progress, head)).collect()
    }

    /// The same for Prometheus.
    #[expect(clippy::cast_precision_loss, reason = "Prometheus counts in floating point")]
    pub fn metrics(&self, text: &mut String, head: u64) {
        let running = self.running.lock();
        let all: Vec<_> = running.iter().map(|(name, running)| (name, running.progress.status())).collect();
        let values = |pick: &dyn Fn(&testudo_export::Status) -> u64| -> Vec<(String, f64)> {
            all.iter().map(|(name, status)| (format!("{{export=\"{name}\"}}"), pick(status) as f64)).collect()
        };
        for (name, kind, help, values) in [
            (
                "testudo_export_waiting",
                "gauge",
                "Entries that a target has not taken.",
                values(&|s| head.saturating_sub(s.place)),
            ),
            ("testudo_export_sent_total", "counter", "Records that a target took.", values(&|s| s.sent)),
            (
                "testudo_export_refused_total",
                "counter",
                "Records that a target refused for good.",
                values(&|s| s.refused),
            ),
            ("testudo_export_failures", "gauge", "Failures of a target in a row.", values(&|s| s.failures.into())),
        ] {
            if !values.is_empty() {
                crate::metrics::metric(text, name, kind, help, &values);
            }
        }
    }

    fn view(&self, export: &ExportConfig, place: Option<&Place>, head: u64) -> Value {
        let running = self.running.lock();
        let mut view = match running.get(&export.name) {
            Some(running) => view(export, &running.progress, head),
            None => json!({ "name": export.name, "kind": export.kind, "state": "stopped" }),
        };
        if let (Some(view), Some(place)) = (view.as_object_mut(), place) {
            // What is kept is what counts, also of another node.
            view.insert("place".into(), json!(place.next));
            view.insert("waiting".into(), json!(head.saturating_sub(place.next)));
            view.insert("sent".into(), json!(place.sent));
            view.insert("refused".into(), json!(place.refused));
        }
        view
    }

    /// Sends one record that stands for no entry, and says how that went.
    pub async fn test(&self, node: &Node, name: &str) -> Result<Value, PlaceError> {
        let config = node.config();
        let export = config.export.iter().find(|export| export.name == name).ok_or(PlaceError::Unknown)?;
        let mut target = target::build(export).map_err(|error| PlaceError::Refused(error.to_string()))?;
        let record = test_record(node);
        let send = async {
            // A target may ask for another try at once, as after a request that was too large.
            for _ in 0..3 {
                match target.send(&[&record], &origin(node)).await {
                    Err(error) => return Err(error.to_string()),
                    Ok(delivery) if delivery.count == 0 => {}
                    Ok(delivery) => {
                        return match delivery.refused.first() {
                            Some(refused) => Err(format!("it was refused: {}", refused.cause)),
                            None if delivery.refused_unnamed > 0 => Err("it was refused".into()),
                            None if !delivery.again.is_empty() => Err("the target takes nothing at present".into()),
                            None => Ok(()),
                        };
                    }
                }
            }
            Err("the target takes nothing".into())
        };
        let sent =
            tokio::time::timeout(TEST, send).await.unwrap_or_else(|_| Err("it took longer than a minute".into()));
        match sent {
            Ok(()) => Ok(json!({ "name": name, "taken": true })),
            Err(error) => Err(PlaceError::Failed(error)),
        }
    }

    /// Has a target get everything from a place on, again or not at all.
    pub async fn resend(&self, node: &Node, name: &str, from: u64, by: &Actor) -> Result<Value, PlaceError> {
        if !node.config().export.iter().any(|export| export.name == name) {
            return Err(PlaceError::Unknown);
        }
        let head = *node.store.head().borrow();
        if from > head {
            return Err(PlaceError::Refused(format!("the journal has {head} entries; name a place up to that")));
        }
        let event = Event::new(EventKind::AdminActed, node.clock.now()).by(by.clone()).on(format!("export {name}"));
        place::set(node, name, from, event.detail("act", "export-resent").detail("from", from.to_string())).await?;
        if let Some(running) = self.running.lock().get(name) {
            running.changed.notify_one();
        }
        Ok(json!({ "name": name, "place": from, "waiting": head - from }))
    }

    /// Forgets the place of a target that is no longer configured, so that pruning waits for it no more.
    pub async fn forget(&self, node: &Node, name: &str, by: &Actor) -> Result<Value, PlaceError> {
        if node.config().export.iter().any(|export| export.name == name) {
            return Err(PlaceError::Refused(format!(
                "`{name}` is configured; remove it from the configuration first, and reload"
            )));
        }
        let event = Event::new(EventKind::AdminActed, node.clock.now()).by(by.clone()).on(format!("export {name}"));
        place::forget(node, name, event.detail("act", "export-forgotten")).await?;
        Ok(json!({ "name": name, "forgotten": true }))
    }
}

fn view(export: &ExportConfig, progress: &Progress, head: u64) -> Value {
    let status = progress.status();
    let mut view = json!({
        "name": export.name, "kind": export.kind, "state": status.state, "place": status.place,
        "waiting": head.saturating_sub(status.place), "sent": status.sent, "refused": status.refused,
        "failures": status.failures, "include": export.include,
    });
    if let (Some(view), Some(error)) = (view.as_object_mut(), status.error) {
        view.insert("error".into(), json!(error));
        view.insert("error_at".into(), json!(status.error_at.map(|at| at.to_string())));
    }
    view
}

/// The loop of one target: takes its place, exports until somebody else changes it, begins anew.
async fn run(node: Arc<Node>, config: ExportConfig, progress: Arc<Progress>, changed: Arc<Notify>) {
    loop {
        if !node.store.leads() {
            progress.is(State::Elsewhere);
            tokio::time::sleep(TURN).await;
            continue;
        }
        match begin(&node, &config, &progress, &changed).await {
            Ok(exporter) => {
                exporter.run().await;
            }
            Err(error) => {
                progress.failed(&error, node.clock.now());
                tracing::warn!(export = config.name, error, "exports can't begin; it is tried again");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

async fn begin(
    node: &Arc<Node>,
    config: &ExportConfig,
    progress: &Arc<Progress>,
    changed: &Arc<Notify>,
) -> Result<Exporter<JournalFeed>, String> {
    let target: Target = target::build(config).map_err(|error| error.to_string())?;
    let place = place::take(node, config).await.map_err(|error| error.to_string())?;
    progress.at(place.document.next);
    let feed = JournalFeed::new(Arc::clone(node), config.clone(), place, Arc::clone(changed));
    Ok(Exporter::new(feed, target, origin(node), Arc::clone(progress), Arc::clone(&node.clock)))
}

/// Where records come from: this log, on this machine, through the detectors of the masker.
fn origin(node: &Node) -> Origin {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.trim().chars().filter(char::is_ascii_graphic).take(255).collect();
    Origin {
        log: node.store.origin().to_owned(),
        host: if host.is_empty() { "localhost".into() } else { host },
        version: env!("CARGO_PKG_VERSION"),
        masker: Arc::new(|name, text| match name {
            "path" | "user-agent" => crate::scrub::text(text),
            name => crate::scrub::fact(name, text).map_or(text.into(), Into::into),
        }),
    }
}

fn test_record(node: &Node) -> Record {
    let at = node.clock.now();
    let plain = Plain {
        kind: EventKind::ExportResumed,
        at,
        outcome: testudo_core::Outcome::Success,
        control: None,
        code: None,
        request: None,
        person: None,
        subject: None,
        client: None,
        session: None,
        family: None,
        device: None,
        build: None,
        address: None,
        network: None,
        http: None,
        target: None,
        count: 1,
        details: BTreeMap::from([("note".into(), "this is a test and stands for no entry".into())]),
    };
    Record { label: Some(format!("test-{}", at.micros())), ..Record::plain(0, plain) }
}
