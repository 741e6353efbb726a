//! Checks bodies and parameters against the contract, and says which values are proven harmless.
//!
//! A body is read once by the reader of `testudo_body` that the firewall uses too, into a flat list of its values; rules,
//! compiled when the contract is read, are asked about that list. Work is bounded by steps, whatever schemas and bodies
//! say.
//!
//! To check another keyword: keep it in `schema.rs`, compile it in `compile.rs` into a field of `rule.rs`, and check it
//! below `run/`. To read another kind of body: add it to `body.rs`.

mod body;
mod compile;
mod equal;
mod fields;
mod file_name;
mod form;
mod format;
mod multipart;
mod number;
mod parameters;
mod place;
mod regex;
mod report;
mod rule;
mod run;
mod tape;
mod uploads;

pub(crate) use compile::compile;
pub(crate) use format::Format;
pub(crate) use number::is_number;
pub use parameters::ProvenHead;
pub(crate) use regex::{Pattern, is_plain};
pub use report::{Checked, MAX_VIOLATIONS, Options, Unknown, Violation};
pub(crate) use rule::Program;
pub(crate) use tape::{Kind, Tape};
pub use uploads::Uploads;
