//! What an attribute must say: a value, or a table of demands that all have to hold.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Row, Value};
use crate::suppress::Glob;

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
    /// It matches one of these patterns, in which `*` is any text and `?` any character.
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

/// A pattern of texts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern(Glob);

impl Pattern {
    fn matches(&self, text: &str) -> bool {
        // No text of an app has this character in it on purpose, so `*` stops nowhere.
        self.0.matches(text, '\0')
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
        serializer.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pattern, D::Error> {
        let text = String::deserialize(deserializer)?;
        Glob::new(&text)
            .map(Pattern)
            .map_err(|error| serde::de::Error::custom(format!("the pattern `{text}`: {error}")))
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
