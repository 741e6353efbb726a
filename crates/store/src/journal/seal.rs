//! Seals events: what everybody may read goes to the plain part, with pseudonyms; what is personal is sealed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use testudo_core::{DeviceId, Event, PersonId, Pseudonym};
use testudo_crypto::{KeyRing, PseudonymDomain};
use zeroize::Zeroizing;

use super::committed::Seen;
use super::entry::{self, MAX_ENTRY, Personal, Plain, Sealing};
use super::terms;
use crate::ReadError;
use crate::backend::EventDraft;
use crate::persons::KeyOf;
use crate::store::{Core, Scrub};

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;
/// The longest text of an event that is kept; longer ones are cut and marked.
const LONGEST: usize = 4_096;
/// The longest fact of the two maps; both full still fit into one entry.
const LONGEST_FACT: usize = 512;
/// The most facts of each of the two maps of an event that are kept.
const MOST_FACTS: usize = 32;
/// The most pseudonyms of each sort that are kept.
const MOST_PSEUDONYMS: usize = 4_096;

/// Seals events under the keys that were found for them.
pub(crate) struct Sealer<'a> {
    core: &'a Core,
    ring: &'a KeyRing,
    pseudonyms: &'a mut Pseudonyms,
    /// The personal part of the event at hand.
    secret: Zeroizing<Vec<u8>>,
}

impl<'a> Sealer<'a> {
    pub fn new(core: &'a Core, ring: &'a KeyRing, pseudonyms: &'a mut Pseudonyms) -> Sealer<'a> {
        Sealer { core, ring, pseudonyms, secret: Zeroizing::default() }
    }

    /// Seals an event. What is personal about the erased is left out.
    ///
    /// With it comes what those who follow the journal will see of it; nothing when nobody does.
    pub fn seal(&mut self, mut event: Box<Event>, owner: KeyOf) -> Result<(EventDraft, Option<Arc<Seen>>), ReadError> {
        let invalid = |error: serde_json::Error| ReadError::Invalid(error.to_string());
        clip(&mut event);
        if let Some(scrub) = self.core.scrub.get() {
            clean(&mut event, *scrub);
        }
        let (plain, mut personal) = self.split(event);
        let erased = matches!(owner, KeyOf::Erased);
        if erased {
            personal = Personal::default();
        }
        let nothing = personal == Personal::default();
        let day = plain.at.micros().div_euclid(DAY);
        let (sealing, key) = match owner {
            _ if nothing => (Sealing::Nothing, None),
            KeyOf::Known(key) => (Sealing::Person(key.handle), Some(key.key)),
            KeyOf::Erased | KeyOf::Unknown => (Sealing::Day(day), Some(self.core.day_key(self.ring, day))),
        };
        let (mut body, binding) = entry::body(sealing, &plain).map_err(invalid)?;
        if let Some(key) = key {
            self.secret.clear();
            serde_json::to_writer(&mut *self.secret, &personal).map_err(invalid)?;
            body.extend_from_slice(&key.seal(&entry::place(&binding), &self.secret));
        }
        if body.len() > MAX_ENTRY {
            return Err(ReadError::Invalid("an event is larger than 512 KiB".into()));
        }
        let terms = terms::terms(&plain);
        let seen = self.core.recent.wanted().then(|| {
            let event = entry::event(&plain, personal);
            Arc::new(Seen { plain, event, erased })
        });
        Ok((EventDraft { body, terms }, seen))
    }

    /// Splits an event into what everybody may read and what is sealed.
    fn split(&mut self, event: Box<Event>) -> (Plain, Personal) {
        let ring = self.ring;
        let addresses = event.peer.map(|peer| self.pseudonyms.of_address(ring, peer.address));
        let mut pseudonym = |person| self.pseudonyms.of_person(ring, person);
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
        let device = |device: DeviceId| ring.pseudonym(PseudonymDomain::Device, &device.to_bytes());
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

/// The pseudonyms that were asked for last: events come from few addresses and people. They hold for good, because their
/// key does not rotate.
#[derive(Default)]
pub(crate) struct Pseudonyms {
    addresses: HashMap<IpAddr, (Pseudonym, Pseudonym)>,
    people: HashMap<PersonId, Pseudonym>,
}

impl Pseudonyms {
    fn of_address(&mut self, ring: &KeyRing, address: IpAddr) -> (Pseudonym, Pseudonym) {
        if self.addresses.len() >= MOST_PSEUDONYMS {
            self.addresses.clear();
        }
        *self.addresses.entry(address).or_insert_with(|| address_pseudonyms(ring, address))
    }

    fn of_person(&mut self, ring: &KeyRing, person: PersonId) -> Pseudonym {
        if self.people.len() >= MOST_PSEUDONYMS {
            self.people.clear();
        }
        *self.people.entry(person).or_insert_with(|| person_pseudonym(ring, person))
    }
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
fn clean(event: &mut Event, scrub: Scrub) {
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
