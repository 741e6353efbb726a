//! A path at and below which routes are restricted, such as `/transfers`; `/` is all.
//!
//! It covers a request by the template of its route and by its own path, whichever fits. Paths are compared by decoded
//! segment, without regard to case and to path parameters (`;x=1`), since a backend may do so too: a request too many is
//! refused rather than one too few.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest path in bytes, and the most segments.
const MAX_BYTES: usize = 256;
const MAX_SEGMENTS: usize = 32;

/// The path.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoutePath(Box<str>);

/// Why a text is no such path.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RoutePathError {
    /// It is too long.
    #[error("a path has at most 256 bytes and 32 segments")]
    Long,
    /// It is not absolute, or has empty segments.
    #[error("a path starts with `/` and has no empty segment, such as `/transfers` or `/accounts/{{id}}`")]
    Form,
    /// It has a character that it may not have.
    #[error(
        "a path has letters, digits and `-._~{{}}` only; it stands in the journal in plain, so name routes by their \
             templates and not by what is in them"
    )]
    Character,
}

impl RoutePath {
    /// As it was written, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a route lies at or below it.
    pub fn covers(&self, template: &str, path: &str) -> bool {
        self.leads(template, str::to_owned) || self.leads(path, decoded)
    }

    fn leads(&self, other: &str, read: impl Fn(&str) -> String) -> bool {
        let mut others = other.split('/').filter(|segment| !segment.is_empty());
        self.0
            .split('/')
            .filter(|segment| !segment.is_empty())
            .all(|own| others.next().is_some_and(|segment| read(segment).eq_ignore_ascii_case(own)))
    }
}

/// A segment as a backend may read it.
fn decoded(segment: &str) -> String {
    let text = percent_encoding::percent_decode_str(segment).decode_utf8_lossy();
    text.split(';').next().unwrap_or_default().trim().to_owned()
}

impl FromStr for RoutePath {
    type Err = RoutePathError;

    fn from_str(text: &str) -> Result<RoutePath, RoutePathError> {
        if text.len() > MAX_BYTES {
            return Err(RoutePathError::Long);
        }
        let rest = text.strip_prefix('/').ok_or(RoutePathError::Form)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.is_empty() {
            return Ok(RoutePath("/".into()));
        }
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~{}".contains(&byte);
        let mut count = 0;
        for segment in rest.split('/') {
            count += 1;
            if matches!(segment, "" | "." | "..") {
                return Err(RoutePathError::Form);
            }
            if !segment.bytes().all(fits) {
                return Err(RoutePathError::Character);
            }
        }
        if count > MAX_SEGMENTS { Err(RoutePathError::Long) } else { Ok(RoutePath(format!("/{rest}").into())) }
    }
}

impl TryFrom<String> for RoutePath {
    type Error = RoutePathError;

    fn try_from(text: String) -> Result<RoutePath, RoutePathError> {
        text.parse()
    }
}

impl From<RoutePath> for String {
    fn from(path: RoutePath) -> String {
        path.0.into()
    }
}

impl fmt::Display for RoutePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_path_covers_what_is_at_and_below_it_however_it_is_written() {
        let covers = |restricted: &str, template: &str, path: &str| {
            restricted.parse::<RoutePath>().unwrap().covers(template, path)
        };
        assert!(covers("/transfers", "/transfers", "/transfers"));
        assert!(covers("/transfers/", "/transfers/{id}", "/transfers/7"));
        assert!(!covers("/transfers", "/transfersto", "/transfersto"));
        assert!(!covers("/transfers/{id}", "/transfers", "/transfers"));
        assert!(covers("/accounts/{id}/close", "/accounts/{id}/close", "/accounts/7/close"));
        assert!(!covers("/accounts/{id}/close", "/accounts/{id}", "/accounts/7"));
        // Without a contract there is one template for all.
        for path in ["/%74ransfers", "/TRANSFERS/7", "/transfers;v=1/7", "/transfers%20/7", "/transfers/"] {
            assert!(covers("/transfers", "/*", path), "{path}");
        }
        assert!(!covers("/transfers", "/*", "/"));
        assert!(covers("/", "/*", "/anything") && covers("/", "/", "/"));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        let error = |text: &str| text.parse::<RoutePath>().unwrap_err();
        assert_eq!(error("transfers"), RoutePathError::Form);
        assert_eq!(error(""), RoutePathError::Form);
        assert_eq!(error("//x"), RoutePathError::Form);
        assert_eq!(error("/a/../b"), RoutePathError::Form);
        assert_eq!(error("/people/ada@example.org"), RoutePathError::Character);
        assert_eq!(error("/a?b"), RoutePathError::Character);
        assert_eq!(error("/a%2fb"), RoutePathError::Character);
        assert_eq!(error(&format!("/{}", "a".repeat(256))), RoutePathError::Long);
        assert_eq!(error(&"/a".repeat(33)), RoutePathError::Long);
        assert_eq!("/a/b/".parse::<RoutePath>().unwrap().as_str(), "/a/b");
        assert_eq!("/".parse::<RoutePath>().unwrap().as_str(), "/");
    }
}
