//! `yarn.lock` of Yarn 2 and later: YAML with `__metadata`.
//!
//! The `checksum` there is that of Yarn's own archive in its cache, not of the package, and is left out.

use std::collections::HashMap;

use super::{Found, Wrong};
use crate::dependencies::Ecosystem;
use crate::dependencies::error::shown;
use crate::dependencies::tree;

pub(super) fn read(bytes: &[u8], found: &mut Found<'_>) -> Result<(), Wrong> {
    let documents = tree::yaml(bytes)?;
    let Some(root) = documents.first() else { return Err(Wrong::malformed(1, "the file is empty")) };
    let entries = root.members_here("yarn.lock")?;
    // Positions by descriptor; those of workspaces are the app itself.
    let mut positions: HashMap<&str, u32> = HashMap::new();
    let mut needs = Vec::new();
    for (key, (line, entry)) in entries {
        if &**key == "__metadata" {
            let version = entry.required("version")?;
            if !version.parse::<u32>().is_ok_and(|version| (1..=99).contains(&version)) {
                return Err(Wrong::version(entry.line, "yarn.lock", version));
            }
            continue;
        }
        let resolution = entry.required("resolution")?;
        let after = usize::from(resolution.starts_with('@'));
        let at = resolution.get(after..).and_then(|rest| rest.find('@')).map(|at| at + after);
        let parts = at.and_then(|at| Some((resolution.get(..at)?, resolution.get(at + 1..)?)));
        let Some((name, reference)) = parts else {
            return Err(Wrong::malformed(*line, format!("`{}` is not `name@reference`", shown(resolution))));
        };
        let own = reference.starts_with("workspace:") || entry.text_of("linkType") == Some("soft");
        if own {
            needs.push((None, entry));
            continue;
        }
        let version = match reference.strip_prefix("npm:") {
            // `npm:1.2.3` and, from another archive, `npm:1.2.3::__archiveUrl=…`.
            Some(version) => version.split_once("::").map_or(version, |(version, _)| version),
            None => entry.required("version")?,
        };
        let (position, component) = found.add(Ecosystem::Npm, name, Some(version), *line)?;
        if !reference.starts_with("npm:") && !reference.starts_with("patch:") {
            component.origin = Some(reference.to_owned());
        }
        needs.push((Some(position), entry));
        for descriptor in key.split(", ") {
            positions.insert(descriptor, position);
        }
    }
    let mut direct = Vec::new();
    for (own, entry) in needs {
        for kind in ["dependencies", "optionalDependencies"] {
            for (name, (_, range)) in entry.members(kind)? {
                let range = range.text().unwrap_or_default();
                // Before version 8 the `npm:` of a range was left out where it is needed.
                let exact = positions.get(format!("{name}@{range}").as_str());
                let other = exact.or_else(|| positions.get(format!("{name}@npm:{range}").as_str()));
                match (own, other) {
                    (Some(own), Some(other)) => found.requires(own, *other),
                    (None, Some(other)) => direct.push(*other),
                    (_, None) => {}
                }
            }
        }
    }
    found.relate(&direct);
    Ok(())
}
