//! What rules do when they match: `setvar`, `ctl` and the rest, messages, interventions.

use super::evaluate::BUDGET_RULE;
use super::expand::Seen;
use super::record::{Hit, Intervention, Match};
use super::state::{Matched, Member, State};
use crate::operator::Captures;
use crate::ruleset::text::Text;
use crate::ruleset::{Assign, Change, Effect, Link, Name, Rule, RuleSet};
use crate::seclang::{Disruption, Mode, Store, Variable};
use crate::values::ValueId;

/// How much of a value a match keeps.
pub(super) const MOST_VALUE: usize = 400;
/// How many variables a match keeps.
const MOST_HITS: usize = 8;
/// How many matches a transaction keeps, so that a rule that matches ten thousand arguments costs no more.
const MOST_MATCHES: usize = 1000;

impl State {
    /// The groups of a match become `TX.0` to `TX.9`; those that took no part are removed.
    pub(super) fn capture(&mut self, captures: &Captures, value: ValueId) {
        for group in 0..10 {
            let bytes = captures.get(group, self.values.get(value)).map(<[u8]>::to_vec);
            let member = bytes.map_or(Member::Absent, |bytes| Member::Text(self.values.intern(&bytes)));
            if let Some(place) = self.tx.get_mut(group) {
                *place = member;
            }
        }
    }

    /// Done for each value that matched.
    #[inline]
    pub(super) fn assign_all(&mut self, set: &RuleSet, link: &Link) {
        for assignment in &link.assignments {
            self.assign(set, assignment);
        }
    }

    fn assign(&mut self, set: &RuleSet, assignment: &Assign) {
        let (slot, name) = match &assignment.name {
            Name::Slot(slot) => (Some(*slot), None),
            Name::Known(name) => (None, Some(name.clone())),
            Name::Text(text) => {
                let mut name = Vec::new();
                self.expand(set, text, &mut name);
                name.make_ascii_lowercase();
                let known = set.slots.get(name.as_slice()).filter(|_| assignment.store == Store::Tx);
                (known.copied(), Some(name.into()))
            }
        };
        let current = match (slot, &name) {
            (Some(slot), _) => self.tx.get(slot).copied(),
            (None, Some(name)) => self.members.get(&(assignment.store, name.clone())).copied(),
            (None, None) => None,
        };
        let current = current.unwrap_or_default();
        let member = match &assignment.change {
            Change::Remove => Member::Absent,
            Change::Set(text) => self.member(set, text),
            Change::Add(text) => Member::Number(self.as_number(current).saturating_add(self.operand(set, text))),
            Change::Subtract(text) => Member::Number(self.as_number(current).saturating_sub(self.operand(set, text))),
        };
        match (slot, name) {
            (Some(slot), _) => {
                if let Some(place) = self.tx.get_mut(slot) {
                    *place = member;
                }
            }
            (None, Some(name)) => {
                self.members.insert((assignment.store, name), member);
            }
            (None, None) => {}
        }
    }

    /// The member that a text makes.
    fn member(&mut self, set: &RuleSet, text: &Text) -> Member {
        match text {
            Text::Constant(_, Some(number)) => Member::Number(*number),
            Text::Constant(id, None) => Member::Text(*id),
            Text::Tx(slot) => match self.tx.get(*slot).copied().unwrap_or_default() {
                Member::Absent => Member::Text(ValueId::EMPTY),
                member => member,
            },
            Text::Parts(_) => {
                let mut out = Vec::new();
                self.expand(set, text, &mut out);
                Member::Text(self.values.intern(&out))
            }
        }
    }

    fn operand(&mut self, set: &RuleSet, text: &Text) -> i64 {
        if let Some(number) = self.number(text) {
            return number;
        }
        let mut out = Vec::new();
        self.expand(set, text, &mut out);
        leading_number(&out)
    }

    fn as_number(&self, member: Member) -> i64 {
        match member {
            Member::Absent => 0,
            Member::Number(number) => number,
            Member::Text(id) => leading_number(self.values.get(id)),
        }
    }

