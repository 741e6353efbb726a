//! Passkeys in a real browser, headless Chromium with a virtual authenticator, against the real binary.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::{Server, skip};

/// Where the browser's driver is installed, and the browser; `.ci/run` says so.
fn installed() -> Option<(PathBuf, PathBuf)> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let modules = std::env::var_os("TESTUDO_BROWSER_CLIENTS").map_or(own, PathBuf::from);
    let chromium = std::env::var_os("TESTUDO_CHROMIUM").map_or_else(|| "/usr/bin/chromium".into(), PathBuf::from);
    (modules.join("node_modules/playwright-core").exists() && chromium.exists()).then_some((modules, chromium))
}

#[test]
fn an_administrator_uses_a_passkey_and_a_person_no_script() {
    let Some((modules, chromium)) = installed() else {
        skip(
            "TESTUDO_REQUIRE_BROWSER",
            "Chromium or playwright-core is not installed: apt-get install chromium, npm ci in tests/browser",
        );
        return;
    };
    let server = Server::start(&[]);
    let at = server.greeting.iter().position(|line| line.contains("/enrol")).expect("no administrator yet");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/passkeys.mjs");
    let output = Command::new("node")
        .arg(script)
        .env("TESTUDO_BROWSER_MODULES", modules)
        .env("TESTUDO_CHROMIUM", chromium)
        .env("TESTUDO_ADMIN", format!("https://localhost:{}", server.admin.port()))
        .env("TESTUDO_PUBLIC", server.url())
        .env("TESTUDO_TOKEN", server.greeting[at + 1].trim())
        .output()
        .unwrap();
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        // Why a passkey was refused is in the journal only.
        let refused: Vec<Value> = ["sign-in", "second-factor", "factor.enrolled"]
            .iter()
            .flat_map(|kind| server.events(kind))
            .filter(|event| !event["code"].is_null())
            .collect();
        panic!("{told}\n{errors}\n{refused:?}");
    }
    let steps: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
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
