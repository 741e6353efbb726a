//! What detection found: a rule that fits, with its evidence.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Severity, Timestamp};

/// A rule fits one event, or many together. Holds no personal data: people, devices and addresses are pseudonyms.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Alert {
    /// The rule's id.
    pub rule: String,
    /// What it finds, in a line.
    pub title: String,
    /// Who wrote the rule.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// How bad it is.
    pub level: Severity,
    /// When, by the event that completed it.
    pub at: Timestamp,
    /// When the first of the events happened.
    pub since: Timestamp,
    /// What the events have in common, by field: pseudonyms of a `person`, a `network`, ...
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub group: BTreeMap<String, String>,
    /// The places of the events in the journal, oldest first; of more than [`Alert::MAX_PLACES`], the oldest and the
    /// newest.
    pub places: Vec<u64>,
    /// How many events there were, or how many different values where the rule counts those.
    pub count: u64,
    /// How many times the rule fitted the same group since its last alert, while it was kept quiet.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub suppressed: u64,
    /// Tags, such as `attack.t1110.004`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What else it may be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub false_positives: Vec<String>,
}

impl Alert {
    /// The most places that an alert names.
    pub const MAX_PLACES: usize = 64;

    /// The techniques of MITRE ATT&CK among the tags, such as `T1110.004`.
    pub fn techniques(&self) -> impl Iterator<Item = String> {
        self.tags.iter().filter_map(|tag| {
            let name = tag.strip_prefix("attack.")?;
            let number = name.strip_prefix('t')?;
            number.starts_with(|c: char| c.is_ascii_digit()).then(|| format!("T{number}"))
        })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}
