//! Suppressions, baselines, fingerprints, exit codes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod report_support;

use std::sync::LazyLock;

use jiff::civil::{Date, date};
use proptest::prelude::*;
use report_support::{SUPPRESSIONS, TODAY, code, finding, incomplete, judged, pack, scan};
use testudo_core::Severity;
use testudo_scan::report::exit::{Exit, FailOn, judge};
use testudo_scan::report::{Evidence, Finding, Level, Place, Report, SignatureVerdict, Status};
use testudo_scan::suppress::{Baseline, Suppressions};

fn report(findings: Vec<Finding>) -> Report {
    let mut scan = scan();
    scan.findings = findings;
    Report::new(scan).unwrap()
}

fn ecb(class: &str, method: &str, line: u32, evidence: &str) -> Finding {
    let place = code(class, method, "A.kt", line);
    Finding { evidence: Some(Evidence::new(evidence)), ..finding("crypto-ecb-mode", place) }
}

fn suppress(entry: &str) -> Result<Suppressions, String> {
    Suppressions::read("scan.toml", entry, &pack()).map_err(|error| error.to_string())
}

static STORED: LazyLock<String> = LazyLock::new(|| Baseline::of(&judged(), None, TODAY).to_json());

const ENTRY: &str = r#"
[[suppress]]
rule = "crypto-ecb-mode"
place = "org.example.**"
reason = "only test vectors are encrypted there"
expires = 2027-01-31
"#;

#[test]
fn wrong_suppressions_are_refused_with_place_and_remedy() {
    suppress(ENTRY).unwrap();
    let changes = [
        ("crypto-ecb-mode", "crypto-ebc-mode"),
        ("crypto-ecb-mode", "unheard-of"),
        ("org.example.**", "**"),
        ("org.example.**", ""),
        ("only test vectors are encrypted there", "ok"),
        ("reason = \"only test vectors are encrypted there\"\n", ""),
        ("expires = 2027-01-31\n", ""),
        ("2027-01-31", "2027-01-31T10:00:00Z"),
        ("2027-01-31", "\"31.01.2027\""),
        ("2027-01-31", "\"2027-02-30\""),
        ("2027-01-31", "true"),
        ("expires", "expiry"),
        ("[[suppress]]", "[[supress]]"),
    ];
    let told: Vec<String> = changes.iter().map(|(from, to)| suppress(&ENTRY.replace(from, to)).unwrap_err()).collect();
    insta::assert_snapshot!("suppression_errors", told.join("\n"));
}

#[test]
fn a_suppression_ends() {
    let status = |today: Date| {
        let mut report = report(vec![ecb("Lorg/example/A;", "b()V", 1, "AES")]);
        suppress(ENTRY).unwrap().apply(&mut report, today);
        let warned = report.scan().notes.iter().filter(|note| note.level == Level::Warning).count();
        (report.findings()[0].counts(), warned)
    };
    assert_eq!(status(date(2027, 1, 31)), (false, 0), "its last day");
    assert_eq!(status(date(2027, 2, 1)), (true, 1), "the day after");
}

#[test]
fn notes_tell_of_expired_and_unused_suppressions() {
    let report = judged();
    let notes: Vec<&str> = report.scan().notes.iter().map(|note| note.text.as_str()).collect();
    insta::assert_snapshot!("suppression_notes", notes.join("\n"));
    let suppressed = report.findings().iter().filter(|finding| matches!(finding.status, Status::Suppressed { .. }));
    assert_eq!(suppressed.count(), 1);
    assert_eq!(suppress(SUPPRESSIONS).unwrap().entries().len(), 3);
}

#[test]
fn places_are_named_as_reports_name_them() {
    let covers = |place: &str, at: Place| {
        let mut report = report(vec![finding("crypto-ecb-mode", at)]);
        let entry = ENTRY.replace("org.example.**", place);
        suppress(&entry).unwrap().apply(&mut report, TODAY);
        !report.findings()[0].counts()
    };
    let method = || code("Lorg/example/net/Http$1;", "check([B)V", "Http.kt", 4);
    for place in [
        "org.example.net.Http$1.check",
        "org.example.net.*",
        "org.example.**",
        "org.example.net.Http*.check",
        "classes.dex",
        "*.dex",
        "org.example.net.Http$1.check(byte[])",
    ] {
        assert!(covers(place, method()), "{place}");
    }
    for place in ["org.example.*", "net.Http", "org.example.net.Http", "check"] {
        assert!(!covers(place, method()), "{place}");
    }
    let purl = Place::Dependency { purl: "pkg:maven/org.json/json@20180813".into(), file: None };
    assert!(covers("pkg:maven/org.json/json", purl.clone()), "of any version");
    assert!(covers("pkg:maven/org.json/json@2018*", purl.clone()));
    assert!(!covers("pkg:maven/org.json/json@2019*", purl));
    let line = Place::Line { file: "assets/www/main.js".into(), line: 3, column: None };
    assert!(covers("assets/**.js", line.clone()) && !covers("assets/*.js", line));
}

