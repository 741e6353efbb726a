//! The findings of a report as people read them: one issue a rule, with all its places; and their counts.

use testudo_core::Severity;

use super::{Finding, Place, Report, Status};
use crate::rule::{Group, Rule};

/// A rule that found something, with its findings of one severity and title.
#[derive(Clone, Debug)]
pub struct Issue<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// What is wrong.
    pub title: &'a str,
    /// How bad.
    pub severity: Severity,
    /// Where, own code first. Never empty.
    pub findings: Vec<&'a Finding>,
}

impl Issue<'_> {
    /// The rule's CVSS score, where it is that of the findings: a known vulnerability has its own, which its evidence tells.
    pub(super) fn score(&self) -> Option<f64> {
        let of_dependency = |finding: &&Finding| matches!(finding.place, Place::Dependency { .. });
        let own = self.severity != self.rule.severity() || self.findings.iter().any(of_dependency);
        (!own).then(|| self.rule.cvss.score())
    }
}

/// The issues of the findings that are wanted, the worst first.
pub fn issues<'a>(report: &'a Report, wanted: impl Fn(&Finding) -> bool) -> Vec<Issue<'a>> {
    let mut all: Vec<Issue<'a>> = Vec::new();
    for finding in report.findings().iter().filter(|finding| wanted(finding)) {
        let Some(rule) = report.rule(&finding.rule) else { continue };
        let title = finding.title.as_deref().unwrap_or(&rule.title);
        match all.last_mut() {
            Some(last) if last.rule.id == rule.id && last.title == title && last.severity == finding.severity => {
                last.findings.push(finding);
            }
            _ => all.push(Issue { rule, title, severity: finding.severity, findings: vec![finding] }),
        }
    }
    all
}

/// How many of each severity.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts([u64; 5]);

impl Counts {
    /// How many of this severity.
    pub fn of(self, severity: Severity) -> u64 {
        let place = Severity::ALL.iter().position(|other| *other == severity);
        place.and_then(|place| self.0.get(place)).copied().unwrap_or(0)
    }

    /// How many in all.
    pub fn total(self) -> u64 {
        self.0.iter().sum()
    }

    fn add(&mut self, severity: Severity) {
        let place = Severity::ALL.iter().position(|other| *other == severity);
        if let Some(count) = place.and_then(|place| self.0.get_mut(place)) {
            *count += 1;
        }
    }
}

/// The counts of a report.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Tally {
    /// Findings that count.
    pub open: Counts,
    /// Findings that count, by group; groups without rules are left out.
    pub groups: Vec<(Group, Counts, u64)>,
    /// Findings that the baseline does not know; those of a scan without baseline are not among them.
    pub new: u64,
    /// Findings that the baseline knows.
    pub known: u64,
    /// Findings that are suppressed.
    pub suppressed: u64,
}

impl Tally {
    /// Counts a report. A group's last number is how many of its rules were checked.
    pub fn of(report: &Report) -> Tally {
        let mut tally = Tally::default();
        for group in Group::ALL {
            let rules = report.scan().rules.iter().filter(|rule| rule.group() == group).count();
            if rules > 0 {
                tally.groups.push((group, Counts::default(), super::text::count(rules)));
            }
        }
        for finding in report.findings() {
            match finding.status {
                Status::Known { .. } => tally.known += 1,
                Status::Suppressed { .. } => tally.suppressed += 1,
                Status::Open | Status::New => {
                    tally.new += u64::from(finding.status == Status::New);
                    tally.open.add(finding.severity);
                    let group = report.rule(&finding.rule).map(Rule::group);
                    let row = tally.groups.iter_mut().find(|(row, _, _)| Some(*row) == group);
                    if let Some((_, counts, _)) = row {
                        counts.add(finding.severity);
                    }
                }
            }
        }
        tally
    }
}
