//! Whose fault an error is; decides status, retry and log level in one place.

use serde::{Deserialize, Serialize};

/// Whose fault an error is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The caller sent something wrong.
    Client,
    /// The upstream or another server that we call answered wrongly or not at all.
    Peer,
    /// Something that we need is down: store, disk, clock.
    Dependency,
    /// Our own mistake.
    Bug,
}

impl Fault {
    /// The HTTP status that a caller sees for an error of this kind.
    pub const fn status(self) -> u16 {
        match self {
            Fault::Client => 400,
            Fault::Peer => 502,
            Fault::Dependency => 503,
            Fault::Bug => 500,
        }
    }

    /// Whether the same call may succeed later without a change.
    pub const fn retryable(self) -> bool {
        matches!(self, Fault::Peer | Fault::Dependency)
    }
}
