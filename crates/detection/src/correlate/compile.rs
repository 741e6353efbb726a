//! Correlations with the rules that they name looked up.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;
use testudo_core::Severity;

use crate::engine::{Engine, FieldId};
use crate::error::{Fault, Problem, instead, nearest};
use crate::rule::{Bound, Correlation, Detection, Kind, Metadata, Op, Rules, Together};

/// The most different values that are counted.
const MAX_VALUES: u64 = 65_536;

/// What a correlation watches.
#[derive(Clone, Debug)]
pub(crate) enum Watch {
    Events(Vec<Bound>),
    Values(Vec<Bound>),
    Together { ordered: bool, condition: Together },
}

/// A correlation that can be run.
pub(crate) struct Plan {
    pub metadata: Metadata,
    pub watch: Watch,
    /// Microseconds.
    pub span: i64,
    /// Microseconds without a further alert for a group.
    pub quiet: i64,
    pub group_by: Vec<Box<str>>,
    /// The members' names as the rule writes them.
    pub names: Vec<Box<str>>,
    /// It is decided when a window ends.
    pub closes: bool,
    pub most_values: usize,
    /// It gives alerts, and is not just a part of another.
    pub raises: bool,
    /// Changes when the rule, or a rule that it names, changes.
    pub fingerprint: u64,
}

/// What a correlation takes from an occurrence of one of its members.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// The correlation.
    pub plan: usize,
    /// Which of its members this is.
    pub place: usize,
    pub group: Vec<Place>,
    pub values: Vec<Place>,
}

/// Where a value stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// In an event.
    Field(FieldId),
    /// In the group of a correlation.
    Group(usize),
}

/// All correlations, and who listens to what.
pub(crate) struct Plans {
    pub all: Vec<Plan>,
    /// Those that are decided when a window ends.
    pub closing: Vec<usize>,
    /// For each detection, the members that it feeds.
    pub of_rules: Vec<Vec<Member>>,
    /// For each correlation, the members that it feeds.
    pub of_correlations: Vec<Vec<Member>>,
    /// The detections that give alerts of their own.
    pub raising: Vec<bool>,
}

#[derive(Clone, Copy)]
enum Target {
    Rule(usize),
    Plan(usize),
}

/// The fields whose values correlations ask for.
pub(crate) fn fields(rules: &Rules) -> Vec<Box<str>> {
    let mut fields: Vec<Box<str>> = Vec::new();
    for rule in &rules.correlations {
        fields.extend(rule.group_by.iter().cloned());
        fields.extend(rule.aliases.iter().flat_map(|(_, of_rules)| of_rules.iter().map(|(_, field, _)| field.clone())));
        if let Kind::ValueCount { fields: counted, .. } = &rule.kind {
            fields.extend(counted.iter().cloned());
        }
    }
    fields.sort_unstable();
    fields.dedup();
    fields
}

