//! What is usual for one person.

#![expect(clippy::needless_for_each, reason = "one line for each")]
#![expect(clippy::similar_names, reason = "the names are the words of the field")]

use serde::{Deserialize, Serialize};
use testudo_core::{PersonId, Timestamp};

use super::usual::{How, Pace, Usual};
use super::week::Week;
use super::{Assessment, Key, Level, Place, Signal};

/// The format of a saved profile.
const FORMAT: u8 = 1;
const MOST_NETWORKS: usize = 12;
const MOST_CARRIERS: usize = 6;
const MOST_DEVICES: usize = 8;
const MOST_CLIENTS: usize = 6;
const MOST_PROOFS: usize = 4;
/// The most days for which weights fade at once: what is usual fades with use and not with absence, or an account that
/// nobody used for half a year would look new.
const MOST_FADED: u32 = 7;
/// Half of the failures are forgotten after so many seconds.
const FAILURES_HALF: f64 = 600.0;
/// What was noted in this hour is noted again when the score is so much higher: what a person does must not hide what a
/// thief does.
const MUCH_MORE: u8 = 20;
/// The weight of a failure in 1/16, so that it can fade.
const FAILURE: u16 = 16;

/// Something that happened to a person and matters to what is usual.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// A request was answered or a token refreshed, and nothing more was asked for.
    Used(Place),
    /// It was refused because it looked risky or because a second factor was due. Nothing is learnt from it.
    Refused(Place),
    /// A session began.
    SignedIn {
        /// Where.
        place: Place,
        /// Which.
        session: Key,
        /// With a second factor.
        second_factor: bool,
    },
    /// A second factor was shown in a session.
    Proved {
        /// Where.
        place: Place,
        /// Which session.
        session: Key,
    },
    /// Tokens were issued for a code of a session.
    Issued {
        /// Where to.
        place: Place,
        /// Of which session.
        session: Key,
    },
    /// A wrong password or code.
    Failed,
    /// A refresh token or code was used twice.
    Reused,
    /// A second factor was enrolled.
    Enrolled(Place),
    /// The second factors were removed.
    FactorsRemoved,
    /// A second factor is due, whatever else there is.
    StepUpRequired,
    /// It is due no longer.
    StepUpWaived,
}

impl Act {
    /// Where it happened, if that matters.
    pub const fn place(&self) -> Option<&Place> {
        match self {
            Act::Used(place)
            | Act::Refused(place)
            | Act::Enrolled(place)
            | Act::SignedIn { place, .. }
            | Act::Proved { place, .. }
            | Act::Issued { place, .. } => Some(place),
            _ => None,
        }
    }
}

/// A second factor that was shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Proof {
    pub network: Key,
    pub session: Key,
    pub at: u32,
}

/// What is usual for one person, and what happened to her lately.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    format: u8,
    /// Whose it is.
    pub person: PersonId,
    /// The place in the journal up to which it is known.
    pub seq: u64,
    pub(super) began: u32,
    /// The last day with something to learn.
    day: u32,
    pub(super) networks: Usual,
    pub(super) carriers: Usual,
    pub(super) devices: Usual,
    pub(super) clients: Usual,
    pub(super) week: Week,
    pub(super) proofs: Vec<Proof>,
    failures: u16,
    failed: u32,
    pub(super) reused: Option<u32>,
    pub(super) step_up: bool,
    /// How often a second factor was shown that was not part of a usual sign-in.
    pub(super) step_ups: u32,
    pub(super) factor: bool,
    /// Until then the second factor proves nothing: it was enrolled from where it looked risky.
    pub(super) doubted: u32,
    /// In which hour each signal was last noted, and with which score.
    noted: [(u32, u8); Signal::NEW.len()],
    /// The last time that something was not as usual: when, the score, and the signals as bits.
    pub(super) latest: Option<(u32, u8, u16)>,
}

impl Profile {
    pub(super) fn new(person: PersonId, at: u32) -> Profile {
        Profile {
            format: FORMAT,
            person,
            seq: 0,
            began: at,
            day: at / super::usual::DAY,
            networks: Usual::default(),
            carriers: Usual::default(),
            devices: Usual::default(),
            clients: Usual::default(),
            week: Week::default(),
            proofs: Vec::new(),
            failures: 0,
            failed: 0,
            reused: None,
            step_up: false,
            step_ups: 0,
            factor: false,
            doubted: 0,
            noted: [(0, 0); Signal::NEW.len()],
            latest: None,
        }
    }

    /// Whether it was saved in a form that this version reads.
    pub const fn is_current(&self) -> bool {
        self.format == FORMAT
    }

    /// Whether she has a second factor, as far as events said so.
    pub const fn has_factor(&self) -> bool {
        self.factor
    }

