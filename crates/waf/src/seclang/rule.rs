//! A rule as read: what it looks at, what it asks, and what it does.

use std::sync::Arc;

use super::action::{Action, Assignment, Control, Disruption, Store};
use super::{Problem, Target, Template};
use crate::operator::Operator;
use crate::transform::Transformation;

/// An operator with its parameter.
#[derive(Clone, Debug)]
pub struct Condition {
    /// `!`: holds when the operator does not match.
    pub negated: bool,
    /// The operator; rules with the same share one.
    pub operator: Arc<Operator>,
    /// Its parameter, expanded at run time where the operator takes it so.
    pub parameter: Template,
}

/// What happens beside the match itself, once the rest of the chain has matched.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// `setenv`.
    SetEnv(Template, Template),
    /// The key of a collection.
    Key(Store, Template),
    /// `ctl`.
    Control(Control),
}

/// One rule of a chain.
#[derive(Clone, Debug, Default)]
pub struct Link {
    /// What it looks at; nothing for `SecAction`.
    pub targets: Vec<Target>,
    /// What it asks; nothing for `SecAction`.
    pub condition: Option<Condition>,
    /// What values go through, in order.
    pub transformations: Vec<Transformation>,
    /// Whether groups go to `TX.0` to `TX.9`.
    pub capture: bool,
    /// Whether each step of the transformations is asked about.
    pub multi_match: bool,
    /// Done for each value that matches, before the rest of the chain is asked.
    pub assignments: Vec<Assignment>,
    /// Done when the rest of the chain has matched.
    pub effects: Vec<Effect>,
    /// What the log says; that of the first rule wins.
    pub msg: Option<Template>,
    /// The data that the log shows.
    pub logdata: Option<Template>,
}

/// A rule with its chain.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its id.
    pub id: u64,
    /// When it runs, from 1.
    pub phase: u8,
    /// The file.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The first rule and those chained to it.
    pub links: Vec<Link>,
    /// Its tags.
    pub tags: Vec<Template>,
    /// The version of the rule set.
    pub ver: Box<str>,
    /// Its revision.
    pub rev: Box<str>,
    /// From 0, the gravest, to 7; nothing when none is given.
    pub severity: Option<u8>,
    /// From 0 to 9.
    pub maturity: u8,
    /// From 0 to 9.
    pub accuracy: u8,
    /// Whether matches are logged.
    pub log: bool,
    /// Whether they make the transaction relevant for the audit log.
    pub audit_log: bool,
    /// What happens to the transaction; `block` is resolved.
    pub disruption: Disruption,
    /// Whether it was written as `block`.
    pub block: bool,
    /// The status of a refusal.
    pub status: Option<u16>,
    /// How many rules are skipped behind it.
    pub skip: u32,
    /// The marker up to which rules are skipped.
    pub skip_after: Option<Box<str>>,
}

impl Rule {
    /// Whether a tag has this text.
    pub fn has_tag(&self, wanted: &str) -> bool {
        self.tags.iter().any(|tag| tag.text() == Some(wanted))
    }

    /// What the log says, as written.
    pub fn msg(&self) -> Option<&Template> {
        self.links.iter().find_map(|link| link.msg.as_ref())
    }
}

/// What `SecDefaultAction` says for a phase.
#[derive(Clone, Debug, Default)]
pub(super) struct Defaults {
    /// Whether a directive has said them.
    pub(super) said: bool,
    pub(super) transformations: Vec<Transformation>,
    pub(super) log: Option<bool>,
    pub(super) audit_log: Option<bool>,
    pub(super) disruption: Option<Disruption>,
    pub(super) status: Option<u16>,
    pub(super) tags: Vec<Template>,
}

impl Defaults {
    /// The phase and what is said for it.
    pub(super) fn parse(actions: Vec<Action>) -> Result<(u8, Defaults), Problem> {
        let mut phase = 2;
        let mut defaults = Defaults { said: true, ..Defaults::default() };
        for action in actions {
            match action {
                Action::Phase(number) => phase = number,
                Action::Transform(None) => {
                    return Err(Problem::Value { what: "default transformation", value: "none".to_owned() });
                }
                Action::Transform(Some(transformation)) => defaults.transformations.push(transformation),
                Action::Log(log) => defaults.log = Some(log),
                Action::AuditLog(log) => defaults.audit_log = Some(log),
                // `block` means what the defaults say, and here they are.
                Action::Disrupt(Disruption::Block) | Action::Nothing => {}
                Action::Disrupt(disruption) => defaults.disruption = Some(disruption),
                Action::Status(status) => defaults.status = Some(status),
                Action::Tag(tag) => defaults.tags.push(tag),
                _ => {
                    let value = "an action of a single rule".to_owned();
                    return Err(Problem::Value { what: "default action", value });
                }
            }
        }
        if defaults.disruption.is_none() {
            return Err(Problem::Missing { what: "a disruptive action, such as `pass`," });
        }
        Ok((phase, defaults))
    }
}

