//! `[risk]`: what follows from how unusual it is that a person comes a way.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use testudo_detection::risk::Settings;

use super::{ConfigError, duration};

/// `[risk]`
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RiskSection {
    /// Whether the score is made at all.
    pub enabled: bool,
    /// The score from which the level is medium.
    pub medium: u8,
    /// The score from which the level is high.
    pub high: u8,
    /// The score from which the level is critical.
    pub critical: u8,
    /// What a high level does on routes that write and where tokens are made.
    pub at_high: RiskAnswer,
    /// What a critical level does everywhere.
    pub at_critical: RiskAnswer,
    /// What a high level does for people who have no second factor.
    pub without_factor: RiskAnswer,
    /// A network, device or client gains weight at most this often.
    #[serde(with = "duration")]
    pub learn_every: Duration,
    /// And at most so many times a day.
    pub most_a_day: u8,
    /// The most people whose profile is in memory; the others' is read when they come.
    pub people: usize,
}

/// What follows from a level.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RiskAnswer {
    /// Nothing, beside what policies make of the score.
    Note,
    /// A fresh second factor is asked for.
    StepUp,
}

impl Default for RiskSection {
    fn default() -> RiskSection {
        let Settings { medium, high, critical, learn_every, most_a_day, people, .. } = Settings::default();
        RiskSection {
            enabled: true,
            medium,
            high,
            critical,
            at_high: RiskAnswer::StepUp,
            at_critical: RiskAnswer::StepUp,
            without_factor: RiskAnswer::Note,
            learn_every,
            most_a_day,
            people,
        }
    }
}

impl RiskSection {
    /// As the model is told.
    pub fn settings(&self) -> Settings {
        Settings {
            medium: self.medium,
            high: self.high,
            critical: self.critical,
            learn_every: self.learn_every,
            most_a_day: self.most_a_day,
            people: self.people,
            ..Settings::default()
        }
    }
}

pub(super) fn validate(section: &RiskSection) -> Result<(), ConfigError> {
    let refuse = |key: &str, message: &str| Err(ConfigError::Value { key: key.into(), message: message.into() });
    let RiskSection { medium, high, critical, most_a_day, people, learn_every, .. } = section;
    if !(1 <= *medium && medium < high && high < critical && *critical <= 100) {
        return refuse("risk.high", "the levels must rise: 1 <= `medium` < `high` < `critical` <= 100");
    }
    if *most_a_day == 0 {
        return refuse("risk.most-a-day", "use 1 to 255; with 0 nothing would ever be usual");
    }
    if !(100..=10_000_000).contains(people) {
        return refuse("risk.people", "use 100 to 10000000; each takes one to two kilobytes");
    }
    if *learn_every > Duration::from_hours(24) {
        return refuse("risk.learn-every", "use at most `24h`");
    }
    Ok(())
}
