//! Rules of detection on files, and on what the journal of a running server holds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::path::Path;

use serde_json::Value;
use support::Server;
use support::command::{code, errors, parsed};
use support::http::{Browser, Person};

const RULE: &str = "\
title: A scanner asks for what is not there
id: 3f0c1f3e-7f0a-4f53-9c5e-0d8f8d3c7a10
logsource: { category: webserver }
detection:
  probe:
    cs-uri-stem|startswith: ['/.env', '/.git/']
  condition: probe
level: high
---
title: Many probes from one address
id: 9f6b2a61-5d0b-4b53-8f4e-0f6f2a3b1c22
correlation:
  type: event_count
  rules: [3f0c1f3e-7f0a-4f53-9c5e-0d8f8d3c7a10]
  group-by: [c-ip]
  timespan: 1m
  condition: { gte: 3 }
level: critical
";

fn command(folder: &Path, arguments: &[&str]) -> std::process::Output {
    support::command_in(folder, arguments, "")
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    std::fs::write(folder.join(name), text).unwrap();
    name.to_owned()
}

#[test]
fn rules_are_tried_on_events_of_another_source() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "rule.yml", RULE);
    let lines: Vec<String> = ["/.env", "/accounts", "/.git/config", "/.env.local"]
        .iter()
        .zip(0..)
        .map(|(path, second)| {
            format!(r#"{{"@timestamp":"2026-03-01T12:00:0{second}Z","c-ip":"192.0.2.7","cs-uri-stem":"{path}"}}"#)
        })
        .collect();
    let events = write(folder.path(), "events.ndjson", &lines.join("\n"));
    let output = command(folder.path(), &["detect", "test", "rule.yml", &events, "--format", "json"]);
    assert_eq!(code(&output), 1, "{}", errors(&output));
    let found = parsed(&output);
    assert_eq!(found["events"], 4);
    let many: Vec<&Value> =
        found["alerts"].as_array().unwrap().iter().filter(|alert| alert["level"] == "critical").collect();
    assert_eq!(many.len(), 1, "{found}");
    assert_eq!(many[0]["group"]["c-ip"], "192.0.2.7");
    assert_eq!(many[0]["places"], serde_json::json!([1, 3, 4]));

    let quiet = write(folder.path(), "quiet.ndjson", &lines[1]);
    let output = command(folder.path(), &["detect", "test", "rule.yml", &quiet]);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    // From another sort of source the rule is not asked.
    let output = command(folder.path(), &["detect", "test", "rule.yml", &events, "--category", "authentication"]);
    assert_eq!(code(&output), 0, "{}", errors(&output));
}

#[test]
fn mistakes_are_named_with_file_line_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("rules")).unwrap();
    write(folder.path(), "rules/bad.yml", &RULE.replace("startswith", "startwith"));
    let events = write(folder.path(), "events.ndjson", "{}\n");
    let output = command(folder.path(), &["detect", "test", "rules", &events]);
    assert_eq!(code(&output), 2);
    let text = errors(&output);
    assert!(text.contains("rules/bad.yml:6:") && text.contains("did you mean `startswith`?"), "{text}");

    write(folder.path(), "rules/bad.yml", RULE);
    let broken = write(folder.path(), "broken.ndjson", "{}\n[1]\n");
    let output = command(folder.path(), &["detect", "test", "rules", &broken]);
    assert_eq!(code(&output), 2);
    assert!(errors(&output).contains("broken.ndjson:2: the event is not a JSON object"), "{}", errors(&output));
    for (arguments, said) in [
        (["detect", "test", "missing.yml", "events.ndjson"], "can't read `missing.yml`"),
        (["detect", "test", "rules", "missing.ndjson"], "can't read `missing.ndjson`"),
        (["detect", "replay", "rules", "--since=soon"], "`soon` is not a duration"),
    ] {
        let output = command(folder.path(), &arguments);
        assert_eq!(code(&output), 2);
        assert!(errors(&output).contains(said), "{}", errors(&output));
    }
}

#[test]
fn a_reader_may_have_seen_enough() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_testudo"))
        .args(["detect", "rules"])
        .current_dir(folder.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((code(&output), errors(&output).as_str()), (0, ""));
}

#[test]
fn the_pack_finds_guessing_in_the_journal_of_a_running_server() {
    let server = Server::start(&[]);
    let rules = server.json(&["detect", "rules"]);
    assert!(rules["rules"].as_array().unwrap().len() >= 30);

    server.create_person("ada@example.org", "correct horse battery staple");
    let output = server.command(&["detect", "replay", "--since", "1h", "--format", "json"]);
    assert_eq!(code(&output), 0, "{}", String::from_utf8_lossy(&output.stdout));

    let guesser = Person::new("ada@example.org", "wrong horse battery staple");
    for _ in 0..12 {
        Browser::new(&server).sign_in(&guesser);
    }
    let output = server.command(&["detect", "replay", "--since", "1h", "--format", "json"]);
    let found = parsed(&output);
    assert_eq!(code(&output), 1, "{found}");
    let titles: Vec<&str> =
        found["alerts"].as_array().unwrap().iter().filter_map(|alert| alert["title"].as_str()).collect();
    assert!(titles.iter().any(|title| title.to_lowercase().contains("guess")), "{titles:?}");
    // Each place that an alert names is an entry of the journal.
    let place = found["alerts"][0]["places"][0].as_u64().unwrap();
    let entries = server.json(&["audit", "list", "--limit", "1000"]);
    assert!(entries["items"].as_array().unwrap().iter().any(|entry| entry["seq"] == place));
    // Nothing personal is in what was found.
    assert!(!String::from_utf8_lossy(&output.stdout).contains("ada@example.org"));

    // The same entries from a file.
    let lines: Vec<String> = entries["items"].as_array().unwrap().iter().rev().map(ToString::to_string).collect();
    let file = server.folder().join("entries.ndjson");
    std::fs::write(&file, lines.join("\n")).unwrap();
    let again = server.command(&["detect", "test", "pack", file.to_str().unwrap(), "--format", "json"]);
    assert_eq!(parsed(&again)["rules"], found["rules"]);
}

