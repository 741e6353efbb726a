//! The report as one page of HTML: no script, nothing from outside, and a policy that forbids both.
//!
//! Names of elements and attributes are `&'static str` in [`markup::Markup`], and all else goes through its one escape: no
//! element and no attribute can come from a package. The page folds with `<details>`, prints unfolded, follows the
//! reader's light or dark theme, and says in a table what its picture shows.

mod chart;
mod issue;
mod markup;
mod parts;

use data_encoding::BASE64;
use testudo_core::Severity;
use testudo_crypto::digest::sha256;

use super::exit::{FailOn, judge};
use super::issue::{Issue, Tally, issues};
use super::text::{bytes, count, counted};
use super::{Report, SignatureVerdict};
use markup::Markup;

const STYLE: &str = include_str!("html/style.css");

/// How it is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// What fails the scan.
    pub fail_on: FailOn,
}

/// Writes a report.
pub fn write(report: &Report, options: &Options) -> String {
    let target = &report.scan().target;
    let name = target.app.as_deref().unwrap_or(&target.file);
    let tally = Tally::of(report);
    let open = issues(report, super::Finding::counts);
    let mut page = Markup::new();
    page.raw("<!DOCTYPE html>\n");
    page.open("html", &[("lang", "en")]);
    page.open("head", &[]);
    page.void("meta", &[("charset", "utf-8")]);
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        BASE64.encode(&sha256(STYLE.as_bytes()))
    );
    page.void("meta", &[("http-equiv", "Content-Security-Policy"), ("content", &policy)]);
    page.void("meta", &[("name", "referrer"), ("content", "no-referrer")]);
    page.void("meta", &[("name", "robots"), ("content", "noindex")]);
    page.void("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
    page.leaf("title", &[], &format!("{name}: security scan"));
    page.style(STYLE);
    page.close();
    page.open("body", &[]);
    page.leaf("a", &[("class", "skip"), ("href", "#findings")], "To the findings");
    head(&mut page, report);
    page.open("main", &[]);
    verdict(&mut page, report, options.fail_on);
    overview(&mut page, report, &tally);
    contents(&mut page, &open);
    findings(&mut page, &open);
    parts::accepted(&mut page, report);
    parts::fixed(&mut page, report);
    parts::coverage(&mut page, report);
    parts::facts(&mut page, report);
    parts::rules(&mut page, report);
    page.close();
    page.open("footer", &[]);
    let tool = &report.scan().tool;
    page.text(&format!("Written by {} {} with the rule pack ", tool.name, tool.version));
    page.leaf("code", &[], report.scan().pack.get(..16).unwrap_or(&report.scan().pack));
    page.text(". This page loads nothing and runs nothing.");
    page.finish()
}

/// What was scanned, and who signed it.
fn head(page: &mut Markup, report: &Report) {
    let target = &report.scan().target;
    page.open("header", &[]);
    page.leaf("p", &[("class", "kind")], "Security scan of a mobile app");
    page.open("h1", &[]);
    page.leaf("span", &[], target.app.as_deref().unwrap_or(&target.file));
    if let Some(version) = &target.version {
        page.text(" ");
        let build = target.build.as_ref().map(|build| format!(" (build {build})")).unwrap_or_default();
        page.leaf("span", &[("class", "version")], &format!("{version}{build}"));
    }
    page.close();
    page.open("dl", &[("class", "target")]);
    let entry = |page: &mut Markup, term: &str, text: &str, code: bool| {
        page.open("div", &[]);
        page.leaf("dt", &[], term);
        page.leaf("dd", if code { &[("class", "code")] } else { &[] }, text);
        page.close();
    };
    entry(page, "File", &target.file, false);
    entry(page, "Kind", &format!("{}, {}", target.kind.title(), bytes(target.size)), false);
    if let Some(day) = report.scan().scanned {
        entry(page, "Scanned", &day.to_string(), false);
    }
    entry(page, "Signature", &signature(report), false);
    if let Some(sha256) = &target.sha256 {
        entry(page, "SHA-256", sha256, true);
    }
    for signer in &report.scan().signature.signers {
        entry(page, "Signer", signer, true);
    }
    page.close();
    page.close();
}

