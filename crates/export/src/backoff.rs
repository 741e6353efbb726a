//! How long to wait before the next try.

use std::time::Duration;

/// Waits that double from a first to a longest one, each cut by up to a half at random, so that many who wait for the same
/// do not come at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// From `first` to `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Backoff {
        Backoff { first, longest, failures: 0 }
    }

    /// The failures since the last success.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// It worked: the next failure waits the first time again.
    pub const fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// It failed: how long to wait now. `random` is any number.
    pub fn failed(&mut self, random: u64) -> Duration {
        let doubled = self.first.saturating_mul(1_u32.checked_shl(self.failures.min(31)).unwrap_or(u32::MAX));
        self.failures = self.failures.saturating_add(1);
        let whole = doubled.min(self.longest);
        let micros = u64::try_from(whole.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(micros - random % (micros / 2 + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_are_cut_by_a_half_at_most() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
        for (n, whole) in [1, 2, 4, 8, 16, 30, 30].into_iter().enumerate() {
            let mut other = backoff;
            assert_eq!(backoff.failed(0), Duration::from_secs(whole), "{n}");
            let cut = other.failed(u64::MAX / 3);
            assert!(cut >= Duration::from_secs(whole) / 2 && cut <= Duration::from_secs(whole), "{cut:?}");
        }
        backoff.succeeded();
        assert_eq!(backoff.failed(0), Duration::from_secs(1));
    }
}
