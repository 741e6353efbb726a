//! `[response]`: what the server does by itself about alerts.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use testudo_core::Severity;
use testudo_response::BlastRadius;

use super::{ConfigError, duration};

/// `[response]`
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ResponseSection {
    /// Whether alerts become incidents at all.
    pub enabled: bool,
    /// Write down what playbooks would do, and do nothing of it.
    pub dry_run: bool,
    /// Whether the playbooks that come with the server run.
    pub pack: bool,
    /// More playbooks: TOML files, or folders of them. One with the id of one of the pack stands in for it.
    pub playbooks: Vec<PathBuf>,
    /// Playbooks that do not run by themselves, by id.
    pub off: Vec<String>,
    /// From this level on an alert opens an incident, also when no playbook is for it.
    pub open_at: Severity,
    /// How long a proposal waits for an administrator.
    #[serde(with = "duration")]
    pub approve_within: Duration,
    /// The data protection officer or another contact point, for drafts of breach notifications.
    pub contact: Option<String>,
    /// How many people the server may hit by itself.
    pub blast_radius: BlastRadius,
}

impl Default for ResponseSection {
    fn default() -> ResponseSection {
        ResponseSection {
            enabled: true,
            dry_run: false,
            pack: true,
            playbooks: Vec::new(),
            off: Vec::new(),
            open_at: Severity::Medium,
            approve_within: Duration::from_hours(24),
            contact: None,
            blast_radius: BlastRadius::default(),
        }
    }
}

/// Refuses values that are understood and can't work.
pub fn validate(section: &ResponseSection) -> Result<(), ConfigError> {
    let refuse = |key: &str, message: &str| Err(ConfigError::Value { key: key.into(), message: message.into() });
    let radius = &section.blast_radius;
    if !(1..=100).contains(&radius.refuse_percent) {
        return refuse("response.blast-radius.refuse-percent", "use 1 to 100: what hits everyone is always refused");
    }
    if radius.approve_percent > radius.refuse_percent {
        return refuse(
            "response.blast-radius.approve-percent",
            "use at most `refuse-percent`: what is refused can't be approved",
        );
    }
    if !(Duration::from_mins(1)..=Duration::from_hours(30 * 24)).contains(&section.approve_within) {
        return refuse("response.approve-within", "use `1m` to `30d`");
    }
    Ok(())
}
