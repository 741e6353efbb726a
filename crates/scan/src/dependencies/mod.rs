//! Dependencies from lock files and from inside packages, matched offline against known vulnerabilities.
//!
//! [`read`] gives the [components](Component) of a lock file or manifest, and [`Embedded`] those inside a package; an
//! [`Inventory`] joins them; an [`Index`], built by [`Importer`] from OSV records, tells what is known about them;
//! [`matches`] joins both, and [`sbom`] writes a `CycloneDX` document. All take bytes and give facts.
//!
//! A new ecosystem is a variant of [`Ecosystem`] with its order of versions, and a reader under `lock/`.

mod address;
mod component;
mod cvss;
mod ecosystem;
mod embedded;
mod error;
mod index;
mod inventory;
mod lock;
mod matching;
mod purl;
mod sbom;
mod tree;
mod version;

pub use component::{Algorithm, Component, Digest, Place, Relation, Scope, Source};
pub use cvss::{Level, score};
pub use ecosystem::Ecosystem;
pub use embedded::{Bundle, Embedded};
pub use error::ReadError;
pub use index::{
    About, Advisory, Affected, Diff, Entries, Event, ImportError, Imported, Importer, Index, IndexError, Outcome,
    Range, diff,
};
pub use inventory::Inventory;
pub use lock::{LockKind, read};
pub use matching::{Reach, Vulnerability, matches};
pub use sbom::{Subject, sbom};
pub use version::{LONGEST, Scheme};
