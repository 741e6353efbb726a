//! Correlations: what many events say together, on event time.
//!
//! Each correlation keeps one window for each group (the values of its `group-by` fields; an event that lacks one of
//! them is in no group). The window is the timespan that ends with the group's newest event. A correlation that holds
//! gives one alert for a group, and then is quiet for its timespan (or as long as its `quiet` says): how often it held meanwhile is in the next alert.
//! Conditions with nothing but `lt` or `lte` are decided when the watermark passes the end of a window.
//!
//! State is bounded: groups for each correlation (the longest untouched go first, counted), entries for each window (see
//! there). Nothing depends on the order of hash maps, so equal events give equal alerts.

mod clock;
mod compile;
mod count;
mod distinct;
mod together;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hasher as _;

use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128 as _, SipHasher13};
use testudo_core::{Alert, Pseudonym, Timestamp};

pub(crate) use clock::{Clock, Standing};
pub(crate) use compile::{Member, Place, Plan, Plans, Watch, fields, plans};

use crate::engine::{Engine, Facts};
use crate::event::value::Value;
use crate::rule::Metadata;
use count::Count;
use distinct::Distinct;
use together::Together;

/// The longest value of a group that alerts show, in characters.
const MAX_SHOWN: usize = 128;

/// What was not taken into account, or is bounded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Events that came later than the lateness allows; correlations did not count them.
    pub late: u64,
    /// Events that were far ahead of all others; they did not move the watermark.
    pub ahead: u64,
    /// Times that the clock went back, and all windows were emptied.
    pub resets: u64,
    /// Groups that were forgotten before their time, to make room.
    pub evicted: u64,
    /// Entries of windows that were forgotten before their time, to make room.
    pub overflowed: u64,
    /// Times that a rule fitted and gave no alert, since it was kept quiet for the group.
    pub suppressed: u64,
}

/// What is known of one group.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Group {
    values: Vec<Box<str>>,
    last: i64,
    quiet_until: i64,
    suppressed: u64,
    window: Window,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Window {
    Count(Count),
    Distinct(Distinct),
    Together(Together),
}

/// What a window says when it was asked.
pub(crate) struct Evidence {
    pub holds: bool,
    pub since: i64,
    pub count: u64,
}

/// The groups of one correlation.
#[derive(Default)]
pub(crate) struct Groups {
    pub(crate) known: HashMap<u128, Group>,
    /// When windows end, for conditions that are decided then.
    closing: BTreeSet<(i64, u128)>,
    /// The watermark when what was over was forgotten last.
    pub(crate) swept: i64,
}

/// Bounds of the state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub groups: usize,
    pub seed: [u8; 16],
}

/// One thing that correlations take in: an event that a rule fits, or a correlation that held.
#[derive(Clone, Copy)]
pub(crate) struct Occurrence {
    pub at: i64,
    pub seq: u64,
    pub weight: u32,
}

/// A correlation that held for a group.
pub(crate) struct Found {
    pub plan: usize,
    pub values: Vec<Box<str>>,
    pub alert: Alert,
}

impl Groups {
    /// Takes in one occurrence of a member.
    #[expect(clippy::too_many_arguments, reason = "a step of the detector, which owns all of them")]
    pub(crate) fn take(
        &mut self,
        plan: &Plan,
        index: usize,
        member: &Member,
        input: &Input<'_, '_>,
        what: Occurrence,
        limits: Limits,
        clock: &Clock,
        counters: &mut Counters,
    ) -> Option<Found> {
        let mut hasher = SipHasher13::new_with_key(&limits.seed);
        for place in &member.group {
            input.hash(*place, &mut hasher)?;
        }
        let key = hasher.finish128().as_u128();
        let counted = if member.values.is_empty() { None } else { Some(input.counted(member, limits.seed)?) };
        self.make_room(plan, limits, clock, counters, key);
        let group = self.known.entry(key).or_insert_with(|| Group {
            values: member.group.iter().map(|place| input.shown(*place)).collect(),
            last: i64::MIN,
            quiet_until: i64::MIN,
            suppressed: 0,
            window: Window::of(plan),
        });
        if plan.closes && group.last == i64::MIN {
            self.closing.insert((what.at.saturating_add(plan.span), key));
        }
        group.last = group.last.max(what.at);
        let counted_in = match &mut group.window {
            Window::Count(window) => window.add(what, if plan.closes { i64::MAX } else { plan.span }, counters),
            Window::Distinct(window) => {
                window.add(what, counted.unwrap_or(0), plan.span, plan.most_values, plan.closes)
            }
            Window::Together(window) => window.add(what, member.place, plan.span, counters),
        };
        if !counted_in {
            counters.late += 1;
            return None;
        }
        if plan.closes {
            return None;
        }
        let evidence = group.window.evidence(plan);
        if !evidence.holds {
            return None;
        }
        group.fire(plan, index, what.at, &evidence, counters)
    }

