//! One issue of the page: what, where, why, and how it is mended.

use testudo_core::{Confidence, Severity};

use super::class;
use super::markup::Markup;
use crate::report::text::{count, counted};
use crate::report::{Finding, Issue, Origin, Place, Reach, Status};

/// How many places are shown unfolded.
const OPEN: usize = 4;
/// The most places of an issue on the page; the JSON report has all.
const MOST: usize = 200;

pub(super) fn write(page: &mut Markup, issue: &Issue<'_>, number: usize) {
    let rule = issue.rule;
    let id = format!("issue-{number}");
    page.open("article", &[("id", &id), ("class", &format!("issue {}", class(issue.severity)))]);
    let attributes: &[(&'static str, &str)] = if issue.severity >= Severity::High { &[("open", "")] } else { &[] };
    page.open("details", attributes);
    page.open("summary", &[]);
    page.leaf("span", &[("class", "number")], &format!("{number}."));
    page.text(" ");
    page.leaf("h4", &[], issue.title);
    page.text(" ");
    page.leaf("span", &[("class", "soft places")], &counted(count(issue.findings.len()), "place"));
    page.close();

    page.open("ul", &[("class", "ids"), ("aria-label", "Rule and standards")]);
    page.leaf("li", &[("class", "rule")], rule.id.as_str());
    if let Some(score) = issue.score() {
        page.leaf("li", &[("title", rule.cvss.vector())], &format!("CVSS {score:.1}"));
    }
    let clauses = rule.policy.iter().cloned().chain(rule.compliance.iter().cloned());
    for standard in rule.standards().into_iter().chain(clauses) {
        page.leaf("li", &[], &standard);
    }
    page.close();

    page.leaf("h5", &[], "Where");
    places(page, &issue.findings);
    page.leaf("h5", &[], "Why it matters");
    page.prose(&rule.what);
    page.prose(&rule.why);
    page.leaf("h5", &[], "How to fix it");
    page.prose(&rule.fix.text);
    if let Some(example) = &rule.fix.example {
        page.open("pre", &[("tabindex", "0"), ("aria-label", &format!("Example in {}", example.language))]);
        page.open("code", &[]);
        page.lines(&example.code);
        page.close();
        page.close();
    }
    page.open("p", &[("class", "references")]);
    page.text("See ");
    for (index, reference) in rule.references.iter().enumerate() {
        if index > 0 {
            page.text(", ");
        }
        page.link(reference);
    }
    page.close();
    page.close();
    page.close();
}

fn places(page: &mut Markup, findings: &[&Finding]) {
    // One more is not worth a fold.
    let open = if findings.len() == OPEN + 1 { OPEN + 1 } else { OPEN };
    page.open("ul", &[("class", "where")]);
    for finding in findings.iter().take(open) {
        place(page, finding);
    }
    page.close();
    if findings.len() <= open {
        return;
    }
    page.open("details", &[("class", "more")]);
    let rest = count(findings.len() - open);
    page.leaf("summary", &[], &format!("{rest} more places"));
    page.open("ul", &[("class", "where")]);
    for finding in findings.iter().skip(open).take(MOST - OPEN) {
        place(page, finding);
    }
    page.close();
    if findings.len() > MOST {
        page.leaf("p", &[], &format!("And {} more; the JSON report has all.", findings.len() - MOST));
    }
    page.close();
}

fn place(page: &mut Markup, finding: &Finding) {
    page.open("li", &[]);
    page.leaf("code", &[("class", "place")], &finding.place.label());
    if let Some(hint) = finding.place.hint() {
        page.text(" ");
        page.leaf("span", &[("class", "soft")], &hint);
    }
    page.text(" ");
    marks(page, finding);
    if let Some(evidence) = &finding.evidence {
        page.leaf("code", &[("class", "evidence")], evidence.as_str());
    }
    if !finding.flow.is_empty() {
        page.open("ol", &[("class", "flow"), ("aria-label", "How the value comes here")]);
        for step in &finding.flow {
            page.open("li", &[]);
            page.leaf("code", &[], &step.place.label());
            page.text(&format!(": {}", step.what));
            page.close();
        }
        page.close();
    }
    page.close();
}

/// What is to know about a finding, in words.
fn marks(page: &mut Markup, finding: &Finding) {
    let mark = |page: &mut Markup, text: &str| {
        page.leaf("span", &[("class", "mark")], text);
        page.text(" ");
    };
    match &finding.origin {
        Origin::Own if matches!(finding.place, Place::Code { .. }) => mark(page, "own code"),
        Origin::Own => {}
        Origin::Library(name) => mark(page, &format!("library {name}")),
    }
    match finding.reach {
        Reach::Reachable => mark(page, "reachable"),
        Reach::Unreachable => mark(page, "no way there was found"),
        Reach::Unknown => {}
    }
    match finding.confidence {
        Confidence::High => {}
        Confidence::Medium => mark(page, "likely"),
        Confidence::Low => mark(page, "to be looked at"),
    }
    if finding.status == Status::New {
        page.leaf("span", &[("class", "mark new")], "new");
    }
}
