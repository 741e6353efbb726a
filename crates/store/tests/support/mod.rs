//! A clock and documents for the tests of the store.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

pub mod conformance;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use testudo_core::{Clock, PersonId, Timestamp};
use testudo_store::{Document, Indexes, Key};

/// A clock that stands until it is moved.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl TestClock {
    pub fn new() -> Arc<TestClock> {
        Arc::new(TestClock(AtomicI64::new(1_760_000_000_000_000)))
    }

    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::SeqCst).unsigned_abs())
    }
}

pub fn person(number: u8) -> PersonId {
    PersonId::new(Timestamp::from_seconds(1_750_000_000 + i64::from(number)), [number; 10])
}

/// A document about a person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Account {
    pub id: PersonId,
    pub email: String,
    pub team: String,
    pub created: Timestamp,
    pub state: u8,
}

impl Account {
    pub fn new(number: u8, email: &str) -> Account {
        let created = Timestamp::from_seconds(1_750_000_000 + i64::from(number));
        Account { id: person(number), email: email.into(), team: "blue".into(), created, state: 0 }
    }
}

impl Document for Account {
    const KIND: &'static str = "account";

    fn id(&self) -> Key {
        self.id.into()
    }

    fn person(&self) -> Option<PersonId> {
        Some(self.id)
    }

    fn created(&self) -> Timestamp {
        self.created
    }

    fn state(&self) -> u8 {
        self.state
    }

    fn indexes(&self, indexes: &mut Indexes) {
        indexes.unique_blind("email", self.email.to_lowercase());
        indexes.plain("team", &self.team);
    }
}

/// A document about nobody.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Note {
    pub name: String,
    pub text: String,
    pub created: Timestamp,
    pub expires: Option<Timestamp>,
}

impl Note {
    pub fn new(name: &str, created: i64) -> Note {
        Note { name: name.into(), text: "text".into(), created: Timestamp::from_seconds(created), expires: None }
    }
}

impl Document for Note {
    const KIND: &'static str = "note";

    fn id(&self) -> Key {
        self.name.as_str().into()
    }

    fn created(&self) -> Timestamp {
        self.created
    }

    fn expires(&self) -> Option<Timestamp> {
        self.expires
    }
}
