//! Verification of the log: a large one takes minutes, so it is a job.

use serde_json::{Value, json};
use testudo_store::{AuditReport, Checkpoint};

use super::AdminState;

/// Verifies the whole log. Without checkpoints of the caller's it takes the file that is appended to.
pub(super) async fn verify(state: AdminState, given: Option<Vec<Checkpoint>>) -> Value {
    let store = state.identity.store();
    let file = state.house.checkpoint_file().filter(|file| file.exists());
    let external = given.is_some() || file.is_some();
    let verified = match &given {
        Some(checkpoints) => store.verify_against(Some(checkpoints)).await,
        None => store.verify(file.as_deref()).await,
    };
    match verified {
        Ok(report) => view(&report, external),
        Err(error) => json!({ "state": "failed", "error": error.to_string() }),
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
