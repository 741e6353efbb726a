//! One issue: what, where, why, and how it is mended.

use testudo_core::Confidence;

use super::paint::{Ink, Page};
use super::{Detail, Options};
use crate::report::text::{clean, count, width};
use crate::report::{Finding, Issue, Origin, Place, Reach, Status};

/// The indentation of what belongs to an issue.
const INDENT: usize = 4;
/// The width of labels.
const LABEL: usize = 5;

pub(super) fn write(page: &mut Page, issue: &Issue<'_>, number: usize, options: &Options) {
    let rule = issue.rule;
    page.labelled(&format!("{number}."), &clean(issue.title), 0, INDENT, Ink::Strong);
    let score = issue.score().map(|score| format!("CVSS {score:.1}"));
    let ids = std::iter::once(rule.id.to_string()).chain(score);
    let policy = rule.policy.iter().map(|clause| format!("policy {clause}"));
    let ids: Vec<String> = ids.chain(rule.standards()).chain(policy).collect();
    page.words(Ink::Soft, &ids.join(" · "), INDENT);
    page.gap();

    let full = options.detail == Detail::Full;
    let most = if full { usize::MAX } else { options.places.max(1) };
    for finding in issue.findings.iter().take(most) {
        place(page, finding, full);
    }
    let rest: Vec<_> = issue.findings.iter().skip(most).collect();
    if !rest.is_empty() {
        let in_libraries = rest.iter().filter(|finding| finding.origin != Origin::Own).count();
        let of_them = match in_libraries {
            0 => String::new(),
            all if all == rest.len() && all == 1 => ", in a library".to_owned(),
            all if all == rest.len() => ", all in libraries".to_owned(),
            some => format!(", {some} of them in libraries"),
        };
        let more = count(rest.len());
        let text = format!("and {more} more {}{of_them}", if more == 1 { "place" } else { "places" });
        page.words(Ink::Soft, &text, INDENT + LABEL);
    }
    page.gap();
    page.labelled("Why", &format!("{}\n\n{}", rule.what, rule.why), INDENT, LABEL, Ink::Plain);
    page.gap();
    page.labelled("Fix", &rule.fix.text, INDENT, LABEL, Ink::Plain);
    if let Some(example) = &rule.fix.example {
        page.gap();
        let indent = " ".repeat(INDENT + LABEL);
        for line in example.code.trim_end().lines() {
            page.line(&[(Ink::Plain, &indent), (Ink::Code, line)]);
        }
    }
    if full {
        page.gap();
        for (index, reference) in rule.references.iter().enumerate() {
            page.labelled(if index == 0 { "See" } else { "" }, reference, INDENT, LABEL, Ink::Soft);
        }
    }
}

/// A place with its evidence and what is to know about it.
fn place(page: &mut Page, finding: &Finding, full: bool) {
    let label = clean(&finding.place.label());
    let hint = finding.place.hint().map(|hint| clean(&hint));
    // On one line if it fits, else the hint moves below.
    let room = page.columns().saturating_sub(INDENT + LABEL);
    let beside = hint.as_ref().is_some_and(|hint| width(&label) + width(hint) + 3 <= room);
    if let (Some(hint), true) = (&hint, beside) {
        let (indent, at) = (" ".repeat(INDENT), format!("{:LABEL$}", "at"));
        page.line(&[
            (Ink::Plain, &indent),
            (Ink::Strong, &at),
            (Ink::Plain, &label),
            (Ink::Soft, &format!("   {hint}")),
        ]);
    } else {
        page.labelled("at", &label, INDENT, LABEL, Ink::Plain);
        if let Some(hint) = &hint {
            page.words(Ink::Soft, hint, INDENT + LABEL);
        }
    }
    if let Some(evidence) = &finding.evidence {
        page.labelled("", &clean(evidence.as_str()), INDENT + LABEL, 0, Ink::Code);
    }
    for (index, step) in finding.flow.iter().enumerate() {
        let text = format!("{}. {}: {}", index + 1, clean(&step.place.label()), clean(&step.what));
        page.words(Ink::Soft, &text, INDENT + LABEL);
    }
    let remarks = remarks(finding, full);
    if !remarks.is_empty() {
        page.words(Ink::Soft, &remarks, INDENT + LABEL);
    }
}

/// Whose code it is, whether the app gets there, how sure it is, whether it is new.
fn remarks(finding: &Finding, full: bool) -> String {
    let mut all = Vec::new();
    match &finding.origin {
        Origin::Own if matches!(finding.place, Place::Code { .. }) => all.push("own code".to_owned()),
        Origin::Own => {}
        Origin::Library(name) => all.push(format!("library {}", clean(name))),
    }
    match finding.reach {
        Reach::Reachable => all.push("reachable".to_owned()),
        Reach::Unreachable => all.push("no way there was found".to_owned()),
        Reach::Unknown => {}
    }
    match finding.confidence {
        Confidence::High => {}
        Confidence::Medium => all.push("likely".to_owned()),
        Confidence::Low => all.push("to be looked at".to_owned()),
    }
    match &finding.status {
        Status::Open => {}
        Status::New => all.push("new".to_owned()),
        Status::Known { since } => all.push(format!("known since {since}")),
        Status::Suppressed { reason, until } => all.push(format!("suppressed until {until}: {}", clean(reason))),
    }
    if full {
        all.push(finding.fingerprint.short());
    }
    all.join(", ")
}
