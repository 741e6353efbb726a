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
    /// Files of SecLang rules, folders of them, or folders of releases of the OWASP Core Rule Set; `built-in` for the rules
    /// of our own. Without any, the best that there are: an installed Core Rule Set, that of Debian's package, our own.
    pub rules: Vec<PathBuf>,
    /// The paranoia level of the Core Rule Set, 1 to 4; 0 leaves it as its setup says.
    pub paranoia: u8,
    /// SecLang lines that stand after all rules, such as `testudo waf explain` proposes.
    pub exclusions: Vec<String>,
    /// A file that gets the matches in the lines of ModSecurity's error log.
    pub log: Option<PathBuf>,
    /// Where `testudo waf install-crs` puts the Core Rule Set: in the data folder.
    #[serde(skip)]
    pub installed: Option<PathBuf>,
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
        self.mode == FirewallMode::Off
    }
}

pub(super) fn validate(section: &FirewallSection) -> Result<(), ConfigError> {
    let refuse = |key: &str, message: &str| Err(ConfigError::Value { key: key.into(), message: message.into() });
    if section.paranoia > 4 {
        return refuse("waf.paranoia", "use 1 to 4, or 0 for what the setup of the rule set says");
    }
    if section.rules.len() > 1 && section.rules.iter().any(|rules| rules.as_os_str() == crate::firewall::BUILT_IN) {
        return refuse("waf.rules", "\"built-in\" stands alone: the Core Rule Set finds what our own rules find");
    }
    if section.exclusions.len() > 10_000 {
        return refuse("waf.exclusions", "use at most 10000; put more into a file of `waf.rules`");
    }
    Ok(())
}
