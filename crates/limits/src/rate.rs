//! Rates such as `100/s` or `1000/min burst 200`, and what the cell rate algorithm makes of them.
//!
//! The generic cell rate algorithm (ITU-T I.371, annex A) keeps one instant for each key: the theoretical arrival time.
//! A request is refused while that instant is further ahead than the tolerance; each admitted one moves it on by the
//! interval between two requests.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Microseconds: the tick of the table.
pub(crate) type Micros = u64;

/// The shortest time between two requests of a rate: 100,000 a second.
const SHORTEST: Micros = 10;
/// The longest time that a used-up limit may take to be whole again.
const LONGEST: Micros = 7 * 24 * 3600 * 1_000_000;
const MOST: u64 = 1_000_000;

/// So many requests in a time, and how many of them may come at once.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Rate {
    count: u64,
    every: u64,
    unit: Unit,
    burst: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Unit {
    Second,
    Minute,
    Hour,
    Day,
}

/// Why a text is not a rate.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RateError {
    /// It is not of the form `COUNT/UNIT` or `COUNT/UNIT burst COUNT`.
    #[error("`{0}` is not a rate; write it like `100/s`, `5/10s` or `1000/min burst 200`")]
    Form(String),
    /// The unit of time is unknown.
    #[error("`{0}` is not a unit of time; use `s`, `min`, `h` or `day`")]
    Unit(String),
    /// A number is zero or too large.
    #[error("`{0}` is not a number from 1 to 1000000")]
    Number(String),
    /// More than 100,000 requests a second.
    #[error("`{0}` is more than 100000 requests a second; use a lower rate, or `off`")]
    Fast(String),
    /// A used-up limit would need more than seven days.
    #[error("`{0}` needs more than 7 days to be whole again once it is used up; use a lower burst or a higher rate")]
    Slow(String),
}

impl Rate {
    pub(crate) const fn per_second(count: u64, burst: u64) -> Rate {
        Rate { count, every: 1, unit: Unit::Second, burst }
    }

    pub(crate) const fn per_minute(count: u64, burst: u64) -> Rate {
        Rate { count, every: 1, unit: Unit::Minute, burst }
    }

    /// How many requests may come at once; the quota of the `RateLimit-Policy` header.
    pub fn burst(self) -> u64 {
        self.burst
    }

    /// The limit that the algorithm works with.
    pub(crate) fn limit(self) -> Limit {
        let interval = self.period().div_ceil(self.count);
        Limit { interval, tolerance: interval * (self.burst - 1) }
    }

    fn period(self) -> Micros {
        self.every * self.unit.micros()
    }
}

impl Unit {
    const fn micros(self) -> Micros {
        1_000_000
            * match self {
                Unit::Second => 1,
                Unit::Minute => 60,
                Unit::Hour => 3600,
                Unit::Day => 86_400,
            }
    }

    const fn name(self) -> &'static str {
        match self {
            Unit::Second => "s",
            Unit::Minute => "min",
            Unit::Hour => "h",
            Unit::Day => "day",
        }
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Rate, RateError> {
        let form = || RateError::Form(text.chars().take(64).collect());
        let mut words = text.split_ascii_whitespace();
        let (count, time) = words.next().and_then(|rate| rate.split_once('/')).ok_or_else(form)?;
        let count = number(count)?;
        let burst = match (words.next(), words.next(), words.next()) {
            (None, _, _) => count,
            (Some("burst"), Some(burst), None) => number(burst)?,
            _ => return Err(form()),
        };
        let digits = time.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(time.len());
        let (every, unit) = time.split_at_checked(digits).ok_or_else(form)?;
        let every = if every.is_empty() { 1 } else { number(every)? };
        let unit = match unit {
            "s" | "sec" | "second" => Unit::Second,
            "m" | "min" | "minute" => Unit::Minute,
            "h" | "hour" => Unit::Hour,
            "d" | "day" => Unit::Day,
            other => return Err(RateError::Unit(other.chars().take(16).collect())),
        };
        let rate = Rate { count, every, unit, burst };
        let interval = rate.period().div_ceil(count);
        if rate.period() < SHORTEST * count {
            return Err(RateError::Fast(rate.to_string()));
        }
        if interval.saturating_mul(burst) > LONGEST {
            return Err(RateError::Slow(rate.to_string()));
        }
        Ok(rate)
    }
}

fn number(text: &str) -> Result<u64, RateError> {
    let plain = !text.is_empty() && text.len() <= 7 && text.bytes().all(|byte| byte.is_ascii_digit());
    let value = if plain { text.parse().ok() } else { None };
    value.filter(|value| (1..=MOST).contains(value)).ok_or_else(|| RateError::Number(text.chars().take(16).collect()))
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.every {
            1 => write!(f, "{}/{}", self.count, self.unit.name())?,
            every => write!(f, "{}/{every}{}", self.count, self.unit.name())?,
        }
        if self.burst == self.count { Ok(()) } else { write!(f, " burst {}", self.burst) }
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Rate, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A rate as the algorithm needs it. The interval is rounded up to whole microseconds, so that never more is admitted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Limit {
    /// Between two requests at the steady rate.
    pub interval: Micros,
    /// How far ahead the theoretical arrival time may be.
    pub tolerance: Micros,
}

impl Limit {
    /// The time until a used-up limit is whole again.
    pub fn span(self) -> Micros {
        self.tolerance + self.interval
    }

    /// How many more requests a key with this debt may send at once.
    pub fn remaining(self, debt: Micros) -> u64 {
        self.span().saturating_sub(debt) / self.interval.max(1)
    }
}

/// A rate or `off`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Setting {
    /// There is no such limit.
    Off,
    /// The limit.
    On(Rate),
}

impl Setting {
    /// The rate, unless it is off.
    pub fn rate(self) -> Option<Rate> {
        match self {
            Setting::Off => None,
            Setting::On(rate) => Some(rate),
        }
    }
}

impl FromStr for Setting {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Setting, RateError> {
        if text == "off" { Ok(Setting::Off) } else { text.parse().map(Setting::On) }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Setting::Off => f.write_str("off"),
            Setting::On(rate) => rate.fmt(f),
        }
    }
}

impl Serialize for Setting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Setting, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
