//! What was committed a moment ago, kept in memory for those who follow the journal.
//!
//! Reading an entry back costs a query, a code to check and a seal to open. Whoever follows closely gets it from here.

use std::collections::VecDeque;
use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use testudo_core::Event;

use super::entry::Plain;

/// Entries that are kept; who is further behind reads the journal, which takes much longer for each. It is half a second
/// of a very busy node, so that whoever was held up for a moment does not fall behind for good.
const MOST: usize = 16_384;

/// An entry of the journal that is durable, opened. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Committed {
    /// Its place.
    pub seq: u64,
    seen: Arc<Seen>,
}

/// What those who follow the journal see of an entry.
#[derive(Clone, PartialEq, Eq)]
pub struct Seen {
    /// What everybody may read.
    pub plain: Plain,
    /// The event with its personal part, as far as that can be opened.
    pub event: Event,
    /// The personal part was sealed under a key that was destroyed.
    pub erased: bool,
}

impl Committed {
    /// The entry at this place.
    pub(crate) fn new(seq: u64, seen: Arc<Seen>) -> Committed {
        Committed { seq, seen }
    }
}

impl Deref for Committed {
    type Target = Seen;

    fn deref(&self) -> &Seen {
        &self.seen
    }
}

/// Names the entry and shows nothing of it: it may be personal.
impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seen").field("kind", &self.plain.kind).finish_non_exhaustive()
    }
}

impl fmt::Debug for Committed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Committed").field("seq", &self.seq).field("kind", &self.plain.kind).finish_non_exhaustive()
    }
}

/// The last entries in the order of their places, without gaps.
#[derive(Default)]
pub(crate) struct Recent {
    wanted: AtomicBool,
    kept: Mutex<VecDeque<Committed>>,
}

impl Recent {
    /// From now on somebody follows.
    pub fn want(&self) {
        self.wanted.store(true, Ordering::Release);
    }

    /// Whether somebody follows.
    pub fn wanted(&self) -> bool {
        self.wanted.load(Ordering::Acquire)
    }

    /// Keeps entries that are durable now and can't be read yet.
    pub fn extend(&self, entries: impl IntoIterator<Item = Committed>) {
        let mut kept = self.kept.lock();
        for entry in entries {
            if kept.back().is_some_and(|last| last.seq.checked_add(1) != Some(entry.seq)) {
                kept.clear();
            }
            if kept.len() == MOST {
                kept.pop_front();
            }
            kept.push_back(entry);
        }
    }

    /// Those that pass of the first `limit` entries of the range, and how many that are; nothing if its beginning is not
    /// kept.
    pub fn get(
        &self,
        range: &Range<u64>,
        limit: usize,
        passes: impl Fn(&Plain) -> bool,
    ) -> Option<(u64, Vec<Committed>)> {
        let kept = self.kept.lock();
        let first = kept.front()?.seq;
        let at = |seq: u64| usize::try_from(seq.checked_sub(first)?).ok();
        let (start, end) = (at(range.start)?, at(range.end)?.min(kept.len()));
        let end = end.min(start.saturating_add(limit));
        if start >= end {
            return None;
        }
        let found = kept.range(start..end).filter(|entry| passes(&entry.plain)).cloned().collect();
        Some(((end - start) as u64, found))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;
    use testudo_core::{EventKind, Timestamp};

    use super::*;
    use crate::journal::entry::Personal;

    fn entry(seq: u64) -> Committed {
        let plain = json!({ "kind": EventKind::SignIn, "at": Timestamp::EPOCH, "outcome": "success" });
        let plain: Plain = serde_json::from_value(plain).unwrap();
        let event = super::super::entry::event(&plain, Personal::default());
        Committed::new(seq, Arc::new(Seen { plain, event, erased: false }))
    }

    fn places(recent: &Recent, range: Range<u64>, limit: usize) -> Option<Vec<u64>> {
        let (passed, found) = recent.get(&range, limit, |_| true)?;
        assert_eq!(passed, found.len() as u64);
        assert_eq!(recent.get(&range, limit, |_| false), Some((passed, Vec::new())));
        Some(found.iter().map(|entry| entry.seq).collect())
    }

    #[test]
    fn what_is_kept_has_no_gaps_and_a_bound() {
        let recent = Recent::default();
        assert_eq!(places(&recent, 0..9, 9), None);
        recent.extend((5..9).map(entry));
        assert_eq!(places(&recent, 6..8, 9), Some(vec![6, 7]));
        assert_eq!(places(&recent, 6..9, 1), Some(vec![6]));
        assert_eq!(places(&recent, 4..9, 9), None, "the beginning is not kept");
        assert_eq!(places(&recent, 9..12, 9), None);
        recent.extend([entry(20)]);
        assert_eq!(places(&recent, 5..9, 9), None, "a gap forgets what was before it");
        recent.extend((21..21 + MOST as u64).map(entry));
        assert_eq!(places(&recent, 20..22, 9), None);
        assert_eq!(places(&recent, 21..22, 9), Some(vec![21]));
    }
}
