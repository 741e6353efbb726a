//! The score: named signals, each with its weight, added up.

#![expect(clippy::needless_for_each, reason = "one line for each")]
#![expect(clippy::struct_excessive_bools, reason = "each says one thing by itself")]

use std::borrow::Cow;
use std::time::Duration;

use testudo_core::{Pseudonym, Timestamp};

use super::context::{Context, Subject};
use super::model::{self, Model, View};
use super::profile::{Profile, seconds};
use super::usual::{Pace, Usual};
use super::{Key, Place};

/// What is believed of somebody of whom nothing speaks: about 2 in 100.
const PRIOR: f64 = -4.0;
/// The most that new values together weigh. With the prior it is below critical: see [`Settings::critical`].
const MOST_NEW: f64 = 5.5;
/// How much a usual value speaks for the caller.
const USUAL: f64 = 0.5;
/// The smoothing of counts: the weight of the belief that everything is possible, in units of history.
const SMOOTHING: f64 = 1.5;
/// The share of a history below which a value is rare.
const RARE: f64 = 0.02;
/// The most reasons that are told.
const MOST_REASONS: usize = 5;
/// From this weight on something new is worth noting: it takes four units of history. An hour weighs less.
const NOTABLE: f64 = 1.2;
const NOTABLE_HOUR: f64 = 0.8;
/// Half of the weight of a token that was used twice is gone after so many seconds.
const REUSE_HALF: f64 = 6.0 * 3_600.0;

/// How risk is judged.
#[derive(Clone, Debug)]
pub struct Settings {
    /// From this score on the level is medium.
    pub medium: u8,
    /// From this score on the level is high.
    pub high: u8,
    /// From this score on the level is critical. Without an alert, a token that was used twice or a second factor that
    /// is due, no score reaches it: what is only new is never critical.
    pub critical: u8,
    /// A value gains weight at most this often.
    pub learn_every: Duration,
    /// A value gains weight at most so many times a day.
    pub most_a_day: u8,
    /// For so long after a second factor nothing more is asked for where it was shown.
    pub proof: Duration,
    /// The most people that are held.
    pub people: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            medium: 30,
            high: 60,
            critical: 85,
            learn_every: Duration::from_hours(1),
            most_a_day: 4,
            proof: Duration::from_mins(15),
            people: 50_000,
        }
    }
}

impl Settings {
    pub(super) fn pace(&self) -> Pace {
        Pace { every: whole(self.learn_every), most_a_day: self.most_a_day.max(1) }
    }

    pub(super) fn proof_seconds(&self) -> u32 {
        whole(self.proof)
    }

    /// The level of a score.
    pub const fn level(&self, score: u8) -> Level {
        if score >= self.critical {
            Level::Critical
        } else if score >= self.high {
            Level::High
        } else if score >= self.medium {
            Level::Medium
        } else {
            Level::Low
        }
    }
}

fn whole(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

/// How risky.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// As usual.
    Low,
    /// Worth a look.
    Medium,
    /// Worth a second factor.
    High,
    /// Under attack.
    Critical,
}

impl Level {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Low => "low",
            Level::Medium => "medium",
            Level::High => "high",
            Level::Critical => "critical",
        }
    }
}

/// What speaks for a risk. The code is stable and stands in events.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Signal {
    /// A network that she does not use.
    NewNetwork,
    /// A device that she does not use.
    NewDevice,
    /// A client that she does not use.
    NewClient,
    /// An hour at which she does not come.
    UnusualHour,
    /// Network and device are new together.
    NewTogether,
    /// An alert about the network.
    NetworkAlert,
    /// An alert about the address.
    AddressAlert,
    /// An alert about the device.
    DeviceAlert,
    /// An alert about the person.
    PersonAlert,
    /// Wrong passwords or codes just before.
    FailuresBefore,
    /// A refresh token or code of hers was used twice.
    TokenReused,
    /// A second factor is due.
    StepUpDue,
}

impl Signal {
    /// Those about something new, which are also events.
    pub const NEW: [Signal; 4] = [Signal::NewNetwork, Signal::NewDevice, Signal::NewClient, Signal::UnusualHour];

