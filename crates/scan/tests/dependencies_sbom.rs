//! From lock file to bill of materials: matching, reach, joining of records, and the document.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

use serde_json::{Value, json};
use testudo_scan::dependencies::{
    Component, Importer, Index, Inventory, LockKind, Reach, Subject, Vulnerability, matches, read, sbom,
};

const GRADLE: &str = "\
com.squareup.okio:okio:2.8.0=releaseRuntimeClasspath
com.squareup.okhttp3:okhttp:4.9.1=releaseRuntimeClasspath
junit:junit:4.12=testCompileClasspath
";

const PODS: &str = "PODS:\n  - Alamofire (5.4.3)\n\nDEPENDENCIES:\n  - Alamofire\n";

fn record(id: &str, aliases: &[&str], ecosystem: &str, name: &str, events: &Value) -> Value {
    json!({"id": id, "modified": "2024-01-02T03:04:05Z", "published": "2023-01-01T00:00:00Z", "aliases": aliases,
        "summary": format!("flaw {id}"),
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}],
        "affected": [{"package": {"ecosystem": ecosystem, "name": name},
            "ranges": [{"type": "ECOSYSTEM", "events": events}]}],
        "database_specific": {"cwe_ids": ["CWE-400"]}})
}

fn index() -> Vec<u8> {
    let mut importer = Importer::new();
    let fixed = |from: &str, to: &str| json!([{"introduced": from}, {"fixed": to}]);
    for record in [
        record(
            "GHSA-w33c-445m-f8w7",
            &["CVE-2023-3635"],
            "Maven",
            "com.squareup.okio:okio",
            &fixed("2.0.0-RC1", "3.4.0"),
        ),
        record("CVE-2023-3635", &[], "Maven", "com.squareup.okio:okio", &fixed("0", "3.3.9")),
        record("GHSA-2222-2222-2222", &[], "Maven", "com.squareup.okhttp3:okhttp", &fixed("0", "4.9.2")),
        record("GHSA-3333-3333-3333", &[], "Maven", "com.squareup.okhttp3:okhttp", &fixed("4.10.0", "4.11.0")),
        record("GHSA-4444-4444-4444", &[], "SwiftURL", "github.com/Alamofire/Alamofire", &fixed("0", "5.5.0")),
    ] {
        importer.add("r", record.to_string().as_bytes()).unwrap();
    }
    importer.finish(None).unwrap().bytes
}

fn components() -> Vec<Component> {
    let mut inventory = Inventory::new();
    inventory.add(read(LockKind::Gradle, "app/gradle.lockfile", GRADLE.as_bytes()).unwrap());
    inventory.add(read(LockKind::Gradle, "lib/gradle.lockfile", GRADLE.as_bytes()).unwrap());
    inventory.add(read(LockKind::Podfile, "ios/Podfile.lock", PODS.as_bytes()).unwrap());
    inventory.finish()
}

fn found(reach: &dyn Fn(&str) -> Reach) -> (Vec<Component>, Vec<Vulnerability>) {
    let (bytes, components) = (index(), components());
    let found = matches(&components, &Index::open(&bytes).unwrap(), reach).unwrap();
    (components, found)
}

#[test]
fn an_inventory_joins_files() {
    let components = components();
    let names: Vec<_> = components.iter().map(|one| (one.name.as_str(), one.places.len())).collect();
    assert_eq!(
        names,
        [("com.squareup.okhttp3:okhttp", 2), ("com.squareup.okio:okio", 2), ("junit:junit", 2), ("Alamofire", 1)]
    );
}

#[test]
fn needs_stay_right_when_lists_are_joined() {
    let lock = br#"{"lockfileVersion":3,"packages":{"":{"dependencies":{"z":"1"}},
        "node_modules/z":{"version":"1.0.0","dependencies":{"a":"1"}},"node_modules/a":{"version":"1.0.0"}}}"#;
    let other = br#"{"lockfileVersion":3,"packages":{"":{"dependencies":{"a":"1","m":"1"}},
        "node_modules/a":{"version":"1.0.0"},"node_modules/m":{"version":"1.0.0","dependencies":{"a":"1"}}}}"#;
    let mut inventory = Inventory::new();
    inventory.add(read(LockKind::Npm, "one/package-lock.json", lock).unwrap());
    inventory.add(read(LockKind::Npm, "two/package-lock.json", other).unwrap());
    let components = inventory.finish();
    let needs: Vec<_> = components
        .iter()
        .map(|one| (one.name.as_str(), one.requires.iter().map(|at| components[*at as usize].name.as_str()).collect()))
        .collect();
    let none: Vec<&str> = Vec::new();
    assert_eq!(needs, [("a", none), ("m", vec!["a"]), ("z", vec!["a"])]);
}

