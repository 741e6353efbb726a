//! How much lately: a bounded table of counters over two windows each.
//!
//! The total in the running window is approximated by what was counted in the current fixed window plus the part of the
//! previous one that the running window still covers.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use parking_lot::Mutex;

/// Parts of the table, each with its own lock.
const SHARDS: usize = 16;
/// The most counters of a shard; beyond, the ones that ended go, and then the whole shard.
const PER_SHARD: usize = 8_192;

#[derive(Clone, Copy)]
struct Count {
    window: i64,
    /// The number of the current window.
    number: i64,
    current: u64,
    previous: u64,
}

/// Counters in memory.
pub(crate) struct Counters {
    shards: Vec<Mutex<HashMap<u64, Count>>>,
    hasher: RandomState,
}

impl Default for Counters {
    fn default() -> Counters {
        Counters { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }
}

impl Counters {
    /// Adds `n` and returns the total in the window that ends `now` (microseconds).
    pub fn add(&self, counter: &str, key: &[u8], window: Duration, now: i64, n: u64) -> u64 {
        let window = length(window);
        let number = now.div_euclid(window);
        let name = self.hasher.hash_one((counter, key, window));
        let index = usize::try_from(name % SHARDS as u64).unwrap_or_default();
        let Some(shard) = self.shards.get(index) else { return n };
        let mut shard = shard.lock();
        if shard.len() >= PER_SHARD && !shard.contains_key(&name) {
            shard.retain(|_, count| count.number + 1 >= now.div_euclid(count.window));
            if shard.len() >= PER_SHARD {
                shard.clear();
            }
        }
        let count = shard.entry(name).or_insert(Count { window, number, current: 0, previous: 0 });
        match number - count.number {
            0 => {}
            1 => (count.previous, count.current, count.number) = (count.current, 0, number),
            // A clock that went back counts on in the newest window.
            gap if gap < 0 => {}
            _ => (count.previous, count.current, count.number) = (0, 0, number),
        }
        count.current = count.current.saturating_add(n);
        total(count.current, count.previous, window, now)
    }
}

/// The length of a window in microseconds.
pub(crate) fn length(window: Duration) -> i64 {
    i64::try_from(window.as_micros()).unwrap_or(i64::MAX).max(1)
}

/// The total in the window that ends `now`, of what the current and the previous fixed window hold.
pub(crate) fn total(current: u64, previous: u64, window: i64, now: i64) -> u64 {
    let left = u128::from((window - now.rem_euclid(window)).unsigned_abs());
    let carried = u128::from(previous) * left / u128::from(window.unsigned_abs());
    current.saturating_add(u64::try_from(carried).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    #[test]
    fn the_window_slides() {
        let counters = Counters::default();
        let add = |at, n| counters.add("sign-in", b"k", Duration::from_secs(10), at, n);
        assert_eq!(add(0, 10), 10);
        assert_eq!(add(9 * SECOND, 10), 20);
        assert_eq!(add(15 * SECOND, 0), 10);
        assert_eq!(add(19 * SECOND, 1), 3);
        assert_eq!(add(45 * SECOND, 1), 1);
        assert_eq!(counters.add("sign-in", b"other", Duration::from_secs(10), 45 * SECOND, 1), 1);
    }

    #[test]
    fn the_table_is_bounded() {
        let counters = Counters::default();
        for key in 0..200_000u32 {
            counters.add("flood", &key.to_be_bytes(), Duration::from_mins(1), 0, 1);
        }
        let held: usize = counters.shards.iter().map(|shard| shard.lock().len()).sum();
        assert!(held <= SHARDS * PER_SHARD);
    }
}
