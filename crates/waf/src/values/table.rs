//! A hash table of texts: open addressing, and no text is looked for farther than a few places.

use crate::transform::ByteClasses;

/// So far an equal value is sought; then the value gets an entry of its own, which costs time but changes nothing.
const MOST_PROBES: usize = 12;
/// The most slots that are made so that each text is found.
pub(super) const MOST_SLOTS: usize = 1 << 20;

/// One text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) start: u32,
    pub(super) len: u32,
    hash: u32,
    /// Whether `classes` and `changes` are worked out.
    pub(super) known: bool,
    pub(super) classes: ByteClasses,
    /// The numbers of the transformations that may change it.
    pub(super) changes: u64,
}

impl Entry {
    #[inline]
    pub(super) fn range(&self) -> std::ops::Range<usize> {
        self.start as usize..self.start as usize + self.len as usize
    }
}

/// Texts as spans of one buffer, each found by its hash.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) bytes: Vec<u8>,
    pub(super) entries: Vec<Entry>,
    /// An entry's number plus one.
    pub(super) slots: Vec<u32>,
    /// The slots that entries took since the table was empty.
    taken: Vec<u32>,
}

impl Table {
    /// A table with so many slots, a power of two.
    pub(super) fn new(slots: usize) -> Table {
        Table { slots: vec![0; slots], ..Table::default() }
    }

    /// Forgets all texts; of the memory, so many bytes are kept, and of other parts in proportion.
    pub(super) fn clear(&mut self, slots: usize, kept: usize) {
        self.bytes.clear();
        self.entries.clear();
        // To empty what was taken is less than to empty all.
        if self.slots.len() == slots {
            for place in self.taken.drain(..) {
                if let Some(slot) = self.slots.get_mut(place as usize) {
                    *slot = 0;
                }
            }
        } else {
            self.taken.clear();
            self.slots.clear();
            self.slots.resize(slots, 0);
        }
        if self.bytes.capacity() > kept || self.entries.capacity() > kept / 32 {
            self.bytes.shrink_to(kept);
            self.entries.shrink_to(kept / 32);
            self.slots.shrink_to(kept / 32);
            self.taken.shrink_to(kept / 32);
        }
    }

    /// Nothing more will come.
    pub(super) fn close(&mut self) {
        self.taken = Vec::new();
        self.bytes.shrink_to_fit();
        self.entries.shrink_to_fit();
    }

    /// The bytes of an entry.
    #[inline]
    pub(super) fn get(&self, number: usize) -> &[u8] {
        self.entries.get(number).and_then(|entry| self.bytes.get(entry.range())).unwrap_or_default()
    }

    /// The number of the equal entry, or the free slot if one is near.
    #[inline]
    pub(super) fn find(&self, hash: u32, bytes: &[u8]) -> Result<u32, Option<usize>> {
        let mask = self.slots.len().wrapping_sub(1);
        let first = hash as usize;
        for probe in 0..MOST_PROBES {
            let slot = first.wrapping_add(probe) & mask;
            match self.slots.get(slot).copied() {
                None | Some(0) => return Err(Some(slot)),
                Some(number) => {
                    let entry = self.entries.get(number as usize - 1);
                    let same = |entry: &&Entry| {
                        entry.hash == hash
                            && entry.len as usize == bytes.len()
                            && self.bytes.get(entry.range()).is_some_and(|known| known == bytes)
                    };
                    if entry.as_ref().is_some_and(same) {
                        return Ok(number - 1);
                    }
                }
            }
        }
        Err(None)
    }

    /// Adds an entry for a span of the buffer; nothing when it does not fit. With `all`, the table grows until each entry
    /// has a slot.
    pub(super) fn add(&mut self, start: usize, len: usize, hash: u32, slot: Option<usize>, all: bool) -> Option<u32> {
        let number = u32::try_from(self.entries.len()).ok()?;
        let (start, len) = (u32::try_from(start).ok()?, u32::try_from(len).ok()?);
        self.entries.push(Entry { start, len, hash, known: false, classes: ByteClasses::EMPTY, changes: 0 });
        if let Some((slot, place)) = slot.and_then(|slot| Some((slot, self.slots.get_mut(slot)?))) {
            *place = number + 1;
            #[expect(clippy::cast_possible_truncation, reason = "there are fewer slots than four times the entries")]
            self.taken.push(slot as u32);
        }
        let lost = slot.is_none() && all && self.slots.len() < MOST_SLOTS;
        if lost || self.entries.len() * 2 > self.slots.len() {
            self.grow(all);
        }
        Some(number)
    }

    /// Makes the slots four times as many, and more where a text that must be found would have none.
    #[cold]
    fn grow(&mut self, all: bool) {
        let mut size = self.slots.len().max(1) * 4;
        while !self.place(size) && all && size < MOST_SLOTS {
            size *= 4;
        }
    }

    /// Gives each entry one of so many slots. Whether all have one.
    fn place(&mut self, size: usize) -> bool {
        let mut all = true;
        self.slots.clear();
        self.slots.resize(size, 0);
        for (number, entry) in (1..).zip(&self.entries) {
            let mut near = (0..MOST_PROBES).map(|probe| (entry.hash as usize).wrapping_add(probe) & (size - 1));
            let free = near.find(|slot| self.slots.get(*slot) == Some(&0));
            match free.and_then(|slot| self.slots.get_mut(slot)) {
                Some(slot) => *slot = number,
                None => all = false,
            }
        }
        all
    }
}

/// A quick hash. Equal hashes are compared byte by byte, and collisions cost at most [`MOST_PROBES`].
#[inline]
pub(super) fn hash(bytes: &[u8]) -> u32 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = bytes.len() as u64 ^ ODD;
    let mut fold = |word: u64| {
        let product = u128::from(state ^ word) * u128::from(ODD);
        #[expect(clippy::cast_possible_truncation, reason = "both halves are folded")]
        let folded = (product as u64) ^ ((product >> 64) as u64);
        state = folded;
    };
    let mut rest = bytes;
    while let Some((block, after)) = rest.split_first_chunk::<8>() {
        fold(u64::from_le_bytes(*block));
        rest = after;
    }
    if !rest.is_empty() {
        let mut word = [0; 8];
        word.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        fold(u64::from_le_bytes(word));
    }
    #[expect(clippy::cast_possible_truncation, reason = "the upper half is folded in")]
    let folded = (state ^ (state >> 32)) as u32;
    folded
}