/// Looks names up.
pub(crate) fn plans(rules: &Rules, engine: &Engine, problems: &mut Vec<Problem>) -> Plans {
    let mut targets: HashMap<&str, Target> = HashMap::new();
    for (index, rule) in rules.detections.iter().enumerate() {
        targets.extend(rule.metadata.names().map(|name| (name, Target::Rule(index))));
    }
    for (index, rule) in rules.correlations.iter().enumerate() {
        targets.extend(rule.metadata.names().map(|name| (name, Target::Plan(index))));
    }
    let mut all = Plans {
        all: Vec::new(),
        closing: Vec::new(),
        of_rules: vec![Vec::new(); rules.detections.len()],
        of_correlations: vec![Vec::new(); rules.correlations.len()],
        raising: vec![true; rules.detections.len()],
    };
    let mut feeds: Vec<Vec<usize>> = vec![Vec::new(); rules.correlations.len()];
    let mut named = Vec::new();
    for (index, rule) in rules.correlations.iter().enumerate() {
        let mut written = format!("{:?}{:?}{:?}{:?}", rule.kind, rule.group_by, rule.aliases, rule.timespan);
        for (place, (name, at)) in rule.rules.iter().enumerate() {
            let Some(target) = targets.get(&**name).copied() else {
                let remedy = nearest(name, targets.keys().copied());
                let remedy =
                    remedy.map_or("load it, or remove it here".to_owned(), |near| format!("did you mean `{near}`?"));
                let what = format!("the rule `{name}` is not loaded");
                problems.push(Fault::new(*at, what, remedy).within(&rule.metadata.file));
                continue;
            };
            match target {
                Target::Rule(of) => {
                    if let Some(detection) = rules.detections.get(of) {
                        let _ = write!(written, "{:?}{:?}", detection.source, detection.expr);
                    }
                }
                Target::Plan(of) => {
                    if let Some(feeds) = feeds.get_mut(of) {
                        feeds.push(index);
                    }
                    written.push_str(name);
                }
            }
            match member(rule, index, place, name, target, rules, engine) {
                Ok(member) => {
                    let list = match target {
                        Target::Rule(of) => all.of_rules.get_mut(of),
                        Target::Plan(of) => all.of_correlations.get_mut(of),
                    };
                    if let Some(list) = list {
                        list.push(member);
                    }
                }
                Err(problem) => problems.push(*problem),
            }
            named.push((target, rule.generate));
        }
        check(rule, problems);
        let mut hasher = SipHasher13::new_with_key(&[0; 16]);
        hasher.write(written.as_bytes());
        all.all.push(plan(rule, hasher.finish()));
    }
    // What a correlation names gives no alerts of its own, unless one says `generate`; what is informational is only
    // ever a part.
    named.sort_by_key(|(_, generate)| *generate);
    for (target, generate) in named {
        let (level, raises) = match target {
            Target::Rule(of) => (rules.detections.get(of).map(|rule| rule.metadata.level), all.raising.get_mut(of)),
            Target::Plan(of) => {
                let level = rules.correlations.get(of).map(|rule| rule.metadata.level);
                (level, all.all.get_mut(of).map(|plan| &mut plan.raises))
            }
        };
        if let Some(raises) = raises {
            *raises = generate && level > Some(Severity::Informational);
        }
    }
    all.closing = all.all.iter().enumerate().filter(|(_, plan)| plan.closes).map(|(index, _)| index).collect();
    circles(rules, &feeds, problems);
    all
}

fn plan(rule: &Correlation, fingerprint: u64) -> Plan {
    let watch = match &rule.kind {
        Kind::EventCount(bounds) => Watch::Events(bounds.clone()),
        Kind::ValueCount { bounds, .. } => Watch::Values(bounds.clone()),
        Kind::Temporal { ordered, condition } => Watch::Together { ordered: *ordered, condition: condition.clone() },
    };
    let bounds: &[Bound] = match &watch {
        Watch::Events(bounds) | Watch::Values(bounds) => bounds,
        Watch::Together { .. } => &[],
    };
    let closes = !bounds.is_empty() && bounds.iter().all(|bound| matches!(bound.op, Op::Lt | Op::Lte));
    let most = bounds.iter().map(|bound| bound.value).max().unwrap_or(0).min(MAX_VALUES);
    Plan {
        metadata: rule.metadata.clone(),
        span: i64::try_from(rule.timespan.as_micros()).unwrap_or(i64::MAX),
        quiet: i64::try_from(rule.quiet.as_micros()).unwrap_or(i64::MAX),
        group_by: rule.group_by.clone(),
        names: rule.rules.iter().map(|(name, _)| name.clone()).collect(),
        closes,
        most_values: usize::try_from(most).unwrap_or(usize::MAX).saturating_add(2),
        raises: true,
        fingerprint,
        watch,
    }
}

