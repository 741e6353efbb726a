//! What the journal's events say to the risk model.

#![expect(clippy::single_match_else, reason = "both ways are told")]

use std::net::IpAddr;
use std::num::NonZeroUsize;

use lru::LruCache;
use testudo_core::{ClientId, Control, Event, EventKind, Outcome, PersonId, Pseudonym};
use testudo_crypto::{KeyRing, PseudonymDomain};
use testudo_detection::risk::{Act, Agent, Key, Place};
use testudo_identity::Acr;
use testudo_store::{Committed, Store};

/// The kinds that the model reads.
pub(super) const KINDS: &[EventKind] = &[
    EventKind::RequestDecided,
    EventKind::SignIn,
    EventKind::SecondFactor,
    EventKind::SessionStarted,
    EventKind::StepUpDone,
    EventKind::StepUpRequired,
    EventKind::StepUpWaived,
    EventKind::TokenIssued,
    EventKind::TokenRefreshed,
    EventKind::TokenRefused,
    EventKind::RefreshReused,
    EventKind::CodeReused,
    EventKind::FactorEnrolled,
    EventKind::FactorRemoved,
    EventKind::PersonErased,
    EventKind::AlertRaised,
];

/// Networks and agents whose keys are kept.
const MOST: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();
/// The longest `User-Agent` that is kept.
const LONGEST: usize = 512;

/// Makes places of addresses and agents, and keeps the pseudonyms that were made last.
pub struct Places {
    ring: KeyRing,
    carriers: LruCache<IpAddr, Key>,
    agents: LruCache<Box<str>, (Key, u8)>,
}

impl Places {
    /// With the keys of a store.
    pub fn new(store: &Store) -> Places {
        Places { ring: store.ring(), carriers: LruCache::new(MOST), agents: LruCache::new(MOST) }
    }

    /// Where something comes from, with the pseudonyms of the address and its network.
    pub fn place(
        &mut self,
        address: IpAddr,
        (own, network): (Pseudonym, Pseudonym),
        agent: Option<&str>,
        client: Option<&ClientId>,
    ) -> Place {
        let agent = cut(agent.unwrap_or_default());
        let ring = &self.ring;
        let (device, label) = match self.agents.get(agent) {
            Some(known) => *known,
            None => {
                let made = kind(ring, agent);
                self.agents.put(agent.into(), made);
                made
            }
        };
        let wide = wide(address);
        let carrier = *self.carriers.get_or_insert(wide, || carrier(ring, wide));
        let (address, network) = (Key::of(own), Key::of(network));
        Place { address, network, carrier, device, label, client: client.map(Key::of_client) }
    }

    /// What an event says about a person; nothing for most events.
    pub fn act(&mut self, entry: &Committed) -> Option<(Pseudonym, PersonId, Act)> {
        let (plain, event) = (&entry.plain, &entry.event);
        let whom = || Some((plain.subject.or(plain.person)?, event.subject.or(event.actor.person)?));
        let (name, person) = match plain.kind {
            EventKind::FactorRemoved | EventKind::StepUpRequired | EventKind::StepUpWaived => whom()?,
            _ => (plain.person?, event.actor.person?),
        };
        let success = plain.outcome == Outcome::Success;
        let code = plain.code.as_deref().unwrap_or_default();
        let session = || Some(Key::of_session(plain.session?));
        let act = match plain.kind {
            EventKind::RequestDecided => self.request(entry)?,
            EventKind::TokenRefreshed if success => Act::Used(self.place_of(entry)?),
            EventKind::SessionStarted if success => Act::SignedIn {
                place: self.place_of(entry)?,
                session: session()?,
                second_factor: event.details.get("acr").is_some_and(|acr| acr == Acr::SecondFactor.as_str()),
            },
            EventKind::StepUpDone if success => Act::Proved { place: self.place_of(entry)?, session: session()? },
            EventKind::TokenIssued if success => Act::Issued { place: self.place_of(entry)?, session: session()? },
            EventKind::TokenRefused if plain.control == Some(Control::Risk) => Act::Refused(self.place_of(entry)?),
            EventKind::SignIn if !success && code == "wrong-password" => Act::Failed,
            EventKind::SecondFactor if !success && code == "wrong-code" => Act::Failed,
            EventKind::RefreshReused | EventKind::CodeReused => Act::Reused,
            EventKind::FactorEnrolled if success && !is_recovery(event) => Act::Enrolled(self.place_of(entry)?),
            EventKind::FactorRemoved if success => Act::FactorsRemoved,
            EventKind::StepUpRequired => Act::StepUpRequired,
            EventKind::StepUpWaived => Act::StepUpWaived,
            _ => return None,
        };
        Some((name, person, act))
    }

