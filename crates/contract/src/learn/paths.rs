//! Paths as a tree of segments, in which those that vary become parameters.

use std::collections::BTreeMap;

use super::Operation;
use super::shape::Shape;
use crate::validate::{Format, is_plain};

/// How many fixed segments may stand side by side; more are a parameter.
const MAX_LITERALS: usize = 32;
/// The longest fixed segment.
const MAX_LITERAL: usize = 64;

/// Operations by method.
pub(super) type Operations = BTreeMap<String, Operation>;

/// A place in the tree.
#[derive(Clone, Default, Debug)]
pub(super) struct Tree {
    pub literals: BTreeMap<String, Tree>,
    /// What is below a segment that varies, and what it looked like.
    pub parameter: Option<(Shape, Box<Tree>)>,
    pub operations: Operations,
    /// Whether fixed segments became too many, so that all are parameters.
    varies: bool,
}

impl Tree {
    /// The operations of a path, if it is known.
    pub(super) fn find(&self, segments: &[String]) -> Option<&Operations> {
        let Some((first, rest)) = segments.split_first() else { return Some(&self.operations) };
        match self.literals.get(first) {
            Some(below) => below.find(rest),
            None => self.parameter.as_ref().filter(|_| !first.is_empty())?.1.find(rest),
        }
    }

    /// The operation of a method of a path, which is made if need be.
    pub(super) fn enter(&mut self, segments: &[String], method: &str) -> &mut Operation {
        let Some((first, rest)) = segments.split_first() else {
            return self.operations.entry(method.to_owned()).or_default();
        };
        let known = first.is_empty() || self.literals.contains_key(first);
        let may_be_fixed = !self.varies && is_literal(first);
        if !known && may_be_fixed && self.literals.len() >= MAX_LITERALS {
            self.fold();
        }
        if known || (may_be_fixed && !self.varies) {
            return self.literals.entry(first.clone()).or_default().enter(rest, method);
        }
        let (shape, below) = self.parameter.get_or_insert_default();
        shape.observe_text(first);
        below.enter(rest, method)
    }

    /// Makes one parameter of all fixed segments.
    fn fold(&mut self) {
        self.varies = true;
        let (shape, below) = self.parameter.get_or_insert_default();
        let last = self.literals.remove("");
        for (text, tree) in std::mem::take(&mut self.literals) {
            shape.observe_text(&text);
            below.merge(tree);
        }
        self.literals.extend(last.map(|tree| (String::new(), tree)));
    }

    fn merge(&mut self, other: Tree) {
        for (text, tree) in other.literals {
            self.literals.entry(text).or_default().merge(tree);
        }
        self.varies |= other.varies;
        if let Some((shape, tree)) = other.parameter {
            let own = self.parameter.get_or_insert_default();
            own.0.merge(shape);
            own.1.merge(*tree);
        }
        if self.varies || self.literals.len() > MAX_LITERALS {
            self.fold();
        }
        for (method, operation) in other.operations {
            self.operations.entry(method).or_default().merge(operation);
        }
    }
}

/// Whether a segment may stand in a template.
fn is_literal(segment: &str) -> bool {
    segment.len() <= MAX_LITERAL && segment.bytes().all(|byte| is_plain(byte) || byte == b'~') && !is_id(segment)
}

/// Whether a text looks like the id of something: a number, a UUID, hexadecimal digits, or letters and digits mixed at
/// length, also behind a prefix as in `acc-00ff12`.
pub(super) fn is_id(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let hex = |text: &str| text.len() >= 6 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if digits == 0 {
        // Long words of hexadecimal letters are rare, and long texts without a digit are no names either.
        return (text.len() >= 16 && hex(text)) || text.len() > 40;
    }
    let only_digits = digits == text.len();
    let has_id = |part: &str| {
        let digits = part.bytes().filter(u8::is_ascii_digit).count();
        (digits > 0 && hex(part)) || (digits >= 2 && part.len() >= 8) || (digits >= 4)
    };
    only_digits || Format::Uuid.fits(text) || Format::Date.fits(text) || text.split(['-', '_', '.', ':']).any(has_id)
}

#[cfg(test)]
mod tests {
    use super::is_id;

    #[test]
    fn ids_are_told_from_names() {
        for id in [
            "7",
            "0042",
            "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
            "acc-00ff12ab34cd",
            "2026-01-02",
            "01J9ZK3V7Q8R5T2M4N6P0X",
            "deadbeefdeadbeef",
            "user_829104",
            "9f8e7d",
        ] {
            assert!(is_id(id), "{id}");
        }
        for name in [
            "orders",
            "v1",
            "v2.1",
            "me",
            "oauth2",
            "by-email",
            "facade",
            "line1",
            "sha256",
            "mp3",
            "2fa",
            "reset_password",
        ] {
            assert!(!is_id(name), "{name}");
        }
    }
}
