//! `testudo scan` with the real binary: formats, exit codes, decisions, comparisons, the index, folders, hostile packages.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::format_push_string
)]

mod apps;
mod decisions;
mod folders;
mod formats;
mod hostile;
mod rules;
#[path = "../support/mod.rs"]
mod support;

use std::path::Path;
use std::process::Output;

use support::command::{code, errors};
use support::command_in;

/// Runs `testudo scan` in a folder.
fn scan(folder: &Path, arguments: &[&str]) -> Output {
    let mut all = vec!["scan"];
    all.extend(arguments);
    command_in(folder, &all, "")
}

/// What was printed.
fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs it and expects an exit code; gives what was printed.
fn expect(folder: &Path, arguments: &[&str], wanted: i32) -> String {
    let output = scan(folder, arguments);
    assert_eq!(code(&output), wanted, "{arguments:?}: {} {}", printed(&output), errors(&output));
    printed(&output)
}

/// A folder with the two apps.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let signer = apps::signer();
    std::fs::write(folder.path().join("weak.apk"), apps::weak().signed(&signer)).unwrap();
    std::fs::write(folder.path().join("clean.apk"), apps::clean().signed(&signer)).unwrap();
    folder
}

#[test]
fn a_weak_app_fails_and_a_clean_one_passes() {
    let folder = folder();
    let told = expect(folder.path(), &["weak.apk"], 1);
    for part in
        ["com.example.wallet 1.0", "signed (v2)", "secret-payment-credential", "billing_token", "FAILED (exit 1)"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains("q7HLyjWDarTt1zdp7dc"), "a secret stands in the report: {told}");
    let told = expect(folder.path(), &["clean.apk"], 0);
    assert!(told.contains("PASSED"), "{told}");
}

#[test]
fn two_runs_say_the_same_bytes() {
    let folder = folder();
    for format in ["human", "json", "sarif", "html", "junit", "lines", "cyclonedx"] {
        let one = scan(folder.path(), &["weak.apk", "--format", format]);
        let other = scan(folder.path(), &["weak.apk", "--format", format]);
        assert_eq!(one.stdout, other.stdout, "{format}");
        assert!(!one.stdout.is_empty(), "{format}");
    }
}

#[test]
fn the_exit_code_tells_what_is_wrong() {
    let folder = folder();
    let here = folder.path();
    let signer = apps::signer();
    // 2: the command is wrong.
    expect(here, &[], 2);
    expect(here, &["missing.apk"], 2);
    expect(here, &["weak.apk", "--certificate", "abc"], 2);
    // 3: not all of it could be analysed.
    let broken = apps::App { files: vec![("classes2.dex".to_owned(), b"dex\n035\0broken".to_vec())], ..apps::clean() };
    std::fs::write(here.join("broken.apk"), broken.signed(&signer)).unwrap();
    let told = expect(here, &["broken.apk"], 3);
    assert!(told.contains("classes2.dex"), "{told}");
    // 4: another signed it, or it was changed after it was signed.
    let registered = data_encoding::HEXLOWER.encode(&signer.fingerprint());
    std::fs::write(here.join("mine.apk"), apps::clean().signed(&signer)).unwrap();
    expect(here, &["mine.apk", "--certificate", &registered], 0);
    expect(here, &["clean.apk", "--certificate", &registered], 4);
    let mut changed = apps::clean().signed(&signer);
    let at = changed.windows(5).position(|window| window == b"Hello").unwrap();
    changed[at] = b'J';
    std::fs::write(here.join("changed.apk"), changed).unwrap();
    expect(here, &["changed.apk"], 4);
    // 0 and 1: what counts is what is asked for.
    expect(here, &["weak.apk", "--fail-on", "none"], 0);
}

#[test]
fn the_file_of_scheme_v4_beside_a_package_is_verified_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let (here, signer, app) = (folder.path(), apps::signer(), apps::clean());
    let package = app.signed(&signer);
    std::fs::write(here.join("app.apk"), &package).unwrap();
    std::fs::write(here.join("app.apk.idsig"), app.idsig(&package, &signer)).unwrap();
    assert!(expect(here, &["app.apk"], 0).contains("signed (v2, v4)"));
    let other = apps::App { version: "1.2", ..apps::clean() };
    std::fs::write(here.join("app.apk.idsig"), other.idsig(&other.signed(&signer), &signer)).unwrap();
    expect(here, &["app.apk"], 4);
}

#[test]
fn a_data_safety_form_is_read_or_refused() {
    let folder = folder();
    let here = folder.path();
    std::fs::write(here.join("form.csv"), "Question,Response,Value\nPSL_DATA_TYPES_PERSONAL,PSL_EMAIL,TRUE\n").unwrap();
    expect(here, &["clean.apk", "--data-safety", "form.csv"], 0);
    std::fs::write(here.join("form.csv"), "name,value\n").unwrap();
    let refused = scan(here, &["clean.apk", "--data-safety", "form.csv"]);
    assert_eq!(code(&refused), 2);
    assert!(errors(&refused).contains("form.csv") && errors(&refused).contains("Play Console"), "{}", errors(&refused));
}

#[test]
fn only_policies_of_a_store_have_a_code_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let old = apps::App { target_sdk: 30, ..apps::clean() };
    std::fs::write(here.join("old.apk"), old.signed(&apps::signer())).unwrap();
    let rules = r#"
[[rule]]
id = "store-target"
title = "The app is made for an old platform"
cwe = "CWE-1104"
cvss = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:N/SC:N/SI:N/SA:N"
what = "The target is old."
why = "The store does not take it."
references = ["https://example.org"]
policy = "google-play/target-api"
[rule.fix]
text = "Raise it."

[[fact]]
rule = "store-target"
on = "app"
where = { target-sdk = { below = 33 } }
confidence = "high"
"#;
    std::fs::write(here.join("store.toml"), rules).unwrap();
    expect(here, &["old.apk", "--rules", "store.toml", "--fail-on", "critical"], 5);
}

/// The apps of `docs/guide/scan.md`: `TESTUDO_SCAN_APPS=FOLDER cargo test -p testudo --test scan -- --ignored apps`.
#[test]
#[ignore = "writes files for the guide"]
fn apps_of_the_guide() {
    let folder =
        std::path::PathBuf::from(std::env::var_os("TESTUDO_SCAN_APPS").expect("TESTUDO_SCAN_APPS names no folder"));
    let signer = apps::signer();
    std::fs::write(folder.join("wallet-1.0.apk"), apps::weak().signed(&signer)).unwrap();
    std::fs::write(folder.join("wallet-1.1.apk"), apps::clean().signed(&signer)).unwrap();
    std::fs::write(folder.join("okio.json"), apps::advisory()).unwrap();
}
