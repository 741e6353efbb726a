//! What must be done.

use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{BuildId, ClientId, DeviceId, FamilyId, PersonId, SessionId};

/// What a block applies to.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlockTarget {
    /// One address or a network.
    Network(IpNet),
    /// One device.
    Device(DeviceId),
}

/// Something that must be done. Idempotent, performed at least once, through one exhaustive match in
/// `crates/testudo/src/actions.rs`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "action")]
pub enum Action {
    /// End one session with all of its tokens.
    RevokeSession {
        /// The session.
        session: SessionId,
    },
    /// End one refresh family with its access tokens.
    RevokeFamily {
        /// The family.
        family: FamilyId,
    },
    /// End all sessions of a person.
    RevokePerson {
        /// The person.
        person: PersonId,
    },
    /// Sign-in is refused until it is undone.
    LockPerson {
        /// The person.
        person: PersonId,
    },
    /// The person must show a second factor before the next request.
    RequireStepUp {
        /// The person.
        person: PersonId,
    },
    /// The person must choose a new password at the next sign-in.
    ForcePasswordReset {
        /// The person.
        person: PersonId,
    },
    /// Refuse a peer for a time.
    Block {
        /// Whom.
        target: BlockTarget,
        /// How long.
        duration: Duration,
    },
    /// No tokens for, and no requests from, a build.
    SuspendBuild {
        /// The build.
        build: BuildId,
    },
    /// No tokens for, and no requests from, a client.
    DisableClient {
        /// The client.
        client: ClientId,
    },
    /// Make a new token-signing key and retire the old one.
    RotateSigningKey,
}
