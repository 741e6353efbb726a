//! Rate limits in a fixed-memory table, concurrency, load shedding, and strict counters for the doors that guessers
//! try.
//!
//! An engine: it takes facts and `now`, and reads no clock. One [`Limiter`] serves all workers of a node through an
//! `Arc`; it has no locks, and its memory is fixed at start whatever peers do.
//!
//! To add a dimension: give it a number and a rule in [`Limiter`] (`limiter.rs`), a key in the configuration
//! (`config.rs`), a probe where its subject is known, and a line in `docs/reference/limits.md`.

mod answer;
mod config;
mod flight;
mod limiter;
mod network;
mod rate;
mod strict;
mod table;
mod tighten;

pub use answer::{Answer, RateState};
pub use config::{DoorConfig, InFlightConfig, LimitsConfig, LimitsError, RouteOverride};
pub use flight::InFlight;
pub use limiter::{CallerFacts, Limiter, PeerFacts, RouteClass};
pub use network::canonical;
pub use rate::{Rate, RateError, Setting};
pub use strict::Door;
pub use tighten::{Tightened, Tightening};
