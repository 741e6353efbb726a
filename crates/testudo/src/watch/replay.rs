//! Rules tried on what the journal holds: the same detector on the same entries as the live run, and nothing is done
//! about what it finds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use testudo_api::{ActError, Replay};
use testudo_core::Alert;
use testudo_detection::{Detector, Options, Rules, pack};

use super::view;
use crate::node::Node;

/// Alerts that are told; more are counted.
const MOST_ALERTS: usize = 10_000;

/// Reads the rules of a replay. Errors name file, line and what to write instead.
pub fn compile(replay: &Replay) -> Result<Detector, ActError> {
    let mut rules = Rules::new();
    let mut mistakes = Vec::new();
    if replay.pack {
        mistakes.extend(pack(&mut rules).err().map(|error| error.to_string()));
    }
    for file in &replay.rules {
        mistakes.extend(rules.add(&file.name, &file.text).err().map(|error| error.to_string()));
    }
    if mistakes.is_empty() {
        rules.compile(Options::default()).map_err(|error| ActError::Refused(error.to_string()))
    } else {
        Err(ActError::Refused(mistakes.join("\n")))
    }
}

/// Runs them from the first entry at or after `since` to the end that the log has now.
pub async fn run(node: &Node, replay: &Replay, progress: Arc<AtomicU64>) -> Result<Value, ActError> {
    let mut detector = compile(replay)?;
    let unreadable = |error: testudo_store::ReadError| ActError::Unavailable(error.to_string());
    let end = *node.store.head().borrow();
    let mut tail = node.store.tail(super::first_since(node, replay.since).await.map_err(unreadable)?, &[]);
    let (mut events, mut total) = (0u64, 0u64);
    let (mut found, mut alerts, mut by_rule) = (Vec::new(), Vec::<Alert>::new(), BTreeMap::<String, u64>::new());
    while tail.position() < end {
        for entry in tail.read().await.map_err(unreadable)?.iter().filter(|entry| entry.seq < end) {
            detector.observe(&view(entry), entry.seq, &mut found);
            events += 1;
            for alert in found.drain(..) {
                total += 1;
                *by_rule.entry(alert.rule.clone()).or_default() += 1;
                if alerts.len() < MOST_ALERTS {
                    alerts.push(alert);
                }
            }
        }
        progress.store(events, Ordering::Relaxed);
        tokio::task::yield_now().await;
    }
    Ok(json!({
        "state": "done", "events": events, "alerts": alerts, "total": total, "rules": by_rule,
        "left_out": detector.counters(),
    }))
}
