//! `gradle/verification-metadata.xml`: the digests of what a build may use (Gradle user manual, "Dependency
//! Verification").

use super::{Found, Wrong};
use crate::dependencies::tree::{self, Element};
use crate::dependencies::{Algorithm, Digest, Ecosystem};

pub(super) fn read(bytes: &[u8], found: &mut Found<'_>) -> Result<(), Wrong> {
    let root = tree::xml(bytes)?;
    if root.name != "verification-metadata" {
        return Err(Wrong::malformed(root.line, "the root element is not `verification-metadata`"));
    }
    let Some(components) = root.child("components") else { return Ok(()) };
    for element in components.all("component") {
        let required = |name: &str| {
            let value = element.attribute(name).filter(|value| !value.is_empty());
            value.ok_or_else(|| Wrong::malformed(element.line, format!("a component without `{name}`")))
        };
        let (group, name, version) = (required("group")?, required("name")?, required("version")?);
        let stem = format!("{name}-{version}.");
        let archive = element.all("artifact").find(|artifact| {
            let kind = artifact.attribute("name").and_then(|file| file.strip_prefix(stem.as_str()));
            kind.is_some_and(|kind| matches!(kind, "jar" | "aar" | "klib"))
        });
        let digests = archive.map(digests).transpose()?.unwrap_or_default();
        let (_, component) = found.add(Ecosystem::Maven, &format!("{group}:{name}"), Some(version), element.line)?;
        component.digests = digests;
    }
    Ok(())
}

fn digests(artifact: &Element) -> Result<Vec<Digest>, Wrong> {
    let mut digests = Vec::new();
    for child in &artifact.children {
        let algorithm = match child.name.as_str() {
            "md5" => Algorithm::Md5,
            "sha1" => Algorithm::Sha1,
            "sha256" => Algorithm::Sha256,
            "sha512" => Algorithm::Sha512,
            _ => continue,
        };
        let digest = child.attribute("value").and_then(|value| Digest::from_hex(algorithm, value));
        digests.push(digest.ok_or_else(|| {
            Wrong::malformed(
                child.line,
                format!("`{}` without the digits of a {} digest", child.name, algorithm.name()),
            )
        })?);
    }
    Ok(digests)
}
