//! Incidents and playbooks: alerts in, actions out.
//!
//! Pure: everything takes alerts, facts and `now`. An [`Incident`] groups alerts and keeps what was done about them; a
//! [`Playbook`] says what is to be done; [`plan`] joins a playbook, an alert and what is known into actions that go at
//! once, wait for a second administrator, or are refused with the count of whom they would hit.
//!
//! To add a playbook to the pack: add a file to `playbooks/`; `tests/pack.rs` checks that its rules exist.

mod breach;
mod entity;
mod event;
mod group;
mod incident;
mod plan;
mod playbook;
mod response;
#[cfg(test)]
mod testing;
mod view;

pub use breach::{Breach, BreachFacts, BreachWords, ClassFacts, DEADLINE, Draft, REMINDERS, Section};
pub use entity::Entity;
pub use event::{By, Happened, IncidentEvent};
pub use group::{Belongs, belongs};
pub use incident::{Alerted, Closing, Incident, Note, State, Task, Verdict, WorkError};
pub use plan::{BlastRadius, Crowd, MAX_TARGETS, Plan, Planned, Ruling, Situation, network_of, plan, run};
pub use playbook::{Does, FILES, Lasts, Playbook, PlaybookError, Select, Step, Trigger, When, pack};
pub use response::{Reach, Response, ResponseState, same};
pub use view::{hide_networks, parse_time};
