//! Event time: the watermark, and clocks that jump.

use serde::{Deserialize, Serialize};

use super::Counters;

/// How far an event may be ahead of all others before it must be confirmed.
const JUMP: i64 = 600_000_000;
/// How many events must agree that time went forward so far.
const CONFIRM_AHEAD: u32 = 3;
/// How many events in a row, each later than the one before, must agree that the clock went back.
const CONFIRM_BACK: u32 = 64;

/// The progress of event time, in microseconds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Clock {
    newest: Option<i64>,
    lateness: i64,
    ahead: Option<(i64, u32)>,
    back: Option<(i64, u32)>,
}

/// What an event's time says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// Correlations count it.
    OnTime,
    /// Correlations don't.
    Late,
    /// The clock went back: windows must be emptied first.
    Reset,
}

impl Clock {
    pub(crate) fn new(lateness: i64) -> Clock {
        Clock { newest: None, lateness, ahead: None, back: None }
    }

    /// With the lateness of now.
    pub(crate) fn with_lateness(mut self, lateness: i64) -> Clock {
        self.lateness = lateness;
        self
    }

    pub(crate) fn newest(&self) -> Option<i64> {
        self.newest
    }

    /// No event before this counts any more.
    pub(crate) fn watermark(&self) -> i64 {
        self.newest.map_or(i64::MIN, |newest| newest.saturating_sub(self.lateness))
    }

    pub(crate) fn observe(&mut self, at: i64, counters: &mut Counters) -> Standing {
        let Some(newest) = self.newest else {
            self.newest = Some(at);
            return Standing::OnTime;
        };
        if at > newest.saturating_add(JUMP) {
            let (most, seen) = self.ahead.unwrap_or((at, 0));
            // One wild value does not drag the others along: the nearest of them is where time goes.
            self.ahead = Some((most.min(at), seen + 1));
            if seen + 1 >= CONFIRM_AHEAD {
                self.newest = Some(most.min(at));
                self.ahead = None;
            } else {
                counters.ahead += 1;
            }
            return Standing::OnTime;
        }
        if at < self.watermark() {
            let (last, seen) = self.back.unwrap_or((i64::MIN, 0));
            self.back = Some((at, if at >= last { seen + 1 } else { 1 }));
            if self.back.is_some_and(|(_, seen)| seen >= CONFIRM_BACK) {
                self.newest = Some(at);
                (self.ahead, self.back) = (None, None);
                counters.resets += 1;
                return Standing::Reset;
            }
            counters.late += 1;
            return Standing::Late;
        }
        (self.ahead, self.back) = (None, None);
        self.newest = Some(newest.max(at));
        Standing::OnTime
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    #[test]
    fn one_wild_clock_does_not_make_the_others_late() {
        let mut counters = Counters::default();
        let mut clock = Clock::new(10 * SECOND);
        for at in [0, 5, 9_000, 6, 9_001, 9_002, 7] {
            assert_eq!(clock.observe(at * SECOND, &mut counters), Standing::OnTime, "{at}");
        }
        assert_eq!(clock.newest(), Some(7 * SECOND));
        assert_eq!(counters.ahead, 3);
        for at in [20_000, 20_001, 20_002] {
            assert_eq!(clock.observe(at * SECOND, &mut counters), Standing::OnTime);
        }
        assert_eq!(clock.newest(), Some(20_000 * SECOND), "a quiet night is believed after three events");
    }

    #[test]
    fn late_events_are_counted_and_a_clock_that_went_back_is_believed() {
        let mut counters = Counters::default();
        let mut clock = Clock::new(10 * SECOND);
        clock.observe(100 * SECOND, &mut counters);
        assert_eq!(clock.observe(90 * SECOND, &mut counters), Standing::OnTime);
        assert_eq!(clock.observe(89 * SECOND, &mut counters), Standing::Late);
        // Streams that end together are old, but not in order.
        for at in (0..500).map(|n| (n * 37) % 80) {
            assert_eq!(clock.observe(at * SECOND, &mut counters), Standing::Late);
        }
        clock.observe(100 * SECOND, &mut counters);
        let standings: Vec<Standing> = (0..64).map(|at| clock.observe(at * 1_000, &mut counters)).collect();
        assert_eq!(standings.last(), Some(&Standing::Reset));
        assert!(standings.iter().take(63).all(|standing| *standing == Standing::Late));
        assert_eq!(clock.newest(), Some(63_000));
        assert_eq!((counters.resets, counters.late), (1, 1 + 500 + 63));
    }
}
