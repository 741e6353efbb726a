//! Folders of packages, packages of packages, and folders of sources.

use serde_json::Value;
use testudo_testkit::package::zip::Zip;

use super::{apps, expect, folder, scan};

#[test]
fn a_folder_of_packages_is_scanned_in_the_order_of_names() {
    let folder = folder();
    let here = folder.path();
    for number in 0..6 {
        let app = apps::App { version: ["1", "2", "3", "4", "5", "6"][number], ..apps::clean() };
        std::fs::write(here.join(format!("n{number}.apk")), app.signed(&apps::signer())).unwrap();
    }
    std::fs::write(here.join("notes.txt"), "no package").unwrap();
    let told = expect(here, &["."], 1);
    let places: Vec<usize> =
        ["clean.apk", "n0.apk", "n5.apk", "weak.apk"].iter().map(|name| told.find(name).unwrap()).collect();
    assert!(places.is_sorted(), "{places:?}");
    expect(here, &[".", "--format", "json"], 2);
    expect(here, &[".", "--report", "all.json"], 2);
    expect(here, &[".", "--report", "out-{}.json", "--detail", "quiet"], 1);
    for name in ["out-weak.apk.json", "out-n3.apk.json"] {
        let report: Value = serde_json::from_str(&std::fs::read_to_string(here.join(name)).unwrap()).unwrap();
        assert_eq!(report["complete"], true, "{name}");
    }
}

#[test]
fn one_bad_package_does_not_hide_the_others() {
    let folder = folder();
    let here = folder.path();
    std::fs::write(here.join("bad.apk"), b"PK\x03\x04 nothing").unwrap();
    let output = scan(here, &["bad.apk", "weak.apk", "clean.apk"]);
    assert_eq!(output.status.code(), Some(3));
    let told = super::printed(&output);
    assert!(told.contains("secret-payment-credential") && told.contains("PASSED"), "{told}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("bad.apk"));
}

#[test]
fn packages_within_a_package_are_one_app() {
    let folder = folder();
    let here = folder.path();
    let signer = apps::signer();
    let stranger = apps::App { package: "com.example.other", ..apps::clean() };
    let nest = |second: Vec<u8>| {
        Zip::new()
            .stored("base.apk", apps::weak().signed(&signer))
            .stored("config.apk", second)
            .file("icon.png", "x")
            .write()
    };
    std::fs::write(here.join("app.xapk"), nest(stranger.signed(&signer))).unwrap();
    let told = expect(here, &["app.xapk"], 3);
    assert!(told.contains("another app"), "{told}");
    assert!(told.contains("base.apk!/resources.arsc"), "{told}");
    let one = Zip::new().stored("base.apk", apps::weak().signed(&signer)).write();
    std::fs::write(here.join("one.xapk"), one).unwrap();
    let report: Value = serde_json::from_str(&expect(here, &["one.xapk", "--format", "json"], 1)).unwrap();
    assert_eq!(report["target"]["kind"], "xapk");
    assert_eq!(report["target"]["app"], "com.example.wallet");
    assert_eq!(report["signature"]["verdict"], "valid");
}

#[test]
fn sources_are_looked_through() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    std::fs::create_dir_all(here.join("app/src/main")).unwrap();
    std::fs::create_dir_all(here.join("app/node_modules/x")).unwrap();
    std::fs::write(here.join("gradle.lockfile"), "com.squareup.okio:okio:2.8.0=runtimeClasspath\nempty=\n").unwrap();
    let key = apps::weak().key;
    let kotlin = format!("package x\n\nval billing = \"{key}\"\n");
    std::fs::write(here.join("app/src/main/Main.kt"), &kotlin).unwrap();
    std::fs::write(here.join("app/node_modules/x/index.js"), &kotlin).unwrap();
    std::fs::write(here.join("app/icon.png"), b"\x89PNG\r\n\x1a\n0000").unwrap();
    std::fs::write(here.join("one.json"), apps::advisory()).unwrap();
    expect(here, &["db", "import", "one.json", "--output", "known.db"], 0);
    let told = expect(here, &[".", "--db", "known.db", "--format", "json"], 1);
    let report: Value = serde_json::from_str(&told).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let secret = findings.iter().find(|one| one["rule"] == "secret-payment-credential").unwrap();
    assert_eq!((&secret["place"]["file"], &secret["place"]["line"]), (&"app/src/main/Main.kt".into(), &3.into()));
    assert!(findings.iter().any(|one| one["rule"] == "dependency-vulnerable"));
    assert!(!told.contains("index.js"), "what a tool fetched is left out");
    assert!(report["coverage"]["left_out"].to_string().contains("app/node_modules"));
    assert_eq!(report["target"]["kind"], "folder");
}
