//! Numbers, strings, and the values of `enum` and `const` (JSON Schema 2020-12 validation, 6.1 to 6.3).

use std::cmp::Ordering;

use testudo_core::ProvenKind;

use super::Run;
use crate::schema::JsonType;
use crate::validate::equal::equals;
use crate::validate::format::Width;
use crate::validate::number::Decimal;
use crate::validate::rule::{NumberRule, Rule, TextRule, Values};
use crate::validate::tape::{Item, Kind};

impl Run<'_, '_, '_> {
    pub(super) fn listed(&mut self, values: &Values, at: usize, item: &Item) -> bool {
        let fits = match item.kind {
            Kind::Null => values.null,
            Kind::True => values.yes,
            Kind::False => values.no,
            Kind::Number => {
                let number = Decimal::parse(self.tape.raw(at));
                number.is_some_and(|number| values.numbers.contains(&number))
            }
            Kind::String | Kind::Key => {
                let said = self.tape.bytes(at);
                values.texts.binary_search_by(|text| text.as_bytes().cmp(&said)).is_ok()
            }
            Kind::Array | Kind::Object => values.others.iter().any(|value| equals(self.tape, at, value)),
            Kind::File => false,
        };
        if !fits {
            return self.fail("not-listed", at, || format!("one of {}", values.shown));
        }
        match item.kind {
            Kind::String if values.plain => self.prove(at, ProvenKind::Enum),
            Kind::True | Kind::False => self.prove(at, ProvenKind::Boolean),
            Kind::Number => self.prove(at, ProvenKind::Number),
            _ => {}
        }
        true
    }

    pub(super) fn number(&mut self, rule: &Rule, at: usize) -> bool {
        if let Some(limits) = &rule.number
            && !within(limits, self.tape.raw(at))
        {
            return self.fail("out-of-range", at, || limits.shown.to_string());
        }
        if rule.types.contains(JsonType::Number) || rule.types.contains(JsonType::Integer) {
            self.prove(at, ProvenKind::Number);
        }
        true
    }

    pub(super) fn text(&mut self, rule: &TextRule, at: usize) -> bool {
        let bytes = self.tape.bytes(at);
        self.steps = self.steps.saturating_sub(bytes.len() / 64);
        let Ok(text) = std::str::from_utf8(&bytes) else {
            return self.fail("not-utf8", at, || "UTF-8".into());
        };
        if !rule.length.is_open() {
            let length = if text.is_ascii() { text.len() } else { text.chars().count() };
            if !rule.length.contains(length) {
                return self.fail("wrong-length", at, || sizes("characters", rule.length.min, rule.length.max));
            }
        }
        if let Some(format) = rule.format
            && !format.fits(text)
        {
            return self.fail("wrong-format", at, || format!("a string of format {}", format.name()));
        }
        if let Some(pattern) = &rule.pattern
            && !pattern.matches(text)
        {
            return self.fail("wrong-pattern", at, || format!("a string that matches `{}`", pattern.written));
        }
        if let Some(kind) = rule.proves {
            self.prove(at, kind);
        }
        true
    }
}

/// For messages: how many there may be.
pub(super) fn sizes(what: &str, min: Option<u64>, max: Option<u64>) -> String {
    match (min, max) {
        (Some(min), Some(max)) if min == max => format!("{min} {what}"),
        (Some(min), Some(max)) => format!("{min} to {max} {what}"),
        (Some(min), None) => format!("at least {min} {what}"),
        (None, max) => format!("at most {} {what}", max.unwrap_or(u64::MAX)),
    }
}

/// Whether a number has no fraction.
pub(super) fn is_integer(raw: &[u8]) -> bool {
    let plain = raw.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-');
    plain || Decimal::parse(raw).is_some_and(Decimal::is_integer)
}

/// Whether a number keeps the limits. One with more digits than are compared keeps none.
fn within(limits: &NumberRule, raw: &[u8]) -> bool {
    let Some(number) = Decimal::parse(raw) else { return false };
    let above = |(least, exclusive): (Decimal, bool)| match number.order(least) {
        Ordering::Greater => true,
        Ordering::Equal => !exclusive,
        Ordering::Less => false,
    };
    let below = |(most, exclusive): (Decimal, bool)| match number.order(most) {
        Ordering::Less => true,
        Ordering::Equal => !exclusive,
        Ordering::Greater => false,
    };
    let float = || std::str::from_utf8(raw).ok().and_then(|text| text.parse::<f64>().ok()).unwrap_or(f64::INFINITY);
    let narrow = |width: Width| match width {
        Width::Int32 => number.integer().is_some_and(|whole| i32::try_from(whole).is_ok()),
        Width::Int64 => number.integer().is_some_and(|whole| i64::try_from(whole).is_ok()),
        Width::Float => float().abs() <= f64::from(f32::MAX),
        Width::Double => float().is_finite(),
    };
    let multiple = |of: Decimal| number.is_multiple_of(of).unwrap_or(false);
    limits.least.is_none_or(above)
        && limits.most.is_none_or(below)
        && limits.width.is_none_or(narrow)
        && limits.multiple_of.is_none_or(multiple)
}
