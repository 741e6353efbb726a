//! JSON events, read in one pass: only the fields that rules name are kept, found by a trie over their names.
//!
//! A field `a.b` is found both as `{"a": {"b": 1}}` and as `{"a.b": 1}`; a field within an array is found in each of its
//! members. Windows events (`Event.EventData.X`) give `X`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use testudo_core::Timestamp;

use super::value::Value;
use crate::engine::{FieldId, QuickHash};

/// The largest event in bytes.
pub(crate) const MAX_BYTES: usize = 1 << 20;
/// How many values of one event are kept.
const MAX_VALUES: usize = 4_096;

/// Where the time of an event stands, best first.
pub(crate) const TIMES: [&str; 8] = [
    "@timestamp",
    "at",
    "time",
    "timestamp",
    "eventTime",
    "published",
    "TimeCreated.#attributes.SystemTime",
    "UtcTime",
];

/// Why a line is no event.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EventError {
    /// Not JSON, or no object.
    #[error("the event is not a JSON object: {0}")]
    Json(String),
    /// Too large.
    #[error("the event has {0} bytes, more than the {MAX_BYTES} that are read")]
    Size(usize),
}

/// The names of fields, by the keys that lead to them.
#[derive(Default, Debug)]
pub(crate) struct Trie {
    nodes: Vec<Branch>,
}

#[derive(Default, Debug)]
struct Branch {
    keys: HashMap<Box<str>, u32, QuickHash>,
    /// Where every other key leads.
    any: Option<u32>,
    field: Option<FieldId>,
}

impl Branch {
    fn child(&self, key: &str) -> Option<u32> {
        if let Some(child) = self.keys.get(key) {
            return Some(*child);
        }
        // Windows writes some names with spaces that rules leave out.
        if key.contains(' ')
            && let Some(child) = self.keys.get(key.replace(' ', "").as_str())
        {
            return Some(*child);
        }
        self.any
    }
}

impl Trie {
    pub(crate) fn new<'n>(names: impl Iterator<Item = (&'n str, FieldId)>) -> Trie {
        let mut trie = Trie { nodes: vec![Branch::default()] };
        for (name, field) in names {
            trie.add(name, field);
            if let Some((element, attribute)) = name.split_once('_') {
                trie.add(&format!("{element}.#attributes.{attribute}"), field);
            }
        }
        let event = trie.step(0, "Event");
        for part in ["System", "EventData"] {
            if let Some(branch) = trie.nodes.get_mut(event as usize) {
                branch.keys.entry(part.into()).or_insert(0);
            }
        }
        // `UserData` has one element of any name around its fields.
        let user = trie.step(event, "UserData");
        if let Some(branch) = trie.nodes.get_mut(user as usize) {
            branch.any = Some(0);
        }
        trie
    }

    fn add(&mut self, name: &str, field: FieldId) {
        let end = self.reach(0, name);
        if let Some(branch) = self.nodes.get_mut(end as usize) {
            branch.field.get_or_insert(field);
        }
    }

    /// The end of all ways to split the rest of a name at its dots.
    fn reach(&mut self, from: u32, rest: &str) -> u32 {
        let Some(split) = rest.find('.') else { return self.step(from, rest) };
        let (head, tail) = (rest.get(..split).unwrap_or_default(), rest.get(split + 1..).unwrap_or_default());
        let inner = self.step(from, head);
        let end = self.reach(inner, tail);
        // The same from here, with keys that hold dots.
        let mut cut = split;
        loop {
            let next = rest.get(cut + 1..).and_then(|after| after.find('.')).map(|at| cut + 1 + at);
            let key = rest.get(..next.unwrap_or(rest.len())).unwrap_or_default();
            match next {
                None => {
                    if let Some(branch) = self.nodes.get_mut(from as usize) {
                        branch.keys.entry(key.into()).or_insert(end);
                    }
                    return end;
                }
                Some(dot) => {
                    let target = self.walk(inner, rest.get(split + 1..dot).unwrap_or_default());
                    if let (Some(target), Some(branch)) = (target, self.nodes.get_mut(from as usize)) {
                        branch.keys.entry(key.into()).or_insert(target);
                    }
                    cut = dot;
                }
            }
        }
    }

    fn step(&mut self, from: u32, key: &str) -> u32 {
        let next = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let Some(branch) = self.nodes.get_mut(from as usize) else { return 0 };
        let to = *branch.keys.entry(key.into()).or_insert(next);
        if to == next {
            self.nodes.push(Branch::default());
        }
        to
    }

    fn walk(&self, from: u32, name: &str) -> Option<u32> {
        name.split('.').try_fold(from, |node, key| self.nodes.get(node as usize)?.keys.get(key).copied())
    }
}

