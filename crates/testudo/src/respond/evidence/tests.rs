//! A bundle of a real store, and what is said when something in it is flipped, dropped, swapped or added.

#![allow(clippy::semicolon_if_nothing_returned, reason = "a test")]
#![allow(clippy::needless_for_each, reason = "one line for each")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;

use data_encoding::BASE64;
use testudo_core::{Alert, Severity};
use testudo_response::{By, Verdict};
use testudo_store::{Checkpoint, Tx, parse_checkpoints};

use super::verify::verify;
use super::*;
use crate::config::Config;
use crate::data::DataFolder;
use crate::respond::on_alerts;

type Files = BTreeMap<String, Vec<u8>>;

async fn node(folder: &std::path::Path) -> Arc<Node> {
    Node::open(Config::default(), DataFolder::open(&folder.join("data")).unwrap(), None).await.unwrap()
}

/// An incident with two alerts, one action that was done and one that was undone; and its bundle.
async fn bundle(node: &Arc<Node>) -> (IncidentId, Vec<u8>) {
    let ctx = node.context();
    let mut places = Vec::new();
    for _ in 0..3 {
        let mut tx = Tx::new();
        tx.event(ctx.event(EventKind::SignIn).from("203.0.113.7".parse().unwrap()).on("a sign-in"));
        places.extend(node.store.commit(tx).await.unwrap().first_seq);
    }
    let network = node.store.address_pseudonyms("203.0.113.7".parse().unwrap()).1;
    let mut alerts = Vec::new();
    for rule in ["testudo-credential-stuffing", "testudo-limit-storm"] {
        let alert = Alert {
            rule: rule.into(),
            title: "A rule fits".into(),
            author: "Testudo".into(),
            level: Severity::High,
            at: node.clock.now(),
            since: node.clock.now(),
            group: BTreeMap::from([("network".into(), network.to_string())]),
            places: places.clone(),
            count: 20,
            suppressed: 0,
            tags: vec!["attack.credential-access".into()],
            false_positives: Vec::new(),
        };
        let mut tx = Tx::new();
        tx.event(alert.event());
        let place = node.store.commit(tx).await.unwrap().first_seq.unwrap();
        alerts.push((place, alert));
    }
    on_alerts(node, alerts.clone()).await.unwrap();
    // The same alerts again do nothing.
    let size = node.store.status().size;
    on_alerts(node, alerts).await.unwrap();
    assert_eq!(node.store.status().size, size);
    let page = node.incidents(None, None, 10).await.unwrap();
    assert_eq!(page.items.len(), 1, "both alerts are of one incident");
    let incident = &page.items[0];
    assert_eq!(incident.alerts.len(), 2);
    let done: Vec<_> = incident.responses.iter().filter(|one| one.can_be_undone()).collect();
    assert!(done.len() >= 2, "{:#?}", incident.responses);
    node.undo_response(incident.id, done[0].id, "an honest network", By::Owner).await.unwrap();
    node.note_incident(incident.id, "looked at", By::Owner).await.unwrap();
    let made = node.evidence(incident.id, false).await.unwrap();
    (incident.id, made.bytes)
}

fn key(node: &Node) -> [u8; 32] {
    node.store.ring().checkpoint_signer().public()
}

fn read(bytes: &[u8]) -> Files {
    super::bundle::read(bytes).unwrap()
}

fn write(files: &Files) -> Vec<u8> {
    let files = files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    super::bundle::write(&files).unwrap()
}

/// Signs the manifest anew over what the files are now, as who holds the key could.
fn sign_anew(node: &Node, files: &mut Files) {
    let mut manifest: Manifest = serde_json::from_slice(&files["manifest.json"]).unwrap();
    manifest.files = files
        .iter()
        .filter(|(name, _)| !name.starts_with("manifest"))
        .map(|(name, bytes)| {
            let of = FileOf { sha256: HEXLOWER.encode(&sha256(bytes)), bytes: bytes.len() as u64 };
            (name.clone(), of)
        })
        .collect();
    let bytes = pretty(&json!(manifest));
    let signature = node.store.ring().checkpoint_signer().sign(&[CONTEXT, &bytes].concat());
    files.insert("manifest.json".into(), bytes);
    files.insert("manifest.sig".into(), BASE64.encode(&signature).into_bytes());
}

fn faults(bytes: &[u8], key: [u8; 32]) -> String {
    let report = verify(bytes, Some(key), None);
    assert!(!report.is_sound());
    report.faults.join("\n")
}

