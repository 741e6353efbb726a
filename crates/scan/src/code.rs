//! Conditions over the code of an app: which calls, with which arguments, from where.

use serde::{Deserialize, Serialize};

use crate::rule::RuleId;

/// What finds a rule's weakness in code.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Condition {
    /// The rule.
    pub rule: RuleId,
}
