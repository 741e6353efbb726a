//! The breach clock: 72 hours from awareness, and what GDPR article 33 asks for.
//!
//! Two instants differ: the first alert, and **awareness**, when a named human has a reasonable degree of certainty that
//! personal data were compromised (EDPB guidelines 9/2022). Only the second starts the clock. The draft says what the
//! gateway saw, and says of the rest that it is not known.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use testudo_core::Timestamp;

use crate::{By, Happened, Incident, WorkError};

mod draft;

pub use draft::{Draft, Section};

/// Within which the authority must be told: article 33(1).
pub const DEADLINE: Duration = Duration::from_hours(72);

/// After so many hours of awareness people are reminded.
pub const REMINDERS: [u32; 3] = [24, 48, 66];

/// A breach of personal data, from awareness on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Breach {
    /// Since when somebody is aware.
    pub aware: Timestamp,
    /// The name of that person, as she wrote it.
    pub named: String,
    /// Who entered it.
    pub by: By,
    /// When it was entered.
    pub entered: Timestamp,
    /// The hours of the reminders that were given.
    pub reminded: Vec<u32>,
    /// What the gateway saw touched, as of the last look.
    pub facts: BreachFacts,
    /// What people wrote for the register, by field.
    pub words: BreachWords,
    /// When the authority was told, and who says so.
    pub notified: Option<(By, Timestamp)>,
}

/// What was touched, by what the gateway saw. None of it is an estimate; what could not be seen is said.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BreachFacts {
    /// When it was counted.
    pub counted: Timestamp,
    /// The people whose accounts were in wrong hands, by what the alerts name.
    pub accounts: u64,
    /// For each class of personal data: answers with fields of that class which left to those accounts.
    pub classes: BTreeMap<String, ClassFacts>,
    /// Answers that left to those accounts, in all.
    pub answers: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Answers of routes for which the contract names no class, so that nothing is known of what was in them.
    pub unmarked: u64,
    /// The count stopped at its bound: there is more.
    pub partial: bool,
}

/// One class of personal data.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassFacts {
    /// People whose accounts got such answers.
    pub people: u64,
    /// Such answers. An answer may hold many records: the gateway does not count them.
    pub answers: u64,
}

/// What only people can say.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct BreachWords {
    /// The nature of the breach, in words.
    pub nature: Option<String>,
    /// The likely consequences.
    pub consequences: Option<String>,
    /// Measures beside those that were taken here.
    pub measures: Option<String>,
    /// The data protection officer or another contact point.
    pub contact: Option<String>,
    /// How many people are concerned, when somebody knows better than the gateway.
    pub people: Option<u64>,
    /// How many records are concerned.
    pub records: Option<u64>,
    /// Whether the people concerned are told (article 34), and why.
    pub people_told: Option<String>,
    /// Why the authority was told late, or not.
    pub delay: Option<String>,
}

impl Breach {
    /// When the 72 hours are over.
    pub fn due(&self) -> Timestamp {
        self.aware.plus(DEADLINE)
    }
}

impl Incident {
    /// A named human is aware of a breach: the clock starts, once.
    pub fn aware(&mut self, named: &str, since: Timestamp, by: By, now: Timestamp) -> Result<Timestamp, WorkError> {
        if let Some(breach) = &self.breach {
            return Err(WorkError::Aware(breach.aware));
        }
        let named: String = named.trim().chars().filter(|c| !c.is_control()).take(120).collect();
        if named.is_empty() || by == By::Machine {
            return Err(WorkError::Nameless);
        }
        if since > now || since < self.first_event {
            return Err(WorkError::AwareWhen(self.first_event));
        }
        let breach = Breach {
            aware: since,
            named,
            by,
            entered: now,
            reminded: Vec::new(),
            facts: BreachFacts::default(),
            words: BreachWords::default(),
            notified: None,
        };
        let due = breach.due();
        self.breach = Some(breach);
        self.record(now, by, Happened::BreachAware { due });
        Ok(due)
    }

    /// Takes in what people know and the gateway does not; what is not given stays as it was.
    pub fn breach_words(&mut self, words: BreachWords, by: By, now: Timestamp) -> Result<(), WorkError> {
        let texts =
            [&words.nature, &words.consequences, &words.measures, &words.contact, &words.people_told, &words.delay];
        for text in texts.into_iter().flatten() {
            crate::incident::checked(text)?;
        }
        let breach = self.breach.as_mut().ok_or(WorkError::NotAware)?;
        let BreachWords { nature, consequences, measures, contact, people, records, people_told, delay } = words;
        let own = &mut breach.words;
        for (own, new) in [
            (&mut own.nature, nature),
            (&mut own.consequences, consequences),
            (&mut own.measures, measures),
            (&mut own.contact, contact),
            (&mut own.people_told, people_told),
            (&mut own.delay, delay),
        ] {
            if new.is_some() {
                *own = new;
            }
        }
        own.people = people.or(own.people);
        own.records = records.or(own.records);
        self.record(now, by, Happened::BreachRecorded);
        Ok(())
    }

    /// Takes in what the gateway saw touched.
    pub fn breach_facts(&mut self, facts: BreachFacts) -> Result<(), WorkError> {
        self.breach.as_mut().ok_or(WorkError::NotAware)?.facts = facts;
        Ok(())
    }

    /// The authority was told; again is the same.
    pub fn breach_notified(&mut self, by: By, now: Timestamp) -> Result<(), WorkError> {
        let breach = self.breach.as_mut().ok_or(WorkError::NotAware)?;
        if breach.notified.is_none() {
            breach.notified = Some((by, now));
            self.record(now, by, Happened::BreachNotified);
        }
        Ok(())
    }

    /// Says which reminders are due, once each; none after the authority was told.
    pub fn breach_remind(&mut self, now: Timestamp) -> Vec<u32> {
        let Some(breach) = self.breach.as_mut().filter(|breach| breach.notified.is_none()) else { return Vec::new() };
        let is_due = |hours: &u32| now >= breach.aware.plus(Duration::from_hours(u64::from(*hours)));
        let due: Vec<u32> =
            REMINDERS.into_iter().filter(is_due).filter(|hours| !breach.reminded.contains(hours)).collect();
        breach.reminded.extend(&due);
        for hours in &due {
            self.record(now, By::Machine, Happened::BreachReminder { hours: *hours });
        }
        due
    }

    /// Whether the clock of a breach runs.
    pub fn breach_runs(&self) -> bool {
        self.breach.as_ref().is_some_and(|breach| breach.notified.is_none())
    }
}

#[cfg(test)]
mod tests;
