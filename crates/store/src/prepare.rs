//! Turns transactions and events into what a backend stores: sealed, indexed, without anything personal in plain.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use testudo_core::{Event, PersonId, Pseudonym, Timestamp};
use testudo_crypto::{KeyRing, Place, PseudonymDomain, Purpose, random};

use crate::backend::{EventDraft, KeyName, Op, PersonKeyRow, Prepared, Term, Write};
use crate::document::IndexValue;
use crate::journal::committed::Seen;
use crate::journal::entry::{self, MAX_ENTRY, Personal, Plain, Sealing};
use crate::journal::terms;
use crate::persons::{KeyOf, PersonKey};
use crate::store::Core;
use crate::tx::{Draft, Step, Tx};
use crate::{CommitError, ReadError};

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;
/// The longest text of an event that is kept; longer ones are cut and marked.
const LONGEST: usize = 4_096;
/// The longest fact of the two maps; both full still fit into one entry.
const LONGEST_FACT: usize = 512;
/// The most facts of each of the two maps of an event that are kept.
const MOST_FACTS: usize = 32;

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
    for event in tx.events {
        let owner = keys.owner(&event).await.map_err(unreadable)?;
        prepared.drafts.push(keys.event(event, owner).map_err(unreadable)?);
    }
    Ok(Ready { prepared, made: keys.made.into_values().collect(), erased: keys.erased })
}

/// Prepares events that announce no change.
pub(crate) async fn events(core: &Core, events: Vec<Event>) -> Result<Vec<EventDraft>, ReadError> {
    let owners = owners(core, &events).await?;
    seal(core, events, owners).into_iter().collect()
}

/// The keys under which events are to be sealed; reading them is all that may have to be tried again.
pub(crate) async fn owners(core: &Core, events: &[Event]) -> Result<Vec<KeyOf>, ReadError> {
    let ring = core.ring();
    let keys = Keys::new(core, &ring);
    let mut owners = Vec::with_capacity(events.len());
    for event in events {
        owners.push(keys.owner(event).await?);
    }
    Ok(owners)
}

/// Seals events under these keys.
pub(crate) fn seal(core: &Core, events: Vec<Event>, owners: Vec<KeyOf>) -> Vec<Result<EventDraft, ReadError>> {
    let ring = core.ring();
    let mut keys = Keys::new(core, &ring);
    events.into_iter().zip(owners).map(|(event, owner)| keys.event(event, owner)).collect()
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

/// The pseudonyms of an address and of its /24 or /64.
pub(crate) fn address_pseudonyms(ring: &KeyRing, address: IpAddr) -> (Pseudonym, Pseudonym) {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let octets = v4.octets();
            let [a, b, c, _] = octets;
            let network = ring.pseudonym(PseudonymDomain::Network, &[a, b, c]);
            (ring.pseudonym(PseudonymDomain::Address, &octets), network)
        }
        IpAddr::V6(v6) => {
            let octets = v6.octets();
            let network = octets.first_chunk::<8>().copied().unwrap_or_default();
            (ring.pseudonym(PseudonymDomain::Address, &octets), ring.pseudonym(PseudonymDomain::Network, &network))
        }
    }
}

pub(crate) fn person_pseudonym(ring: &KeyRing, person: PersonId) -> Pseudonym {
    ring.pseudonym(PseudonymDomain::Person, &person.to_bytes())
}

struct Keys<'a> {
    core: &'a Core,
    ring: &'a KeyRing,
    /// The pseudonyms of this batch: its events come from few addresses and people.
    addresses: HashMap<IpAddr, (Pseudonym, Pseudonym)>,
    people: HashMap<PersonId, Pseudonym>,
    made: BTreeMap<PersonId, PersonKey>,
    erased: BTreeSet<PersonId>,
}

impl<'a> Keys<'a> {
    fn new(core: &'a Core, ring: &'a KeyRing) -> Keys<'a> {
        let (addresses, people) = (HashMap::new(), HashMap::new());
        Keys { core, ring, addresses, people, made: BTreeMap::new(), erased: BTreeSet::new() }
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

    /// Seals an event. What is personal about the erased is left out.
    fn event(&mut self, mut event: Event, owner: KeyOf) -> Result<EventDraft, ReadError> {
        clip(&mut event);
        if let Some(scrub) = self.core.scrub.get() {
            clean(&mut event, *scrub);
        }
        let (plain, mut personal) = self.split(event);
        let terms = terms::terms(&plain);
        let day = plain.at.micros().div_euclid(DAY);
        let erased = matches!(owner, KeyOf::Erased);
        let json = serde_json::to_vec(&plain).map_err(|error| ReadError::Invalid(error.to_string()))?;
        if erased {
            personal = Personal::default();
        }
        if personal == Personal::default() {
            let seen = self.seen(plain, personal, erased);
            return bounded(entry::body(Sealing::Nothing, &json, &[]), terms, seen);
        }
        let secret = serde_json::to_vec(&personal).map_err(|error| ReadError::Invalid(error.to_string()))?;
        let secret = zeroize::Zeroizing::new(secret);
        let binding = entry::binding(&json);
        let place = entry::place(&binding);
        let body = match owner {
            KeyOf::Known(key) => entry::body(Sealing::Person(key.handle), &json, &key.key.seal(&place, &secret)),
            KeyOf::Erased | KeyOf::Unknown => {
                entry::body(Sealing::Day(day), &json, &self.core.day_key(self.ring, day).seal(&place, &secret))
            }
        };
        let seen = self.seen(plain, personal, false);
        bounded(body, terms, seen)
    }

