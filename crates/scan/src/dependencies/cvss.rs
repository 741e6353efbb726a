//! CVSS: base scores of 3.0 and 3.1 (FIRST, "Common Vulnerability Scoring System v3.1: Specification", section 7.1), and
//! of 4.0.

use std::str::FromStr;

/// What a vector says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// 0.0.
    None,
    /// 0.1 to 3.9.
    Low,
    /// 4.0 to 6.9.
    Medium,
    /// 7.0 to 8.9.
    High,
    /// 9.0 to 10.0.
    Critical,
}

impl Level {
    /// The level of a score in tenths.
    pub fn of(tenths: u8) -> Level {
        match tenths {
            0 => Level::None,
            1..=39 => Level::Low,
            40..=69 => Level::Medium,
            70..=89 => Level::High,
            _ => Level::Critical,
        }
    }

    /// The level of a word such as `MODERATE`, as advisories write it.
    pub fn of_word(word: &str) -> Option<Level> {
        Some(match word.to_ascii_lowercase().as_str() {
            "none" | "info" | "informational" => Level::None,
            "low" | "minor" => Level::Low,
            "medium" | "moderate" => Level::Medium,
            "high" | "important" | "major" => Level::High,
            "critical" => Level::Critical,
            _ => return None,
        })
    }

    /// The word that reports write.
    pub fn name(self) -> &'static str {
        match self {
            Level::None => "none",
            Level::Low => "low",
            Level::Medium => "medium",
            Level::High => "high",
            Level::Critical => "critical",
        }
    }

    pub(super) fn code(self) -> u8 {
        match self {
            Level::None => 1,
            Level::Low => 2,
            Level::Medium => 3,
            Level::High => 4,
            Level::Critical => 5,
        }
    }

    pub(super) fn of_code(code: u8) -> Option<Level> {
        [Level::None, Level::Low, Level::Medium, Level::High, Level::Critical]
            .into_iter()
            .find(|level| level.code() == code)
    }
}

/// The base score of a vector in tenths; `None` unless it is a whole vector of CVSS 3.0, 3.1 or 4.0.
///
/// ```
/// use testudo_scan::dependencies::score;
///
/// assert_eq!(score("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"), Some(98));
/// assert_eq!(score("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H"), Some(100));
/// assert_eq!(score("AV:N"), None);
/// ```
pub fn score(vector: &str) -> Option<u8> {
    if let Some(metrics) = vector.strip_prefix("CVSS:3.1/") {
        three(metrics, round_up_31)
    } else if let Some(metrics) = vector.strip_prefix("CVSS:3.0/") {
        three(metrics, |value| (value * 10.0).ceil() / 10.0)
    } else if vector.starts_with("CVSS:4.0/") {
        four(vector)
    } else {
        None
    }
}

/// Base metrics of CVSS 3 as they are read.
#[derive(Default)]
struct Metrics<'a>([Option<&'a str>; 8]);

const NAMES: [&str; 8] = ["AV", "AC", "PR", "UI", "S", "C", "I", "A"];

fn three(metrics: &str, round_up: fn(f64) -> f64) -> Option<u8> {
    let mut base = Metrics::default();
    for metric in metrics.split('/').take(64) {
        let (name, value) = metric.split_once(':')?;
        // Temporal and environmental metrics do not change the base score.
        let Some(index) = NAMES.iter().position(|own| *own == name) else { continue };
        let slot = base.0.get_mut(index)?;
        if slot.replace(value).is_some() {
            return None;
        }
    }
    let [Some(av), Some(ac), Some(pr), Some(ui), Some(s), Some(c), Some(i), Some(a)] = base.0 else { return None };
    let changed = match s {
        "C" => true,
        "U" => false,
        _ => return None,
    };
    let vector = match av {
        "N" => 0.85,
        "A" => 0.62,
        "L" => 0.55,
        "P" => 0.2,
        _ => return None,
    };
    let complexity = match ac {
        "L" => 0.77,
        "H" => 0.44,
        _ => return None,
    };
    let privileges = match (pr, changed) {
        ("N", _) => 0.85,
        ("L", false) => 0.62,
        ("L", true) => 0.68,
        ("H", false) => 0.27,
        ("H", true) => 0.5,
        _ => return None,
    };
    let interaction = match ui {
        "N" => 0.85,
        "R" => 0.62,
        _ => return None,
    };
    let loss = |value| match value {
        "H" => Some(0.56),
        "L" => Some(0.22),
        "N" => Some(0.0),
        _ => None,
    };
    let sub: f64 = 1.0 - (1.0 - loss(c)?) * (1.0 - loss(i)?) * (1.0 - loss(a)?);
    let impact = if changed { 7.52 * (sub - 0.029) - 3.25 * (sub - 0.02).powi(15) } else { 6.42 * sub };
    if impact <= 0.0 {
        return Some(0);
    }
    let exploitability = 8.22 * vector * complexity * privileges * interaction;
    let sum = impact + exploitability;
    Some(tenths(round_up(f64::min(if changed { 1.08 * sum } else { sum }, 10.0))))
}

/// Roundup of CVSS 3.1, appendix A: on integers, so that all machines agree.
fn round_up_31(value: f64) -> f64 {
    let input = (value * 100_000.0).round();
    if input % 10_000.0 == 0.0 { input / 100_000.0 } else { ((input / 10_000.0).floor() + 1.0) / 10.0 }
}

fn four(vector: &str) -> Option<u8> {
    // The calculator needs all eleven base metrics.
    for name in ["AV", "AC", "AT", "PR", "UI", "VC", "VI", "VA", "SC", "SI", "SA"] {
        let metrics = vector.split('/').filter(|metric| metric.split_once(':').is_some_and(|(own, _)| own == name));
        if metrics.count() != 1 {
            return None;
        }
    }
    let vector = cvss::v4::Vector::from_str(vector).ok()?;
    Some(tenths(vector.score().value()))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
fn tenths(score: f64) -> u8 {
    (score.clamp(0.0, 10.0) * 10.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_scores_are_those_of_the_specifications_examples() {
        for (vector, expected) in [
            ("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 64),
            ("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 61),
            ("CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 31),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 75),
            ("CVSS:3.1/AV:L/AC:L/PR:H/UI:N/S:U/C:L/I:L/A:L", 42),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:H/I:H/A:H", 96),
            ("CVSS:3.1/AV:P/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 68),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H/E:P/RL:O", 100),
        ] {
            assert_eq!(score(vector), Some(expected), "{vector}");
        }
    }

    #[test]
    fn what_is_no_whole_vector_has_no_score() {
        for vector in [
            "",
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H",
            "CVSS:3.1/AV:N/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "CVSS:4.0/AV:N/AC:L",
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:Q",
            "CVSS:2.0/AV:N",
        ] {
            assert_eq!(score(vector), None, "{vector}");
        }
    }
}
