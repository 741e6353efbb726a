//! Verifying a bundle with nothing but the key: each thing that does not fit is named.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::{BASE64, HEXLOWER};
use serde::Serialize;
use serde_json::{Value, json};
use testudo_core::{Alert, Event, EventKind};
use testudo_crypto::digest::sha256;
use testudo_crypto::verify_checkpoint;
use testudo_store::merkle::{Hash, leaf_hash, verify_inclusion};
use testudo_store::{Checkpoint, Entry, Plain};

use super::{AlertLine, CONTEXT, EventLine, FORMAT, Manifest, bundle};

/// The most things that are named.
const MOST_NAMED: usize = 200;

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Report {
    /// The incident.
    pub incident: Option<String>,
    /// The log.
    pub origin: Option<String>,
    /// The entries of the log at the checkpoint.
    pub size: u64,
    /// The key by which it was verified, in base64.
    pub key: Option<String>,
    /// The key was given, and not taken from the bundle itself.
    pub key_given: bool,
    /// A checkpoint that was kept outside agrees.
    pub anchored: bool,
    /// Entries that are proven to be in the log.
    pub entries: usize,
    /// Alerts that rest on proven entries.
    pub alerts: usize,
    /// Actions that have their entry.
    pub actions: usize,
    /// What does not fit.
    pub faults: Vec<String>,
    /// What can't be said.
    pub notes: Vec<String>,
}

impl Report {
    /// Whether all of it fits.
    pub fn is_sound(&self) -> bool {
        self.faults.is_empty()
    }

    fn fault(&mut self, fault: impl Into<String>) {
        if self.faults.len() < MOST_NAMED {
            self.faults.push(fault.into());
        }
    }
}

/// Verifies a bundle by the public key of the log's checkpoints. Without one the bundle's own is used, and then it is
/// proven only that it is whole, not whose it is. `kept` are checkpoints that were kept outside of the store.
pub fn verify(bytes: &[u8], key: Option<[u8; 32]>, kept: Option<&[Checkpoint]>) -> Report {
    let mut report = Report { key_given: key.is_some(), ..Report::default() };
    let files = match bundle::read(bytes) {
        Ok(files) => files,
        Err(fault) => {
            report.fault(fault);
            return report;
        }
    };
    let Some((manifest, key)) = signed(&files, key, &mut report) else { return report };
    for (name, of) in &manifest.files {
        match files.get(name) {
            None => report.fault(format!("`{name}` is missing")),
            Some(bytes) if HEXLOWER.encode(&sha256(bytes)) != of.sha256 || bytes.len() as u64 != of.bytes => {
                report.fault(format!("`{name}` is not what was signed: its hash is another"));
            }
            Some(_) => {}
        }
    }
    for name in files.keys().filter(|name| !matches!(name.as_str(), "manifest.json" | "manifest.sig")) {
        if !manifest.files.contains_key(name) {
            report.fault(format!("`{name}` is not in the manifest"));
        }
    }
    for name in bundle::NAMES {
        let optional = matches!(name, "manifest.json" | "manifest.sig" | "personal.jsonl");
        if !optional && !manifest.files.contains_key(name) {
            report.fault(format!("the manifest does not name `{name}`"));
        }
    }
    let Some(root) = checkpoint(&files, &manifest, key, kept, &mut report) else { return report };
    let entries = events(&files, manifest.size, &root, &mut report);
    alerts(&files, &entries, &manifest, &mut report);
    actions(&files, &entries, &manifest, &mut report);
    if manifest.cut {
        report.notes.push("more entries speak of the incident than a bundle takes".into());
    }
    if manifest.personal {
        report
            .notes
            .push("`personal.jsonl` is covered by the signature; the journal proves only the sealed form".into());
    }
    report
}

