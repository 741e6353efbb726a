//! The secrets engine: every kind's fixtures, seeded secrets and decoys in realistic carriers, hostile bytes, speed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]

#[path = "secrets/carrier.rs"]
mod carrier;
#[path = "secrets/corpus.rs"]
mod corpus;
#[path = "secrets/decoy.rs"]
mod decoy;
#[path = "secrets/engine.rs"]
mod engine;
#[path = "secrets/forge.rs"]
mod forge;
#[path = "secrets/hostile.rs"]
mod hostile;
#[path = "secrets/kinds.rs"]
mod kinds;
#[path = "secrets/template.rs"]
mod template;
