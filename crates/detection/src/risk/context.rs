//! What goes on around people: alerts about people, networks, addresses and devices, and how many share a network.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use testudo_core::{Alert, Pseudonym, Severity};

use super::Key;
use super::profile::seconds;

/// The most of whom or what alerts are remembered.
const MOST_HOT: usize = 4_096;
/// The most networks of which it is known how many people share them.
const MOST_CROWDS: usize = 4_096;
/// Half of an alert's weight is gone after this many seconds.
const HALF_LIFE: f64 = 3_600.0;
/// An alert that weighs less is over.
const LEAST: f64 = 0.2;
/// What an alert of this level names is not learnt from for so many seconds.
pub(super) const QUARANTINE: u32 = 86_400;
const WEEK: u32 = 7 * 86_400;

/// The techniques of MITRE ATT&CK that need rights which somebody has already: account manipulation, data from
/// repositories, removed access, destruction, inhibited recovery, impaired defences, removed indicators.
const WITHIN: [&str; 7] = ["T1098", "T1213", "T1531", "T1485", "T1490", "T1562", "T1070"];

/// About whom or what an alert is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Subject {
    Person,
    Network,
    Address,
    Device,
}

/// The alert that weighs most about somebody or something.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Hot {
    pub level: Severity,
    pub at: u32,
    pub since: u32,
}

/// Alerts and crowds. Bounded; what is oldest leaves first.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Saved", into = "Saved")]
pub struct Context {
    hot: HashMap<(Subject, Key), Hot>,
    crowds: HashMap<Key, Crowd>,
}

/// Who shares a network, as bits of hashes: those of this week, and of the week before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Crowd {
    week: u32,
    now: u64,
    before: u64,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    hot: Vec<(Subject, Key, Hot)>,
    crowds: Vec<(Key, Crowd)>,
}

impl From<Saved> for Context {
    fn from(saved: Saved) -> Context {
        let hot = saved.hot.into_iter().take(MOST_HOT).map(|(subject, key, hot)| ((subject, key), hot));
        Context { hot: hot.collect(), crowds: saved.crowds.into_iter().take(MOST_CROWDS).collect() }
    }
}

impl From<Context> for Saved {
    fn from(context: Context) -> Saved {
        let mut hot: Vec<_> = context.hot.into_iter().map(|((subject, key), hot)| (subject, key, hot)).collect();
        hot.sort_unstable_by_key(|(subject, key, _)| (*subject, *key));
        let mut crowds: Vec<_> = context.crowds.into_iter().collect();
        crowds.sort_unstable_by_key(|(key, _)| *key);
        Saved { hot, crowds }
    }
}

impl Context {
    /// Takes in an alert; whether it says something about somebody. Alerts below medium say nothing, and neither do
    /// those about what people with rights did.
    pub fn alert(&mut self, alert: &Alert) -> bool {
        if alert.level < Severity::Medium || Context::is_within(alert) {
            return false;
        }
        let new = Hot { level: alert.level, at: seconds(alert.at), since: seconds(alert.since) };
        let mut about = false;
        for (subject, key) in named(alert) {
            about = true;
            let known = self.hot.entry((subject, key)).or_insert(new);
            let since = known.since.min(new.since);
            let weight = |hot: &Hot| strength(subject, hot.level) * faded(hot.at, new.at);
            if weight(&new) >= weight(known) {
                *known = new;
            }
            // One attack in many alerts began with the first of them.
            if known.at.saturating_sub(since) < QUARANTINE {
                known.since = since;
            }
        }
        while self.hot.len() > MOST_HOT {
            let oldest = self.hot.iter().min_by_key(|(name, hot)| (hot.at, **name)).map(|(name, _)| *name);
            let Some(oldest) = oldest else { break };
            self.hot.remove(&oldest);
        }
        about
    }

    /// Whether an alert is about what somebody with rights did, such as giving a role: that makes no way in unusual.
    pub(super) fn is_within(alert: &Alert) -> bool {
        let within = |technique: String| WITHIN.iter().any(|known| technique.starts_with(known));
        alert.techniques().next().is_some() && alert.techniques().all(within)
    }

