//! OSV records (schema 1.7) as they come: only the fields that an index keeps.

use serde::{Deserialize, Deserializer};

#[derive(Debug, Deserialize)]
pub(super) struct Record {
    pub id: String,
    pub modified: String,
    #[serde(default)]
    pub published: Option<String>,
    #[serde(default)]
    pub withdrawn: Option<String>,
    #[serde(default, deserialize_with = "listed")]
    pub aliases: Vec<String>,
    #[serde(default)]
    pub summary: Option<String>,
    #[serde(default)]
    pub details: Option<String>,
    #[serde(default, deserialize_with = "listed")]
    pub severity: Vec<Severity>,
    #[serde(default, deserialize_with = "listed")]
    pub affected: Vec<Affected>,
    #[serde(default)]
    pub database_specific: Option<Specific>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Severity {
    #[serde(default)]
    pub score: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Affected {
    #[serde(default)]
    pub package: Option<Package>,
    #[serde(default, deserialize_with = "listed")]
    pub severity: Vec<Severity>,
    #[serde(default, deserialize_with = "listed")]
    pub ranges: Vec<Range>,
    #[serde(default, deserialize_with = "listed")]
    pub versions: Vec<String>,
    #[serde(default)]
    pub database_specific: Option<Specific>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Package {
    pub ecosystem: String,
    pub name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Range {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default, deserialize_with = "listed")]
    pub events: Vec<Event>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Event {
    #[serde(default)]
    pub introduced: Option<String>,
    #[serde(default)]
    pub fixed: Option<String>,
    #[serde(default)]
    pub last_affected: Option<String>,
    #[serde(default)]
    pub limit: Option<String>,
}

/// What databases add; each has its own forms.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Specific {
    #[serde(default)]
    pub severity: Option<serde_json::Value>,
    #[serde(default)]
    pub cwe_ids: Option<serde_json::Value>,
    /// The database of Rust writes its vector here.
    #[serde(default)]
    pub cvss: Option<serde_json::Value>,
}

/// A list; `null` is an empty one.
fn listed<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}
