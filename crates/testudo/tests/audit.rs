//! The journal from outside: filters, proofs that are checked without Testudo's code, and what shows when somebody
//! changes the files behind a server's back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use support::http::Person;
use support::{Server, command_in, copy_folder, eventually, skip};
use testudo_crypto::digest::sha256;

const PASSWORD: &str = "correct horse battery staple";

fn unhex(value: &Value) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

/// The root that an inclusion proof leads to (RFC 9162 section 2.1.3.2).
fn root_of(leaf: &[u8], seq: u64, size: u64, hashes: &[Vec<u8>]) -> Vec<u8> {
    let join = |left: &[u8], right: &[u8]| sha256(&[&[1], left, right].concat()).to_vec();
    let (mut place, mut last) = (seq, size - 1);
    let mut root = leaf.to_vec();
    for hash in hashes {
        assert!(last > 0, "the proof is too long");
        if place % 2 == 1 || place == last {
            root = join(hash, &root);
            while place % 2 == 0 && place != 0 {
                place /= 2;
                last /= 2;
            }
        } else {
            root = join(&root, hash);
        }
        place /= 2;
        last /= 2;
    }
    assert_eq!(last, 0, "the proof is too short");
    root
}

/// A server that has something to tell.
fn busy(names: &[&str]) -> Server {
    let server = Server::start(&[]);
    for name in names {
        let name = format!("{name}@example.org");
        server.create_person(&name, PASSWORD);
        let mut person = Person::new(&name, PASSWORD);
        let tokens = server.tokens(&mut person, "wallet-app", "openid accounts:read");
        assert_eq!(server.get("/accounts", &tokens).status, 200);
    }
    server
}

#[test]
fn entries_are_found_by_filter_and_each_is_proven() {
    let server = busy(&["ada", "bob"]);
    let denied = server.send("GET", "/accounts", &[("Authorization", "Bearer nonsense")], b"");
    let request = denied.json()["request"].as_str().unwrap().to_owned();
    let list = |arguments: &[&str]| {
        let all = [&["audit", "list", "--limit", "500"], arguments].concat();
        server.json(&all)["items"].as_array().unwrap().clone()
    };
    let all = list(&[]);
    let seqs: Vec<u64> = all.iter().map(|item| item["seq"].as_u64().unwrap()).collect();
    assert!(seqs.is_sorted_by(|newer, older| newer > older), "newest first: {seqs:?}");
    assert_eq!(*seqs.last().unwrap(), 0);
    let ada = list(&["--person", "ada@example.org"]);
    let bob = list(&["--person", "bob@example.org"]);
    assert!(ada.len() >= 4 && bob.len() >= 4, "{} {}", ada.len(), bob.len());
    assert!(ada.iter().all(|item| !bob.contains(item)));
    let session = server.session_of("ada@example.org");
    let hers = list(&["--session", &session]);
    assert!(!hers.is_empty() && hers.iter().all(|item| ada.contains(item)));
    let kinds = list(&["--kind", "token.issued,sign-in"]);
    assert!(kinds.iter().all(|item| ["token.issued", "sign-in"].contains(&item["event"]["kind"].as_str().unwrap())));
    assert!(kinds.len() >= 4);
    let failures = list(&["--outcome", "failure"]);
    assert!(failures.iter().all(|item| item["event"]["outcome"] == "failure"), "{failures:?}");
    eventually("the refused request in the journal", std::time::Duration::from_secs(5), || {
        list(&["--request", &request]).iter().any(|item| item["event"]["kind"] == "request.decided")
    });
    assert!(!list(&[]).iter().any(|item| item.to_string().contains("ada@example.org")), "names are sealed");
    assert!(list(&["--reveal"]).iter().any(|item| item.to_string().contains("ada@example.org")), "and can be shown");
    assert_eq!(list(&["--kind", "data.disclosed"]).len(), 1, "which leaves an event");
    let unknown = server.command(&["audit", "list", "--kind", "no-such-kind"]);
    assert_eq!(unknown.status.code(), Some(1));

    for item in all.iter().step_by(5) {
        let seq = item["seq"].as_u64().unwrap();
        let proven = server.json(&["audit", "prove", &seq.to_string()]);
        let (proof, checkpoint) = (&proven["proof"], &proven["checkpoint"]);
        let hashes: Vec<Vec<u8>> = proof["hashes"].as_array().unwrap().iter().map(unhex).collect();
        let root = root_of(&unhex(&item["leaf"]), seq, proof["size"].as_u64().unwrap(), &hashes);
        assert_eq!(root, unhex(&checkpoint["root"]), "entry {seq}");
        assert!(checkpoint["note"].as_str().unwrap().contains("\n\n\u{2014} "), "a signed note");
    }
    let beyond = server.command(&["audit", "prove", "999999"]);
    assert_eq!(beyond.status.code(), Some(1));
}