    /// Done once when a rule matched with its chain.
    pub(super) fn complete(&mut self, set: &RuleSet, rule: &Rule) {
        for link in rule.links.iter().rev() {
            for effect in &link.effects {
                self.apply(set, effect);
            }
        }
        if let Some(severity) = rule.severity {
            self.highest_severity = self.highest_severity.min(severity);
        }
        let refused = self.disrupt(set, rule);
        if rule.log || refused.is_some() {
            self.record(set, rule, refused);
        }
    }

    fn record(&mut self, set: &RuleSet, rule: &Rule, refused: Option<u16>) {
        if self.matches.len() >= MOST_MATCHES && refused.is_none() {
            return;
        }
        let last = self.before.last().copied();
        let variable = last.map_or(ValueId::EMPTY, |matched: Matched| self.name_of(matched));
        let value = last.map_or(ValueId::EMPTY, |matched| self.text_of(matched.value));
        let expanded = |state: &mut State, text: Option<&Text>| {
            let mut out = Vec::new();
            if let Some(text) = text {
                state.expand(set, text, &mut out);
            }
            out
        };
        let msg = expanded(self, rule.links.iter().find_map(|link| link.msg.as_ref()));
        let data = expanded(self, rule.links.iter().find_map(|link| link.logdata.as_ref()));
        let tags = rule.tags.iter().map(|tag| self.expand_string(set, tag)).collect();
        let value = head(self.values.get(value)).to_vec();
        let (more, score) = (self.hits(rule), self.added(set));
        let test = rule.links.last().and_then(|link| link.test.as_ref());
        let parameter = test.map(|test| match &test.parameter {
            Text::Constant(..) => test.written.chars().take(MOST_VALUE).collect(),
            template => self.expand_string(set, template).chars().take(MOST_VALUE).collect(),
        });
        self.matches.push(Match {
            id: rule.id,
            phase: rule.phase,
            file: rule.file.clone(),
            line: rule.line,
            variable: String::from_utf8_lossy(self.values.get(variable)).into_owned(),
            value,
            more,
            score,
            operator: test.map_or("", |test| test.operator.name()),
            parameter: parameter.unwrap_or_default(),
            msg: String::from_utf8_lossy(&msg).into_owned(),
            data,
            severity: rule.severity,
            tags,
            ver: rule.ver.clone(),
            rev: rule.rev.clone(),
            maturity: rule.maturity,
            accuracy: rule.accuracy,
            audit: rule.audit_log,
            refused,
        });
    }

    /// What the first rule of the chain matched, where that is not just what matched last.
    fn hits(&self, rule: &Rule) -> Vec<Hit> {
        if self.before.len() < 2 {
            return Vec::new();
        }
        let Some(first) = rule.links.first() else { return Vec::new() };
        let mut hits: Vec<Hit> = Vec::new();
        for matched in &self.before {
            if hits.len() >= MOST_HITS || !first.views.iter().any(|view| view.variable == matched.variable) {
                break;
            }
            let value = match matched.value {
                Seen::Text(id) => head(self.values.get(id)).to_vec(),
                Seen::Number(number) => number.to_string().into_bytes(),
            };
            let mut variable = if matched.count { "&".to_owned() } else { String::new() };
            variable.push_str(matched.variable.name());
            if let Some(name) = matched.name {
                variable.push(':');
                variable.push_str(&String::from_utf8_lossy(self.values.get(name)));
            }
            let hit = Hit { variable, value };
            if !hits.contains(&hit) {
                hits.push(hit);
            }
        }
        hits
    }

    /// How much the anomaly score grew since this was asked last.
    fn added(&mut self, set: &RuleSet) -> i64 {
        let number = |slot: &usize| match self.tx.get(*slot) {
            Some(Member::Number(number)) => *number,
            _ => 0,
        };
        let score = set.scores.iter().map(number).fold(0, i64::saturating_add);
        score.saturating_sub(std::mem::replace(&mut self.score, score))
    }

