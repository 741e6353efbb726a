//! Patterns that name public paths when there is no contract: `/health` is that path, `/assets/*` all below `/assets/`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::path::{PathError, StrictPath};

/// A path, or all paths below a folder.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PathPattern {
    /// The decoded segments; the last one is empty for a path that ends in a slash.
    segments: Vec<Box<str>>,
    below: bool,
    written: Arc<str>,
}

/// Why a text is not a path pattern.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PatternError {
    /// The path itself is refused.
    #[error("`{pattern}` is not a path pattern: {source}; write an absolute path such as `/health` or `/assets/*`")]
    Path {
        /// What was written.
        pattern: String,
        /// Why.
        source: PathError,
    },
    /// A star elsewhere than alone in the last segment.
    #[error("`{0}` has a `*` that is not alone in the last segment; write `/assets/*` for everything below `/assets/`")]
    Star(String),
    /// Braces, as in a template.
    #[error("`{0}` has braces; public paths are written out, or as `/assets/*`")]
    Braces(String),
    /// Everything would be public.
    #[error("`/*` would make everything public; name the folders that are")]
    Everything,
}

impl PathPattern {
    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    pub(crate) fn segments(&self) -> &[Box<str>] {
        &self.segments
    }

    pub(crate) fn is_below(&self) -> bool {
        self.below
    }

    pub(crate) fn written(&self) -> Arc<str> {
        self.written.clone()
    }
}

impl FromStr for PathPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<PathPattern, PatternError> {
        if text == "/*" {
            return Err(PatternError::Everything);
        }
        if text.contains(['{', '}']) {
            return Err(PatternError::Braces(text.to_owned()));
        }
        let (path, below) = text.strip_suffix("/*").map_or((text, false), |folder| (folder, true));
        if path.contains('*') {
            return Err(PatternError::Star(text.to_owned()));
        }
        let refused = |source| PatternError::Path { pattern: text.to_owned(), source };
        let strict = StrictPath::parse(path).map_err(refused)?;
        let segments: Vec<Box<str>> = strict.segments().map(Into::into).collect();
        if below && segments.last().is_none_or(|last| last.is_empty()) {
            return Err(refused(PathError::Empty));
        }
        Ok(PathPattern { segments, below, written: text.into() })
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_exact_or_a_folder() {
        for text in ["/health", "/", "/assets/*", "/a/b/*", "/a/", "/.well-known/*"] {
            assert_eq!(text.parse::<PathPattern>().map(|pattern| pattern.to_string()), Ok(text.to_owned()));
        }
        let refused =
            ["", "*", "health", "/*", "/a*", "/a/*/b", "/a/**", "/{id}", "/a/../b", "//", "//*", "/a//*", "/a%2fb"];
        for text in refused {
            assert!(text.parse::<PathPattern>().is_err(), "{text}");
        }
    }
}
