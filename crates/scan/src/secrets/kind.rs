//! A kind of secret: the declarative entry of `rules/secrets/*.toml`, and what follows from it.

use serde::Deserialize;
use testudo_core::{Confidence, Severity};

use super::check::Check;

/// A kind of secret. Exactly one of `token`, `value`, `shape` and `magic` tells how it is recognised.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    /// The stable id.
    pub id: String,
    /// What it is, for the head of a finding.
    pub title: String,
    /// What who has it can do; completes "it opens".
    pub opens: String,
    /// How bad a live one in an app is.
    #[serde(default = "high")]
    pub severity: Severity,
    /// How sure a match is; by default high for tokens, medium for values told by a name.
    pub confidence: Option<Confidence>,
    /// Whether it is made to be in clients.
    #[serde(default)]
    pub exposure: Exposure,
    /// The file of the catalogue that it stands in: `cloud`, `payment`, `keys`.
    #[serde(skip)]
    pub group: &'static str,
    /// The class of weakness, which gives CWE, MASVS and MASWE.
    #[serde(default)]
    pub weakness: Weakness,
    /// A pattern of the whole secret, which tells itself by a literal in it.
    pub token: Option<String>,
    /// The literals; by default those that the pattern begins with.
    #[serde(default)]
    pub keywords: Vec<String>,
    /// Whether the case of keywords is free.
    #[serde(default)]
    pub nocase: bool,
    /// What may stand between the start of the secret and a keyword; without it, keywords are at the start.
    pub lookback: Option<Lookback>,
    /// At most how many bytes that is.
    #[serde(default)]
    pub back: usize,
    /// Names, one of which stands before a value of this kind; lower case.
    #[serde(default)]
    pub names: Vec<String>,
    /// Words, one of which the name must hold too.
    #[serde(default)]
    pub also: Vec<String>,
    /// A pattern of the whole value beside such a name.
    pub value: Option<String>,
    /// How a value without a pattern is judged.
    pub shape: Option<Shape>,
    /// A file format told by its first bytes.
    pub magic: Option<Magic>,
    /// Whether other kinds go before this one where both match.
    #[serde(default)]
    pub generic: bool,
    /// The structure that must hold.
    pub check: Option<Check>,
    /// Shannon entropy in bits for each character, at least; by default as fits the value's alphabet and length.
    pub entropy: Option<f32>,
    /// Whether long runs of one character belong to the format.
    #[serde(default)]
    pub repeats: bool,
    /// Prefixes of test keys.
    #[serde(default)]
    pub tests: Vec<String>,
    /// How it is made worthless, or what to restrict.
    pub revoke: String,
    /// A name that stands beside it in fixtures.
    pub sample: Option<String>,
    /// Templates of values that are of this kind.
    #[serde(rename = "match")]
    pub matches: Vec<String>,
    /// Templates of values that are not.
    pub no_match: Vec<String>,
}

fn high() -> Severity {
    Severity::High
}

/// Whether a kind is made to be in clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exposure {
    /// It must not be in an app.
    #[default]
    Secret,
    /// It is made for clients; what it may do has to be restricted.
    Public,
}

/// The class of weakness that a secret in an app is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weakness {
    /// A credential for a service.
    #[default]
    Credential,
    /// A password.
    Password,
    /// A cryptographic key.
    Key,
}

/// What may stand between the start of a secret and its keyword.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lookback {
    /// Letters, digits and `_ - . ~`.
    Token,
    /// Digits.
    Digits,
    /// The Base64 alphabet.
    Base64,
    /// What addresses are made of.
    Url,
}

/// How a value without a pattern of its own is judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// What people type as a password.
    Password,
    /// What services issue.
    Secret,
    /// 16, 24, 32 or 64 bytes, plain, in hex or Base64.
    Key,
}

/// A file format told by its first bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Magic {
    /// Java key store, JKS or JCEKS.
    Jks,
    /// Bouncy Castle key store.
    Bks,
    /// PKCS#12.
    Pkcs12,
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Kind").field(&self.id).finish()
    }
}

impl Kind {
    /// How sure a match of this kind is, before checks.
    pub fn confidence(&self) -> Confidence {
        let default = if self.token.is_some() || self.magic.is_some() { Confidence::High } else { Confidence::Medium };
        self.confidence.unwrap_or(default)
    }

    /// The weakness in the CWE list: hard-coded credentials, password or cryptographic key.
    pub fn cwe(&self) -> u32 {
        match self.weakness {
            Weakness::Credential => 798,
            Weakness::Password => 259,
            Weakness::Key => 321,
        }
    }

    /// The MASVS 2 controls and the MASWE weaknesses.
    pub fn standards(&self) -> &'static [&'static str] {
        match self.weakness {
            Weakness::Credential | Weakness::Password => &["MASVS-STORAGE-1", "MASVS-AUTH-1", "MASWE-0005"],
            Weakness::Key => &["MASVS-CRYPTO-2", "MASVS-STORAGE-1", "MASWE-0013"],
        }
    }

    /// The CVSS 4.0 vector of a live one in a released app: everybody can take the app apart.
    pub fn cvss(&self) -> Option<&'static str> {
        match self.severity {
            Severity::Critical => Some("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"),
            Severity::High => Some("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:L/VA:N/SC:N/SI:N/SA:N"),
            Severity::Medium => Some("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:L/VI:L/VA:N/SC:N/SI:N/SA:N"),
            Severity::Low => Some("CVSS:4.0/AV:N/AC:H/AT:P/PR:N/UI:P/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N"),
            Severity::Informational => None,
        }
    }

    /// What to do about one, as sentences.
    pub fn fix(&self) -> String {
        let mut revoke = self.revoke.clone();
        if let Some(first) = revoke.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        match (self.exposure, self.weakness) {
            (Exposure::Public, _) => format!("{revoke}."),
            (Exposure::Secret, Weakness::Key) => {
                format!(
                    "{revoke}. A key in an app is known to everybody who has the app: make keys on the device or keep them on your server."
                )
            }
            (Exposure::Secret, _) => {
                format!(
                    "{revoke}. Keep it on your server, and let the app call your backend with the token of the person who is signed in."
                )
            }
        }
    }
}
