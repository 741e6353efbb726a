//! Each format of one rich report, as its readers get it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod report_support;

use report_support::{HOSTILE, hostile, incomplete, judged, scan};
use testudo_core::Severity;
use testudo_scan::report::exit::FailOn;
use testudo_scan::report::terminal::{Detail, Options};
use testudo_scan::report::{Report, html, json, junit, lines, sarif, terminal};

const HIGH: FailOn = FailOn(Some(Severity::High));

fn all_formats(report: &Report) -> Vec<(&'static str, String)> {
    let full = Options { detail: Detail::Full, width: 80, fail_on: HIGH, ..Options::default() };
    vec![
        ("terminal", terminal::write(report, &Options { fail_on: HIGH, ..Options::default() })),
        ("terminal-full", terminal::write(report, &full)),
        ("terminal-color", terminal::write(report, &Options { color: true, width: 60, ..full })),
        ("html", html::write(report, &html::Options { fail_on: HIGH })),
        ("json", json::write(report)),
        ("sarif", sarif::write(report, &sarif::Options { fail_on: HIGH, ..sarif::Options::default() })),
        ("junit", junit::write(report)),
        ("lines", lines::write(report)),
    ]
}

#[test]
fn formats_are_as_shown() {
    for (name, text) in all_formats(&judged()) {
        insta::assert_snapshot!(name, text);
    }
}

#[test]
fn an_incomplete_report_says_so_everywhere() {
    let report = incomplete();
    insta::assert_snapshot!("incomplete", terminal::write(&report, &Options { fail_on: HIGH, ..Options::default() }));
    insta::assert_snapshot!(
        "quiet",
        terminal::write(&report, &Options { detail: Detail::Quiet, ..Options::default() })
    );
    let texts = all_formats(&report);
    let said = |name: &str, what: &str| {
        let (_, text) = texts.iter().find(|(other, _)| *other == name).unwrap();
        assert!(text.contains(what), "{name} does not say `{what}`");
    };
    said("html", "The analysis is incomplete");
    said("html", "classes3.dex");
    said("json", "\"complete\": false");
    said("sarif", "\"executionSuccessful\": false");
    said("junit", "<error type=\"incomplete\"");
}

#[test]
fn the_order_of_what_was_found_does_not_matter() {
    let first = all_formats(&Report::new(scan()).unwrap());
    for turn in 1..7 {
        let mut other = scan();
        let middle = other.findings.len() * turn / 7;
        other.findings.rotate_left(middle);
        other.rules.reverse();
        other.facts.iter_mut().for_each(|section| section.facts.reverse());
        assert_eq!(all_formats(&Report::new(other).unwrap()), first);
    }
}

#[test]
fn no_format_lets_through_what_moves_a_terminal() {
    for text in HOSTILE {
        let report = hostile(text);
        for (name, written) in all_formats(&report) {
            let written = if name == "terminal-color" { strip_ink(&written) } else { written };
            let bad = |character: char| {
                (character.is_control() && character != '\n')
                    || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
            };
            // Programs read JSON; it escapes control characters by itself.
            let only_controls = |character: char| character.is_control() && character != '\n';
            let found = if matches!(name, "json" | "sarif") { written.find(only_controls) } else { written.find(bad) };
            let around = found.map(|at| written[..at].chars().rev().take(40).collect::<String>());
            assert_eq!(found, None, "{name} lets through a character of {text:?} after {around:?} reversed");
        }
    }
}

/// Without the sequences that the writer itself makes: `ESC [ digits m`.
fn strip_ink(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        out.push_str(before);
        let (codes, after) = after.split_once('m').unwrap();
        assert!(codes.bytes().all(|byte| byte.is_ascii_digit() || byte == b';'), "{codes:?}");
        rest = after;
    }
    out + rest
}

#[test]
fn each_finding_is_one_line() {
    for text in HOSTILE {
        let report = hostile(text);
        let written = lines::write(&report);
        assert_eq!(written.lines().count(), report.findings().len());
        assert!(written.lines().all(|line| !line.starts_with("::")), "{written}");
    }
}

#[test]
fn lines_of_a_terminal_fit() {
    for width in [20, 50, 60, 80, 100, 120, 500] {
        let options = Options { width, detail: Detail::Full, fail_on: HIGH, ..Options::default() };
        let text = terminal::write(&judged(), &options);
        let example = |line: &str| line.starts_with("         ");
        for line in text.lines().filter(|line| !example(line)) {
            let columns = line.chars().count();
            assert!(columns <= width.clamp(50, 120), "{columns} columns at {width}: {line}");
        }
        assert!(!text.contains("\n\n\n"), "two empty lines at {width}");
        assert!(!text.lines().any(|line| line.ends_with(' ')), "spaces at the end at {width}");
    }
}