#[test]
fn fingerprints_survive_a_rebuild() {
    let print = |finding: Finding| report(vec![finding]).findings()[0].fingerprint;
    let base = || ecb("Lorg/example/A;", "b()V", 10, "invoke-static {v1} at 0x1f2c");
    let moved = Finding {
        place: Place::Code {
            file: "classes4.dex".into(),
            class: "Lorg/example/A;".into(),
            method: Some("b()V".into()),
            source: None,
            line: None,
        },
        evidence: Some(Evidence::new("invoke-static  {v14}\nat 0xa0")),
        ..base()
    };
    assert_eq!(print(base()), print(moved), "lines, registers, offsets and files move");
    assert_eq!(print(base()), print(Finding { severity: Severity::Low, ..base() }));
    for (what, other) in [
        ("class", ecb("Lorg/example/B;", "b()V", 10, "invoke-static {v1} at 0x1f2c")),
        ("method", ecb("Lorg/example/A;", "b(I)V", 10, "invoke-static {v1} at 0x1f2c")),
        ("evidence", ecb("Lorg/example/A;", "b()V", 10, "invoke-virtual {v1} at 0x1f2c")),
        ("rule", Finding { rule: "storage-backup".parse().unwrap(), ..base() }),
    ] {
        assert_ne!(print(base()), print(other), "{what}");
    }
    let dependency =
        |purl: &str| print(finding("code-vulnerable-dependency", Place::Dependency { purl: purl.into(), file: None }));
    assert_eq!(dependency("pkg:npm/@a/b@1.0.0"), dependency("pkg:npm/@a/b@1.0.1?x=y"));
    assert_ne!(dependency("pkg:npm/@a/b@1.0.0"), dependency("pkg:npm/@a/c@1.0.0"));
}

/// A fingerprint is in the baselines of many: changing how it is made is a new version of it.
#[test]
fn fingerprints_are_what_they_were() {
    let report = report(vec![ecb("Lorg/example/A;", "b()V", 10, "AES/ECB")]);
    insta::assert_snapshot!("fingerprint", report.findings()[0].fingerprint.to_string());
}

