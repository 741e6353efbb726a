//! Our own rules, for backends of mobile apps.

use crate::error::RuleErrors;
use crate::rule::{Loaded, Rules};

/// The files of the pack, by name.
pub const FILES: [(&str, &str); 5] = [
    ("signin.yml", include_str!("../rules/signin.yml")),
    ("factors.yml", include_str!("../rules/factors.yml")),
    ("tokens.yml", include_str!("../rules/tokens.yml")),
    ("requests.yml", include_str!("../rules/requests.yml")),
    ("admin.yml", include_str!("../rules/admin.yml")),
];

/// Adds our own rules.
pub fn pack(rules: &mut Rules) -> Result<Loaded, RuleErrors> {
    let mut all = Loaded::default();
    for (name, text) in FILES {
        let loaded = rules.add(name, text)?;
        all.detections += loaded.detections;
        all.correlations += loaded.correlations;
        all.filters += loaded.filters;
    }
    Ok(all)
}
