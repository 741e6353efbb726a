//! The detector: events in the order of the journal in, alerts out; with its state to save and restore.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hasher as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128 as _, SipHasher13};
use testudo_core::{Alert, Timestamp};

use crate::correlate::{
    Clock, Counters, Found, Group, Groups, Input, Limits, Member, Occurrence, Plan, Plans, Standing, alert, fields,
    plans,
};
use crate::engine::{Engine, Facts, Scratch, SourceId};
use crate::error::RuleErrors;
use crate::event::json::EventError;
use crate::event::{EventView, Native, Record};
use crate::rule::{LogSource, Metadata, Rules};

/// The format of [`State`].
const FORMAT: u32 = 1;

/// How a detector works.
#[derive(Clone, Debug)]
pub struct Options {
    /// How late an event may come and still count in correlations.
    pub lateness: Duration,
    /// A rule about one event that fits again for the same people and address within this time gives no further alert;
    /// the next one says how often it fitted meanwhile. Zero: each fit is an alert.
    pub repeat: Duration,
    /// The most groups that one correlation remembers.
    pub groups: usize,
    /// Keys the hashes of group values, so that nobody can choose values that collide. Must stay the same as long as
    /// the state is kept.
    pub seed: [u8; 16],
}

impl Default for Options {
    fn default() -> Options {
        Options { lateness: Duration::from_mins(1), repeat: Duration::from_mins(1), groups: 20_000, seed: [0; 16] }
    }
}

/// Observes events and gives alerts. Deterministic: the same events in the same order give the same alerts, whatever
/// was saved and restored in between.
pub struct Detector {
    engine: Engine,
    plans: Plans,
    options: Options,
    clock: Clock,
    groups: Vec<Groups>,
    repeats: Repeats,
    counters: Counters,
    scratch: Scratch,
    found: Vec<u32>,
    json: SourceId,
}

/// What a detector remembers, to be saved with the cursor of the journal. Restored under other rules, what belongs to
/// rules that changed is left out.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    format: u32,
    clock: Clock,
    correlations: Vec<SavedPlan>,
    repeats: Vec<SavedRepeat>,
    counters: Counters,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct SavedPlan {
    rule: String,
    fingerprint: u64,
    swept: i64,
    groups: Vec<(u64, u64, Group)>,
}

/// Rule and key in halves, until when it is quiet, how often it fitted since.
type SavedRepeat = (u64, u64, i64, u64);

/// What [`Detector::restore`] did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Restored {
    /// Correlations that go on where they were.
    pub kept: usize,
    /// Correlations that begin anew, since they are new or changed.
    pub fresh: usize,
}

/// Why a state can't be restored.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StateError {
    /// It was saved by another version.
    #[error("the state of detection has format {0}, which this version does not know; replay the journal instead")]
    Format(u32),
}

impl Rules {
    /// Compiles the rules. Errors name what does not fit together: rules of one id, references to rules that are not
    /// loaded, fields that our own events don't have.
    pub fn compile(&self, options: Options) -> Result<Detector, RuleErrors> {
        let mut engine = Engine::compile(self, &fields(self))?;
        let mut problems = Vec::new();
        let plans = plans(self, &engine, &mut problems);
        if !problems.is_empty() {
            return Err(RuleErrors::new(problems));
        }
        let json = engine.source(None);
        let groups = plans.all.iter().map(|_| Groups::default()).collect();
        let clock = Clock::new(micros(options.lateness));
        Ok(Detector {
            engine,
            plans,
            clock,
            groups,
            repeats: Repeats::default(),
            counters: Counters::default(),
            scratch: Scratch::default(),
            found: Vec::new(),
            json,
            options,
        })
    }
}

impl Detector {
    /// Takes in an event of our own at its place in the journal; alerts are added to `alerts`.
    pub fn observe(&mut self, event: &EventView<'_>, seq: u64, alerts: &mut Vec<Alert>) {
        let facts = Facts::Own(event);
        self.engine.matches(facts, Engine::own(event), &mut self.scratch, &mut self.found);
        let what = Occurrence { at: event.at.micros(), seq, weight: event.count.max(1) };
        self.take(facts, what, alerts);
    }

