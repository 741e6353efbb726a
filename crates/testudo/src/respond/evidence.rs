//! The evidence of an incident: one file that proves itself without the server.
//!
//! ```text
//! manifest.json     what is in here, with the SHA-256 of each file
//! manifest.sig      Ed25519 over the manifest, by the key that signs the journal's checkpoints
//! checkpoint.txt    a signed checkpoint of the journal
//! events.jsonl      each entry: its bytes as they are hashed, what they say, and the proof that it is in the log
//! alerts.jsonl      each alert with the text of its rule and the hash of that
//! incident.json     the incident: timeline, notes, tasks, clock of a breach
//! actions.json      what was done, by whom, who allowed it, and how it ended
//! playbooks.json    the playbooks in force when it was exported
//! personal.jsonl    only if personal data were asked for: the sealed part of the entries, opened
//! ```
//!
//! The personal part of an entry is in its bytes, sealed; what `personal.jsonl` says of it can't be proven without the
//! keys. Without it nobody's address or name stands in the bundle.

mod bundle;
mod verify;

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::{BASE64, HEXLOWER};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use testudo_core::{EventKind, IncidentId, Timestamp};
use testudo_crypto::digest::sha256;
use testudo_response::Incident;
use testudo_store::{Entry, JournalFilter, ReadError, UpkeepError};

use super::desk::DeskError;
use crate::node::Node;

pub use bundle::MOST_BYTES;
pub use verify::verify;

/// The format of the manifest.
const FORMAT: &str = "testudo-evidence/1";
/// What stands before the manifest where it is signed, so that no other signature of the key is one of a manifest.
const CONTEXT: &[u8] = b"testudo evidence manifest v1\n";
/// The most entries of a bundle.
const MOST_ENTRIES: usize = 5_000;
/// Entries that are looked through for those that speak of the incident.
const LOOKED_THROUGH: usize = 10_000;

/// What is in a bundle.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: String,
    incident: IncidentId,
    made: Timestamp,
    /// The name of the log.
    origin: String,
    /// The entries of the log at the checkpoint.
    size: u64,
    /// The root of the log at the checkpoint, in hexadecimal.
    root: String,
    /// The key that verifies, in base64.
    public_key: String,
    /// Whether personal data are in it.
    personal: bool,
    /// More entries speak of the incident than a bundle takes.
    cut: bool,
    files: BTreeMap<String, FileOf>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileOf {
    sha256: String,
    bytes: u64,
}

/// One entry of the journal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventLine {
    seq: u64,
    /// The bytes that are hashed, in base64.
    raw: String,
    /// The leaf's hash, in hexadecimal.
    leaf: String,
    /// The hashes from the leaf to the root, in hexadecimal.
    inclusion: Vec<String>,
    /// What the bytes say in plain.
    event: Value,
}

/// One alert.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AlertLine {
    /// The place of its event.
    place: u64,
    alert: testudo_core::Alert,
    /// The text of the rule, where it is still in force.
    rule: Option<String>,
    /// Its SHA-256, in hexadecimal.
    rule_sha256: Option<String>,
}

/// A bundle.
#[derive(Debug)]
pub struct Evidence {
    /// A name for the file.
    pub name: String,
    /// How many entries of the journal are in it.
    pub entries: usize,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The incident can't be read.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// The journal can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// No checkpoint could be made.
    #[error(transparent)]
    Checkpoint(#[from] UpkeepError),
    /// The file can't be written.
    #[error("the bundle can't be written: {0}")]
    Write(String),
}

impl Node {
    /// Makes the bundle of an incident; with `personal`, who asks has passed the gate that shows personal data.
    pub async fn evidence(&self, id: IncidentId, personal: bool) -> Result<Evidence, EvidenceError> {
        let incident = self.incident(id).await?;
        let (places, cut) = self.places_of(&incident).await?;
        let entries = self.store.entries_at(&places).await?;
        let checkpoint = self.store.checkpoint().await?;
        let mut events = Vec::with_capacity(entries.len());
        let mut opened = Vec::new();
        for (raw, entry) in &entries {
            let proof = self.store.inclusion_proof(entry.seq, checkpoint.size).await?;
            events.push(EventLine {
                seq: entry.seq,
                raw: BASE64.encode(raw),
                leaf: HEXLOWER.encode(&entry.leaf),
                inclusion: proof.iter().map(|hash| HEXLOWER.encode(hash)).collect(),
                event: json!(entry.plain),
            });
            if personal {
                let found = self.store.open_entry(entry).await?;
                opened.push(json!({ "seq": entry.seq, "erased": found.erased, "event": found.event }));
            }
        }
        let texts = rule_texts(self);
        let alerts: Vec<AlertLine> = incident
            .alerts
            .iter()
            .map(|alerted| {
                let rule = texts.get(&alerted.alert.rule).cloned();
                let rule_sha256 = rule.as_ref().map(|text| HEXLOWER.encode(&sha256(text.as_bytes())));
                AlertLine { place: alerted.place, alert: alerted.alert.clone(), rule, rule_sha256 }
            })
            .collect();
        let shown = incident.to_json(personal);
        let mut files = BTreeMap::new();
        files.insert("checkpoint.txt", checkpoint.note.clone().into_bytes());
        files.insert("events.jsonl", lines(&events));
        files.insert("alerts.jsonl", lines(&alerts));
        files.insert("actions.json", pretty(shown.get("responses").unwrap_or(&Value::Null)));
        files.insert("incident.json", pretty(&shown));
        files.insert("playbooks.json", pretty(&json!(*self.responder.playbooks())));
        if personal {
            files.insert("personal.jsonl", lines(&opened));
        }
        let signer = self.store.ring().checkpoint_signer();
        let of = |(name, bytes): (&&str, &Vec<u8>)| {
            let file = FileOf { sha256: HEXLOWER.encode(&sha256(bytes)), bytes: bytes.len() as u64 };
            ((*name).to_owned(), file)
        };
        let manifest = Manifest {
            format: FORMAT.into(),
            incident: id,
            made: self.clock.now(),
            origin: checkpoint.origin.clone(),
            size: checkpoint.size,
            root: HEXLOWER.encode(&checkpoint.root),
            public_key: BASE64.encode(&signer.public()),
            personal,
            cut,
            files: files.iter().map(of).collect(),
        };
        let manifest = pretty(&json!(manifest));
        let signature = signer.sign(&[CONTEXT, &manifest].concat());
        files.insert("manifest.json", manifest);
        files.insert("manifest.sig", BASE64.encode(&signature).into_bytes());
        let bytes = bundle::write(&files).map_err(EvidenceError::Write)?;
        Ok(Evidence { name: format!("{id}.evidence.zip"), entries: entries.len(), bytes })
    }

