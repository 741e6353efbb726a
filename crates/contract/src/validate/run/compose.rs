//! Rules about the same value: `allOf`, `anyOf`, `oneOf`, `not`, `if` (JSON Schema 2020-12 core, 10.2), and the
//! discriminator (OpenAPI 3.1 section 4.8.25).

use super::{Run, Seen};
use crate::validate::rule::{Compose, Discriminator, RuleId};
use crate::validate::tape::Kind;

/// What was found when an alternative began.
pub(super) struct Mark {
    quiet: bool,
    proven: usize,
    notes: usize,
}

impl<'p> Run<'p, '_, '_> {
    pub(super) fn compose(&mut self, rule: &'p Compose, id: RuleId, at: usize, seen: &mut Seen) -> bool {
        let mut fits = true;
        for part in &rule.all {
            fits &= self.apply(*part, at, seen);
            if !fits && self.quiet {
                return false;
            }
        }
        let told = rule.discriminator.as_ref().and_then(|discriminator| self.discriminate(discriminator, id, at, seen));
        if let Some(told) = told {
            fits &= told;
        } else {
            fits &= rule.any.is_empty() || self.any(&rule.any, at, seen);
            fits &= rule.one.is_empty() || self.one(&rule.one, at, seen);
        }
        if let Some(not) = rule.not {
            let mark = self.begin();
            let wrong = self.apply(not, at, &mut Seen::default());
            self.end(&mark, false);
            if wrong {
                fits = self.fail("excluded", at, || "a value that the contract does not exclude".into());
            }
        }
        if let Some(condition) = &rule.condition {
            let branch = if self.attempt(condition.when, at, seen) { condition.then } else { condition.otherwise };
            fits &= branch.is_none_or(|branch| self.apply(branch, at, seen));
        }
        fits
    }

    fn any(&mut self, rules: &'p [RuleId], at: usize, seen: &mut Seen) -> bool {
        let container = self.tape.get(at).is_some_and(|item| matches!(item.kind, Kind::Object | Kind::Array));
        let mut fits = false;
        for rule in rules {
            fits |= self.attempt(*rule, at, seen);
            // Which members were looked at matters in containers only.
            if fits && !container {
                break;
            }
        }
        fits || self.explain(rules, at)
    }

    fn one(&mut self, rules: &'p [RuleId], at: usize, seen: &mut Seen) -> bool {
        let mut fitting = 0;
        for rule in rules {
            fitting += usize::from(self.attempt(*rule, at, seen));
            if fitting > 1 {
                return self.fail("ambiguous", at, || format!("exactly one of {} alternatives", rules.len()));
            }
        }
        fitting == 1 || self.explain(rules, at)
    }

    /// Says why no alternative fits: what is wrong with the only one of the right type.
    fn explain(&mut self, rules: &'p [RuleId], at: usize) -> bool {
        if self.quiet {
            return false;
        }
        let program = self.program;
        let kind = self.tape.get(at).map_or(Kind::Null, |item| item.kind);
        let right = |rule: &&RuleId| {
            let types = program.types(**rule);
            types.is_empty() || self.has_type(types, at, kind)
        };
        let right: Vec<RuleId> = rules.iter().filter(right).copied().collect();
        let before = self.found.violations.len();
        if let [only] = right.as_slice() {
            self.apply(*only, at, &mut Seen::default());
        }
        if self.found.violations.len() == before {
            self.fail("no-alternative", at, || format!("one of {} alternatives", rules.len()));
        }
        false
    }

    /// Follows a discriminator; nothing where it does not tell.
    fn discriminate(&mut self, by: &'p Discriminator, id: RuleId, at: usize, seen: &mut Seen) -> Option<bool> {
        if self.tape.get(at).is_none_or(|item| item.kind != Kind::Object) || self.dispatched.contains(&(id, at)) {
            return None;
        }
        let member = self.tape.members(at).find(|(key, _)| *self.tape.bytes(*key) == *by.property);
        let Some((_, value)) = member else {
            // The rule itself says whether it is required where it is extended.
            return if by.extends { None } else { Some(self.fail("no-discriminator", at, || named(by))) };
        };
        let text = self.tape.bytes(value);
        let is_text = self.tape.get(value).is_some_and(|item| item.kind == Kind::String);
        let found = by.rules.binary_search_by(|(name, _)| name.as_bytes().cmp(&text)).ok();
        match found.filter(|_| is_text).and_then(|found| by.rules.get(found)) {
            Some((_, rule)) => {
                self.dispatched.push((id, at));
                let fits = self.apply(*rule, at, seen);
                self.dispatched.pop();
                Some(fits)
            }
            None if by.extends => None,
            None => Some(self.fail("not-listed", value, || format!("one of {}", by.shown))),
        }
    }

    /// Tries a rule in silence.
    fn attempt(&mut self, rule: RuleId, at: usize, seen: &mut Seen) -> bool {
        let mark = self.begin();
        let mut own = Seen::default();
        let fits = self.apply(rule, at, &mut own);
        self.end(&mark, fits);
        if fits {
            seen.merge(&own);
        }
        fits
    }

    pub(super) fn begin(&mut self) -> Mark {
        let quiet = std::mem::replace(&mut self.quiet, true);
        Mark { quiet, proven: self.found.proven.len(), notes: self.found.notes.len() }
    }

    /// Ends what was tried in silence, and forgets what it found unless it is kept.
    pub(super) fn end(&mut self, mark: &Mark, keep: bool) {
        self.quiet = mark.quiet;
        if !keep {
            self.found.proven.truncate(mark.proven);
            self.found.notes.truncate(mark.notes);
        }
    }
}

fn named(by: &Discriminator) -> String {
    format!("the field `{}` that tells which alternative it is", String::from_utf8_lossy(&by.property))
}
