//! User names: what people type to say who they are.
//!
//! A name is an e-mail address or a plain user name, in lower-case ASCII. Width variants (U+FF01 to U+FF5E) are folded as
//! NFKC would; everything else outside ASCII is refused rather than folded, so no two names look the same and differ.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest name, as long as an e-mail address may be (RFC 5321 section 4.5.3.1.3).
const LONGEST: usize = 254;
/// The longest local part of an e-mail address (RFC 5321 section 4.5.3.1.1) and the longest plain name.
const LONGEST_LOCAL: usize = 64;
/// The shortest plain name.
const SHORTEST: usize = 2;

/// Why a text is not a user name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UsernameError {
    /// Nothing was typed.
    #[error("enter an e-mail address or a user name")]
    Empty,
    /// It is too long or too short.
    #[error("a user name has 2 to 64 characters, an e-mail address at most 254")]
    Length,
    /// It has characters that names do not have.
    #[error("use letters, digits and `. _ + -` only; an e-mail address has one `@`")]
    Characters,
    /// The part after the `@` is not a domain.
    #[error("the part after the `@` is not a domain such as `example.com`")]
    Domain,
}

/// A normalised user name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Username(Box<str>);

impl Username {
    /// The normalised text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the `@`, or all of it.
    pub fn local_part(&self) -> &str {
        self.0.split_once('@').map_or(&*self.0, |(local, _)| local)
    }
}

impl FromStr for Username {
    type Err = UsernameError;

    fn from_str(text: &str) -> Result<Username, UsernameError> {
        // Bounds the work before anything else looks at the text; a folded character is three bytes long.
        if text.len() > 4 * LONGEST {
            return Err(UsernameError::Length);
        }
        let folded: String = text.trim().chars().map(fold).collect();
        if folded.is_empty() {
            return Err(UsernameError::Empty);
        }
        if !folded.is_ascii() {
            return Err(UsernameError::Characters);
        }
        match folded.split_once('@') {
            None if !(SHORTEST..=LONGEST_LOCAL).contains(&folded.len()) => return Err(UsernameError::Length),
            None => check_local(&folded)?,
            Some((local, domain)) => {
                if folded.len() > LONGEST || local.len() > LONGEST_LOCAL {
                    return Err(UsernameError::Length);
                }
                check_local(local)?;
                check_domain(domain)?;
            }
        }
        Ok(Username(folded.into()))
    }
}

/// Lower case, with full-width forms folded to ASCII.
fn fold(letter: char) -> char {
    let narrow = match u32::from(letter) {
        wide @ 0xff01..=0xff5e => char::from_u32(wide - 0xfee0).unwrap_or(letter),
        _ => letter,
    };
    narrow.to_ascii_lowercase()
}

/// A dot-atom (RFC 5322 section 3.2.3) of a smaller alphabet that starts and ends with a letter or digit.
fn check_local(local: &str) -> Result<(), UsernameError> {
    let clean = local.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte));
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if clean && edge(local.bytes().next()) && edge(local.bytes().last()) && !local.contains("..") {
        Ok(())
    } else {
        Err(UsernameError::Characters)
    }
}

/// At least two labels of letters, digits and inner hyphens (RFC 1123 section 2.1), the last not all digits.
fn check_domain(domain: &str) -> Result<(), UsernameError> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = domain.rsplit('.').next().unwrap_or_default();
    let named = last.bytes().any(|byte| !byte.is_ascii_digit());
    if domain.len() <= 253 && domain.contains('.') && domain.split('.').all(label) && named {
        Ok(())
    } else {
        Err(UsernameError::Domain)
    }
}

impl fmt::Debug for Username {
    /// Redacted: a name is personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[username]")
    }
}

impl Serialize for Username {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Username {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Username, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Result<String, UsernameError> {
        text.parse::<Username>().map(|name| name.as_str().to_owned())
    }

    #[test]
    fn names_are_normalised() {
        assert_eq!(parsed("  Ada.Lovelace+x@Example.COM "), Ok("ada.lovelace+x@example.com".into()));
        assert_eq!(parsed("ＡＤＡ"), Ok("ada".into()));
        assert_eq!(parsed("ada＠example.com"), Ok("ada@example.com".into()));
    }

    #[test]
    fn what_is_not_a_name_is_refused() {
        let cases = [
            ("", UsernameError::Empty),
            ("   ", UsernameError::Empty),
            ("a", UsernameError::Length),
            ("аda", UsernameError::Characters), // Cyrillic а
            ("a b", UsernameError::Characters),
            ("a\0b", UsernameError::Characters),
            (".ada", UsernameError::Characters),
            ("a..b@example.com", UsernameError::Characters),
            ("@example.com", UsernameError::Characters),
            ("ada@", UsernameError::Domain),
            ("ada@localhost", UsernameError::Domain),
            ("ada@-x.com", UsernameError::Domain),
            ("ada@127.0.0.1", UsernameError::Domain),
            ("ada@a@b.com", UsernameError::Domain),
        ];
        for (text, error) in cases {
            assert_eq!(parsed(text), Err(error), "{text:?}");
        }
        assert_eq!(parsed(&"a".repeat(65)), Err(UsernameError::Length));
        assert_eq!(parsed(&format!("a@{}.com", "b.".repeat(130))), Err(UsernameError::Length));
        assert_eq!(parsed(&"a".repeat(100_000)), Err(UsernameError::Length));
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in "\\PC{0,40}") {
            if let Ok(once) = parsed(&text) {
                prop_assert_eq!(parsed(&once), Ok(once.clone()));
            }
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", "ada".parse::<Username>().unwrap()), "[username]");
    }
}
