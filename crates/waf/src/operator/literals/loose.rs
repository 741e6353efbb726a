//! Words with gaps: patterns against evasion allow for quotes, variables and the like between all letters, as in
//! `w["']*h["']*o`. Whatever they match is the plain word, or contains a byte without which no gap can be.

use regex_syntax::hir::Hir;

use super::bytes::bytes;
use super::offer::Best;
use super::strings::{Strings, join, nothing, sort};
use super::weight;
use crate::transform::ByteClasses;

/// How rare the bytes must be of which one stands in a gap.
const LEAST_RARITY: f32 = 5.5;

/// All of a node's matches but those that contain a byte of `gaps`.
#[derive(Clone)]
pub(super) struct Loose {
    pub(super) strings: Strings,
    pub(super) gaps: ByteClasses,
}

impl Loose {
    /// What need not stand there, when it cannot without a rare byte.
    pub(super) fn gap(hir: &Hir) -> Option<Loose> {
        let gaps = *bytes(hir, 1).first().filter(|gaps| weight::set_rarity(gaps) >= LEAST_RARITY)?;
        Some(Loose { strings: nothing(), gaps })
    }

    pub(super) fn or_nothing(mut self) -> Loose {
        self.strings.push(Vec::new());
        sort(&mut self.strings);
        self
    }

    /// Strings of which one stands in each match.
    pub(super) fn into_set(self) -> Strings {
        let mut set = self.strings;
        set.extend(self.gaps.iter().map(|byte| vec![byte.to_ascii_lowercase()]));
        sort(&mut set);
        set
    }
}

/// The parts of a concatenation since one of them interrupted the account.
pub(super) struct LooseRun {
    run: Loose,
    whole: bool,
}

impl LooseRun {
    pub(super) fn new() -> LooseRun {
        LooseRun { run: Loose { strings: nothing(), gaps: ByteClasses::EMPTY }, whole: true }
    }

    /// Goes on with a part: its words and the bytes of its gaps, or an interruption.
    pub(super) fn add(&mut self, part: Option<(&Strings, ByteClasses)>, best: &mut Best) {
        let joined = part.and_then(|(strings, gaps)| {
            Some(Loose { strings: join(&self.run.strings, strings)?, gaps: self.run.gaps.union(gaps) })
        });
        self.whole &= joined.is_some();
        // With more gaps or more strings it may be worth less.
        let goes_on = joined
            .as_ref()
            .is_some_and(|joined| joined.gaps == self.run.gaps && joined.strings.len() <= self.run.strings.len());
        let next = joined.unwrap_or_else(|| match part {
            Some((strings, gaps)) => Loose { strings: strings.clone(), gaps },
            None => Loose { strings: nothing(), gaps: ByteClasses::EMPTY },
        });
        let before = std::mem::replace(&mut self.run, next);
        if !goes_on {
            best.offer(before.into_set());
        }
    }

    /// The account of the whole concatenation, when nothing interrupted it.
    pub(super) fn end(self, best: &mut Best) -> Option<Loose> {
        best.offer(self.run.clone().into_set());
        self.whole.then_some(self.run)
    }
}