fn edit(files: &mut Files, name: &str, change: impl FnOnce(&mut Vec<String>)) {
    let text = String::from_utf8(files[name].clone()).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    change(&mut lines);
    files.insert(name.to_owned(), format!("{}\n", lines.join("\n")).into_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_proves_itself_and_each_change_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path()).await;
    let (id, bytes) = bundle(&node).await;
    let key = key(&node);

    let outside = std::fs::read_to_string(node.data.checkpoints(&node.config())).unwrap();
    let kept: Vec<Checkpoint> = parse_checkpoints(&outside).unwrap();
    let report = verify(&bytes, Some(key), Some(&kept));
    assert_eq!(report.faults, Vec::<String>::new());
    assert!(report.anchored && report.key_given && report.alerts == 2 && report.actions >= 2 && report.entries > 8);
    assert_eq!(report.incident, Some(id.to_string()));
    assert!(verify(&bytes, None, None).is_sound());
    let files = read(&bytes);
    let everything = String::from_utf8_lossy(&files.values().flatten().copied().collect::<Vec<u8>>()).into_owned();
    assert!(!everything.contains("203.0.113"), "no network stands in it");
    assert!(String::from_utf8_lossy(&files["alerts.jsonl"]).contains("Twenty sign-ins"), "the text of the rule does");

    // Another key; a checkpoint of another log.
    assert!(faults(&bytes, [7; 32]).contains("`manifest.sig` is no signature"));
    let mut other = kept.clone();
    other.iter_mut().for_each(|one| one.root[0] ^= 1);
    assert!(verify(&bytes, Some(key), Some(&other)).faults[0].contains("the log was rewritten"));
    assert!(verify(&bytes, Some(key), Some(&[])).faults[0].contains("none of the checkpoints"));

    // Every file: one byte flipped, dropped, or emptied.
    for name in files.keys() {
        let mut flipped = files.clone();
        let at = flipped[name].len() / 2;
        flipped.get_mut(name).unwrap()[at] ^= 1;
        assert!(faults(&write(&flipped), key).contains(name.as_str()), "{name} flipped");
        let mut dropped = files.clone();
        dropped.remove(name);
        assert!(faults(&write(&dropped), key).contains(name.as_str()), "{name} dropped");
    }
    let mut swapped = files.clone();
    swapped.insert("actions.json".into(), files["incident.json"].clone());
    assert!(faults(&write(&swapped), key).contains("`actions.json` is not what was signed"));
    let mut added = files.clone();
    added.insert("personal.jsonl".into(), b"{}\n".to_vec());
    assert!(faults(&write(&added), key).contains("`personal.jsonl` is not in the manifest"));
    let mut archive = bytes.clone();
    archive.truncate(bytes.len() / 2);
    assert!(!verify(&archive, Some(key), None).is_sound());
    assert!(verify(b"", Some(key), None).faults[0].contains("no ZIP archive"));
}

/// Whoever holds the key can sign anything, but not what the log does not hold.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_anew_still_has_to_be_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path()).await;
    let (_, bytes) = bundle(&node).await;
    let (files, key) = (read(&bytes), key(&node));
    let told = |change: &dyn Fn(&mut Files)| {
        let mut changed = files.clone();
        change(&mut changed);
        sign_anew(&node, &mut changed);
        faults(&write(&changed), key)
    };
    let drop_event = |kind: &str| {
        let kind = format!("\"kind\":\"{kind}\"");
        told(&|files| {
            edit(files, "events.jsonl", |lines| {
                let at = lines.iter().position(|line| line.contains(&kind)).unwrap();
                lines.remove(at);
            })
        })
    };
    assert!(drop_event("alert.raised").contains("its entry is missing"));
    assert!(drop_event("sign-in").contains("entries that it rests on are missing"));
    assert!(drop_event("response.undone").contains("is `undone`, and no entry `response.undone` says so"));
    let swapped = told(&|files| {
        edit(files, "events.jsonl", |lines| {
            let mut first: EventLine = serde_json::from_str(&lines[0]).unwrap();
            let mut second: EventLine = serde_json::from_str(&lines[1]).unwrap();
            std::mem::swap(&mut first.raw, &mut second.raw);
            std::mem::swap(&mut first.leaf, &mut second.leaf);
            lines[0] = serde_json::to_string(&first).unwrap();
            lines[1] = serde_json::to_string(&second).unwrap();
        })
    });
    assert!(
        swapped.contains("`events.jsonl` line 1, entry") && swapped.contains("not proven to be in the log"),
        "{swapped}"
    );
    let forged = told(&|files| {
        edit(files, "events.jsonl", |lines| {
            lines[0] = lines[0].replace("\"outcome\":\"success\"", "\"outcome\":\"failure\"");
        })
    });
    assert!(forged.contains("it says something else than its bytes"), "{forged}");
    let milder = told(&|files| {
        edit(files, "alerts.jsonl", |lines| {
            lines[0] = lines[0].replacen("\"count\":20", "\"count\":2", 1);
        })
    });
    assert!(milder.contains("alert") && milder.contains("it says something else than its entry"), "{milder}");
    let fewer = told(&|files| edit(files, "alerts.jsonl", |lines| drop(lines.pop())));
    assert!(fewer.contains("is of the incident, and it is not there"), "{fewer}");
    let rule = told(&|files| {
        edit(files, "alerts.jsonl", |lines| {
            lines[0] = lines[0].replacen("Twenty", "Two", 1);
        })
    });
    assert!(rule.contains("the text of its rule has another hash"), "{rule}");
    let silent = told(&|files| {
        for name in ["actions.json", "incident.json"] {
            let mut value: Value = serde_json::from_slice(&files[name]).unwrap();
            let list = if name == "actions.json" { &mut value } else { &mut value["responses"] };
            list.as_array_mut().unwrap().pop();
            files.insert(name.to_owned(), pretty(&value));
        }
    });
    assert!(silent.contains("entries speak of the action"), "{silent}");
    let closed = node.incidents(None, None, 1).await.unwrap().items[0].id;
    node.close_incident(closed, Verdict::Test, "a test", true, By::Owner).await.unwrap();
    assert!(node.standing.blocks().is_empty() && node.standing.tightened().is_empty(), "all of it is taken back");
}