    /// All, in the order of their bits in saved profiles: append only.
    pub const ALL: [Signal; 12] = [
        Signal::NewNetwork,
        Signal::NewDevice,
        Signal::NewClient,
        Signal::UnusualHour,
        Signal::NewTogether,
        Signal::NetworkAlert,
        Signal::AddressAlert,
        Signal::DeviceAlert,
        Signal::PersonAlert,
        Signal::FailuresBefore,
        Signal::TokenReused,
        Signal::StepUpDue,
    ];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Signal::NewNetwork => "new-network",
            Signal::NewDevice => "new-device",
            Signal::NewClient => "new-client",
            Signal::UnusualHour => "unusual-hour",
            Signal::NewTogether => "new-together",
            Signal::NetworkAlert => "network-alert",
            Signal::AddressAlert => "address-alert",
            Signal::DeviceAlert => "device-alert",
            Signal::PersonAlert => "person-alert",
            Signal::FailuresBefore => "failures-before",
            Signal::TokenReused => "token-reused",
            Signal::StepUpDue => "step-up-due",
        }
    }

    /// One sentence for people.
    pub const fn text(self) -> &'static str {
        match self {
            Signal::NewNetwork => "the person does not use this network",
            Signal::NewDevice => "the person does not use this device",
            Signal::NewClient => "the person does not use this client",
            Signal::UnusualHour => "the person does not come at this hour",
            Signal::NewTogether => "network and device are new together",
            Signal::NetworkAlert => "there is an alert about the network",
            Signal::AddressAlert => "there is an alert about the address",
            Signal::DeviceAlert => "there is an alert about the device",
            Signal::PersonAlert => "there is an alert about the person",
            Signal::FailuresBefore => "wrong passwords or codes came just before",
            Signal::TokenReused => "a token of the person was used twice",
            Signal::StepUpDue => "the person has to show a second factor",
        }
    }
}

/// A signal with its weight.
#[derive(Clone, PartialEq, Debug)]
pub struct Reason {
    /// The stable code.
    pub code: Cow<'static, str>,
    /// One sentence for people.
    pub text: Cow<'static, str>,
    /// What it adds, like a log-likelihood ratio.
    pub weight: f64,
}

/// What is thought of a way to come.
#[derive(Clone, PartialEq, Debug)]
pub struct Assessment {
    /// 0 to 100.
    pub score: u8,
    /// What the settings call it.
    pub level: Level,
    /// What speaks for a risk, the heaviest first; at most five.
    pub reasons: Vec<Reason>,
    /// What is new, where that is worth noting.
    pub new: Vec<Signal>,
    /// Whether the device is one that she uses.
    pub device_known: bool,
    /// Whether the network is one that she uses.
    pub network_known: bool,
    /// Whether she showed a second factor from here a short while ago, so that asking again would prove nothing.
    pub proven: bool,
    /// Whether she has a second factor.
    pub has_factor: bool,
}

impl Assessment {
    /// The signals among the reasons, as bits in the order of [`Signal::ALL`].
    pub(super) fn bits(&self) -> u16 {
        let told = |signal: &Signal| self.reasons.iter().any(|reason| reason.code == signal.code());
        Signal::ALL.iter().enumerate().filter(|(_, signal)| told(signal)).fold(0, |bits, (place, _)| bits | 1 << place)
    }

    /// The codes of the reasons, the heaviest first.
    pub fn codes(&self) -> String {
        self.reasons.iter().map(|reason| &*reason.code).collect::<Vec<_>>().join(",")
    }
}

/// What an assessment is made of.
pub(super) struct Question<'q> {
    pub name: Pseudonym,
    pub profile: Option<&'q Profile>,
    pub place: &'q Place,
    pub now: Timestamp,
    pub context: &'q Context,
    pub settings: &'q Settings,
    pub models: &'q [Box<dyn Model>],
}

pub(super) fn assess(question: &Question<'_>) -> Assessment {
    let Question { profile, place, settings, .. } = *question;
    let now = seconds(question.now);
    let mut sum = Sum { reasons: Vec::with_capacity(Signal::ALL.len()), ..Sum::default() };
    let proven_at = profile.and_then(|profile| profile.proven(place.network)).filter(|at| *at <= now);
    let strange = profile.map(|profile| newness(question, profile, proven_at, now, &mut sum)).unwrap_or_default();
    attack(question, &strange, proven_at, now, &mut sum);
    let view = View { profile, place, now: question.now };
    for reason in question.models.iter().filter_map(|model| model::reason(&**model, &view)) {
        sum.total += reason.weight;
        sum.reasons.push(reason);
    }
    let notable = |signal: &Signal| if *signal == Signal::UnusualHour { NOTABLE_HOUR } else { NOTABLE };
    let new = Signal::NEW.into_iter().filter(|signal| sum.weight(*signal) >= notable(signal)).collect();
    let mut score = logistic(PRIOR + sum.total);
    if !sum.evidence {
        score = score.min(settings.critical.saturating_sub(1));
    }
    let mut reasons = sum.reasons;
    reasons.retain(|reason| reason.weight > 0.05);
    reasons.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.code.cmp(&b.code)));
    reasons.truncate(MOST_REASONS);
    let recent = |at: u32| now.saturating_sub(at) <= settings.proof_seconds();
    Assessment {
        score,
        level: settings.level(score),
        reasons,
        new,
        device_known: profile.is_some_and(|profile| profile.devices.weight(place.device, None) > 0.0),
        network_known: strange.network_known,
        proven: proven_at.is_some_and(recent),
        has_factor: profile.is_some_and(Profile::has_factor),
    }
}

#[derive(Default)]
struct Sum {
    total: f64,
    reasons: Vec<Reason>,
    /// Something speaks against the caller beside that much is new.
    evidence: bool,
}

impl Sum {
    fn add(&mut self, signal: Signal, weight: f64) {
        self.total += weight;
        let (code, text) = (Cow::Borrowed(signal.code()), Cow::Borrowed(signal.text()));
        self.reasons.push(Reason { code, text, weight });
    }

