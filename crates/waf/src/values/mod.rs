//! The table of a transaction's values: each distinct text once, with what was worked out about it.
//!
//! Values are spans of one buffer. Equal values are one entry, so that a transformation or a scan that was done for one
//! of them is done for all. The texts that the rule set knows beforehand are the same memory for all transactions, of
//! which many wait for their backends at a time: what each has of its own stays small enough for a processor's caches.

mod pipe;
mod table;

use std::sync::Arc;

use self::pipe::BASE64;
pub(crate) use self::pipe::{Pipe, Used};
use self::table::{Entry, Table, hash};
use crate::screen::Row;
use crate::transform::{ByteClasses, Transformation, UnicodeMap};

/// A value of the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct ValueId(u32);

impl ValueId {
    /// The empty value, which every table has.
    pub(crate) const EMPTY: ValueId = ValueId(0);
}

/// What a transaction has worked out about a value.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    /// Where its row of results begins, plus one.
    results: u32,
    /// The places of its rows of the two screens, plus one.
    rows: [u32; 2],
}

/// The table.
#[derive(Debug)]
pub(crate) struct Values {
    /// Texts that are known beforehand; they have the first numbers.
    fixed: Arc<Table>,
    /// All others.
    own: Table,
    /// What was found about each of the others.
    found: Vec<Found>,
    /// For each fixed text, its place in `marked`, plus one.
    marks: Vec<u32>,
    /// Fixed texts about which something was found.
    marked: Vec<(ValueId, Found)>,
    /// For each value that was transformed, the result of each transformation, plus one.
    results: Vec<u32>,
    /// Rows of the screens.
    rows: [Vec<Row>; 2],
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
/// The slots of a table that begins.
const SLOTS: usize = 256;

impl Values {
    /// A table with the empty value, for a rule set with so many transformations.
    pub(crate) fn new(used: usize) -> Values {
        let mut values = Values { used, ..Values::on(Arc::default()) };
        values.intern(b"");
        values
    }

    /// All that it holds becomes the beginning of other tables.
    pub(crate) fn fix(&mut self, used: &Used) {
        let mut fixed = std::mem::replace(&mut self.own, Table::new(SLOTS));
        fixed.learn_all(used);
        fixed.close();
        *self = Values { used: used.len(), ..Values::on(Arc::new(fixed)) };
    }

    fn on(fixed: Arc<Table>) -> Values {
        Values {
            marks: vec![0; fixed.entries.len()],
            fixed,
            own: Table::new(SLOTS),
            found: Vec::new(),
            marked: Vec::new(),
            results: Vec::new(),
            rows: [Vec::new(), Vec::new()],
            used: 0,
            work: 0,
            full: false,
        }
    }

    /// A table that begins with what this one, which is fixed, has.
    pub(crate) fn another(&self) -> Values {
        Values { used: self.used, ..Values::on(Arc::clone(&self.fixed)) }
    }

    /// Goes back to what it began with. The memory of a usual request is kept.
    pub(crate) fn reset(&mut self) {
        self.own.clear(SLOTS, MOST_KEPT);
        for (id, _) in self.marked.drain(..) {
            if let Some(mark) = self.marks.get_mut(id.0 as usize) {
                *mark = 0;
            }
        }
        self.found.clear();
        self.results.clear();
        self.rows.iter_mut().for_each(Vec::clear);
        if self.found.capacity() > MOST_KEPT / 32 || self.results.capacity() > MOST_KEPT / 4 {
            self.found.shrink_to(MOST_KEPT / 32);
            self.results.shrink_to(MOST_KEPT / 4);
            self.rows.iter_mut().for_each(|rows| rows.shrink_to(MOST_KEPT / 64));
        }
        self.work = 0;
        self.full = false;
    }

    /// The place of a value among those that are not fixed.
    #[inline]
    fn place(&self, id: ValueId) -> Option<usize> {
        (id.0 as usize).checked_sub(self.fixed.entries.len())
    }

    #[inline]
    fn entry(&self, id: ValueId) -> Option<&Entry> {
        match self.place(id) {
            Some(place) => self.own.entries.get(place),
            None => self.fixed.entries.get(id.0 as usize),
        }
    }

    #[inline]
    fn found(&self, id: ValueId) -> Found {
        let found = match self.place(id) {
            Some(place) => self.found.get(place).copied(),
            None => self.marks.get(id.0 as usize).and_then(|mark| {
                let place = (*mark as usize).checked_sub(1)?;
                self.marked.get(place).map(|(_, found)| *found)
            }),
        };
        found.unwrap_or_default()
    }

    fn found_mut(&mut self, id: ValueId) -> Option<&mut Found> {
        if let Some(place) = self.place(id) {
            return self.found.get_mut(place);
        }
        let mark = self.marks.get_mut(id.0 as usize)?;
        if *mark == 0 {
            self.marked.push((id, Found::default()));
            *mark = u32::try_from(self.marked.len()).ok()?;
        }
        self.marked.get_mut(*mark as usize - 1).map(|(_, found)| found)
    }

    /// The bytes of a value.
    #[inline]
    pub(crate) fn get(&self, id: ValueId) -> &[u8] {
        match self.place(id) {
            Some(place) => self.own.get(place),
            None => self.fixed.get(id.0 as usize),
        }
    }

