//! Objects (JSON Schema 2020-12 core, 10.3.2 and 11.3; validation, 6.5).

use super::scalar::sizes;
use super::{Run, Seen};
use crate::validate::place;
use crate::validate::report::{MAX_VIOLATIONS, Violation};
use crate::validate::rule::{ObjectRule, Rule, RuleId};
use crate::validate::tape::{Item, Kind};

impl<'p> Run<'p, '_, '_> {
    pub(super) fn object(&mut self, rule: &'p ObjectRule, at: usize, item: &Item, seen: &mut Seen) -> bool {
        seen.lists |= rule.lists;
        let mut fits = true;
        if !rule.count.contains(item.count as usize) {
            fits = self.fail("wrong-size", at, || sizes("fields", rule.count.min, rule.count.max));
        }
        let (mut next, mut required) = (0, 0);
        for (number, (key, value)) in self.tape.members(at).enumerate() {
            if !fits && self.quiet {
                return false;
            }
            let name = self.tape.bytes(key);
            let repeated = self.tape.get(key).is_some_and(|key| key.repeated);
            let mut known = false;
            if let Some(property) = rule.find(&name, &mut next) {
                required += u32::from(property.required && !repeated);
                if let Some(id) = property.rule {
                    known = true;
                    self.found.free_names |= !property.plain;
                    fits &= self.property(id, key, value);
                }
            }
            for (pattern, id) in &rule.patterns {
                let name = std::str::from_utf8(&name).unwrap_or_default();
                if pattern.as_ref().is_none_or(|pattern| pattern.matches(name)) {
                    (known, self.found.free_names) = (true, true);
                    // What a pattern says that can't be checked is left alone.
                    fits &= pattern.is_none() || self.value(*id, value);
                }
            }
            if let Some(id) = rule.names {
                fits &= self.value(id, key);
            }
            if !known && let Some(id) = rule.additional {
                (known, self.found.free_names) = (true, true);
                fits &= self.other(id, key, value);
            }
            if known {
                seen.mark(number);
            }
        }
        if required < rule.required {
            fits = self.missing(rule, at);
        }
        fits && self.dependent(rule, at, seen)
    }

    /// A property that is named.
    fn property(&mut self, id: RuleId, key: usize, value: usize) -> bool {
        if self.program.rule(id).is_some_and(|rule| rule.read_only) {
            return self.unknown(key, "read-only", "no such field, for it is only in answers");
        }
        self.value(id, value)
    }

    /// A property that is not.
    fn other(&mut self, id: RuleId, key: usize, value: usize) -> bool {
        match self.program.rule(id) {
            Some(rule) if rule.never => self.fail("unknown-field", key, || "a field that the contract names".into()),
            Some(rule) if rule.is_open() => true,
            _ => self.value(id, value),
        }
    }

    fn has(&self, at: usize, name: &[u8]) -> bool {
        self.tape.members(at).any(|(key, _)| *self.tape.bytes(key) == *name)
    }

    fn missing(&mut self, rule: &ObjectRule, at: usize) -> bool {
        if !self.quiet {
            for property in rule.properties.iter().filter(|property| property.required) {
                if !self.has(at, &property.name) {
                    self.lack(at, &property.name);
                }
            }
        }
        false
    }

    /// Notes that a field is missing.
    fn lack(&mut self, at: usize, name: &[u8]) -> bool {
        if !self.quiet && self.found.violations.len() < MAX_VIOLATIONS {
            let pointer = place::member(place::pointer(self.program, self.tape, at), name);
            let violation = Violation { pointer, code: "missing-field", expected: "this field".into() };
            self.found.violations.push(violation);
        }
        false
    }

    fn dependent(&mut self, rule: &'p ObjectRule, at: usize, seen: &mut Seen) -> bool {
        let mut fits = true;
        for (name, needed) in &rule.dependent {
            if self.has(at, name) {
                for missing in needed.iter().filter(|needed| !self.has(at, needed)).collect::<Vec<_>>() {
                    fits = self.lack(at, missing);
                }
            }
        }
        for (name, id) in &rule.dependent_schemas {
            if self.has(at, name) {
                fits &= self.apply(*id, at, seen);
            }
        }
        fits
    }

    /// What no rule about this value has looked at (JSON Schema 2020-12 core, 11).
    pub(super) fn unevaluated(&mut self, rule: &'p Rule, at: usize, item: &Item, seen: &mut Seen) -> bool {
        let mut fits = true;
        let of_object = rule.object.as_ref().and_then(|object| object.unevaluated);
        let of_array = rule.array.as_ref().and_then(|array| array.unevaluated);
        match (item.kind, of_object, of_array) {
            (Kind::Object, Some(id), _) => {
                for (number, (key, value)) in self.tape.members(at).enumerate() {
                    if !seen.has(number) {
                        self.found.free_names = true;
                        fits &= self.other(id, key, value);
                    }
                }
                seen.all = true;
            }
            (Kind::Array, _, Some(id)) => {
                for (number, value) in self.tape.elements(at).enumerate() {
                    if !seen.has(number) {
                        fits &= self.value(id, value);
                    }
                }
                seen.all = true;
            }
            _ => {}
        }
        fits
    }
}
