//! The report as `JUnit` XML, in the form that CI servers read (<https://github.com/testmoapp/junitxml>): a suite for each
//! group of MASVS, a test case for each rule checked, and one for whether all was analysed.

use std::fmt::Write as _;

use super::text::{clean, clean_lines, count, counted};
use super::{Finding, Report, Status};
use crate::rule::{Group, Rule};

/// The most places of one rule that are told.
const MOST: usize = 50;

/// Writes a report.
pub fn write(report: &Report) -> String {
    let mut suites = vec![analysis(report)];
    for group in Group::ALL {
        let cases: Vec<Case> =
            report.scan().rules.iter().filter(|rule| rule.group() == group).map(|rule| case(report, rule)).collect();
        if !cases.is_empty() {
            suites.push(Suite { name: group.title(), cases });
        }
    }
    let sum = |count: fn(&Suite) -> usize| suites.iter().map(count).sum::<usize>();
    let target = &report.scan().target;
    let name = attribute(target.app.as_deref().unwrap_or(&target.file));
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let (tests, failures, errors) = (sum(|suite| suite.cases.len()), sum(Suite::failures), sum(Suite::errors));
    let _ = writeln!(out, "<testsuites name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\">");
    for suite in &suites {
        suite.write(&mut out);
    }
    out.push_str("</testsuites>\n");
    out
}

struct Suite {
    name: &'static str,
    cases: Vec<Case>,
}

struct Case {
    class: String,
    name: String,
    outcome: Outcome,
    told: String,
}

enum Outcome {
    Passed,
    Failure { kind: &'static str, message: String, text: String },
    Error { message: String, text: String },
    Skipped { message: String },
}

impl Suite {
    fn failures(&self) -> usize {
        self.cases.iter().filter(|case| matches!(case.outcome, Outcome::Failure { .. })).count()
    }

    fn errors(&self) -> usize {
        self.cases.iter().filter(|case| matches!(case.outcome, Outcome::Error { .. })).count()
    }

    fn write(&self, out: &mut String) {
        let skipped = self.cases.iter().filter(|case| matches!(case.outcome, Outcome::Skipped { .. })).count();
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{skipped}\">",
            attribute(self.name),
            self.cases.len(),
            self.failures(),
            self.errors()
        );
        for case in &self.cases {
            case.write(out);
        }
        out.push_str("  </testsuite>\n");
    }
}

impl Case {
    fn write(&self, out: &mut String) {
        let (class, name) = (attribute(&self.class), attribute(&self.name));
        let _ = write!(out, "    <testcase classname=\"{class}\" name=\"{name}\"");
        if matches!(self.outcome, Outcome::Passed) && self.told.is_empty() {
            out.push_str("/>\n");
            return;
        }
        out.push_str(">\n");
        let _ = match &self.outcome {
            Outcome::Passed => Ok(()),
            Outcome::Failure { kind, message, text } => {
                let message = attribute(message);
                writeln!(out, "      <failure type=\"{kind}\" message=\"{message}\">{}</failure>", content(text))
            }
            Outcome::Error { message, text } => {
                writeln!(
                    out,
                    "      <error type=\"incomplete\" message=\"{}\">{}</error>",
                    attribute(message),
                    content(text)
                )
            }
            Outcome::Skipped { message } => writeln!(out, "      <skipped message=\"{}\"/>", attribute(message)),
        };
        if !self.told.is_empty() {
            let _ = writeln!(out, "      <system-out>{}</system-out>", content(&self.told));
        }
        out.push_str("    </testcase>\n");
    }
}

/// Whether all was analysed.
fn analysis(report: &Report) -> Suite {
    let coverage = &report.scan().coverage;
    let outcome = if report.complete() {
        Outcome::Passed
    } else {
        let gaps = coverage.gaps.iter().take(MOST).map(|gap| format!("{}: {}", gap.part, gap.why));
        Outcome::Error { message: "the analysis is incomplete".to_owned(), text: gaps.collect::<Vec<_>>().join("\n") }
    };
    let told = format!(
        "{}, {}, {} analysed",
        counted(coverage.files.done, "file"),
        counted(coverage.classes.done, "class"),
        counted(coverage.methods.done, "method")
    );
    let case = Case { class: "testudo.scan".to_owned(), name: "all was analysed".to_owned(), outcome, told };
    Suite { name: "Analysis", cases: vec![case] }
}

fn case(report: &Report, rule: &Rule) -> Case {
    let found: Vec<&Finding> = report.findings().iter().filter(|finding| finding.rule == rule.id).collect();
    let counting: Vec<&&Finding> = found.iter().filter(|finding| finding.counts()).collect();
    let outcome = match counting.first() {
        Some(worst) => {
            let places = counted(count(counting.len()), "place");
            let mut text: Vec<String> = counting.iter().take(MOST).map(|finding| told(finding)).collect();
            if counting.len() > MOST {
                text.push(format!("and {} more", counting.len() - MOST));
            }
            text.push(format!("Fix: {}", rule.fix.text));
            text.extend(rule.page().map(|page| format!("See {page}")));
            let kind = worst.severity.name();
            Outcome::Failure { kind, message: format!("{} ({kind}, {places})", rule.title), text: text.join("\n") }
        }
        None if found.is_empty() => Outcome::Passed,
        None => {
            let suppressed = found.iter().filter(|finding| matches!(finding.status, Status::Suppressed { .. })).count();
            let known = found.len() - suppressed;
            Outcome::Skipped { message: format!("{suppressed} suppressed, {known} known to the baseline") }
        }
    };
    let class = format!("testudo.scan.{}", rule.group().title().to_lowercase().replace(' ', "-"));
    Case { class, name: format!("{}: {}", rule.id, rule.title), outcome, told: String::new() }
}

fn told(finding: &Finding) -> String {
    let hint = finding.place.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
    let evidence = finding.evidence.as_ref().map(|evidence| format!(": {}", clean(evidence.as_str())));
    let title = finding.title.as_ref().map(|title| format!("{title}: ")).unwrap_or_default();
    format!("{}{}{}{}", clean(&title), clean(&finding.place.label()), clean(&hint), evidence.unwrap_or_default())
}

fn attribute(text: &str) -> String {
    escape(&clean(text))
}

fn content(text: &str) -> String {
    escape(&clean_lines(text))
}

/// For both attributes and text of XML 1.0.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            _ => out.push(character),
        }
    }
    out
}
