//! The profiles of many people, and the one way in which they change.

#![expect(clippy::similar_names, reason = "the names are the words of the field")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use testudo_core::{Alert, PersonId, Pseudonym, Severity, Timestamp};

use super::context::{Context, Subject};
use super::model::Model;
use super::profile::{Act, Profile, seconds};
use super::score::{Assessment, Level, Question, Settings, Signal, assess};
use super::usual::How;
use super::{Key, Place};

/// What an act did.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Observed {
    /// Whether the profile is another one now.
    pub changed: bool,
    /// What is new about it, each at most once an hour.
    pub noted: Vec<Signal>,
    /// The score before it was learnt, where something is noted.
    pub score: u8,
}

/// Profiles of people by pseudonym, with what goes on around them.
pub struct Profiles {
    settings: Settings,
    people: HashMap<Pseudonym, Seat>,
    context: Context,
    models: Vec<Box<dyn Model>>,
    uses: AtomicU64,
}

struct Seat {
    profile: Profile,
    used: AtomicU64,
}

impl Profiles {
    /// Of nobody yet.
    pub fn new(settings: Settings) -> Profiles {
        let (people, context) = (HashMap::new(), Context::default());
        Profiles { settings, people, context, models: Vec::new(), uses: AtomicU64::new(0) }
    }

