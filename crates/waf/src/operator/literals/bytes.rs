//! Bytes that a regular expression cannot match without.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::weight;
use crate::transform::ByteClasses;

/// Sets of bytes of each of which one stands in every match, the rarest first.
pub(super) fn bytes(hir: &Hir, most: usize) -> Vec<ByteClasses> {
    let mut sets = conjuncts(hir, most * 4);
    weight::rarest(&mut sets, most);
    sets
}

fn conjuncts(hir: &Hir, most: usize) -> Vec<ByteClasses> {
    let mut sets = match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Vec::new(),
        HirKind::Literal(literal) => literal.0.iter().map(|byte| ByteClasses::EMPTY.with(*byte)).collect(),
        HirKind::Class(class) => vec![leads(class)],
        HirKind::Capture(capture) => conjuncts(&capture.sub, most),
        HirKind::Repetition(repetition) if repetition.min == 0 => Vec::new(),
        HirKind::Repetition(repetition) => conjuncts(&repetition.sub, most),
        HirKind::Concat(parts) => parts.iter().flat_map(|part| conjuncts(part, most)).collect(),
        HirKind::Alternation(branches) => united(branches, most),
    };
    weight::rarest(&mut sets, most);
    sets
}

/// One set of each branch, united: the rarest of all, and the second rarest of all.
fn united(branches: &[Hir], most: usize) -> Vec<ByteClasses> {
    let offers: Vec<Vec<ByteClasses>> = branches.iter().map(|branch| conjuncts(branch, most)).collect();
    let nth = |rank: usize| {
        let mut picks = offers.iter().map(|offer| offer.get(rank).or_else(|| offer.last()).copied());
        picks.try_fold(ByteClasses::EMPTY, |union, pick| Some(union.union(pick?)))
    };
    [nth(0), nth(1)].into_iter().flatten().collect()
}

/// The bytes with which members of a class begin.
fn leads(class: &Class) -> ByteClasses {
    let ranges = |ranges: &mut dyn Iterator<Item = (u8, u8)>| {
        ranges.fold(ByteClasses::EMPTY, |set, (start, end)| set.union(ByteClasses::range(start, end)))
    };
    // Beyond ASCII any lead byte of UTF-8 may stand.
    let lead = |character: char| u8::try_from(character).ok().filter(u8::is_ascii);
    match class {
        Class::Bytes(class) => ranges(&mut class.iter().map(|range| (range.start(), range.end()))),
        Class::Unicode(class) => ranges(
            &mut class.iter().map(|range| (lead(range.start()).unwrap_or(0x80), lead(range.end()).unwrap_or(0xff))),
        ),
    }
}