    /// Takes in an event of another source as JSON: nested or flat. Its time is that of its first field that is a
    /// time (`@timestamp`, `time`, `eventTime`, ...), else that of the newest event.
    pub fn observe_json(&mut self, text: &str, seq: u64, alerts: &mut Vec<Alert>) -> Result<(), EventError> {
        let flat = self.engine.flat(text, self.json)?;
        let at = flat.time(&self.engine.times).map(Timestamp::micros).or(self.clock.newest()).unwrap_or(0);
        let facts = Facts::Flat(&flat);
        self.engine.matches(facts, self.json, &mut self.scratch, &mut self.found);
        let Detector { engine, plans, options, clock, groups, repeats, counters, found, .. } = self;
        let mut step = Step { engine, plans, options, clock, groups, repeats, counters, facts };
        step.take(found, Occurrence { at, seq, weight: 1 }, alerts);
        Ok(())
    }

    /// Takes in a line of a file: an event of our own as [`Record`], else one of another source as JSON.
    pub fn observe_line(&mut self, text: &str, seq: u64, alerts: &mut Vec<Alert>) -> Result<(), EventError> {
        match serde_json::from_str::<Record>(text) {
            Ok(record) => {
                self.observe(&record.view(), record.seq.unwrap_or(seq), alerts);
                Ok(())
            }
            Err(_) => self.observe_json(text, seq, alerts),
        }
    }

    /// The rules about single events that fit an event of our own.
    pub fn matches(&mut self, event: &EventView<'_>) -> impl Iterator<Item = &Metadata> {
        self.engine.matches(Facts::Own(event), Engine::own(event), &mut self.scratch, &mut self.found);
        let engine = &self.engine;
        self.found.iter().filter_map(|rule| engine.metadata(*rule))
    }

    /// The rules about single events that fit a JSON event.
    pub fn matches_json(&mut self, text: &str) -> Result<impl Iterator<Item = &Metadata>, EventError> {
        let flat = self.engine.flat(text, self.json)?;
        self.engine.matches(Facts::Flat(&flat), self.json, &mut self.scratch, &mut self.found);
        let engine = &self.engine;
        Ok(self.found.iter().filter_map(|rule| engine.metadata(*rule)))
    }

    /// Where JSON events come from; without it, all rules look at them.
    pub fn json_source(&mut self, source: &LogSource) {
        self.json = self.engine.source(Some(source));
    }

    /// The rules, detections first.
    pub fn rules(&self) -> impl Iterator<Item = &Metadata> {
        let detections = (0u32..).map_while(|rule| self.engine.metadata(rule));
        detections.chain(self.plans.all.iter().map(|plan| &plan.metadata))
    }

    /// How many detections and correlations there are, and how many predicates are shared by the detections, of which
    /// the last have no witness and so run for every event.
    pub fn shape(&self) -> Shape {
        let (predicates, unguarded) = self.engine.shape();
        Shape { detections: self.engine.len(), correlations: self.plans.all.len(), predicates, unguarded }
    }

    /// What was not taken into account so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How many groups are remembered.
    pub fn groups(&self) -> usize {
        self.groups.iter().map(|groups| groups.known.len()).sum()
    }

    /// Everything that is remembered, in an order that depends on nothing else.
    pub fn save(&self) -> State {
        let correlations = self.plans.all.iter().zip(&self.groups).map(|(plan, groups)| {
            let mut saved: Vec<_> = groups.known.iter().collect();
            saved.sort_unstable_by_key(|(key, _)| **key);
            let saved = saved.into_iter().map(|(key, group)| {
                let (high, low) = halves(*key);
                (high, low, group.clone())
            });
            SavedPlan {
                rule: plan.metadata.id.clone(),
                fingerprint: plan.fingerprint,
                swept: groups.swept,
                groups: saved.collect(),
            }
        });
        State {
            format: FORMAT,
            clock: self.clock.clone(),
            correlations: correlations.collect(),
            repeats: self.repeats.save(),
            counters: self.counters,
        }
    }

