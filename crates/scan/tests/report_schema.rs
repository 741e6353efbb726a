//! The report as JSON: what the published schema says is what is written, and what is written reads back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod report_support;

use std::sync::LazyLock;

use proptest::prelude::*;
use report_support::{HOSTILE, finding, hostile, incomplete, judged, scan};
use serde_json::Value;
use testudo_core::{Confidence, Severity};
use testudo_scan::report::json::{read, write};
use testudo_scan::report::{Kind, Reach, Report, SignatureVerdict, Unit};

const SCHEMA: &str = include_str!("../../../docs/reference/scan-report.schema.json");

static STORED: LazyLock<String> = LazyLock::new(|| write(&judged()));

fn validator() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    jsonschema::meta::validate(&schema).expect("the schema is one");
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

fn reports() -> Vec<Report> {
    use SignatureVerdict::{Invalid, OtherSigner, Unchecked, Unsigned, Valid};
    let mut all = vec![judged(), incomplete(), Report::new(scan()).unwrap()];
    all.extend(HOSTILE.iter().map(|text| hostile(text)));
    // Each value that a word can have.
    let mut scan = scan();
    let (confidences, reaches) = (
        [Confidence::Low, Confidence::Medium, Confidence::High],
        [Reach::Reachable, Reach::Unknown, Reach::Unreachable],
    );
    for (number, finding) in scan.findings.iter_mut().enumerate() {
        finding.severity = Severity::ALL[number % 5];
        finding.confidence = confidences[number % 3];
        finding.reach = reaches[(number / 3) % 3];
    }
    scan.facts[1].unit = Some(Unit::Count);
    all.push(Report::new(scan.clone()).unwrap());
    for kind in [Kind::Apk, Kind::Xapk, Kind::Aab, Kind::Ipa, Kind::Folder] {
        scan.target.kind = kind;
        all.push(Report::new(scan.clone()).unwrap());
    }
    for verdict in [Valid, Invalid, OtherSigner, Unsigned, Unchecked] {
        scan.signature.verdict = verdict;
        all.push(Report::new(scan.clone()).unwrap());
    }
    all
}

#[test]
fn the_schema_holds() {
    let validator = validator();
    for report in reports() {
        let value: Value = serde_json::from_str(&write(&report)).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
}

/// The paths to all members of all objects.
fn members(value: &Value, path: &str, out: &mut Vec<String>) {
    match value {
        Value::Object(all) => {
            for (name, value) in all {
                let path = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
                out.push(path.clone());
                members(value, &path, out);
            }
        }
        Value::Array(all) => {
            all.iter().enumerate().for_each(|(at, value)| members(value, &format!("{path}/{at}"), out));
        }
        _ => {}
    }
}

/// What the reader refuses, the schema refuses, and the other way round: over each member taken away, renamed or made a
/// number.
#[test]
fn the_schema_is_as_strict_as_the_reader() {
    let validator = validator();
    let mut scan = scan();
    scan.findings.truncate(6);
    scan.rules.retain(|rule| scan.findings.iter().any(|finding| finding.rule == rule.id));
    let whole: Value = serde_json::from_str(&write(&Report::new(scan).unwrap())).unwrap();
    let mut paths = Vec::new();
    members(&whole, "", &mut paths);
    assert!(paths.len() > 150, "{}", paths.len());
    let mut refused = 0;
    for path in &paths {
        let (parent, name) = path.rsplit_once('/').unwrap();
        let object = |value: &mut Value| value.pointer_mut(parent).unwrap().as_object_mut().unwrap().clone();
        for change in ["removed", "renamed", "number"] {
            let mut value = whole.clone();
            let mut members = object(&mut value);
            match change {
                "removed" => drop(members.remove(name)),
                "renamed" => {
                    let old = members.remove(name).unwrap();
                    members.insert("strange".to_owned(), old);
                }
                _ => drop(members.insert(name.to_owned(), serde_json::json!(-1.5))),
            }
            *value.pointer_mut(parent).unwrap() = Value::Object(members);
            let by_schema = validator.is_valid(&value);
            let by_reader = read(&value.to_string());
            // Whether it is complete is for other readers; ours judges anew.
            if path != "/complete" {
                assert_eq!(by_schema, by_reader.is_ok(), "{path} {change}: {:?}", by_reader.err());
            }
            refused += usize::from(!by_schema);
        }
    }
    assert!(refused > 300, "{refused}");
}

#[test]
fn what_is_written_reads_back() {
    for report in reports() {
        assert_eq!(read(&write(&report)).unwrap(), report);
    }
}

#[test]
fn contradictions_are_refused() {
    let text = write(&judged());
    let changed = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        read(&text.replacen(from, to, 1)).unwrap_err().to_string()
    };
    insta::assert_snapshot!("json_version", changed("\"version\": 1", "\"version\": 2"));
    insta::assert_snapshot!("json_unknown_field", changed("\"pack\":", "\"packs\":"));
    let unknown = changed("\"rule\": \"network-trust-all\"", "\"rule\": \"network-trust-some\"");
    insta::assert_snapshot!("json_unknown_rule", unknown);
    let value: Value = serde_json::from_str(&text).unwrap();
    let mut twice = value.clone();
    let first = twice["findings"][0].clone();
    twice["findings"].as_array_mut().unwrap().push(first);
    assert!(read(&twice.to_string()).unwrap_err().to_string().contains("two findings"));
    let mut same = value;
    let first = same["rules"][0].clone();
    same["rules"].as_array_mut().unwrap().push(first);
    assert!(read(&same.to_string()).unwrap_err().to_string().contains("twice"));
}

#[test]
fn fingerprints_of_a_stored_report_stand() {
    let report = Report::new(scan()).unwrap();
    let print = report.findings()[0].fingerprint.to_string();
    let other = "ab".repeat(32);
    let stored = read(&write(&report).replacen(&print, &other, 1)).unwrap();
    assert!(stored.findings().iter().any(|finding| finding.fingerprint.to_string() == other));
    assert_eq!(
        finding("storage-backup", testudo_scan::report::Place::Package).fingerprint.to_string(),
        "00".repeat(32)
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Broken reports are errors, never panics; what still reads writes and reads again.
    #[test]
    fn broken_reports_are_refused(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = STORED.clone().into_bytes();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        if let Ok(report) = read(&String::from_utf8_lossy(&bytes)) {
            prop_assert_eq!(read(&write(&report)).unwrap(), report);
        }
    }
}
