//! What policies answered a principal before, for as long as the question is the same.
//!
//! An answer depends on the slice, the principal, and the attributes of the context that the slice reads, and on nothing
//! else. The age of the sign-in changes each second; it is compared by the classes that the slice tells apart.

use std::net::IpAddr;

use testudo_core::BuildId;

use crate::policies::AccessFacts;
use crate::slice::{Outcome, Slice};

/// Answers that are kept for a principal: the routes that an app calls together.
const MOST: usize = 8;

/// What an answer depends on, beside the principal. What the slice does not read is left at its default.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Question {
    slice: u64,
    acr: u8,
    age: i64,
    risk: u8,
    device_bound: bool,
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
            network: uses.reads("network").then_some(facts.address),
            hour: if uses.reads("hour") { facts.hour() } else { 0 },
            weekday: if uses.reads("weekday") { facts.weekday() } else { 0 },
            app: facts.app.filter(|_| uses.reads("app")).map(Box::from),
            build: facts.build.filter(|_| uses.reads("build")),
        }
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
