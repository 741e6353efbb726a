//! Playbooks: what is to be done about which alerts. TOML files, one playbook each.
//!
//! ```toml
//! id = "stuffed-account"
//! title = "Credential stuffing opened an account"
//!
//! [trigger]
//! rules = ["testudo-stuffed-account"]
//!
//! [[steps]]
//! action = "revoke-person"
//! select = "opened-accounts"
//!
//! [[steps]]
//! action = "block"
//! select = "networks"
//! for = "30m"
//! when = { bystanders-at-most = 0 }
//! ```
//!
//! Unknown keys are refused. Whatever can be taken back must say for how long it holds.

mod cacao;
mod error;
mod pack;
mod read;

use std::time::Duration;

use serde::Serialize;
use testudo_core::{Alert, Severity};

pub use error::PlaybookError;
pub use pack::{FILES, pack};

/// What is to be done about alerts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Playbook {
    /// Its name: `[a-z0-9-]`, 1 to 64 characters.
    pub id: String,
    /// What it is for, in a line.
    pub title: String,
    /// More of that.
    pub description: String,
    /// Whether it runs by itself.
    pub enabled: bool,
    /// For which alerts.
    pub trigger: Trigger,
    /// What, in this order.
    pub steps: Vec<Step>,
}

/// For which alerts a playbook is: a rule or a tag that is named, and a level at least as high.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Trigger {
    /// Ids of rules.
    pub rules: Vec<String>,
    /// Tags, such as `attack.t1110`, which stands for its subtechniques too.
    pub tags: Vec<String>,
    /// The lowest level.
    pub level: Option<Severity>,
}

impl Trigger {
    /// Whether the playbook is for this alert.
    pub fn fits(&self, alert: &Alert) -> bool {
        let tagged = |tag: &String| {
            alert
                .tags
                .iter()
                .any(|own| own == tag || own.strip_prefix(&**tag).is_some_and(|rest| rest.starts_with('.')))
        };
        self.level.is_none_or(|level| alert.level >= level)
            && (self.rules.contains(&alert.rule) || self.tags.iter().any(tagged))
    }
}

/// One step.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Step {
    /// What is done.
    #[serde(flatten)]
    pub does: Does,
    /// To whom; none for what needs no target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub select: Option<Select>,
    /// How long it holds; none for what can't be taken back.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "Lasts::serialize_optional", rename = "for")]
    pub lasts: Option<Lasts>,
    /// Only if.
    #[serde(skip_serializing_if = "When::is_empty")]
    pub when: When,
}

/// What a step does. The names are those of [`testudo_core::Action`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "action")]
pub enum Does {
    /// End sessions.
    RevokeSession,
    /// End refresh families.
    RevokeFamily,
    /// End all sessions of people.
    RevokePerson,
    /// Refuse sign-in.
    LockPerson,
    /// Ask for a second factor.
    RequireStepUp,
    /// Ask for a new password.
    ForcePasswordReset,
    /// Refuse peers.
    Block,
    /// Allow a part of the configured rates.
    TightenLimits {
        /// The part, 1 to 99.
        percent: u8,
        /// On one route only, by the template of its path.
        #[serde(skip_serializing_if = "Option::is_none")]
        route: Option<String>,
    },
    /// Let only reading methods pass.
    RestrictRoutes {
        /// At and below this path.
        path: String,
    },
    /// Refuse clients.
    DisableClient,
    /// Refuse builds.
    SuspendBuild,
    /// Make a new signing key.
    RotateSigningKey,
    /// Tell people.
    Notify {
        /// By this configured channel.
        channel: String,
    },
}

