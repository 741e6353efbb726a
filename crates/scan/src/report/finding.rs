//! One thing that is wrong at one place.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use testudo_core::{Confidence, Severity};

use super::{Evidence, Fingerprint, Place};
use crate::rule::{Rule, RuleId};

/// What a rule found at a place.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Names it over rebuilds. [`super::Report::new`] sets it.
    pub fingerprint: Fingerprint,
    /// The rule.
    pub rule: RuleId,
    /// What is wrong, if it is more than the rule's title: `CVE-2026-1234 in okhttp 4.9.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// How bad: the rule's severity, unless the finding has a score of its own, as a known vulnerability has.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// Where.
    pub place: Place,
    /// Whose code it is.
    pub origin: Origin,
    /// Whether the app ever gets there.
    pub reach: Reach,
    /// What shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// How the value comes there, source first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flow: Vec<Step>,
    /// Whether it counts.
    pub status: Status,
}

/// Whose code it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The app's own.
    Own,
    /// A library's, by its name.
    Library(String),
}

/// Whether the app ever gets there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// Yes, from a component or a callback.
    Reachable,
    /// It was not looked at, or the question makes no sense here.
    Unknown,
    /// No way was found.
    Unreachable,
}

/// A step of a data flow.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Where.
    pub place: Place,
    /// What happens there.
    pub what: String,
}

/// Whether a finding counts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Status {
    /// It counts; there was no baseline.
    Open,
    /// It counts; the baseline does not know it.
    New,
    /// The baseline knows it.
    Known {
        /// Since when.
        since: Date,
    },
    /// A suppression covers it.
    Suppressed {
        /// The reason that was given.
        reason: String,
        /// The last day on which it holds.
        until: Date,
    },
}

impl Finding {
    /// A finding of a rule in the app's own code, as bad as the rule says.
    pub fn new(rule: &Rule, place: Place, confidence: Confidence) -> Finding {
        Finding {
            fingerprint: Fingerprint::default(),
            rule: rule.id.clone(),
            title: None,
            severity: rule.severity(),
            confidence,
            place,
            origin: Origin::Own,
            reach: Reach::Unknown,
            evidence: None,
            flow: Vec::new(),
            status: Status::Open,
        }
    }

    /// Whether it counts: neither suppressed nor known.
    pub fn counts(&self) -> bool {
        matches!(self.status, Status::Open | Status::New)
    }

    /// What orders findings of one severity and score.
    pub(super) fn key(&self) -> impl Ord + '_ {
        (
            (&self.rule, &self.title, &self.origin, self.reach),
            (&self.place, &self.evidence, &self.flow, std::cmp::Reverse(self.confidence)),
        )
    }

    /// In the words of the house, for the other rooms.
    pub fn to_core(&self, rule: &Rule) -> testudo_core::Finding {
        let within = self.place.within();
        testudo_core::Finding {
            rule: self.rule.to_string(),
            place: testudo_core::Place { path: self.place.path().to_owned(), within },
            severity: self.severity,
            confidence: self.confidence,
            cwe: Some(rule.cwe.number()),
            standards: rule.standards().split_off(1),
            proof: self.evidence.as_ref().map(|evidence| evidence.as_str().to_owned()).unwrap_or_default(),
        }
    }
}
