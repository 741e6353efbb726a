//! The memory that a regular expression's automata grow in while they search: lent to one rule at a time, and shared by
//! all workers. One for each worker would be five times as much, while two workers rarely ask the same rule at once.

use std::sync::{Mutex, MutexGuard, TryLockError};

use regex_automata::meta::{Cache, Regex};

/// So many rules use one pattern at a time; what is more begins with empty automata.
const SLOTS: usize = 2;

/// The automata of one pattern, as far as searches have built them.
#[derive(Debug, Default)]
pub(super) struct Caches([Mutex<Option<Box<Cache>>>; SLOTS]);

/// What was borrowed of an operator, for as long as it is asked about one value after the other.
#[derive(Debug, Default)]
pub struct Lent<'a> {
    shared: Option<MutexGuard<'a, Option<Box<Cache>>>>,
    own: Option<Box<Cache>>,
}

impl Caches {
    /// The automata for searches of this pattern, which is always the same.
    #[inline]
    pub(super) fn lend<'l, 'a>(&'a self, regex: &Regex, lent: &'l mut Lent<'a>) -> &'l mut Cache {
        if lent.shared.is_none() && lent.own.is_none() {
            lent.shared = self.free();
        }
        let cache = match &mut lent.shared {
            Some(slot) => &mut **slot,
            None => &mut lent.own,
        };
        cache.get_or_insert_with(|| Box::new(regex.create_cache()))
    }

    fn free(&self) -> Option<MutexGuard<'_, Option<Box<Cache>>>> {
        self.0.iter().find_map(|slot| match slot.try_lock() {
            Ok(slot) => Some(slot),
            Err(TryLockError::Poisoned(slot)) => Some(slot.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        })
    }
}
