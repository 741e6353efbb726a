//! The compiled rule set: what all transactions share.
//!
//! Rules are numbered in the order in which they run, phase by phase. What can be worked out before any request comes is
//! worked out here: names have slots and places, tags have become sets of rules, equal pipes of transformations are one,
//! and the [screen](crate::screen) knows what a value must hold for a rule to match.

pub(crate) mod bits;
mod compile;
mod fold;
pub(crate) mod plan;
mod sequence;
pub(crate) mod text;
pub(crate) mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

pub(crate) use self::bits::Bits;
pub(crate) use self::compile::Compiler;
use self::fold::Settled;
use self::plan::Plan;
use self::text::Text;
use self::view::{Lane, Pick, Reading, View};
use crate::operator::Operator;
use crate::screen::{Row, Screen};
use crate::seclang::{Audit, Disruption, Mode, Note, Processor, Settings, Store, Variable};
use crate::transform::UnicodeMap;
use crate::values::{Pipe, Used, ValueId, Values};

/// A compiled rule set.
#[derive(Debug)]
pub struct RuleSet {
    pub(crate) settings: Settings,
    /// In the order in which they run.
    pub(crate) rules: Vec<Rule>,
    pub(crate) phases: [Phase; 5],
    pub(crate) pipes: Vec<Pipe>,
    /// The transformations that pipes name by number.
    pub(crate) used: Used,
    /// What every transaction's table of values begins with.
    pub(crate) first: Values,
    /// The slot of each member of `TX` that a rule names.
    pub(crate) slots: BTreeMap<Box<[u8]>, usize>,
    /// Their names, by slot.
    pub(crate) slot_names: Vec<Box<[u8]>>,
    /// The lanes that some rule reads.
    pub(crate) lanes: Bits,
    /// The single texts among them.
    pub(crate) texts: Vec<Variable>,
    pub(crate) unicode: Option<UnicodeMap>,
    /// Of requests, and of responses.
    pub(crate) screens: [Screen; 2],
    pub(crate) notes: Vec<Note>,
    /// What is settled beforehand: for all requests, and for those in which no rule about attacks has matched.
    pub(crate) settled: [Settled; 2],
    /// Rules on whose match this relies.
    pub(crate) relied: Bits,
    /// Slots of the anomaly scores that rules add to.
    pub(crate) scores: Vec<usize>,
    /// What transactions can be opened with.
    pub(crate) profiles: Vec<Profile>,
}

/// Settings that a transaction can begin with.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) mode: Option<Mode>,
    pub(crate) effects: Vec<Effect>,
}

/// A rule with its chain.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "what a rule says of itself, each on its own")]
pub(crate) struct Rule {
    pub(crate) id: u64,
    pub(crate) phase: u8,
    /// Whether it surely matches, and then only assigns: its answer need not be asked.
    pub(crate) certain: bool,
    /// Whether it looks for attacks and assigns, or raises a score, so that plans no longer hold when it matches.
    pub(crate) alarm: bool,
    /// The link without which it cannot match, and its bit in the rows of its screen.
    pub(crate) entry: Option<(usize, usize)>,
    pub(crate) file: Arc<str>,
    pub(crate) line: u32,
    pub(crate) links: Vec<Link>,
    pub(crate) tags: Vec<Text>,
    /// Whether it looks for attacks: it has a tag that begins with `attack-`.
    pub(crate) attack: bool,
    pub(crate) ver: Box<str>,
    pub(crate) rev: Box<str>,
    pub(crate) severity: Option<u8>,
    pub(crate) maturity: u8,
    pub(crate) accuracy: u8,
    pub(crate) log: bool,
    pub(crate) audit_log: bool,
    pub(crate) disruption: Disruption,
    /// Where a redirection leads.
    pub(crate) location: Option<Text>,
    pub(crate) status: Option<u16>,
    pub(crate) skip: u32,
    /// The rule at which `skipAfter` goes on.
    pub(crate) skip_to: Option<usize>,
}

/// One rule of a chain.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) views: Vec<View>,
    /// Nothing for `SecAction`.
    pub(crate) test: Option<Test>,
    /// What values go through.
    pub(crate) pipe: usize,
    /// The same as far as the screen has to know.
    pub(crate) screen_pipe: usize,
    /// With `multiMatch`, the pipes up to each step.
    pub(crate) stages: Vec<usize>,
    pub(crate) capture: bool,
    pub(crate) assignments: Vec<Assign>,
    pub(crate) effects: Vec<Effect>,
    pub(crate) msg: Option<Text>,
    pub(crate) logdata: Option<Text>,
    /// Which screen, and which bit of its rows: a value without it does not match.
    pub(crate) bit: Option<(usize, usize)>,
    /// The same when the operator is negated: a value without it matches.
    pub(crate) lack: Option<(usize, usize)>,
}

/// What a link asks.
#[derive(Debug)]
pub(crate) struct Test {
    pub(crate) negated: bool,
    pub(crate) operator: Arc<Operator>,
    pub(crate) parameter: Text,
    /// Set for the operators that compare numbers.
    pub(crate) order: Option<Order>,
    /// The parameter as written.
    pub(crate) written: Box<str>,
}

/// A comparison of numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    Eq,
    Ge,
    Gt,
    Le,
    Lt,
}

impl Order {
    pub(crate) fn holds(self, value: i64, parameter: i64) -> bool {
        match self {
            Order::Eq => value == parameter,
            Order::Ge => value >= parameter,
            Order::Gt => value > parameter,
            Order::Le => value <= parameter,
            Order::Lt => value < parameter,
        }
    }

