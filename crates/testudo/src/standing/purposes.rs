//! To which purposes people have consented: what was given and not withdrawn, with the version of its text.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use testudo_core::{EventKind, Pseudonym};
use testudo_store::Plain;

/// The detail of an event that names a purpose, as opposed to a client.
const PURPOSE: &str = "purpose";
const VERSION: &str = "version";

/// The purposes of people.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Purposes(HashMap<Pseudonym, BTreeMap<Box<str>, Box<str>>>);

impl Purposes {
    /// Takes in an event.
    pub(super) fn apply(&mut self, plain: &Plain) {
        let Some(person) = plain.subject.or(plain.person) else { return };
        let Some(purpose) = plain.details.get(PURPOSE).map(String::as_str) else { return };
        let version = plain.details.get(VERSION).map(String::as_str).unwrap_or_default();
        match plain.kind {
            EventKind::ConsentGiven if plain.outcome == testudo_core::Outcome::Success => {
                self.0.entry(person).or_default().insert(purpose.into(), version.into());
            }
            EventKind::ConsentWithdrawn => {
                if let Some(given) = self.0.get_mut(&person) {
                    given.remove(purpose);
                    if given.is_empty() {
                        self.0.remove(&person);
                    }
                }
            }
            _ => {}
        }
    }

    /// Forgets all of a person.
    pub(super) fn erase(&mut self, person: &Pseudonym) {
        self.0.remove(person);
    }

    /// Whether the person agreed to this version of the purpose's text.
    pub(super) fn has(&self, person: &Pseudonym, purpose: &str, version: &str) -> bool {
        self.0.get(person).and_then(|given| given.get(purpose)).is_some_and(|given| **given == *version)
    }

    /// How many people have given any.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use serde_json::json;

    use super::*;

    fn plain(kind: EventKind, person: u8, details: &[(&str, &str)]) -> Plain {
        let details: BTreeMap<&str, &str> = details.iter().copied().collect();
        let value = json!({
            "kind": kind, "at": 1_795_900_000_000_000_i64, "outcome": "success",
            "person": format!("{person:032x}"), "details": details,
        });
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_was_withdrawn_or_is_of_another_text_is_not_given() {
        let mut purposes = Purposes::default();
        let person = plain(EventKind::SignIn, 1, &[]).person.unwrap();
        let given = |version| plain(EventKind::ConsentGiven, 1, &[("purpose", "support"), ("version", version)]);
        purposes.apply(&given("1"));
        assert!(purposes.has(&person, "support", "1"));
        assert!(!purposes.has(&person, "support", "2"), "the text has changed since");
        assert!(!purposes.has(&person, "ads", "1"));
        purposes.apply(&given("2"));
        assert!(purposes.has(&person, "support", "2"));
        purposes.apply(&plain(EventKind::ConsentWithdrawn, 2, &[("purpose", "support")]));
        assert!(purposes.has(&person, "support", "2"), "somebody else withdrew");
        purposes.apply(&plain(EventKind::ConsentWithdrawn, 1, &[("families", "3")]));
        assert!(purposes.has(&person, "support", "2"), "that was about a client");
        purposes.apply(&plain(EventKind::ConsentWithdrawn, 1, &[("purpose", "support")]));
        assert!(!purposes.has(&person, "support", "2") && purposes.len() == 0);
        purposes.apply(&given("1"));
        let saved: Purposes = serde_json::from_value(serde_json::to_value(&purposes).unwrap()).unwrap();
        assert!(saved.has(&person, "support", "1"));
        purposes.erase(&person);
        assert!(!purposes.has(&person, "support", "1"));
    }
}
