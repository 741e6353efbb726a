//! `[waf]`: which requests look like attacks, and what is done about them.

mod routes;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ConfigError;

pub use routes::{Exclude, RouteFirewall, RuleName};

/// `[waf]`
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct FirewallSection {
    /// What is done about what the rules find.
    pub mode: FirewallMode,
    /// Files of SecLang rules, folders of them, or folders of releases of the OWASP Core Rule Set; `built-in` for the rules
    /// of our own. Without any, the best that there are: an installed Core Rule Set, that of Debian's package, our own.
    pub rules: Vec<PathBuf>,
    /// The paranoia level of the Core Rule Set, 1 to 4; 0 leaves it as its setup says.
    pub paranoia: u8,
    /// The anomaly score from which on a request is refused; 0 leaves it as the setup of the rules says.
    pub threshold: u32,
    /// Whether JSON in arguments and cookies is read as well.
    pub json_in_arguments: bool,
    /// SecLang lines that stand after all rules, such as `testudo waf explain` proposes.
    pub exclusions: Vec<String>,
    /// Routes with settings of their own.
    pub routes: Vec<RouteFirewall>,
    /// One request of so many is judged again without shortcuts, to find out whether they change an answer; 0 for none.
    pub check_shortcuts: u32,
    /// A file that gets the matches in the lines of ModSecurity's error log.
    pub log: Option<PathBuf>,
    /// Where `testudo waf install-crs` puts the Core Rule Set: in the data folder.
    #[serde(skip)]
    pub installed: Option<PathBuf>,
}

impl Default for FirewallSection {
    fn default() -> FirewallSection {
        FirewallSection {
            mode: FirewallMode::Block,
            rules: Vec::new(),
            paranoia: 0,
            threshold: 0,
            json_in_arguments: false,
            exclusions: Vec::new(),
            routes: Vec::new(),
            check_shortcuts: 10_000,
            log: None,
            installed: None,
        }
    }
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

impl FirewallMode {
    /// As the configuration says it.
    pub const fn name(self) -> &'static str {
        match self {
            FirewallMode::Block => "block",
            FirewallMode::Detect => "detect",
            FirewallMode::Off => "off",
        }
    }
}

impl FirewallSection {
    /// Whether nothing is looked at, on any route.
    pub fn is_off(&self) -> bool {
        let is_off = |mode: &FirewallMode| *mode == FirewallMode::Off;
        is_off(&self.mode) && self.routes.iter().all(|route| route.mode.as_ref().is_none_or(is_off))
    }
}

pub(super) fn validate(section: &FirewallSection) -> Result<(), ConfigError> {
    let refuse = |key: &str, message: &str| Err(ConfigError::Value { key: key.into(), message: message.into() });
    if section.paranoia > 4 {
        return refuse("waf.paranoia", "use 1 to 4, or 0 for what the setup of the rule set says");
    }
    if section.threshold > routes::HIGHEST {
        return refuse("waf.threshold", "use at most 100000, or 0 for what the setup of the rules says");
    }
    if section.rules.len() > 1 && section.rules.iter().any(|rules| rules.as_os_str() == crate::firewall::BUILT_IN) {
        return refuse("waf.rules", "\"built-in\" stands alone: the Core Rule Set finds what our own rules find");
    }
    if section.exclusions.len() > 10_000 {
        return refuse("waf.exclusions", "use at most 10000; put more into a file of `waf.rules`");
    }
    routes::validate(section)
}