    /// Decides the windows that end before the watermark.
    pub(crate) fn close(
        &mut self,
        plan: &Plan,
        index: usize,
        watermark: i64,
        counters: &mut Counters,
        found: &mut Vec<Found>,
    ) {
        while let Some((end, key)) = self.closing.first().copied() {
            if end >= watermark {
                return;
            }
            self.closing.pop_first();
            if let Some(mut group) = self.known.remove(&key) {
                let evidence = group.window.evidence(plan);
                if evidence.holds {
                    found.extend(group.fire(plan, index, end, &evidence, counters));
                }
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.known.clear();
        self.closing.clear();
        self.swept = 0;
    }

    pub(crate) fn restore(&mut self, plan: &Plan, swept: i64, groups: HashMap<u128, Group>) {
        self.swept = swept;
        if plan.closes {
            let ends = groups.iter().map(|(key, group)| (group.window.since().saturating_add(plan.span), *key));
            self.closing = ends.collect();
        }
        self.known = groups;
    }

    /// Forgets what is over; and when that is not enough, what was untouched for longest. An eighth of the room is then
    /// free, so that the next groups cost nothing.
    fn make_room(&mut self, plan: &Plan, limits: Limits, clock: &Clock, counters: &mut Counters, key: u128) {
        let watermark = clock.watermark();
        let full = self.known.len() >= limits.groups && !self.known.contains_key(&key);
        if !full && watermark.saturating_sub(self.swept) < plan.span {
            return;
        }
        self.swept = watermark;
        if !plan.closes {
            self.known
                .retain(|_, group| group.last.saturating_add(plan.span) >= watermark || group.quiet_until >= watermark);
        }
        let most = limits.groups - limits.groups.div_ceil(8);
        let surplus = self.known.len().saturating_sub(most);
        if !full || surplus == 0 {
            return;
        }
        let mut oldest: Vec<(i64, u128)> = self.known.iter().map(|(key, group)| (group.last, *key)).collect();
        oldest.select_nth_unstable(surplus - 1);
        for (_, key) in oldest.iter().take(surplus) {
            self.known.remove(key);
        }
        self.closing.retain(|(_, key)| self.known.contains_key(key));
        counters.evicted += surplus as u64;
    }
}

impl Group {
    fn fire(
        &mut self,
        plan: &Plan,
        index: usize,
        at: i64,
        evidence: &Evidence,
        counters: &mut Counters,
    ) -> Option<Found> {
        if at < self.quiet_until {
            self.suppressed += 1;
            counters.suppressed += 1;
            return None;
        }
        self.quiet_until = at.saturating_add(plan.quiet);
        let group = plan.group_by.iter().zip(&self.values);
        let group = group.map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let alert = Alert {
            at: Timestamp::from_micros(at),
            since: Timestamp::from_micros(evidence.since.min(at)),
            count: evidence.count,
            suppressed: std::mem::take(&mut self.suppressed),
            places: self.window.places(),
            ..alert(&plan.metadata, group)
        };
        Some(Found { plan: index, values: self.values.clone(), alert })
    }
}

/// An alert of a rule, without what its events say.
pub(crate) fn alert(metadata: &Metadata, group: BTreeMap<String, String>) -> Alert {
    Alert {
        rule: metadata.id.clone(),
        title: metadata.title.clone(),
        author: metadata.author.clone(),
        level: metadata.level,
        at: Timestamp::EPOCH,
        since: Timestamp::EPOCH,
        group,
        places: Vec::new(),
        count: 1,
        suppressed: 0,
        tags: metadata.tags.clone(),
        false_positives: metadata.false_positives.clone(),
    }
}

impl Window {
    fn of(plan: &Plan) -> Window {
        match plan.watch {
            Watch::Events(_) => Window::Count(Count::default()),
            Watch::Values(_) => Window::Distinct(Distinct::default()),
            Watch::Together { .. } => Window::Together(Together::default()),
        }
    }

    /// Whether it is a window of this plan.
    pub(crate) fn fits(&self, plan: &Plan) -> bool {
        matches!(
            (self, &plan.watch),
            (Window::Count(_), Watch::Events(_))
                | (Window::Distinct(_), Watch::Values(_))
                | (Window::Together(_), Watch::Together { .. })
        )
    }

    fn evidence(&self, plan: &Plan) -> Evidence {
        let all = |bounds: &[crate::rule::Bound], count| bounds.iter().all(|bound| bound.holds(count));
        let (holds, count) = match (self, &plan.watch) {
            (Window::Count(window), Watch::Events(bounds)) => (all(bounds, window.sum()), window.sum()),
            (Window::Distinct(window), Watch::Values(bounds)) => (all(bounds, window.len()), window.len()),
            (Window::Together(window), Watch::Together { ordered, condition }) => {
                (window.holds(*ordered, condition, &plan.names), window.events())
            }
            _ => (false, 0),
        };
        Evidence { holds, since: self.since(), count }
    }

    fn since(&self) -> i64 {
        match self {
            Window::Count(window) => window.since(),
            Window::Distinct(window) => window.since(),
            Window::Together(window) => window.since(),
        }
    }

    fn places(&self) -> Vec<u64> {
        let all: Vec<u64> = match self {
            Window::Count(window) => window.places().collect(),
            Window::Distinct(window) => window.places().collect(),
            Window::Together(window) => window.places().collect(),
        };
        some(all)
    }
}

impl Group {
    pub(crate) fn fits(&self, plan: &Plan) -> bool {
        self.window.fits(plan) && self.values.len() == plan.group_by.len()
    }
}

/// The oldest and the newest, if there are more than an alert names.
fn some(mut places: Vec<u64>) -> Vec<u64> {
    places.sort_unstable();
    places.dedup();
    let most = Alert::MAX_PLACES;
    if places.len() > most {
        places.drain(most / 2..places.len() - most / 2);
    }
    places
}

/// Where values of fields come from: an event, or the group of a correlation that held.
pub(crate) enum Input<'i, 'e> {
    Event(&'i Engine, Facts<'i, 'e>),
    Group(&'i [Box<str>]),
}

impl Input<'_, '_> {
    /// Hashes a value as its text; nothing when there is none.
    fn hash(&self, place: Place, hasher: &mut SipHasher13) -> Option<()> {
        match (self, place) {
            (Input::Event(engine, facts), Place::Field(field)) => match engine.value(*facts, field)? {
                Value::Text(text) => hasher.write(text.as_bytes()),
                Value::Name(name) => hasher.write(&hexadecimal(name)),
                other => hasher.write(other.text()?.as_bytes()),
            },
            (Input::Group(values), Place::Group(index)) => hasher.write(values.get(index)?.as_bytes()),
            _ => return None,
        }
        hasher.write_u8(0xff);
        Some(())
    }

    /// A value as alerts show it.
    fn shown(&self, place: Place) -> Box<str> {
        match (self, place) {
            (Input::Event(engine, facts), Place::Field(field)) => {
                let value = engine.value(*facts, field);
                let text = value.as_ref().and_then(Value::text).unwrap_or_default();
                text.chars().take(MAX_SHOWN).collect::<String>().into()
            }
            (Input::Group(values), Place::Group(index)) => values.get(index).cloned().unwrap_or_default(),
            _ => Box::default(),
        }
    }

    /// What stands for the values that are counted; they count together.
    fn counted(&self, member: &Member, seed: [u8; 16]) -> Option<u128> {
        let mut hasher = SipHasher13::new_with_key(&seed);
        for place in &member.values {
            self.hash(*place, &mut hasher)?;
        }
        Some(hasher.finish128().as_u128())
    }
}

/// A pseudonym in the text form that it has everywhere.
fn hexadecimal(name: Pseudonym) -> [u8; 32] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 32];
    for (pair, byte) in text.chunks_mut(2).zip(name.0) {
        for (to, digit) in pair.iter_mut().zip([byte >> 4, byte & 15]) {
            *to = DIGITS.get(usize::from(digit)).copied().unwrap_or(b'0');
        }
    }
    text
}