    /// Goes on from a saved state.
    pub fn restore(&mut self, state: State) -> Result<Restored, StateError> {
        if state.format != FORMAT {
            return Err(StateError::Format(state.format));
        }
        let mut restored = Restored { kept: 0, fresh: 0 };
        let mut saved: HashMap<String, SavedPlan> =
            state.correlations.into_iter().map(|saved| (saved.rule.clone(), saved)).collect();
        for (plan, groups) in self.plans.all.iter().zip(&mut self.groups) {
            groups.clear();
            let known = saved.remove(&plan.metadata.id).filter(|saved| saved.fingerprint == plan.fingerprint);
            let Some(known) = known else {
                restored.fresh += 1;
                continue;
            };
            restored.kept += 1;
            let kept = known.groups.into_iter().filter(|(.., group)| group.fits(plan));
            groups.restore(plan, known.swept, kept.map(|(high, low, group)| (whole(high, low), group)).collect());
        }
        self.clock = state.clock.with_lateness(micros(self.options.lateness));
        self.repeats = Repeats::restore(state.repeats);
        self.counters = state.counters;
        Ok(restored)
    }

    fn take(&mut self, facts: Facts<'_, '_>, what: Occurrence, alerts: &mut Vec<Alert>) {
        let Detector { engine, plans, options, clock, groups, repeats, counters, found, .. } = self;
        let mut step = Step { engine, plans, options, clock, groups, repeats, counters, facts };
        step.take(found, what, alerts);
    }
}

/// What rules became.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// Rules about single events.
    pub detections: usize,
    /// Rules about many.
    pub correlations: usize,
    /// Different questions that detections ask.
    pub predicates: usize,
    /// Detections that run for every event.
    pub unguarded: usize,
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[expect(clippy::cast_possible_truncation, reason = "the halves of a number")]
fn halves(key: u128) -> (u64, u64) {
    ((key >> 64) as u64, key as u64)
}

fn whole(high: u64, low: u64) -> u128 {
    (u128::from(high) << 64) | u128::from(low)
}

/// One event's way through the correlations.
struct Step<'s, 'e> {
    engine: &'s Engine,
    plans: &'s Plans,
    options: &'s Options,
    clock: &'s mut Clock,
    groups: &'s mut Vec<Groups>,
    repeats: &'s mut Repeats,
    counters: &'s mut Counters,
    facts: Facts<'s, 'e>,
}

impl Step<'_, '_> {
    fn take(&mut self, fitting: &[u32], what: Occurrence, alerts: &mut Vec<Alert>) {
        let standing = self.clock.observe(what.at, self.counters);
        if standing == Standing::Reset {
            self.groups.iter_mut().for_each(Groups::clear);
            self.repeats.clear();
        }
        let mut found = Vec::new();
        let watermark = self.clock.watermark();
        for index in &self.plans.closing {
            if let (Some(plan), Some(groups)) = (self.plans.all.get(*index), self.groups.get_mut(*index)) {
                groups.close(plan, *index, watermark, self.counters, &mut found);
            }
        }
        for rule in fitting {
            if self.plans.raising.get(*rule as usize) == Some(&true) {
                self.raise(*rule, what, alerts);
            }
        }
        if standing != Standing::Late {
            for rule in fitting {
                let members = self.plans.of_rules.get(*rule as usize).map_or(&[][..], |members| members);
                let input = Input::Event(self.engine, self.facts);
                self.feed(members, &input, what, &mut found);
            }
        }
        // Correlations of correlations; there are no circles.
        let mut queue = VecDeque::from(found);
        while let Some(Found { plan, values, alert }) = queue.pop_front() {
            let members = self.plans.of_correlations.get(plan).map_or(&[][..], |members| members);
            let mut more = Vec::new();
            self.feed(members, &Input::Group(&values), Occurrence { weight: 1, ..what }, &mut more);
            queue.extend(more);
            if self.plans.all.get(plan).is_some_and(|plan| plan.raises) {
                alerts.push(alert);
            }
        }
    }

