//! Builds the screens of a rule set.

use std::collections::BTreeMap;

use aho_corasick::MatchKind;
use aho_corasick::nfa::contiguous::NFA;

use super::{MOST_RULES, Plane, Row, Screen};
use crate::ruleset::plan::Plan;
use crate::ruleset::text::Text;
use crate::ruleset::view::{Lane, Pick, Reading, View};
use crate::ruleset::{Bits, LaneScan, Link, PipeScan, Rule, RuleSet};
use crate::seclang::{Problem, Variable};
use crate::transform::ByteClasses;
use crate::values::ValueId;
use crate::waf::Options;

/// So deep, states of the automaton are tables, which are quick; deeper, they are lists, which are small.
const DENSE: usize = 2;
/// A set with more bytes than this is of no use in the plane, for most values have one of them.
const MOST_BYTES: usize = 24;
/// Beyond this length, a rule's least length is not asked.
const LENGTHS: usize = 16;

/// What rules may write while a phase runs (`ctl:requestBodyProcessor`, `setsid`, `setuid`).
const WRITTEN: [Variable; 3] = [Variable::ReqbodyProcessor, Variable::SessionId, Variable::UserId];

/// Gives the rules of each direction their bits, and works out what runs in each phase.
pub(crate) fn build(set: &mut RuleSet, options: &Options) -> Result<(), Problem> {
    for (number, phases) in [0..2, 2..4].into_iter().enumerate() {
        let mut rules = Vec::new();
        for phase in set.phases.get(phases).unwrap_or_default() {
            rules.extend(phase.rules.clone().filter(|rule| options.prefilter && !set.folded().contains(*rule)));
        }
        let mut wanted: Vec<Wanted> = Vec::new();
        for number in rules {
            if let Some(rule) = set.rules.get(number) {
                wanted.extend(entry(number, rule));
                let lacking = rule.links.iter().enumerate().filter(|(_, link)| lacks(link));
                wanted.extend(lacking.map(|(link, _)| Wanted { rule: number, link, what: What::Lacks }));
            }
        }
        // When there are too many, those that need something come first.
        wanted.sort_by_key(|wanted| wanted.what);
        wanted.truncate(MOST_RULES);
        let screen = Screen::of(number, &wanted, set)?;
        for (bit, Wanted { rule, link, what }) in wanted.into_iter().enumerate() {
            let Some(rule) = set.rules.get_mut(rule) else { continue };
            if what != What::Lacks {
                rule.entry = Some((link, bit));
            }
            match (rule.links.get_mut(link), what) {
                (Some(link), What::Needs) => link.bit = Some((number, bit)),
                (Some(link), What::Lacks) => link.lack = Some((number, bit)),
                _ => {}
            }
        }
        if let Some(place) = set.screens.get_mut(number) {
            *place = screen;
        }
    }
    let mut phases = std::mem::take(&mut set.phases);
    for (phase, screen) in phases.iter_mut().zip([0, 0, 1, 1, 1]) {
        phase.screen = screen;
        let (mut screened, mut always) = (Bits::new(set.rules.len()), Bits::new(set.rules.len()));
        for rule in phase.rules.clone() {
            let has_entry = set.rules.get(rule).is_some_and(|rule| rule.entry.is_some());
            let bits = if has_entry { &mut screened } else { &mut always };
            bits.insert(rule);
        }
        phase.always = always;
        phase.plans = set.settled.each_ref().map(|settled| Plan::of(phase, settled, &set.rules, &screened));
        phase.scans = scans(set, phase.rules.clone());
    }
    set.phases = phases;
    Ok(())
}

/// A bit that somebody wants.
#[derive(Clone, Copy)]
struct Wanted {
    rule: usize,
    link: usize,
    what: What,
}

/// What a bit that is not set says about a value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// The link does not match it, and so neither does the rule.
    Needs,
    /// The operator, of which the link wants the contrary, does not match it.
    Lacks,
    /// Nothing: each value has it. Without values, the rule does not match.
    Free,
}