    fn of(name: &str) -> Option<Order> {
        Some(match name.to_ascii_lowercase().as_str() {
            "eq" => Order::Eq,
            "ge" => Order::Ge,
            "gt" => Order::Gt,
            "le" => Order::Le,
            "lt" => Order::Lt,
            _ => return None,
        })
    }
}

/// `setvar`, compiled.
#[derive(Debug)]
pub(crate) struct Assign {
    pub(crate) store: Store,
    pub(crate) name: Name,
    pub(crate) change: Change,
}

/// The name of a member.
#[derive(Debug)]
pub(crate) enum Name {
    /// A member of `TX` with this slot.
    Slot(usize),
    /// A member of another collection, in lower case.
    Known(Box<[u8]>),
    /// With macros.
    Text(Text),
}

/// How it changes.
#[derive(Debug)]
pub(crate) enum Change {
    Set(Text),
    Add(Text),
    Subtract(Text),
    Remove,
}

/// What happens when the rest of the chain has matched.
#[derive(Debug)]
pub(crate) enum Effect {
    SetEnv(Text, Text),
    Key(Store, Text),
    AuditEngine(Audit),
    ForceRequestBody(bool),
    RequestBodyAccess(bool),
    Processor(Processor),
    ResponseBodyAccess(bool),
    RequestBodyLimit(u64),
    ResponseBodyLimit(u64),
    Mode(Mode),
    /// These rules don't run any more.
    Remove(Bits),
    /// These rules don't look at this any more.
    RemoveTarget(Bits, Variable, Pick),
}

/// What runs in a phase.
#[derive(Debug, Default)]
pub(crate) struct Phase {
    pub(crate) rules: Range<usize>,
    /// For all requests, and for those in which no rule about attacks has matched.
    pub(crate) plans: [Plan; 2],
    /// Rules that are asked whatever the screen says, when nothing is settled beforehand.
    pub(crate) always: Bits,
    /// Which of the two screens.
    pub(crate) screen: usize,
    pub(crate) scans: Vec<LaneScan>,
}

/// What is scanned of a lane, and for whom.
#[derive(Debug)]
pub(crate) struct LaneScan {
    pub(crate) reading: Reading,
    pub(crate) pipes: Vec<PipeScan>,
    /// The masks of all of these pipes together.
    pub(crate) mask: u64,
    /// The bits of all rules that read any item.
    pub(crate) any: Row,
    /// The bits of those that read items of one name, in lower case, besides.
    pub(crate) named: Vec<(ValueId, Row)>,
    /// Those that don't look for attacks, which are asked about proven values too.
    pub(crate) others: Row,
}

impl LaneScan {
    /// The rules that read an item of this name.
    #[inline]
    pub(crate) fn readers(&self, lower: ValueId, proven: bool) -> Row {
        let mut readers = self.any;
        if let Some((_, named)) = self.named.iter().find(|(name, _)| *name == lower) {
            readers.join(named);
        }
        if proven {
            readers.meet(&self.others);
        }
        readers
    }
}

/// The rules that read a lane through one pipe.
#[derive(Debug)]
pub(crate) struct PipeScan {
    pub(crate) pipe: usize,
    /// Their bits.
    pub(crate) rules: Row,
    /// The least length that one of them needs.
    pub(crate) least: usize,
}

impl RuleSet {
    /// How many rules there are, chains counted once.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What the reader of the rules should know.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// What directives set.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Rules that are left out because what they ask is settled beforehand for all requests.
    pub(crate) fn folded(&self) -> &Bits {
        let [always, _] = &self.settled;
        &always.rules
    }

    /// How many rules are never asked, because what they ask is settled by the rules before them.
    pub fn settled(&self) -> usize {
        self.folded().iter().count()
    }

    /// The same for requests in which no rule about attacks has matched.
    pub fn settled_while_quiet(&self) -> usize {
        let [_, quiet] = &self.settled;
        quiet.rules.iter().count()
    }

    /// How many literals the two screens look for, and the bytes that they take.
    pub fn screens(&self) -> [(usize, usize); 2] {
        self.screens.each_ref().map(Screen::size)
    }

    /// Of the rules that remain, how many the screen can rule out.
    pub fn screened(&self) -> usize {
        let rules = self.rules.iter().enumerate().filter(|(index, _)| !self.folded().contains(*index));
        rules.filter(|(_, rule)| rule.entry.is_some()).count()
    }

    /// The ids of the rules, in the order in which they run.
    pub fn ids(&self) -> impl Iterator<Item = u64> {
        self.rules.iter().map(|rule| rule.id)
    }

    /// The tags that rules have, but for those with macros.
    pub fn tags(&self) -> BTreeSet<String> {
        let tags = self.rules.iter().flat_map(|rule| &rule.tags);
        let texts = tags.filter_map(|tag| match tag {
            Text::Constant(id, _) => Some(String::from_utf8_lossy(self.first.get(*id)).into_owned()),
            _ => None,
        });
        texts.collect()
    }

    /// Whether some rule looks at answers (phases 3 and 4).
    pub fn judges_answers(&self) -> bool {
        let rules = self.rules.iter().enumerate().filter(|(index, _)| !self.folded().contains(*index));
        rules.filter(|(_, rule)| matches!(rule.phase, 3 | 4)).count() > 0
    }

    /// Whether some rule reads this lane.
    #[inline]
    pub(crate) fn reads(&self, variable: Variable) -> bool {
        self.lanes.contains(Lane::of(variable).index())
    }
}
