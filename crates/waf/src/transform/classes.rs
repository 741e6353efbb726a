//! Sets of bytes: which of the 256 occur in a value, and which a rule needs.

use std::fmt;

/// A set of bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ByteClasses([u64; 4]);

impl ByteClasses {
    /// No byte.
    pub const EMPTY: ByteClasses = ByteClasses([0; 4]);
    /// Every byte.
    pub const ALL: ByteClasses = ByteClasses([u64::MAX; 4]);

    /// The bytes that occur in `value`: each is marked in a table, and the table is packed. No mark waits for the one
    /// before it, as bits in a word would.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "a byte is below 256")]
    pub fn of(value: &[u8]) -> ByteClasses {
        let mut seen = [0u8; 256];
        for byte in value {
            seen[usize::from(*byte)] = 1;
        }
        let mut set = [0u64; 4];
        let (marks, _) = seen.as_chunks::<8>();
        for (word, marks) in set.iter_mut().zip(marks.chunks(8)) {
            for (shift, marks) in (0..).step_by(8).zip(marks) {
                // The product moves the lowest bit of each byte to one of the eight highest.
                *word |= u64::from_le_bytes(*marks).wrapping_mul(0x0102_0408_1020_4080) >> 56 << shift;
            }
        }
        ByteClasses(set)
    }

    /// As [`Self::of`], for constants.
    #[expect(clippy::indexing_slicing, reason = "evaluated at compile time; the loop stops at the length")]
    pub const fn of_bytes(bytes: &[u8]) -> ByteClasses {
        let mut set = ByteClasses::EMPTY;
        let mut at = 0;
        while at < bytes.len() {
            set = set.with(bytes[at]);
            at += 1;
        }
        set
    }

    /// The bytes from `first` to `last`, both included.
    pub const fn range(first: u8, last: u8) -> ByteClasses {
        let mut set = ByteClasses::EMPTY;
        let mut byte = first;
        while byte <= last {
            set = set.with(byte);
            if byte == u8::MAX {
                break;
            }
            byte += 1;
        }
        set
    }

    /// The set with `byte` added.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "a byte divided by 64 is below 4")]
    pub const fn with(mut self, byte: u8) -> ByteClasses {
        self.0[(byte >> 6) as usize] |= 1 << (byte & 63);
        self
    }

    /// Adds a byte.
    #[inline]
    pub const fn insert(&mut self, byte: u8) {
        *self = self.with(byte);
    }

    /// Whether `byte` is in the set.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "a byte divided by 64 is below 4")]
    pub const fn contains(&self, byte: u8) -> bool {
        self.0[(byte >> 6) as usize] >> (byte & 63) & 1 != 0
    }

    /// The bytes of both.
    #[inline]
    #[must_use]
    pub const fn union(self, other: ByteClasses) -> ByteClasses {
        let (ours, theirs) = (self.0, other.0);
        ByteClasses([ours[0] | theirs[0], ours[1] | theirs[1], ours[2] | theirs[2], ours[3] | theirs[3]])
    }

    /// All other bytes.
    #[must_use]
    pub const fn complement(self) -> ByteClasses {
        let [a, b, c, d] = self.0;
        ByteClasses([!a, !b, !c, !d])
    }

    /// The set with each ASCII letter in both cases.
    #[must_use]
    pub fn folded(self) -> ByteClasses {
        let letters = self.iter().filter(u8::is_ascii_alphabetic);
        letters.fold(self, |set, letter| set.with(letter ^ 0x20))
    }

    /// Whether a byte is in both.
    #[inline]
    pub const fn intersects(&self, other: &ByteClasses) -> bool {
        let (ours, theirs) = (&self.0, &other.0);
        (ours[0] & theirs[0]) | (ours[1] & theirs[1]) | (ours[2] & theirs[2]) | (ours[3] & theirs[3]) != 0
    }

    /// Whether every byte of this set is in `other`.
    #[inline]
    pub const fn is_subset(&self, other: &ByteClasses) -> bool {
        !self.intersects(&other.complement())
    }

    /// Whether no byte is in the set.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        let [a, b, c, d] = self.0;
        a | b | c | d == 0
    }

    /// How many bytes are in the set.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The bytes of the set, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u8> + use<> {
        let set = *self;
        (0..=u8::MAX).filter(move |byte| set.contains(*byte))
    }

    /// The four words, lowest bytes first.
    pub const fn words(&self) -> [u64; 4] {
        self.0
    }
}

impl FromIterator<u8> for ByteClasses {
    fn from_iter<I: IntoIterator<Item = u8>>(bytes: I) -> ByteClasses {
        bytes.into_iter().fold(ByteClasses::EMPTY, ByteClasses::with)
    }
}

impl fmt::Debug for ByteClasses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: Vec<u8> = self.iter().collect();
        write!(f, "ByteClasses({} `{}`)", self.len(), bytes.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_is_a_set(left in any::<Vec<u8>>(), right in prop::collection::vec(any::<u8>(), 0..24)) {
            let [a, b] = [&left, &right].map(|bytes| bytes.iter().copied().collect::<BTreeSet<u8>>());
            let (x, y) = (ByteClasses::of(&left), ByteClasses::of(&right));
            prop_assert_eq!(x, left.iter().copied().collect());
            prop_assert_eq!(x, ByteClasses::of_bytes(&left));
            prop_assert!(x.iter().eq(a.iter().copied()));
            prop_assert_eq!(x.len(), a.len());
            prop_assert_eq!(x.is_empty(), a.is_empty());
            prop_assert_eq!(x.intersects(&y), a.intersection(&b).next().is_some());
            prop_assert_eq!(x.is_subset(&y), a.is_subset(&b));
            prop_assert!(x.union(y).iter().eq(a.union(&b).copied()));
            prop_assert_eq!(x.union(x.complement()), ByteClasses::ALL);
        }
    }

    #[test]
    fn ranges_and_cases() {
        assert_eq!(ByteClasses::range(0, 255), ByteClasses::ALL);
        assert_eq!(ByteClasses::range(b'a', b'c'), ByteClasses::of(b"cab"));
        assert_eq!(ByteClasses::range(b'b', b'a'), ByteClasses::EMPTY);
        assert_eq!(ByteClasses::of(b"a[1").folded(), ByteClasses::of(b"aA[1"));
        assert_eq!(format!("{:?}", ByteClasses::of(b"a'")), r"ByteClasses(2 `\'a`)");
    }
}
