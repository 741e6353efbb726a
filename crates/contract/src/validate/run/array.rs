//! Arrays (JSON Schema 2020-12 core, 10.3.1; validation, 6.4).

use std::collections::HashSet;

use super::scalar::sizes;
use super::{Run, Seen};
use crate::validate::equal::canonical;
use crate::validate::rule::ArrayRule;
use crate::validate::tape::Item;

impl<'p> Run<'p, '_, '_> {
    pub(super) fn array(&mut self, rule: &'p ArrayRule, at: usize, item: &Item, seen: &mut Seen) -> bool {
        let mut fits = true;
        if !rule.count.contains(item.count as usize) {
            fits = self.fail("wrong-size", at, || sizes("items", rule.count.min, rule.count.max));
        }
        for (number, element) in self.tape.elements(at).enumerate() {
            if !fits && self.quiet {
                return false;
            }
            let Some(id) = rule.prefix.get(number).copied().or(rule.items) else { break };
            fits &= self.value(id, element);
            if self.program.tracks_elements {
                seen.mark(number);
            }
        }
        seen.all |= rule.items.is_some();
        if let Some((id, wanted)) = rule.contains {
            let mut count = 0;
            for (number, element) in self.tape.elements(at).enumerate() {
                let mark = self.begin();
                let contained = self.value(id, element);
                self.end(&mark, contained);
                if contained {
                    count += 1;
                    seen.mark(number);
                }
            }
            if !wanted.contains(count) {
                let expected = || format!("{} of the kind it must contain", sizes("items", wanted.min, wanted.max));
                fits = self.fail("wrong-size", at, expected);
            }
        }
        fits && (!rule.unique || self.is_unique(at))
    }

    fn is_unique(&mut self, at: usize) -> bool {
        let mut known = HashSet::new();
        for element in self.tape.elements(at) {
            let mut text = Vec::new();
            canonical(self.tape, element, &mut text);
            self.steps = self.steps.saturating_sub(text.len() / 32);
            if !known.insert(text) {
                return self.fail("repeated-item", element, || "an item that is not there yet".into());
            }
        }
        true
    }
}
