//! Runs the rules of a phase in their order (`ModSecurity` v3, `RulesSet::evaluate` and `RuleWithOperator::evaluate`).

use smallvec::SmallVec;

use super::expand::{Candidate, Candidates, Seen};
use super::lanes::Skips;
use super::state::{Matched, State};
use crate::operator::{Captures, Lent};
use crate::ruleset::plan::Plan;
use crate::ruleset::text::Text;
use crate::ruleset::view::{Pick, Reading, Source, View};
use crate::ruleset::{Bits, Link, Phase, PipeScan, RuleSet, Test};
use crate::screen::Row;
use crate::seclang::{Mode, Scope, Variable};
use crate::values::ValueId;

/// The id under which a request is refused that takes more work than the budget allows.
pub const BUDGET_RULE: u64 = 199_000;

/// A regular expression takes more time for a byte than a scan.
const WEIGHT: u64 = 4;
/// What follows a match takes as much as so many bytes.
const MATCH: u64 = 1000;

impl State {
    /// Runs a phase, from 1.
    pub(super) fn run(&mut self, set: &RuleSet, number: u8) {
        let Some(phase) = set.phases.get(usize::from(number).wrapping_sub(1)) else { return };
        if self.mode == Mode::Off {
            return;
        }
        match self.allow {
            Some(Scope::Transaction) if number != 5 => return,
            Some(Scope::Request) if number <= 2 => return,
            _ => self.allow = None,
        }
        self.unfolded |= number > 1 && !self.begun;
        self.begun = true;
        let mut plan = self.plan(phase);
        let mut active = self.active(set, phase, plan);
        let mut at = phase.rules.start;
        while let Some(rule) = active.next(at) {
            at = rule + 1;
            if let Some(run) = plan.and_then(|plan| plan.run(rule)) {
                for (slot, member) in &run.writes {
                    if let Some(place) = self.tx.get_mut(*slot) {
                        *place = *member;
                    }
                }
                at = run.end;
                continue;
            }
            if self.removed.contains(rule) {
                continue;
            }
            self.rule = rule;
            if let Some(next) = self.rule(set, rule) {
                at = next;
            }
            if self.allow.is_some() || self.intervention.is_some() && number != 5 {
                break;
            }
            if self.values.work > self.budget || self.values.full {
                self.exhaust(number);
                break;
            }
            let now = self.plan(phase);
            if !same(plan, now) {
                plan = now;
                active = self.active(set, phase, plan);
            }
        }
    }