/// The actions of one rule, sorted.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) id: Option<u64>,
    pub(super) phase: Option<u8>,
    pub(super) chain: bool,
    pub(super) link: Link,
    /// Whether `t:none` came, and what followed the last one.
    pub(super) none: bool,
    pub(super) tags: Vec<Template>,
    pub(super) ver: Option<Box<str>>,
    pub(super) rev: Option<Box<str>>,
    pub(super) severity: Option<u8>,
    pub(super) maturity: Option<u8>,
    pub(super) accuracy: Option<u8>,
    pub(super) log: Option<bool>,
    pub(super) audit_log: Option<bool>,
    pub(super) disruption: Option<Disruption>,
    pub(super) status: Option<u16>,
    pub(super) skip: Option<u32>,
    pub(super) skip_after: Option<Box<str>>,
}

impl Parts {
    pub(super) fn sort(actions: Vec<Action>) -> Parts {
        let mut parts = Parts::default();
        for action in actions {
            match action {
                Action::Id(id) => parts.id = Some(id),
                Action::Phase(phase) => parts.phase = Some(phase),
                Action::Chain => parts.chain = true,
                Action::Capture => parts.link.capture = true,
                Action::MultiMatch => parts.link.multi_match = true,
                Action::Transform(None) => {
                    parts.none = true;
                    parts.link.transformations.clear();
                }
                Action::Transform(Some(transformation)) => parts.link.transformations.push(transformation),
                Action::Disrupt(disruption) => parts.disruption = Some(disruption),
                Action::Status(status) => parts.status = Some(status),
                Action::Msg(msg) => parts.link.msg = Some(msg),
                Action::LogData(data) => parts.link.logdata = Some(data),
                Action::Tag(tag) => parts.tags.push(tag),
                Action::Ver(ver) => parts.ver = Some(ver),
                Action::Rev(rev) => parts.rev = Some(rev),
                Action::Severity(severity) => parts.severity = Some(severity),
                Action::Maturity(maturity) => parts.maturity = Some(maturity),
                Action::Accuracy(accuracy) => parts.accuracy = Some(accuracy),
                Action::Log(log) => parts.log = Some(log),
                Action::AuditLog(log) => parts.audit_log = Some(log),
                Action::SetVar(assignment) => parts.link.assignments.push(assignment),
                Action::SetEnv(name, value) => parts.link.effects.push(Effect::SetEnv(name, value)),
                Action::Key(store, key) => parts.link.effects.push(Effect::Key(store, key)),
                Action::Control(control) => parts.link.effects.push(Effect::Control(control)),
                Action::Skip(skip) => parts.skip = Some(skip),
                Action::SkipAfter(marker) => parts.skip_after = Some(marker),
                Action::Nothing => {}
            }
        }
        // `nolog` silences the audit log as well, unless the rule says otherwise.
        if parts.log == Some(false) && parts.audit_log.is_none() {
            parts.audit_log = Some(false);
        }
        parts
    }

    /// The name of an action that only the first rule of a chain may have, if there is one.
    pub(super) fn only_first(&self) -> Option<&'static str> {
        let names = [
            (self.disruption.is_some(), "a disruptive action"),
            (self.skip.is_some(), "skip"),
            (self.skip_after.is_some(), "skipAfter"),
        ];
        names.into_iter().find(|(given, _)| *given).map(|(_, name)| name)
    }

    /// Makes a rule of its first link.
    pub(super) fn rule(self, id: u64, file: Arc<str>, line: u32, phase: u8, defaults: &Defaults) -> Rule {
        let block = self.disruption == Some(Disruption::Block);
        let fallback = || defaults.disruption.clone().unwrap_or(Disruption::Pass);
        let disruption = match self.disruption {
            Some(Disruption::Block) => fallback(),
            Some(disruption) => disruption,
            None => Disruption::Pass,
        };
        let mut tags = defaults.tags.clone();
        tags.extend(self.tags);
        Rule {
            id,
            phase,
            file,
            line,
            links: vec![self.link],
            tags,
            ver: self.ver.unwrap_or_default(),
            rev: self.rev.unwrap_or_default(),
            severity: self.severity,
            maturity: self.maturity.unwrap_or(0),
            accuracy: self.accuracy.unwrap_or(0),
            log: self.log.or(defaults.log).unwrap_or(true),
            audit_log: self.audit_log.or(defaults.audit_log).unwrap_or(true),
            disruption,
            block,
            status: self.status.or(defaults.status),
            skip: self.skip.unwrap_or(0),
            skip_after: self.skip_after,
        }
    }
}
