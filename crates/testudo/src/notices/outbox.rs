//! What is in the outbox: one record for each channel and incident.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use testudo_core::{IncidentId, Timestamp};
use testudo_store::{Document, Key};

/// What became of a notice is known for so long.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// What became of a notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It is to be sent.
    Waiting,
    /// It was sent.
    Sent,
    /// It was given up.
    Failed,
}

impl Stage {
    /// As it is kept in plain.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// A notice that is to be sent, or was.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Pending {
    /// The channel.
    pub channel: String,
    /// Of which incident it tells.
    pub incident: IncidentId,
    /// When it was first put in.
    pub created: Timestamp,
    /// When it was last asked for.
    pub asked: Timestamp,
    /// When it is to be tried next.
    pub due: Timestamp,
    /// Attempts so far.
    pub attempts: u32,
    /// What became of it.
    pub stage: Stage,
}

impl Pending {
    /// A notice that is due now.
    pub fn new(channel: &str, incident: IncidentId, now: Timestamp) -> Pending {
        Pending {
            channel: channel.to_owned(),
            incident,
            created: now,
            asked: now,
            due: now,
            attempts: 0,
            stage: Stage::Waiting,
        }
    }

    /// The key: a channel has at most 32 characters, an incident's id 30.
    pub fn key(channel: &str, incident: IncidentId) -> String {
        format!("{channel}:{incident}")
    }

    /// The id by which a receiver knows a repeat.
    pub fn id(&self) -> String {
        format!("msg_{}_{}_{}", self.channel, self.incident, self.asked.seconds())
    }
}

impl Document for Pending {
    const KIND: &'static str = "notice";

    fn id(&self) -> Key {
        Key::from(Pending::key(&self.channel, self.incident).as_str())
    }

    fn created(&self) -> Timestamp {
        self.created
    }

    fn expires(&self) -> Option<Timestamp> {
        Some(self.asked.plus(KEPT))
    }

    fn state(&self) -> u8 {
        self.stage.number()
    }
}