    /// The people whom an alert names, by the key of their pseudonym.
    pub(super) fn people(alert: &Alert) -> impl Iterator<Item = Pseudonym> {
        let names = ["person", "subject", "account", "user.id", "actor.user.uid", "user.target.id"];
        names.into_iter().filter_map(|name| alert.group.get(name)?.parse().ok())
    }

    /// How much an alert about this weighs now, with when it was raised; none when there is none or it is over.
    pub(super) fn heat(&self, subject: Subject, key: Key, now: u32) -> Option<(f64, Hot)> {
        let hot = self.hot.get(&(subject, key))?;
        let weight = strength(subject, hot.level) * faded(hot.at, now);
        (weight >= LEAST).then_some((weight, *hot))
    }

    /// The alert for whose sake nothing new is learnt here.
    pub(super) fn quarantine(&self, subject: Subject, key: Key, now: u32) -> Option<Hot> {
        let hot = self.hot.get(&(subject, key))?;
        (hot.level >= Severity::High && now.saturating_sub(hot.at) < QUARANTINE).then_some(*hot)
    }

    /// Takes in that a person uses a network.
    pub(super) fn shared(&mut self, network: Key, person: Pseudonym, at: u32) {
        if !self.crowds.contains_key(&network) && self.crowds.len() >= MOST_CROWDS {
            let rank = |crowd: &Crowd| (crowd.week, (crowd.now | crowd.before).count_ones());
            let mut all: Vec<_> = self.crowds.iter().map(|(key, crowd)| (rank(crowd), *key)).collect();
            all.sort_unstable();
            for (_, key) in all.iter().take(MOST_CROWDS / 8) {
                self.crowds.remove(key);
            }
        }
        let crowd = self.crowds.entry(network).or_default();
        let week = at / WEEK;
        if week > crowd.week {
            crowd.before = if week == crowd.week + 1 { crowd.now } else { 0 };
            crowd.now = 0;
            crowd.week = week;
        }
        let [.., last] = person.0;
        crowd.now |= 1 << (last & 63);
    }

    /// About how many people share a network; up to 266.
    pub(super) fn people_on(&self, network: Key, now: u32) -> f64 {
        let Some(crowd) = self.crowds.get(&network) else { return 0.0 };
        if now / WEEK > crowd.week + 1 {
            return 0.0;
        }
        // Linear counting, Whang et al. 1990.
        let empty = (crowd.now | crowd.before).count_zeros().max(1);
        -64.0 * (f64::from(empty) / 64.0).ln()
    }

    /// How much is remembered: alerts, networks.
    pub fn len(&self) -> (usize, usize) {
        (self.hot.len(), self.crowds.len())
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.hot.is_empty() && self.crowds.is_empty()
    }
}

/// Whom and what an alert names.
fn named(alert: &Alert) -> impl Iterator<Item = (Subject, Key)> {
    let place = |names: &'static [&'static str], subject| {
        names.iter().filter_map(move |name| {
            let name: Pseudonym = alert.group.get(*name)?.parse().ok()?;
            Some((subject, Key::of(name)))
        })
    };
    Context::people(alert)
        .map(|name| (Subject::Person, Key::of(name)))
        .chain(place(&["network", "src_endpoint.subnet_uid"], Subject::Network))
        .chain(place(&["address", "source.ip", "client.ip", "c-ip"], Subject::Address))
        .chain(place(&["device", "device.id"], Subject::Device))
}

fn strength(subject: Subject, level: Severity) -> f64 {
    match (level, subject) {
        (Severity::Critical, Subject::Person) => 4.5,
        (Severity::Critical, _) => 4.0,
        (Severity::High, _) => 3.0,
        _ => 1.5,
    }
}

fn faded(at: u32, now: u32) -> f64 {
    (-f64::from(now.saturating_sub(at)) / HALF_LIFE).exp2()
}
