//! Macro expansion, and the values that a view gives.

use smallvec::SmallVec;

use super::lanes::Item;
use super::state::{Matched, Member, State};
use crate::ruleset::RuleSet;
use crate::ruleset::text::{Part, Text};
use crate::ruleset::view::{Pick, Source, View};
use crate::seclang::Store;
use crate::values::ValueId;

/// A value that a rule looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    Number(i64),
    Text(ValueId),
}

/// A value with its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Candidate {
    pub(super) value: Seen,
    pub(super) name: Option<ValueId>,
}

/// The values of a view; most rules look at few.
pub(super) type Candidates = SmallVec<[Candidate; 8]>;

/// A bound for expanded text, so that macros within macros don't grow without end.
const MOST_TEXT: usize = 64 << 10;

impl State {
    /// Appends the text of a template.
    pub(super) fn expand(&mut self, set: &RuleSet, text: &Text, out: &mut Vec<u8>) {
        match text {
            Text::Constant(id, _) => out.extend_from_slice(self.values.get(*id)),
            Text::Tx(slot) => self.expand_slot(*slot, out),
            Text::Parts(parts) => {
                for part in parts {
                    match part {
                        Part::Plain(text) => out.extend_from_slice(text),
                        Part::Tx(slot) => self.expand_slot(*slot, out),
                        Part::First(view) => {
                            if let Some(id) = self.first(set, view) {
                                out.extend_from_slice(self.values.get(id));
                            }
                        }
                    }
                }
            }
        }
        out.truncate(MOST_TEXT);
    }

    fn expand_slot(&self, slot: usize, out: &mut Vec<u8>) {
        match self.tx.get(slot) {
            Some(Member::Number(number)) => out.extend_from_slice(number.to_string().as_bytes()),
            Some(Member::Text(id)) => out.extend_from_slice(self.values.get(*id)),
            _ => {}
        }
    }

