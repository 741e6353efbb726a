//! What the tests of the engine share: rule files from disk, the format of the rule set's tests, and a front end.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "test code, and not every test uses all of it"
)]

pub mod cases;
pub mod drive;
pub mod front;
pub mod heavy;
pub mod rules;
pub mod suite;
pub mod wire;
