//! The console in a real browser: Debian's Chromium, driven by playwright-core, judged by axe-core.
//!
//! Needs `TESTUDO_BROWSER_CLIENTS`, a folder with the packages of `tests/browser/package-lock.json`, and Chromium
//! (`TESTUDO_CHROMIUM`, or `/usr/bin/chromium`). Skipped with a loud word where they are missing, unless
//! `TESTUDO_REQUIRE_BROWSER` is set. Pictures of the pages are left in `TESTUDO_SCREENSHOTS`, if it names a folder.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::{Server, skip};

fn browser() -> Option<PathBuf> {
    let chromium = std::env::var("TESTUDO_CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".into());
    if !Path::new(&chromium).exists() {
        skip(
            "TESTUDO_REQUIRE_BROWSER",
            "the console was not looked at: there is no Chromium (apt-get install chromium)",
        );
        return None;
    }
    let clients = std::env::var_os("TESTUDO_BROWSER_CLIENTS").map(PathBuf::from);
    if clients.is_none() {
        let what =
            "the console was not looked at: TESTUDO_BROWSER_CLIENTS names no folder with playwright-core and axe-core";
        skip("TESTUDO_REQUIRE_BROWSER", what);
    }
    clients
}

#[test]
fn the_console_in_a_browser() {
    let Some(clients) = browser() else { return };
    let server = Server::start(&[]);
    let at = server.greeting.iter().position(|line| line.contains("/enrol")).expect("no administrator yet");
    let token = server.greeting[at + 1].trim().to_owned();
    let kept = std::env::var_os("TESTUDO_SCREENSHOTS").map(PathBuf::from);
    let folder = tempfile::tempdir().unwrap();
    let shots = kept.unwrap_or_else(|| folder.path().to_owned());
    let output = Command::new("node")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/console.mjs"))
        .args([server.admin_url(), server.url(), token])
        .args([server.ca(), shots])
        .env("TESTUDO_BROWSER_CLIENTS", clients)
        .output()
        .unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let steps: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let faults: Vec<&Value> = steps.iter().filter(|step| step["ok"] != true).collect();
    assert!(faults.is_empty(), "{} of {} steps failed: {faults:#?}\n{errors}", faults.len(), steps.len());
    // Each page at two widths, light and dark, and the walks: a script that ends early proves nothing.
    assert!(steps.len() > 250, "only {} steps were made:\n{said}\n{errors}", steps.len());
    assert!(output.status.success(), "{errors}");
}