    pub(super) fn apply(&mut self, set: &RuleSet, effect: &Effect) {
        match effect {
            Effect::SetEnv(name, value) => {
                let (mut key, mut text) = (Vec::new(), Vec::new());
                self.expand(set, name, &mut key);
                self.expand(set, value, &mut text);
                let value = self.values.intern(&text);
                self.env.insert(key.into(), value);
            }
            Effect::Key(store, key) => {
                let mut text = Vec::new();
                self.expand(set, key, &mut text);
                match store {
                    Store::Session => self.set(Variable::SessionId, &text),
                    Store::User => self.set(Variable::UserId, &text),
                    _ => {}
                }
                let value = self.values.intern(&text);
                self.members.insert((*store, b"key".as_slice().into()), Member::Text(value));
            }
            Effect::AuditEngine(audit) => self.audit = *audit,
            Effect::ForceRequestBody(on) => self.force_request_body = *on,
            Effect::RequestBodyAccess(on) => self.request_body = *on,
            Effect::Processor(processor) => {
                self.processor = Some(*processor);
                self.set(Variable::ReqbodyProcessor, processor.name().as_bytes());
            }
            Effect::ResponseBodyAccess(on) => self.response_body = *on,
            Effect::RequestBodyLimit(limit) => self.request_limit = *limit,
            Effect::ResponseBodyLimit(limit) => self.response_limit = *limit,
            Effect::Mode(mode) => {
                self.mode = *mode;
                self.unfolded = true;
            }
            Effect::Remove(rules) => {
                self.removed.join(rules);
                self.unfolded |= rules.intersects(&set.relied);
            }
            Effect::RemoveTarget(rules, variable, pick) => {
                // Settled rules look at nothing but `TX`.
                self.unfolded |= *variable == Variable::Tx && rules.intersects(&set.relied);
                self.excluded.push((rules.clone(), *variable, pick.clone()));
            }
        }
    }

    /// Intervenes if the rule says so, and gives the status then.
    fn disrupt(&mut self, set: &RuleSet, rule: &Rule) -> Option<u16> {
        if self.mode != Mode::On {
            return None;
        }
        let status = rule.status.unwrap_or(403);
        let id = rule.id;
        let intervention = match &rule.disruption {
            Disruption::Pass | Disruption::Block => return None,
            Disruption::Allow(scope) => {
                self.allow = Some(*scope);
                self.unfolded = true;
                return None;
            }
            Disruption::Deny => Intervention::Deny { rule: id, status },
            Disruption::Drop => Intervention::Drop { rule: id, status },
            Disruption::Redirect(_) => {
                let status = rule.status.filter(|status| (300..400).contains(status)).unwrap_or(302);
                let location = rule.location.as_ref().map(|text| self.expand_string(set, text)).unwrap_or_default();
                Intervention::Redirect { rule: id, status, location }
            }
        };
        let status = intervention.status();
        self.unfolded = true;
        if self.intervention.is_none() {
            self.intervention = Some(intervention);
        }
        Some(status)
    }

    /// Refuses whatever the rules say, for they could not all be asked.
    pub(super) fn refuse_for_budget(&mut self, phase: u8) {
        let status = 403;
        self.unfolded = true;
        let (work, refused) = (self.values.work.to_string(), (self.mode == Mode::On).then_some(status));
        let msg = "The request takes more work than the budget allows";
        self.matches.push(Match::of_engine(BUDGET_RULE, phase, msg, work.into_bytes(), 2, refused));
        if self.mode == Mode::On && self.intervention.is_none() {
            self.intervention = Some(Intervention::Deny { rule: BUDGET_RULE, status });
        }
    }
}

/// What a match keeps of a value.
pub(super) fn head(value: &[u8]) -> &[u8] {
    value.get(..MOST_VALUE).unwrap_or(value)
}

/// The number that the text begins with, or 0.
fn leading_number(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    let number = digits.fold(0i64, |number, digit| number.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    if negative { -number } else { number }
}
