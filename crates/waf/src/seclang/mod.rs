//! `SecLang`, the language of `ModSecurity`'s rules: text in, a checked [`Program`] out.
//!
//! A construct that is not understood is a [`LoadError`] with its place, never silence. To add a directive: `settings.rs`
//! if it sets something, `load.rs` if it makes or changes rules. To add a variable or an action: a row in the table of
//! its file, then what it does in `transaction/`.

mod action;
mod error;
mod load;
mod rule;
mod settings;
mod template;
mod update;
mod variable;
mod words;

pub use action::{Action, Assignment, Audit, Change, Control, Disruption, Ids, Mode, Processor, Scope, Store};
pub use error::{LoadError, Problem};
pub use load::{Loader, Note, Program, Sources, Step};
pub use rule::{Condition, Effect, Link, Rule};
pub use settings::{LimitAction, Settings};
pub use template::{Piece, Template};
pub use variable::{Selector, Target, Variable};
