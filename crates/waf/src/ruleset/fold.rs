//! Finds rules that need not be asked, because what they ask is settled by the rules before them.
//!
//! Rule sets configure themselves in phase 1: they set a paranoia level, and skip the rules above it. This follows the
//! members of `TX` through all phases, knowing their values where every request gives them the same, and finds the gates
//! whose answer is certain and the rules that no request reaches. What depends on a request is unknown, and so is
//! whatever a rule may write that is not surely run. A transaction in which something happens that this does not foresee
//! (`allow`, a refusal, `ctl` that removes rules, another mode) runs the rules as they stand from there on. The same is done
//! once more under the assumption that no rule about attacks matches, which holds for most requests to their end.

use std::collections::BTreeMap;

use super::text::{Part, Text};
use super::view::{Source, View};
use super::{Assign, Bits, Change, Link, Name, Rule, RuleSet};
use crate::seclang::{Disruption, Store};
use crate::transaction::state::Member;

/// What the analysis finds.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// Rules that need not be asked.
    pub(crate) rules: Bits,
    /// Rules on whose match it relies.
    pub(crate) relied: Bits,
    /// Rules that surely match and only write what is the same for all requests.
    pub(crate) writes: BTreeMap<usize, Vec<(usize, Member)>>,
}

/// Follows the rules, of all requests or of those in which no rule about attacks matches.
pub(super) fn settled(set: &RuleSet, quiet: bool) -> Settled {
    let count = set.rules.len();
    let mut analysis = Analysis {
        set,
        quiet,
        known: vec![Some(Member::Absent); set.slot_names.len()],
        regions: Vec::new(),
        found: Settled { rules: Bits::new(count), relied: Bits::new(count), writes: BTreeMap::new() },
    };
    for (number, phase) in set.phases.iter().enumerate() {
        let before = analysis.known.clone();
        analysis.phase(phase.rules.clone());
        // Phase 1 is where transactions begin; every other may not run at all.
        if number > 0 {
            for (known, before) in analysis.known.iter_mut().zip(before) {
                *known = known.filter(|known| Some(*known) == before);
            }
        }
    }
    analysis.found
}

struct Analysis<'a> {
    set: &'a RuleSet,
    /// Whether no rule about attacks matches.
    quiet: bool,
    /// The value of each member of `TX`, where it is the same for all requests.
    known: Vec<Option<Member>>,
    /// Rules that some requests skip: where the part ends, and what is written in it.
    regions: Vec<(usize, Vec<usize>)>,
    found: Settled,
}

