//! A request's whole trip: real clients, unmodified, against the real binary over real sockets.
//!
//! npm `openid-client` and the Python `authlib` each sign a person in with code + PKCE through the pages, call the sample
//! backend through the gateway, refresh, and are refused at the very next request after the session is revoked. Then the
//! log that tells this story is proven, and changed, and found to be changed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use support::{Server, free_address, skip};

const PASSWORD: &str = "correct horse battery staple";

/// The folder with the clients' scripts and, where they are installed, their libraries.
fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// Where `npm ci` and `pip install` have put the libraries; `.ci/run` says so.
fn installed(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).filter(|path| path.exists())
}

struct Trip {
    steps: Vec<Value>,
    session: String,
}

/// Runs a client up to the point where its session is to be revoked, revokes it, and lets it finish.
fn travel(server: &Server, mut client: Command, username: &str) -> Trip {
    server.create_person(username, PASSWORD);
    let mut child = client
        .env("TESTUDO_ISSUER", server.url())
        .env("TESTUDO_API", server.url())
        .env("TESTUDO_CLIENT_ID", "wallet-app")
        .env("TESTUDO_REDIRECT", format!("http://127.0.0.1:{}/callback", free_address().port()))
        .env("TESTUDO_USERNAME", username)
        .env("TESTUDO_PASSWORD", PASSWORD)
        .env("NODE_EXTRA_CA_CERTS", server.ca())
        .env("REQUESTS_CA_BUNDLE", server.ca())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut steps = Vec::new();
    let mut session = String::new();
    let mut input = child.stdin.take().unwrap();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let step: Value = serde_json::from_str(&line.unwrap()).unwrap();
        assert_eq!(step["ok"], true, "{step}");
        let waiting = step["step"] == "waiting";
        steps.push(step);
        if waiting {
            let list: Value =
                serde_json::from_str(&server.run(&["--format", "json", "session", "list", username])).unwrap();
            list["items"][0]["id"].as_str().unwrap().clone_into(&mut session);
            server.run(&["session", "revoke", &session]);
            input.write_all(b"revoked\n").unwrap();
        }
    }
    assert!(child.wait().unwrap().success());
    Trip { steps, session }
}

fn assert_story(server: &Server, trip: &Trip) {
    let names: Vec<&str> = trip.steps.iter().filter_map(|step| step["step"].as_str()).collect();
    for step in ["discovery", "authorize", "token", "api", "userinfo", "refresh", "api after refresh", "after revoke"] {
        assert!(names.contains(&step), "{step} is missing in {names:?}");
    }
    let list = ["--format", "json", "audit", "list", "--session", &trip.session, "--limit", "200"];
    let page: Value = serde_json::from_str(&server.run(&list)).unwrap();
    let kinds: Vec<&str> =
        page["items"].as_array().unwrap().iter().filter_map(|item| item["event"]["kind"].as_str()).collect();
    for kind in
        ["session.started", "code.issued", "token.issued", "token.refreshed", "session.revoked", "request.decided"]
    {
        assert!(kinds.contains(&kind), "the journal does not tell of {kind}: {kinds:?}");
    }
    let refused = page["items"].as_array().unwrap().iter().any(|item| item["event"]["code"] == "session-revoked");
    assert!(refused, "the refusal after the revocation is not in the journal");
}

#[test]
fn real_clients_make_the_whole_trip_and_the_log_proves_it() {
    let server = Server::start(&[]);
    let mut trips = 0;
    if let Some(modules) = installed("TESTUDO_NODE_CLIENTS") {
        // Node finds packages beside the script, so the script runs where they are installed.
        for script in ["openid_client.mjs", "browser.mjs"] {
            std::fs::copy(clients().join(script), modules.join(script)).unwrap();
        }
        let mut node = Command::new("node");
        node.current_dir(&modules).arg("openid_client.mjs");
        let trip = travel(&server, node, "ada@example.org");
        assert_story(&server, &trip);
        trips += 1;
    } else {
        skip("TESTUDO_REQUIRE_CLIENTS", "npm openid-client is not installed (set TESTUDO_NODE_CLIENTS to its folder)");
    }
    if let Some(python) = installed("TESTUDO_PYTHON_CLIENTS") {
        let mut authlib = Command::new(python);
        authlib.arg(clients().join("authlib_client.py"));
        let trip = travel(&server, authlib, "grace@example.org");
        assert_story(&server, &trip);
        trips += 1;
    } else {
        skip("TESTUDO_REQUIRE_CLIENTS", "PyPI authlib is not installed (set TESTUDO_PYTHON_CLIENTS to its python)");
    }
    let report: Value = serde_json::from_str(&server.run(&["--format", "json", "audit", "verify"])).unwrap();
    assert_eq!(report["sound"], true, "{report}");
    assert!(report["size"].as_u64().unwrap() > 5 + 12 * trips, "{report}");

    let folder = server.folder().to_owned();
    let kept = folder.join("kept-checkpoints.log");
    server.run(&["audit", "checkpoint"]);
    std::fs::copy(server.data().join("checkpoints.log"), &kept).unwrap();
    let verify = ["audit", "verify", "--checkpoint", kept.to_str().unwrap()];
    let output = server.command(&verify);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_stranger_is_told_what_to_do_and_a_public_route_is_open() {
    let server = Server::start(&[]);
    let (status, body) = server.curl(&[&format!("{}/accounts", server.url())]);
    let problem: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, problem["code"].as_str()), (401, Some("token-missing")), "{body}");
    let (status, _) = server.curl(&[&format!("{}/health", server.url())]);
    assert_eq!(status, 200);
    let (status, body) = server.curl(&[&format!("{}/nowhere", server.url())]);
    assert_eq!((status, body.contains("no-such-path")), (404, true), "{body}");
    let (status, _) = server.curl(&[&format!("{}/readyz", server.admin_url())]);
    assert_eq!(status, 200);
    assert!(server.stop());
}

#[test]
fn observe_mode_reports_and_says_so_everywhere() {
    let server = Server::start(&["--observe"]);
    assert!(server.greeting.iter().any(|line| line.contains("OBSERVE MODE")));
    let (status, body) = server.curl(&["-i", &format!("{}/accounts", server.url())]);
    // The gateway lets it through; the wallet itself then asks who it is.
    assert!(body.to_lowercase().contains("testudo-observe: on"), "{body}");
    assert!(!body.contains("token-missing"), "{status} {body}");
    let check = server.run(&["check", "--observe"]);
    assert!(check.contains("observe mode"), "{check}");
    support::eventually("the would-be refusal is in the journal", std::time::Duration::from_secs(5), || {
        let page: Value = serde_json::from_str(&server.run(&["--format", "json", "audit", "list"])).unwrap();
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|item| item["event"]["code"] == "token-missing" && item["event"]["details"]["observed"].is_string())
    });
}

#[test]
fn a_second_start_on_the_same_data_says_who_holds_it() {
    let server = Server::start(&[]);
    let listen = free_address().to_string();
    let admin = free_address().to_string();
    let output = server.command(&["up", "--listen", &listen, "--admin", &admin]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{errors}");
    assert!(errors.contains(&server.pid().to_string()), "{errors}");
}
