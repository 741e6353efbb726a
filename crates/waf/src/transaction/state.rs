//! All that changes while a transaction runs.

use std::collections::BTreeMap;

use super::expand::Seen;
use super::lanes::{Item, Lanes, Place};
use super::record::{Intervention, Match};
use crate::ruleset::view::{Lane, Pick};
use crate::ruleset::{Bits, RuleSet};
use crate::seclang::{Audit, Mode, Processor, Scope, Store, Variable};
use crate::transform::Transformation;
use crate::values::{ValueId, Values};

/// A member of a collection that rules write to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Member {
    /// It is not there.
    #[default]
    Absent,
    /// A number.
    Number(i64),
    /// Text.
    Text(ValueId),
}

/// A variable that matched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Matched {
    pub(crate) variable: Variable,
    /// The name of the item, when it has one.
    pub(crate) name: Option<ValueId>,
    pub(crate) count: bool,
    /// As the operator saw it.
    pub(crate) value: Seen,
}

/// The state.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "switches that rules turn one by one")]
pub(crate) struct State {
    pub(crate) values: Values,
    pub(crate) lanes: Lanes,
    /// Members of `TX` that have a slot.
    pub(crate) tx: Vec<Member>,
    /// Other members, by collection and name in lower case.
    pub(crate) members: BTreeMap<(Store, Box<[u8]>), Member>,
    pub(crate) env: BTreeMap<Box<[u8]>, ValueId>,
    /// What the link that is asked has matched, and what those before it in the chain had.
    pub(crate) matched: Vec<Matched>,
    pub(crate) before: Vec<Matched>,
    pub(crate) mode: Mode,
    pub(crate) audit: Audit,
    pub(crate) request_body: bool,
    pub(crate) force_request_body: bool,
    pub(crate) response_body: bool,
    pub(crate) request_limit: u64,
    pub(crate) response_limit: u64,
    pub(crate) processor: Option<Processor>,
    /// Rules that don't run any more.
    pub(crate) removed: Bits,
    /// What rules don't look at any more.
    pub(crate) excluded: Vec<(Bits, Variable, Pick)>,
    /// Whether something happened that the settled rules did not foresee.
    pub(crate) unfolded: bool,
    /// Whether a rule about attacks matched, or a link of one that assigns.
    pub(crate) attacked: bool,
    /// Whether phase 1 has run.
    pub(crate) begun: bool,
    pub(crate) allow: Option<Scope>,
    pub(crate) intervention: Option<Intervention>,
    pub(crate) matches: Vec<Match>,
    pub(crate) highest_severity: u8,
    /// The anomaly score at the last match.
    pub(crate) score: i64,
    /// The rule that runs, for `RULE` and for what it says.
    pub(crate) rule: usize,
    /// Places of the body at which harmless values stand, in order.
    pub(crate) proven: Vec<Place>,
    /// Whether its names are harmless.
    pub(crate) names_proven: bool,
    /// Names of files in the body that are harmless in form.
    pub(crate) formed_files: Vec<Box<[u8]>>,
    pub(crate) arguments: usize,
    pub(crate) arguments_size: usize,
    pub(crate) budget: u64,
    pub(crate) json_in_arguments: bool,
    pub(crate) exhausted: bool,
}

impl State {
    pub(crate) fn new(set: &RuleSet) -> State {
        let mut state = State {
            values: set.first.another(),
            lanes: Lanes::new(),
            tx: Vec::new(),
            members: BTreeMap::new(),
            env: BTreeMap::new(),
            matched: Vec::new(),
            before: Vec::new(),
            mode: Mode::Off,
            audit: Audit::Off,
            request_body: false,
            force_request_body: false,
            response_body: false,
            request_limit: 0,
            response_limit: 0,
            processor: None,
            removed: Bits::default(),
            excluded: Vec::new(),
            unfolded: false,
            attacked: false,
            begun: false,
            allow: None,
            intervention: None,
            matches: Vec::new(),
            highest_severity: 255,
            score: 0,
            rule: 0,
            proven: Vec::new(),
            names_proven: false,
            formed_files: Vec::new(),
            arguments: 0,
            arguments_size: 0,
            budget: 0,
            json_in_arguments: false,
            exhausted: false,
        };
        state.begin(set);
        state
    }

    /// Begins anew, keeping memory.
    pub(crate) fn begin(&mut self, set: &RuleSet) {
        self.values.reset();
        self.lanes.clear();
        // Single texts are there even when they are empty.
        for variable in &set.texts {
            self.lanes.set(*variable, ValueId::EMPTY);
        }
        self.tx.clear();
        self.tx.resize(set.slot_names.len(), Member::Absent);
        self.members.clear();
        self.env.clear();
        self.matched.clear();
        self.before.clear();
        let settings = &set.settings;
        self.mode = settings.mode;
        self.audit = settings.audit;
        self.request_body = settings.request_body;
        self.force_request_body = false;
        self.response_body = settings.response_body;
        self.request_limit = settings.request_limit;
        self.response_limit = settings.response_limit;
        self.processor = None;
        self.removed = Bits::new(set.rules.len());
        self.excluded.clear();
        self.unfolded = false;
        self.attacked = false;
        self.begun = false;
        self.allow = None;
        self.intervention = None;
        self.matches.clear();
        self.highest_severity = 255;
        self.score = 0;
        self.rule = 0;
        self.proven.clear();
        self.names_proven = false;
        self.formed_files.clear();
        self.arguments = 0;
        self.arguments_size = 0;
        self.exhausted = false;
    }

    /// Sets a single text.
    pub(crate) fn set(&mut self, variable: Variable, text: &[u8]) {
        let value = self.values.intern(text);
        self.lanes.set(variable, value);
    }

    /// Sets a single number.
    pub(crate) fn set_number(&mut self, variable: Variable, number: usize) {
        self.set(variable, number.to_string().as_bytes());
    }

    /// Adds an item with a name.
    pub(crate) fn add(&mut self, set: &RuleSet, lane: Lane, name: &[u8], value: &[u8]) {
        self.add_at(set, lane, name, value, None);
    }

    /// Adds an item with a name that stands somewhere.
    pub(crate) fn add_at(&mut self, set: &RuleSet, lane: Lane, name: &[u8], value: &[u8], place: Option<Place>) {
        let name = self.values.intern(name);
        // Every rule set has this transformation at the first place.
        let lower = self.values.step(name, Transformation::Lowercase, 0, &set.used, None);
        let value = self.values.intern(value);
        self.lanes.push(lane, Item { name, lower, value, place, ..Item::default() });
    }

    /// Sets a single text unless it is set.
    pub(crate) fn set_default(&mut self, variable: Variable, text: &[u8]) {
        if self.lanes.of(variable).first().is_none_or(|item| item.value == ValueId::EMPTY) {
            self.set(variable, text);
        }
    }

    /// The text of a member.
    pub(crate) fn member_text(&mut self, member: Member) -> Option<ValueId> {
        match member {
            Member::Absent => None,
            Member::Text(id) => Some(id),
            Member::Number(number) => Some(self.values.intern(number.to_string().as_bytes())),
        }
    }
}
