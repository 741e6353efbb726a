//! Conditions over the code of an app: which calls, with which values, from where, and what they find.
//!
//! A [`Condition`] stands as `[[code]]` in the file of its rule. It names what to [`find`](Condition::find): calls, uses of a
//! field, strings, or methods that implement something of the platform, with [`Test`]s on the values that go in. What has to
//! be there besides, or must not be, stands in `with` and `without`:
//!
//! ```toml
//! [[code]]
//! rule = "crypto-pbe-few-iterations"
//! find.call = "Ljavax/crypto/spec/PBEKeySpec;-><init>"
//! find.arguments = [{ at = 2, number = { below = 10000 } }]
//! confidence = "high"
//! ```
//!
//! [`check`] asks all conditions at once: one pass over the code finds the uses, and values are followed only where the
//! cheap questions are answered. To add a kind of test, add a field to [`Test`] and its answer to `judge.rs`.

mod body;
mod check;
mod condition;
mod evidence;
mod judge;
mod origin;
mod pattern;
mod words;

pub use check::{Checked, Context, check};
pub use condition::{Body, Condition, Kind, Number, Returned, Sdk, Test, Use, Within};
pub use origin::{LIBRARIES, Owners};
pub use pattern::{Glob, Listed, Member, PatternError, TypeName};