fn member(
    rule: &Correlation,
    plan: usize,
    place: usize,
    name: &str,
    target: Target,
    rules: &Rules,
    engine: &Engine,
) -> Result<Member, Box<Problem>> {
    let counted: &[Box<str>] = if let Kind::ValueCount { fields, .. } = &rule.kind { fields } else { &[] };
    let find = |wanted: &str| -> Result<Place, Box<Problem>> {
        let alias = rule.aliases.iter().find(|(alias, _)| &**alias == wanted);
        let field = match alias {
            None => wanted,
            Some((alias, of_rules)) => {
                let field = of_rules.iter().find(|(of, ..)| &**of == name).map(|(_, field, _)| &**field);
                field.ok_or_else(|| {
                    let what = format!("the alias `{alias}` names no field for the rule `{name}`");
                    Box::new(rule.metadata.problem(what, format!("add `{name}: field` to it")))
                })?
            }
        };
        match target {
            Target::Rule(of) => {
                let own = rules.detections.get(of).is_some_and(Detection::is_own);
                if own && !crate::event::is_native(field) {
                    let what = format!("our own events have no field `{field}`");
                    let remedy = instead(field, crate::event::native_fields().collect::<Vec<_>>());
                    return Err(Box::new(rule.metadata.problem(what, remedy)));
                }
                Ok(Place::Field(engine.field(field).unwrap_or(FieldId(u32::MAX))))
            }
            Target::Plan(of) => {
                let groups = rules.correlations.get(of).map_or(&[][..], |rule| &rule.group_by);
                groups.iter().position(|group| &**group == field).map(Place::Group).ok_or_else(|| {
                    let what = format!("the correlation `{name}` is not grouped by `{field}`");
                    let remedy = instead(field, groups.iter().map(|group| &**group).collect::<Vec<_>>());
                    Box::new(rule.metadata.problem(what, remedy))
                })
            }
        }
    };
    let group = rule.group_by.iter().map(|field| find(field)).collect::<Result<_, _>>()?;
    let values = counted.iter().map(|field| find(field)).collect::<Result<_, _>>()?;
    Ok(Member { plan, place, group, values })
}

fn check(rule: &Correlation, problems: &mut Vec<Problem>) {
    let names: Vec<Box<str>> = rule.rules.iter().map(|(name, _)| name.clone()).collect();
    if let Kind::Temporal { condition: Together::Condition(condition), .. } = &rule.kind
        && let Some((name, at)) = condition.unknown(&names)
    {
        let what = format!("`{name}` is not among the correlation's `rules`");
        let remedy = instead(name, names.iter().map(|name| &**name).collect::<Vec<_>>());
        problems.push(Fault::new(at, what, remedy).within(&rule.metadata.file));
    }
    for (alias, of_rules) in &rule.aliases {
        if let Some((name, _, at)) = of_rules.iter().find(|(name, ..)| !names.contains(name)) {
            let what = format!("the alias `{alias}` is for `{name}`, which is not among the correlation's `rules`");
            let remedy = instead(name, names.iter().map(|name| &**name).collect::<Vec<_>>());
            problems.push(Fault::new(*at, what, remedy).within(&rule.metadata.file));
        }
    }
    if let Kind::ValueCount { bounds, .. } = &rule.kind
        && bounds.iter().any(|bound| bound.value > MAX_VALUES)
    {
        let what = format!("more than {MAX_VALUES} different values can't be counted");
        problems.push(rule.metadata.problem(what, "lower the number"));
    }
}

/// Correlations that feed themselves.
fn circles(rules: &Rules, feeds: &[Vec<usize>], problems: &mut Vec<Problem>) {
    let mut waiting: Vec<usize> = vec![0; feeds.len()];
    for target in feeds.iter().flatten() {
        if let Some(count) = waiting.get_mut(*target) {
            *count += 1;
        }
    }
    let mut ready: Vec<usize> = (0..feeds.len()).filter(|index| waiting.get(*index) == Some(&0)).collect();
    let mut done = vec![false; feeds.len()];
    while let Some(index) = ready.pop() {
        if let Some(done) = done.get_mut(index) {
            *done = true;
        }
        for target in feeds.get(index).into_iter().flatten() {
            if let Some(count) = waiting.get_mut(*target) {
                *count -= 1;
                if *count == 0 {
                    ready.push(*target);
                }
            }
        }
    }
    if let Some((_, rule)) = done.iter().zip(&rules.correlations).find(|(done, _)| !**done) {
        let what = "the correlation names itself, directly or through others";
        problems.push(rule.metadata.problem(what, "remove one of the names in the circle"));
    }
}
