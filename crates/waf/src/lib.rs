//! The web application firewall: a `SecLang` engine that runs the OWASP Core Rule Set.
//!
//! Rules are read by a [`seclang::Loader`] into a [`seclang::Program`]; [`Waf::new`] compiles it, and [`Waf::open`]
//! gives a [`Transaction`] for each request, which is fed bytes and asked after each phase. The engine opens no file and
//! no socket and reads no clock.
//!
//! - A transformation: a file in `transform/`. An operator: `operator/`.
//! - A variable: a row in `seclang/variable.rs`, its place in `ruleset/view.rs`, and what sets it in `transaction/`.
//! - An action or a `ctl` setting: `seclang/action.rs`, `ruleset/compile.rs`, `transaction/act.rs`.
//! - A shortcut: it must give the same answers as [`Options`] without it, and `tests/crs.rs` proves that.

mod audit;
pub mod builtin;
pub mod operator;
mod ruleset;
mod screen;
pub mod seclang;
pub mod sqli;
mod transaction;
pub mod transform;
mod values;
mod waf;
pub mod xss;

pub use ruleset::RuleSet;
pub use transaction::{
    BUDGET_RULE, Connection, Difference, HarmlessHead, Hit, Intervention, LIMIT_RULE, Match, RequestLine, Step, Tape,
    Trace, Transaction,
};
pub use waf::{Opening, Options, Waf};
