//! The table of a transaction's values: each distinct text once, with what was worked out about it.
//!
//! Values are spans of one buffer. Equal values are one entry, so that a transformation or a scan that was done for one
//! of them is done for all.

mod pipe;

use self::pipe::BASE64;
pub(crate) use self::pipe::{Pipe, Used};
use crate::screen::Row;
use crate::transform::{ByteClasses, Transformation, UnicodeMap};

/// A value of the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct ValueId(u32);

impl ValueId {
    /// The empty value, which every table has.
    pub(crate) const EMPTY: ValueId = ValueId(0);
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    start: u32,
    len: u32,
    hash: u32,
    /// Whether `classes` and `changes` are worked out.
    known: bool,
    classes: ByteClasses,
    /// The numbers of the transformations that may change it.
    changes: u64,
    /// Where its row of results begins, plus one.
    results: u32,
    /// The places of its rows of the two screens, plus one.
    rows: [u32; 2],
}

/// The table.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// Open addressing over hashes: an entry's number plus one.
    slots: Vec<u32>,
    /// The slots that entries took since the beginning.
    taken: Vec<u32>,
    /// For each value that was transformed, the result of each transformation, plus one.
    results: Vec<u32>,
    /// Rows of the screens.
    rows: [Vec<Row>; 2],
    /// Entries of the beginning that got rows.
    touched: Vec<u32>,
    /// How many entries it begins with.
    fixed: u32,
    /// How many transformations the rule set uses.
    used: usize,
    /// Bytes that were looked at.
    pub(crate) work: u64,
    /// Whether something did not fit.
    pub(crate) full: bool,
}

/// Bytes of values that are kept from one transaction to the next; other parts are kept in proportion.
const MOST_KEPT: usize = 256 << 10;
/// What a table may hold; what exceeds it is refused, not cut.
const MOST_BYTES: usize = 128 << 20;
/// So far an equal value is sought; then the value gets an entry of its own, which costs time but changes nothing.
const MOST_PROBES: usize = 12;
/// The most slots that are made so that each fixed text is found.
const MOST_SLOTS: usize = 1 << 20;

impl Values {
    /// A table with the empty value, for a rule set with so many transformations.
    pub(crate) fn new(used: usize) -> Values {
        let mut values = Values {
            bytes: Vec::new(),
            entries: Vec::new(),
            slots: vec![0; 1024],
            taken: Vec::new(),
            results: Vec::new(),
            rows: [Vec::new(), Vec::new()],
            touched: Vec::new(),
            fixed: 0,
            used,
            work: 0,
            full: false,
        };
        values.intern(b"");
        values
    }

    /// Goes back to what `first` held, of which it began as a copy. The memory of a usual request is kept.
    pub(crate) fn reset(&mut self, first: &Values) {
        self.bytes.truncate(first.bytes.len());
        self.entries.truncate(first.entries.len());
        for number in self.touched.drain(..) {
            if let Some(entry) = self.entries.get_mut(number as usize) {
                (entry.results, entry.rows) = (0, [0; 2]);
            }
        }
        self.results.clear();
        self.rows.iter_mut().for_each(Vec::clear);
        // To empty what was taken is much less than to copy what is fixed.
        if self.slots.len() == first.slots.len() {
            for place in self.taken.drain(..) {
                if let Some(slot) = self.slots.get_mut(place as usize) {
                    *slot = 0;
                }
            }
        } else {
            self.taken.clear();
            self.slots.clear();
            self.slots.extend_from_slice(&first.slots);
        }
        if self.bytes.capacity() > MOST_KEPT || self.entries.capacity() > MOST_KEPT / 32 {
            self.bytes.shrink_to(MOST_KEPT);
            self.entries.shrink_to(MOST_KEPT / 32);
            self.slots.shrink_to(MOST_KEPT / 32);
            self.taken.shrink_to(MOST_KEPT / 32);
            self.results.shrink_to(MOST_KEPT / 4);
            self.rows.iter_mut().for_each(|rows| rows.shrink_to(MOST_KEPT / 64));
        }
        self.work = 0;
        self.full = false;
    }

    /// All that it holds stays in the tables that begin as its copies. `used` is how many transformations there are.
    pub(crate) fn fix(&mut self, used: usize) {
        self.fixed = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.used = used;
        self.taken = Vec::new();
    }

    /// The bytes of a value.
    #[inline]
    pub(crate) fn get(&self, id: ValueId) -> &[u8] {
        match self.entries.get(id.0 as usize) {
            Some(entry) => self.bytes.get(entry.range()).unwrap_or_default(),
            None => &[],
        }
    }

    /// How many bytes it has.
    #[inline]
    pub(crate) fn len(&self, id: ValueId) -> usize {
        self.entries.get(id.0 as usize).map_or(0, |entry| entry.len as usize)
    }