    fn feed(&mut self, members: &[Member], input: &Input<'_, '_>, what: Occurrence, found: &mut Vec<Found>) {
        let limits = Limits { groups: self.options.groups.max(1), seed: self.options.seed };
        for member in members {
            let plan: Option<&Plan> = self.plans.all.get(member.plan);
            if let (Some(plan), Some(groups)) = (plan, self.groups.get_mut(member.plan)) {
                let held = groups.take(plan, member.plan, member, input, what, limits, self.clock, self.counters);
                found.extend(held);
            }
        }
    }

    /// An alert about one event.
    fn raise(&mut self, rule: u32, what: Occurrence, alerts: &mut Vec<Alert>) {
        let Some(metadata) = self.engine.metadata(rule) else { return };
        let group = self.who();
        let quiet = micros(self.options.repeat);
        // What is about nobody, and what another source says, is never the same twice.
        let suppressed = if quiet == 0 || group.is_empty() {
            0
        } else {
            let mut hasher = SipHasher13::new_with_key(&self.options.seed);
            hasher.write(metadata.id.as_bytes());
            for (name, value) in &group {
                hasher.write(name.as_bytes());
                hasher.write(value.as_bytes());
                hasher.write_u8(0xff);
            }
            let key = hasher.finish128().as_u128();
            match self.repeats.passes(key, what.at, quiet, self.options.groups, self.counters) {
                Some(suppressed) => suppressed,
                None => return,
            }
        };
        let at = Timestamp::from_micros(what.at);
        alerts.push(Alert {
            at,
            since: at,
            places: vec![what.seq],
            count: what.weight.into(),
            suppressed,
            ..alert(metadata, group)
        });
    }

    /// Whom an event is about.
    fn who(&self) -> BTreeMap<String, String> {
        const WHO: [(&str, Native); 5] = [
            ("person", Native::Person),
            ("subject", Native::Subject),
            ("device", Native::Device),
            ("address", Native::Address),
            ("network", Native::Network),
        ];
        let Facts::Own(event) = self.facts else { return BTreeMap::new() };
        let known =
            WHO.iter().filter_map(|(name, native)| Some(((*name).to_owned(), native.get(event)?.text()?.into_owned())));
        known.collect()
    }
}

/// Which rules about single events are quiet for whom.
#[derive(Default)]
struct Repeats {
    known: HashMap<u128, (i64, u64)>,
}

impl Repeats {
    /// How often it fitted since the last alert, if it is time for the next.
    fn passes(&mut self, key: u128, at: i64, quiet: i64, most: usize, counters: &mut Counters) -> Option<u64> {
        if let Some((until, suppressed)) = self.known.get_mut(&key) {
            if at < *until {
                *suppressed += 1;
                counters.suppressed += 1;
                return None;
            }
            let suppressed = *suppressed;
            self.known.insert(key, (at.saturating_add(quiet), 0));
            return Some(suppressed);
        }
        let most = most.max(1);
        if self.known.len() >= most {
            self.known.retain(|_, (until, suppressed)| *until > at || *suppressed > 0);
            let surplus = self.known.len().saturating_sub(most - most.div_ceil(8));
            if surplus > 0 {
                let mut oldest: Vec<(i64, u128)> = self.known.iter().map(|(key, (until, _))| (*until, *key)).collect();
                oldest.sort_unstable();
                for (_, key) in oldest.iter().take(surplus) {
                    self.known.remove(key);
                }
                counters.evicted += surplus as u64;
            }
        }
        self.known.insert(key, (at.saturating_add(quiet), 0));
        Some(0)
    }

    fn clear(&mut self) {
        self.known.clear();
    }

    fn save(&self) -> Vec<SavedRepeat> {
        let mut saved: Vec<SavedRepeat> = self
            .known
            .iter()
            .map(|(key, (until, suppressed))| {
                let (high, low) = halves(*key);
                (high, low, *until, *suppressed)
            })
            .collect();
        saved.sort_unstable();
        saved
    }

    fn restore(saved: Vec<SavedRepeat>) -> Repeats {
        let known = saved.into_iter().map(|(high, low, until, suppressed)| (whole(high, low), (until, suppressed)));
        Repeats { known: known.collect() }
    }
}
