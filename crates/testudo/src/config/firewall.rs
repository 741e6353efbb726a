//! `[waf]`: which requests look like attacks, and what is done about them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// `[waf]`
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct FirewallSection {
    /// What is done about what the rules find.
    pub mode: FirewallMode,
    /// Files of SecLang rules, folders of them, or folders of releases of the OWASP Core Rule Set.
    pub rules: Vec<PathBuf>,
    /// The paranoia level of the Core Rule Set, 1 to 4; 0 leaves it as its setup says.
    pub paranoia: u8,
    /// SecLang lines that stand after all rules, such as `testudo waf explain` proposes.
    pub exclusions: Vec<String>,
}

/// What is done about what the rules find.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FirewallMode {
    /// The request is refused.
    #[default]
    Block,
    /// It is written down, and passes.
    Detect,
    /// Nothing is looked at.
    Off,
}

impl FirewallSection {
    /// Whether nothing is looked at.
    pub fn is_off(&self) -> bool {
        self.mode == FirewallMode::Off || self.rules.is_empty()
    }
}

pub(super) fn validate(section: &FirewallSection) -> Result<(), ConfigError> {
    let refuse = |key: &str, message: &str| Err(ConfigError::Value { key: key.into(), message: message.into() });
    if section.paranoia > 4 {
        return refuse("waf.paranoia", "use 1 to 4, or 0 for what the setup of the rule set says");
    }
    if section.exclusions.len() > 10_000 {
        return refuse("waf.exclusions", "use at most 10000; put more into a file of `waf.rules`");
    }
    Ok(())
}
