//! What scan and probe report.

use serde::{Deserialize, Serialize};

use crate::Severity;

/// How sure a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// A hint that a person should look at.
    Low,
    /// Likely.
    Medium,
    /// Shown by data flow or by an answer of the target.
    High,
}

/// Where a finding is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Place {
    /// A file, class or URL.
    pub path: String,
    /// A line, method or parameter within it.
    pub within: Option<String>,
}

/// One thing that is wrong, with its rule, place and proof.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// The rule's id.
    pub rule: String,
    /// Where.
    pub place: Place,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// The weakness (CWE number).
    pub cwe: Option<u32>,
    /// MASVS and ASVS ids.
    pub standards: Vec<String>,
    /// What shows it.
    pub proof: String,
}
