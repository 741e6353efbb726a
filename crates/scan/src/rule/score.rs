//! Scores: vectors of CVSS 4.0 and 3.1 (<https://www.first.org/cvss/>) and the severity of their buckets.

use std::fmt;
use std::str::FromStr;

use testudo_core::Severity;

/// Why a text is not a vector.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ScoreError {
    /// It is of another version.
    #[error("`{0}` is no vector of CVSS 4.0 or 3.1; write one that begins with `CVSS:4.0/`")]
    Version(String),
    /// A metric is unknown, missing or twice there.
    #[error("the vector `{vector}` does not read: {why}")]
    Metric {
        /// The vector.
        vector: String,
        /// What the reader says.
        why: String,
    },
}

/// The metrics that every vector of CVSS 3.1 has.
const BASE_31: [&str; 8] = ["AV", "AC", "PR", "UI", "S", "C", "I", "A"];

/// A vector and its score.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Cvss {
    vector: Box<str>,
    /// The score in tenths.
    tenths: u8,
}

impl Cvss {
    /// The vector, as written.
    pub fn vector(&self) -> &str {
        &self.vector
    }

    /// The score, 0.0 to 10.0, in steps of 0.1.
    pub fn score(&self) -> f64 {
        f64::from(self.tenths) / 10.0
    }

    /// `4.0` or `3.1`.
    pub fn version(&self) -> &str {
        self.vector.strip_prefix("CVSS:").and_then(|rest| rest.split('/').next()).unwrap_or_default()
    }
}

impl FromStr for Cvss {
    type Err = ScoreError;

    fn from_str(text: &str) -> Result<Cvss, ScoreError> {
        let short = || text.chars().filter(|character| !character.is_control()).take(160).collect::<String>();
        if text.len() > 512 || !(text.starts_with("CVSS:4.0/") || text.starts_with("CVSS:3.1/")) {
            return Err(ScoreError::Version(short()));
        }
        let vector: cvss::Cvss = text
            .parse()
            .map_err(|error: cvss::Error| ScoreError::Metric { vector: short(), why: error.to_string() })?;
        // The reader of 3.1 lets metrics be missing.
        let names: Vec<&str> = text.split('/').skip(1).filter_map(|metric| metric.split(':').next()).collect();
        let missing = BASE_31.iter().find(|name| text.starts_with("CVSS:3.1/") && !names.contains(name));
        let twice = names.iter().enumerate().find(|(at, name)| names.iter().take(*at).any(|other| other == *name));
        let why = missing
            .map(|name| format!("the metric {name} is missing"))
            .or_else(|| twice.map(|(_, name)| format!("the metric {name} is there twice")));
        if let Some(why) = why {
            return Err(ScoreError::Metric { vector: short(), why });
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=100 just before")]
        let tenths = (vector.score() * 10.0).round().clamp(0.0, 100.0) as u8;
        Ok(Cvss { vector: text.into(), tenths })
    }
}

impl fmt::Display for Cvss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.vector)
    }
}

/// The bucket of a score: none, low below 4, medium below 7, high below 9, then critical. These are also the buckets of
/// GitHub's `security-severity`.
pub fn severity_of(score: f64) -> Severity {
    match score {
        score if score >= 9.0 => Severity::Critical,
        score if score >= 7.0 => Severity::High,
        score if score >= 4.0 => Severity::Medium,
        score if score > 0.0 => Severity::Low,
        _ => Severity::Informational,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "test code")]
mod tests {
    use super::*;

    /// Scores as the calculators of FIRST give them.
    #[test]
    fn scores_are_those_of_first() {
        for (vector, score, severity) in [
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 9.3, Severity::Critical),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N", 0.0, Severity::Informational),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8, Severity::Critical),
            ("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:L/I:N/A:N", 3.3, Severity::Low),
            ("CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:L/A:N", 4.2, Severity::Medium),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 7.5, Severity::High),
        ] {
            let cvss: Cvss = vector.parse().unwrap();
            assert!((cvss.score() - score).abs() < 0.01, "{vector}: {}", cvss.score());
            assert_eq!(severity_of(cvss.score()), severity, "{vector}");
            assert_eq!(cvss.to_string(), vector);
        }
    }

    #[test]
    fn other_vectors_are_refused() {
        for bad in [
            "",
            "CVSS:4.0/",
            "CVSS:2.0/AV:N/AC:L/Au:N/C:P/I:P/A:P",
            "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H",
            "CVSS:3.1/AV:N/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "CVSS:4.0/AV:Q/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
            "AV:N/AC:L",
        ] {
            assert!(bad.parse::<Cvss>().is_err(), "{bad}");
        }
    }
}
