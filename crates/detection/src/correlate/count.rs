//! The window of `event_count`: how many events.
//!
//! Up to 256 events are kept one by one; further ones join the newest entry while that is younger than a 256th of the
//! timespan. A window so has at most 512 entries, and its edge is exact to a 256th of its length.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Counters, Occurrence};

/// Entries that are kept one by one.
const EXACT: usize = 256;

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Count {
    entries: VecDeque<Entry>,
    sum: u64,
}

#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
struct Entry {
    at: i64,
    last: i64,
    /// The places of its first and its last event.
    seq: u64,
    newest: u64,
    weight: u64,
}

impl Count {
    /// Counts an event; false if it is older than the window.
    pub(super) fn add(&mut self, what: Occurrence, span: i64, counters: &mut Counters) -> bool {
        let newest = self.entries.back().map_or(i64::MIN, |entry| entry.last).max(what.at);
        let start = newest.saturating_sub(span);
        if what.at < start {
            return false;
        }
        let weight = u64::from(what.weight);
        self.sum += weight;
        let entry = Entry { at: what.at, last: what.at, seq: what.seq, newest: what.seq, weight };
        let width = span.min(i64::MAX / 2) / 256;
        let crowded = self.entries.len() >= EXACT;
        match self.entries.back_mut() {
            Some(back) if crowded && what.at >= back.at && what.at.saturating_sub(back.at) < width => {
                back.last = back.last.max(what.at);
                back.newest = what.seq;
                back.weight += weight;
            }
            Some(back) if back.at > what.at => {
                let place = self.entries.partition_point(|entry| entry.at <= what.at);
                self.entries.insert(place, entry);
            }
            _ => self.entries.push_back(entry),
        }
        while let Some(front) = self.entries.front()
            && (front.last < start || self.entries.len() > 2 * EXACT)
        {
            counters.overflowed += u64::from(front.last >= start);
            self.sum -= front.weight;
            self.entries.pop_front();
        }
        true
    }

    pub(super) fn sum(&self) -> u64 {
        self.sum
    }

    pub(super) fn since(&self) -> i64 {
        self.entries.front().map_or(i64::MAX, |entry| entry.at)
    }

    pub(super) fn places(&self) -> impl Iterator<Item = u64> {
        self.entries.iter().flat_map(|entry| [entry.seq, entry.newest])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(at: i64) -> Occurrence {
        Occurrence { at, seq: u64::try_from(at).unwrap_or(0), weight: 1 }
    }

    #[test]
    fn the_window_ends_with_the_newest_event() {
        let mut window = Count::default();
        for (time, sum) in [(0, 1), (5, 2), (10, 3), (11, 3), (3, 4), (20, 3), (9, 0)] {
            let counted = window.add(at(time), 10, &mut Counters::default());
            assert_eq!(counted, sum != 0, "{time}");
            if counted {
                assert_eq!(window.sum(), sum, "{time}");
            }
        }
    }

    #[test]
    fn a_flood_takes_bounded_room_and_is_counted() {
        let mut window = Count::default();
        let span = 1_000_000;
        let mut counters = Counters::default();
        for time in 0..1_000_000 {
            window.add(at(time), span, &mut counters);
            assert!(window.entries.len() <= 2 * EXACT);
        }
        assert_eq!(window.sum(), 1_000_000);
        for time in 1_000_000..2_000_000 {
            window.add(at(time), span, &mut counters);
        }
        assert_eq!(counters.overflowed, 0);
        let error = window.sum().abs_diff(1_000_000);
        assert!(error <= 1_000_000 / 256 + 2, "{error}");
    }
}
