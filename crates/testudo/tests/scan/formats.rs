//! Every format, to stdout and to files.

use serde_json::Value;

use super::{expect, folder, printed, scan};

#[test]
fn every_format_says_what_it_is() {
    let folder = folder();
    let here = folder.path();
    let arguments = [
        "weak.apk",
        "--report",
        "r.html",
        "--report",
        "r.json",
        "--report",
        "r.sarif",
        "--report",
        "r.cdx.json",
        "--report",
        "r.xml",
        "--report",
        "r.lines",
        "--report",
        "r.txt",
    ];
    expect(here, &arguments, 1);
    let read = |name: &str| std::fs::read_to_string(here.join(name)).unwrap();
    let json = |name: &str| -> Value { serde_json::from_str(&read(name)).unwrap() };
    assert!(read("r.html").starts_with("<!DOCTYPE html>") || read("r.html").starts_with("<!doctype html>"));
    assert_eq!(json("r.json")["target"]["app"], "com.example.wallet");
    assert_eq!(json("r.json")["complete"], true);
    assert_eq!(json("r.sarif")["version"], "2.1.0");
    assert!(!json("r.sarif")["runs"][0]["results"].as_array().unwrap().is_empty());
    assert_eq!(json("r.cdx.json")["specVersion"], "1.6");
    assert!(read("r.cdx.json").contains("pkg:maven/com.squareup.okio/okio@2.8.0"));
    assert!(read("r.xml").starts_with("<?xml"));
    assert!(read("r.lines").contains("[secret-payment-credential]"));
    assert!(read("r.txt").contains("FAILED (exit 1)"));
    for (format, file) in [("json", "r.json"), ("sarif", "r.sarif"), ("lines", "r.lines"), ("junit", "r.xml")] {
        assert_eq!(printed(&scan(here, &["weak.apk", "--format", format])), read(file), "{format}");
    }
    let odd = scan(here, &["weak.apk", "--report", "r.pdf"]);
    assert_eq!(odd.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&odd.stderr).contains(".cdx.json"));
}

#[test]
fn the_report_counts_what_was_analysed() {
    let folder = folder();
    let report: Value = serde_json::from_str(&expect(folder.path(), &["weak.apk", "--format", "json"], 1)).unwrap();
    let coverage = &report["coverage"];
    for share in ["files", "classes", "methods", "bytes"] {
        assert_eq!(coverage[share]["done"], coverage[share]["of"], "{share}");
        assert!(coverage[share]["of"].as_u64().unwrap() > 0, "{share}");
    }
    let names: Vec<&str> =
        report["facts"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    for section in ["API levels", "Permissions", "Exported components", "Libraries", "Size", "Signers"] {
        assert!(names.contains(&section), "{section}: {names:?}");
    }
}

#[test]
fn formats_of_scans_are_for_scans() {
    let folder = folder();
    let output = super::support::command_in(folder.path(), &["--format", "sarif", "check"], "");
    assert_eq!(output.status.code(), Some(2));
    expect(folder.path(), &["explain", "--format", "sarif"], 2);
}
