//! Facts about an app as rows of named attributes, and conditions over them.

use serde::{Deserialize, Serialize};

use crate::rule::RuleId;

/// What finds a rule's weakness among facts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Condition {
    /// The rule.
    pub rule: RuleId,
}
