//! What finds a rule's weakness among facts, as rule files write it.
//!
//! ```toml
//! [[fact]]
//! rule = "platform-exported-provider"
//! on = "provider"
//! where = { exported = true, read-permission = { absent = true } }
//! unless = [{ on = "application", where = { test-only = true } }]
//! at = "exported"
//! evidence = "{name} is open under {authorities}"
//! confidence = "high"
//! ```
//!
//! Each row of the kind `on` for which all of `where` holds is a finding, provided that for each of `when` there is a row
//! and for each of `unless` there is none. With `missing = true` it is the other way round: one finding if there is no such
//! row, at the first row of the first `when`, or of the package as a whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use testudo_core::Confidence;

use super::Matcher;
use crate::rule::RuleId;

/// What finds a rule's weakness among facts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Condition {
    /// The rule.
    pub rule: RuleId,
    /// The kind of rows.
    pub on: String,
    /// What attributes of the row must say.
    #[serde(default, rename = "where", skip_serializing_if = "BTreeMap::is_empty")]
    pub wants: BTreeMap<String, Matcher>,
    /// Rows that must exist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<Selector>,
    /// Rows that must not exist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unless: Vec<Selector>,
    /// Whether it is the lack of such a row that is found.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub missing: bool,
    /// The attribute of an element that is to be shown as the place: `exported`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What is wrong, if it is more than the rule's title; `{name}` is the row's attribute `name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What shows it, with attributes in braces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// How sure it is.
    pub confidence: Confidence,
}

/// Rows of a kind.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Selector {
    /// The kind.
    pub on: String,
    /// What attributes must say. Here `same-as` means an attribute of the condition's own row.
    #[serde(default, rename = "where", skip_serializing_if = "BTreeMap::is_empty")]
    pub wants: BTreeMap<String, Matcher>,
}