/// The link of a rule without which it cannot match and that reads only what is fixed during a phase. Links before it must
/// do nothing of their own.
fn entry(number: usize, rule: &Rule) -> Option<Wanted> {
    let idle = |link: &&Link| !link.capture && link.assignments.is_empty();
    let open = rule.links.iter().take_while(idle).count() + 1;
    let links = || rule.links.iter().take(open).enumerate().filter(|(_, link)| reads_fixed(link));
    let wanted = |link, what| Wanted { rule: number, link, what };
    let needy = links().find(|(_, link)| needs(link)).map(|(link, _)| wanted(link, What::Needs));
    needy.or_else(|| links().next().map(|(link, _)| wanted(link, What::Free)))
}

/// Whether it asks about values, and only about such as are fixed during a phase.
fn reads_fixed(link: &Link) -> bool {
    let written = |reading: &Reading| WRITTEN.iter().any(|variable| Lane::of(*variable) == reading.lane);
    let is_fixed = |view: &View| view.readings().is_some_and(|readings| !readings.iter().any(written));
    link.test.is_some() && link.views.iter().all(|view| !view.count && is_fixed(view))
}

/// Whether each value that it matches has something.
fn needs(link: &Link) -> bool {
    let Some(test) = &link.test else { return false };
    let needs =
        test.operator.literals().is_some() || !test.operator.required_bytes().is_empty() || test.operator.min_len() > 0;
    matches!(test.parameter, Text::Constant(..)) && !test.negated && needs
}

/// Whether it matches each value that lacks some literal.
fn lacks(link: &Link) -> bool {
    let Some(test) = &link.test else { return false };
    let constant = matches!(test.parameter, Text::Constant(..));
    reads_fixed(link) && link.stages.is_empty() && constant && test.negated && test.operator.literals().is_some()
}

/// For each lane, which pipes are read by which rules, and which of its items.
fn scans(set: &RuleSet, rules: std::ops::Range<usize>) -> Vec<LaneScan> {
    let mut found: BTreeMap<(Reading, usize), (Row, usize)> = BTreeMap::new();
    let mut items: BTreeMap<(Reading, Option<ValueId>), Row> = BTreeMap::new();
    let mut others = Row::default();
    for rule in rules {
        let Some(rule) = set.rules.get(rule) else { continue };
        let Some((link, bit)) = rule.entry else { continue };
        let Some(link) = rule.links.get(link) else { continue };
        // One that does not need something may look at proven values too.
        if !rule.attack || link.bit.is_none() {
            others.set(bit);
        }
        let least = link.test.as_ref().filter(|_| link.bit.is_some()).map_or(0, |test| test.operator.min_len());
        let pipes = if link.stages.is_empty() { std::slice::from_ref(&link.screen_pipe) } else { &link.stages };
        for (reading, name) in link.views.iter().flat_map(readings) {
            items.entry((reading, name)).or_default().set(bit);
            for pipe in pipes {
                let (row, length) = found.entry((reading, *pipe)).or_insert((Row::default(), usize::MAX));
                row.set(bit);
                *length = (*length).min(least);
            }
        }
    }
    let mut scans: Vec<LaneScan> = Vec::new();
    for ((reading, pipe), (rules, least)) in found {
        if scans.last().is_none_or(|scan| scan.reading != reading) {
            let of = |wanted: bool| {
                let items = items.iter().filter(move |((of, name), _)| *of == reading && name.is_some() == wanted);
                items.map(|((_, name), row)| (name.unwrap_or_default(), *row))
            };
            let any = of(false).next().map_or_else(Row::default, |(_, row)| row);
            scans.push(LaneScan { reading, pipes: Vec::new(), mask: 0, any, named: of(true).collect(), others });
        }
        if let Some(scan) = scans.last_mut() {
            scan.mask |= set.pipes.get(pipe).map_or(0, |pipe| pipe.mask);
            scan.pipes.push(PipeScan { pipe, rules, least });
        }
    }
    scans
}

