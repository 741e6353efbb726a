//! How much a JSON reader takes.

/// Bounds of a [`Reader`](super::Reader). Whatever exceeds one is refused with its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of the whole input.
    pub total: u64,
    /// How deep objects and arrays nest; a scalar at the top has depth 0.
    pub depth: usize,
    /// Bytes of one string between its quotes, as written.
    pub string: usize,
    /// Bytes of one key between its quotes, as written.
    pub key: usize,
    /// Bytes of one number.
    pub number: usize,
    /// Members of one object.
    pub members: usize,
    /// Values in one document, containers included.
    pub values: usize,
    /// A string that continues over chunks is given whole up to this many bytes, and in parts beyond. It bounds what
    /// the reader holds.
    pub hold: usize,
}

impl Limits {
    /// For bodies that are decided whole: 256 KiB.
    pub const REQUEST: Limits = Limits {
        total: 256 * 1024,
        depth: 64,
        string: 256 * 1024,
        key: 1024,
        number: 256,
        members: 1000,
        values: 50_000,
        hold: 256 * 1024,
    };

    /// For streams of any length, held in 64 KiB.
    pub const STREAM: Limits = Limits {
        total: u64::MAX,
        depth: 128,
        string: usize::MAX,
        key: 16 * 1024,
        number: 1024,
        members: usize::MAX,
        values: usize::MAX,
        hold: 64 * 1024,
    };
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::REQUEST
    }
}

/// How many values an input holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Framing {
    /// Exactly one.
    #[default]
    One,
    /// One per line, which ends with LF or CR LF; the last may lack it, empty lines are skipped (NDJSON).
    Lines,
}
