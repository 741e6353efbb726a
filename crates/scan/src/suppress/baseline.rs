//! The findings that were there before, by fingerprint: a file of JSON that the scan writes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::report::{Fingerprint, Report, Status};
use crate::rule::RuleId;

/// The largest file.
const MAX_BYTES: usize = 64 << 20;

/// Why a text is no baseline.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// It is too large.
    #[error("the baseline has {0} bytes, the limit is {MAX_BYTES}")]
    Large(usize),
    /// It does not read.
    #[error("the baseline does not read: {0}; write a new one with `testudo scan --write-baseline`")]
    Json(#[from] serde_json::Error),
    /// It is of a later version of the format.
    #[error(
        "the baseline has version {0}, this program knows version 1; take a newer program, or write a new baseline"
    )]
    Version(u32),
    /// A fingerprint is there twice.
    #[error("the baseline has the fingerprint {0} twice; take one away")]
    Twice(Fingerprint),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    app: Option<String>,
    findings: Vec<Known>,
}

/// A finding that a baseline knows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// The rule, for people.
    pub rule: RuleId,
    /// The place, for people.
    pub place: String,
    /// What names it.
    pub fingerprint: Fingerprint,
    /// The day on which it was first seen.
    pub first_seen: Date,
}

/// The findings that were there before.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Baseline {
    app: Option<String>,
    findings: BTreeMap<Fingerprint, Known>,
}

impl Baseline {
    /// Reads a file.
    pub fn from_json(text: &str) -> Result<Baseline, BaselineError> {
        if text.len() > MAX_BYTES {
            return Err(BaselineError::Large(text.len()));
        }
        let file: File = serde_json::from_str(text)?;
        if file.version != 1 {
            return Err(BaselineError::Version(file.version));
        }
        let mut findings = BTreeMap::new();
        for known in file.findings {
            if let Some(twice) = findings.insert(known.fingerprint, known) {
                return Err(BaselineError::Twice(twice.fingerprint));
            }
        }
        Ok(Baseline { app: file.app, findings })
    }

    /// Writes the file, in the order of rules and places, so that its changes read well in a review.
    pub fn to_json(&self) -> String {
        let mut findings: Vec<Known> = self.findings.values().cloned().collect();
        findings.sort();
        let file = File { version: 1, app: self.app.clone(), findings };
        let mut text = serde_json::to_string_pretty(&file).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The findings of a report that are not suppressed; what an earlier baseline knew keeps its first day.
    pub fn of(report: &Report, earlier: Option<&Baseline>, today: Date) -> Baseline {
        let lasting = report.findings().iter().filter(|finding| !matches!(finding.status, Status::Suppressed { .. }));
        let known = lasting.map(|finding| {
            let before = earlier.and_then(|earlier| earlier.findings.get(&finding.fingerprint));
            let known = Known {
                rule: finding.rule.clone(),
                place: crate::report::text::clean(&finding.place.label()),
                fingerprint: finding.fingerprint,
                first_seen: before.map_or(today, |before| before.first_seen),
            };
            (finding.fingerprint, known)
        });
        Baseline { app: report.scan().target.app.clone(), findings: known.collect() }
    }

    /// How many findings it knows.
    pub fn len(&self) -> usize {
        self.findings.len()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// Marks what is new and what is known, and says what is fixed. What a rule would have found that was not checked
    /// this time, or what an incomplete analysis may have missed, is not called fixed.
    pub fn apply(&self, report: &mut Report) {
        let mut found = BTreeSet::new();
        for finding in report.findings_mut() {
            finding.status = match self.findings.get(&finding.fingerprint) {
                Some(known) => {
                    found.insert(known.fingerprint);
                    Status::Known { since: known.first_seen }
                }
                None => Status::New,
            };
        }
        let complete = report.complete();
        let gone = self.findings.values().filter(|known| !found.contains(&known.fingerprint));
        let fixed: Vec<Known> = gone.filter(|known| complete && report.rule(&known.rule).is_some()).cloned().collect();
        report.set_fixed(fixed);
    }
}
