//! Our own rules, for backends of mobile apps.

use crate::error::RuleErrors;
use crate::rule::{Loaded, Rules};

/// The files of the pack, by name.
const FILES: [(&str, &str); 1] = [("signin.yml", include_str!("../rules/signin.yml"))];

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