/// The fields of a JSON event that rules name.
#[derive(Debug)]
pub(crate) struct Flat<'e> {
    pub fields: Vec<(FieldId, Value<'e>)>,
    /// The other values, where keywords are looked for.
    pub loose: Vec<Value<'e>>,
    /// Values beyond the bound.
    pub dropped: usize,
}

impl<'e> Flat<'e> {
    /// Reads an event; `loose`: values of other fields too.
    pub(crate) fn read(text: &'e str, trie: &Trie, loose: bool) -> Result<Flat<'e>, EventError> {
        if text.len() > MAX_BYTES {
            return Err(EventError::Size(text.len()));
        }
        let mut flat = Flat { fields: Vec::with_capacity(24), loose: Vec::new(), dropped: 0 };
        let mut reader = serde_json::Deserializer::from_str(text);
        let whole = Top(Read { trie, node: Some(0), loose, to: &mut flat });
        let done = whole.deserialize(&mut reader).and_then(|()| reader.end());
        done.map_err(|error| EventError::Json(error.to_string()))?;
        Ok(flat)
    }

    pub(crate) fn time(&self, times: &[FieldId]) -> Option<Timestamp> {
        times.iter().find_map(|time| {
            let (_, value) = self.fields.iter().find(|(field, _)| field == time)?;
            value.instant()
        })
    }
}

struct Read<'r, 'e> {
    trie: &'r Trie,
    node: Option<u32>,
    loose: bool,
    to: &'r mut Flat<'e>,
}

impl<'e> Read<'_, 'e> {
    fn keep(self, value: Value<'e>) {
        if self.to.fields.len() + self.to.loose.len() >= MAX_VALUES {
            self.to.dropped += 1;
            return;
        }
        match self.node.and_then(|node| self.trie.nodes.get(node as usize)?.field) {
            Some(field) => self.to.fields.push((field, value)),
            None if self.loose && !matches!(value, Value::Null | Value::Map) => self.to.loose.push(value),
            None => {}
        }
    }

    fn has_field(&self) -> bool {
        self.node.and_then(|node| self.trie.nodes.get(node as usize)?.field).is_some()
    }
}

impl<'e> DeserializeSeed<'e> for Read<'_, 'e> {
    type Value = ();

    fn deserialize<D: Deserializer<'e>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'e> Visitor<'e> for Read<'_, 'e> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.keep(Value::Bool(value));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.keep(Value::Int(value));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        #[expect(clippy::cast_precision_loss, reason = "beyond 2^63 a number is compared as closely as f64 allows")]
        self.keep(i64::try_from(value).map_or(Value::Float(value as f64), Value::Int));
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.keep(Value::Float(value));
        Ok(())
    }

    fn visit_borrowed_str<E>(self, value: &'e str) -> Result<(), E> {
        self.keep(Value::Text(Cow::Borrowed(value)));
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        if self.loose || self.has_field() {
            self.keep(Value::Text(Cow::Owned(value.to_owned())));
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.keep(Value::Null);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'e>>(self, mut members: A) -> Result<(), A::Error> {
        let Read { trie, node, loose, to } = self;
        let mut any = false;
        while members.next_element_seed(Read { trie, node, loose, to: &mut *to })?.is_some() {
            any = true;
        }
        if !any {
            Read { trie, node, loose, to }.keep(Value::Null);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'e>>(self, mut members: A) -> Result<(), A::Error> {
        let Read { trie, node, loose, to } = self;
        if node != Some(0) && (Read { trie, node, loose, to: &mut *to }).has_field() {
            Read { trie, node, loose, to: &mut *to }.keep(Value::Map);
        }
        while let Some(child) = members.next_key_seed(Key { trie, node })? {
            if child.is_none() && !loose {
                members.next_value::<IgnoredAny>()?;
            } else {
                members.next_value_seed(Read { trie, node: child, loose, to: &mut *to })?;
            }
        }
        Ok(())
    }
}

/// The event itself: nothing but an object will do.
struct Top<'r, 'e>(Read<'r, 'e>);

impl<'e> DeserializeSeed<'e> for Top<'_, 'e> {
    type Value = ();

    fn deserialize<D: Deserializer<'e>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self.0)
    }
}

