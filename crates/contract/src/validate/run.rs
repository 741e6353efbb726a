//! Checks a value against a rule: JSON Schema 2020-12 over a tape, within a bound of steps.
//!
//! Alternatives are tried in silence; what they proved or noted is forgotten when they don't fit.

use testudo_core::{Proven, ProvenKind};

use super::place;
use super::report::{MAX_VIOLATIONS, Unknown, Violation};
use super::rule::{Program, Rule, RuleId};
use super::tape::{Item, Kind, Tape};
use crate::schema::{JsonType, TypeSet};

mod array;
mod compose;
mod object;
mod scalar;

/// How deep rules may be asked within rules.
const MAX_DEPTH: usize = 400;
/// Steps that every document may take, and those for each of its values.
const STEPS: usize = 20_000;
const STEPS_EACH: usize = 16;

/// What was found so far.
#[derive(Default, Debug)]
pub(crate) struct Findings {
    /// What is wrong; at most [`MAX_VIOLATIONS`].
    pub violations: Vec<Violation>,
    /// Unknown fields that are only reported; as many.
    pub notes: Vec<Violation>,
    /// Values that are proven.
    pub proven: Vec<Proven>,
    /// Whether there are keys that the contract does not name.
    pub free_names: bool,
}

/// One check of one document.
pub(crate) struct Run<'p, 't, 's> {
    program: &'p Program,
    tape: &'t Tape<'s>,
    unknown: Unknown,
    /// Whether an alternative is tried.
    quiet: bool,
    steps: usize,
    depth: usize,
    exhausted: bool,
    /// Values that were sent on by their discriminator, with the rule that did it.
    dispatched: Vec<(RuleId, usize)>,
    pub(crate) found: Findings,
}

/// Which members or elements of a container some rule has looked at.
#[derive(Clone, Default, Debug)]
pub(crate) struct Seen {
    first: u64,
    rest: Vec<u64>,
    all: bool,
    /// Whether a rule lists properties, so that others are unknown.
    lists: bool,
}

impl Seen {
    #[inline]
    fn mark(&mut self, index: usize) {
        if index < 64 {
            self.first |= 1 << index;
            return;
        }
        let block = index / 64 - 1;
        if self.rest.len() <= block {
            self.rest.resize(block + 1, 0);
        }
        if let Some(bits) = self.rest.get_mut(block) {
            *bits |= 1 << (index % 64);
        }
    }

    #[inline]
    fn has(&self, index: usize) -> bool {
        let bits = if index < 64 { Some(&self.first) } else { self.rest.get(index / 64 - 1) };
        self.all || bits.is_some_and(|bits| bits >> (index % 64) & 1 == 1)
    }

    /// Whether all of so many were looked at.
    #[inline]
    fn has_all(&self, count: usize) -> bool {
        self.all
            || if count <= 64 {
                u64::from(self.first.count_ones()) >= count as u64
            } else {
                (0..count).all(|i| self.has(i))
            }
    }

    fn merge(&mut self, other: &Seen) {
        self.first |= other.first;
        self.rest.resize(self.rest.len().max(other.rest.len()), 0);
        self.rest.iter_mut().zip(&other.rest).for_each(|(to, from)| *to |= from);
        self.all |= other.all;
        self.lists |= other.lists;
    }
}

