//! The words of the house: what every room says the same way, and the two mechanisms that make them binding.
//!
//! This crate has no I/O, no async and no state. It defines what a decision is ([`Decision`]), what it opens
//! ([`Gate`], [`Admission`]), what happened ([`Event`]) and what must be done ([`Action`]).
//!
//! To add a control: add a variant to [`Control`] (its number is stable, append only), let its room return a
//! [`Decision`] that carries its bit, and call that room from `crates/testudo/src/pipeline.rs`. To add an event: add a
//! variant to [`EventKind`] with its row in `EventKind::facts`.

mod action;
mod alert;
mod control;
mod decision;
mod event;
mod fault;
mod finding;
mod gate;
mod id;
mod owed;
mod proven;
mod secret;
mod time;

pub use action::{Action, BlockTarget, LimitTarget};
pub use alert::Alert;
pub use control::{Control, ControlSet};
pub use decision::{Decision, Denial, Obligation, Reason, Verdict};
pub use event::{Actor, Event, EventKind, HttpFacts, Lane, OcsfClass, Outcome, Peer, Severity};
pub use fault::Fault;
pub use finding::{Confidence, Finding, Place};
pub use gate::{Admission, Disclose, Execute, Forward, Gate, Issue, Publish, Refusal};
pub use id::{
    BuildId, ClientId, DeviceId, FamilyId, IdError, IncidentId, PersonId, Pseudonym, RequestId, ResponseId, SessionId,
};
pub use owed::{Owed, Settle};
pub use proven::{Proven, ProvenKind, Span};
pub use secret::Secret;
pub use time::{Clock, Timestamp};
