//! Secrets in strings, resources, assets, native libraries and bundles: found offline, by shape, checksum, entropy and name.
//!
//! A [`Scanner`] makes one pass of an Aho-Corasick automaton over a [`Piece`] of text or bytes, for the prefixes and names of
//! all kinds at once. Only where one of them stands, the kind's own DFA reads on from that place, anchored. What matches is
//! judged: checksums and inner structure ([`Check`]), placeholders, test keys, hashes and identifiers. A [`Match`] never holds
//! the secret, but its place, its ends for display, and a fingerprint for baselines.
//!
//! ```
//! use testudo_scan::secrets::{Form, Piece, Scanner};
//!
//! let scanner = Scanner::builtin()?;
//! let text = concat!("<string name=\"maps\">AIza", "SyBq3kP9x7RtLw2Zc5Nf8Jd1Hg6Vm4Ty0Eu", "</string>");
//! let scanned = scanner.scan(&Piece { bytes: text.as_bytes(), name: None, form: Form::Text });
//! assert_eq!(scanned.matches[0].kind.id, "google-api-key");
//! assert_eq!(scanned.matches[0].shown, "AIza…Eu (39 characters)");
//! # Ok::<(), testudo_scan::secrets::CatalogueError>(())
//! ```
//!
//! To add a kind: an entry in `rules/secrets/*.toml` with its fixtures in the templates of `tests/secrets/template.rs`; the
//! fields are those of [`Kind`]. A new checksum or structure is one file in `check/` and one variant of [`Check`].

mod assignment;
mod catalogue;
mod check;
mod encoded;
mod found;
mod kind;
mod known;
mod name;
mod named;
mod pattern;
mod piece;
mod scanner;
mod sweep;
mod token;
mod value;

pub use catalogue::CatalogueError;
pub use check::Check;
pub use found::{Encoding, Fingerprint, Match, Reason, Scanned, Status};
pub use kind::{Exposure, Kind, Lookback, Magic, Shape, Weakness};
pub use piece::{Form, Piece};
pub use scanner::Scanner;
