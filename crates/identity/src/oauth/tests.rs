//! The protocol over a store in memory: the whole trip, and every refusal of RFC 9700 that applies.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod authority;
mod authorize;
mod consent;
mod house;
mod lifecycle;
mod refresh;
mod token;
