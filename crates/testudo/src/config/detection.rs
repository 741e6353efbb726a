//! `[detection]`: which rules look at what happens.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[detection]`
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct DetectionSection {
    /// Whether rules run at all.
    pub enabled: bool,
    /// Whether the rules that come with the server run.
    pub pack: bool,
    /// More rules: Sigma files, or folders of them.
    pub rules: Vec<PathBuf>,
    /// Rules that give no alerts, by id.
    pub quiet: Vec<String>,
}

impl Default for DetectionSection {
    fn default() -> DetectionSection {
        DetectionSection { enabled: true, pack: true, rules: Vec::new(), quiet: Vec::new() }
    }
}
