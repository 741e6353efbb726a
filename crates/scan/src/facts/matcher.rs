//! What an attribute must say: a value, or a table of demands that all have to hold.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Row, Value};

/// The longest pattern, in bytes.
const LONGEST: usize = 256;

/// What an attribute must say.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum Matcher {
    /// This value; of a list, one of its texts.
    Is(Scalar),
    /// All of these.
    Wants(Box<Wants>),
}

/// A single value.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
}

/// Demands. Those that deny (`none-of`, `unlike`) also hold where the attribute is absent; the others don't.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Wants {
    /// Whether there is no such attribute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absent: Option<bool>,
    /// It is one of these; of a list, one of its texts is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub any_of: Vec<Scalar>,
    /// It is none of these; of a list, none of its texts is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub none_of: Vec<Scalar>,
    /// It matches one of these patterns, in which `*` is any text.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "one_or_many")]
    pub matches: Vec<Pattern>,
    /// It matches none of these patterns.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "one_or_many")]
    pub unlike: Vec<Pattern>,
    /// The list has all of these.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "one_or_many")]
    pub has: Vec<String>,
    /// The number is less.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below: Option<i64>,
    /// The number is this or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<i64>,
    /// It equals this attribute of the condition's own row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_as: Option<String>,
}

/// A pattern of texts, in which `*` is any text. Its parts between stars are sought one after another, so that no text
/// takes longer than it is long for each of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern {
    text: String,
    parts: Vec<String>,
}

impl Pattern {
    fn matches(&self, text: &str) -> bool {
        let [first, between @ .., last] = self.parts.as_slice() else {
            return self.parts.first().is_some_and(|whole| whole == text);
        };
        let mut rest = text;
        for (at, part) in std::iter::once(first).chain(between).enumerate() {
            let after = match at {
                0 => rest.strip_prefix(part.as_str()),
                _ => rest.split_once(part.as_str()).map(|(_, after)| after),
            };
            let Some(after) = after else { return false };
            rest = after;
        }
        rest.ends_with(last.as_str())
    }
}

impl Matcher {
    /// Whether it holds for an attribute; `own` is the row of the condition.
    pub(super) fn holds(&self, value: Option<&Value>, own: &Row) -> bool {
        match self {
            Matcher::Is(scalar) => value.is_some_and(|value| scalar.is(value)),
            Matcher::Wants(wants) => wants.hold(value, own),
        }
    }
}

impl Scalar {
    fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Scalar::Flag(wanted), Value::Flag(flag)) => wanted == flag,
            (Scalar::Number(wanted), Value::Number(number)) => wanted == number,
            (Scalar::Text(wanted), Value::Text(text)) => wanted == text,
            (Scalar::Text(wanted), Value::List(list)) => list.contains(wanted),
            _ => false,
        }
    }
}

impl Wants {
    /// Whether all demands hold.
    fn hold(&self, value: Option<&Value>, own: &Row) -> bool {
        if self.absent.is_some_and(|absent| absent != value.is_none()) {
            return false;
        }
        let Some(value) = value else { return !self.affirm() };
        let texts = || match value {
            Value::Text(text) => std::slice::from_ref(text),
            Value::List(list) => list.as_slice(),
            Value::Flag(_) | Value::Number(_) => &[],
        };
        let like =
            |patterns: &[Pattern]| patterns.iter().any(|pattern| texts().iter().any(|text| pattern.matches(text)));
        let number = match value {
            Value::Number(number) => Some(*number),
            _ => None,
        };
        (self.any_of.is_empty() || self.any_of.iter().any(|scalar| scalar.is(value)))
            && !self.none_of.iter().any(|scalar| scalar.is(value))
            && (self.matches.is_empty() || like(&self.matches))
            && !like(&self.unlike)
            && self.has.iter().all(|wanted| texts().contains(wanted))
            && self.below.is_none_or(|limit| number.is_some_and(|number| number < limit))
            && self.at_least.is_none_or(|limit| number.is_some_and(|number| number >= limit))
            && self.same_as.as_deref().is_none_or(|attribute| own.get(attribute) == Some(value))
    }

    /// Whether something is demanded that only an attribute that is there can meet.
    fn affirm(&self) -> bool {
        !self.any_of.is_empty()
            || !self.matches.is_empty()
            || !self.has.is_empty()
            || self.below.is_some()
            || self.at_least.is_some()
            || self.same_as.is_some()
    }
}

impl<'de> Deserialize<'de> for Matcher {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Matcher, D::Error> {
        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = Matcher;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false, a number, a text or a table of demands")
            }

            fn visit_bool<E>(self, flag: bool) -> Result<Matcher, E> {
                Ok(Matcher::Is(Scalar::Flag(flag)))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Matcher, E> {
                Ok(Matcher::Is(Scalar::Number(number)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Matcher, E> {
                Ok(Matcher::Is(Scalar::Text(text.to_owned())))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Matcher, A::Error> {
                Wants::deserialize(MapAccessDeserializer::new(map)).map(|wants| Matcher::Wants(Box::new(wants)))
            }
        }

        deserializer.deserialize_any(Read)
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pattern, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.len() > LONGEST || text.chars().all(|character| character == '*') {
            let message = format!("`{text}` is no pattern; write 1 to {LONGEST} characters that are not all stars");
            return Err(serde::de::Error::custom(message));
        }
        let parts = text.split('*').map(str::to_owned).collect();
        Ok(Pattern { text, parts })
    }
}

/// One value, or a list of them.
fn one_or_many<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct Read<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Read<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text or a list of texts")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<T>, E> {
            T::deserialize(text.into_deserializer()).map(|one| vec![one])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Vec<T>, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(list))
        }
    }

    deserializer.deserialize_any(Read(PhantomData))
}
