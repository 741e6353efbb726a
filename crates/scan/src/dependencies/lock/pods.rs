//! `Podfile.lock` of `CocoaPods`. Subspecs (`Name/Part`) belong to the component of their pod.

use std::collections::HashMap;

use super::{Found, Wrong};
use crate::dependencies::error::shown;
use crate::dependencies::tree::{self, Data, Node};
use crate::dependencies::{Ecosystem, Relation};

pub(super) fn read(bytes: &[u8], found: &mut Found<'_>) -> Result<(), Wrong> {
    let documents = tree::yaml(bytes)?;
    let Some(root) = documents.first() else { return Err(Wrong::malformed(1, "the file is empty")) };
    if root.get("PODS").is_none() && root.get("PODFILE CHECKSUM").is_none() {
        return Err(Wrong::malformed(root.line, "`PODS` is missing"));
    }
    let mut positions = HashMap::new();
    let mut needs = Vec::new();
    for entry in root.list("PODS")? {
        let (head, requires): (&str, &[Node]) = match &entry.data {
            Data::Text(text) => (text, &[]),
            Data::Map(map) => match map.first() {
                Some((head, (_, requires))) if map.len() == 1 => (head, requires.each()),
                _ => return Err(entry.expected("PODS", "one pod with its needs")),
            },
            _ => return Err(entry.expected("PODS", "a pod")),
        };
        let parsed = head.strip_suffix(')').and_then(|head| head.split_once(" ("));
        let Some((name, version)) = parsed else {
            return Err(Wrong::malformed(entry.line, format!("`{}` is not `Name (version)`", shown(head))));
        };
        let version = version.strip_prefix("HEAD based on ").unwrap_or(version);
        let pod = pod_of(name);
        let position = if let Some(position) = positions.get(pod) {
            *position
        } else {
            let (position, _) = found.add(Ecosystem::CocoaPods, pod, Some(version), entry.line)?;
            positions.insert(pod, position);
            position
        };
        needs.push((position, requires));
    }
    for (position, requires) in needs {
        for need in requires {
            let text = need.text().ok_or_else(|| need.expected("PODS", "the name of a pod"))?;
            if let Some(other) = positions.get(pod_of(name_of(text))) {
                found.requires(position, *other);
            }
        }
    }
    let mut direct = Vec::new();
    for dependency in root.list("DEPENDENCIES")? {
        let text = dependency.text().ok_or_else(|| dependency.expected("DEPENDENCIES", "the name of a pod"))?;
        direct.extend(positions.get(pod_of(name_of(text))));
    }
    if root.get("DEPENDENCIES").is_some() {
        found.relate(&direct);
    }
    let checkouts = root.members("CHECKOUT OPTIONS")?;
    for (name, (_, options)) in root.members("EXTERNAL SOURCES")?.iter().chain(checkouts) {
        let Some(position) = positions.get(pod_of(name)).copied() else { continue };
        let Some(component) = found.get(position) else { continue };
        component.origin = origin(options).or_else(|| component.origin.take());
        if component.relation == Relation::Unknown {
            component.relation = Relation::Direct;
        }
    }
    Ok(())
}

/// `Name` of `Name/Part`.
fn pod_of(name: &str) -> &str {
    name.split_once('/').map_or(name, |(pod, _)| pod)
}

/// `Name` of `Name (~> 1.2)`.
fn name_of(text: &str) -> &str {
    text.split_once(" (").map_or(text, |(name, _)| name)
}

/// Where a pod comes from that is in no repository of specifications.
fn origin(options: &Node) -> Option<String> {
    let option = |key: &str| options.text_of(key);
    if let Some(git) = option(":git") {
        let at = [":commit", ":tag", ":branch"].iter().find_map(|key| option(key));
        return Some(at.map_or_else(|| git.to_owned(), |at| format!("{git}#{at}")));
    }
    option(":path").or_else(|| option(":podspec")).or_else(|| option(":http")).map(str::to_owned)
}