impl Does {
    /// The stable name.
    pub const fn name(&self) -> &'static str {
        match self {
            Does::RevokeSession => "revoke-session",
            Does::RevokeFamily => "revoke-family",
            Does::RevokePerson => "revoke-person",
            Does::LockPerson => "lock-person",
            Does::RequireStepUp => "require-step-up",
            Does::ForcePasswordReset => "force-password-reset",
            Does::Block => "block",
            Does::TightenLimits { .. } => "tighten-limits",
            Does::RestrictRoutes { .. } => "restrict-routes",
            Does::DisableClient => "disable-client",
            Does::SuspendBuild => "suspend-build",
            Does::RotateSigningKey => "rotate-signing-key",
            Does::Notify { .. } => "notify",
        }
    }

    /// Whom it may be done to. Empty: it takes no `select`.
    pub const fn selects(&self) -> &'static [Select] {
        use Select as S;
        match self {
            Does::RevokeSession => &[S::Sessions],
            Does::RevokeFamily => &[S::Families],
            Does::RevokePerson | Does::LockPerson | Does::RequireStepUp | Does::ForcePasswordReset => {
                &[S::OpenedAccounts, S::People, S::Everyone]
            }
            Does::Block => &[S::Addresses, S::Networks, S::Devices, S::Everyone],
            Does::TightenLimits { route: None, .. } => &[S::Addresses, S::Networks, S::Everyone],
            Does::DisableClient => &[S::Clients],
            Does::SuspendBuild => &[S::Builds],
            Does::TightenLimits { .. } | Does::RestrictRoutes { .. } | Does::RotateSigningKey | Does::Notify { .. } => {
                &[]
            }
        }
    }

    /// Whether it can be taken back, and so must say for how long it holds.
    pub const fn is_limited(&self) -> bool {
        !matches!(
            self,
            Does::RevokeSession
                | Does::RevokeFamily
                | Does::RevokePerson
                | Does::RotateSigningKey
                | Does::Notify { .. }
        )
    }

    /// Whether `for = "until-undone"` is allowed: not where standing itself needs an end.
    pub const fn may_last(&self) -> bool {
        self.is_limited() && !matches!(self, Does::Block | Does::TightenLimits { .. } | Does::RestrictRoutes { .. })
    }
}

/// To whom a step is done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Select {
    /// The people whose accounts a successful sign-in among the alert's events opened.
    OpenedAccounts,
    /// The people whom the alert names, or who did what its events say.
    People,
    /// The sessions in the alert's events.
    Sessions,
    /// The refresh families in the alert's events.
    Families,
    /// The devices in the alert's events.
    Devices,
    /// The addresses from which the alert's events came.
    Addresses,
    /// The /24 or /64 of those.
    Networks,
    /// The clients in the alert's events.
    Clients,
    /// The builds in the alert's events.
    Builds,
    /// Everybody.
    Everyone,
}

impl Select {
    /// All of them.
    pub const ALL: [Select; 10] = [
        Select::OpenedAccounts,
        Select::People,
        Select::Sessions,
        Select::Families,
        Select::Devices,
        Select::Addresses,
        Select::Networks,
        Select::Clients,
        Select::Builds,
        Select::Everyone,
    ];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Select::OpenedAccounts => "opened-accounts",
            Select::People => "people",
            Select::Sessions => "sessions",
            Select::Families => "families",
            Select::Devices => "devices",
            Select::Addresses => "addresses",
            Select::Networks => "networks",
            Select::Clients => "clients",
            Select::Builds => "builds",
            Select::Everyone => "everyone",
        }
    }
}

/// How long something holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Lasts {
    /// So long.
    For(Duration),
    /// Until somebody takes it back.
    UntilUndone,
}

impl Lasts {
    /// The shortest.
    pub const SHORTEST: Duration = Duration::from_secs(1);
    /// The longest: 400 days, as for blocks made by hand.
    pub const LONGEST: Duration = Duration::from_hours(400 * 24);

    /// The duration, if there is an end.
    pub const fn duration(self) -> Option<Duration> {
        match self {
            Lasts::For(duration) => Some(duration),
            Lasts::UntilUndone => None,
        }
    }

    #[expect(clippy::ref_option, reason = "the signature that serde asks for")]
    fn serialize_optional<S: serde::Serializer>(lasts: &Option<Lasts>, to: S) -> Result<S::Ok, S::Error> {
        match lasts {
            None => to.serialize_none(),
            Some(lasts) => to.collect_str(lasts),
        }
    }
}

impl std::fmt::Display for Lasts {
    /// As in a file: in the largest unit that is whole.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Lasts::For(duration) = self else { return f.write_str("until-undone") };
        let seconds = duration.as_secs();
        let units = [("d", 86_400), ("h", 3_600), ("m", 60)];
        match units.iter().find(|(_, unit)| seconds >= *unit && seconds.is_multiple_of(*unit)) {
            Some((name, unit)) => write!(f, "{}{name}", seconds / unit),
            None => write!(f, "{seconds}s"),
        }
    }
}

/// Only if all of these hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct When {
    /// At most so many active people would be hit whom no alert of the incident names; asked for each target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bystanders_at_most: Option<u64>,
    /// The alert counts at least so many events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_at_least: Option<u64>,
    /// At least so many accounts were opened by the alert's events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opened_at_least: Option<u64>,
    /// The alert's level is at least this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Severity>,
}

impl When {
    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        *self == When::default()
    }
}

#[cfg(test)]
mod tests;
