//! The shape of a value, and the shapes that are known as injections.
//!
//! The set is a table that the compiler builds from `fingerprints.txt`.

use std::fmt;
use std::ops::Deref;

use super::token::Kind;

/// Up to five symbols of [`Kind`]s.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Fingerprint {
    symbols: [u8; Fingerprint::LONGEST],
    len: u8,
}

impl Fingerprint {
    /// How many tokens it covers at most.
    pub const LONGEST: usize = 5;

    /// Of the first five of these kinds.
    pub(super) fn new(kinds: impl Iterator<Item = Kind>) -> Fingerprint {
        let mut fingerprint = Fingerprint::default();
        for (symbol, kind) in fingerprint.symbols.iter_mut().zip(kinds) {
            *symbol = kind.symbol();
            fingerprint.len += 1;
        }
        fingerprint
    }

    /// Whether it is on the list of known injections.
    #[expect(clippy::indexing_slicing, reason = "the index is masked to the length of the array")]
    pub(super) fn is_known(self) -> bool {
        let mut key = 0;
        for symbol in self.iter() {
            let code = CODES[usize::from(*symbol & 0x7f)];
            if code == 0 {
                return false;
            }
            key = key << BITS | u32::from(code);
        }
        let mut slot = hash(key);
        loop {
            match KNOWN[slot & (SLOTS - 1)] {
                0 => return false,
                known if known == key => return key != 0,
                _ => slot += 1,
            }
        }
    }
}

impl Deref for Fingerprint {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.symbols.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(self).unwrap_or_default())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

const TEXT: &[u8] = include_bytes!("fingerprints.txt");

/// The symbols that known fingerprints have. The list does not tell upper from lower case.
const SYMBOLS: &[u8] = b"1&(),:;ABCEFKNOSTUVX";

/// Bits that a symbol takes in a key.
const BITS: u32 = 5;

/// Each symbol's code, from 1; 0 for what is not in [`SYMBOLS`].
#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "at compile time")]
static CODES: [u8; 128] = {
    let mut codes = [0; 128];
    let mut at = 0;
    while at < SYMBOLS.len() {
        codes[SYMBOLS[at] as usize] = at as u8 + 1;
        codes[SYMBOLS[at].to_ascii_lowercase() as usize] = at as u8 + 1;
        at += 1;
    }
    codes
};

/// A power of two, about twice the number of fingerprints.
const SLOTS: usize = 16384;

/// The keys; 0 where the slot is free.
static KNOWN: [u32; SLOTS] = build();

const fn hash(key: u32) -> usize {
    (key.wrapping_mul(0x9e37_79b1) >> 18) as usize & (SLOTS - 1)
}

#[expect(clippy::indexing_slicing, clippy::large_stack_arrays, reason = "at compile time")]
const fn build() -> [u32; SLOTS] {
    let mut known = [0; SLOTS];
    let mut at = 0;
    while at < TEXT.len() {
        if TEXT[at] == b'#' {
            while TEXT[at] != b'\n' {
                at += 1;
            }
            at += 1;
            continue;
        }
        let (prefix, mut end) = key(at, 0);
        while TEXT[end] == b' ' {
            let (key, stop) = key(end + 1, prefix);
            put(&mut known, key);
            end = stop;
        }
        at = end + 1;
    }
    known
}

/// The key of the symbols at an offset, after those that came before, and where they end.
#[expect(clippy::indexing_slicing, reason = "at compile time")]
const fn key(mut at: usize, mut key: u32) -> (u32, usize) {
    while TEXT[at] != b' ' && TEXT[at] != b'\n' {
        if TEXT[at] != b'-' {
            let code = CODES[TEXT[at] as usize];
            assert!(code > 0);
            key = key << BITS | code as u32;
        }
        at += 1;
    }
    (key, at)
}

#[expect(clippy::indexing_slicing, reason = "at compile time")]
const fn put(known: &mut [u32; SLOTS], key: u32) {
    let mut slot = hash(key);
    while known[slot & (SLOTS - 1)] != 0 {
        slot += 1;
    }
    known[slot & (SLOTS - 1)] = key;
}
