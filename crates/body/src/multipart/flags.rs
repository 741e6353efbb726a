//! What is unusual about a body.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// A set of oddities, each named as the variable of `ModSecurity` that tells of it, without `MULTIPART_`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(u16);

impl Flags {
    /// The boundary is in quotes.
    pub const BOUNDARY_QUOTED: Flags = Flags(1);
    /// White space stands around the `=` of the boundary.
    pub const BOUNDARY_WHITESPACE: Flags = Flags(1 << 1);
    /// Something comes before the first boundary.
    pub const DATA_BEFORE: Flags = Flags(1 << 2);
    /// Something comes after the last boundary.
    pub const DATA_AFTER: Flags = Flags(1 << 3);
    /// A header goes on in the next line.
    pub const HEADER_FOLDING: Flags = Flags(1 << 4);
    /// A line that matters ends with LF alone.
    pub const LF_LINE: Flags = Flags(1 << 5);
    /// Some such lines end with CR LF, and some with LF alone.
    pub const CRLF_LF_LINES: Flags = Flags(1 << 6);
    /// No semicolon stands before the boundary.
    pub const MISSING_SEMICOLON: Flags = Flags(1 << 7);
    /// A name or file name has quotes where none belong.
    pub const INVALID_QUOTING: Flags = Flags(1 << 8);
    /// A part lacks its name, or begins with a boundary.
    pub const INVALID_PART: Flags = Flags(1 << 9);
    /// A header goes on after other white space than blanks and tabs.
    pub const INVALID_HEADER_FOLDING: Flags = Flags(1 << 10);
    /// There are more files than the limit.
    pub const FILE_LIMIT_EXCEEDED: Flags = Flags(1 << 11);
    /// A line looks like a boundary, and is not one.
    pub const UNMATCHED_BOUNDARY: Flags = Flags(1 << 12);
    /// The input ends before the last boundary.
    pub const INCOMPLETE: Flags = Flags(1 << 13);

    /// Those that `MULTIPART_STRICT_ERROR` counts, beside errors.
    pub const STRICT: Flags = Flags(0b1111_1011_1111);

    const NAMES: [&str; 14] = [
        "BOUNDARY_QUOTED",
        "BOUNDARY_WHITESPACE",
        "DATA_BEFORE",
        "DATA_AFTER",
        "HEADER_FOLDING",
        "LF_LINE",
        "CRLF_LF_LINES",
        "MISSING_SEMICOLON",
        "INVALID_QUOTING",
        "INVALID_PART",
        "INVALID_HEADER_FOLDING",
        "FILE_LIMIT_EXCEEDED",
        "UNMATCHED_BOUNDARY",
        "INCOMPLETE",
    ];

    /// Whether it has all of these.
    pub const fn contains(self, flags: Flags) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// Whether it has any of these.
    pub const fn intersects(self, flags: Flags) -> bool {
        self.0 & flags.0 != 0
    }

    /// Whether it has none at all.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The flag of this name, as in `LF_LINE`.
    pub fn named(name: &str) -> Option<Flags> {
        Flags::NAMES.iter().position(|known| *known == name).map(|bit| Flags(1 << bit))
    }

    /// The names of those it has.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Flags::NAMES.into_iter().enumerate().filter(move |(bit, _)| self.0 >> bit & 1 == 1).map(|(_, name)| name)
    }
}

impl BitOr for Flags {
    type Output = Flags;

    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

impl BitOrAssign for Flags {
    fn bitor_assign(&mut self, other: Flags) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
