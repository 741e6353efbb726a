//! Risk: how unusual it is that a person comes this way, as one score with its reasons.
//!
//! A [`Profile`] holds what is usual for one person: networks, devices, clients and hours, as decayed counts on event
//! time, in at most two kilobytes. [`Profiles`] holds those of many people, and what is going on around them: alerts
//! about people, networks and devices ([`Context`]). [`Profiles::assess`] adds up named signals, each with a weight like
//! a log-likelihood ratio, in the way of Freeman et al. (NDSS 2016) with the smoothing and the back-off of Wiefling et
//! al. (2022): a value that a person with a long history never showed weighs much, for a new person it weighs nothing.
//!
//! ```
//! use testudo_core::{PersonId, Pseudonym, Timestamp};
//! use testudo_detection::risk::{Act, Place, Profiles, Settings};
//!
//! let mut profiles = Profiles::new(Settings::default());
//! let (anna, id) = (Pseudonym([7; 16]), PersonId::from_bytes([7; 16]));
//! let home = Place::named("home", "phone", "app");
//! let hour = |n: i64| Timestamp::from_seconds(1_772_452_800 + 3_600 * n);
//! for day in 0..20 {
//!     profiles.observe(anna, id, &Act::Used(home), hour(24 * day), 0);
//! }
//! let elsewhere = Place::named("elsewhere", "other", "app");
//! assert_eq!(profiles.assess(anna, &home, hour(481)).score, 0);
//! assert!(profiles.assess(anna, &elsewhere, hour(481)).score > 50);
//! ```
//!
//! Nothing here reads a clock. The same acts in the same order give the same profiles.
//!
//! There is no table of places on earth, so that travel which is too fast is not among the signals. Its seat is a
//! [`Model`], as is that of models which learn: each adds a bounded weight to the sum.

mod agent;
mod context;
mod explain;
mod model;
mod place;
mod profile;
mod profiles;
mod score;
mod usual;
mod week;

pub use agent::Agent;
pub use context::Context;
pub use explain::{Explanation, Known, Latest};
pub use model::{MOST_WEIGHT, Model, View};
pub use place::{Key, Place};
pub use profile::{Act, Profile};
pub use profiles::{Observed, Profiles};
pub use score::{Assessment, Level, Reason, Settings, Signal};
