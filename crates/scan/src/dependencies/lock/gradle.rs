//! `gradle.lockfile`: lines `group:artifact:version=configuration,…` (Gradle user manual, "Locking Versions"), and the
//! older files with one configuration each, whose lines end at the version.

use super::{Found, Wrong};
use crate::dependencies::error::shown;
use crate::dependencies::{Ecosystem, Scope, tree};

pub(super) fn read(bytes: &[u8], scope: Scope, found: &mut Found<'_>) -> Result<(), Wrong> {
    for (index, line_text) in tree::text(bytes)?.lines().enumerate() {
        let line = tree::to_line(index + 1);
        let entry = line_text.trim();
        if entry.is_empty() || entry.starts_with('#') {
            continue;
        }
        let (coordinate, configurations) = match entry.split_once('=') {
            Some((coordinate, configurations)) => (coordinate, Some(configurations)),
            None => (entry, None),
        };
        if coordinate == "empty" && configurations.is_some() {
            continue;
        }
        let mut parts = coordinate.split(':');
        let (Some(group), Some(artifact), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            let what = format!("`{}` is not `group:artifact:version=configurations`", shown(entry));
            return Err(Wrong::malformed(line, what));
        };
        if group.is_empty() || artifact.is_empty() {
            return Err(Wrong::malformed(line, format!("`{}` lacks a group or artifact", shown(entry))));
        }
        let (_, component) = found.add(Ecosystem::Maven, &format!("{group}:{artifact}"), Some(version), line)?;
        component.scope = if scope == Scope::Build { scope } else { configurations.map_or(Scope::Unknown, scope_of) };
    }
    Ok(())
}

/// What configurations say: tests alone, the build's tools alone, what is shipped, or nothing.
fn scope_of(configurations: &str) -> Scope {
    let mut scope = None;
    for configuration in configurations.split(',') {
        let lower = configuration.trim().to_ascii_lowercase();
        let one = if lower.contains("test") {
            Scope::Development
        } else if lower.ends_with("runtimeclasspath") || lower == "runtime" {
            return Scope::Runtime;
        } else if ["kapt", "ksp", "annotationprocessor", "lint", "detekt", "ktlint", "jacoco", "plugin", "compiler"]
            .iter()
            .any(|tool| lower.contains(tool))
        {
            Scope::Build
        } else {
            Scope::Unknown
        };
        scope = Some(match scope {
            None => one,
            Some(before) if before == one => one,
            Some(before) if before == Scope::Unknown || one == Scope::Unknown => Scope::Unknown,
            Some(_) => Scope::Build,
        });
    }
    scope.unwrap_or(Scope::Unknown)
}