    fn request(&mut self, entry: &Committed) -> Option<Act> {
        let plain = &entry.plain;
        // Also where observe mode only said that it would be.
        if let Some(Control::Risk | Control::Mfa | Control::Standing) = plain.control {
            let asked = plain.control == Some(Control::Risk) || plain.code.as_deref().is_some_and(is_step_up);
            return if asked { Some(Act::Refused(self.place_of(entry)?)) } else { None };
        }
        let status = plain.http.as_ref()?.status;
        let answered = plain.outcome == Outcome::Success && (100..400).contains(&status);
        if answered { Some(Act::Used(self.place_of(entry)?)) } else { None }
    }

    fn place_of(&mut self, entry: &Committed) -> Option<Place> {
        let (plain, event) = (&entry.plain, &entry.event);
        let agent = event.http.as_ref().and_then(|http| http.user_agent.as_deref());
        let agent = agent.or_else(|| event.personal.get("user_agent").map(String::as_str));
        let names = (plain.address?, plain.network?);
        let place = self.place(event.peer?.address, names, agent, plain.client.as_ref());
        Some(plain.device.map_or(place, |device| Place { device: Key::of(device), ..place }))
    }
}

/// Where something comes from, once.
pub fn place_of(store: &Store, address: IpAddr, agent: Option<&str>, client: &ClientId) -> Place {
    let (ring, (own, network)) = (store.ring(), store.address_pseudonyms(address));
    let (device, label) = kind(&ring, cut(agent.unwrap_or_default()));
    Place {
        address: Key::of(own),
        network: Key::of(network),
        carrier: carrier(&ring, wide(address)),
        device,
        label,
        client: Some(Key::of_client(client)),
    }
}

/// The kind of app and system, and the number of its label.
fn kind(ring: &KeyRing, agent: &str) -> (Key, u8) {
    let read = Agent::of(agent);
    (Key::of(ring.pseudonym(PseudonymDomain::Device, read.fingerprint().as_bytes())), read.number())
}

fn is_step_up(code: &str) -> bool {
    matches!(code, "step-up-required" | "second-factor-required")
}

/// New recovery codes are no new factor.
fn is_recovery(event: &Event) -> bool {
    event.details.get("factor").is_some_and(|factor| factor == "recovery-codes")
}

fn cut(text: &str) -> &str {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => text.get(..end).unwrap_or_default(),
        None => text,
    }
}

/// The /16 or /48.
fn wide(address: IpAddr) -> IpAddr {
    let length = if address.to_canonical().is_ipv4() { 16 } else { 48 };
    ipnet::IpNet::new(address.to_canonical(), length).map_or(address, |network| network.trunc().addr())
}

fn carrier(ring: &KeyRing, wide: IpAddr) -> Key {
    Key::of(match wide {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            ring.pseudonym(PseudonymDomain::Network, &[a, b])
        }
        IpAddr::V6(v6) => {
            let octets = v6.octets();
            let first: [u8; 6] = octets.first_chunk().copied().unwrap_or_default();
            ring.pseudonym(PseudonymDomain::Network, &first)
        }
    })
}
