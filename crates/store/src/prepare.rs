//! Turns transactions and events into what a backend stores: sealed, indexed, without anything personal in plain.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use testudo_core::{Event, PersonId, Timestamp};
use testudo_crypto::{KeyRing, Place, Purpose, random};

use crate::backend::{KeyName, Op, PersonKeyRow, Prepared, Term, Write};
use crate::document::IndexValue;
use crate::journal::seal::{Pseudonyms, Sealer};
use crate::persons::{KeyOf, PersonKey};
use crate::store::Core;
use crate::tx::{Draft, Step, Tx};
use crate::{CommitError, ReadError};

/// A prepared transaction, and what the caller must do with its keys when it is committed.
pub(crate) struct Ready {
    pub prepared: Prepared,
    pub made: Vec<PersonKey>,
    pub erased: BTreeSet<PersonId>,
}

/// Prepares a transaction.
pub(crate) async fn transaction(core: &Core, tx: Tx) -> Result<Ready, CommitError> {
    if let Some(fault) = tx.fault {
        return Err(fault);
    }
    if tx.steps.len() + tx.events.len() > Tx::MAX_STEPS {
        return Err(CommitError::Invalid("a transaction has at most 10,000 steps and events".into()));
    }
    let ring = core.ring();
    let mut keys = Keys::new(core, &ring);
    let mut prepared = Prepared::default();
    for step in tx.steps {
        let op = keys.step(step).await?;
        prepared.ops.push(op);
    }
    let (mut drafts, mut pseudonyms) = (Vec::with_capacity(tx.events.len()), Pseudonyms::default());
    for event in tx.events {
        let owner = keys.owner(&event).await.map_err(unreadable)?;
        let sealed = Sealer::new(core, &ring, &mut pseudonyms).seal(Box::new(event), owner);
        let (draft, seen) = sealed.map_err(unreadable)?;
        drafts.push(draft);
        prepared.seen.push(seen);
    }
    prepared.drafts = Arc::new(drafts);
    Ok(Ready { prepared, made: keys.made.into_values().collect(), erased: keys.erased })
}

/// Prepares an event that announces no change of a document.
pub(crate) async fn event(core: &Core, event: Event) -> Result<Prepared, ReadError> {
    let ring = core.ring();
    let owner = Keys::new(core, &ring).owner(&event).await?;
    let (draft, seen) = Sealer::new(core, &ring, &mut Pseudonyms::default()).seal(Box::new(event), owner)?;
    Ok(Prepared { ops: Vec::new(), drafts: Arc::new(vec![draft]), seen: vec![seen] })
}

/// The keys under which events are to be sealed; reading them is all that may have to be tried again.
pub(crate) async fn owners(core: &Core, events: impl Iterator<Item = &Event>) -> Result<Vec<KeyOf>, ReadError> {
    let ring = core.ring();
    let keys = Keys::new(core, &ring);
    let mut owners = Vec::with_capacity(events.size_hint().0);
    for event in events {
        owners.push(keys.owner(event).await?);
    }
    Ok(owners)
}

pub(crate) fn unreadable(error: ReadError) -> CommitError {
    match error {
        ReadError::Full => CommitError::Full,
        ReadError::Invalid(cause) => CommitError::Invalid(cause),
        error @ (ReadError::Unavailable(_) | ReadError::Damaged { .. }) => CommitError::Unavailable(error.to_string()),
    }
}

/// The value under which an index term is stored.
pub(crate) fn term_value(ring: &KeyRing, kind: &str, index: &str, value: &[u8], blind: bool) -> Vec<u8> {
    let mut stored = Vec::with_capacity(value.len() + 1);
    if blind {
        stored.push(b'b');
        stored.extend_from_slice(&ring.blind_index(&format!("{kind}/{index}"), value));
    } else {
        stored.push(b'p');
        stored.extend_from_slice(value);
    }
    stored
}

/// The place of a document for its envelope.
pub(crate) fn place<'a>(kind: &'a str, key: &'a [u8]) -> Place<'a> {
    Place { table: kind, column: "document", row: key }
}

struct Keys<'a> {
    core: &'a Core,
    ring: &'a KeyRing,
    made: BTreeMap<PersonId, PersonKey>,
    erased: BTreeSet<PersonId>,
}

impl<'a> Keys<'a> {
    fn new(core: &'a Core, ring: &'a KeyRing) -> Keys<'a> {
        Keys { core, ring, made: BTreeMap::new(), erased: BTreeSet::new() }
    }

    async fn step(&mut self, step: Step) -> Result<Op, CommitError> {
        Ok(match step {
            Step::Write(draft) => Op::Write(Box::new(self.write(*draft).await?)),
            Step::Delete { kind, key, version } => Op::Delete { kind, key, version },
            Step::Cursor { observer, seq } => Op::Cursor { observer, seq },
            Step::Forget { observer } => Op::Forget { observer },
            Step::CreatePerson(person) => {
                if self.erased.contains(&person) {
                    return Err(CommitError::ErasedPerson);
                }
                let (key, wrapped) = self.ring.new_person_key(person);
                let (id, handle) = (person.to_bytes(), random::array());
                self.made.insert(person, PersonKey { person: id, handle, key });
                Op::CreatePerson(PersonKeyRow { person: id, handle, wrapped })
            }
            Step::ErasePerson(person) => {
                self.made.remove(&person);
                self.erased.insert(person);
                Op::ErasePerson { person: person.to_bytes(), at: self.core.clock.now().micros() }
            }
        })
    }

    async fn write(&self, draft: Draft) -> Result<Write, CommitError> {
        let place = place(draft.kind, draft.key.as_bytes());
        let body = match draft.person {
            None => self.ring.seal(Purpose::Records, &place, &draft.json),
            Some(person) => match self.of(person).await.map_err(unreadable)? {
                KeyOf::Known(key) => key.key.seal(&place, &draft.json),
                KeyOf::Erased => return Err(CommitError::ErasedPerson),
                KeyOf::Unknown => return Err(CommitError::NotFound),
            },
        };
        let term = |value: &IndexValue| Term {
            name: value.name.to_owned(),
            value: term_value(self.ring, draft.kind, value.name, &value.value, value.blind),
            unique: value.unique,
        };
        let mut terms: Vec<Term> = draft.indexes.iter().map(term).collect();
        terms.sort();
        terms.dedup();
        Ok(Write {
            mode: draft.mode,
            kind: draft.kind,
            key: draft.key,
            person: draft.person.map(PersonId::to_bytes),
            created: draft.created.micros(),
            expires: draft.expires.map(Timestamp::micros),
            state: draft.state,
            terms,
            body,
        })
    }

    async fn of(&self, person: PersonId) -> Result<KeyOf, ReadError> {
        if self.erased.contains(&person) {
            return Ok(KeyOf::Erased);
        }
        if let Some(key) = self.made.get(&person) {
            return Ok(KeyOf::Known(key.clone()));
        }
        let name = KeyName::Person(person.to_bytes());
        self.core.persons.get(self.core.backend.as_ref(), self.ring, name).await
    }

    async fn owner(&self, event: &Event) -> Result<KeyOf, ReadError> {
        match event.sealed_for() {
            Some(person) => self.of(person).await,
            None => Ok(KeyOf::Unknown),
        }
    }
}
