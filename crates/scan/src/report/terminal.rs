//! The report for a person at a terminal: the worst first, each with its place, why it matters and how it is mended.
//!
//! Colour is only asked for, never guessed. Text of the package is cleaned, so that no escape sequence of it reaches the
//! terminal.

mod issue;
pub(crate) mod paint;
mod summary;

use testudo_core::Severity;

use super::exit::{FailOn, judge};
use super::issue::{Tally, issues};
use super::text::{bytes, clean, count, counted, width, wrap};
use super::{Level, Report, SignatureVerdict};
use paint::{Ink, Page};

/// How much is told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Detail {
    /// The counts and the verdict.
    Quiet,
    /// Findings that count, the first places of each.
    Normal,
    /// All places, findings that are known or suppressed, references.
    Full,
}

/// How it is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Whether with colours (ANSI).
    pub color: bool,
    /// The columns of the terminal; 50 to 120 of them are used.
    pub width: usize,
    /// How much is told.
    pub detail: Detail,
    /// How many places of one issue are told unless in full.
    pub places: usize,
    /// What fails the scan.
    pub fail_on: FailOn,
}

impl Default for Options {
    fn default() -> Options {
        Options { color: false, width: 100, detail: Detail::Normal, places: 3, fail_on: FailOn(None) }
    }
}

/// Writes a report.
pub fn write(report: &Report, options: &Options) -> String {
    let mut page = Page::new(options.color, options.width.clamp(50, 120));
    let tally = Tally::of(report);
    head(&mut page, report);
    counts(&mut page, report, &tally);
    if options.detail > Detail::Quiet {
        let full = options.detail == Detail::Full;
        let issues = issues(report, |finding| full || finding.counts());
        let mut number = 0;
        for severity in Severity::ALL.into_iter().rev() {
            let of_severity: Vec<_> = issues.iter().filter(|issue| issue.severity == severity).collect();
            let places = of_severity.iter().map(|issue| count(issue.findings.len())).sum();
            if places == 0 {
                continue;
            }
            page.gap();
            let title = format!(
                "{} · {}, {}",
                severity.name().to_uppercase(),
                counted(count(of_severity.len()), "issue"),
                counted(places, "place")
            );
            page.rule(Ink::of(severity), &title);
            for found in of_severity {
                number += 1;
                page.gap();
                issue::write(&mut page, found, number, options);
            }
        }
        summary::groups(&mut page, &tally);
        summary::coverage(&mut page, report);
        summary::notes(&mut page, report);
        summary::fixed(&mut page, report);
        summary::next_steps(&mut page, report, &issues, &tally);
    }
    verdict(&mut page, report, options.fail_on);
    page.finish()
}

/// What was scanned, and who signed it.
fn head(page: &mut Page, report: &Report) {
    let target = &report.scan().target;
    let app = [target.app.as_deref(), target.version.as_deref()].into_iter().flatten();
    let mut title = app.collect::<Vec<_>>().join(" ");
    if let Some(build) = &target.build {
        title = format!("{title} (build {build})");
    }
    let file = clean(&target.file);
    let title = clean(title.trim());
    if title.is_empty() {
        page.words(Ink::Strong, &file, 0);
    } else if width(&title) + width(&file) + 2 <= page.columns() {
        page.line(&[(Ink::Strong, title.as_str()), (Ink::Soft, "  "), (Ink::Soft, file.as_str())]);
    } else {
        page.words(Ink::Strong, &title, 0);
        page.words(Ink::Soft, &file, 0);
    }
    let size = format!("{}, {}", target.kind.title(), bytes(target.size));
    let mut facts = vec![size, signed(report)];
    facts.extend(target.sha256.iter().map(|digest| format!("sha256 {}", clean(digest))));
    facts.extend(report.scan().scanned.map(|day| format!("scanned on {day}")));
    for line in wrap(&facts.join(" · "), page.columns()) {
        page.line(&[(Ink::Soft, &line)]);
    }
}

/// The signature in a few words.
fn signed(report: &Report) -> String {
    let signature = &report.scan().signature;
    let by = signature.signers.first().map(|signer| format!(" by {}…", clean(signer.get(..16).unwrap_or(signer))));
    let schemes = clean(&signature.schemes.join(", "));
    match signature.verdict {
        SignatureVerdict::Valid => format!("signed ({schemes}){}", by.unwrap_or_default()),
        SignatureVerdict::OtherSigner => {
            format!("SIGNED BY ANOTHER KEY{} than the registered one", by.unwrap_or_default())
        }
        SignatureVerdict::Invalid => {
            let why = signature.why.as_ref().map(|why| format!(": {}", clean(why)));
            format!("SIGNATURE DOES NOT HOLD{}", why.unwrap_or_default())
        }
        SignatureVerdict::Unsigned => "not signed".to_owned(),
        SignatureVerdict::Unchecked => "signature not checked".to_owned(),
    }
}

/// How many of each severity.
fn counts(page: &mut Page, report: &Report, tally: &Tally) {
    page.gap();
    if tally.open.total() == 0 && report.complete() {
        page.line(&[(Ink::Good, "Nothing found that counts.")]);
    } else if tally.open.total() == 0 {
        page.line(&[(Ink::Strong, "Nothing found so far.")]);
    } else {
        let mut spans: Vec<(Ink, String)> = Vec::new();
        for severity in Severity::ALL.into_iter().rev() {
            let number = tally.open.of(severity);
            if number == 0 {
                continue;
            }
            if !spans.is_empty() {
                spans.push((Ink::Soft, " · ".to_owned()));
            }
            spans.push((Ink::of(severity), format!("{number} {severity}")));
        }
        let spans: Vec<(Ink, &str)> = spans.iter().map(|(ink, text)| (*ink, text.as_str())).collect();
        let text: String = spans.iter().map(|(_, text)| *text).collect();
        if width(&text) <= page.columns() {
            page.line(&spans);
        } else {
            page.words(Ink::Strong, &text, 0);
        }
    }
    let mut rest = Vec::new();
    let fixed = count(report.scan().fixed.len());
    for (number, what) in
        [(tally.new, "new"), (tally.known, "known to the baseline"), (tally.suppressed, "suppressed"), (fixed, "fixed")]
    {
        if number > 0 {
            rest.push(format!("{number} {what}"));
        }
    }
    if !rest.is_empty() {
        page.words(Ink::Soft, &rest.join(", "), 0);
    }
    if !report.complete() {
        page.gap();
        page.words(Ink::Wrong, "The analysis is incomplete: there may be more than is told here.", 0);
    }
}

/// What the exit code will say.
fn verdict(page: &mut Page, report: &Report, fail_on: FailOn) {
    let (exit, reasons) = judge(report, fail_on);
    page.gap();
    if reasons.is_empty() {
        let text = match fail_on.0 {
            Some(least) => format!("PASSED: all was analysed, and nothing of severity {least} or worse counts."),
            None => "PASSED: all was analysed; no severity was set that fails the scan.".to_owned(),
        };
        page.words(Ink::Good, &text, 0);
    } else {
        page.words(Ink::Wrong, &format!("FAILED (exit {}): {}.", exit.code(), reasons.join("; ")), 0);
    }
}

/// The warnings, then the rest.
fn level_word(level: Level) -> &'static str {
    match level {
        Level::Warning => "warning",
        Level::Info => "note",
    }
}
