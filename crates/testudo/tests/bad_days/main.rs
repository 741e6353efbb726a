//! Bad days: floods, slow peers, broken backends, a full disk, a held lock, a stepped clock, a corrupt configuration.
//!
//! Each test drives the real binary with its defaults. Throughout, honest requests are served, or refused with 503 and
//! not lost; memory stays bounded; what attacks is cut off within its deadline; and the journal tells of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    missing_docs
)]

#[path = "../support/mod.rs"]
mod support;

mod clients;
mod clock;
mod config;
mod crowd;
mod database;
mod http2;
mod origin;
mod restart;
mod store;
mod streams;
mod upstream;
mod wire;
