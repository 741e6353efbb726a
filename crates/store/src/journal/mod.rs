//! The journal: an append-only Merkle log (RFC 6962) of what happened.
//!
//! `docs/decisions/0002-journal.md` says why it is built this way.

pub(crate) mod appender;
pub(crate) mod audit;
pub(crate) mod checkpoint;
pub(crate) mod committed;
pub(crate) mod entry;
pub(crate) mod filter;
pub(crate) mod lane;
pub(crate) mod proofs;
pub(crate) mod prune;
pub(crate) mod read;
pub(crate) mod seal;
pub(crate) mod terms;
