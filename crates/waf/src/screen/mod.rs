//! The screen: for a value, which rules could match it at all, found in one scan.
//!
//! A row has a bit for each rule. The bit is set unless the value surely lacks something that the rule's operator needs:
//! one of its literals, in any case; a byte of each of its sets; its least length. A rule that has no bit in any of the
//! values that it reads is not asked. The answer is never wrong in that direction; `tests/crs.rs` runs the whole suite
//! with and without.

mod build;

use aho_corasick::Anchored;
use aho_corasick::automaton::Automaton;
use aho_corasick::nfa::contiguous::NFA;
pub(crate) use build::build;

use crate::transform::ByteClasses;
use crate::values::{Used, ValueId, Values};

/// What rules of one direction need, all at once.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    /// Which it is: 0 for requests, 1 for responses.
    number: usize,
    /// The rule of each bit.
    pub(crate) rules: Vec<usize>,
    automaton: Option<NFA>,
    /// For each literal, where its bits begin in `bits`; one more at the end.
    starts: Vec<u32>,
    bits: Vec<u16>,
    /// Rules that need no literal.
    free: Row,
    /// By length, rules that take a value as short as that.
    short: Vec<Row>,
    plane: Plane,
    /// For each rule, the sets of bytes of which one must occur.
    sets: Vec<Vec<ByteClasses>>,
    /// Rules that have such sets.
    checked: Row,
}

/// Words of a row.
const WORDS: usize = 6;

/// How many rules a screen can have; others are always asked.
pub(crate) const MOST_RULES: usize = WORDS * 64;

/// A bit for each rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Row([u64; WORDS]);

impl Row {
    #[inline]
    pub(crate) fn set(&mut self, bit: usize) {
        if let Some(word) = self.0.get_mut(bit / 64) {
            *word |= 1 << (bit % 64);
        }
    }

    #[inline]
    pub(crate) fn clear(&mut self, bit: usize) {
        if let Some(word) = self.0.get_mut(bit / 64) {
            *word &= !(1 << (bit % 64));
        }
    }

    #[inline]
    pub(crate) fn has(&self, bit: usize) -> bool {
        self.0.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "both have the length that the loop counts to")]
    pub(crate) fn join(&mut self, other: &Row) {
        for word in 0..WORDS {
            self.0[word] |= other.0[word];
        }
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "both have the length that the loop counts to")]
    pub(crate) fn meet(&mut self, other: &Row) {
        for word in 0..WORDS {
            self.0[word] &= other.0[word];
        }
    }

    /// Adds what the two others have in common.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "all have the length that the loop counts to")]
    pub(crate) fn join_meeting(&mut self, left: &Row, right: &Row) {
        for word in 0..WORDS {
            self.0[word] |= left.0[word] & right.0[word];
        }
    }

    /// The bits that are set, in order.
    pub(crate) fn bits(&self) -> impl Iterator<Item = usize> {
        self.0.into_iter().enumerate().flat_map(|(index, word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
                rest &= rest - 1;
                Some(index * 64 + bit)
            })
        })
    }
}

/// One small set of bytes for each rule, of which one must occur: most values have none of them.
#[derive(Debug, Default)]
struct Plane {
    /// Rules that need no byte of this plane.
    free: Row,
    /// The bytes that some rule needs.
    bytes: ByteClasses,
    /// For each byte, the rules that it satisfies.
    rows: Vec<Row>,
}

impl Screen {
    /// How many literals it looks for, and about how many bytes it takes.
    pub(crate) fn size(&self) -> (usize, usize) {
        let automaton = self.automaton.as_ref().map_or(0, Automaton::memory_usage);
        let rows = (self.plane.rows.len() + self.short.len()) * size_of::<Row>();
        (self.starts.len().saturating_sub(1), automaton + rows + self.starts.len() * 4 + self.bits.len() * 2)
    }

    /// The value's row, worked out when it is not known yet.
    #[inline]
    pub(crate) fn row(&self, values: &mut Values, id: ValueId, used: &Used) -> Row {
        match values.row(id, self.number) {
            Some(row) => row,
            None => self.scan(values, id, used),
        }
    }

    fn scan(&self, values: &mut Values, id: ValueId, used: &Used) -> Row {
        let classes = values.classes(id, used);
        let bytes = values.get(id);
        let mut row = self.free;
        self.find(bytes, &mut row);
        if let Some(short) = self.short.get(bytes.len()) {
            row.meet(short);
        }
        self.plane.apply(&classes, &mut row);
        let mut checked = row;
        checked.meet(&self.checked);
        for bit in checked.bits() {
            let sets = self.sets.get(bit).map_or(&[] as &[ByteClasses], Vec::as_slice);
            if !sets.iter().all(|set| set.intersects(&classes)) {
                row.clear(bit);
            }
        }
        values.work += values.len(id) as u64 + 16;
        values.set_row(id, self.number, row);
        row
    }

    /// Sets the bits of all literals that occur.
    #[inline]
    fn find(&self, bytes: &[u8], row: &mut Row) {
        let Some(automaton) = &self.automaton else { return };
        let Ok(mut state) = automaton.start_state(Anchored::No) else { return };
        for byte in bytes {
            state = automaton.next_state(Anchored::No, state, *byte);
            if automaton.is_special(state) && automaton.is_match(state) {
                for index in 0..automaton.match_len(state) {
                    self.found(automaton.match_pattern(state, index).as_usize(), row);
                }
            }
        }
    }

    #[inline]
    fn found(&self, literal: usize, row: &mut Row) {
        let (Some(start), Some(end)) = (self.starts.get(literal), self.starts.get(literal + 1)) else { return };
        for bit in self.bits.get(*start as usize..*end as usize).unwrap_or_default() {
            row.set(usize::from(*bit));
        }
    }
}

impl Plane {
    #[inline]
    fn apply(&self, classes: &ByteClasses, row: &mut Row) {
        let mut satisfied = self.free;
        let mut first = 0;
        for (occurring, wanted) in classes.words().into_iter().zip(self.bytes.words()) {
            let mut both = occurring & wanted;
            while both != 0 {
                let byte = first + both.trailing_zeros() as usize;
                both &= both - 1;
                if let Some(more) = self.rows.get(byte) {
                    satisfied.join(more);
                }
            }
            first += 64;
        }
        row.meet(&satisfied);
    }
}
