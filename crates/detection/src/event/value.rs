//! A value of a field.

use std::borrow::Cow;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use testudo_core::{Pseudonym, Timestamp};

use crate::predicate::{Number, TimePart};

/// A value of a field.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value<'e> {
    /// The field is there without a value.
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Cow<'e, str>),
    Name(Pseudonym),
    /// A map; its members are fields of their own.
    Map,
}

impl Value<'_> {
    /// As a text, without wildcards or quotes.
    pub(crate) fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Value::Null | Value::Map => None,
            Value::Bool(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
            Value::Int(value) => Some(Cow::Owned(value.to_string())),
            Value::Float(value) => Some(Cow::Owned(value.to_string())),
            Value::Text(text) => Some(Cow::Borrowed(text)),
            Value::Name(name) => Some(Cow::Owned(name.to_string())),
        }
    }

    pub(crate) fn number(&self) -> Option<Number> {
        match self {
            Value::Int(value) => Some(Number::Int(*value)),
            Value::Float(value) => Some(Number::Float(*value)),
            Value::Text(text) => Number::parse(text),
            _ => None,
        }
    }

    /// As an instant: RFC 3339 (a missing zone is UTC), or a count since 1970 whose size tells its unit.
    pub(crate) fn instant(&self) -> Option<Timestamp> {
        match self {
            Value::Int(value) => Some(epoch(*value)),
            #[expect(clippy::cast_possible_truncation, reason = "saturates, and instants are no more exact than that")]
            Value::Float(value) => Some(Timestamp::from_micros((value * 1e6) as i64)),
            Value::Text(text) => {
                if let Ok(instant) = text.parse::<jiff::Timestamp>() {
                    return Some(Timestamp::from_micros(instant.as_microsecond()));
                }
                if let Ok(civil) = text.parse::<DateTime>() {
                    let instant = TimeZone::UTC.to_timestamp(civil).ok()?;
                    return Some(Timestamp::from_micros(instant.as_microsecond()));
                }
                text.parse().ok().map(epoch)
            }
            _ => None,
        }
    }

    /// A part of the instant, in UTC.
    pub(crate) fn part(&self, part: TimePart) -> Option<i64> {
        let instant = jiff::Timestamp::from_microsecond(self.instant()?.micros()).ok()?;
        let civil = TimeZone::UTC.to_datetime(instant);
        Some(match part {
            TimePart::Minute => civil.minute().into(),
            TimePart::Hour => civil.hour().into(),
            TimePart::Day => civil.day().into(),
            TimePart::Week => civil.date().iso_week_date().week().into(),
            TimePart::Month => civil.month().into(),
            TimePart::Year => civil.year().into(),
        })
    }
}

/// Seconds, milliseconds, microseconds or nanoseconds since 1970, by size.
fn epoch(value: i64) -> Timestamp {
    match value.unsigned_abs() {
        0..100_000_000_000 => Timestamp::from_seconds(value),
        100_000_000_000..100_000_000_000_000 => Timestamp::from_micros(value.saturating_mul(1_000)),
        100_000_000_000_000..100_000_000_000_000_000 => Timestamp::from_micros(value),
        _ => Timestamp::from_micros(value / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_in_any_usual_form() {
        let same = [
            Value::Text("2026-03-01T23:30:00Z".into()),
            Value::Text("2026-03-02T01:30:00+02:00".into()),
            Value::Text("2026-03-01 23:30:00".into()),
            Value::Text("1772407800".into()),
            Value::Int(1_772_407_800),
            Value::Int(1_772_407_800_000),
            Value::Int(1_772_407_800_000_000),
            Value::Int(1_772_407_800_000_000_000),
            Value::Float(1_772_407_800.0),
        ];
        for value in same {
            assert_eq!(value.instant(), Some(Timestamp::from_seconds(1_772_407_800)), "{value:?}");
            assert_eq!(value.part(TimePart::Hour), Some(23));
            assert_eq!(value.part(TimePart::Minute), Some(30));
            assert_eq!(value.part(TimePart::Day), Some(1));
            assert_eq!(value.part(TimePart::Week), Some(9));
            assert_eq!(value.part(TimePart::Month), Some(3));
            assert_eq!(value.part(TimePart::Year), Some(2026));
        }
        assert_eq!(Value::Text("yesterday".into()).instant(), None);
    }
}
