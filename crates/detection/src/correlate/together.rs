//! The window of `temporal` and `temporal_ordered`: which rules occurred, and in which order.
//!
//! Occurrences of one rule in a row are one run, of which the first and the last are known, and the places of sixteen:
//! a flood of one rule takes one entry. Of more than 256 runs the oldest goes, counted.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Counters, Occurrence};
use crate::rule::Together as Condition;

const MAX_RUNS: usize = 256;
/// Places that are kept of a run, beside the last.
const MAX_PLACES: usize = 16;

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Together {
    runs: VecDeque<Run>,
}

/// Occurrences of one member in a row; each by time and place.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Run {
    member: usize,
    first: (i64, u64),
    last: (i64, u64),
    count: u64,
    /// The places of the first of them.
    places: Vec<u64>,
}

impl Together {
    /// Takes in an occurrence of a member; false if it is older than the window.
    pub(super) fn add(&mut self, what: Occurrence, member: usize, span: i64, counters: &mut Counters) -> bool {
        let newest = self.runs.iter().map(|run| run.last.0).max().unwrap_or(i64::MIN).max(what.at);
        let start = newest.saturating_sub(span);
        if what.at < start {
            return false;
        }
        let stamp = (what.at, what.seq);
        let place = self.runs.partition_point(|run| run.first <= stamp);
        let run = Run { member, first: stamp, last: stamp, count: u64::from(what.weight), places: vec![what.seq] };
        match place.checked_sub(1).and_then(|before| self.runs.get_mut(before)) {
            Some(before) if before.member == member => {
                before.last = before.last.max(stamp);
                before.count += u64::from(what.weight);
                if before.places.len() < MAX_PLACES {
                    before.places.push(what.seq);
                }
            }
            Some(before) if before.last > stamp => {
                // It came late, and stands between the first and the last of another's run: that is cut in two.
                let rest = Run { first: before.last, count: 1, places: vec![before.last.1], ..before.clone() };
                before.last = before.first;
                before.count = before.count.saturating_sub(1).max(1);
                self.runs.insert(place, run);
                self.runs.insert(place + 1, rest);
            }
            _ => self.runs.insert(place, run),
        }
        self.runs.retain_mut(|run| {
            if run.first.0 < start {
                run.first = run.last;
            }
            run.last.0 >= start
        });
        while self.runs.len() > MAX_RUNS {
            self.runs.pop_front();
            counters.overflowed += 1;
        }
        true
    }

    pub(super) fn holds(&self, ordered: bool, condition: &Condition, names: &[Box<str>]) -> bool {
        let seen = |member: usize| self.runs.iter().any(|run| run.member == member);
        match condition {
            Condition::All if ordered => self.in_order(names.len()),
            Condition::All => (0..names.len()).all(seen),
            Condition::Count(bounds) => {
                let count = (0..names.len()).filter(|member| seen(*member)).count() as u64;
                bounds.iter().all(|bound| bound.holds(count))
            }
            Condition::Condition(condition) => {
                condition.holds(&|name| names.iter().position(|known| &**known == name).is_some_and(seen), names)
            }
        }
    }

    fn in_order(&self, members: usize) -> bool {
        let mut after = (i64::MIN, 0);
        (0..members).all(|member| {
            let next = self
                .runs
                .iter()
                .filter(|run| run.member == member)
                .filter_map(|run| [run.first, run.last].into_iter().find(|stamp| *stamp > after));
            match next.min() {
                Some(stamp) => {
                    after = stamp;
                    true
                }
                None => false,
            }
        })
    }

    pub(super) fn events(&self) -> u64 {
        self.runs.iter().map(|run| run.count).sum()
    }

    pub(super) fn since(&self) -> i64 {
        self.runs.front().map_or(i64::MAX, |run| run.first.0)
    }

    pub(super) fn places(&self) -> impl Iterator<Item = u64> {
        self.runs.iter().flat_map(|run| run.places.iter().copied().chain([run.last.1]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Events as time and member; whether all are together, and whether in order.
    type Case<'c> = (&'c [(i64, usize)], bool, bool);

    fn window(events: &[(i64, usize)]) -> Together {
        let mut window = Together::default();
        let mut counters = Counters::default();
        for ((at, member), seq) in events.iter().zip(1..) {
            window.add(Occurrence { at: *at, seq, weight: 1 }, *member, 10, &mut counters);
        }
        window
    }

    fn names() -> Vec<Box<str>> {
        ["a", "b", "c"].map(Into::into).to_vec()
    }

    #[test]
    fn order_matters_only_where_it_is_asked_for() {
        let cases: [Case; 9] = [
            (&[(0, 0), (1, 1), (2, 2)], true, true),
            (&[(0, 2), (1, 1), (2, 0)], true, false),
            (&[(0, 0), (1, 1), (11, 2)], false, false),
            (&[(0, 0), (1, 1), (2, 0), (11, 2)], true, false),
            (&[(0, 0), (2, 0), (3, 1), (11, 2)], true, true),
            (&[(1, 1), (2, 0), (3, 0), (4, 1), (5, 2)], true, true),
            // In the wrong order by arrival, in the right one by time.
            (&[(5, 2), (4, 1), (3, 0)], true, true),
            (&[(0, 0), (9, 0), (5, 1), (9, 2)], true, true),
            (&[(0, 0), (2, 2)], false, false),
        ];
        for (events, together, in_order) in cases {
            let window = window(events);
            assert_eq!(window.holds(false, &Condition::All, &names()), together, "{events:?}");
            assert_eq!(window.holds(true, &Condition::All, &names()), in_order, "{events:?} in order");
        }
    }

    #[test]
    fn a_flood_of_one_rule_does_not_hide_the_other() {
        let mut events = vec![(0, 0)];
        events.extend((0..5_000).map(|n| (1 + n % 3, 1)));
        events.push((5, 2));
        let window = window(&events);
        assert!(window.runs.len() <= MAX_RUNS);
        assert!(window.holds(true, &Condition::All, &names()));
        assert_eq!(window.events(), 5_002);
    }
}
