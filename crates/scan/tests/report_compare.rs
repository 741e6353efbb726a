//! What changed between two versions.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod report_support;

use report_support::{HOSTILE, finding, hostile, incomplete, scan};
use testudo_core::Severity;
use testudo_scan::compare::{Options, compare};
use testudo_scan::report::exit::{Exit, FailOn};
use testudo_scan::report::{Fact, Place, Report, Scan, Section};

const HIGH: FailOn = FailOn(Some(Severity::High));
const OPTIONS: Options = Options { color: false, width: 100, fail_on: HIGH };

fn next() -> Scan {
    let mut next = scan();
    next.target.version = Some("3.3.0".into());
    next.target.size = 9_900_000;
    next.findings.retain(|finding| finding.rule.as_str() != "storage-secret-in-code");
    next.findings.push(finding("storage-backup", Place::Package));
    let place = Place::Dependency { purl: "pkg:maven/com.google.code.gson/gson@2.8.5".into(), file: None };
    next.findings.push(finding("code-vulnerable-dependency", place));
    next.facts[0].facts =
        vec![Fact::present("android.permission.INTERNET"), Fact::present("android.permission.READ_SMS")];
    next.facts[1].facts[1] = Fact::valued("OkHttp", "5.0.0");
    next.facts[2].facts[0] = Fact::counted("dex", 6_480_000);
    next.facts.push(Section { name: "Components".into(), unit: None, facts: vec![Fact::present(".PayActivity")] });
    next
}

#[test]
fn a_comparison_reads_well() {
    let (old, new) = (Report::new(scan()).unwrap(), Report::new(next()).unwrap());
    let comparison = compare(&old, &new);
    insta::assert_snapshot!("diff", comparison.to_text(&OPTIONS));
    insta::assert_snapshot!("diff_json", comparison.to_json());
    assert_eq!(comparison.exit(HIGH).0, Exit::Findings);
    assert_eq!(comparison.exit(FailOn(Some(Severity::Critical))).0, Exit::Clean);
    assert_eq!(comparison.exit(FailOn(None)).0, Exit::Clean);
}

#[test]
fn nothing_changed_says_so() {
    let report = Report::new(scan()).unwrap();
    let comparison = compare(&report, &report);
    assert!(comparison.added.is_empty() && comparison.fixed.is_empty() && comparison.facts.is_empty());
    assert_eq!(comparison.unchanged, report.findings().len());
    assert_eq!(comparison.exit(FailOn(Some(Severity::Informational))).0, Exit::Clean);
}

#[test]
fn what_was_not_looked_for_is_not_fixed() {
    let old = Report::new(scan()).unwrap();
    let mut without_rule = next();
    without_rule.rules.retain(|rule| rule.id.as_str() != "storage-secret-in-code");
    without_rule.pack = "00".repeat(32);
    without_rule.signature.signers = vec!["11".repeat(32)];
    let new = Report::new(without_rule).unwrap();
    let comparison = compare(&old, &new);
    assert_eq!((comparison.fixed.len(), comparison.unproven.len()), (0, 2));
    assert!(comparison.signer_changed());
    insta::assert_snapshot!("diff_unproven", comparison.to_text(&OPTIONS));

    let new = incomplete();
    let comparison = compare(&old, &new);
    assert!(comparison.fixed.is_empty() && !comparison.unproven.is_empty());
    let (exit, reasons) = comparison.exit(HIGH);
    assert_eq!((exit, reasons.len()), (Exit::Incomplete, 2));
}

#[test]
fn hostile_strings_do_not_move_the_terminal() {
    let old = Report::new(scan()).unwrap();
    for text in HOSTILE {
        let new = hostile(text);
        for written in [compare(&old, &new).to_text(&OPTIONS), compare(&new, &old).to_text(&OPTIONS)] {
            assert!(!written.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{written:?}");
        }
    }
}