#[test]
fn records_of_one_vulnerability_are_one() {
    let (components, found) = found(&|prefix| match prefix {
        "okio." => Reach::Reached,
        "okhttp3." => Reach::Absent,
        other => panic!("{other} was asked for"),
    });
    let shown: Vec<_> = found
        .iter()
        .map(|one| {
            let component = &components[one.component as usize];
            (component.name.as_str(), one.id.as_str(), one.affected.as_str(), one.fixed.as_deref(), one.reach)
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("com.squareup.okhttp3:okhttp", "GHSA-2222-2222-2222", "< 4.9.2", Some("4.9.2"), Reach::Absent),
            ("com.squareup.okio:okio", "GHSA-w33c-445m-f8w7", ">= 2.0.0-RC1, < 3.4.0", Some("3.4.0"), Reach::Reached),
            ("Alamofire", "GHSA-4444-4444-4444", "< 5.5.0", Some("5.5.0"), Reach::Unknown),
        ]
    );
    assert_eq!(found[1].aliases, ["CVE-2023-3635"]);
    assert_eq!(found[1].score, Some(75));
    assert!(found[2].known_as.is_some());
}

fn document(timestamp: Option<&str>) -> String {
    let (components, found) = found(&|prefix| if prefix == "okio." { Reach::Unreached } else { Reach::Unknown });
    let subject = Subject {
        name: "com.example.app".into(),
        version: Some("1.2".into()),
        sha256: Some("ab".repeat(32)),
        timestamp: timestamp.map(str::to_owned),
        faults: vec!["yarn.lock:3: a quote that does not close".into()],
    };
    sbom(&subject, &components, &found)
}

#[test]
fn the_document_is_the_same_each_time() {
    let text = document(None);
    assert_eq!(text, document(None));
    assert_ne!(text, document(Some("2026-01-31T12:00:00Z")));
    insta::assert_snapshot!("document", text);
}

#[test]
fn references_of_the_document_lead_somewhere() {
    let bom: Value = serde_json::from_str(&document(None)).unwrap();
    let mut names = vec![bom["metadata"]["component"]["bom-ref"].as_str().unwrap()];
    names.extend(bom["components"].as_array().unwrap().iter().map(|one| one["bom-ref"].as_str().unwrap()));
    let unique: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!(unique.len(), names.len());
    for dependency in bom["dependencies"].as_array().unwrap() {
        assert!(names.contains(&dependency["ref"].as_str().unwrap()));
        for on in dependency["dependsOn"].as_array().into_iter().flatten() {
            assert!(names.contains(&on.as_str().unwrap()));
        }
    }
    let flaws = bom["vulnerabilities"].as_array().unwrap();
    assert_eq!(flaws.len(), 3);
    for flaw in flaws {
        assert!(names.contains(&flaw["affects"][0]["ref"].as_str().unwrap()));
    }
    let okio = flaws.iter().find(|flaw| flaw["id"] == "GHSA-w33c-445m-f8w7").unwrap();
    assert_eq!(okio["analysis"]["justification"], "code_not_reachable");
    assert_eq!(okio["ratings"][0]["score"], 7.5);
    assert_eq!(bom["compositions"][0]["aggregate"], "incomplete");
    let serial = bom["serialNumber"].as_str().unwrap();
    assert!(serial.starts_with("urn:uuid:") && serial.len() == 45 && serial.as_bytes()[23] == b'8', "{serial}");
}

/// Writes the document to a folder outside the repository, where a validator of the official schema reads it.
#[test]
fn the_document_for_a_schema_validator() {
    let Some(folder) = std::env::var_os("TESTUDO_SBOM_OUT") else {
        eprintln!(
            "SKIPPED: set TESTUDO_SBOM_OUT to a folder, then validate bom.json there with the CycloneDX 1.6 schema"
        );
        return;
    };
    std::fs::write(std::path::Path::new(&folder).join("bom.json"), document(Some("2026-01-31T12:00:00Z"))).unwrap();
}