/// The manifest, if a key signed it.
fn signed(
    files: &BTreeMap<String, Vec<u8>>,
    key: Option<[u8; 32]>,
    report: &mut Report,
) -> Option<(Manifest, [u8; 32])> {
    let (Some(bytes), Some(signature)) = (files.get("manifest.json"), files.get("manifest.sig")) else {
        report.fault("`manifest.json` or `manifest.sig` is missing");
        return None;
    };
    let manifest: Manifest = match serde_json::from_slice(bytes) {
        Ok(manifest) => manifest,
        Err(error) => {
            report.fault(format!("`manifest.json` can't be read: {error}"));
            return None;
        }
    };
    if manifest.format != FORMAT {
        report.fault(format!("the bundle has another format than `{FORMAT}`"));
        return None;
    }
    report.incident = Some(manifest.incident.to_string());
    report.origin = Some(manifest.origin.clone());
    report.size = manifest.size;
    let own = BASE64.decode(manifest.public_key.as_bytes()).ok().and_then(|key| <[u8; 32]>::try_from(key).ok());
    let Some(key) = key.or(own) else {
        report.fault("the manifest names no key");
        return None;
    };
    report.key = Some(BASE64.encode(&key));
    let signature = BASE64.decode(signature.trim_ascii()).unwrap_or_default();
    if !verify_checkpoint(&key, &[CONTEXT, bytes].concat(), &signature) {
        report.fault(
            "`manifest.sig` is no signature of `manifest.json` by this key: one was changed, or it is of another log",
        );
    }
    Some((manifest, key))
}

/// The root of the log, if the checkpoint is signed and agrees with the manifest.
fn checkpoint(
    files: &BTreeMap<String, Vec<u8>>,
    manifest: &Manifest,
    key: [u8; 32],
    kept: Option<&[Checkpoint]>,
    report: &mut Report,
) -> Option<Hash> {
    let text = files.get("checkpoint.txt").and_then(|bytes| std::str::from_utf8(bytes).ok());
    let parsed = text.map(Checkpoint::parse);
    let made = match parsed {
        Some(Ok(made)) => made,
        Some(Err(error)) => {
            report.fault(format!("`checkpoint.txt` can't be read: {error}"));
            return None;
        }
        None => {
            report.fault("`checkpoint.txt` is missing");
            return None;
        }
    };
    if let Err(error) = made.verify(&manifest.origin, &[key]) {
        report.fault(format!("`checkpoint.txt`: {error}"));
    }
    if made.size != manifest.size || HEXLOWER.encode(&made.root) != manifest.root {
        report.fault("`checkpoint.txt` is another one than the manifest names");
    }
    if let Some(kept) = kept {
        let same = |other: &&Checkpoint| other.origin == made.origin && other.size == made.size;
        match kept.iter().find(same) {
            Some(other) if other.root == made.root && other.verify(&manifest.origin, &[key]).is_ok() => {
                report.anchored = true;
            }
            Some(_) => report.fault(format!(
                "the checkpoint of {} entries that was kept outside has another root: the log was rewritten",
                made.size
            )),
            None => report.fault(format!("none of the checkpoints that were kept outside is of {} entries", made.size)),
        }
    }
    Some(made.root)
}

/// The entries that are proven to be in the log.
fn events(files: &BTreeMap<String, Vec<u8>>, size: u64, root: &Hash, report: &mut Report) -> BTreeMap<u64, Plain> {
    let mut entries = BTreeMap::new();
    for (number, line) in lines::<EventLine>(files, "events.jsonl", report) {
        let EventLine { seq, raw, leaf, inclusion, event } = line;
        let bytes = BASE64.decode(raw.as_bytes()).unwrap_or_default();
        let hash = leaf_hash(&bytes);
        let fault = if HEXLOWER.encode(&hash) != leaf {
            Some("its bytes have another hash".to_owned())
        } else if let Err(error) = verify_inclusion(seq, size, &hash, &hashes(&inclusion), root) {
            Some(format!("it is not proven to be in the log: {error}"))
        } else {
            match Entry::from_bytes(seq, &bytes) {
                Err(error) => Some(error),
                Ok(entry) if json!(entry.plain) != event => Some("it says something else than its bytes".to_owned()),
                Ok(entry) => entries.insert(seq, entry.plain).map(|_| "it is there twice".to_owned()),
            }
        };
        if let Some(fault) = fault {
            report.fault(format!("`events.jsonl` line {number}, entry {seq}: {fault}"));
        }
    }
    report.entries = entries.len();
    entries
}

