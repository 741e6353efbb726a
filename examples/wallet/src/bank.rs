//! Everybody's money, in memory and bounded.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, watch};

use crate::demo;

/// How many people are remembered; the one who came first is forgotten first.
const MAX_PEOPLE: usize = 2_000;
/// How many transfers of a person are remembered.
const MAX_TRANSFERS: usize = 200;
/// How many events a slow stream may be behind.
const MAX_EVENTS: usize = 64;

/// All people.
pub(crate) struct Bank {
    people: Mutex<People>,
    closing: watch::Receiver<bool>,
}

#[derive(Default)]
struct People {
    by_id: HashMap<String, Person>,
    order: VecDeque<String>,
}

impl Bank {
    pub(crate) fn new(closing: watch::Receiver<bool>) -> Bank {
        Bank { people: Mutex::default(), closing }
    }

    /// Becomes true when the backend stops.
    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.closing.clone()
    }

    /// Does something with what a person has.
    pub(crate) fn with<T>(&self, id: &str, act: impl FnOnce(&mut Person) -> T) -> T {
        let mut people: MutexGuard<'_, People> = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        let People { by_id, order } = &mut *people;
        if !by_id.contains_key(id) {
            if order.len() >= MAX_PEOPLE
                && let Some(first) = order.pop_front()
            {
                by_id.remove(&first);
            }
            order.push_back(id.to_owned());
        }
        act(by_id.entry(id.to_owned()).or_insert_with(|| demo::person(id)))
    }
}

/// What a person has.
pub(crate) struct Person {
    pub profile: Profile,
    pub accounts: Vec<Account>,
    pub cards: Vec<Card>,
    /// The latest last, each with the key and order that made it.
    pub transfers: VecDeque<Made>,
    pub events: broadcast::Sender<Transfer>,
    made: u64,
}

/// A transfer with the key and the order that made it.
pub(crate) struct Made {
    pub key: String,
    pub order: Order,
    pub transfer: Transfer,
}

impl Person {
    pub(crate) fn new(profile: Profile, accounts: Vec<Account>, cards: Vec<Card>) -> Person {
        let events = broadcast::channel(MAX_EVENTS).0;
        Person { profile, accounts, cards, transfers: VecDeque::new(), events, made: 0 }
    }

    pub(crate) fn account(&self, id: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.id == id)
    }

    /// Remembers a transfer, and tells those who listen.
    pub(crate) fn remember(&mut self, key: &str, order: Order, client: Option<&str>, at: jiff::Timestamp) -> Transfer {
        self.made += 1;
        let id = format!("trf-{:06}", self.made);
        let Order { from, to, amount, reference } = order.clone();
        let transfer = Transfer { id, from, to, amount, reference, client: client.map(Into::into), at };
        if self.transfers.len() >= MAX_TRANSFERS {
            self.transfers.pop_front();
        }
        self.transfers.push_back(Made { key: key.to_owned(), order, transfer: transfer.clone() });
        self.events.send(transfer.clone()).ok();
        transfer
    }
}

/// An account; amounts are in cents.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Account {
    pub id: String,
    pub name: &'static str,
    pub kind: &'static str,
    pub iban: String,
    pub currency: &'static str,
    pub balance: i64,
    #[serde(skip)]
    pub history: Vec<Booking>,
}

/// A line of a statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Booking {
    pub date: String,
    pub with: &'static str,
    pub amount: i64,
    pub balance: i64,
}

/// Who gets the money.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Party {
    pub iban: String,
    pub name: String,
}

/// What somebody asks to be done.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    pub from: String,
    pub to: Party,
    pub amount: i64,
    #[serde(default)]
    pub reference: String,
}

/// What was done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Transfer {
    pub id: String,
    pub from: String,
    pub to: Party,
    pub amount: i64,
    pub reference: String,
    /// The app that asked for it.
    pub client: Option<String>,
    pub at: jiff::Timestamp,
}

/// A card.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Card {
    pub id: String,
    pub account: String,
    pub scheme: &'static str,
    pub pan: String,
    pub expires: String,
    pub frozen: bool,
}

/// Who a person is to the bank.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Profile {
    pub name: String,
    pub email: String,
    pub phone: String,
    pub address: String,
    pub born: String,
    pub language: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_is_bounded() {
        let bank = Bank::new(watch::channel(false).1);
        for id in 0..MAX_PEOPLE + 10 {
            bank.with(&format!("per_{id}"), |person| person.profile.language = "fr".into());
        }
        let count = bank.people.lock().map(|people| (people.by_id.len(), people.order.len()));
        assert!(matches!(count, Ok((MAX_PEOPLE, MAX_PEOPLE))));
        assert_eq!(bank.with("per_2000", |person| person.profile.language.clone()), "fr");
        assert_eq!(bank.with("per_0", |person| person.profile.language.clone()), "en", "was forgotten");
        bank.with("per_0", |person| {
            let order = Order {
                from: "a".into(),
                to: Party { iban: "b".into(), name: "c".into() },
                amount: 1,
                reference: String::new(),
            };
            for key in 0..MAX_TRANSFERS + 5 {
                person.remember(&key.to_string(), order.clone(), None, jiff::Timestamp::UNIX_EPOCH);
            }
            assert_eq!(person.transfers.len(), MAX_TRANSFERS);
        });
    }
}
