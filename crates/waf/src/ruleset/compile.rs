//! Compiles a program into a rule set.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::sequence::Sequence;
use super::text::Text;
use super::view::{Lane, Pick, Source, View};
use super::{Assign, Bits, Change, Effect, Link, Name, Order, Phase, Profile, Rule, RuleSet, Test, fold};
use crate::screen::{self, Screen};
use crate::seclang::{self, Control, Ids, Problem, Program, Store, Variable};
use crate::transform::{Transformation, UnicodeMap};
use crate::values::{Pipe, Used, ValueId, Values};
use crate::waf::Options;

/// A rule set needs no more than 64 transformations, for there are fewer.
const MOST_TRANSFORMATIONS: usize = 64;

/// What is collected while rules are compiled.
#[derive(Debug)]
pub(crate) struct Compiler {
    first: Values,
    slots: BTreeMap<Box<[u8]>, usize>,
    slot_names: Vec<Box<[u8]>>,
    used: Vec<Transformation>,
    pipes: Vec<Pipe>,
    pipe_numbers: HashMap<Vec<Transformation>, usize>,
    lanes: Bits,
}

impl Compiler {
    /// Compiles a program.
    pub(crate) fn compile(program: Program, options: &Options) -> Result<RuleSet, Problem> {
        let mut compiler = Compiler {
            first: Values::new(0),
            slots: BTreeMap::new(),
            slot_names: Vec::new(),
            used: vec![Transformation::Lowercase],
            pipes: Vec::new(),
            pipe_numbers: HashMap::new(),
            lanes: Bits::new(Lane::COUNT),
        };
        compiler.pipe(&[]);
        for group in 0..10 {
            compiler.slot(&group.to_string());
        }
        compiler.all(program, options)
    }

    fn all(mut self, program: Program, options: &Options) -> Result<RuleSet, Problem> {
        let unicode = match (&program.settings.unicode_map, &program.unicode_map) {
            (Some((path, page)), Some(bytes)) => Some(
                UnicodeMap::parse(bytes, *page)
                    .map_err(|error| Problem::Value { what: "Unicode map", value: format!("{path}: {error}") })?,
            ),
            _ => None,
        };
        let order = Sequence::of(&program);
        let sources: Vec<&seclang::Rule> = order.rules.iter().filter_map(|index| program.rules.get(*index)).collect();
        let mut rules = Vec::with_capacity(sources.len());
        for (number, source) in sources.iter().enumerate() {
            let skip_to = source.skip_after.as_deref().map(|marker| order.behind(number, marker));
            rules.push(self.rule(source, &sources, skip_to));
        }
        let profiles = program.profiles.iter().map(|controls| self.profile(controls, &sources)).collect();
        if self.used.len() > MOST_TRANSFORMATIONS {
            return Err(Problem::TooMuch { what: "transformations", most: MOST_TRANSFORMATIONS });
        }
        let phases = order.phases.map(|rules| Phase { rules, ..Phase::default() });
        let lanes = self.lanes;
        for view in rules.iter_mut().flat_map(|rule| &mut rule.links).flat_map(|link| &mut link.views) {
            if view.source == Source::Store(Store::Tx) && view.slot.is_none() {
                let slots = self.slot_names.iter().enumerate().filter(|(_, name)| view.pick.takes_bytes(name));
                view.slots = slots.map(|(slot, _)| slot).collect();
            }
        }
        let mut set = RuleSet {
            settings: program.settings,
            settled: [fold::Settled::default(), fold::Settled::default()],
            relied: Bits::new(rules.len()),
            scores: scores(&self.slot_names),
            profiles,
            rules,
            phases,
            pipes: self.pipes,
            first: self.first,
            used: Used::new(self.used),
            slots: self.slots,
            slot_names: self.slot_names,
            texts: Variable::ALL
                .iter()
                .copied()
                .filter(|text| text.is_text() && lanes.contains(Lane::of(*text).index()))
                .collect(),
            lanes,
            unicode,
            screens: [Screen::default(), Screen::default()],
            notes: program.notes,
        };
        set.first.fix(&set.used);
        for rule in &mut set.rules {
            rule.alarm |= rule.raises(&set.scores);
        }
        if options.fold {
            let (always, mut quiet) = (fold::settled(&set, false), fold::settled(&set, true));
            quiet.rules.join(&always.rules);
            set.settled = [always, quiet];
            for settled in &set.settled {
                set.relied.join(&settled.relied);
            }
            let [always, _] = &set.settled;
            for (number, rule) in set.rules.iter_mut().enumerate() {
                rule.certain = always.relied.contains(number) && rule.only_assigns();
            }
        }
        screen::build(&mut set, options)?;
        if let Some(id) = options.blind.filter(|_| options.prefilter) {
            let rules = set.rules.iter_mut().filter(|rule| rule.id == id);
            rules.filter_map(|rule| rule.links.first_mut()).for_each(|link| link.views.clear());
        }
        Ok(set)
    }

