//! Passkeys in a real browser, headless Chromium with a virtual authenticator, against the real binary.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use serde_json::Value;
use support::{Server, chromium};

#[test]
fn an_administrator_uses_a_passkey_and_a_person_no_script() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let Some(script) = chromium::start("passkeys.mjs", &server, folder.path()) else { return };
    let (steps, well, errors) = script.finish();
    if !well {
        // Why a passkey was refused is in the journal only.
        let refused: Vec<Value> = ["sign-in", "second-factor", "factor.enrolled"]
            .iter()
            .flat_map(|kind| server.events(kind))
            .filter(|event| !event["code"].is_null())
            .collect();
        panic!("{steps:#?}\n{errors}\n{refused:?}");
    }
    let names: Vec<&str> = steps.iter().map(|step| step["step"].as_str().unwrap()).collect();
    let expected = [
        "enrolled",
        "signed-out",
        "cancelled",
        "signed-in",
        "confirmed",
        "kept-the-last",
        "added-and-removed",
        "second-factor",
        "offered",
        "without-script",
        "turned-away",
    ];
    assert_eq!(names, expected);

    // All of it is in the journal.
    let kinds = |kind: &str, key: &str, value: &str| {
        server.events(kind).into_iter().filter(|event| event["details"][key] == value).count()
    };
    assert!(kinds("sign-in", "kind", "passkey") >= 1);
    assert_eq!(kinds("factor.enrolled", "factor", "passkey"), 2);
    assert_eq!(kinds("factor.removed", "factor", "passkey"), 1);
    assert!(kinds("second-factor", "kind", "passkey") >= 1);
    assert!(!server.events("step-up.done").is_empty());

    // The commands show it, masked, and keep the last factor of an owner.
    let masked = server.json(&["user", "passkeys", "owner@example.org"]);
    let passkeys = server.json(&["user", "passkeys", "owner@example.org", "--reveal"]);
    assert_eq!((passkeys.as_array().unwrap().len(), &passkeys[0]["host"]), (1, &"localhost".into()), "{passkeys}");
    assert!(passkeys[0]["name"].as_str().unwrap().starts_with("Passkey, Chrome"), "{passkeys}");
    assert_ne!(masked[0]["name"], passkeys[0]["name"]);
    let id = passkeys[0]["id"].as_str().unwrap();
    let kept = server.command(&["user", "remove-passkey", "owner@example.org", id]);
    assert_eq!(kept.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&kept.stderr).contains("last second factor"), "{kept:?}");
    assert_eq!(server.command(&["user", "remove-passkey", "owner@example.org", "pky_1"]).status.code(), Some(2));
}
