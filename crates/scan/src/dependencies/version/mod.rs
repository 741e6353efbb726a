//! Versions in the order of their registries (OSV schema, `affected[].ranges[]`).
//!
//! Every order is total over all texts, so that a version that follows no rule has a place too and hostile data can't
//! confuse a sort. Texts beyond [`LONGEST`] bytes are compared by their first bytes.

mod gem;
mod maven;
mod semver;

use std::cmp::Ordering;

/// As much of a version is compared.
pub const LONGEST: usize = 512;

/// How versions are ordered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Scheme {
    /// Maven's `ComparableVersion`.
    Maven,
    /// Semantic Versioning 2.0, lenient: `v1`, `1.2` and more than three numbers are taken.
    SemVer,
    /// As Semantic Versioning, where what stands behind `+` counts.
    Pub,
    /// `Pod::Version`.
    CocoaPods,
    /// `Gem::Version`.
    Gem,
}

impl Scheme {
    /// Orders two versions.
    ///
    /// ```
    /// use std::cmp::Ordering;
    /// use testudo_scan::dependencies::Scheme;
    ///
    /// assert_eq!(Scheme::Maven.compare("1.0-rc1", "1.0"), Ordering::Less);
    /// assert_eq!(Scheme::SemVer.compare("v1.2", "1.2.0+7"), Ordering::Equal);
    /// ```
    pub fn compare(self, one: &str, other: &str) -> Ordering {
        let (one, other) = (clip(one.trim()), clip(other.trim()));
        if one == other {
            return Ordering::Equal;
        }
        match self {
            Scheme::Maven => maven::compare(one, other),
            Scheme::SemVer => semver::compare(one, other, false),
            Scheme::Pub => semver::compare(one, other, true),
            Scheme::CocoaPods => semver::compare_pods(one, other),
            Scheme::Gem => gem::compare(one, other),
        }
    }
}

fn clip(text: &str) -> &str {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or(text)
}

/// Orders two runs of decimal digits by value, however long.
fn digits(one: &str, other: &str) -> Ordering {
    let (one, other) = (one.trim_start_matches('0'), other.trim_start_matches('0'));
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

fn numeric(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