    /// The place of known text in every transaction's table.
    pub(super) fn constant(&mut self, text: &[u8]) -> ValueId {
        self.first.intern(text)
    }

    /// The slot of a member of `TX`.
    pub(super) fn slot(&mut self, name: &str) -> usize {
        let name: Box<[u8]> = name.to_ascii_lowercase().into_bytes().into();
        if let Some(slot) = self.slots.get(&name) {
            return *slot;
        }
        let slot = self.slot_names.len();
        self.slot_names.push(name.clone());
        self.slots.insert(name, slot);
        slot
    }

    /// Notes which lanes a view reads.
    pub(super) fn uses(&mut self, view: &View) {
        for reading in view.readings().unwrap_or_default() {
            self.lanes.insert(reading.lane.index());
        }
    }

    /// The number of a pipe; equal ones have one.
    fn pipe(&mut self, transformations: &[Transformation]) -> usize {
        if let Some(number) = self.pipe_numbers.get(transformations) {
            return *number;
        }
        let mut steps = Vec::new();
        for transformation in transformations {
            let number = self.used.iter().position(|known| known == transformation).unwrap_or_else(|| {
                self.used.push(*transformation);
                self.used.len() - 1
            });
            steps.extend(u8::try_from(number).map(|number| (*transformation, number)));
        }
        self.pipes.push(Pipe::new(steps));
        self.pipe_numbers.insert(transformations.to_vec(), self.pipes.len() - 1);
        self.pipes.len() - 1
    }

    fn rule(&mut self, source: &seclang::Rule, sources: &[&seclang::Rule], skip_to: Option<usize>) -> Rule {
        let location = match &source.disruption {
            seclang::Disruption::Redirect(location) => Some(Text::of(location, self)),
            _ => None,
        };
        let attack = source.tags.iter().any(|tag| tag.text().is_some_and(|tag| tag.starts_with("attack-")));
        Rule {
            id: source.id,
            phase: source.phase,
            certain: false,
            alarm: attack && source.links.iter().any(|link| !link.assignments.is_empty()),
            entry: None,
            file: source.file.clone(),
            line: source.line,
            links: source.links.iter().map(|link| self.link(link, sources)).collect(),
            tags: source.tags.iter().map(|tag| Text::of(tag, self)).collect(),
            attack,
            ver: source.ver.clone(),
            rev: source.rev.clone(),
            severity: source.severity,
            maturity: source.maturity,
            accuracy: source.accuracy,
            log: source.log,
            audit_log: source.audit_log,
            disruption: source.disruption.clone(),
            location,
            status: source.status,
            skip: source.skip,
            skip_to,
        }
    }

    fn link(&mut self, source: &seclang::Link, sources: &[&seclang::Rule]) -> Link {
        let mut views = View::all(&source.targets, &mut |name| self.first.intern(name));
        for view in &mut views {
            self.uses(view);
            if let (Source::Store(Store::Tx), Pick::Name(_, name)) = (&view.source, &view.pick) {
                view.slot = Some(self.slot(&String::from_utf8_lossy(name)));
            }
        }
        // The scan ignores case, so a last step that only changes case adds nothing to it.
        let screened = match source.transformations.split_last() {
            Some((Transformation::Lowercase | Transformation::Uppercase, rest)) => rest,
            _ => &source.transformations,
        };
        let steps = 0..=source.transformations.len();
        let stages = steps.filter(|_| source.multi_match).filter_map(|end| source.transformations.get(..end));
        let stages: Vec<Vec<Transformation>> = stages.map(<[_]>::to_vec).collect();
        Link {
            test: source.condition.as_ref().map(|condition| Test {
                negated: condition.negated,
                operator: Arc::clone(&condition.operator),
                parameter: Text::of(&condition.parameter, self),
                order: Order::of(condition.operator.name()),
                written: condition.parameter.to_string().into(),
            }),
            views,
            pipe: self.pipe(&source.transformations),
            screen_pipe: self.pipe(screened),
            stages: stages.iter().map(|stage| self.pipe(stage)).collect(),
            capture: source.capture,
            assignments: source.assignments.iter().map(|assignment| self.assign(assignment)).collect(),
            effects: source.effects.iter().filter_map(|effect| self.effect(effect, sources)).collect(),
            msg: source.msg.as_ref().map(|text| Text::of(text, self)),
            logdata: source.logdata.as_ref().map(|text| Text::of(text, self)),
            bit: None,
            lack: None,
        }
    }