    /// How many bytes it has.
    #[inline]
    pub(crate) fn len(&self, id: ValueId) -> usize {
        self.entry(id).map_or(0, |entry| entry.len as usize)
    }

    /// The entry of these bytes.
    pub(crate) fn intern(&mut self, bytes: &[u8]) -> ValueId {
        let hash = hash(bytes);
        match self.find(hash, bytes) {
            Ok(id) => id,
            Err(slot) => {
                let start = self.own.bytes.len();
                if start + bytes.len() > MOST_BYTES {
                    self.full = true;
                    return ValueId::EMPTY;
                }
                self.own.bytes.extend_from_slice(bytes);
                self.add(start, bytes.len(), hash, slot)
            }
        }
    }

    /// The entry of a part of a value, which is not copied unless the value is fixed.
    pub(crate) fn part(&mut self, of: ValueId, from: usize, len: usize) -> ValueId {
        let Some(place) = self.place(of) else {
            let part = self.get(of).get(from..from + len).unwrap_or_default().to_vec();
            return self.intern(&part);
        };
        let Some(entry) = self.own.entries.get(place) else { return ValueId::EMPTY };
        let start = entry.start as usize + from;
        let Some(bytes) = self.own.bytes.get(start..start + len) else { return ValueId::EMPTY };
        let hash = hash(bytes);
        match self.find(hash, bytes) {
            Ok(id) => id,
            Err(slot) => self.add(start, len, hash, slot),
        }
    }

    /// The equal value, or the free slot for another one.
    #[inline]
    fn find(&self, hash: u32, bytes: &[u8]) -> Result<ValueId, Option<usize>> {
        if let Ok(number) = self.fixed.find(hash, bytes) {
            return Ok(ValueId(number));
        }
        self.own.find(hash, bytes).map(|number| self.id(number))
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "fixed texts are counted by their numbers, which have 32 bits")]
    fn id(&self, number: u32) -> ValueId {
        ValueId(number.saturating_add(self.fixed.entries.len() as u32))
    }

    fn add(&mut self, start: usize, len: usize, hash: u32, slot: Option<usize>) -> ValueId {
        // Names are compared by their places, so that each text that is fixed must be found: there is one entry of it.
        let all = self.fixed.entries.is_empty();
        let Some(number) = self.own.add(start, len, hash, slot, all) else {
            self.full = true;
            return ValueId::EMPTY;
        };
        self.found.push(Found::default());
        self.id(number)
    }

    /// Works out which bytes occur and which transformations may change the value.
    #[inline]
    fn know(&mut self, id: ValueId, used: &Used) -> (ByteClasses, u64) {
        match self.entry(id) {
            Some(entry) if entry.known => (entry.classes, entry.changes),
            _ => self.learn(id, used),
        }
    }

    fn learn(&mut self, id: ValueId, used: &Used) -> (ByteClasses, u64) {
        let bytes = self.get(id);
        let (classes, changes) = used.learn(bytes);
        self.work += bytes.len() as u64;
        let place = self.place(id);
        if let Some(entry) = place.and_then(|place| self.own.entries.get_mut(place)) {
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
        let Some(entry) = self.entry(id).copied() else { return id };
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
        let row = match self.found(id).results {
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
        if let (Ok(row), Some(found)) = (u32::try_from(row), self.found_mut(id)) {
            found.results = row + 1;
        }
        row
    }

    fn transform(&mut self, id: ValueId, entry: Entry, with: Transformation, map: Option<&UnicodeMap>) -> ValueId {
        self.work += u64::from(entry.len) + 16;
        let bytes = self.get(id);
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
        let place = (*self.found(id).rows.get(screen)? as usize).checked_sub(1)?;
        self.rows.get(screen)?.get(place).copied()
    }

    /// Whether the row of a screen has this bit, if it was worked out.
    #[inline]
    pub(crate) fn row_has(&self, id: ValueId, screen: usize, bit: usize) -> Option<bool> {
        let place = (*self.found(id).rows.get(screen)? as usize).checked_sub(1)?;
        self.rows.get(screen)?.get(place).map(|row| row.has(bit))
    }

    /// The value does not match the rule of this bit, so that it need not be asked again.
    #[inline]
    pub(crate) fn rule_out(&mut self, id: ValueId, screen: usize, bit: usize) {
        let place = self.found(id).rows.get(screen).copied().unwrap_or(0);
        let row = (place as usize).checked_sub(1).and_then(|place| self.rows.get_mut(screen)?.get_mut(place));
        if let Some(row) = row {
            row.clear(bit);
        }
    }

    /// Keeps the row of a screen.
    pub(crate) fn set_row(&mut self, id: ValueId, screen: usize, row: Row) {
        let Some(rows) = self.rows.get_mut(screen) else { return };
        rows.push(row);
        let number = u32::try_from(rows.len());
        let place = self.found_mut(id).and_then(|found| found.rows.get_mut(screen));
        if let (Some(place), Ok(number)) = (place, number) {
            *place = number;
        }
    }
}

impl Table {
    /// Works out what there is to know about each text.
    fn learn_all(&mut self, used: &Used) {
        for entry in &mut self.entries {
            let bytes = self.bytes.get(entry.range()).unwrap_or_default();
            (entry.classes, entry.changes) = used.learn(bytes);
            entry.known = true;
        }
    }
}

#[cfg(test)]
mod tests;
