//! Sets of strings of which one stands in every match, and the choice between them.

use super::strings::Strings;
use super::weight;
use crate::transform::ByteClasses;

/// How long a literal of the result is; the rarest part of a longer one stands for it.
const KEPT_LENGTH: usize = 16;
/// By how many bits a set of single bytes is worth less.
const SINGLE: f32 = 6.0;

/// A set and what it is worth.
pub(super) struct Offer {
    pub(super) strings: Strings,
    pub(super) rarity: f32,
    worth: f32,
}

impl Offer {
    /// Nothing when the set is empty, or holds the empty string: such a set says nothing.
    fn new(strings: Strings) -> Option<Offer> {
        if strings.is_empty() || strings.iter().any(Vec::is_empty) {
            return None;
        }
        let rarity = weight::rarity(strings.iter().map(|literal| rarest_part(literal)));
        let worth = worth(&strings, rarity);
        Some(Offer { strings, rarity, worth })
    }
}

/// What the choice goes by: beyond eight bits more rarity counts half, sixteen times as many strings cost one bit, and
/// a set of single bytes is asked for anyway, as byte set.
#[expect(clippy::cast_precision_loss, reason = "a count of at most a few thousand")]
fn worth(strings: &Strings, rarity: f32) -> f32 {
    let bytes = strings.iter().filter_map(|literal| <[u8; 1]>::try_from(&**literal).ok()).flatten();
    let bytes: ByteClasses = bytes.collect();
    let single = !bytes.is_empty() && strings.iter().all(|literal| literal.iter().any(|byte| bytes.contains(*byte)));
    let rarity = rarity.min(rarity.midpoint(8.0));
    rarity - (strings.len() as f32).log2() / 4.0 - if single { SINGLE } else { 0.0 }
}

/// The best of what was offered.
#[derive(Default)]
pub(super) struct Best(Option<Offer>);

impl Best {
    pub(super) fn offer(&mut self, strings: Strings) {
        self.improve(Best(Offer::new(strings)));
    }

    pub(super) fn improve(&mut self, other: Best) {
        if let Some(offer) = other.0
            && self.0.as_ref().is_none_or(|best| best.worth < offer.worth)
        {
            self.0 = Some(offer);
        }
    }

    pub(super) fn into_offer(self) -> Option<Offer> {
        self.0
    }
}

/// The part of a literal that stands for it.
pub(super) fn rarest_part(literal: &[u8]) -> &[u8] {
    let bits = |part: &[u8]| part.iter().map(|byte| weight::bits(*byte)).sum::<f32>();
    let windows = literal.windows(KEPT_LENGTH).map(|part| (part, bits(part)));
    windows.max_by(|left, right| left.1.total_cmp(&right.1)).map_or(literal, |(part, _)| part)
}
