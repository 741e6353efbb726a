//! The rest of the page: what is accepted and what is fixed, how much was analysed, what the app is made of, all rules.

use super::class;
use super::markup::Markup;
use crate::report::text::{bytes, count, counted, grouped};
use crate::report::{Finding, Omission, Report, Section, Share, Status, Unit};

/// The most rows of a list on the page; the JSON report has all.
const MOST: usize = 500;

/// Findings that a suppression or the baseline covers.
pub(super) fn accepted(page: &mut Markup, report: &Report) {
    let accepted: Vec<&Finding> = report.findings().iter().filter(|finding| !finding.counts()).collect();
    if accepted.is_empty() {
        return;
    }
    page.open("section", &[("aria-labelledby", "accepted")]);
    page.leaf("h2", &[("id", "accepted")], "Accepted");
    page.open("details", &[]);
    page.leaf("summary", &[], &format!("{} suppressed or known", counted(count(accepted.len()), "finding")));
    table(page, &["Severity", "Finding", "Place", "Why it does not count"], |page| {
        for finding in accepted.iter().take(MOST) {
            let title = report.rule(&finding.rule).map(|rule| rule.title.as_str()).unwrap_or_default();
            page.open("tr", &[]);
            page.open("td", &[]);
            page.leaf("span", &[("class", &format!("badge {}", class(finding.severity)))], finding.severity.name());
            page.close();
            page.leaf("td", &[], finding.title.as_deref().unwrap_or(title));
            page.open("td", &[]);
            page.leaf("code", &[], &finding.place.label());
            page.close();
            page.leaf(
                "td",
                &[],
                &match &finding.status {
                    Status::Suppressed { reason, until } => format!("Suppressed until {until}: {reason}"),
                    Status::Known { since } => format!("Known since {since}"),
                    Status::Open | Status::New => String::new(),
                },
            );
            page.close();
        }
    });
    page.close();
    page.close();
}

/// What the baseline knows and is gone.
pub(super) fn fixed(page: &mut Markup, report: &Report) {
    let fixed = &report.scan().fixed;
    if fixed.is_empty() {
        return;
    }
    page.open("section", &[("aria-labelledby", "fixed")]);
    page.leaf("h2", &[("id", "fixed")], "Fixed since the baseline");
    page.open("ul", &[]);
    for known in fixed.iter().take(MOST) {
        page.open("li", &[]);
        page.leaf("code", &[], known.rule.as_str());
        page.text(&format!(" at {}, first seen on {}", known.place, known.first_seen));
        page.close();
    }
    page.close();
    page.close();
}

/// How much was analysed.
pub(super) fn coverage(page: &mut Markup, report: &Report) {
    let coverage = &report.scan().coverage;
    page.open("section", &[("aria-labelledby", "coverage")]);
    page.leaf("h2", &[("id", "coverage")], "What was analysed");
    let said = if coverage.complete() {
        "All that was to be analysed was analysed."
    } else {
        "The analysis is incomplete: there may be more than is told here."
    };
    page.leaf("p", &[], said);
    page.open("dl", &[("class", "coverage")]);
    let shares = [
        ("Files", coverage.files, grouped as fn(u64) -> String),
        ("Classes", coverage.classes, grouped),
        ("Methods", coverage.methods, grouped),
        ("Unpacked", coverage.bytes, bytes),
    ];
    for (name, share, number) in shares {
        page.open("div", &[]);
        page.leaf("dt", &[], name);
        page.leaf("dd", &[], &part(share, number));
        page.close();
    }
    page.close();
    omissions(page, "Gaps", &coverage.gaps);
    omissions(page, "Left out by design", &coverage.left_out);
    page.close();
}

fn part(share: Share, number: fn(u64) -> String) -> String {
    if share.complete() { number(share.of) } else { format!("{} of {}", number(share.done), number(share.of)) }
}

fn omissions(page: &mut Markup, title: &'static str, parts: &[Omission]) {
    if parts.is_empty() {
        return;
    }
    page.leaf("h3", &[], title);
    page.open("ul", &[]);
    for part in parts.iter().take(MOST) {
        page.open("li", &[]);
        page.leaf("code", &[], &part.part);
        page.text(&format!(": {}", part.why));
        page.close();
    }
    page.close();
    if parts.len() > MOST {
        page.leaf("p", &[], &format!("And {} more; the JSON report has all.", parts.len() - MOST));
    }
}

/// What the app is made of.
pub(super) fn facts(page: &mut Markup, report: &Report) {
    let sections = &report.scan().facts;
    if sections.is_empty() {
        return;
    }
    page.open("section", &[("aria-labelledby", "facts")]);
    page.leaf("h2", &[("id", "facts")], "What the app is made of");
    for section in sections {
        page.open("details", &[]);
        page.leaf("summary", &[], &format!("{} ({})", section.name, section.facts.len()));
        page.open("ul", &[("class", "facts")]);
        for fact in section.facts.iter().take(MOST) {
            page.open("li", &[]);
            page.leaf("code", &[], &fact.name);
            if let Some(value) = &fact.value {
                page.text(&format!(" {value}"));
            }
            if let Some(number) = fact.number {
                page.text(&format!(" {}", shown(section, number)));
            }
            page.close();
        }
        page.close();
        page.close();
    }
    page.close();
}

fn shown(section: &Section, number: u64) -> String {
    if section.unit == Some(Unit::Bytes) { bytes(number) } else { grouped(number) }
}

/// All rules that were checked, with how often each found something.
pub(super) fn rules(page: &mut Markup, report: &Report) {
    let rules = &report.scan().rules;
    page.open("section", &[("aria-labelledby", "rules")]);
    page.leaf("h2", &[("id", "rules")], "What was checked");
    page.open("details", &[]);
    page.leaf("summary", &[], &counted(count(rules.len()), "rule"));
    table(page, &["Rule", "What it finds", "Severity", "Standards", "Places"], |page| {
        for rule in rules {
            let found = report.findings().iter().filter(|finding| finding.rule == rule.id && finding.counts()).count();
            page.open("tr", &[]);
            page.open("td", &[]);
            page.leaf("code", &[], rule.id.as_str());
            page.close();
            page.leaf("td", &[], &rule.title);
            page.leaf("td", &[], rule.severity().name());
            page.leaf("td", &[], &rule.standards().join(", "));
            page.leaf("td", &[], &grouped(count(found)));
            page.close();
        }
    });
    page.close();
    page.close();
}

fn table(page: &mut Markup, columns: &[&'static str], rows: impl FnOnce(&mut Markup)) {
    page.open("div", &[("class", "scroll"), ("tabindex", "0")]);
    page.open("table", &[]);
    page.open("thead", &[]);
    page.open("tr", &[]);
    for column in columns {
        page.leaf("th", &[("scope", "col")], column);
    }
    page.close();
    page.close();
    page.open("tbody", &[]);
    rows(page);
    page.close();
    page.close();
    page.close();
}
