//! Scopes (RFC 6749 section 3.3): a set of tokens, written with spaces between.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

const MOST: usize = 32;
const LONGEST: usize = 128;

/// Why a text is no scope list.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a scope list has at most 32 tokens of at most 128 printable characters, with single spaces between")]
pub struct ScopeError;

/// A set of scopes.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(try_from = "BTreeSet<String>", into = "BTreeSet<String>")]
pub struct Scopes(BTreeSet<String>);

impl Scopes {
    /// From a parameter's text. Nothing between two spaces is an error.
    pub fn parse(text: &str) -> Result<Scopes, ScopeError> {
        if text.is_empty() {
            return Ok(Scopes::default());
        }
        Scopes::try_from(text.split(' ').map(str::to_owned).collect::<BTreeSet<_>>())
    }

    /// Whether `scope` is a member.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    /// Whether every member is one of `other` too.
    pub fn within(&self, other: &Scopes) -> bool {
        self.0.is_subset(&other.0)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The members, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The members of both sets.
    #[must_use]
    pub fn union(&self, other: &Scopes) -> Scopes {
        Scopes(self.0.union(&other.0).cloned().collect())
    }

    /// The members, without these.
    #[must_use]
    pub fn without(&self, scopes: &[&str]) -> Scopes {
        Scopes(self.0.iter().filter(|scope| !scopes.contains(&scope.as_str())).cloned().collect())
    }
}

impl TryFrom<BTreeSet<String>> for Scopes {
    type Error = ScopeError;

    fn try_from(scopes: BTreeSet<String>) -> Result<Scopes, ScopeError> {
        let fits = |scope: &String| {
            (1..=LONGEST).contains(&scope.len())
                && scope.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
        };
        if scopes.len() <= MOST && scopes.iter().all(fits) { Ok(Scopes(scopes)) } else { Err(ScopeError) }
    }
}

impl From<Scopes> for BTreeSet<String> {
    fn from(scopes: Scopes) -> BTreeSet<String> {
        scopes.0
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, scope) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::Scopes;

    #[test]
    fn lists_are_read_strictly() {
        assert_eq!(Scopes::parse("b a b").unwrap().to_string(), "a b");
        assert!(Scopes::parse("").unwrap().is_empty());
        for bad in [" a", "a  b", "a ", "a\"b", "a\\b", "\u{e9}"] {
            assert!(Scopes::parse(bad).is_err(), "{bad}");
        }
        assert!(Scopes::parse("a").unwrap().within(&Scopes::parse("a b").unwrap()));
        assert!(!Scopes::parse("a c").unwrap().within(&Scopes::parse("a b").unwrap()));
    }
}
