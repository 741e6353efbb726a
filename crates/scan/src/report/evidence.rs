//! What shows a finding: a short text, in which no secret stands in full.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest evidence, in characters.
const LONGEST: usize = 400;

/// A short text from the package. It may hold anything, so formats clean and escape it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Evidence(Box<str>);

impl Evidence {
    /// A text that holds no secret, cut to 400 characters.
    pub fn new(text: &str) -> Evidence {
        let mut rest = text.char_indices().skip(LONGEST);
        let cut = rest.next().and_then(|(end, _)| text.get(..end));
        Evidence(cut.map_or_else(|| text.into(), |head| format!("{head}…").into()))
    }

    /// A text around a secret, of which only the beginning is shown.
    pub fn around(before: &str, secret: &str, after: &str) -> Evidence {
        Evidence::new(&format!("{before}{}{after}", redact(secret)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What lasts over rebuilds: white space as one space, and without what a compiler numbers anew: addresses, registers
    /// and lines.
    pub(super) fn normalised(&self) -> String {
        let words = self.0.split_whitespace().map(|word| {
            let bare = word.trim_matches(|character: char| ",;()[]{}".contains(character));
            if is_numbered(bare) { word.replace(bare, "#") } else { word.to_owned() }
        });
        words.collect::<Vec<_>>().join(" ")
    }
}

/// Whether a word is `0x1f3a`, `v12`, `p0`, `x8` or `:42`, which differ from build to build.
fn is_numbered(word: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let hex = |text: &str| text.len() >= 2 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let register = ['v', 'p', 'x', 'w'].into_iter().any(|letter| word.strip_prefix(letter).is_some_and(digits));
    let address = ["0x", "+0x", "@"].into_iter().any(|prefix| word.strip_prefix(prefix).is_some_and(hex));
    register || address || word.strip_prefix(':').is_some_and(digits)
}

/// A secret as it may be shown: its first characters, none of a short one, and how long it is.
pub fn redact(secret: &str) -> String {
    let length = secret.chars().count();
    let shown = match length {
        0..12 => 0,
        12..20 => 2,
        _ => 4,
    };
    let head: String = secret.chars().take(shown).collect();
    format!("{head}… ({length} characters)")
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Evidence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Evidence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Evidence, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        if text.chars().count() > LONGEST + 1 {
            return Err(serde::de::Error::custom(format!("evidence has more than {LONGEST} characters")));
        }
        Ok(Evidence(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_cut() {
        assert_eq!(redact("hunter2"), "… (7 characters)");
        assert_eq!(redact("AKIAIOSFODNN7EXAMPLE"), "AKIA… (20 characters)");
        let shown = Evidence::around("key = \"", "correct-horse-battery", "\"");
        assert_eq!(shown.as_str(), "key = \"corr… (21 characters)\"");
    }

    #[test]
    fn evidence_is_short() {
        assert_eq!(Evidence::new(&"ä".repeat(400)).as_str().chars().count(), 400);
        assert_eq!(Evidence::new(&"ä".repeat(401)).as_str().chars().count(), 401);
        assert!(Evidence::new(&"ä".repeat(100_000)).as_str().ends_with("ä…"));
    }

    #[test]
    fn what_a_compiler_numbers_is_left_out() {
        let one = Evidence::new("invoke-virtual {v3, p1}, Lcom/acme/A;->b()V  at 0x1f3a");
        let other = Evidence::new("invoke-virtual {v12, p0},\n Lcom/acme/A;->b()V at 0xfe");
        assert_eq!(one.normalised(), other.normalised());
        assert_eq!(Evidence::new("AES/ECB key v1 of 128 bits").normalised(), "AES/ECB key # of 128 bits");
    }
}
