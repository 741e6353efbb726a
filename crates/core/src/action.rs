//! What must be done.

use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{BuildId, ClientId, DeviceId, FamilyId, IncidentId, PersonId, SessionId};

/// What a block applies to.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlockTarget {
    /// One address or a network.
    Network(IpNet),
    /// One device.
    Device(DeviceId),
}

/// For whom limits are tightened.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitTarget {
    /// All callers of all routes.
    Everyone,
    /// The callers from one address or network.
    Network(IpNet),
    /// All callers of one route, by the template of its path.
    Route(Box<str>),
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
    /// Allow a part of the configured rates for a time.
    TightenLimits {
        /// For whom.
        target: LimitTarget,
        /// Of the configured rate, 1 to 99 per cent.
        percent: u8,
        /// How long.
        duration: Duration,
    },
    /// Let only reading methods pass for a time.
    RestrictRoutes {
        /// On the routes at and below this path, such as `/transfers`; `/` is all.
        path: Box<str>,
        /// How long.
        duration: Duration,
    },
    /// Tell people of an incident.
    Notify {
        /// By the name of a configured channel.
        channel: Box<str>,
        /// Of which incident.
        incident: IncidentId,
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
    /// A locked person may sign in again.
    UnlockPerson {
        /// The person.
        person: PersonId,
    },
    /// The person need not show the second factor that was required.
    WaiveStepUp {
        /// The person.
        person: PersonId,
    },
    /// The person may keep the password.
    WaivePasswordReset {
        /// The person.
        person: PersonId,
    },
    /// A blocked peer is no longer refused.
    Unblock {
        /// Whom.
        target: BlockTarget,
    },
    /// Limits are as configured again.
    RestoreLimits {
        /// For whom.
        target: LimitTarget,
    },
    /// Routes may be written again.
    ReleaseRoutes {
        /// The path as it was restricted.
        path: Box<str>,
    },
    /// A disabled client may be used again.
    EnableClient {
        /// The client.
        client: ClientId,
    },
    /// A suspended build may get tokens again.
    ReinstateBuild {
        /// The build.
        build: BuildId,
    },
}

impl Action {
    /// The stable name, as in playbooks and events.
    pub const fn name(&self) -> &'static str {
        match self {
            Action::RevokeSession { .. } => "revoke-session",
            Action::RevokeFamily { .. } => "revoke-family",
            Action::RevokePerson { .. } => "revoke-person",
            Action::LockPerson { .. } => "lock-person",
            Action::RequireStepUp { .. } => "require-step-up",
            Action::ForcePasswordReset { .. } => "force-password-reset",
            Action::Block { .. } => "block",
            Action::TightenLimits { .. } => "tighten-limits",
            Action::RestrictRoutes { .. } => "restrict-routes",
            Action::Notify { .. } => "notify",
            Action::SuspendBuild { .. } => "suspend-build",
            Action::DisableClient { .. } => "disable-client",
            Action::RotateSigningKey => "rotate-signing-key",
            Action::UnlockPerson { .. } => "unlock-person",
            Action::WaiveStepUp { .. } => "waive-step-up",
            Action::WaivePasswordReset { .. } => "waive-password-reset",
            Action::Unblock { .. } => "unblock",
            Action::RestoreLimits { .. } => "restore-limits",
            Action::ReleaseRoutes { .. } => "release-routes",
            Action::EnableClient { .. } => "enable-client",
            Action::ReinstateBuild { .. } => "reinstate-build",
        }
    }

    /// What takes it back. None: what it did is done, such as the end of a session.
    pub fn undo(&self) -> Option<Action> {
        Some(match self {
            Action::LockPerson { person } => Action::UnlockPerson { person: *person },
            Action::RequireStepUp { person } => Action::WaiveStepUp { person: *person },
            Action::ForcePasswordReset { person } => Action::WaivePasswordReset { person: *person },
            Action::Block { target, .. } => Action::Unblock { target: target.clone() },
            Action::TightenLimits { target, .. } => Action::RestoreLimits { target: target.clone() },
            Action::RestrictRoutes { path, .. } => Action::ReleaseRoutes { path: path.clone() },
            Action::SuspendBuild { build } => Action::ReinstateBuild { build: *build },
            Action::DisableClient { client } => Action::EnableClient { client: client.clone() },
            _ => return None,
        })
    }
}
