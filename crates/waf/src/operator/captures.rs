//! The groups that a match gives a rule with `capture`: `TX.0` to `TX.9`.

use std::ops::Range;

use smallvec::SmallVec;

/// How many groups are kept.
pub const MOST_GROUPS: usize = 10;

/// What a group holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Capture {
    /// A range of the value.
    Span(Range<usize>),
    /// Text that need not stand in the value as it is: the phrase of `@pm`, the fingerprint of `@detectSQLi`.
    Text(Vec<u8>),
}

/// The groups of the last match. One that took no part is absent.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Captures {
    groups: SmallVec<[Option<Capture>; 4]>,
}

impl Captures {
    /// No groups.
    pub fn new() -> Captures {
        Captures::default()
    }

    /// Forgets the groups.
    pub fn clear(&mut self) {
        self.groups.clear();
    }

    /// One more than the number of the last group.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether nothing was captured.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The bytes of a group, out of the value that matched.
    pub fn get<'c>(&'c self, group: usize, value: &'c [u8]) -> Option<&'c [u8]> {
        match self.groups.get(group)?.as_ref()? {
            Capture::Span(span) => value.get(span.clone()),
            Capture::Text(text) => Some(text),
        }
    }

    /// The groups in order, each with its number.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Capture)> {
        self.groups.iter().enumerate().filter_map(|(number, group)| Some((number, group.as_ref()?)))
    }

    /// Adds a group, while there is room.
    pub(super) fn push(&mut self, group: Option<Capture>) {
        if self.groups.len() < MOST_GROUPS {
            self.groups.push(group);
        }
    }

    /// The only group.
    pub(super) fn set(&mut self, group: Capture) {
        self.groups.clear();
        self.groups.push(Some(group));
    }
}