    /// The entry of these bytes.
    pub(crate) fn intern(&mut self, bytes: &[u8]) -> ValueId {
        let hash = hash(bytes);
        match self.find(hash, bytes) {
            Ok(id) => id,
            Err(slot) => {
                let start = self.bytes.len();
                if start + bytes.len() > MOST_BYTES {
                    self.full = true;
                    return ValueId::EMPTY;
                }
                self.bytes.extend_from_slice(bytes);
                self.add(start, bytes.len(), hash, slot)
            }
        }
    }

    /// The entry of a part of a value, which is not copied.
    pub(crate) fn part(&mut self, of: ValueId, from: usize, len: usize) -> ValueId {
        let Some(entry) = self.entries.get(of.0 as usize) else { return ValueId::EMPTY };
        let start = entry.start as usize + from;
        let Some(bytes) = self.bytes.get(start..start + len) else { return ValueId::EMPTY };
        let hash = hash(bytes);
        match self.find(hash, bytes) {
            Ok(id) => id,
            Err(slot) => self.add(start, len, hash, slot),
        }
    }

    /// The equal entry, or the free slot if one is near.
    #[inline]
    fn find(&self, hash: u32, bytes: &[u8]) -> Result<ValueId, Option<usize>> {
        let mask = self.slots.len() - 1;
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
                        return Ok(ValueId(number - 1));
                    }
                }
            }
        }
        Err(None)
    }

    fn add(&mut self, start: usize, len: usize, hash: u32, slot: Option<usize>) -> ValueId {
        let (Ok(number), Ok(start), Ok(len)) =
            (u32::try_from(self.entries.len()), u32::try_from(start), u32::try_from(len))
        else {
            self.full = true;
            return ValueId::EMPTY;
        };
        self.entries.push(Entry {
            start,
            len,
            hash,
            known: false,
            classes: ByteClasses::EMPTY,
            changes: 0,
            results: 0,
            rows: [0; 2],
        });
        if let Some((slot, place)) = slot.and_then(|slot| Some((slot, self.slots.get_mut(slot)?))) {
            *place = number + 1;
            #[expect(clippy::cast_possible_truncation, reason = "there are fewer slots than four times the entries")]
            self.taken.push(slot as u32);
        }
        // Names are compared by their places, so that each text that is fixed must be found: there is one entry of it.
        let lost = slot.is_none() && self.fixed == 0 && self.slots.len() < MOST_SLOTS;
        if lost || self.entries.len() * 2 > self.slots.len() {
            self.grow();
        }
        ValueId(number)
    }

    /// Makes the slots four times as many, and more where a text that is to be fixed would have none.
    #[cold]
    fn grow(&mut self) {
        let mut size = self.slots.len() * 4;
        while !self.place(size) && self.fixed == 0 && size < MOST_SLOTS {
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

    /// Works out which bytes occur and which transformations may change the value.
    #[inline]
    fn know(&mut self, id: ValueId, used: &Used) -> (ByteClasses, u64) {
        match self.entries.get(id.0 as usize) {
            Some(entry) if entry.known => (entry.classes, entry.changes),
            _ => self.learn(id, used),
        }
    }

    fn learn(&mut self, id: ValueId, used: &Used) -> (ByteClasses, u64) {
        let bytes = self.get(id);
        let (classes, changes) = used.learn(bytes);
        self.work += bytes.len() as u64;
        if let Some(entry) = self.entries.get_mut(id.0 as usize) {
            (entry.known, entry.classes, entry.changes) = (true, classes, changes);
        }
        (classes, changes)
    }

    /// The bytes that occur.
    pub(crate) fn classes(&mut self, id: ValueId, used: &Used) -> ByteClasses {
        self.know(id, used).0
    }

    /// The numbers of the transformations that may change it.
    #[inline]
    pub(crate) fn changes(&mut self, id: ValueId, used: &Used) -> u64 {
        self.know(id, used).1
    }

    /// What becomes of a value in a pipe.
    #[inline]
    pub(crate) fn apply(&mut self, id: ValueId, pipe: &Pipe, used: &Used, map: Option<&UnicodeMap>) -> ValueId {
        let mut changes = self.changes(id, used) & pipe.mask;
        if changes == 0 {
            return id;
        }
        let mut current = id;
        for (transformation, number) in &pipe.steps {
            if changes >> number & 1 == 1 {
                let next = self.step(current, *transformation, *number, used, map);
                if next != current {
                    current = next;
                    changes = self.changes(current, used) & pipe.mask;
                }
            }
        }
        current
    }

    /// What becomes of it in one transformation.
    pub(crate) fn step(
        &mut self,
        id: ValueId,
        transformation: Transformation,
        number: u8,
        used: &Used,
        map: Option<&UnicodeMap>,
    ) -> ValueId {
        if self.changes(id, used) >> number & 1 == 0 {
            return id;
        }
        let Some(entry) = self.entries.get(id.0 as usize).copied() else { return id };
        // Most values are no base64, and become empty; a NUL ends the text that counts.
        let is_base64 = entry.classes.contains(0) || entry.len >= 4 && entry.classes.is_subset(&BASE64);
        if transformation == Transformation::Base64Decode && !is_base64 {
            return ValueId::EMPTY;
        }
        self.step_known(id, entry, transformation, number, map)
    }

    fn step_known(
        &mut self,
        id: ValueId,
        entry: Entry,
        transformation: Transformation,
        number: u8,
        map: Option<&UnicodeMap>,
    ) -> ValueId {
        let row = match entry.results {
            0 => self.new_results(id),
            row => row as usize - 1,
        };
        let place = row + usize::from(number);
        match self.results.get(place).copied() {
            Some(known) if known != 0 => ValueId(known - 1),
            _ => {
                let result = self.transform(id, entry, transformation, map);
                if let Some(known) = self.results.get_mut(place) {
                    *known = result.0 + 1;
                }
                result
            }
        }
    }

    fn new_results(&mut self, id: ValueId) -> usize {
        let row = self.results.len();
        self.results.resize(row + self.used, 0);
        if id.0 < self.fixed {
            self.touched.push(id.0);
        }
        if let (Some(entry), Ok(row)) = (self.entries.get_mut(id.0 as usize), u32::try_from(row)) {
            entry.results = row + 1;
        }
        row
    }

    fn transform(&mut self, id: ValueId, entry: Entry, with: Transformation, map: Option<&UnicodeMap>) -> ValueId {
        self.work += u64::from(entry.len) + 16;
        let bytes = self.bytes.get(entry.range()).unwrap_or_default();
        match with.apply_with(bytes, map) {
            std::borrow::Cow::Borrowed(same) if same.len() == bytes.len() => id,
            std::borrow::Cow::Borrowed(part) => {
                let from = (part.as_ptr() as usize).wrapping_sub(bytes.as_ptr() as usize);
                let len = part.len();
                match from.checked_add(len) {
                    _ if len == 0 => ValueId::EMPTY,
                    Some(end) if end <= bytes.len() => self.part(id, from, len),
                    _ => {
                        let part = part.to_vec();
                        self.intern(&part)
                    }
                }
            }
            std::borrow::Cow::Owned(bytes) => self.intern(&bytes),
        }
    }

    /// The row of a screen, if it was worked out.
    #[inline]
    pub(crate) fn row(&self, id: ValueId, screen: usize) -> Option<Row> {
        let entry = self.entries.get(id.0 as usize)?;
        let place = (*entry.rows.get(screen)? as usize).checked_sub(1)?;
        self.rows.get(screen)?.get(place).copied()
    }

    /// Whether the row of a screen has this bit, if it was worked out.
    #[inline]
    pub(crate) fn row_has(&self, id: ValueId, screen: usize, bit: usize) -> Option<bool> {
        let entry = self.entries.get(id.0 as usize)?;
        let place = (*entry.rows.get(screen)? as usize).checked_sub(1)?;
        self.rows.get(screen)?.get(place).map(|row| row.has(bit))
    }

    /// The value does not match the rule of this bit, so that it need not be asked again.
    #[inline]
    pub(crate) fn rule_out(&mut self, id: ValueId, screen: usize, bit: usize) {
        let place = self.entries.get(id.0 as usize).and_then(|entry| entry.rows.get(screen)).copied().unwrap_or(0);
        let row = (place as usize).checked_sub(1).and_then(|place| self.rows.get_mut(screen)?.get_mut(place));
        if let Some(row) = row {
            row.clear(bit);
        }
    }

    /// Keeps the row of a screen.
    pub(crate) fn set_row(&mut self, id: ValueId, screen: usize, row: Row) {
        let Some(rows) = self.rows.get_mut(screen) else { return };
        rows.push(row);
        if id.0 < self.fixed {
            self.touched.push(id.0);
        }
        let place = self.entries.get_mut(id.0 as usize).and_then(|entry| entry.rows.get_mut(screen));
        if let (Some(place), Ok(number)) = (place, u32::try_from(rows.len())) {
            *place = number;
        }
    }
}

impl Entry {
    #[inline]
    fn range(&self) -> std::ops::Range<usize> {
        self.start as usize..self.start as usize + self.len as usize
    }
}

/// A quick hash. Equal hashes are compared byte by byte, and collisions cost at most [`MOST_PROBES`].
#[inline]
fn hash(bytes: &[u8]) -> u32 {
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

#[cfg(test)]
mod tests;
