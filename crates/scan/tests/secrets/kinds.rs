//! Every kind by its own fixtures: each value that it must take, each that it must leave, and what its entry must say.

use std::collections::BTreeSet;

use testudo_core::Severity;
use testudo_scan::secrets::{Exposure, Form, Kind, Piece, Scanner, Status};

use super::template::{Dice, expand};

/// The kinds found when the value stands alone, beside the kind's sample name if it has one.
fn found(scanner: &Scanner, kind: &Kind, value: &[u8]) -> Vec<(String, Status)> {
    let form = if kind.magic.is_some() { Form::Binary } else { Form::Value };
    let piece = Piece { bytes: value, name: kind.sample.as_deref(), form };
    scanner.scan(&piece).matches.iter().map(|found| (found.kind.id.clone(), found.status)).collect()
}

#[test]
fn each_kind_takes_and_leaves_what_its_fixtures_say() {
    let scanner = Scanner::builtin().unwrap();
    let mut wrong = Vec::new();
    for kind in scanner.kinds() {
        for seed in 0..8 {
            let mut dice = Dice::new(seed);
            for template in &kind.matches {
                let value = expand(template, &mut dice);
                let found = found(&scanner, kind, &value);
                if found.len() != 1 || found[0].0 != kind.id {
                    wrong.push(format!("{} takes `{template}`, seed {seed}: found {found:?}", kind.id));
                }
            }
            for template in &kind.no_match {
                let value = expand(template, &mut dice);
                let found = found(&scanner, kind, &value);
                if found.iter().any(|(id, _)| *id == kind.id) {
                    wrong.push(format!("{} leaves `{template}`, seed {seed}: found {found:?}", kind.id));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn each_kind_says_what_a_report_needs() {
    let scanner = Scanner::builtin().unwrap();
    assert!(scanner.kinds().len() >= 400, "{} kinds", scanner.kinds().len());
    let mut ids = BTreeSet::new();
    for kind in scanner.kinds() {
        assert!(ids.insert(&kind.id), "{} stands twice", kind.id);
        assert!(!kind.matches.is_empty() && !kind.no_match.is_empty(), "{} has both fixtures", kind.id);
        assert!(kind.cwe() != 0 && !kind.standards().is_empty(), "{}", kind.id);
        assert!(!kind.title.ends_with('.') && !kind.revoke.ends_with('.'), "{}: no final period", kind.id);
        assert!(kind.fix().ends_with('.') && kind.fix().len() > 15, "{}: {}", kind.id, kind.fix());
        match kind.exposure {
            Exposure::Public => assert!(kind.severity <= Severity::Low, "{} is meant to be public", kind.id),
            Exposure::Secret => assert!(kind.severity >= Severity::Low, "{} opens something", kind.id),
        }
        assert_eq!(kind.cvss().is_some(), kind.severity > Severity::Informational, "{}", kind.id);
    }
}

#[test]
fn each_pattern_compiles_and_stays_small() {
    let scanner = Scanner::builtin().unwrap();
    let sizes = scanner.compile_all();
    let failed: Vec<_> = sizes.iter().filter(|(_, size)| size.is_none()).collect();
    assert!(failed.is_empty(), "{failed:?}");
    let large: Vec<_> = sizes.iter().filter(|(_, size)| size.is_some_and(|size| size > 2 << 20)).collect();
    assert!(large.is_empty(), "{large:?}");
}

#[test]
fn documented_and_test_keys_are_told_from_live_ones() {
    let scanner = Scanner::builtin().unwrap();
    let mut dice = Dice::new(3);
    for template in ["sk_test_{base62:24}", "rzp_test_{base62:14}", "FLWSECK_TEST-{hex:32}-X", "access-sandbox-{uuid}"]
    {
        let value = expand(template, &mut dice);
        let result = scanner.scan(&Piece { bytes: &value, name: None, form: Form::Value });
        assert_eq!(result.matches.len(), 1, "{template}");
        assert_eq!(result.matches[0].status, Status::Test, "{template}");
        assert!(result.matches[0].severity() <= Severity::Low, "{template}");
    }
}
