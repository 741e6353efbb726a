//! A fixed table of theoretical arrival times that all workers share, without locks.
//!
//! A slot is one word: 20 bits of tag and 44 bits of time. A bucket is a cache line of eight slots, and its neighbour
//! takes what does not fit. A slot whose time is in the past carries no information (a key that is not there has no
//! debt either), so it may be taken over at any time. A slot in debt is never given away: when both lines are full of
//! debts, the caller asks again with a coarser key, and at last with a cell, which several keys share and which always
//! exists. Memory therefore never grows, and no debt is forgotten.
//!
//! Keys are placed by SipHash-1-3 under a secret made at start, so that nobody can aim at a line.

use std::sync::atomic::{AtomicU64, Ordering};

use siphasher::sip::SipHasher13;

use crate::rate::{Limit, Micros};

const LINE: usize = 8;
/// A line and its neighbour.
const REACH: usize = 2 * LINE;
const TIME_BITS: u32 = 44;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;
const TAG_MASK: u64 = (1 << (64 - TIME_BITS)) - 1;
/// Times wrap around after 203 days; what is further ahead than this lies in the past.
const FARTHEST: Micros = 1 << 40;
/// A compare-and-swap that fails this often is refused rather than tried for ever.
const ATTEMPTS: usize = 256;

#[derive(Debug)]
#[repr(align(64))]
struct Line([AtomicU64; LINE]);

/// The table. See the module's head.
#[derive(Debug)]
pub(crate) struct Table {
    lines: Box<[Line]>,
    cells: Box<[AtomicU64]>,
    hasher: SipHasher13,
}

/// Where a key's debt stands.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// In one of the slots within reach of `first` that bears `tag`.
    Slot { first: usize, tag: u64 },
    /// In a cell.
    Cell { index: usize },
}

/// What came of a charge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Charge {
    /// Admitted; the debt includes it.
    Taken(Micros),
    /// Refused; the debt is as before.
    Refused(Micros),
    /// Every slot within reach is in debt for another key.
    Full,
}