#[test]
fn equal_findings_are_told_apart_by_their_number() {
    let all = |lines: &[u32]| report(lines.iter().map(|line| ecb("La;", "b()V", *line, "AES")).collect());
    let (two, three) = (all(&[1, 2]), all(&[5, 6, 9]));
    let prints = |report: &Report| report.findings().iter().map(|finding| finding.fingerprint).collect::<Vec<_>>();
    assert_eq!(prints(&two)[..], prints(&three)[..2]);
    assert_eq!(prints(&three).iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
}

#[test]
fn a_baseline_tells_new_known_and_fixed() {
    let first = report(vec![ecb("La;", "b()V", 1, "AES"), ecb("Lb;", "b()V", 1, "AES")]);
    let written = Baseline::of(&first, None, date(2026, 1, 2)).to_json();
    insta::assert_snapshot!("baseline", written);
    let baseline = Baseline::from_json(&written).unwrap();

    let mut second = report(vec![ecb("Lb;", "b()V", 7, "AES"), ecb("Lc;", "b()V", 1, "AES")]);
    baseline.apply(&mut second);
    let status: Vec<&Status> = second.findings().iter().map(|finding| &finding.status).collect();
    assert_eq!(status, [&Status::Known { since: date(2026, 1, 2) }, &Status::New]);
    assert_eq!(second.scan().fixed.len(), 1);
    assert_eq!(second.scan().fixed[0].place, "a.b()");

    let next = Baseline::of(&second, Some(&baseline), date(2026, 3, 4));
    assert_eq!(next.len(), 2);
    let text = next.to_json();
    assert!(text.contains("2026-01-02") && text.contains("2026-03-04"), "the first day is kept: {text}");
}

#[test]
fn what_was_not_looked_for_is_not_fixed() {
    let first = report(vec![ecb("La;", "b()V", 1, "AES")]);
    let baseline = Baseline::of(&first, None, TODAY);
    let mut without_rule = scan();
    without_rule.findings.clear();
    without_rule.rules.retain(|rule| rule.id.as_str() != "crypto-ecb-mode");
    let mut without_rule = Report::new(without_rule).unwrap();
    baseline.apply(&mut without_rule);
    assert!(without_rule.scan().fixed.is_empty());
    let mut gaps = incomplete();
    baseline.apply(&mut gaps);
    assert!(gaps.scan().fixed.is_empty());
}

#[test]
fn wrong_baselines_are_refused() {
    let good = Baseline::of(&judged(), None, TODAY).to_json();
    let refusal = |text: &str| Baseline::from_json(text).unwrap_err().to_string();
    assert!(refusal("").contains("does not read"));
    assert!(refusal(&good.replace("\"version\": 1", "\"version\": 7")).contains("has version 7"));
    assert!(refusal(&good.replacen("first_seen", "seen", 1)).contains("unknown field `seen`"));
    let print = judged().findings()[0].fingerprint.to_string();
    assert!(refusal(&good.replacen(&print, "abc", 1)).contains("64 lower-case hexadecimal digits"));
}

#[test]
fn exit_codes_say_what_is_wrong() {
    let high = FailOn(Some(Severity::High));
    let code = |report: &Report, fail_on| judge(report, fail_on).0;
    assert_eq!(code(&Report::new(scan()).unwrap(), high), Exit::Findings);
    assert_eq!(code(&Report::new(scan()).unwrap(), FailOn(None)), Exit::Clean);
    assert_eq!(code(&report(vec![ecb("La;", "b()V", 1, "AES")]), FailOn(Some(Severity::Critical))), Exit::Clean);
    assert_eq!(code(&report(vec![]), high), Exit::Clean);

    let policy = || finding("policy-target-api", Place::Package);
    let low = FailOn(Some(Severity::Low));
    assert_eq!(code(&report(vec![policy()]), low), Exit::Policy);
    assert_eq!(code(&report(vec![policy(), ecb("La;", "b()V", 1, "AES")]), low), Exit::Findings);

    for verdict in [SignatureVerdict::Invalid, SignatureVerdict::OtherSigner] {
        let mut signed = scan();
        signed.signature.verdict = verdict;
        assert_eq!(code(&Report::new(signed).unwrap(), high), Exit::Signature);
    }
    let (exit, reasons) = judge(&incomplete(), high);
    assert_eq!((exit, exit.code()), (Exit::Incomplete, 3));
    assert_eq!(reasons.len(), 3, "signature and findings are told too: {reasons:?}");

    let mut nothing = scan();
    nothing.coverage = testudo_scan::report::Coverage::default();
    assert_eq!(code(&Report::new(nothing).unwrap(), high), Exit::Incomplete, "nothing analysed is no clean scan");
    let mut short = scan();
    short.coverage.methods.done -= 1;
    assert_eq!(code(&Report::new(short).unwrap(), high), Exit::Incomplete);
}

#[test]
fn what_is_known_or_suppressed_does_not_fail() {
    let mut known = report(vec![ecb("Lorg/example/A;", "b()V", 1, "AES")]);
    Baseline::of(&known, None, TODAY).apply(&mut known);
    assert_eq!(judge(&known, FailOn(Some(Severity::Low))).0, Exit::Clean);
    let mut suppressed = report(vec![ecb("Lorg/example/A;", "b()V", 1, "AES")]);
    suppress(ENTRY).unwrap().apply(&mut suppressed, TODAY);
    assert_eq!(judge(&suppressed, FailOn(Some(Severity::Low))).0, Exit::Clean);
    assert!(Baseline::of(&suppressed, None, TODAY).is_empty(), "a suppression stays one");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Broken files are errors, never panics.
    #[test]
    fn broken_files_are_refused(at in any::<prop::sample::Index>(), with in any::<String>(), cut in 0usize..30) {
        for text in [SUPPRESSIONS.to_owned(), STORED.clone()] {
            let start = at.index(text.len());
            let end = (start + cut).min(text.len());
            let mut text = text;
            if text.is_char_boundary(start) && text.is_char_boundary(end) {
                text.replace_range(start..end, &with);
            }
            let _ = Baseline::from_json(&text);
            if let Ok(read) = Suppressions::read("scan.toml", &text, &pack()) {
                prop_assert!(read.entries().iter().all(|entry| entry.reason.chars().count() >= 10));
            }
        }
    }
}