    fn assign(&mut self, source: &seclang::Assignment) -> Assign {
        let name = match (source.store, source.name.text()) {
            (Store::Tx, Some(name)) => Name::Slot(self.slot(name)),
            (_, Some(name)) => Name::Known(name.to_ascii_lowercase().into_bytes().into()),
            (_, None) => Name::Text(Text::of(&source.name, self)),
        };
        let change = match &source.change {
            seclang::Change::Set(text) => Change::Set(Text::of(text, self)),
            seclang::Change::Add(text) => Change::Add(Text::of(text, self)),
            seclang::Change::Subtract(text) => Change::Subtract(Text::of(text, self)),
            seclang::Change::Remove => Change::Remove,
        };
        Assign { store: source.store, name, change }
    }

    fn profile(&mut self, controls: &[Control], sources: &[&seclang::Rule]) -> Profile {
        let mut profile = Profile { mode: None, effects: Vec::new() };
        for control in controls {
            match control {
                // What settles rules beforehand is the same in every mode, when it holds from the beginning.
                Control::RuleEngine(mode) => profile.mode = Some(*mode),
                control => {
                    let effect = seclang::Effect::Control(control.clone());
                    profile.effects.extend(self.effect(&effect, sources));
                }
            }
        }
        profile
    }

    fn effect(&mut self, source: &seclang::Effect, sources: &[&seclang::Rule]) -> Option<Effect> {
        let rules = |wanted: &dyn Fn(&seclang::Rule) -> bool| {
            let mut bits = Bits::new(sources.len());
            let found = sources.iter().enumerate().filter(|(_, rule)| wanted(rule));
            found.for_each(|(number, _)| bits.insert(number));
            bits
        };
        let by_ids = |ids: &Ids| rules(&|rule| ids.contains(rule.id));
        let by_tag = |tag: &str| rules(&|rule| rule.has_tag(tag));
        let by_msg = |msg: &str| rules(&|rule| rule.msg().and_then(|text| text.text()) == Some(msg));
        let control = match source {
            seclang::Effect::SetEnv(name, value) => {
                return Some(Effect::SetEnv(Text::of(name, self), Text::of(value, self)));
            }
            seclang::Effect::Key(store, key) => return Some(Effect::Key(*store, Text::of(key, self))),
            seclang::Effect::Control(control) => control,
        };
        let mut intern = |name: &[u8]| self.first.intern(name);
        Some(match control {
            Control::AuditEngine(audit) => Effect::AuditEngine(*audit),
            Control::AuditLogParts(_) => return None,
            Control::ForceRequestBody(on) => Effect::ForceRequestBody(*on),
            Control::RequestBodyAccess(on) => Effect::RequestBodyAccess(*on),
            Control::RequestBodyProcessor(processor) => Effect::Processor(*processor),
            Control::ResponseBodyAccess(on) => Effect::ResponseBodyAccess(*on),
            Control::RequestBodyLimit(limit) => Effect::RequestBodyLimit(*limit),
            Control::ResponseBodyLimit(limit) => Effect::ResponseBodyLimit(*limit),
            Control::RuleEngine(mode) => Effect::Mode(*mode),
            Control::RemoveById(ids) => Effect::Remove(by_ids(ids)),
            Control::RemoveByTag(tag) => Effect::Remove(by_tag(tag)),
            Control::RemoveByMsg(msg) => Effect::Remove(by_msg(msg)),
            Control::RemoveTargetById(ids, target) => {
                Effect::RemoveTarget(by_ids(ids), target.variable, Pick::of(&target.selector, &mut intern))
            }
            Control::RemoveTargetByTag(tag, target) => {
                Effect::RemoveTarget(by_tag(tag), target.variable, Pick::of(&target.selector, &mut intern))
            }
            Control::RemoveTargetByMsg(msg, target) => {
                Effect::RemoveTarget(by_msg(msg), target.variable, Pick::of(&target.selector, &mut intern))
            }
        })
    }
}

/// The slots of the scores that rules add to: those of each paranoia level, from which the Core Rule Set makes its sum; else
/// the sums themselves.
fn scores(names: &[Box<[u8]>]) -> Vec<usize> {
    let of = |is_one: &dyn Fn(&[u8]) -> bool| -> Vec<usize> {
        names.iter().enumerate().filter(|(_, name)| is_one(name)).map(|(slot, _)| slot).collect()
    };
    let levels = of(&|name| (1..=4).any(|level| name.ends_with(format!("anomaly_score_pl{level}").as_bytes())));
    if !levels.is_empty() {
        return levels;
    }
    of(&|name| name == b"blocking_inbound_anomaly_score" || name == b"blocking_outbound_anomaly_score")
}
