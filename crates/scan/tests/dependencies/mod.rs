//! What the tests of dependencies share: components as lines of text, and bytes with mistakes in them.
#![allow(
    dead_code,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::fmt::Write as _;

use testudo_scan::dependencies::{Component, LockKind, ReadError, read};

/// One line for each: package URL, relation, scope, line, digests, origin, and what it needs.
pub fn shown(components: &[Component]) -> String {
    let mut text = String::new();
    for component in components {
        write!(text, "{} {:?} {:?}", component.purl(), component.relation, component.scope).unwrap();
        if let Some(line) = component.places[0].line {
            write!(text, " :{line}").unwrap();
        }
        for digest in &component.digests {
            write!(text, " {}={}", digest.algorithm.name(), &digest.hex[..8]).unwrap();
        }
        if let Some(origin) = &component.origin {
            write!(text, " from {origin}").unwrap();
        }
        for other in &component.requires {
            write!(text, " +{}", components[*other as usize].name).unwrap();
        }
        text.push('\n');
    }
    text
}

/// The components of a text, in lines.
pub fn lines(file: &str, text: &str) -> String {
    shown(&read(LockKind::of(file).expect(file), file, text.as_bytes()).unwrap_or_else(|error| panic!("{error}")))
}

/// Why a text is refused.
pub fn refusal(file: &str, text: &str) -> String {
    let read: Result<_, ReadError> = read(LockKind::of(file).expect(file), file, text.as_bytes());
    match read {
        Ok(components) => panic!("{file} was read: {}", shown(&components)),
        Err(error) => error.to_string(),
    }
}

/// Bytes that mean something in one of the formats, and some that never do.
const ODD: &[u8] = b"{}[]\":,\n\t @/#=<>&0-\0\xff";

/// A deterministic source of mistakes (xorshift64).
pub struct Mistakes(u64);

impl Mistakes {
    pub fn new(seed: u64) -> Mistakes {
        Mistakes(seed | 1)
    }

    pub fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }

    /// The bytes with a few of them changed, removed, doubled or moved.
    pub fn make(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.next(4) {
            if bytes.is_empty() {
                break;
            }
            let at = self.next(bytes.len());
            let end = (at + 1 + self.next(24)).min(bytes.len());
            match self.next(6) {
                0 => bytes[at] ^= 1 << self.next(8),
                1 => bytes[at] = ODD[self.next(ODD.len())],
                2 => drop(bytes.drain(at..end)),
                3 => {
                    let piece = bytes[at..end].to_vec();
                    let to = self.next(bytes.len());
                    bytes.splice(to..to, piece);
                }
                4 => bytes.truncate(at),
                _ => bytes[at] |= 0x80,
            }
        }
        bytes
    }
}
