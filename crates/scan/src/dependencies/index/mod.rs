//! Known vulnerabilities as one file that is used as it lies in memory: no parse at the start, a binary search for each
//! package.
//!
//! | part | content |
//! |---|---|
//! | header | magic, version, SHA-256 of all behind it, times, counts, places of the parts |
//! | packages | 16 bytes each, by hash of ecosystem and name: hash, name, place of its ranges |
//! | ranges | per package its advisories, each with ranges (sorted events) and versions that no range covers |
//! | advisories | by identifier: aliases, times, severity, weaknesses, summary, fingerprint of all that is known |
//! | strings | names, versions and vectors, each once, the most used first, so that most references take a byte |
//!
//! Numbers are little-endian; small ones are LEB128. Readers check every offset: a damaged or hostile file gives an
//! [`IndexError`], never a panic.

mod build;
mod diff;
mod ident;
mod osv;
mod range;
mod read;
mod wire;

pub use build::{ImportError, Imported, Importer, Outcome};
pub use diff::{Diff, diff};
pub use range::{Event, Range};
pub use read::{About, Advisory, Affected, Entries, Index};

/// The first bytes of an index.
const MAGIC: [u8; 8] = *b"TDVULN\r\n";
/// The version of the format.
const VERSION: u32 = 1;
/// Bytes of the header.
const HEADER: usize = 128;
/// From here on the digest covers the file.
const DIGEST_FROM: usize = 48;
/// Where the places of the parts stand in the header.
const PARTS_AT: usize = 80;
/// Bytes of a package's record.
const PACKAGE: usize = 16;

/// The parts, in the order of the header.
#[derive(Clone, Copy, Debug)]
enum Part {
    Packages,
    Ranges,
    AdvisoryPlaces,
    Advisories,
    StringPlaces,
    Strings,
}

const PARTS: [Part; 6] =
    [Part::Packages, Part::Ranges, Part::AdvisoryPlaces, Part::Advisories, Part::StringPlaces, Part::Strings];

/// Why an index can't be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IndexError {
    /// It does not begin as an index does.
    #[error("this is no index of vulnerabilities: make one with `testudo scan db import`")]
    Foreign,
    /// It is of another version of the format.
    #[error("the index has format {found}, and {expected} is read: import it again")]
    Version {
        /// Its version.
        found: u32,
        /// The version that is read.
        expected: u32,
    },
    /// Something in it is not where or what it should be.
    #[error("the index is damaged at byte {offset}: {what}; import it again")]
    Damaged {
        /// Where.
        offset: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// The bytes are not those that were written.
    #[error("the index is damaged: its digest does not match; import it again")]
    Digest,
}

/// The hash by which packages are sorted: FNV-1a with the finish of `MurmurHash3`.
fn hash(ecosystem: super::Ecosystem, key: &str) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in std::iter::once(ecosystem.code()).chain(key.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}