    /// What those who follow the journal will see of it.
    fn seen(&self, plain: Plain, personal: Personal, erased: bool) -> Option<Arc<Seen>> {
        self.core.recent.wanted().then(|| {
            let event = entry::event(&plain, personal);
            Arc::new(Seen { plain, event, erased })
        })
    }

    /// Splits an event into what everybody may read and what is sealed.
    fn split(&mut self, event: Event) -> (Plain, Personal) {
        let ring = self.ring;
        let known = |peer: testudo_core::Peer| {
            *self.addresses.entry(peer.address).or_insert_with(|| address_pseudonyms(ring, peer.address))
        };
        let addresses = event.peer.map(known);
        let mut pseudonym = |person| *self.people.entry(person).or_insert_with(|| person_pseudonym(ring, person));
        let (actor, subject) = (event.actor.person.map(&mut pseudonym), event.subject.map(&mut pseudonym));
        let mut http = event.http;
        let (path, user_agent) = match &mut http {
            Some(http) => (http.path.take(), http.user_agent.take()),
            None => (None, None),
        };
        let personal = Personal {
            person: event.actor.person,
            subject: event.subject,
            device: event.actor.device,
            address: event.peer.map(|peer| peer.address),
            path,
            user_agent,
            more: event.personal,
        };
        let device = |device: testudo_core::DeviceId| ring.pseudonym(PseudonymDomain::Device, &device.to_bytes());
        let plain = Plain {
            kind: event.kind,
            at: event.at,
            outcome: event.outcome,
            control: event.control,
            code: event.code,
            request: event.request,
            person: actor,
            subject,
            client: event.actor.client,
            session: event.actor.session,
            family: event.actor.family,
            device: event.actor.device.map(device),
            build: event.actor.build,
            address: addresses.map(|(address, _)| address),
            network: addresses.map(|(_, network)| network),
            http,
            target: event.target,
            count: event.count,
            details: event.details,
        };
        (plain, personal)
    }
}

fn bounded(body: Vec<u8>, terms: Vec<u64>, seen: Option<Arc<Seen>>) -> Result<EventDraft, ReadError> {
    if body.len() > MAX_ENTRY {
        return Err(ReadError::Invalid("an event is larger than 512 KiB".into()));
    }
    Ok(EventDraft { body, terms, seen })
}

/// Cuts what a peer can make long, and says so in the details.
fn clip(event: &mut Event) {
    let mut cut = false;
    if let Some(http) = &mut event.http {
        for text in [&mut http.path, &mut http.user_agent].into_iter().flatten() {
            cut |= clip_to(text, LONGEST);
        }
        for text in [&mut http.method, &mut http.route] {
            cut |= text.len() > LONGEST_FACT && clip_to(text.to_mut(), LONGEST_FACT);
        }
    }
    for text in [&mut event.target, &mut event.code].into_iter().flatten() {
        cut |= text.len() > LONGEST_FACT && clip_to(text.to_mut(), LONGEST_FACT);
    }
    for facts in [&mut event.details, &mut event.personal] {
        while facts.len() > MOST_FACTS {
            facts.pop_last();
            cut = true;
        }
        for text in facts.values_mut() {
            cut |= clip_to(text, LONGEST_FACT);
        }
    }
    if cut {
        event.details.insert("cut".into(), "some facts were too long and are cut".into());
    }
}

/// Takes what is personal out of texts that come from outside and stand in the plain part.
fn clean(event: &mut Event, scrub: crate::store::Scrub) {
    for (name, text) in &mut event.details {
        if let Some(cleaned) = scrub(name, text) {
            *text = cleaned;
        }
    }
    let method = event.http.as_mut().map(|http| ("method", &mut http.method));
    for (name, text) in event.target.as_mut().map(|target| ("target", target)).into_iter().chain(method) {
        if let Some(cleaned) = scrub(name, text) {
            *text = cleaned.into();
        }
    }
}

fn clip_to(text: &mut String, longest: usize) -> bool {
    let cut = text.len() > longest;
    if cut {
        text.truncate(text.floor_char_boundary(longest));
    }
    cut
}