enum Found<'t> {
    Mine(&'t AtomicU64, u64),
    Free(&'t AtomicU64, u64),
    Full,
}

impl Table {
    /// A table of at least `slots` slots (a power of two from 1,024 to 2^26) with one cell for each 16 slots.
    pub fn new(slots: usize, secret: &[u8; 16]) -> Table {
        let slots = slots.clamp(1 << 10, 1 << 26).next_power_of_two();
        Table {
            lines: (0..slots / LINE).map(|_| Line(Default::default())).collect(),
            cells: (0..slots / REACH).map(|_| AtomicU64::new(0)).collect(),
            hasher: SipHasher13::new_with_key(secret),
        }
    }

    /// Its size in bytes, which never changes.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.lines) + size_of_val(&*self.cells)
    }

    /// How many keys have a slot of their own.
    #[cfg(test)]
    pub fn slots(&self) -> usize {
        self.lines.len() * LINE
    }

    /// The keyed hash of a key, from which its places follow.
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash(key)
    }

    /// The place of a key's own slot.
    pub fn slot(&self, hash: u64) -> Place {
        Place::Slot { first: below(hash >> 20, self.lines.len()) * LINE, tag: (hash & TAG_MASK).max(1) }
    }

    /// The place of the cell that a key shares.
    pub fn cell(&self, hash: u64) -> Place {
        Place::Cell { index: below(hash >> 20, self.cells.len()) }
    }

    /// Reads the first words of the lines of several keys, so that the waits for memory overlap.
    pub fn touch(&self, hashes: impl Iterator<Item = u64>) {
        let words = hashes.map(|hash| match self.slot(hash) {
            Place::Slot { first, .. } => {
                let slot = self.lines.get(first / LINE).and_then(|line| line.0.first());
                slot.map_or(0, |atom| atom.load(Ordering::Relaxed))
            }
            Place::Cell { .. } => 0,
        });
        std::hint::black_box(words.fold(0, |all, word| all ^ word));
    }

    /// The debt of a key, or nothing if it has no slot and there is none to take.
    pub fn debt(&self, place: Place, now: Micros) -> Option<Micros> {
        match place {
            Place::Slot { first, tag } => match self.find(first, tag, now) {
                Found::Mine(_, word) => Some(debt(word, now)),
                Found::Free(..) => Some(0),
                Found::Full => None,
            },
            Place::Cell { index } => {
                Some(self.cells.get(index).map_or(FARTHEST, |cell| debt(cell.load(Ordering::Relaxed), now)))
            }
        }
    }

    /// Charges one request.
    pub fn charge(&self, place: Place, limit: Limit, now: Micros) -> Charge {
        self.update(place, now, |debt| {
            let debt = debt.min(limit.span());
            if debt > limit.tolerance { Err(debt) } else { Ok(debt + limit.interval) }
        })
    }

    /// Replaces a key's debt by what `next` makes of it; an error leaves it.
    pub fn update(&self, place: Place, now: Micros, next: impl Fn(Micros) -> Result<Micros, Micros>) -> Charge {
        for _ in 0..ATTEMPTS {
            let (atom, word, tag) = match place {
                Place::Slot { first, tag } => match self.find(first, tag, now) {
                    Found::Mine(atom, word) | Found::Free(atom, word) => (atom, word, tag),
                    Found::Full => return Charge::Full,
                },
                Place::Cell { index } => match self.cells.get(index) {
                    Some(cell) => (cell, cell.load(Ordering::Relaxed), 1),
                    None => break,
                },
            };
            let before = if word >> TIME_BITS == tag { debt(word, now) } else { 0 };
            let after = match next(before) {
                Ok(after) => after.min(FARTHEST),
                Err(refused) => return Charge::Refused(refused),
            };
            let new = tag << TIME_BITS | (now.wrapping_add(after) & TIME_MASK);
            if atom.compare_exchange(word, new, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return Charge::Taken(after);
            }
        }
        Charge::Refused(FARTHEST)
    }

    /// Frees the slots whose time has passed. It must run more often than every 180 days, or a time that wrapped
    /// around could read as a debt; cheap enough to run hourly.
    pub fn sweep(&self, now: Micros) {
        let slots = self.lines.iter().flat_map(|line| &line.0).chain(&self.cells);
        for atom in slots {
            let word = atom.load(Ordering::Relaxed);
            if word != 0 && debt(word, now) == 0 {
                // A slot that changed meanwhile is in use, and stays.
                let _changed = atom.compare_exchange(word, 0, Ordering::Relaxed, Ordering::Relaxed);
            }
        }
    }

    fn find(&self, first: usize, tag: u64, now: Micros) -> Found<'_> {
        let mut free = None;
        for step in 0..REACH {
            // `first` is a multiple of the line, so that steps from the line's length on lead to its neighbour.
            let index = first ^ step;
            let Some(atom) = self.lines.get(index / LINE).and_then(|line| line.0.get(index % LINE)) else { continue };
            let word = atom.load(Ordering::Relaxed);
            if word >> TIME_BITS == tag {
                return Found::Mine(atom, word);
            }
            if free.is_none() && debt(word, now) == 0 {
                free = Some((atom, word));
            }
        }
        free.map_or(Found::Full, |(atom, word)| Found::Free(atom, word))
    }
}

/// How far ahead of `now` the time of a word is.
fn debt(word: u64, now: Micros) -> Micros {
    let ahead = word.wrapping_sub(now) & TIME_MASK;
    if word == 0 || ahead > FARTHEST { 0 } else { ahead }
}

/// The hash as an index below `length`, a power of two.
fn below(hash: u64, length: usize) -> usize {
    usize::try_from(hash & (length as u64).wrapping_sub(1)).unwrap_or(0)
}

#[cfg(test)]
mod tests;
