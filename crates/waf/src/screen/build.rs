//! Builds the screens of a rule set.

use std::collections::BTreeMap;

use aho_corasick::MatchKind;
use aho_corasick::nfa::contiguous::NFA;

use super::{MOST_RULES, Plane, Row, Screen};
use crate::ruleset::text::Text;
use crate::ruleset::view::Reading;
use crate::ruleset::{Bits, LaneScan, Link, PipeScan, RuleSet};
use crate::seclang::Problem;
use crate::transform::ByteClasses;
use crate::waf::Options;

/// So deep, states of the automaton are tables, which are quick; deeper, they are lists, which are small.
const DENSE: usize = 2;
/// A set with more bytes than this is of no use in the plane, for most values have one of them.
const MOST_BYTES: usize = 24;
/// Beyond this length, a rule's least length is not asked.
const LENGTHS: usize = 16;

/// Gives the rules of each direction their bits, and works out what runs in each phase.
pub(crate) fn build(set: &mut RuleSet, options: &Options) -> Result<(), Problem> {
    for (number, phases) in [0..2, 2..4].into_iter().enumerate() {
        let mut rules = Vec::new();
        for phase in set.phases.get(phases).unwrap_or_default() {
            rules.extend(phase.rules.clone().filter(|rule| options.prefilter && !set.folded.contains(*rule)));
        }
        rules.retain(|rule| set.rules.get(*rule).and_then(|rule| rule.links.first()).is_some_and(is_screened));
        rules.truncate(MOST_RULES);
        let screen = Screen::of(number, rules, set)?;
        for (bit, rule) in screen.rules.iter().enumerate() {
            if let Some(link) = set.rules.get_mut(*rule).and_then(|rule| rule.links.first_mut()) {
                link.bit = Some((number, bit));
            }
        }
        if let Some(place) = set.screens.get_mut(number) {
            *place = screen;
        }
    }
    let mut phases = std::mem::take(&mut set.phases);
    for (phase, screen) in phases.iter_mut().zip([0, 0, 1, 1, 1]) {
        let count = set.rules.len();
        phase.screen = screen;
        for bits in [&mut phase.all, &mut phase.all_folded, &mut phase.always, &mut phase.always_unfolded] {
            *bits = Bits::new(count);
        }
        for rule in phase.rules.clone() {
            let folded = set.folded.contains(rule);
            let screened =
                set.rules.get(rule).and_then(|rule| rule.links.first()).is_some_and(|link| link.bit.is_some());
            phase.all.insert(rule);
            if !folded {
                phase.all_folded.insert(rule);
            }
            if !screened {
                phase.always_unfolded.insert(rule);
                if !folded {
                    phase.always.insert(rule);
                }
            }
        }
        phase.scans = scans(set, phase.rules.clone());
    }
    set.phases = phases;
    Ok(())
}

/// Whether it reads only what is fixed during a phase, and asks something that needs something.
fn is_screened(link: &Link) -> bool {
    let Some(test) = &link.test else { return false };
    let known = matches!(test.parameter, Text::Constant(..));
    let needs =
        test.operator.literals().is_some() || !test.operator.required_bytes().is_empty() || test.operator.min_len() > 0;
    let fixed = |link: &Link| link.views.iter().all(|view| !view.count && view.readings().is_some());
    known && !test.negated && needs && fixed(link)
}

/// For each lane, which pipes are read by which rules.
fn scans(set: &RuleSet, rules: std::ops::Range<usize>) -> Vec<LaneScan> {
    let mut found: BTreeMap<(Reading, usize), (Row, usize)> = BTreeMap::new();
    let mut others = Row::default();
    for rule in rules {
        let Some(rule) = set.rules.get(rule) else { continue };
        let Some(link) = rule.links.first() else { continue };
        let Some((_, bit)) = link.bit else { continue };
        if !rule.attack {
            others.set(bit);
        }
        let pipes = if link.stages.is_empty() { std::slice::from_ref(&link.screen_pipe) } else { &link.stages };
        for reading in link.views.iter().filter_map(|view| view.readings()).flatten() {
            for pipe in pipes {
                let (row, length) = found.entry((*reading, *pipe)).or_insert((Row::default(), usize::MAX));
                row.set(bit);
                *length = (*length).min(link.test.as_ref().map_or(0, |test| test.operator.min_len()));
            }
        }
    }
    let mut scans: Vec<LaneScan> = Vec::new();
    for ((reading, pipe), (rules, least)) in found {
        if scans.last().is_none_or(|scan| scan.reading != reading) {
            scans.push(LaneScan { reading, pipes: Vec::new(), mask: 0, rules: Row::default(), others: Row::default() });
        }
        if let Some(scan) = scans.last_mut() {
            scan.mask |= set.pipes.get(pipe).map_or(0, |pipe| pipe.mask);
            scan.rules.join(&rules);
            scan.others.join(&rules);
            scan.others.meet(&others);
            scan.pipes.push(PipeScan { pipe, rules, least });
        }
    }
    scans
}

impl Screen {
    fn of(number: usize, rules: Vec<usize>, set: &RuleSet) -> Result<Screen, Problem> {
        let mut screen = Screen { number, rules, ..Screen::default() };
        let mut literals: BTreeMap<Vec<u8>, Vec<u16>> = BTreeMap::new();
        let mut sets: Vec<Vec<ByteClasses>> = Vec::new();
        let mut lengths = Vec::new();
        for (bit, rule) in screen.rules.iter().enumerate() {
            let number = u16::try_from(bit).map_err(|_| Problem::TooMuch { what: "rules", most: 65_535 })?;
            let Some(link) = set.rules.get(*rule).and_then(|rule| rule.links.first()) else { continue };
            let Some(test) = &link.test else { continue };
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