impl Analysis<'_> {
    fn phase(&mut self, rules: std::ops::Range<usize>) {
        let mut dead = rules.start;
        self.regions.clear();
        for number in rules.clone() {
            self.close(number);
            if number < dead {
                self.found.rules.insert(number);
                continue;
            }
            let Some(rule) = self.set.rules.get(number) else { continue };
            let target = rule.target(number);
            // A part that some requests skip may not end within what others leave out.
            let crosses = target.is_some_and(|target| self.regions.iter().any(|(end, _)| *end < target));
            match self.answer(rule) {
                Some(false) => {
                    self.found.rules.insert(number);
                }
                // Its links may capture without a match of the whole.
                _ if self.quiet && rule.alarm => self.forget_captured(rule),
                Some(true) if !crosses => {
                    if is_silent(rule) {
                        self.found.rules.insert(number);
                        self.found.relied.insert(number);
                    } else {
                        self.run(number, rule);
                    }
                    dead = target.unwrap_or(dead);
                }
                _ => {
                    self.forget(rule);
                    if let Some(target) = target {
                        self.regions.push((target, Vec::new()));
                    }
                }
            }
        }
        self.close(usize::MAX);
    }

    /// Behind a part that some requests skip, what it writes is unknown.
    fn close(&mut self, number: usize) {
        let known = &mut self.known;
        self.regions.retain(|(end, written)| {
            if *end > number {
                return true;
            }
            for slot in written {
                if let Some(known) = known.get_mut(*slot) {
                    *known = None;
                }
            }
            false
        });
    }

    /// Whether the rule matches with its chain, if that is the same for all requests. A chain that breaks behind a link that
    /// assigns or captures is not said to be broken, for what that link did stays.
    fn answer(&self, rule: &Rule) -> Option<bool> {
        let mut idle = true;
        for link in &rule.links {
            if !self.asks(link)? {
                return idle.then_some(false);
            }
            idle &= link.assignments.is_empty() && !link.capture;
        }
        Some(true)
    }

    fn asks(&self, link: &Link) -> Option<bool> {
        let Some(test) = &link.test else { return Some(true) };
        let [view] = link.views.as_slice() else { return None };
        let plain = link.stages.is_empty() && self.set.pipes.get(link.pipe)?.mask == 0 && view.except.is_empty();
        if view.source != Source::Store(Store::Tx) || !plain {
            return None;
        }
        let value = match (self.value(view)?, view.count) {
            (Member::Absent, true) => 0,
            (_, true) => 1,
            (Member::Absent, false) => return Some(false),
            (Member::Number(number), false) => number,
            (Member::Text(_), false) => return None,
        };
        let parameter = match &test.parameter {
            Text::Constant(_, number) => (*number)?,
            Text::Tx(slot) => match (*self.known.get(*slot)?)? {
                Member::Number(number) => number,
                _ => return None,
            },
            Text::Parts(_) => return None,
        };
        Some(test.order?.holds(value, parameter) != test.negated)
    }

    fn value(&self, view: &View) -> Option<Member> {
        *self.known.get(view.slot?)?
    }

    /// Follows a rule that surely runs.
    fn run(&mut self, number: usize, rule: &Rule) {
        self.found.relied.insert(number);
        let slots = rule.links.iter().flat_map(|link| &link.assignments).filter_map(|assign| match &assign.name {
            Name::Slot(slot) if assign.store == Store::Tx => Some(*slot),
            _ => None,
        });
        let before: BTreeMap<usize, Member> =
            slots.filter_map(|slot| Some((slot, (*self.known.get(slot)?)?))).collect();
        // One about attacks changes what holds.
        let mut writes = (rule.only_assigns() && !rule.alarm).then(Vec::new);
        for assignment in rule.links.iter().flat_map(|link| &link.assignments) {
            match (&assignment.name, self.result(assignment)) {
                (Name::Slot(slot), result) if assignment.store == Store::Tx => {
                    self.write(*slot, result);
                    match (&mut writes, result) {
                        (Some(writes), Some(member)) => writes.push((*slot, member)),
                        _ => writes = None,
                    }
                }
                _ => {
                    self.forget_assigned(assignment);
                    writes = None;
                }
            }
        }
        match writes {
            // Nothing changes, whether it runs or not.
            Some(writes) if writes.iter().all(|(slot, member)| before.get(slot) == Some(member)) => {
                self.found.rules.insert(number);
            }
            writes => self.found.writes.extend(writes.map(|writes| (number, writes))),
        }
        self.forget_captured(rule);
    }

    fn result(&self, assignment: &Assign) -> Option<Member> {
        let Name::Slot(slot) = assignment.name else { return None };
        let current = (*self.known.get(slot)?)?;
        let number = |text: &Text| match self.text(text)? {
            Member::Number(number) => Some(number),
            _ => None,
        };
        let current_number = match current {
            Member::Absent => Some(0),
            Member::Number(number) => Some(number),
            Member::Text(_) => None,
        };
        match &assignment.change {
            Change::Remove => Some(Member::Absent),
            Change::Set(text) => self.text(text),
            Change::Add(text) => Some(Member::Number(current_number?.saturating_add(number(text)?))),
            Change::Subtract(text) => Some(Member::Number(current_number?.saturating_sub(number(text)?))),
        }
    }

    fn text(&self, text: &Text) -> Option<Member> {
        match text {
            Text::Constant(_, Some(number)) => Some(Member::Number(*number)),
            Text::Constant(id, None) => Some(Member::Text(*id)),
            Text::Tx(slot) => self.known.get(*slot).copied().flatten().filter(|member| *member != Member::Absent),
            Text::Parts(_) => None,
        }
    }

    fn write(&mut self, slot: usize, member: Option<Member>) {
        if let Some(known) = self.known.get_mut(slot) {
            *known = member;
        }
        for (_, written) in &mut self.regions {
            written.push(slot);
        }
    }

    /// A rule may or may not run.
    fn forget(&mut self, rule: &Rule) {
        for assignment in rule.links.iter().flat_map(|link| &link.assignments) {
            self.forget_assigned(assignment);
        }
        self.forget_captured(rule);
    }

    fn forget_captured(&mut self, rule: &Rule) {
        if rule.links.iter().any(|link| link.capture) {
            (0..10).for_each(|slot| self.write(slot, None));
        }
    }

    fn forget_assigned(&mut self, assignment: &Assign) {
        if assignment.store != Store::Tx {
            return;
        }
        match &assignment.name {
            Name::Slot(slot) => self.write(*slot, None),
            Name::Known(_) => {}
            Name::Text(text) => {
                let head = match text {
                    Text::Parts(parts) => match parts.first() {
                        Some(Part::Plain(head)) => head.to_ascii_lowercase(),
                        _ => Vec::new(),
                    },
                    _ => Vec::new(),
                };
                for slot in 0..self.known.len() {
                    if self.set.slot_names.get(slot).is_some_and(|name| name.starts_with(&head)) {
                        self.write(slot, None);
                    }
                }
            }
        }
    }
}

/// Whether nothing shows that the rule matched, but for what it skips.
fn is_silent(rule: &Rule) -> bool {
    rule.only_assigns() && rule.links.iter().all(|link| link.assignments.is_empty())
}

impl Rule {
    /// The rule at which to go on when it matches and skips.
    #[inline]
    pub(crate) fn target(&self, number: usize) -> Option<usize> {
        self.skip_to.or((self.skip > 0).then(|| number + 1 + self.skip as usize))
    }

    /// Whether it looks at the request or its answer and changes one of these scores.
    pub(super) fn raises(&self, scores: &[usize]) -> bool {
        let is_score = |assign: &Assign| {
            assign.store == Store::Tx && matches!(assign.name, Name::Slot(slot) if scores.contains(&slot))
        };
        let looks = self.links.iter().flat_map(|link| &link.views).any(|view| view.readings().is_some());
        looks && self.links.iter().flat_map(|link| &link.assignments).any(is_score)
    }

    /// Whether it does nothing but assign what is no part of its match, and skip.
    pub(super) fn only_assigns(&self) -> bool {
        let plain = |assign: &Assign| match &assign.change {
            Change::Set(text) | Change::Add(text) | Change::Subtract(text) => !matches!(text, Text::Parts(_)),
            Change::Remove => true,
        };
        let named = |assign: &Assign| matches!(assign.name, Name::Slot(_));
        let quiet = |link: &Link| {
            link.effects.is_empty()
                && !link.capture
                && link.assignments.iter().all(|assign| plain(assign) && named(assign))
        };
        !self.log && self.severity.is_none() && self.disruption == Disruption::Pass && self.links.iter().all(quiet)
    }
}
