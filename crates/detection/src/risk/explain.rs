//! What is usual for a person, as people read it.

use testudo_core::{Pseudonym, Timestamp};

use super::usual::{Seen, Usual};
use super::{Agent, Assessment, Key, Place, Profile, Profiles, Signal};

/// A value that was seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known {
    /// Which.
    pub key: Key,
    /// What people call it; for devices.
    pub label: String,
    /// When it was first seen.
    pub first: Timestamp,
    /// When it last gained weight; up to an hour before it was last seen.
    pub last: Timestamp,
    /// On how many days.
    pub days: u8,
    /// Whether it counts as usual.
    pub usual: bool,
}

/// What is usual for a person.
#[derive(Clone, PartialEq, Debug)]
pub struct Explanation {
    /// Since when something is known.
    pub since: Timestamp,
    /// Networks, by key only.
    pub networks: Vec<Known>,
    /// Devices.
    pub devices: Vec<Known>,
    /// Clients, by key only.
    pub clients: Vec<Known>,
    /// Hours with her for each day of the week, Monday first, and each hour in UTC; old ones count less.
    pub hours: Vec<Vec<u8>>,
    /// How often she showed a second factor that was asked for.
    pub step_ups: u32,
    /// Whether she has a second factor.
    pub has_factor: bool,
    /// Whether one is due.
    pub step_up_due: bool,
    /// When a token of hers was used twice.
    pub token_reused: Option<Timestamp>,
    /// Whether there is an alert about her that is not over.
    pub alert: bool,
    /// The last time that something was not as usual.
    pub latest: Option<Latest>,
    /// What would be thought of her if she came now in her most usual way: what goes on around her.
    pub now: Option<Assessment>,
}

/// A time at which something was not as usual.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Latest {
    /// When.
    pub at: Timestamp,
    /// The score.
    pub score: u8,
    /// Why.
    pub signals: Vec<Signal>,
}

impl Profiles {
    /// What is usual for a person; none if she is not held.
    pub fn explain(&self, name: Pseudonym, now: Timestamp) -> Option<Explanation> {
        let profile = self.get(name)?;
        let second = super::profile::seconds(now);
        let subject = super::context::Subject::Person;
        let alert = self.context().heat(subject, Key::of(name), second).is_some();
        let usual = usual_place(profile).map(|place| self.assess(name, &place, now));
        Some(Explanation { alert, now: usual, ..explain(profile) })
    }
}

fn explain(profile: &Profile) -> Explanation {
    Explanation {
        since: instant(profile.began),
        networks: known(&profile.networks),
        devices: known(&profile.devices),
        clients: known(&profile.clients),
        hours: profile.week.days(),
        step_ups: profile.step_ups,
        has_factor: profile.factor,
        step_up_due: profile.step_up,
        token_reused: profile.reused.map(instant),
        alert: false,
        latest: profile.latest.map(latest),
        now: None,
    }
}

fn latest((at, score, bits): (u32, u8, u16)) -> Latest {
    let signals = Signal::ALL.into_iter().enumerate().filter(|(place, _)| bits & (1 << place) != 0);
    Latest { at: instant(at), score, signals: signals.map(|(_, signal)| signal).collect() }
}

/// The heaviest of each kind.
fn usual_place(profile: &Profile) -> Option<Place> {
    let heaviest =
        |usual: &Usual| usual.iter().max_by_key(|seen| (seen.sure, seen.weight, seen.key)).map(|seen| seen.key);
    let network = heaviest(&profile.networks)?;
    Some(Place {
        address: Key::default(),
        network,
        carrier: heaviest(&profile.carriers)?,
        device: heaviest(&profile.devices)?,
        label: 0,
        client: heaviest(&profile.clients),
    })
}

fn known(usual: &Usual) -> Vec<Known> {
    let known = |seen: &Seen| Known {
        key: seen.key,
        label: Agent::label(seen.label),
        first: instant(seen.first),
        last: instant(seen.last),
        days: seen.days,
        usual: seen.sure,
    };
    usual.iter().map(known).collect()
}

fn instant(seconds: u32) -> Timestamp {
    Timestamp::from_seconds(i64::from(seconds))
}