    /// The text of a template as text.
    pub(super) fn expand_string(&mut self, set: &RuleSet, text: &Text) -> String {
        let mut out = Vec::new();
        self.expand(set, text, &mut out);
        match String::from_utf8(out) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }
    }

    /// The number that a template says, if it surely says one.
    pub(super) fn number(&self, text: &Text) -> Option<i64> {
        match text {
            Text::Constant(_, number) => *number,
            Text::Tx(slot) => match self.tx.get(*slot) {
                Some(Member::Number(number)) => Some(*number),
                _ => None,
            },
            Text::Parts(_) => None,
        }
    }

    /// The first value of a view.
    fn first(&mut self, set: &RuleSet, view: &View) -> Option<ValueId> {
        match &view.source {
            Source::Lanes(readings) => {
                for reading in readings {
                    let mut items = self.lanes.get(reading.lane).iter();
                    let takes = |item: &&Item| view.pick.takes(item.lower, || self.values.get(item.name).to_vec());
                    if let Some(item) = items.find(takes) {
                        return Some(if reading.names { item.name } else { item.value });
                    }
                }
                None
            }
            Source::MatchedVar => {
                let value = self.matched.last().or(self.before.last())?.value;
                Some(self.text_of(value))
            }
            Source::MatchedVarName => {
                let matched = self.matched.last().or(self.before.last()).copied()?;
                Some(self.name_of(matched))
            }
            _ => {
                let mut found = Candidates::new();
                self.collect(set, view, &mut found);
                let value = found.first()?.value;
                Some(self.text_of(value))
            }
        }
    }

    /// A value as text.
    pub(super) fn text_of(&mut self, value: Seen) -> ValueId {
        match value {
            Seen::Text(id) => id,
            Seen::Number(number) => self.values.intern(number.to_string().as_bytes()),
        }
    }

    /// The name of what matched, such as `ARGS:name`.
    pub(super) fn name_of(&mut self, matched: Matched) -> ValueId {
        let mut name = Vec::new();
        if matched.count {
            name.push(b'&');
        }
        name.extend_from_slice(matched.variable.name().as_bytes());
        if let Some(member) = matched.name {
            name.push(b':');
            name.extend_from_slice(self.values.get(member));
        }
        self.values.intern(&name)
    }

    /// Appends the values of a view that rules have written or made themselves.
    pub(super) fn collect(&mut self, set: &RuleSet, view: &View, found: &mut Candidates) {
        match &view.source {
            Source::Lanes(_) => {}
            Source::Store(Store::Tx) => self.collect_tx(set, view, found),
            Source::Store(store) => self.collect_members(*store, view, found),
            Source::Env => {
                let names: Vec<(Box<[u8]>, ValueId)> = self.env.iter().map(|(name, id)| (name.clone(), *id)).collect();
                for (name, id) in names {
                    if view.pick.takes_bytes(&name) {
                        let name = self.values.intern(&name);
                        found.push(Candidate { value: Seen::Text(id), name: Some(name) });
                    }
                }
            }
            Source::MatchedVar => {
                if let Some(matched) = self.before.last() {
                    found.push(Candidate { value: matched.value, name: None });
                }
            }
            Source::MatchedVarName => {
                if let Some(matched) = self.before.last().copied() {
                    let name = self.name_of(matched);
                    found.push(Candidate { value: Seen::Text(name), name: None });
                }
            }
            Source::MatchedVars | Source::MatchedVarsNames => {
                let values = view.source == Source::MatchedVars;
                for matched in self.before.clone() {
                    let name = self.name_of(matched);
                    if view.pick.takes_bytes(self.values.get(name)) {
                        let value = if values { matched.value } else { Seen::Text(name) };
                        found.push(Candidate { value, name: Some(name) });
                    }
                }
            }
            Source::Rule => self.collect_rule(set, view, found),
            Source::HighestSeverity => {
                found.push(Candidate { value: Seen::Number(i64::from(self.highest_severity)), name: None });
            }
        }
    }

    fn collect_tx(&mut self, set: &RuleSet, view: &View, found: &mut Candidates) {
        if let Some(slot) = view.slot {
            let value = match self.tx.get(slot) {
                None | Some(Member::Absent) => return,
                Some(Member::Number(number)) => Seen::Number(*number),
                Some(Member::Text(id)) => Seen::Text(*id),
            };
            let Pick::Name(name, _) = &view.pick else { return };
            found.push(Candidate { value, name: Some(*name) });
            return;
        }
        let all = 0..if view.open { set.slot_names.len() } else { 0 };
        let all = all.filter(|slot| set.slot_names.get(*slot).is_some_and(|name| view.pick.takes_bytes(name)));
        for slot in view.slots.iter().copied().chain(all) {
            let value = match self.tx.get(slot) {
                None | Some(Member::Absent) => continue,
                Some(Member::Number(number)) => Seen::Number(*number),
                Some(Member::Text(id)) => Seen::Text(*id),
            };
            let Some(name) = set.slot_names.get(slot) else { continue };
            let name = self.values.intern(name);
            found.push(Candidate { value, name: Some(name) });
        }
        self.collect_members(Store::Tx, view, found);
    }

    fn collect_members(&mut self, store: Store, view: &View, found: &mut Candidates) {
        for ((known, name), member) in &self.members {
            if *known != store || !view.pick.takes_bytes(name) {
                continue;
            }
            let value = match *member {
                Member::Absent => continue,
                Member::Number(number) => Seen::Number(number),
                Member::Text(id) => Seen::Text(id),
            };
            let name = self.values.intern(name);
            found.push(Candidate { value, name: Some(name) });
        }
    }

    fn collect_rule(&mut self, set: &RuleSet, view: &View, found: &mut Candidates) {
        let Some(rule) = set.rules.get(self.rule) else { return };
        let msg = rule.links.iter().find_map(|link| link.msg.as_ref());
        let data = rule.links.iter().find_map(|link| link.logdata.as_ref());
        let mut members = vec![
            ("id", rule.id.to_string()),
            ("rev", rule.rev.to_string()),
            ("severity", rule.severity.map(|severity| severity.to_string()).unwrap_or_default()),
        ];
        // Messages may name the rule's own message; one level is enough.
        for (name, text) in [("msg", msg), ("logdata", data)] {
            let Pick::Name(_, wanted) = &view.pick else { continue };
            if let Some(text) = text.filter(|_| **wanted == *name.as_bytes())
                && !reads_rule(text)
            {
                members.push((name, self.expand_string(set, text)));
            }
        }
        for (name, value) in members {
            if view.pick.takes_bytes(name.as_bytes()) {
                let (name, value) = (self.values.intern(name.as_bytes()), self.values.intern(value.as_bytes()));
                found.push(Candidate { value: Seen::Text(value), name: Some(name) });
            }
        }
    }
}

fn reads_rule(text: &Text) -> bool {
    let Text::Parts(parts) = text else { return false };
    parts.iter().any(|part| matches!(part, Part::First(view) if view.source == Source::Rule))
}
