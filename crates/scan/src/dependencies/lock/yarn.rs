//! `yarn.lock` of Yarn 1: entries that begin with their descriptors, each with indented properties.

use std::collections::{HashMap, HashSet};

use super::{Found, Wrong, sri};
use crate::dependencies::error::shown;
use crate::dependencies::{Algorithm, Digest, Ecosystem, Relation, tree};

/// Whether the file is of Yarn 2 or later, which is YAML.
pub(super) fn is_berry(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, b"__metadata:").is_some()
}

/// An entry as it is read.
#[derive(Default)]
struct Entry {
    line: u32,
    /// `name@range`.
    descriptors: Vec<String>,
    version: Option<String>,
    resolved: Option<String>,
    digests: Vec<Digest>,
    /// Descriptors of what it needs.
    needs: Vec<String>,
}

pub(super) fn read(bytes: &[u8], found: &mut Found<'_>) -> Result<(), Wrong> {
    let entries = entries(tree::text(bytes)?)?;
    let mut positions = HashMap::new();
    for entry in &entries {
        let first = entry.descriptors.first().map(String::as_str).unwrap_or_default();
        let name = name_of(first, entry.line)?;
        let Some(version) = &entry.version else {
            return Err(Wrong::malformed(entry.line, format!("`{}` has no version", shown(first))));
        };
        let (position, component) = found.add(Ecosystem::Npm, name, Some(version), entry.line)?;
        component.digests.clone_from(&entry.digests);
        if let Some(resolved) = &entry.resolved {
            let (address, sha1) = resolved.rsplit_once('#').unwrap_or((resolved, ""));
            if let Some(digest) = Digest::from_hex(Algorithm::Sha1, sha1).filter(|_| entry.digests.is_empty()) {
                // A hash of 40 digits behind a Git address is its commit.
                if !address.contains(".git") && !address.starts_with("git") {
                    component.digests.push(digest);
                }
            }
            let public = ["https://registry.yarnpkg.com/", "https://registry.npmjs.org/"];
            component.origin = (!public.iter().any(|registry| address.starts_with(registry))).then(|| resolved.clone());
        }
        for descriptor in &entry.descriptors {
            positions.insert(descriptor.as_str(), position);
        }
    }
    let mut needed = HashSet::new();
    for (position, entry) in (0u32..).zip(&entries) {
        for need in &entry.needs {
            if let Some(other) = positions.get(need.as_str()) {
                found.requires(position, *other);
                needed.insert(need.as_str());
            }
        }
    }
    // A descriptor that no package uses is one of the app's own.
    for (component, entry) in found.components.iter_mut().zip(&entries) {
        if entry.descriptors.iter().any(|descriptor| !needed.contains(descriptor.as_str())) {
            component.relation = Relation::Direct;
        }
    }
    Ok(())
}

/// The name of the package that a descriptor means; `alias@npm:name@range` means `name`.
fn name_of(descriptor: &str, line: u32) -> Result<&str, Wrong> {
    let (name, range) = split(descriptor, line)?;
    match range.strip_prefix("npm:") {
        Some(alias) => Ok(split(alias, line).map_or(alias, |(name, _)| name)),
        None => Ok(name),
    }
}

/// Name and range of a descriptor; a scope's `@` is part of the name.
fn split(descriptor: &str, line: u32) -> Result<(&str, &str), Wrong> {
    let after = usize::from(descriptor.starts_with('@'));
    let at = descriptor.get(after..).and_then(|rest| rest.find('@')).map(|at| at + after);
    at.and_then(|at| Some((descriptor.get(..at)?, descriptor.get(at + 1..)?)))
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| Wrong::malformed(line, format!("`{}` is not `name@range`", shown(descriptor))))
}

fn entries(text: &str) -> Result<Vec<Entry>, Wrong> {
    let mut entries: Vec<Entry> = Vec::new();
    // Whether indented pairs are what the entry needs.
    let mut in_needs = false;
    for (index, raw) in text.lines().enumerate() {
        let line = tree::to_line(index + 1);
        let trimmed = raw.trim_start_matches(' ');
        let depth = raw.len() - trimmed.len();
        let trimmed = trimmed.trim_end();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        if depth == 0 {
            let Some(head) = trimmed.strip_suffix(':') else {
                return Err(Wrong::malformed(line, "an entry begins with its descriptors and a colon"));
            };
            let mut descriptors = Vec::new();
            let mut rest = head;
            while !rest.is_empty() {
                let (word, after) = word(rest, line, ',')?;
                descriptors.push(word);
                rest = after.trim_start().strip_prefix(',').unwrap_or(after).trim_start();
            }
            entries.push(Entry { line, descriptors, ..Entry::default() });
            in_needs = false;
            continue;
        }
        let Some(entry) = entries.last_mut() else {
            return Err(Wrong::malformed(line, "a property before the first entry"));
        };
        if depth < 4
            && let Some(section) = trimmed.strip_suffix(':')
        {
            in_needs = matches!(section, "dependencies" | "optionalDependencies");
            continue;
        }
        let (key, rest) = word(trimmed, line, ' ')?;
        let (value, rest) = word(rest.trim_start(), line, ' ')?;
        match (depth >= 4, key.as_str()) {
            (true, _) if in_needs => entry.needs.push(format!("{key}@{value}")),
            (false, "version") => entry.version = Some(value),
            (false, "resolved") => entry.resolved = Some(value),
            (false, "integrity") => entry.digests = sri::digests(&format!("{value} {rest}"), line)?,
            _ => {}
        }
    }
    Ok(entries)
}

/// A word, in quotes or up to the separator, and the rest.
fn word(text: &str, line: u32, separator: char) -> Result<(String, &str), Wrong> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(separator).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        if word.is_empty() {
            return Err(Wrong::malformed(line, "a key without a value"));
        }
        return Ok((word.to_owned(), rest));
    };
    let mut word = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, character)) = chars.next() {
        match character {
            '"' => return Ok((word, quoted.get(at + 1..).unwrap_or_default())),
            '\\' => word.extend(chars.next().map(|(_, escaped)| escaped)),
            other => word.push(other),
        }
    }
    Err(Wrong::malformed(line, "a quote that does not close"))
}
