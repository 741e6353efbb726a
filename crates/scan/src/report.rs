//! What a scan found, and the formats in which it is told.
//!
//! The analysis fills a [`Scan`] in any order; [`Report::new`] checks it, puts it in its one order and gives each finding
//! its [`Fingerprint`]. All formats are pure functions of a report, so two runs over the same bytes say the same bytes:
//! [`terminal`], [`html`], [`json`], [`sarif`], [`junit`] and [`lines`].
//!
//! To add a format: add a module with one function from [`Report`] (and its options) to text, and a snapshot of it in
//! `tests/report_formats.rs`. All text that comes from a package is hostile; [`text::clean`] it, then escape it.

pub mod exit;
pub mod html;
pub mod json;
pub mod junit;
pub mod lines;
pub mod sarif;
pub mod terminal;

mod coverage;
mod descriptor;
mod evidence;
mod facts;
mod finding;
mod fingerprint;
mod issue;
mod place;
mod target;
pub(crate) mod text;

pub use coverage::{Coverage, Omission, Share};
pub use descriptor::{class_name, method_name};
pub use evidence::{Evidence, redact};
pub use facts::{Fact, Section, Unit};
pub use finding::{Finding, Origin, Reach, Status, Step};
pub use fingerprint::{Fingerprint, FingerprintError};
pub use issue::{Counts, Issue, Tally, issues};
pub use place::Place;
pub use target::{Kind, Signature, SignatureVerdict, Target, Tool};

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::rule::{Rule, RuleId};

/// Why what was found makes no report.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReportError {
    /// A finding names a rule that is not among the rules used.
    #[error("a finding names the rule `{0}`, which is not among the rules of the scan")]
    UnknownRule(RuleId),
    /// A rule is there twice.
    #[error("the rule `{0}` is there twice")]
    SameRule(RuleId),
}

/// What the analysis found, in any order.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scan {
    /// What looked.
    pub tool: Tool,
    /// The day of the scan, if it is to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scanned: Option<Date>,
    /// What was looked at.
    pub target: Target,
    /// Who signed it.
    pub signature: Signature,
    /// The hash of the pack that the rules are from, in hexadecimal digits.
    pub pack: String,
    /// How much was analysed.
    pub coverage: Coverage,
    /// The rules that were checked, those without findings too.
    pub rules: Vec<Rule>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What the baseline knows and this scan no longer found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixed: Vec<crate::suppress::Known>,
    /// What the app is made of: permissions, components, SDKs, sizes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Section>,
    /// What else the reader should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

/// A remark about the scan itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// How much it matters.
    pub level: Level,
    /// One sentence.
    pub text: String,
}

/// How much a note matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Something is to be done about it.
    Warning,
    /// It is good to know.
    Info,
}

/// A checked and ordered [`Scan`]: the worst comes first, own code before libraries.
#[derive(Clone, PartialEq, Debug)]
pub struct Report {
    scan: Scan,
}

impl Report {
    /// Checks, orders and fingerprints.
    pub fn new(mut scan: Scan) -> Result<Report, ReportError> {
        order(&mut scan)?;
        fingerprint_all(&mut scan.findings);
        Ok(Report { scan })
    }

    /// Takes a scan that was a report before: its fingerprints stand.
    pub(crate) fn from_stored(mut scan: Scan) -> Result<Report, ReportError> {
        order(&mut scan)?;
        Ok(Report { scan })
    }

    /// All of it.
    pub fn scan(&self) -> &Scan {
        &self.scan
    }

    /// The findings, the worst first.
    pub fn findings(&self) -> &[Finding] {
        &self.scan.findings
    }

    /// The rule of this id, if it was checked.
    pub fn rule(&self, id: &RuleId) -> Option<&Rule> {
        let at = self.scan.rules.binary_search_by(|rule| rule.id.cmp(id)).ok()?;
        self.scan.rules.get(at)
    }

    /// Whether all was analysed that was to be analysed.
    pub fn complete(&self) -> bool {
        self.scan.coverage.complete()
    }

    /// The findings, to set their status.
    pub(crate) fn findings_mut(&mut self) -> impl Iterator<Item = &mut Finding> {
        self.scan.findings.iter_mut()
    }

    /// Adds a note.
    pub fn note(&mut self, level: Level, text: impl Into<String>) {
        self.scan.notes.push(Note { level, text: text.into() });
        self.scan.notes.sort();
        self.scan.notes.dedup();
    }

    /// Says what is no longer there.
    pub(crate) fn set_fixed(&mut self, fixed: Vec<crate::suppress::Known>) {
        self.scan.fixed = fixed;
    }
}

/// The one order of everything.
fn order(scan: &mut Scan) -> Result<(), ReportError> {
    scan.rules.sort_by(|one, other| one.id.cmp(&other.id));
    let twice = scan.rules.windows(2).find_map(|pair| match pair {
        [one, other] if one.id == other.id => Some(one.id.clone()),
        _ => None,
    });
    if let Some(twice) = twice {
        return Err(ReportError::SameRule(twice));
    }
    let scores: BTreeMap<&RuleId, f64> = scan.rules.iter().map(|rule| (&rule.id, rule.cvss.score())).collect();
    if let Some(finding) = scan.findings.iter().find(|finding| !scores.contains_key(&finding.rule)) {
        return Err(ReportError::UnknownRule(finding.rule.clone()));
    }
    let score = |finding: &Finding| scores.get(&finding.rule).copied().unwrap_or(0.0);
    scan.findings.sort_by(|one, other| {
        let worse = other.severity.cmp(&one.severity).then_with(|| score(other).total_cmp(&score(one)));
        worse.then_with(|| one.key().cmp(&other.key()))
    });
    scan.fixed.sort();
    for section in &mut scan.facts {
        section.facts.sort();
        section.facts.dedup();
    }
    scan.notes.sort();
    scan.notes.dedup();
    scan.coverage.gaps.sort();
    scan.coverage.left_out.sort();
    Ok(())
}

/// Gives each finding its fingerprint; of findings that are the same in all that lasts, the later ones get a number.
fn fingerprint_all(findings: &mut [Finding]) {
    let mut seen: HashMap<[u8; 32], u32> = HashMap::new();
    for finding in findings.iter_mut() {
        let base = Fingerprint::of(finding, 0);
        let occurrence = seen.entry(base.0).and_modify(|count| *count += 1).or_insert(0);
        finding.fingerprint = if *occurrence == 0 { base } else { Fingerprint::of(finding, *occurrence) };
    }
}
