//! What is unusual about how a caller comes, kept beside her token for as long as nothing changes.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;

use http::HeaderMap;
use http::header::USER_AGENT;
use testudo_core::{Control, ControlSet, Decision, Fault, PersonId, Pseudonym, Timestamp};
use testudo_detection::risk::{Assessment, Place};
use testudo_identity::Caller;
use testudo_privacy::DeviceTrust;

use super::facts::{Facts, Known};
use crate::node::Node;
use crate::risk::{Places, Version};
use crate::snapshot::Snapshot;

/// The last way in which a token came, with what was thought of it.
#[derive(Default)]
pub struct LastWay(RefCell<Option<Way>>);

struct Way {
    address: IpAddr,
    agent: Box<str>,
    place: Place,
    version: Version,
    assessment: Rc<Assessment>,
}

/// The longest `User-Agent` that is told apart from others.
const LONGEST: usize = 512;

/// What is thought of a caller; nothing for who acts for no person, or where risk is off.
pub enum Risk {
    /// The control is off.
    Off,
    /// There is nobody to think of.
    Nobody,
    /// This.
    Assessed(Rc<Assessment>),
    /// What is usual for her can't be read.
    Unknown,
}

impl Risk {
    /// The score; 0 where there is none.
    pub fn score(&self) -> u8 {
        self.assessment().map_or(0, |assessment| assessment.score)
    }

    /// Whether the device is one that the person uses.
    pub fn device_known(&self) -> bool {
        self.assessment().is_some_and(|assessment| assessment.device_known)
    }

    /// How much the device is trusted, for masks.
    pub fn trust(&self) -> DeviceTrust {
        if self.device_known() { DeviceTrust::Known } else { DeviceTrust::default() }
    }

    /// What there is.
    pub fn assessment(&self) -> Option<&Assessment> {
        match self {
            Risk::Assessed(assessment) => Some(assessment),
            Risk::Off | Risk::Nobody | Risk::Unknown => None,
        }
    }

    /// The decision; `matters`: she writes.
    pub fn decide(&self, snapshot: &Snapshot, matters: bool) -> Decision {
        match self {
            Risk::Off => Decision::default(),
            Risk::Nobody => Decision::allow(Control::Risk),
            Risk::Assessed(assessment) => crate::risk::decide(&snapshot.config.risk, assessment, matters),
            Risk::Unknown => Decision::fault(Control::Risk, Fault::Dependency),
        }
    }
}

/// The controls that must answer because of it.
pub fn required(snapshot: &Snapshot) -> ControlSet {
    if snapshot.config.risk.enabled { ControlSet::of(&[Control::Risk]) } else { ControlSet::EMPTY }
}

/// Asks the model, unless the answer is still the same.
pub async fn weigh(
    node: &Node,
    snapshot: &Snapshot,
    places: &RefCell<Places>,
    caller: Option<&Caller>,
    known: Option<&Known>,
    facts: &Facts,
    headers: &HeaderMap,
) -> Risk {
    if !snapshot.config.risk.enabled {
        return Risk::Off;
    }
    let (Some(caller), Some(known)) = (caller, known) else { return Risk::Nobody };
    let (Some(person), Some(name)) = (caller.person, known.standing.person) else { return Risk::Nobody };
    let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let agent = agent.get(..LONGEST).unwrap_or(agent);
    let version = node.risk.version(name, facts.now);
    let mut place = None;
    if let Some(way) = &*known.way.0.borrow()
        && way.address == facts.address
        && *way.agent == *agent
    {
        if way.version == version {
            return Risk::Assessed(Rc::clone(&way.assessment));
        }
        place = Some(way.place);
    }
    let place = place.unwrap_or_else(|| {
        let names = node.store.address_pseudonyms(facts.address);
        places.borrow_mut().place(facts.address, names, Some(agent), Some(&caller.client))
    });
    // Boxed: almost no request reads a profile, and each would hold the room for it.
    let assessed = match node.risk.assess(name, &place, facts.now) {
        Some(assessment) => Some(assessment),
        None => Box::pin(assess(node, name, person, &place, facts.now)).await,
    };
    let Some(assessment) = assessed else { return Risk::Unknown };
    let assessment = Rc::new(assessment);
    let way = Way { address: facts.address, agent: agent.into(), place, version, assessment: Rc::clone(&assessment) };
    known.way.0.replace(Some(way));
    Risk::Assessed(assessment)
}

/// Asks the model, which reads the profile first if it is not in memory. None when that fails.
pub async fn assess(
    node: &Node,
    name: Pseudonym,
    person: PersonId,
    place: &Place,
    now: Timestamp,
) -> Option<Assessment> {
    if let Some(assessment) = node.risk.assess(name, place, now) {
        return Some(assessment);
    }
    match node.risk.load(&node.store, name, person, now).await {
        Ok(()) => node.risk.assess(name, place, now),
        Err(error) => {
            tracing::warn!(%error, "what is usual for a person can't be read");
            None
        }
    }
}