impl<'p, 't, 's> Run<'p, 't, 's> {
    pub(crate) fn new(program: &'p Program, tape: &'t Tape<'s>, unknown: Unknown) -> Run<'p, 't, 's> {
        let steps = STEPS + STEPS_EACH * tape.len();
        Run {
            program,
            tape,
            unknown,
            quiet: false,
            steps,
            depth: 0,
            exhausted: false,
            dispatched: Vec::new(),
            found: Findings::default(),
        }
    }

    /// Checks a value and all within it. What is wrong is found afterwards.
    pub(crate) fn check(&mut self, rule: RuleId, at: usize) {
        self.value(rule, at);
        if self.exhausted {
            self.quiet = false;
            self.fail("too-complex", at, || "a value that can be checked in fewer steps".into());
        }
    }

    /// A value on its own: fields that no rule names are unknown, if some rule names fields.
    fn value(&mut self, rule: RuleId, at: usize) -> bool {
        let Some(item) = self.tape.get(at) else { return true };
        let mut seen = Seen::default();
        let mut fits = self.apply(rule, at, &mut seen);
        let count = item.count as usize;
        match item.kind {
            Kind::Object if !seen.has_all(count) => {
                self.found.free_names = true;
                if seen.lists && (fits || !self.quiet) {
                    fits &= self.unseen(at, &seen);
                }
            }
            Kind::Array if !seen.all && count > 0 => self.found.free_names = true,
            _ => {}
        }
        fits
    }

    fn unseen(&mut self, at: usize, seen: &Seen) -> bool {
        let mut fits = true;
        for (number, (key, _)) in self.tape.members(at).enumerate() {
            if !seen.has(number) {
                fits &= self.unknown(key, "unknown-field", "a field that the contract names");
            }
        }
        fits
    }

    /// What happens with a field that should not be there.
    fn unknown(&mut self, key: usize, code: &'static str, expected: &str) -> bool {
        match self.unknown {
            Unknown::Refuse => self.fail(code, key, || expected.into()),
            Unknown::Report => {
                if self.found.notes.len() < MAX_VIOLATIONS {
                    let pointer = place::pointer(self.program, self.tape, key);
                    self.found.notes.push(Violation { pointer, code, expected: expected.into() });
                }
                true
            }
            Unknown::Allow => true,
        }
    }

    /// One rule about a value that others may be about too.
    fn apply(&mut self, id: RuleId, at: usize, seen: &mut Seen) -> bool {
        let program = self.program;
        let (Some(rule), Some(item)) = (program.rule(id), self.tape.get(at).copied()) else { return true };
        if self.steps == 0 || self.depth >= MAX_DEPTH {
            self.exhausted = true;
            return false;
        }
        self.steps -= 1;
        self.depth += 1;
        let fits = match rule.object.as_ref().map(|object| object.unevaluated) {
            None | Some(None) if !program.tracks_elements => self.all(rule, id, at, &item, seen),
            _ => {
                // What others have looked at does not count for `unevaluatedProperties` and `unevaluatedItems`.
                let mut own = Seen::default();
                let fits = self.all(rule, id, at, &item, &mut own) && self.unevaluated(rule, at, &item, &mut own);
                seen.merge(&own);
                fits
            }
        };
        self.depth -= 1;
        fits
    }

    fn all(&mut self, rule: &'p Rule, id: RuleId, at: usize, item: &Item, seen: &mut Seen) -> bool {
        if rule.never {
            return self.fail("not-allowed", at, || "nothing here".into());
        }
        if !rule.types.is_empty() && !self.has_type(rule.types, at, item.kind) {
            return self.fail("wrong-type", at, || type_names(rule.types));
        }
        let mut fits = rule.values.as_ref().is_none_or(|values| self.listed(values, at, item));
        if fits || !self.quiet {
            fits &= match item.kind {
                Kind::Object => rule.object.as_ref().is_none_or(|object| self.object(object, at, item, seen)),
                Kind::Array => rule.array.as_ref().is_none_or(|array| self.array(array, at, item, seen)),
                Kind::Number => self.number(rule, at),
                Kind::String | Kind::Key => rule.text.as_ref().is_none_or(|text| self.text(text, at)),
                Kind::True | Kind::False => {
                    if rule.types.contains(JsonType::Boolean) {
                        self.prove(at, ProvenKind::Boolean);
                    }
                    true
                }
                Kind::Null | Kind::File => true,
            };
        }
        if (fits || !self.quiet)
            && let Some(compose) = &rule.compose
        {
            fits &= self.compose(compose, id, at, seen);
        }
        fits
    }

    fn has_type(&self, types: TypeSet, at: usize, kind: Kind) -> bool {
        match kind {
            Kind::Null => types.contains(JsonType::Null),
            Kind::True | Kind::False => types.contains(JsonType::Boolean),
            Kind::String | Kind::Key | Kind::File => types.contains(JsonType::String),
            Kind::Array => types.contains(JsonType::Array),
            Kind::Object => types.contains(JsonType::Object),
            Kind::Number => {
                types.contains(JsonType::Number)
                    || (types.contains(JsonType::Integer) && scalar::is_integer(self.tape.raw(at)))
            }
        }
    }

    fn prove(&mut self, at: usize, kind: ProvenKind) {
        let is_key = self.tape.get(at).is_none_or(|item| item.kind == Kind::Key);
        let place = match kind {
            ProvenKind::Free => self.tape.written(at).filter(|span| span.start < span.end),
            _ => self.tape.place(at),
        };
        if !is_key && let Some(span) = place {
            self.found.proven.push(Proven { span, kind });
        }
    }

    /// Notes what is wrong. Gives `false`, so that it can stand where a check fails.
    fn fail(&mut self, code: &'static str, at: usize, expected: impl FnOnce() -> String) -> bool {
        if !self.quiet && self.found.violations.len() < MAX_VIOLATIONS {
            let pointer = place::pointer(self.program, self.tape, at);
            self.found.violations.push(Violation { pointer, code, expected: expected() });
            // The rest is checked no more than an alternative: the first failure ends it.
            self.quiet = self.found.violations.len() == MAX_VIOLATIONS;
        }
        false
    }
}

fn type_names(types: TypeSet) -> String {
    let names: Vec<&str> = types.iter().map(JsonType::name).collect();
    format!("a value of type {}", names.join(" or "))
}
