//! What must occur in a value before an operator can match: literals, bytes and a length, for the engine's prefilter.
//!
//! Each is a necessary condition and nothing more. Literals are compared without regard to ASCII case.

mod bytes;
mod extract;
mod loose;
mod offer;
mod strings;
mod weight;

use std::sync::Arc;

use regex_syntax::hir::Hir;

use crate::transform::ByteClasses;

/// Literals of which at least one occurs, in any ASCII case, in every value that matches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LiteralSet {
    literals: Arc<[Box<[u8]>]>,
}

impl LiteralSet {
    /// Nothing when a literal is empty or when there is none: such a set would say nothing.
    pub(super) fn new(literals: impl IntoIterator<Item = Vec<u8>>) -> Option<LiteralSet> {
        let mut literals: Vec<Vec<u8>> = literals.into_iter().map(|literal| literal.to_ascii_lowercase()).collect();
        reduce(&mut literals);
        let useful = literals.first().is_some_and(|shortest| !shortest.is_empty());
        useful.then(|| LiteralSet { literals: literals.into_iter().map(Vec::into_boxed_slice).collect() })
    }

    /// The literals, in lower case; none is part of another.
    pub fn literals(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.literals.iter().map(|literal| &**literal)
    }

    /// The length of the shortest.
    pub fn shortest(&self) -> usize {
        self.literals.iter().map(|literal| literal.len()).min().unwrap_or_default()
    }

    /// How rare the set is in benign text: about the negated binary logarithm of the chance per byte that one of them
    /// begins there.
    pub fn rarity(&self) -> f32 {
        weight::rarity(self.literals())
    }

    /// Whether one of them occurs in `value`. The engine's automaton gives the same answer for all sets at once.
    pub fn occurs_in(&self, value: &[u8]) -> bool {
        let value = value.to_ascii_lowercase();
        self.literals().any(|literal| memchr::memmem::find(&value, literal).is_some())
    }
}

/// The necessary conditions of an operator.
#[derive(Clone, Debug, Default)]
pub(super) struct Needs {
    pub(super) literals: Option<LiteralSet>,
    /// Of each set at least one byte occurs.
    pub(super) bytes: Vec<ByteClasses>,
    pub(super) length: usize,
}

/// How many byte sets are kept, the rarest first.
const MOST_BYTE_SETS: usize = 8;

impl Needs {
    /// Of a regular expression.
    pub(super) fn of_pattern(hir: &Hir) -> Needs {
        let bytes = bytes::bytes(hir, MOST_BYTE_SETS);
        let length = hir.properties().minimum_len();
        // A pattern without a length matches nothing at all.
        Needs { literals: extract::literals(hir), bytes, length: length.unwrap_or(usize::MAX) }
    }

    /// Of an operator that looks for one of these phrases, in any case if they are not `cased`.
    pub(super) fn of_phrases<'p>(phrases: impl Iterator<Item = &'p [u8]> + Clone, cased: bool) -> Needs {
        let length = phrases.clone().map(<[u8]>::len).min().unwrap_or(usize::MAX);
        let firsts: ByteClasses = phrases.clone().filter_map(|phrase| phrase.first().copied()).collect();
        let bytes = match length {
            0 => Vec::new(),
            _ if phrases.clone().nth(1).is_none() => {
                let all: ByteClasses = phrases.clone().flatten().copied().collect();
                all.iter().map(|byte| ByteClasses::EMPTY.with(byte)).collect()
            }
            _ => vec![firsts],
        };
        let mut bytes: Vec<ByteClasses> = bytes.into_iter().map(|set| if cased { set } else { set.folded() }).collect();
        weight::rarest(&mut bytes, MOST_BYTE_SETS);
        Needs { literals: LiteralSet::new(phrases.map(<[u8]>::to_vec)), bytes, length }
    }

    /// Of an operator that needs one of these bytes.
    pub(super) fn of_bytes(bytes: ByteClasses) -> Needs {
        Needs { literals: None, bytes: vec![bytes], length: 1 }
    }

    /// Of an operator that never matches.
    pub(super) fn never() -> Needs {
        Needs { literals: None, bytes: vec![ByteClasses::EMPTY], length: usize::MAX }
    }
}

/// Sorts by length and drops what contains another: where that occurs, so does the other.
fn reduce(literals: &mut Vec<Vec<u8>>) {
    literals.sort_unstable_by(|left, right| (left.len(), left).cmp(&(right.len(), right)));
    literals.dedup();
    let mut known: std::collections::HashSet<Vec<u8>> = std::collections::HashSet::new();
    let mut lengths: Vec<usize> = Vec::new();
    literals.retain(|literal| {
        let contained = lengths.iter().any(|length| literal.windows((*length).max(1)).any(|part| known.contains(part)));
        if !contained {
            known.insert(literal.clone());
            if lengths.last() != Some(&literal.len()) {
                lengths.push(literal.len());
            }
        }
        !contained
    });
}

#[cfg(test)]
mod tests;
