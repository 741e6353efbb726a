//! After the findings: counts by group, how much was analysed, notes, and what to do next.

use testudo_core::Severity;

use super::level_word;
use super::paint::{Ink, Page};
use crate::report::text::{bytes, clean, count, counted, grouped, width};
use crate::report::{Counts, Issue, Level, Origin, Report, Share, Tally};

/// The columns of the table, the worst first.
const COLUMNS: [(Severity, &str); 5] = [
    (Severity::Critical, "critical"),
    (Severity::High, "high"),
    (Severity::Medium, "medium"),
    (Severity::Low, "low"),
    (Severity::Informational, "info"),
];
/// The width of the column of names.
const NAME: usize = 13;
/// The most gaps and fixed findings that are told one by one.
const MOST: usize = 10;

/// A table of the groups.
pub(super) fn groups(page: &mut Page, tally: &Tally) {
    if tally.groups.is_empty() {
        return;
    }
    page.gap();
    page.rule(Ink::Strong, "By MASVS group");
    page.gap();
    let wide = cell(page);
    let names = COLUMNS.iter().map(|(_, name)| *name).chain(["rules"]);
    let short = |name: &'static str| name.get(..wide.saturating_sub(2).min(name.len())).unwrap_or(name);
    let title = names.fold(" ".repeat(NAME), |line, name| line + &format!("{:>wide$}", short(name)));
    page.line(&[(Ink::Soft, &title)]);
    for (group, counts, rules) in &tally.groups {
        row(page, group.title(), *counts, *rules);
    }
    let rules = tally.groups.iter().map(|(_, _, rules)| rules).sum();
    row(page, "All", tally.open, rules);
}

fn row(page: &mut Page, name: &str, counts: Counts, rules: u64) {
    let wide = cell(page);
    let cells: Vec<(Ink, String)> = COLUMNS
        .iter()
        .flat_map(|(severity, _)| {
            let number = counts.of(*severity);
            let text = if number == 0 { "·".to_owned() } else { grouped(number) };
            let space = " ".repeat(wide.saturating_sub(width(&text)));
            [(Ink::Plain, space), (if number == 0 { Ink::Soft } else { Ink::of(*severity) }, text)]
        })
        .collect();
    let name = format!("{name:NAME$}");
    let rules = format!("{:>wide$}", grouped(rules));
    let mut pieces = vec![(Ink::Plain, name.as_str())];
    pieces.extend(cells.iter().map(|(ink, text)| (*ink, text.as_str())));
    pieces.push((Ink::Soft, &rules));
    page.line(&pieces);
}

/// The width of a number's column.
fn cell(page: &Page) -> usize {
    if page.columns() < 70 { 6 } else { 10 }
}

/// How much was analysed.
pub(super) fn coverage(page: &mut Page, report: &Report) {
    let coverage = &report.scan().coverage;
    page.gap();
    page.rule(if coverage.complete() { Ink::Strong } else { Ink::Wrong }, "What was analysed");
    page.gap();
    let shares = [(coverage.files, "file"), (coverage.classes, "class"), (coverage.methods, "method")];
    let mut parts: Vec<String> =
        shares.iter().filter(|(share, _)| share.of > 0).map(|(share, what)| part(*share, what)).collect();
    if coverage.bytes.of > 0 {
        let whole = bytes(coverage.bytes.of);
        let part = || format!("{} of {whole}", bytes(coverage.bytes.done));
        parts.push(if coverage.bytes.complete() { whole.clone() } else { part() });
    }
    if parts.is_empty() {
        parts.push("nothing".to_owned());
    }
    let rules = counted(count(report.scan().rules.len()), "rule");
    let pack = clean(report.scan().pack.get(..12).unwrap_or(&report.scan().pack));
    page.words(Ink::Plain, &format!("{}; {rules} of the pack {pack}", parts.join(", ")), 0);
    for gap in coverage.gaps.iter().take(MOST) {
        page.labelled("gap", &format!("{}: {}", clean(&gap.part), clean(&gap.why)), 0, 5, Ink::Wrong);
    }
    more(page, coverage.gaps.len());
    for part in coverage.left_out.iter().take(MOST) {
        let text = format!("{}: {}", clean(&part.part), clean(&part.why));
        page.labelled("", &format!("left out: {text}"), 0, 0, Ink::Soft);
    }
    more(page, coverage.left_out.len());
}

fn part(share: Share, what: &str) -> String {
    let whole = counted(share.of, what);
    if share.complete() { whole } else { format!("{} of {whole}", grouped(share.done)) }
}

fn more(page: &mut Page, number: usize) {
    if number > MOST {
        page.words(Ink::Soft, &format!("and {} more", number - MOST), 5);
    }
}

/// What else the reader should know.
pub(super) fn notes(page: &mut Page, report: &Report) {
    let notes = &report.scan().notes;
    if notes.is_empty() {
        return;
    }
    page.gap();
    for note in notes {
        let ink = if note.level == Level::Warning { Ink::Medium } else { Ink::Plain };
        page.labelled(level_word(note.level), &clean(&note.text), 0, 9, ink);
    }
}

/// What the baseline knows and is gone.
pub(super) fn fixed(page: &mut Page, report: &Report) {
    let fixed = &report.scan().fixed;
    if fixed.is_empty() {
        return;
    }
    page.gap();
    page.rule(Ink::Good, &format!("Fixed since the baseline · {}", counted(count(fixed.len()), "finding")));
    page.gap();
    for known in fixed.iter().take(MOST) {
        page.words(Ink::Plain, &format!("{} at {}", known.rule, clean(&known.place)), 0);
    }
    more(page, fixed.len());
}

/// What to do, the first thing first.
pub(super) fn next_steps(page: &mut Page, report: &Report, issues: &[Issue<'_>], tally: &Tally) {
    let mut steps = Vec::new();
    if !report.complete() {
        steps
            .push("Close the gaps named above, or report the package: until then this scan proves nothing.".to_owned());
    }
    let counting = |issue: &&Issue<'_>| issue.findings.iter().any(|finding| finding.counts());
    let own = |issue: &Issue<'_>| count(issue.findings.iter().filter(|finding| finding.origin == Origin::Own).count());
    let first = issues.iter().filter(counting).find(|issue| own(issue) > 0 && issue.severity > Severity::Low);
    if let Some(issue) = first {
        let places = counted(own(issue), "place");
        steps.push(format!("Begin with {}: {places} in the app itself, {}.", issue.rule.id, issue.severity));
    }
    let in_libraries =
        report.findings().iter().filter(|finding| finding.counts() && finding.origin != Origin::Own).count();
    if in_libraries > 0 {
        let number = counted(count(in_libraries), "finding");
        let is = if in_libraries == 1 { "is" } else { "are" };
        steps.push(format!("{number} {is} in libraries: update or replace those, or tell their makers."));
    }
    if let Some(issue) = issues.first() {
        steps.push(format!("Read more on a rule: testudo scan explain {}", issue.rule.id));
    }
    if tally.open.total() > 0 && tally.new == 0 && tally.known == 0 {
        steps.push("To fail on new findings only, write a baseline of these: --write-baseline FILE".to_owned());
    }
    if steps.is_empty() {
        return;
    }
    page.gap();
    page.rule(Ink::Strong, "What to do next");
    page.gap();
    for (index, step) in steps.iter().enumerate() {
        page.labelled(&format!("{}.", index + 1), step, 0, 3, Ink::Plain);
    }
}