fn signature(report: &Report) -> String {
    let signature = &report.scan().signature;
    let schemes = signature.schemes.join(", ");
    match signature.verdict {
        SignatureVerdict::Valid => format!("holds ({schemes})"),
        SignatureVerdict::OtherSigner => format!("by another key than the registered one ({schemes})"),
        SignatureVerdict::Invalid => {
            let why = signature.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            format!("does not hold{why}")
        }
        SignatureVerdict::Unsigned => "none".to_owned(),
        SignatureVerdict::Unchecked => "not checked".to_owned(),
    }
}

/// Whether the scan passed, and the notes.
fn verdict(page: &mut Markup, report: &Report, fail_on: FailOn) {
    let (exit, reasons) = judge(report, fail_on);
    let (class, word, text) = match (reasons.is_empty(), fail_on.0) {
        (true, Some(least)) => {
            ("verdict passed", "Passed", format!("All was analysed, and nothing of severity {least} or worse counts."))
        }
        (true, None) => {
            ("verdict passed", "Passed", "All was analysed. No severity was set that fails the scan.".to_owned())
        }
        (false, _) => {
            let mut text = reasons.join("; ");
            if let Some(first) = text.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            ("verdict failed", "Failed", format!("{text} (exit {}).", exit.code()))
        }
    };
    page.open("section", &[("class", class), ("aria-label", "Verdict")]);
    page.leaf("strong", &[], word);
    page.text(" ");
    page.leaf("span", &[], &text);
    page.close();
    if !report.scan().notes.is_empty() {
        page.open("ul", &[("class", "notes")]);
        for note in &report.scan().notes {
            let class = if note.level == super::Level::Warning { "warning" } else { "info" };
            page.open("li", &[("class", class)]);
            page.prose(&note.text);
            page.close();
        }
        page.close();
    }
}

/// The class of a severity in the style sheet.
pub(in crate::report) const fn class(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
        Severity::Informational => "info",
    }
}

/// Counts by severity and the picture by group.
fn overview(page: &mut Markup, report: &Report, tally: &Tally) {
    page.open("section", &[("aria-labelledby", "overview")]);
    page.leaf("h2", &[("id", "overview")], "At a glance");
    page.open("ul", &[("class", "tiles")]);
    for severity in Severity::ALL.into_iter().rev() {
        let number = tally.open.of(severity);
        let class = if number == 0 { "none" } else { class(severity) };
        page.open("li", &[("class", class)]);
        page.leaf("strong", &[], &number.to_string());
        page.text(" ");
        page.leaf("span", &[], severity.name());
        page.close();
    }
    page.close();
    let fixed = count(report.scan().fixed.len());
    let rest = [
        (tally.new, "new"),
        (tally.known, "known to the baseline"),
        (tally.suppressed, "suppressed"),
        (fixed, "fixed"),
    ];
    let rest: Vec<String> =
        rest.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}")).collect();
    if !rest.is_empty() {
        page.leaf("p", &[("class", "soft")], &format!("Of all: {}.", rest.join(", ")));
    }
    chart::draw(page, tally);
    page.close();
}

/// All issues in one list, to jump to.
fn contents(page: &mut Markup, open: &[Issue<'_>]) {
    if open.is_empty() {
        return;
    }
    page.open("nav", &[("aria-labelledby", "contents")]);
    page.leaf("h2", &[("id", "contents")], "What was found");
    page.open("ol", &[("class", "contents")]);
    for (index, issue) in open.iter().enumerate() {
        page.open("li", &[]);
        page.leaf("span", &[("class", &format!("badge {}", class(issue.severity)))], issue.severity.name());
        page.text(" ");
        page.leaf("a", &[("href", &format!("#issue-{}", index + 1))], issue.title);
        page.text(" ");
        page.leaf("span", &[("class", "soft places")], &counted(count(issue.findings.len()), "place"));
        page.close();
    }
    page.close();
    page.close();
}

/// The issues in full.
fn findings(page: &mut Markup, open: &[Issue<'_>]) {
    page.open("section", &[("aria-labelledby", "findings")]);
    page.leaf("h2", &[("id", "findings")], "Findings");
    if open.is_empty() {
        page.leaf("p", &[], "Nothing was found that counts.");
    }
    for severity in Severity::ALL.into_iter().rev() {
        let of_severity = open.iter().enumerate().filter(|(_, issue)| issue.severity == severity);
        for (at, (index, issue)) in of_severity.enumerate() {
            if at == 0 {
                page.leaf("h3", &[("class", class(severity))], severity.name());
            }
            issue::write(page, issue, index + 1);
        }
    }
    page.close();
}
