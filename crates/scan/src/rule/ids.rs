//! Ids of rules and of the catalogues they refer to: MITRE CWE, OWASP MASWE and MASTG.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not an id.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IdError {
    /// A rule's id has another form.
    #[error(
        "`{0}` is no id of a rule; write 2 to 64 characters in kebab case that begin with a letter, such as \
         `crypto-ecb-mode`"
    )]
    Rule(String),
    /// A weakness has another form.
    #[error("`{0}` is no weakness; write `CWE-` and its number, such as `CWE-295`")]
    Cwe(String),
    /// A mobile weakness has another form.
    #[error("`{0}` is no weakness of MASWE; write `MASWE-` and four digits, such as `MASWE-0052`")]
    Maswe(String),
    /// A test has another form.
    #[error("`{0}` is no test of MASTG; write `MASTG-TEST-` and four digits, such as `MASTG-TEST-0234`")]
    Mastg(String),
    /// There is no such control.
    #[error("`{0}` is no control of MASVS 2; write one such as `MASVS-STORAGE-1` (see https://mas.owasp.org/MASVS/)")]
    Masvs(String),
}

/// The stable id of a rule, in kebab case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RuleId(Box<str>);

impl RuleId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RuleId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<RuleId, IdError> {
        let fits = (2..=64).contains(&text.len()) && text.starts_with(|first: char| first.is_ascii_lowercase());
        let word = |word: &str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        if fits && text.split('-').all(word) { Ok(RuleId(text.into())) } else { Err(IdError::Rule(shown(text))) }
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What an error shows of a text: its first 80 characters, without control characters.
fn shown(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(80).collect()
}

/// The number after a prefix, in digits of which the count is in `digits`; without leading zeros if that may vary.
fn number(text: &str, prefix: &str, digits: std::ops::RangeInclusive<usize>) -> Option<u32> {
    let rest = text.strip_prefix(prefix)?;
    let plain = digits.contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_digit());
    let padded = digits.start() != digits.end() && rest.starts_with('0');
    let value: u32 = rest.parse().ok().filter(|_| plain && !padded)?;
    (value > 0).then_some(value)
}

macro_rules! numbered {
    ($($(#[$doc:meta])* $name:ident, $prefix:literal, $digits:expr, $width:literal, $error:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(u32);

        impl $name {
            /// The number after the prefix.
            pub const fn number(self) -> u32 {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<$name, IdError> {
                number(text, $prefix, $digits).map($name).ok_or_else(|| IdError::$error(shown(text)))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{:0", $width, "}"), self.0)
            }
        }
    )+};
}

numbered! {
    /// A weakness of MITRE's list.
    Cwe, "CWE-", 1..=5, "1", Cwe;
    /// A weakness of OWASP's mobile list.
    Maswe, "MASWE-", 4..=4, "4", Maswe;
    /// A test of OWASP's mobile testing guide.
    MastgTest, "MASTG-TEST-", 4..=4, "4", Mastg;
}

macro_rules! as_text {
    ($($name:ty),+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

as_text!(RuleId, Cwe, Maswe, MastgTest, super::Control, super::Cvss);

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "test code")]
mod tests {
    use super::*;

    #[test]
    fn forms_are_kept() {
        for good in ["crypto-ecb-mode", "a1", "tls13-only"] {
            assert_eq!(good.parse::<RuleId>().unwrap().as_str(), good);
        }
        for bad in ["", "a", "-a", "a-", "a--b", "Crypto", "1a", "a_b", "ä-b", &"a".repeat(65)] {
            assert!(bad.parse::<RuleId>().is_err(), "{bad}");
        }
        assert_eq!("CWE-79".parse::<Cwe>().unwrap().to_string(), "CWE-79");
        for bad in ["CWE-", "CWE-0", "CWE-079", "cwe-79", "CWE-+7", "CWE-123456"] {
            assert!(bad.parse::<Cwe>().is_err(), "{bad}");
        }
        assert_eq!("MASWE-0052".parse::<Maswe>().unwrap().to_string(), "MASWE-0052");
        assert_eq!("MASTG-TEST-0234".parse::<MastgTest>().unwrap().number(), 234);
        for bad in ["MASWE-52", "MASWE-00052", "MASWE-0000", "MASWE-00a2"] {
            assert!(bad.parse::<Maswe>().is_err(), "{bad}");
        }
    }
}