/// Each alert rests on its entry, and that on those that it names.
fn alerts(files: &BTreeMap<String, Vec<u8>>, entries: &BTreeMap<u64, Plain>, manifest: &Manifest, report: &mut Report) {
    let mut told = BTreeSet::new();
    for (number, line) in lines::<AlertLine>(files, "alerts.jsonl", report) {
        let AlertLine { place, alert, rule, rule_sha256 } = line;
        let name = format!("`alerts.jsonl` line {number}, alert {place}");
        match entries.get(&place).map(|plain| Alert::of(&event_of(plain))) {
            None => report.fault(format!("{name}: its entry is missing")),
            Some(Some(own)) if own == alert => {
                told.insert(place);
                report.alerts += 1;
            }
            Some(_) => report.fault(format!("{name}: it says something else than its entry")),
        }
        if rule.as_ref().map(|text| HEXLOWER.encode(&sha256(text.as_bytes()))) != rule_sha256 {
            report.fault(format!("{name}: the text of its rule has another hash"));
        }
        let missing: Vec<String> =
            alert.places.iter().filter(|place| !entries.contains_key(place)).map(u64::to_string).collect();
        if !missing.is_empty() && !manifest.cut {
            report.fault(format!("{name}: entries that it rests on are missing or were pruned: {}", missing.join(" ")));
        }
    }
    let own = manifest.incident.to_string();
    for (seq, plain) in entries {
        let joined = plain.kind == EventKind::IncidentChanged && plain.target.as_deref() == Some(&*own);
        let alert = plain.details.get("alert").filter(|_| joined).and_then(|place| place.parse::<u64>().ok());
        if let Some(place) = alert.filter(|place| !told.contains(place)) {
            report.fault(format!("entry {seq} says that alert {place} is of the incident, and it is not there"));
        }
    }
}

/// Each action has its entry, and each entry its action.
fn actions(
    files: &BTreeMap<String, Vec<u8>>,
    entries: &BTreeMap<u64, Plain>,
    manifest: &Manifest,
    report: &mut Report,
) {
    let parse = |name: &str| files.get(name).and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
    let (Some(actions), Some(incident)) = (parse("actions.json"), parse("incident.json")) else {
        report.fault("`actions.json` or `incident.json` can't be read");
        return;
    };
    if incident.get("responses") != Some(&actions) {
        report.fault("`actions.json` and `incident.json` tell different actions");
    }
    if incident.get("id").and_then(Value::as_str) != Some(&*manifest.incident.to_string()) {
        report.fault("`incident.json` is of another incident");
    }
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let listed: Vec<&Value> = actions.as_array().into_iter().flatten().collect();
    let mut entered: BTreeMap<String, BTreeSet<EventKind>> = BTreeMap::new();
    for plain in entries.values() {
        if let Some(id) = plain.details.get("response") {
            entered.entry(id.clone()).or_default().insert(plain.kind);
        }
    }
    for action in &listed {
        let id = text(action, "id").unwrap_or_default();
        let kinds = entered.get(&id);
        let has = |kind| kinds.is_some_and(|kinds| kinds.contains(&kind));
        let state = text(action, "state").unwrap_or_default();
        let wanted = match state.as_str() {
            "proposed" => Some(EventKind::ResponseProposed),
            "performed" => Some(EventKind::ResponsePerformed),
            "declined" => Some(EventKind::ResponseDeclined),
            "undone" | "expired" => Some(EventKind::ResponseUndone),
            "failed" => Some(EventKind::ResponseFailed),
            _ => None,
        };
        match wanted {
            Some(kind) if !has(kind) && !manifest.cut => {
                report.fault(format!("action {id} is `{state}`, and no entry `{kind}` says so"));
            }
            _ => report.actions += 1,
        }
        if action.get("approved").is_some_and(|by| !by.is_null()) && !has(EventKind::ResponseApproved) && !manifest.cut
        {
            report.fault(format!("action {id} is approved, and no entry says so"));
        }
    }
    for id in entered.keys() {
        if !listed.iter().any(|action| text(action, "id").as_deref() == Some(id)) {
            report.fault(format!("entries speak of the action {id}, and `actions.json` does not"));
        }
    }
}

/// The lines of a file with their numbers, from 1.
fn lines<T: serde::de::DeserializeOwned>(
    files: &BTreeMap<String, Vec<u8>>,
    name: &str,
    report: &mut Report,
) -> Vec<(usize, T)> {
    let Some(bytes) = files.get(name) else { return Vec::new() };
    let mut found = Vec::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(line) => found.push((index + 1, line)),
            Err(error) => report.fault(format!("`{name}` line {} can't be read: {error}", index + 1)),
        }
    }
    found
}

/// The hashes of a proof. What is no hash makes the proof too short.
fn hashes(texts: &[String]) -> Vec<Hash> {
    let hash = |text: &String| Hash::try_from(HEXLOWER.decode(text.as_bytes()).ok()?).ok();
    texts.iter().filter_map(hash).collect()
}

/// As much of an event as an alert needs.
fn event_of(plain: &Plain) -> Event {
    let mut event = Event::new(plain.kind, plain.at);
    event.target.clone_from(&plain.target);
    event.details.clone_from(&plain.details);
    event
}