/// What a view reads, and the only name that it takes, if it takes one.
fn readings(view: &View) -> impl Iterator<Item = (Reading, Option<ValueId>)> + '_ {
    let name = match &view.pick {
        Pick::Name(name, _) => Some(*name),
        Pick::All | Pick::Pattern(_) => None,
    };
    view.readings().unwrap_or_default().iter().map(move |reading| (*reading, name))
}

impl Screen {
    fn of(number: usize, wanted: &[Wanted], set: &RuleSet) -> Result<Screen, Problem> {
        let rules = wanted.iter().map(|wanted| wanted.rule).collect();
        let mut screen = Screen { number, rules, ..Screen::default() };
        let mut literals: BTreeMap<Vec<u8>, Vec<u16>> = BTreeMap::new();
        let mut sets: Vec<Vec<ByteClasses>> = Vec::new();
        let mut lengths = Vec::new();
        for (bit, Wanted { rule, link, what }) in wanted.iter().enumerate() {
            let number = u16::try_from(bit).map_err(|_| Problem::TooMuch { what: "rules", most: 65_535 })?;
            let link = set.rules.get(*rule).and_then(|rule| rule.links.get(*link));
            let test = link.and_then(|link| Some((link, link.test.as_ref()?)));
            let Some((link, test)) = test.filter(|_| *what != What::Free) else {
                screen.free.set(bit);
                sets.push(Vec::new());
                lengths.push(0);
                continue;
            };
            match test.operator.literals() {
                Some(wanted) => {
                    for literal in wanted.literals() {
                        literals.entry(literal.to_ascii_lowercase()).or_default().push(number);
                    }
                }
                None => screen.free.set(bit),
            }
            // The value is looked at before its case changes.
            let folds = link.pipe != link.screen_pipe;
            let wanted = test.operator.required_bytes().iter();
            sets.push(wanted.map(|set| if folds { set.folded() } else { *set }).collect());
            lengths.push(test.operator.min_len());
        }
        screen.plane = Plane::of(&sets);
        let with_sets = sets.iter().enumerate().filter(|(_, sets)| !sets.is_empty());
        with_sets.for_each(|(bit, _)| screen.checked.set(bit));
        screen.sets = sets;
        for length in 0..LENGTHS {
            let mut row = Row::default();
            let enough = lengths.iter().enumerate().filter(|(_, least)| **least <= length);
            enough.for_each(|(bit, _)| row.set(bit));
            screen.short.push(row);
        }
        screen.automaton = automaton(literals.keys())?;
        for bits in literals.values() {
            screen.starts.push(u32::try_from(screen.bits.len()).unwrap_or(u32::MAX));
            screen.bits.extend(bits);
        }
        screen.starts.push(u32::try_from(screen.bits.len()).unwrap_or(u32::MAX));
        Ok(screen)
    }
}

impl Plane {
    /// The smallest set of each rule, where that is small.
    fn of(sets: &[Vec<ByteClasses>]) -> Plane {
        let mut plane = Plane { rows: vec![Row::default(); 256], ..Plane::default() };
        for (bit, sets) in sets.iter().enumerate() {
            let letters = ByteClasses::range(b'a', b'z').union(ByteClasses::range(b'0', b'9'));
            let useful = |set: &&ByteClasses| set.len() <= MOST_BYTES && !set.intersects(&letters);
            let Some(set) = sets.iter().filter(useful).min_by_key(|set| set.len()) else {
                plane.free.set(bit);
                continue;
            };
            plane.bytes = plane.bytes.union(*set);
            for byte in set.iter() {
                if let Some(row) = plane.rows.get_mut(usize::from(byte)) {
                    row.set(bit);
                }
            }
        }
        plane
    }
}

fn automaton<'a>(literals: impl Iterator<Item = &'a Vec<u8>>) -> Result<Option<NFA>, Problem> {
    let literals: Vec<&Vec<u8>> = literals.collect();
    if literals.is_empty() {
        return Ok(None);
    }
    let built = NFA::builder()
        .match_kind(MatchKind::Standard)
        .ascii_case_insensitive(true)
        .prefilter(false)
        .dense_depth(DENSE)
        .build(&literals);
    built.map(Some).map_err(|_| Problem::TooMuch { what: "literals", most: literals.len() })
}
