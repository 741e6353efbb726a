//! The secrets engine: every kind's fixtures, seeded secrets and decoys in realistic carriers, hostile bytes, speed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "secrets/carrier.rs"]
mod carrier;
#[path = "secrets/corpus.rs"]
mod corpus;
#[path = "secrets/decoy.rs"]
mod decoy;
#[path = "secrets/forge.rs"]
mod forge;
#[path = "secrets/kinds.rs"]
mod kinds;
#[path = "secrets/template.rs"]
mod template;