    fn weight(&self, signal: Signal) -> f64 {
        self.reasons.iter().find(|reason| reason.code == signal.code()).map_or(0.0, |reason| reason.weight)
    }
}

#[derive(Default)]
struct Strange {
    network_known: bool,
}

/// What is new about the way to come.
fn newness(question: &Question<'_>, profile: &Profile, proven_at: Option<u32>, now: u32, sum: &mut Sum) -> Strange {
    let Question { place, context, .. } = *question;
    // What began with an attack is not usual, unless a second factor was shown afterwards.
    let tainted = |subject, key| {
        let hot = context.quarantine(subject, key, now)?;
        if proven_at.is_some_and(|proven| proven >= hot.at.min(now)) { None } else { Some(hot.since) }
    };
    let on_network = tainted(Subject::Network, place.network);
    let by_person = tainted(Subject::Person, Key::of(question.name));
    let before = earlier(on_network, by_person);
    let mut network = novelty(&profile.networks, place.network, before);
    if network > 0.0 {
        // Another part of a provider that she uses, or a network that many share, tells less.
        let carrier = novelty(&profile.carriers, place.carrier, before);
        if carrier <= 0.0 {
            network *= 0.45;
        }
        if on_network.is_none() {
            network *= (1.0 / (1.0 + context.people_on(place.network, now) / 10.0)).max(0.3);
        }
    }
    let device = novelty(&profile.devices, place.device, earlier(tainted(Subject::Device, place.device), by_person));
    let client = place.client.map_or(0.0, |client| novelty(&profile.clients, client, by_person));
    let hour = profile.week.rarity(now).clamp(-USUAL, 1.0);
    let together = 0.4 * network.min(device).max(0.0);
    let parts = [
        (Signal::NewNetwork, network.clamp(-USUAL, 2.6)),
        (Signal::NewDevice, device.clamp(-USUAL, 2.4)),
        (Signal::NewClient, client.clamp(-USUAL, 1.4)),
        (Signal::UnusualHour, hour),
        (Signal::NewTogether, together.min(1.0)),
    ];
    let whole: f64 = parts.iter().map(|(_, weight)| weight).sum();
    parts.into_iter().for_each(|(signal, weight)| sum.add(signal, weight));
    // Many new things at once are not independent: a new phone on a journey is all of them.
    sum.total -= (whole - MOST_NEW).max(0.0);
    Strange { network_known: profile.networks.weight(place.network, before) > 0.0 }
}

fn earlier(a: Option<u32>, b: Option<u32>) -> Option<u32> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// How new a value is: the logarithm of its share among all people over its share in her history, both smoothed
/// (Wiefling et al. 2022, section 3). Nothing for somebody without history; below 0 for what is usual.
fn novelty(usual: &Usual, key: Key, before: Option<u32>) -> f64 {
    let (total, own) = (usual.total(), usual.weight(key, before));
    ((total + SMOOTHING) * RARE / (own + SMOOTHING * RARE)).ln()
}

/// What is going on around the person.
fn attack(question: &Question<'_>, strange: &Strange, proven_at: Option<u32>, now: u32, sum: &mut Sum) {
    let Question { place, context, profile, .. } = *question;
    // A second factor that was shown here afterwards answers it.
    let answered = |at: u32| proven_at.is_some_and(|proven| proven >= at.min(now));
    for (signal, subject, key, usual) in [
        (Signal::NetworkAlert, Subject::Network, place.network, strange.network_known),
        (Signal::AddressAlert, Subject::Address, place.address, strange.network_known),
        (Signal::DeviceAlert, Subject::Device, place.device, false),
        (Signal::PersonAlert, Subject::Person, Key::of(question.name), false),
    ] {
        if let Some((weight, hot)) = context.heat(subject, key, now).filter(|(_, hot)| !answered(hot.at)) {
            // Who always comes from there is most often an honest neighbour of the attacker.
            let weight = if usual { weight * 0.3 } else { weight };
            sum.evidence |= hot.level >= testudo_core::Severity::High;
            sum.add(signal, weight);
        }
    }
    let Some(profile) = profile else { return };
    let failures = profile.failures_at(now);
    if failures >= 1.5 && proven_at.is_none_or(|at| now.saturating_sub(at) > 3_600) {
        sum.add(Signal::FailuresBefore, (0.3 * failures).min(1.5));
    }
    if let Some(at) = profile.reused.filter(|at| !answered(*at)) {
        let weight = 2.5 * (-f64::from(now.saturating_sub(at)) / REUSE_HALF).exp2();
        if weight > 0.2 {
            sum.evidence = true;
            sum.add(Signal::TokenReused, weight);
        }
    }
    if profile.step_up {
        sum.evidence = true;
        sum.add(Signal::StepUpDue, 1.0);
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range first")]
fn logistic(logit: f64) -> u8 {
    (100.0 / (1.0 + (-logit).exp())).round().clamp(0.0, 100.0) as u8
}