/// Runs statements over the data file of a stopped server, as whoever owns the machine could.
fn tamper(folder: &Path, statements: &str) -> bool {
    let script = "import sqlite3, sys\n\
                  def flip(bytes, at):\n    b = bytearray(bytes); b[at % len(b)] ^= 1; return b\n\
                  c = sqlite3.connect(sys.argv[1]); c.create_function('flip', 2, flip)\n\
                  c.executescript(sys.argv[2]); c.commit(); c.close()\n";
    let file = folder.join("data/store/data.db");
    assert!(file.exists());
    let Ok(output) = Command::new("python3").args(["-c", script]).arg(file).arg(statements).output() else {
        skip("TESTUDO_REQUIRE_CLIENTS", "python3 is not installed");
        return false;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    true
}

/// A copy of a stopped server's folder.
fn copy(server: &Server) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy_folder(&server.data(), &folder.path().join("data"));
    folder
}

fn verify(folder: &Path, more: &[&str]) -> (Output, Value) {
    let output = command_in(folder, &[&["--format", "json", "audit", "verify"], more].concat(), "");
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (output, report)
}

#[test]
fn whatever_is_done_to_the_file_the_first_bad_entry_is_named() {
    let mut server = busy(&["ada", "bob"]);
    server.run(&["session", "revoke", "bob@example.org"]);
    server.halt();
    let (output, report) = verify(server.folder(), &[]);
    assert_eq!((output.status.code(), &report["sound"]), (Some(0), &Value::from(true)), "{report}");
    let size = report["size"].as_u64().unwrap();
    assert!(size > 20, "{report}");
    let (early, middle, late) = (3, size / 2, size - 2);
    let shift = |from: u64, by: i8| {
        format!(
            "UPDATE journal SET seq = -(seq + {by}) - 1 WHERE seq >= {from}; UPDATE journal SET seq = -seq - 1 WHERE seq < 0;"
        )
    };
    let swap = |one: u64, other: u64| {
        format!(
            "UPDATE journal SET seq = -1 WHERE seq = {one}; UPDATE journal SET seq = {one} WHERE seq = {other};
             UPDATE journal SET seq = {other} WHERE seq = -1;"
        )
    };
    let mut cases = Vec::new();
    for seq in [0, early, middle, late] {
        cases.push((format!("UPDATE journal SET entry = flip(entry, 77) WHERE seq = {seq};"), seq));
        cases.push((format!("UPDATE journal SET leaf = flip(leaf, 1) WHERE seq = {seq};"), seq));
        cases.push((format!("DELETE FROM journal WHERE seq = {seq};"), seq));
    }
    cases.push((format!("DELETE FROM journal WHERE seq = {middle}; {}", shift(middle + 1, -1)), middle));
    cases.push((swap(early, late), early));
    cases.push((swap(middle, middle + 1), middle));
    let insert = format!("INSERT INTO journal SELECT {middle}, leaf, mac, entry FROM journal WHERE seq = {early};");
    cases.push((format!("{} {insert}", shift(middle, 1)), middle));
    for (statements, first_bad) in cases {
        let folder = copy(&server);
        if !tamper(folder.path(), &statements) {
            return;
        }
        let (output, report) = verify(folder.path(), &[]);
        assert_eq!((output.status.code(), &report["sound"]), (Some(1), &Value::from(false)), "{statements}: {report}");
        assert_eq!(report["bad_entry"]["seq"], first_bad, "{statements}: {report}");
        let human = command_in(folder.path(), &["audit", "verify"], "");
        let said = String::from_utf8_lossy(&human.stdout).into_owned();
        assert_eq!(human.status.code(), Some(1));
        assert!(said.contains(&format!("entry {first_bad}:")) && said.contains("NOT SOUND"), "{said}");
    }
}

