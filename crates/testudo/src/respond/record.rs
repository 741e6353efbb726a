//! The record of an incident.

use serde::{Deserialize, Serialize};
use testudo_core::{IncidentId, Timestamp};
use testudo_response::{Incident, ResponseState, State};
use testudo_store::{Document, Key};

/// States of incidents about which something may still happen by itself.
pub const LIVE_STATES: [u8; 3] = [OPEN, CONTAINED, CLOSED_LIVE];
/// Open.
pub const OPEN: u8 = 0;
/// Contained.
pub const CONTAINED: u8 = 1;
/// Closed, while something of it is in force or the clock of a breach runs.
pub const CLOSED_LIVE: u8 = 2;
/// Closed for good.
pub const CLOSED: u8 = 3;

/// An incident in the store: sealed at rest, found by id, listed by when it was opened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Record(pub Incident);

impl Record {
    /// Whether something may still happen by itself.
    pub fn is_live(&self) -> bool {
        Document::state(self) != CLOSED
    }
}

impl Document for Record {
    const KIND: &'static str = "incident";

    fn id(&self) -> Key {
        key(self.0.id)
    }

    fn created(&self) -> Timestamp {
        self.0.opened
    }

    fn state(&self) -> u8 {
        let holds = |response: &testudo_response::Response| {
            response.state == ResponseState::Performed && response.until.is_some() && response.undo.is_some()
                || response.state == ResponseState::Approved
        };
        match self.0.state {
            State::Open => OPEN,
            State::Contained => CONTAINED,
            State::Closed if self.0.responses.iter().any(holds) || self.0.breach_runs() => CLOSED_LIVE,
            State::Closed => CLOSED,
        }
    }
}

/// The key of an incident's record.
pub fn key(id: IncidentId) -> Key {
    Key::from(id.to_bytes())
}
