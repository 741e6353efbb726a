//! The composition: configuration, pipeline, standing, journal loop, actions and commands.
//!
//! Start at `pipeline.rs`, the trip of a request. `server.rs` starts everything, `node.rs` holds it, `snapshot.rs` is
//! what a reload swaps, `actions.rs` is what is done, `rooms.rs` joins the rooms.

mod actions;
mod admin;
mod admin_address;
mod clock;
mod commands;
mod config;
mod console;
mod data;
mod drill;
mod exports;
mod firewall;
mod inherited;
mod journal;
mod learning;
mod logging;
mod masks;
mod metrics;
mod node;
mod notices;
mod pipeline;
mod policies;
mod respond;
mod risk;
mod rooms;
mod rules;
mod scrub;
mod server;
mod snapshot;
mod standing;
mod status;
mod upkeep;
mod watch;

pub mod cli;