    /// Adds a model to the sum.
    pub fn join(&mut self, model: Box<dyn Model>) {
        self.models.push(model);
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Puts other settings in force.
    pub fn configure(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// What goes on.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Goes on from a saved context.
    pub fn restore_context(&mut self, context: Context) {
        self.context = context;
    }

    /// How many people are held.
    pub fn len(&self) -> usize {
        self.people.len()
    }

    /// Whether nobody is held.
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// The profile of a person, if it is held.
    pub fn get(&self, name: Pseudonym) -> Option<&Profile> {
        let seat = self.people.get(&name)?;
        seat.used.store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        Some(&seat.profile)
    }

    /// Takes in a saved profile, unless there is one already.
    pub fn restore(&mut self, name: Pseudonym, profile: Profile) {
        let used = AtomicU64::new(self.uses.fetch_add(1, Ordering::Relaxed));
        self.people.entry(name).or_insert(Seat { profile, used });
    }

    /// Begins the profile of somebody of whom nothing is saved.
    pub fn begin(&mut self, name: Pseudonym, person: PersonId, at: Timestamp) {
        self.restore(name, Profile::new(person, seconds(at)));
    }

    /// Forgets a person.
    pub fn remove(&mut self, name: Pseudonym) -> bool {
        self.people.remove(&name).is_some()
    }

    /// Lets those leave who were not asked about for longest, until as many are left as may be. `may` says who is saved.
    pub fn shrink(&mut self, may: impl Fn(Pseudonym) -> bool) -> Vec<Pseudonym> {
        if self.people.len() <= self.settings.people {
            return Vec::new();
        }
        // A sixteenth more, so that it is not done for each new one.
        let leave = self.people.len() - self.settings.people + self.settings.people / 16;
        let mut order: Vec<(u64, Pseudonym)> =
            self.people.iter().map(|(name, seat)| (seat.used.load(Ordering::Relaxed), *name)).collect();
        order.sort_unstable();
        let left: Vec<Pseudonym> =
            order.into_iter().map(|(_, name)| name).filter(|name| may(*name)).take(leave).collect();
        for name in &left {
            self.people.remove(name);
        }
        left
    }

    /// How unusual it is that this person comes this way now.
    pub fn assess(&self, name: Pseudonym, place: &Place, now: Timestamp) -> Assessment {
        self.judge(name, self.get(name), place, now)
    }

    /// Whether tokens for a code of this session need no further proof: a second factor was shown in it a short while
    /// ago.
    pub fn proven_in(&self, name: Pseudonym, session: Key, now: Timestamp) -> bool {
        let proven = self.get(name).and_then(|profile| profile.proven_in(session));
        proven.is_some_and(|at| seconds(now).saturating_sub(at) <= self.settings.proof_seconds())
    }

    /// Whether [`Profiles::observe`] would do anything with it; cheap, since almost all requests change nothing.
    pub fn would_observe(&self, name: Pseudonym, act: &Act, at: Timestamp) -> bool {
        match (act, self.people.get(&name)) {
            (Act::Used(place), Some(seat)) => seat.profile.would_learn(place, seconds(at), self.settings.pace()),
            _ => true,
        }
    }

    /// Takes in what happened to a person, at its place in the journal. What a profile knows already is not taken in
    /// again.
    pub fn observe(&mut self, name: Pseudonym, person: PersonId, act: &Act, at: Timestamp, seq: u64) -> Observed {
        let now = seconds(at);
        let used = self.uses.fetch_add(1, Ordering::Relaxed);
        let mut seat = match self.people.remove(&name) {
            Some(seat) => seat,
            None => Seat { profile: Profile::new(person, now), used: AtomicU64::new(used) },
        };
        seat.used.store(used, Ordering::Relaxed);
        let observed = if seq > 0 && seq <= seat.profile.seq {
            Observed::default()
        } else {
            self.take(name, &mut seat.profile, act, at)
        };
        seat.profile.seq = seat.profile.seq.max(seq);
        self.people.insert(name, seat);
        observed
    }

    /// Takes in an alert. The profiles of people whom it names forget what was new since the attack began. Whom it
    /// concerns, as far as they are held.
    pub fn alert(&mut self, alert: &Alert) -> (bool, Vec<Pseudonym>) {
        let about = self.context.alert(alert);
        let mut rolled = Vec::new();
        if alert.level >= Severity::High && !Context::is_within(alert) {
            for name in Context::people(alert) {
                if let Some(seat) = self.people.get_mut(&name)
                    && seat.profile.roll_back(alert.since)
                {
                    rolled.push(name);
                }
            }
        }
        (about, rolled)
    }

    /// Forgets what a person showed first at this instant or later.
    pub fn roll_back(&mut self, name: Pseudonym, to: Timestamp) -> bool {
        self.people.get_mut(&name).is_some_and(|seat| seat.profile.roll_back(to))
    }

    fn judge(&self, name: Pseudonym, profile: Option<&Profile>, place: &Place, now: Timestamp) -> Assessment {
        let (context, settings) = (&self.context, &self.settings);
        assess(&Question { name, profile, place, now, context, settings, models: &self.models })
    }

    fn take(&mut self, name: Pseudonym, profile: &mut Profile, act: &Act, at: Timestamp) -> Observed {
        let (now, pace) = (seconds(at), self.settings.pace());
        match act {
            Act::Used(place) if !profile.would_learn(place, now, pace) => return Observed::default(),
            Act::Failed => profile.fail(now),
            Act::Reused => profile.reused = Some(now),
            Act::FactorsRemoved => {
                profile.factor = false;
                profile.proofs.clear();
            }
            Act::StepUpRequired => profile.step_up = true,
            Act::StepUpWaived => profile.step_up = false,
            _ => {}
        }
        let Some(place) = act.place() else { return Observed { changed: true, ..Observed::default() } };
        let before = self.judge(name, Some(profile), place, at);
        let mut observed = Observed { score: before.score, ..Observed::default() };
        if !matches!(act, Act::Enrolled(_)) {
            observed.changed = profile.remember(now, &before);
            for signal in &before.new {
                if profile.note(*signal, now, before.score) {
                    observed.changed = true;
                    observed.noted.push(*signal);
                }
            }
        }
        observed.changed |= self.learn(name, profile, act, place, &before, at);
        observed
    }

    fn learn(
        &mut self,
        name: Pseudonym,
        profile: &mut Profile,
        act: &Act,
        place: &Place,
        before: &Assessment,
        at: Timestamp,
    ) -> bool {
        let (now, pace) = (seconds(at), self.settings.pace());
        let proof = self.settings.proof_seconds();
        let trusted = now >= profile.doubted;
        let mut changed = false;
        let mut proves = None;
        match *act {
            Act::Refused(_) => return false,
            Act::Enrolled(_) => {
                profile.factor = true;
                // Whoever has a stolen password could enrol a factor of his own.
                profile.doubted = if before.level >= Level::High { now.saturating_add(super::usual::DAY) } else { 0 };
                return true;
            }
            Act::SignedIn { session, second_factor, .. } => {
                changed = profile.factor != second_factor;
                profile.factor = second_factor;
                proves = Some(session).filter(|_| second_factor && trusted);
            }
            Act::Proved { session, .. } => {
                profile.step_ups = profile.step_ups.saturating_add(1);
                profile.factor = true;
                profile.step_up = false;
                changed = true;
                proves = Some(session).filter(|_| trusted);
            }
            Act::Issued { session, .. } => {
                let shown = profile.proven_in(session).filter(|at| now.saturating_sub(*at) <= proof);
                proves = Some(session).filter(|_| shown.is_some() && trusted);
            }
            _ => {}
        }
        if let Some(session) = proves {
            profile.prove(place.network, session, now);
            self.share(name, place, now);
            profile.learn(place, now, How { sure: true, new: true }, pace);
            return true;
        }
        let hot = [
            self.context.quarantine(Subject::Network, place.network, now),
            self.context.quarantine(Subject::Address, place.address, now),
            self.context.quarantine(Subject::Device, place.device, now),
        ];
        let suspect = hot.iter().any(Option::is_some) && !before.proven;
        let known = before.network_known && before.device_known;
        if suspect && !known {
            return changed;
        }
        let accused = self.context.quarantine(Subject::Person, Key::of(name), now).is_some() && !before.proven;
        // What would have been challenged is learnt only once it was proven, if it can be.
        let unproven = before.level >= Level::High && profile.factor && !before.proven;
        let new = !(suspect || accused || unproven);
        if new {
            self.share(name, place, now);
        }
        profile.learn(place, now, How { sure: false, new }, pace) || changed
    }

    fn share(&mut self, name: Pseudonym, place: &Place, now: u32) {
        self.context.shared(place.network, name, now);
    }
}

impl std::fmt::Debug for Profiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Profiles").field("people", &self.people.len()).finish_non_exhaustive()
    }
}
