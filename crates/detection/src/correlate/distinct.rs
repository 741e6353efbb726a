//! The window of `value_count`: how many different values.
//!
//! No more values are kept than the condition can tell apart, the youngest ones, so the bound changes no answer.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::Occurrence;

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Seen>", into = "Vec<Seen>")]
pub(super) struct Distinct {
    /// In the order of time; an entry that is not in `latest` any more is void.
    order: VecDeque<(i64, u64, u128)>,
    latest: HashMap<u128, (i64, u64)>,
}

/// A value as it is saved: time, place, and the halves of its hash.
type Seen = (i64, u64, u64, u64);

impl Distinct {
    /// Counts a value; false if it is older than the window. A window that `closes` keeps all until then.
    pub(super) fn add(&mut self, what: Occurrence, value: u128, span: i64, most: usize, closes: bool) -> bool {
        let newest = self.order.back().map_or(i64::MIN, |(at, ..)| *at).max(what.at);
        let start = if closes { i64::MIN } else { newest.saturating_sub(span) };
        if what.at < start {
            return false;
        }
        let stamp = (what.at, what.seq);
        match self.latest.get(&value) {
            // It is known to be there until later.
            Some(known) if *known >= stamp => return true,
            _ => self.latest.insert(value, stamp),
        };
        let place = if self.order.back().is_some_and(|(at, seq, _)| (*at, *seq) > stamp) {
            self.order.partition_point(|(at, seq, _)| (*at, *seq) <= stamp)
        } else {
            self.order.len()
        };
        self.order.insert(place, (what.at, what.seq, value));
        while let Some((at, seq, value)) = self.order.front() {
            let void = self.latest.get(value) != Some(&(*at, *seq));
            let over = *at < start || self.latest.len() > most;
            if !void && !over {
                break;
            }
            if !void {
                self.latest.remove(value);
            }
            self.order.pop_front();
        }
        if self.order.len() > 2 * self.latest.len() + 64 {
            let latest = &self.latest;
            self.order.retain(|(at, seq, value)| latest.get(value) == Some(&(*at, *seq)));
        }
        true
    }

    pub(super) fn len(&self) -> u64 {
        self.latest.len() as u64
    }

    pub(super) fn since(&self) -> i64 {
        self.order.front().map_or(i64::MAX, |(at, ..)| *at)
    }

    pub(super) fn places(&self) -> impl Iterator<Item = u64> {
        let live = self.order.iter().filter(|(at, seq, value)| self.latest.get(value) == Some(&(*at, *seq)));
        live.map(|(_, seq, _)| *seq)
    }
}

impl From<Vec<Seen>> for Distinct {
    fn from(seen: Vec<Seen>) -> Distinct {
        let mut distinct = Distinct::default();
        for (at, seq, high, low) in seen {
            let value = (u128::from(high) << 64) | u128::from(low);
            distinct.order.push_back((at, seq, value));
            distinct.latest.insert(value, (at, seq));
        }
        distinct
    }
}

impl From<Distinct> for Vec<Seen> {
    #[expect(clippy::cast_possible_truncation, reason = "the halves of a number")]
    fn from(distinct: Distinct) -> Vec<Seen> {
        let live = distinct.order.iter().filter(|(at, seq, value)| distinct.latest.get(value) == Some(&(*at, *seq)));
        live.map(|(at, seq, value)| (*at, *seq, (value >> 64) as u64, *value as u64)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(window: &mut Distinct, at: i64, value: u128) -> u64 {
        window.add(Occurrence { at, seq: 0, weight: 1 }, value, 10, 100, false);
        window.len()
    }

    #[test]
    fn values_count_once_and_leave_with_their_latest_event() {
        let mut window = Distinct::default();
        let steps = [(0, 1, 1), (1, 2, 2), (2, 1, 2), (11, 3, 3), (12, 3, 2), (13, 4, 2), (5, 9, 3), (30, 1, 1)];
        for (at, value, count) in steps {
            assert_eq!(add(&mut window, at, value), count, "{at}");
        }
    }

    #[test]
    fn repetition_and_variety_take_bounded_room() {
        let mut window = Distinct::default();
        for at in 0..10_000 {
            window.add(Occurrence { at, seq: 0, weight: 1 }, u128::try_from(at % 3).unwrap_or(0), 100_000, 50, false);
            assert!(window.order.len() <= 2 * 3 + 65);
        }
        for at in 10_000..20_000 {
            window.add(Occurrence { at, seq: 0, weight: 1 }, u128::try_from(at).unwrap_or(0), 100_000, 50, false);
        }
        assert_eq!(window.len(), 50);
    }
}
