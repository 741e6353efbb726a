//! What policies answered before, for as long as the question is the same.
//!
//! An answer depends on the slice, the principal, and the attributes of the context that the slice reads, and on nothing
//! else. The age of the sign-in changes each second; it is compared by the classes that the slice tells apart.
//!
//! Each principal keeps its own answers. Where no condition of a slice asks who the principal is, the answer is the same
//! for all who meet the same scopes; such answers are kept with the slice, so that a new token need not ask again.

#![expect(clippy::type_complexity, reason = "the type is named where it is used")]

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use testudo_core::BuildId;

use crate::policies::AccessFacts;
use crate::slice::{Outcome, Slice};

/// Answers that are kept for a principal: the routes that an app calls together.
const MOST: usize = 8;

/// What an answer depends on, beside the principal. What the slice does not read is left at its default.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Question {
    slice: u64,
    acr: u8,
    age: i64,
    risk: u8,
    device_bound: bool,
    device_known: bool,
    network: Option<IpAddr>,
    hour: i64,
    weekday: i64,
    app: Option<Box<str>>,
    build: Option<BuildId>,
}

impl Question {
    pub fn new(slice: &Slice, facts: &AccessFacts<'_>) -> Question {
        let uses = &slice.uses;
        Question {
            slice: slice.number,
            acr: if uses.reads("acr") { facts.acr } else { 0 },
            age: if uses.reads("auth_age") { uses.age.class(facts.auth_age()) } else { 0 },
            risk: if uses.reads("risk") { facts.risk } else { 0 },
            device_bound: uses.reads("device_bound") && facts.device_bound,
            device_known: uses.reads("device_known") && facts.device_known,
            network: uses.reads("network").then_some(facts.address),
            hour: if uses.reads("hour") { facts.hour() } else { 0 },
            weekday: if uses.reads("weekday") { facts.weekday() } else { 0 },
            app: facts.app.filter(|_| uses.reads("app")).map(Box::from),
            build: facts.build.filter(|_| uses.reads("build")),
        }
    }
}

/// Shared answers of a slice; all are dropped when there are more.
const MOST_SHARED: usize = 1_024;

/// Answers to all who meet the same scopes.
#[derive(Debug, Default)]
pub(crate) struct SharedAnswers(Mutex<HashMap<(Question, Box<[u64]>), Outcome>>);

impl SharedAnswers {
    /// The answer that was kept, or the one that is found now.
    pub fn of(&self, question: &Question, met: Box<[u64]>, ask: impl FnOnce() -> Option<Outcome>) -> Option<Outcome> {
        let key = (question.clone(), met);
        // A panic while it was held could have left no more than a missing answer.
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outcome) = known().get(&key) {
            return Some(outcome.clone());
        }
        let outcome = ask()?;
        let mut known = known();
        if known.len() >= MOST_SHARED {
            known.clear();
        }
        known.insert(key, outcome.clone());
        Some(outcome)
    }
}

/// The last answers, the oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers(Vec<(Question, Outcome)>);

impl Answers {
    /// The answer to the same question.
    pub fn of(&self, question: &Question) -> Option<&Outcome> {
        self.0.iter().rev().find(|(known, _)| known == question).map(|(_, outcome)| outcome)
    }

    /// Keeps an answer in place of the oldest.
    pub fn keep(&mut self, question: Question, outcome: Outcome) {
        if self.0.len() >= MOST {
            self.0.remove(0);
        }
        self.0.push((question, outcome));
    }
}