    pub(super) fn would_learn(&self, place: &Place, at: u32, pace: Pace) -> bool {
        self.networks.would_learn(place.network, at, pace)
            || self.devices.would_learn(place.device, at, pace)
            || place.client.is_some_and(|client| self.clients.would_learn(client, at, pace))
            || self.week.would_learn(at)
    }

    pub(super) fn learn(&mut self, place: &Place, at: u32, how: How, pace: Pace) -> bool {
        let day = at / super::usual::DAY;
        let days = day.saturating_sub(self.day).min(MOST_FADED);
        if days > 0 {
            let kinds = [&mut self.networks, &mut self.carriers, &mut self.devices, &mut self.clients];
            kinds.into_iter().for_each(|usual| usual.fade(days));
            self.day = day;
        }
        let mut learnt = self.networks.learn(place.network, 0, at, how, pace, MOST_NETWORKS);
        learnt |= self.carriers.learn(place.carrier, 0, at, how, pace, MOST_CARRIERS);
        learnt |= self.devices.learn(place.device, place.label, at, how, pace, MOST_DEVICES);
        if let Some(client) = place.client {
            learnt |= self.clients.learn(client, 0, at, how, pace, MOST_CLIENTS);
        }
        learnt |= self.week.learn(at);
        learnt || days > 0
    }

    pub(super) fn fail(&mut self, at: u32) {
        let left = self.failures_at(at);
        self.failures = round(left * f64::from(FAILURE)).saturating_add(FAILURE);
        self.failed = at;
    }

    /// The failures that are not forgotten.
    pub(super) fn failures_at(&self, now: u32) -> f64 {
        let age = f64::from(now.saturating_sub(self.failed));
        f64::from(self.failures) / f64::from(FAILURE) * (-age / FAILURES_HALF).exp2()
    }

    /// A second factor was shown here.
    pub(super) fn prove(&mut self, network: Key, session: Key, at: u32) {
        self.step_up = false;
        self.proofs.retain(|proof| proof.network != network || proof.session != session);
        if self.proofs.len() >= MOST_PROOFS {
            let oldest = self.proofs.iter().enumerate().min_by_key(|(_, proof)| proof.at).map(|(index, _)| index);
            oldest.map(|index| self.proofs.remove(index));
        }
        self.proofs.push(Proof { network, session, at });
    }

    /// When a second factor was last shown from a network.
    pub(super) fn proven(&self, network: Key) -> Option<u32> {
        self.proofs.iter().filter(|proof| proof.network == network).map(|proof| proof.at).max()
    }

    /// When a second factor was last shown in a session.
    pub(super) fn proven_in(&self, session: Key) -> Option<u32> {
        self.proofs.iter().filter(|proof| proof.session == session).map(|proof| proof.at).max()
    }

    /// Whether a signal was not noted in this hour yet, or with a much lower score; it is then.
    pub(super) fn note(&mut self, signal: Signal, at: u32, score: u8) -> bool {
        let hour = at / 3_600;
        let place = Signal::NEW.iter().position(|known| *known == signal);
        match place.and_then(|place| self.noted.get_mut(place)) {
            Some(noted) if noted.0 != hour || score >= noted.1.saturating_add(MUCH_MORE) => {
                *noted = (hour, score);
                true
            }
            _ => false,
        }
    }

    /// Remembers something out of the ordinary: of one hour that with the highest score. Whether it is another than before.
    pub(super) fn remember(&mut self, at: u32, found: &Assessment) -> bool {
        if found.level == Level::Low && found.new.is_empty() {
            return false;
        }
        let more = |(known, score, _): (u32, u8, u16)| known / 3_600 != at / 3_600 || found.score > score;
        let another = self.latest.is_none_or(more);
        if another {
            self.latest = Some((at, found.score, found.bits()));
        }
        another
    }

    /// Forgets what was first seen at this instant or later: networks, devices, clients, and second factors that were
    /// shown. Whether there was something.
    pub fn roll_back(&mut self, to: Timestamp) -> bool {
        let to = seconds(to);
        let kinds = [&mut self.networks, &mut self.carriers, &mut self.devices, &mut self.clients];
        let forgot = kinds.map(|usual| usual.roll_back(to)).contains(&true);
        let before = self.proofs.len();
        self.proofs.retain(|proof| proof.at < to);
        forgot || self.proofs.len() != before
    }
}

/// Whole seconds since 1970, as long as 32 bits hold them.
pub(super) fn seconds(at: Timestamp) -> u32 {
    u32::try_from(at.seconds().max(0)).unwrap_or(u32::MAX)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range first")]
fn round(value: f64) -> u16 {
    value.round().clamp(0.0, 4_096.0) as u16
}
