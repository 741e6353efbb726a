//! What an app is made of, as lists that a comparison of two versions can show without knowing what they mean.

use serde::{Deserialize, Serialize};

/// A list of facts of one kind: `Permissions`, `Exported components`, `SDKs`, `Size`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// Its name for people.
    pub name: String,
    /// What the numbers count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// The facts; their names are distinct.
    pub facts: Vec<Fact>,
}

/// What the numbers of a section count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Things.
    Count,
}

/// One fact.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// What it is about: `android.permission.CAMERA`.
    pub name: String,
    /// What is said of it: a version, a protection level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// How much there is of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
}

impl Fact {
    /// That something is there.
    pub fn present(name: impl Into<String>) -> Fact {
        Fact { name: name.into(), value: None, number: None }
    }

    /// That it has a value.
    pub fn valued(name: impl Into<String>, value: impl Into<String>) -> Fact {
        Fact { name: name.into(), value: Some(value.into()), number: None }
    }

    /// That there is so much of it.
    pub fn counted(name: impl Into<String>, number: u64) -> Fact {
        Fact { name: name.into(), value: None, number: Some(number) }
    }
}