#[test]
fn a_cut_off_or_rolled_back_log_shows_against_a_checkpoint_that_was_kept() {
    let mut server = busy(&["ada"]);
    server.halt();
    let before = copy(&server);
    server.resume();
    server.create_person("bob@example.org", PASSWORD);
    server.run(&["audit", "checkpoint"]);
    let kept = server.folder().join("kept.log");
    std::fs::copy(server.data().join("checkpoints.log"), &kept).unwrap();
    let kept = kept.to_str().unwrap();
    let sound = server.command(&["audit", "verify", "--checkpoint", kept]);
    assert_eq!(sound.status.code(), Some(0), "{}", String::from_utf8_lossy(&sound.stdout));
    server.halt();

    // Cut off, with the stored checkpoints that would tell.
    let (_, whole) = verify(server.folder(), &[]);
    let size = whole["size"].as_u64().unwrap();
    let cut = copy(&server);
    let at = size - 6;
    if !tamper(cut.path(), &format!("DELETE FROM journal WHERE seq >= {at}; DELETE FROM checkpoint WHERE size > {at};"))
    {
        return;
    }
    std::fs::remove_file(cut.path().join("data/checkpoints.log")).unwrap();
    let found = |folder: &Path| {
        let (output, report) = verify(folder, &["--checkpoint", kept]);
        assert_eq!((output.status.code(), &report["sound"]), (Some(1), &Value::from(false)), "{report}");
        let bad = report["bad_checkpoints"].as_array().unwrap();
        assert!(bad.iter().any(|bad| bad["external"] == true), "{report}");
    };
    found(cut.path());

    // Rolled back as a whole to an older state: nothing inside can tell.
    std::fs::remove_file(before.path().join("data/checkpoints.log")).unwrap();
    let (output, report) = verify(before.path(), &[]);
    assert_eq!(output.status.code(), Some(0), "{report}");
    found(before.path());
    // Nor when a server has gone on from there.
    let rolled_back = Server::start_in(before, &[]);
    rolled_back.create_person("eve@example.org", PASSWORD);
    found(rolled_back.folder());
    let missing = rolled_back.command(&["audit", "verify", "--checkpoint", "nowhere.log"]);
    assert_eq!(missing.status.code(), Some(2));
    std::fs::write(rolled_back.folder().join("odd.log"), "no checkpoint at all\n").unwrap();
    let odd = rolled_back.command(&["audit", "verify", "--checkpoint", "odd.log"]);
    assert_eq!(odd.status.code(), Some(2), "{}", String::from_utf8_lossy(&odd.stdout));
    let nothing = rolled_back.as_owner("POST", "/admin/v1/audit/verifications", Some(&json!({ "checkpoints": "" })));
    assert_eq!(nothing.status, 400, "{}", nothing.text());
}

#[test]
fn the_kept_file_is_read_by_default() {
    let mut server = busy(&["ada"]);
    server.run(&["audit", "checkpoint"]);
    server.halt();
    let folder = copy(&server);
    let (_, whole) = verify(folder.path(), &[]);
    let at = whole["size"].as_u64().unwrap() - 6;
    if !tamper(
        folder.path(),
        &format!("DELETE FROM journal WHERE seq >= {at}; DELETE FROM checkpoint WHERE size > {at};"),
    ) {
        return;
    }
    let (output, report) = verify(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(1), "{report}");
}
