//! `testudo incident drill` as people run it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use serde_json::Value;
use support::command::{code, errors, parsed};
use support::command_in;

/// Plays a scenario on a server of its own, which must end well.
fn drill(scenario: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let output = command_in(folder.path(), &["--format", "json", "incident", "drill", scenario], "");
    let told = parsed(&output);
    assert_eq!(code(&output), 0, "{told:#} {}", errors(&output));
    assert_eq!(told["passed"], true);
    assert!(!folder.path().join("data").exists(), "it has a folder of its own, which is gone");
    told["drills"][0].clone()
}

#[test]
fn a_replayed_token_is_refused_everywhere_and_nobody_honest_is_hit() {
    let told = drill("token-replay");
    assert_eq!(told["hit"], serde_json::json!([]));
    assert!(told["rules"].to_string().contains("testudo-token-replay"), "{told}");
    assert!(told["times"]["refused_ms"].as_f64().unwrap() < 2_000.0, "{told}");
    assert!(told["honest"]["all"].as_u64().unwrap() > 5, "{told}");
    assert_eq!(told["stolen"].as_object().unwrap().len(), 1);
}

#[test]
fn stuffing_is_held_back_and_what_it_opened_is_worth_nothing() {
    let told = drill("stuffing");
    assert_eq!(told["stolen"].as_object().unwrap().len(), 2, "{told}");
    assert!(told["times"]["detected_ms"].as_f64().unwrap() < 1_000.0, "{told}");
}

#[test]
fn an_administrator_who_reveals_in_series_is_stopped() {
    drill("admin-misuse");
}

#[test]
fn a_drill_on_a_running_server_leaves_nobody_behind() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("testudo.toml"), "[server]\ntrusted-proxies = [\"127.0.0.1/32\"]\n").unwrap();
    let server = support::Server::start_in(folder, &[]);
    let before = server.json(&["client", "list"]);
    let told = server.json(&["incident", "drill", "token-replay", "--running"]);
    assert_eq!(told["passed"], true, "{told:#}");
    assert_eq!(server.json(&["user", "list"]), serde_json::json!([]));
    assert_eq!(server.json(&["client", "list"]), before);
    let output = server.command(&["incident", "drill", "scraping", "--running"]);
    assert_eq!(code(&output), 2, "{}", errors(&output));
    // Nobody's addresses are made up where no proxy is trusted.
    let other = support::Server::start(&[]);
    let output = other.command(&["incident", "drill", "token-replay", "--running"]);
    assert_eq!(code(&output), 2);
    assert!(errors(&output).contains("trusted-proxies"), "{}", errors(&output));
}

#[test]
fn scenarios_are_listed_and_an_unknown_one_is_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let list = parsed(&command_in(folder.path(), &["--format", "json", "incident", "drill"], ""));
    let names: Vec<&str> = list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    for name in [
        "stuffing",
        "spraying",
        "guessing",
        "mfa-fatigue",
        "refresh-reuse",
        "token-replay",
        "scraping",
        "limit-storm",
        "enumeration",
        "admin-misuse",
    ] {
        assert!(names.contains(&name), "{name}");
    }
    let output = command_in(folder.path(), &["incident", "drill", "nonsense"], "");
    assert_eq!(code(&output), 2);
    assert!(errors(&output).contains("token-replay"), "{}", errors(&output));
    let output = command_in(folder.path(), &["incident", "drill", "token-replay", "--running"], "");
    assert_eq!(code(&output), 2, "no server runs: {}", errors(&output));
}
