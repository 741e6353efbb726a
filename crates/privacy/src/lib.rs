//! Which data is personal, who may see how much of it, and the streaming masker.
//!
//! A [`DataClass`] says what a value is. The contract's `x-testudo-data` [`Mark`]s say where values of a class stand
//! ([`Marks`]); [`detect`] recognises those that nobody marked. A [`Policy`] decides from facts about the caller how each
//! class is shown ([`Treatment`]), which gives the [`Plan`] of one response; and a [`Masker`] carries it out on the bytes
//! as they pass, leaving every other byte as it is. What can't be masked is an error, and then nothing may be delivered.
//!
//! ```
//! use std::sync::Arc;
//! use testudo_privacy::{DataClass, Facts, Format, Mark, Marks, Masking, Policy};
//!
//! let marks = Arc::new(Marks::compile([("$.cards[].pan", Mark::Class(DataClass::Pan))])?);
//! let plan = Policy::default().plan(&Facts::default());
//! let mut masker = Masking::new(marks, plan, None)?.masker(Format::Json);
//! let mut out = Vec::new();
//! masker.push(br#"{"cards":[{"pan":"41111111"#, &mut out)?;
//! masker.push(br#"11111111","id":7}]}"#, &mut out)?;
//! let masked = masker.finish(&mut out)?;
//! assert_eq!(out, br#"{"cards":[{"pan":"************1111","id":7}]}"#);
//! assert_eq!(masked.marked(DataClass::Pan), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Logs, events and exports pass the same masker through [`Masking::text`].
//!
//! To add a class: append a variant to [`DataClass`] and its partial form in `partial.rs`. To add a detector: one file in
//! `detect/` with its checksum, its row in `detect/national.rs` if it is a national id, and a table of what it takes and
//! what it leaves.

mod class;
pub mod detect;
mod keys;
mod marks;
mod masker;
mod partial;
mod plan;
mod policy;

pub use class::{ClassSet, DataClass, Mark, UnknownMark};
pub use keys::MaskKeys;
pub use marks::{Marks, MarksBuilder, MarksError, Node};
pub use masker::{Format, MaskError, Masked, Masker, Masking};
pub use plan::{Plan, Treatment, UnknownObligation};
pub use policy::{Condition, DeviceTrust, Facts, Policy, PolicyError, Rule};