    /// The places of the entries that speak of an incident: its alerts, what they rest on, what happened to it, and what
    /// its actions did.
    async fn places_of(&self, incident: &Incident) -> Result<(Vec<u64>, bool), ReadError> {
        let mut places: BTreeSet<u64> = BTreeSet::new();
        for alerted in &incident.alerts {
            places.insert(alerted.place);
            places.extend(&alerted.alert.places);
        }
        let from = incident.alerts.first().map_or(0, |alerted| alerted.place);
        let id = incident.id.to_string();
        for kinds in [&OF_INCIDENTS[..], &EFFECTS[..]] {
            let filter = JournalFilter { kinds: kinds.to_vec(), ..JournalFilter::default() };
            let found = self.store.read_journal(from, LOOKED_THROUGH, &filter).await?;
            places.extend(found.iter().filter(|entry| speaks_of(entry, &id)).map(|entry| entry.seq));
        }
        let cut = places.len() > MOST_ENTRIES;
        Ok((places.into_iter().take(MOST_ENTRIES).collect(), cut))
    }
}

/// Whether an entry is about an incident, or says that the incident is its reason.
fn speaks_of(entry: &Entry, id: &str) -> bool {
    let reason = entry.plain.details.get("reason");
    entry.plain.target.as_deref() == Some(id) || reason.is_some_and(|reason| reason.contains(id))
}

/// What happens to incidents.
const OF_INCIDENTS: [EventKind; 11] = [
    EventKind::IncidentOpened,
    EventKind::IncidentChanged,
    EventKind::IncidentClosed,
    EventKind::BreachAware,
    EventKind::ResponseProposed,
    EventKind::ResponseApproved,
    EventKind::ResponseDeclined,
    EventKind::ResponsePerformed,
    EventKind::ResponseUndone,
    EventKind::ResponseFailed,
    EventKind::NoticeSent,
];

/// What actions leave in the journal.
const EFFECTS: [EventKind; 13] = [
    EventKind::SessionRevoked,
    EventKind::FamilyRevoked,
    EventKind::PersonRevoked,
    EventKind::PersonLocked,
    EventKind::StepUpRequired,
    EventKind::StepUpWaived,
    EventKind::PeerBlocked,
    EventKind::PeerUnblocked,
    EventKind::LimitsTightened,
    EventKind::LimitsRestored,
    EventKind::RoutesRestricted,
    EventKind::RoutesReleased,
    EventKind::ClientDisabled,
];

/// The texts of the rules that can be found, by id: of the pack and of the configured files.
fn rule_texts(node: &Node) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    let mut take = |text: &str| {
        for document in text.split("\n---") {
            let document = document.trim_start_matches(['-', '\n']).trim_end();
            let id = document.lines().find_map(|line| line.strip_prefix("id:"));
            if let Some(id) = id {
                texts.insert(id.trim().trim_matches(['"', '\'']).to_owned(), document.to_owned());
            }
        }
    };
    for (_, text) in testudo_detection::FILES {
        take(text);
    }
    for text in crate::rules::readable(&node.config().detection) {
        take(&text);
    }
    texts
}

fn lines<T: Serialize>(items: &[T]) -> Vec<u8> {
    let mut text = Vec::new();
    for item in items {
        text.extend_from_slice(&serde_json::to_vec(item).unwrap_or_default());
        text.push(b'\n');
    }
    text
}

fn pretty(value: &Value) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).unwrap_or_default();
    text.push(b'\n');
    text
}

#[cfg(test)]
mod tests;