#[derive(Clone, Copy)]
struct Key<'t> {
    trie: &'t Trie,
    node: Option<u32>,
}

impl<'e> DeserializeSeed<'e> for Key<'_> {
    type Value = Option<u32>;

    fn deserialize<D: Deserializer<'e>>(self, deserializer: D) -> Result<Option<u32>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<u32>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Option<u32>, E> {
        // `{"EventID": {"#text": 1}}` is what XML with attributes becomes.
        if key == "#text" {
            return Ok(self.node);
        }
        Ok(self.node.and_then(|node| self.trie.nodes.get(node as usize)?.child(key)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(names: &[&str], text: &str) -> Vec<String> {
        let fields = names.iter().zip(0u32..).map(|(name, id)| (*name, FieldId(id)));
        let trie = Trie::new(fields);
        let flat = Flat::read(text, &trie, false).unwrap();
        let name = |field: FieldId| names.get(field.0 as usize).copied().unwrap_or_default();
        flat.fields.iter().map(|(field, value)| format!("{}={:?}", name(*field), value.text())).collect()
    }

    #[test]
    fn names_with_dots_are_found_nested_flat_and_mixed() {
        let names = ["a.b.c", "a.b", "d"];
        for text in [r#"{"a":{"b":{"c":1}}}"#, r#"{"a.b":{"c":1}}"#, r#"{"a":{"b.c":1}}"#, r#"{"a.b.c":1}"#] {
            assert!(read(&names, text).contains(&"a.b.c=Some(\"1\")".to_owned()), "{text}");
        }
        assert_eq!(read(&names, r#"{"d":[1,"x",null],"e":{"d":2}}"#), ["d=Some(\"1\")", "d=Some(\"x\")", "d=None"]);
        assert_eq!(read(&["u.n"], r#"{"u":[{"n":"a\u0062"},{"n":2}]}"#), ["u.n=Some(\"ab\")", "u.n=Some(\"2\")"]);
    }

    #[test]
    fn windows_events_are_unwrapped() {
        let text = r##"{"Event":{"System":{"Provider":{"#attributes":{"Name":"P"}},"EventID":{"#attributes":{"Q":0},"#text":7}},
            "EventData":{"Image":"x.exe"}}}"##;
        let found = read(&["Image", "EventID", "Provider_Name"], text);
        assert!(found.contains(&"Image=Some(\"x.exe\")".to_owned()), "{found:?}");
        assert!(found.contains(&"EventID=Some(\"7\")".to_owned()), "{found:?}");
        assert!(found.contains(&"Provider_Name=Some(\"P\")".to_owned()), "{found:?}");
    }

    #[test]
    fn what_is_no_event_is_refused() {
        let trie = Trie::new([("a", FieldId(0))].into_iter());
        for text in ["", "[]", "1", "{", r#"{"a":1} x"#, r#"{"a":}"#] {
            assert!(matches!(Flat::read(text, &trie, true), Err(EventError::Json(_))), "{text}");
        }
        assert!(matches!(Flat::read(&" ".repeat(MAX_BYTES + 1), &trie, true), Err(EventError::Size(_))));
        let deep = format!("{}1{}", r#"{"a":"#.repeat(500), "}".repeat(500));
        assert!(Flat::read(&deep, &trie, true).is_err());
        let many = format!("{{\"a\":[{}1]}}", "1,".repeat(10_000));
        assert_eq!(Flat::read(&many, &trie, true).unwrap().dropped, 10_001 - MAX_VALUES);
    }
}
