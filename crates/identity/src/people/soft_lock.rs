//! The soft lock: after a few failures an account waits, each time longer, and never for good.
//!
//! NIST SP 800-63B section 5.2.2 asks to limit failed attempts on an account; a lock that anybody can trigger and only an
//! administrator can lift would hand attackers a way to shut people out. So the wait grows to a quarter of an hour and no
//! further, attempts during a wait are refused without being counted, and browsers in which the person has signed in
//! before have a counter of their own. The counter lies in the person's record and is changed by compare-and-swap, so it
//! holds across nodes and against parallel guesses.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use testudo_core::Timestamp;

use crate::IdentityConfig;

/// After this long without a failure the count starts anew.
const FORGET: Duration = Duration::from_hours(24);

/// When the lock closes and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SoftLockRule {
    /// The failure that closes it first.
    pub(crate) after: u32,
    /// The first wait; it doubles with each further failure.
    pub(crate) first: Duration,
    /// The longest wait.
    pub(crate) longest: Duration,
}

impl From<&IdentityConfig> for SoftLockRule {
    fn from(config: &IdentityConfig) -> SoftLockRule {
        SoftLockRule { after: config.soft_lock_after, first: config.soft_lock_first, longest: config.soft_lock_longest }
    }
}

impl SoftLockRule {
    fn wait(&self, failures: u32) -> Option<Duration> {
        let beyond = failures.checked_sub(self.after.max(1))?;
        Some(self.first.saturating_mul(1 << beyond.min(20)).min(self.longest))
    }
}

/// Failures of one account since the last success.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SoftLock {
    failures: u32,
    last: Option<Timestamp>,
}

impl SoftLock {
    /// When the account may be tried again, if it has to wait now.
    pub(crate) fn closed_until(&self, now: Timestamp, rule: SoftLockRule) -> Option<Timestamp> {
        let until = self.last?.plus(rule.wait(self.failures)?);
        // A failure from the future means that the clock went back: no wait longer than the longest.
        (now < until && until <= now.plus(rule.longest)).then_some(until)
    }

    /// Counts a failure.
    pub(crate) fn fail(&mut self, now: Timestamp) {
        if self.last.is_some_and(|last| now.since(last) > FORGET) {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        self.last = Some(now);
    }

    /// Forgets all failures; tells whether there were any.
    pub(crate) fn clear(&mut self) -> bool {
        let was = !self.is_clear();
        *self = SoftLock::default();
        was
    }

    /// Whether there is nothing to forget.
    pub(crate) fn is_clear(&self) -> bool {
        *self == SoftLock::default()
    }

    /// Failures that are counted now.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: SoftLockRule =
        SoftLockRule { after: 5, first: Duration::from_secs(30), longest: Duration::from_mins(15) };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_000_000 + seconds)
    }

    #[test]
    fn the_fifth_failure_closes_for_thirty_seconds_and_each_further_one_doubles() {
        let mut lock = SoftLock::default();
        for _ in 0..4 {
            lock.fail(at(0));
            assert_eq!(lock.closed_until(at(0), RULE), None);
        }
        let mut now = 0;
        for wait in [30, 60, 120, 240, 480, 900, 900, 900] {
            lock.fail(at(now));
            assert_eq!(lock.closed_until(at(now), RULE), Some(at(now + wait)));
            assert_eq!(lock.closed_until(at(now + wait - 1), RULE), Some(at(now + wait)));
            assert_eq!(lock.closed_until(at(now + wait), RULE), None, "the wait ends");
            now += wait;
        }
    }

    #[test]
    fn a_quiet_day_forgets() {
        let mut lock = SoftLock::default();
        for _ in 0..9 {
            lock.fail(at(0));
        }
        lock.fail(at(24 * 3600 + 1));
        assert_eq!(lock.failures(), 1);
        assert!(lock.clear());
        assert!(lock.is_clear());
        assert!(!lock.clear());
    }

    #[test]
    fn the_count_does_not_wrap_and_a_clock_that_goes_back_locks_nobody_out() {
        let mut lock = SoftLock { failures: u32::MAX, last: Some(at(0)) };
        lock.fail(at(1));
        assert_eq!(lock.closed_until(at(1), RULE), Some(at(901)));
        assert_eq!(lock.closed_until(at(-100_000), RULE), None);
    }
}