/// The alerts of the journal, oldest first: rule, time and places.
fn raised(server: &Server) -> Vec<(String, String, String)> {
    let entries = server.json(&["audit", "list", "--kind", "alert.raised", "--limit", "1000"]);
    let alert = |item: &Value| {
        let (event, details) = (&item["event"], &item["event"]["details"]);
        let places =
            [&details["places"], &details["places-more"]].map(|part| part.as_str().unwrap_or_default()).join(" ");
        (event["target"].as_str().unwrap().to_owned(), event["at"].to_string(), places.trim().to_owned())
    };
    entries["items"].as_array().unwrap().iter().rev().map(alert).collect()
}

/// Wrong passwords from an address of its own, so that no limit of another's is reached.
fn guess(server: &Server, username: &str, address: &str) {
    let guesser = Person::new(username, "wrong horse battery staple");
    for _ in 0..9 {
        Browser::new(server).from(address).sign_in(&guesser);
    }
}

fn wait_for(server: &Server, rule: &str, times: usize) -> Vec<(String, String, String)> {
    let began = std::time::Instant::now();
    loop {
        let alerts = raised(server);
        if alerts.iter().filter(|(known, _, _)| known == rule).count() >= times {
            return alerts;
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(20), "no `{rule}` among {alerts:?}: {}", server.log());
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

#[test]
fn alerts_are_raised_as_it_happens_once_each_and_a_replay_gives_the_same() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "testudo.toml", "[server]\ntrusted-proxies = [\"127.0.0.1/32\"]\n");
    let mut server = Server::start_in(folder, &[]);
    for username in ["ada@example.org", "bob@example.org"] {
        server.create_person(username, "correct horse battery staple");
    }
    guess(&server, "ada@example.org", "198.51.100.7");
    let before = wait_for(&server, "testudo-password-guessing", 1);
    // After a crash, what was raised is not raised again, and what was begun is remembered.
    server.crash_and_restart();
    guess(&server, "bob@example.org", "203.0.113.9");
    let alerts = wait_for(&server, "testudo-password-guessing", 2);
    assert_eq!(alerts[..before.len()], before);
    let mut once = alerts.clone();
    once.dedup();
    assert_eq!(once, alerts);

    let output = server.command(&["detect", "replay", "--since", "1h", "--format", "json"]);
    let mut replayed: Vec<(String, String, String)> = parsed(&output)["alerts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|alert| {
            let places: Vec<String> = alert["places"].as_array().unwrap().iter().map(Value::to_string).collect();
            (alert["rule"].as_str().unwrap().to_owned(), alert["at"].to_string(), places.join(" "))
        })
        .collect();
    let mut live = raised(&server);
    live.sort();
    replayed.sort();
    assert_eq!(live, replayed);
    // An alert is an entry like any other: the log holds it, and the log is sound.
    assert!(server.run(&["audit", "verify"]).contains("sound"));
}

#[test]
fn rules_of_the_configuration_see_what_is_sealed_and_are_swapped_by_a_reload() {
    let folder = tempfile::tempdir().unwrap();
    let one = RULE.split("---").next().unwrap();
    write(folder.path(), "mine.yml", one);
    let proxy = "[server]\ntrusted-proxies = [\"127.0.0.1/32\"]\n[detection]\nrules = [\"mine.yml\"]\n";
    write(folder.path(), "testudo.toml", proxy);
    let server = Server::start_in(folder, &[]);
    let rule = "3f0c1f3e-7f0a-4f53-9c5e-0d8f8d3c7a10";
    let probe = |address: &str| {
        let from = format!("X-Forwarded-For: {address}");
        assert_eq!(server.curl(&["-H", &from, &format!("{}/.env", server.url())]).0, 403);
    };
    probe("203.0.113.7");
    wait_for(&server, rule, 1);

    // What is wrong stays out of force, and says where it is wrong.
    write(server.folder(), "mine.yml", &one.replace("startswith", "startwith"));
    let refused = server.command(&["reload"]);
    assert_ne!(code(&refused), 0);
    assert!(errors(&refused).contains("mine.yml:6:"), "{}", errors(&refused));
    write(server.folder(), "mine.yml", one);
    write(server.folder(), "testudo.toml", &format!("{proxy}quiet = [\"no-such-rule\"]\n"));
    let refused = server.command(&["reload"]);
    assert!(errors(&refused).contains("`no-such-rule`, which is not loaded"), "{}", errors(&refused));

    // A quiet rule says nothing of the second address; then it speaks again.
    write(server.folder(), "testudo.toml", &format!("{proxy}quiet = [\"{rule}\"]\n"));
    assert_eq!(code(&server.command(&["reload"])), 0);
    let known = server.events("request.decided").len();
    probe("198.51.100.7");
    let began = std::time::Instant::now();
    while server.events("request.decided").len() == known {
        assert!(began.elapsed() < std::time::Duration::from_secs(5), "the request is in the journal");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    // The detector looks at an entry at once, and at new rules within a second.
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    write(server.folder(), "testudo.toml", proxy);
    assert_eq!(code(&server.command(&["reload"])), 0);
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    probe("192.0.2.7");
    let alerts = wait_for(&server, rule, 2);
    assert_eq!(alerts.iter().filter(|(known, _, _)| known == rule).count(), 2, "{alerts:?}");
}