    /// The plan that holds; none when something happened that they don't foresee.
    #[inline]
    fn plan<'s>(&self, phase: &'s Phase) -> Option<&'s Plan> {
        let [always, quiet] = &phase.plans;
        (!self.unfolded).then_some(if self.attacked { always } else { quiet })
    }

    /// The rules that must be asked.
    fn active(&mut self, set: &RuleSet, phase: &Phase, plan: Option<&Plan>) -> Bits {
        let mut active = plan.map_or(&phase.always, |plan| &plan.always).clone();
        let Some(screen) = set.screens.get(phase.screen) else { return active };
        let mut admitted = Row::default();
        for scan in &phase.scans {
            let mut changing: SmallVec<[(ValueId, u64, Row); 8]> = SmallVec::new();
            let mut all = 0;
            for index in 0..self.lanes.get(scan.reading.lane).len() {
                let Some((id, name, proven)) = self.item(scan.reading, index) else { continue };
                let readers = scan.readers(name, proven);
                if readers == Row::default() {
                    continue;
                }
                let changes = self.values.changes(id, &set.used) & scan.mask;
                if changes != 0 {
                    all |= changes;
                    changing.push((id, changes, readers));
                }
                admitted.join_meeting(&screen.row(&mut self.values, id, &set.used), &readers);
            }
            if all == 0 {
                continue;
            }
            for PipeScan { pipe, rules, least } in &scan.pipes {
                let Some(pipe) = set.pipes.get(*pipe).filter(|pipe| pipe.mask & all != 0) else { continue };
                for (id, changes, readers) in &changing {
                    let mut readers = *readers;
                    readers.meet(rules);
                    if changes & pipe.mask != 0
                        && readers != Row::default()
                        && pipe.most(self.values.len(*id)) >= *least
                    {
                        let changed = self.values.apply(*id, pipe, &set.used, set.unicode.as_ref());
                        admitted.join_meeting(&screen.row(&mut self.values, changed, &set.used), &readers);
                    }
                }
            }
        }
        for bit in admitted.bits() {
            let rule = screen.rules.get(bit).filter(|rule| plan.is_none_or(|plan| !plan.folded.contains(**rule)));
            if let Some(rule) = rule {
                active.insert(*rule);
            }
        }
        active
    }

    /// What is read of an item, the name by which rules pick it, and whether it is known to be harmless.
    #[inline]
    fn item(&self, reading: Reading, index: usize) -> Option<(ValueId, ValueId, bool)> {
        let item = self.lanes.get(reading.lane).get(index)?;
        let (id, proven) = if reading.names { (item.name, item.name_proven) } else { (item.value, item.proven) };
        Some((id, item.lower, proven))
    }

    #[cold]
    fn exhaust(&mut self, phase: u8) {
        if !self.exhausted {
            self.exhausted = true;
            self.refuse_for_budget(phase);
        }
    }

    /// Asks a rule with its chain; gives the rule at which to go on when that is not the next.
    fn rule(&mut self, set: &RuleSet, number: usize) -> Option<usize> {
        let rule = set.rules.get(number)?;
        if rule.certain && !self.unfolded {
            self.attacked |= rule.alarm;
            rule.links.iter().for_each(|link| self.assign_all(set, link));
            return rule.target(number);
        }
        self.before.clear();
        for link in &rule.links {
            let matched = self.link(set, number, link);
            // What is assigned stays, whatever the rest of the chain says.
            self.attacked |= rule.alarm && matched && !link.assignments.is_empty();
            self.before.append(&mut self.matched);
            if !matched {
                self.before.clear();
                return None;
            }
        }
        self.attacked |= rule.alarm;
        self.complete(set, rule);
        rule.target(number)
    }

    /// Asks one link.
    fn link(&mut self, set: &RuleSet, rule: usize, link: &Link) -> bool {
        let Some(test) = &link.test else {
            self.assign_all(set, link);
            return true;
        };
        let number = test.order.and_then(|_| self.number(&test.parameter));
        let is_constant = matches!(test.parameter, Text::Constant(..));
        let mut expanded: Option<Vec<u8>> = None;
        let mut found = Candidates::new();
        let (mut any, mut lent) = (false, Lent::default());
        for view in &link.views {
            found.clear();
            self.candidates(set, rule, link, view, &mut found);
            for candidate in &found {
                if let (Seen::Number(value), Some(parameter), Some(order)) = (candidate.value, number, test.order)
                    && link.stages.is_empty()
                    && set.pipes.get(link.pipe).is_none_or(|pipe| pipe.mask == 0)
                {
                    if order.holds(value, parameter) != test.negated {
                        any = true;
                        self.matched.push(matched(view, candidate, candidate.value));
                        self.assign_all(set, link);
                    }
                    continue;
                }
                let parameter = if is_constant {
                    test.written.as_bytes()
                } else {
                    expanded.get_or_insert_with(|| {
                        let mut out = Vec::new();
                        self.expand(set, &test.parameter, &mut out);
                        out
                    })
                };
                any |= self.ask(set, link, test, parameter, view, candidate, &mut lent);
            }
        }
        any
    }

    /// Asks about one value, in all stages of its transformations when the rule wants them.
    #[expect(clippy::too_many_arguments, reason = "the parts of one question")]
    fn ask<'a>(
        &mut self,
        set: &RuleSet,
        link: &Link,
        test: &'a Test,
        parameter: &[u8],
        view: &View,
        candidate: &Candidate,
        lent: &mut Lent<'a>,
    ) -> bool {
        let value = self.text_of(candidate.value);
        // It may have been ruled out since, as an equal value.
        if !self.admits(set, link, value) {
            return false;
        }
        let own = [link.pipe];
        let stages = if link.stages.is_empty() { own.as_slice() } else { &link.stages };
        let surely = self.lacks(set, link, value);
        let mut any = false;
        let mut last = None;
        for pipe in stages.iter().filter_map(|stage| set.pipes.get(*stage)) {
            let seen = self.values.apply(value, pipe, &set.used, set.unicode.as_ref());
            if last != Some(seen) {
                last = Some(seen);
                if surely && !link.capture {
                    self.hit(set, link, matched(view, candidate, Seen::Text(seen)));
                    any = true;
                } else {
                    any |= self.ask_value(set, link, test, parameter, view, candidate, seen, lent);
                }
            }
        }
        if !any {
            self.rule_out(set, link, value);
        }
        any
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one question")]
    fn ask_value<'a>(
        &mut self,
        set: &RuleSet,
        link: &Link,
        test: &'a Test,
        parameter: &[u8],
        view: &View,
        candidate: &Candidate,
        value: ValueId,
        lent: &mut Lent<'a>,
    ) -> bool {
        let needs = test.operator.required_bytes();
        if !needs.is_empty() {
            let classes = self.values.classes(value, &set.used);
            if !needs.iter().all(|set| set.intersects(&classes)) && !test.negated {
                return false;
            }
        }
        self.values.work += self.values.len(value) as u64 * WEIGHT + 16;
        let bytes = self.values.get(value);
        if test.operator.matches_with(parameter, bytes, None, lent) == test.negated {
            return false;
        }
        if link.capture && !test.negated {
            let mut captures = Captures::new();
            test.operator.matches_with(parameter, bytes, Some(&mut captures), lent);
            self.capture(&captures, value);
        }
        self.hit(set, link, matched(view, candidate, Seen::Text(value)));
        true
    }

    fn hit(&mut self, set: &RuleSet, link: &Link, matched: Matched) {
        self.values.work += MATCH;
        self.matched.push(matched);
        self.assign_all(set, link);
    }

    /// The values of a view that remain when all exclusions are heeded and the screen is asked.
    fn candidates(&mut self, set: &RuleSet, rule: usize, link: &Link, view: &View, found: &mut Candidates) {
        let mut excluded: SmallVec<[Pick; 2]> = SmallVec::new();
        for (rules, variable, pick) in &self.excluded {
            if *variable == view.variable && rules.contains(rule) {
                excluded.push(pick.clone());
            }
        }
        if excluded.iter().any(|pick| matches!(pick, Pick::All)) {
            return;
        }
        let Source::Lanes(readings) = &view.source else {
            self.collect(set, view, found);
            if view.count {
                let count = i64::try_from(found.len()).unwrap_or(i64::MAX);
                found.clear();
                found.push(Candidate { value: Seen::Number(count), name: None });
            } else if !(excluded.is_empty() && view.except.is_empty()) {
                let values = &self.values;
                let taken = |picks: &[Pick], name: Option<ValueId>| {
                    name.is_some_and(|name| picks.iter().any(|pick| pick.takes_bytes(values.get(name))))
                };
                found.retain(|candidate| !taken(&excluded, candidate.name) && !taken(&view.except, candidate.name));
            }
            return;
        };
        let mut count = 0;
        let attack = set.rules.get(rule).is_some_and(|rule| rule.attack);
        let skips = match &link.test {
            Some(test) if attack => Skips::of(test.negated),
            _ => Skips::Nothing,
        };
        let named = !view.variable.is_text() && view.variable != Variable::Xml;
        let all = matches!(view.pick, Pick::All) && view.except.is_empty() && excluded.is_empty() && !view.count;
        for reading in readings {
            if all {
                self.screen_all(set, link, *reading, skips, named, found);
                continue;
            }
            for index in 0..self.lanes.get(reading.lane).len() {
                let Some(item) = self.lanes.get(reading.lane).get(index).copied() else { continue };
                let takes = |pick: &Pick| pick.takes(item.lower, || self.values.get(item.name).to_vec());
                if !takes(&view.pick) || view.except.iter().any(takes) || excluded.iter().any(takes) {
                    continue;
                }
                count += 1;
                let value = if reading.names { item.name } else { item.value };
                if view.count || item.is_skipped(reading.names, skips) || !self.admits(set, link, value) {
                    continue;
                }
                found.push(Candidate { value: Seen::Text(value), name: named.then_some(item.name) });
            }
        }
        if view.count {
            found.push(Candidate { value: Seen::Number(count), name: None });
        }
    }

    /// Of all items of a lane, those that remain when the screen is asked.
    fn screen_all(
        &mut self,
        set: &RuleSet,
        link: &Link,
        reading: Reading,
        skips: Skips,
        named: bool,
        found: &mut Candidates,
    ) {
        let known = link.bit.filter(|_| link.stages.is_empty()).zip(set.pipes.get(link.screen_pipe));
        for index in 0..self.lanes.get(reading.lane).len() {
            let Some(item) = self.lanes.get(reading.lane).get(index).copied() else { continue };
            if item.is_skipped(reading.names, skips) {
                continue;
            }
            let value = if reading.names { item.name } else { item.value };
            // Most values don't change in the pipe, and their rows were worked out.
            let row = known.and_then(|((screen, bit), pipe)| {
                let same = self.values.changes(value, &set.used) & pipe.mask == 0;
                same.then(|| self.values.row_has(value, screen, bit)).flatten()
            });
            if row.unwrap_or_else(|| self.admits(set, link, value)) {
                found.push(Candidate { value: Seen::Text(value), name: named.then_some(item.name) });
            }
        }
    }

    /// Whether the screen lets the value through to the operator.
    #[inline]
    fn admits(&mut self, set: &RuleSet, link: &Link, value: ValueId) -> bool {
        let Some((number, bit)) = link.bit else { return true };
        let Some(value) = self.screened(set, link, value) else { return true };
        if let Some(known) = self.values.row_has(value, number, bit) {
            return known;
        }
        let Some(screen) = set.screens.get(number) else { return true };
        let least = link.test.as_ref().map_or(0, |test| test.operator.min_len());
        self.values.len(value) >= least && screen.row(&mut self.values, value, &set.used).has(bit)
    }

    /// Whether the value lacks what the negated operator needs.
    #[inline]
    fn lacks(&mut self, set: &RuleSet, link: &Link, value: ValueId) -> bool {
        let Some((number, bit)) = link.lack else { return false };
        let (Some(value), Some(screen)) = (self.screened(set, link, value), set.screens.get(number)) else {
            return false;
        };
        !screen.row(&mut self.values, value, &set.used).has(bit)
    }

    /// The value that the screen is asked about; nothing when it would have to be asked about several.
    #[inline]
    fn screened(&mut self, set: &RuleSet, link: &Link, value: ValueId) -> Option<ValueId> {
        if !link.stages.is_empty() {
            let pipe = set.pipes.get(link.pipe)?;
            return (self.values.changes(value, &set.used) & pipe.mask == 0).then_some(value);
        }
        let pipe = set.pipes.get(link.screen_pipe)?;
        Some(self.values.apply(value, pipe, &set.used, set.unicode.as_ref()))
    }

    /// The value did not match, and it will not when it comes again.
    fn rule_out(&mut self, set: &RuleSet, link: &Link, value: ValueId) {
        if let (Some((screen, bit)), Some(value)) = (link.bit, self.screened(set, link, value)) {
            self.values.rule_out(value, screen, bit);
        }
    }
}

fn same(one: Option<&Plan>, other: Option<&Plan>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => std::ptr::eq(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

fn matched(view: &View, candidate: &Candidate, value: Seen) -> Matched {
    Matched { variable: view.variable, name: candidate.name, count: view.count, value }
}
