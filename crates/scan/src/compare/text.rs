//! The difference for a person at a terminal: what is worse first, then what is better, then what the app is made of.

use super::{Comparison, SectionChange};
use crate::report::exit::FailOn;
use crate::report::terminal::paint::{Ink, Page};
use crate::report::text::{bytes, clean, count, counted, grouped};
use crate::report::{Fact, Finding, Report, Unit};

/// The most findings or facts of one list.
const MOST: usize = 50;

/// How it is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Whether with colours (ANSI).
    pub color: bool,
    /// The columns of the terminal; 50 to 120 of them are used.
    pub width: usize,
    /// What fails the comparison.
    pub fail_on: FailOn,
}

pub(super) fn write(comparison: &Comparison<'_>, options: &Options) -> String {
    let mut page = Page::new(options.color, options.width.clamp(50, 120));
    head(&mut page, comparison);
    findings(&mut page, comparison.new, &comparison.added, Ink::Wrong, "+", "New");
    findings(&mut page, comparison.old, &comparison.fixed, Ink::Good, "-", "Fixed");
    findings(
        &mut page,
        comparison.old,
        &comparison.unproven,
        Ink::Medium,
        "?",
        "Not found again, but not proven fixed",
    );
    if !comparison.unproven.is_empty() {
        page.words(Ink::Soft, "The later scan was incomplete, or no longer has the rule.", 0);
    }
    for section in &comparison.facts {
        facts(&mut page, section);
    }
    page.gap();
    let (exit, reasons) = comparison.exit(options.fail_on);
    if reasons.is_empty() {
        page.words(Ink::Good, "PASSED: nothing new counts against the later version.", 0);
    } else {
        page.words(Ink::Wrong, &format!("FAILED (exit {}): {}.", exit.code(), reasons.join("; ")), 0);
    }
    page.finish()
}

fn head(page: &mut Page, comparison: &Comparison<'_>) {
    let (old, new) = (name(comparison.old), name(comparison.new));
    page.words(Ink::Strong, &format!("{old} → {new}"), 0);
    let (before, after) = (comparison.old.scan().target.size, comparison.new.scan().target.size);
    let text = format!("{} → {} ({})", bytes(before), bytes(after), change(before, after, Some(Unit::Bytes)));
    page.words(Ink::Soft, &text, 0);
    page.gap();
    let numbers =
        [(comparison.added.len(), "new"), (comparison.fixed.len(), "fixed"), (comparison.unchanged, "unchanged")];
    let numbers: Vec<String> =
        numbers.iter().map(|(number, what)| format!("{} {what}", grouped(count(*number)))).collect();
    page.line(&[(Ink::Plain, &numbers.join(" · "))]);
    if comparison.signer_changed() {
        page.gap();
        page.words(Ink::Wrong, "The two versions are signed by different keys.", 0);
    }
    if comparison.old.scan().pack != comparison.new.scan().pack {
        page.gap();
        let text = "The two scans used different rules: some of the difference may be the rules', not the app's.";
        page.words(Ink::Medium, text, 0);
    }
}

fn name(report: &Report) -> String {
    let target = &report.scan().target;
    let app = target.app.as_deref().unwrap_or(&target.file);
    clean(&target.version.as_ref().map_or_else(|| app.to_owned(), |version| format!("{app} {version}")))
}

fn findings(page: &mut Page, report: &Report, findings: &[&Finding], ink: Ink, sign: &str, title: &str) {
    if findings.is_empty() {
        return;
    }
    page.gap();
    page.rule(ink, &format!("{title} · {}", counted(count(findings.len()), "finding")));
    page.gap();
    for finding in findings.iter().take(MOST) {
        let title = finding.title.as_deref().or_else(|| report.rule(&finding.rule).map(|rule| rule.title.as_str()));
        let text = format!("{}: {} [{}]", finding.severity, clean(title.unwrap_or_default()), finding.rule);
        page.labelled(sign, &text, 0, 2, Ink::of(finding.severity));
        let hint = finding.place.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
        page.words(Ink::Soft, &clean(&format!("{}{hint}", finding.place.label())), 4);
    }
    more(page, findings.len());
}

fn facts(page: &mut Page, section: &SectionChange<'_>) {
    page.gap();
    page.rule(Ink::Strong, &clean(section.name));
    page.gap();
    let told = |fact: &Fact| {
        let number = fact.number.map(|number| format!(" {}", amount(number, section.unit))).unwrap_or_default();
        let value = fact.value.as_ref().map(|value| format!(" {value}")).unwrap_or_default();
        clean(&format!("{}{value}{number}", fact.name))
    };
    for fact in section.added.iter().take(MOST) {
        page.labelled("+", &told(fact), 0, 2, Ink::Plain);
    }
    more(page, section.added.len());
    for fact in section.removed.iter().take(MOST) {
        page.labelled("-", &told(fact), 0, 2, Ink::Plain);
    }
    more(page, section.removed.len());
    for (before, after) in section.changed.iter().take(MOST) {
        let text = match (before.number, after.number) {
            (Some(from), Some(to)) => {
                let (earlier, later) = (amount(from, section.unit), amount(to, section.unit));
                format!("{} {earlier} → {later} ({})", after.name, change(from, to, section.unit))
            }
            _ => format!("{} → {}", told(before), after.value.as_deref().unwrap_or("(no value)")),
        };
        page.labelled("~", &clean(&text), 0, 2, Ink::Plain);
    }
    more(page, section.changed.len());
}

fn more(page: &mut Page, number: usize) {
    if number > MOST {
        page.words(Ink::Soft, &format!("and {} more", number - MOST), 2);
    }
}

fn amount(number: u64, unit: Option<Unit>) -> String {
    if unit == Some(Unit::Bytes) { bytes(number) } else { grouped(number) }
}

/// `+1.2 MB`, or `same`.
fn change(before: u64, after: u64, unit: Option<Unit>) -> String {
    match before.cmp(&after) {
        std::cmp::Ordering::Less => format!("+{}", amount(after - before, unit)),
        std::cmp::Ordering::Equal => "same".to_owned(),
        std::cmp::Ordering::Greater => format!("-{}", amount(before - after, unit)),
    }
}
