//! What a rule is, apart from how it is found: its ids, its score, why it matters and how it is mended.
//!
//! Rules are data: files of TOML, one `[[rule]]` each, read by [`RulePack::read`], which refuses what it does not know.
//! To add a rule, add a `[[rule]]`; ids have the forms of OWASP MAS (<https://mas.owasp.org>) and MITRE CWE, and the
//! severity is that of the CVSS score, so that two rules with one vector never weigh differently.

mod builtin;
mod ids;
mod masvs;
mod nearest;
mod pack;
mod read;
mod score;
mod source;

pub use ids::{Cwe, IdError, MastgTest, Maswe, RuleId};
pub use masvs::{Control, Group};
pub use nearest::nearest;
pub use pack::{PackError, RulePack};
pub use score::{Cvss, ScoreError, severity_of};
pub use source::FileError;
pub(crate) use source::Source;

use serde::{Deserialize, Serialize};
use testudo_core::Severity;

/// The metadata of a rule.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rule {
    /// The id, which is never given to another rule.
    pub id: RuleId,
    /// What is wrong, as one would say it: `The app trusts every certificate`.
    pub title: String,
    /// The weakness.
    pub cwe: Cwe,
    /// The controls of MASVS 2 that the weakness breaks; the first decides the group. Empty only for store policies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub masvs: Vec<Control>,
    /// The weaknesses of OWASP MASWE.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub maswe: Vec<Maswe>,
    /// The tests of OWASP MASTG that it carries out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mastg: Vec<MastgTest>,
    /// The score's vector, CVSS 4.0 or 3.1.
    pub cvss: Cvss,
    /// What the app does. Text in backticks is code.
    pub what: String,
    /// What an attacker gains by it.
    pub why: String,
    /// What to do.
    pub fix: Fix,
    /// Documents, all `https`; the first is the rule's page.
    pub references: Vec<String>,
    /// The clause of a store's policy, such as `google-play/target-api`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Clauses of other catalogues, such as `GDPR-32` or `PCI-DSS-6.2.4`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compliance: Vec<String>,
}

/// How a weakness is mended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fix {
    /// What to do, in words. Text in backticks is code.
    pub text: String,
    /// What it looks like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<Example>,
}

/// A short piece of code.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Example {
    /// Its language, as Markdown's fences name it: `kotlin`, `swift`, `xml`.
    pub language: String,
    /// The code.
    pub code: String,
}

impl Rule {
    /// The part of MASVS that it belongs to.
    pub fn group(&self) -> Group {
        self.masvs.first().map_or(Group::StorePolicy, |control| control.group())
    }

    /// How bad it is: the bucket of its score.
    pub fn severity(&self) -> Severity {
        severity_of(self.cvss.score())
    }

    /// The rule's page.
    pub fn page(&self) -> Option<&str> {
        self.references.first().map(String::as_str)
    }

    /// The ids of standards in one fixed order, weakness first.
    pub fn standards(&self) -> Vec<String> {
        let masvs = self.masvs.iter().map(ToString::to_string);
        let maswe = self.maswe.iter().map(ToString::to_string);
        let mastg = self.mastg.iter().map(ToString::to_string);
        std::iter::once(self.cwe.to_string()).chain(masvs).chain(maswe).chain(mastg).collect()
    }
}
