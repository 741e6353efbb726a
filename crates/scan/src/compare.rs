//! What changed between two scans: findings that are new or gone, and what the app is made of.
//!
//! Findings are the same if their fingerprints are. A finding that is no longer there counts as fixed only if the later
//! scan was complete and checked its rule.

mod json;
mod text;

pub use text::Options;

use std::collections::{BTreeMap, HashSet};

use crate::report::exit::{Exit, FailOn};
use crate::report::{Fact, Finding, Report, Section, SignatureVerdict, Unit};

/// The difference of two reports.
#[derive(Clone, Debug)]
pub struct Comparison<'a> {
    /// The earlier report.
    pub old: &'a Report,
    /// The later report.
    pub new: &'a Report,
    /// Findings that count and were not there before.
    pub added: Vec<&'a Finding>,
    /// Findings that are gone.
    pub fixed: Vec<&'a Finding>,
    /// Findings that were not found again, by a scan that did not look everywhere or not for them.
    pub unproven: Vec<&'a Finding>,
    /// How many are in both.
    pub unchanged: usize,
    /// Sections of facts that differ.
    pub facts: Vec<SectionChange<'a>>,
}

/// What changed in a section of facts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SectionChange<'a> {
    /// The section's name.
    pub name: &'a str,
    /// What its numbers count.
    pub unit: Option<Unit>,
    /// Facts that are new.
    pub added: Vec<&'a Fact>,
    /// Facts that are gone.
    pub removed: Vec<&'a Fact>,
    /// Facts of one name with another value or number: before, after.
    pub changed: Vec<(&'a Fact, &'a Fact)>,
}

/// Compares two reports.
pub fn compare<'a>(old: &'a Report, new: &'a Report) -> Comparison<'a> {
    let before: HashSet<_> = old.findings().iter().map(|finding| finding.fingerprint).collect();
    let after: HashSet<_> = new.findings().iter().map(|finding| finding.fingerprint).collect();
    let added = new.findings().iter().filter(|finding| finding.counts() && !before.contains(&finding.fingerprint));
    let gone = old.findings().iter().filter(|finding| !after.contains(&finding.fingerprint));
    let (fixed, unproven) = gone.partition(|finding| new.complete() && new.rule(&finding.rule).is_some());
    Comparison {
        old,
        new,
        added: added.collect(),
        fixed,
        unproven,
        unchanged: before.intersection(&after).count(),
        facts: facts(&old.scan().facts, &new.scan().facts),
    }
}

impl Comparison<'_> {
    /// Whether another key signed the later package.
    pub fn signer_changed(&self) -> bool {
        let signers = |report: &Report| report.scan().signature.signers.clone();
        signers(self.old) != signers(self.new)
    }

    /// The code, and each reason in words: incomplete analysis, signature, new findings at or over the severity.
    pub fn exit(&self, fail_on: FailOn) -> (Exit, Vec<String>) {
        let mut reasons = Vec::new();
        for (which, report) in [("earlier", self.old), ("later", self.new)] {
            if !report.complete() {
                reasons.push((Exit::Incomplete, format!("the analysis of the {which} version is incomplete")));
            }
        }
        if matches!(self.new.scan().signature.verdict, SignatureVerdict::Invalid | SignatureVerdict::OtherSigner) {
            reasons.push((Exit::Signature, "the signature of the later version does not hold".to_owned()));
        }
        let failing = self.added.iter().filter(|finding| fail_on.fails(finding.severity)).count();
        if failing > 0 {
            let number = crate::report::text::counted(crate::report::text::count(failing), "new finding");
            let least = fail_on.0.map_or("", testudo_core::Severity::name);
            reasons.push((Exit::Findings, format!("{number} of severity {least} or worse")));
        }
        let exit = reasons.first().map_or(Exit::Clean, |(exit, _)| *exit);
        (exit, reasons.into_iter().map(|(_, reason)| reason).collect())
    }

    /// For people at a terminal.
    pub fn to_text(&self, options: &Options) -> String {
        text::write(self, options)
    }

    /// For programs.
    pub fn to_json(&self) -> String {
        json::write(self)
    }
}

/// The sections that differ, in the order of the later report, then those that are gone.
fn facts<'a>(old: &'a [Section], new: &'a [Section]) -> Vec<SectionChange<'a>> {
    let gone = old.iter().filter(|section| new.iter().all(|other| other.name != section.name));
    let all = new.iter().chain(gone);
    let find = |sections: &'a [Section], name: &str| sections.iter().find(|section| section.name == name);
    all.filter_map(|section| section_change(&section.name, find(old, &section.name), find(new, &section.name)))
        .collect()
}

fn section_change<'a>(name: &'a str, old: Option<&'a Section>, new: Option<&'a Section>) -> Option<SectionChange<'a>> {
    let by_name = |section: Option<&'a Section>| -> BTreeMap<&'a str, &'a Fact> {
        section.iter().flat_map(|section| &section.facts).map(|fact| (fact.name.as_str(), fact)).collect()
    };
    let (before, after) = (by_name(old), by_name(new));
    let missing_in = |these: &BTreeMap<&'a str, &'a Fact>, those: &BTreeMap<&'a str, &'a Fact>| -> Vec<&'a Fact> {
        these.iter().filter(|(name, _)| !those.contains_key(*name)).map(|(_, fact)| *fact).collect()
    };
    let changed: Vec<_> = after
        .iter()
        .filter_map(|(name, fact)| {
            before.get(name).filter(|earlier| **earlier != *fact).map(|earlier| (*earlier, *fact))
        })
        .collect();
    let (added, removed) = (missing_in(&after, &before), missing_in(&before, &after));
    let same = added.is_empty() && removed.is_empty() && changed.is_empty();
    let unit = new.or(old).and_then(|section| section.unit);
    (!same).then_some(SectionChange { name, unit, added, removed, changed })
}
