//! `gradle/libs.versions.toml`, a version catalog (Gradle user manual, "Version Catalogs"): what an app asks for. The
//! version that is resolved may be higher, so lock files are better where they exist.

use super::{Found, Wrong};
use crate::dependencies::error::shown;
use crate::dependencies::tree::{self, Data, Map, Node};
use crate::dependencies::{Ecosystem, Relation, Scope};

pub(super) fn read(bytes: &[u8], found: &mut Found<'_>) -> Result<(), Wrong> {
    let root = tree::toml(bytes)?;
    let versions = root.members("versions")?;
    for (alias, (line, library)) in root.members("libraries")? {
        let (name, version) = match &library.data {
            Data::Text(text) => {
                let mut parts = text.splitn(3, ':');
                match (parts.next(), parts.next(), parts.next()) {
                    (Some(group), Some(artifact), version) if !group.is_empty() && !artifact.is_empty() => {
                        (format!("{group}:{artifact}"), version.and_then(exact))
                    }
                    _ => return Err(library.expected(alias, "`group:artifact:version`")),
                }
            }
            Data::Map(_) => {
                let name = match library.text_of("module") {
                    Some(module) if module.split(':').count() == 2 => module.to_owned(),
                    Some(_) => return Err(library.expected(alias, "a library with `module = \"group:artifact\"`")),
                    None => format!("{}:{}", library.required("group")?, library.required("name")?),
                };
                (name, version_of(library, versions)?)
            }
            _ => return Err(library.expected(alias, "a library")),
        };
        let (_, component) = found.add(Ecosystem::Maven, &name, version, *line)?;
        component.relation = Relation::Direct;
    }
    for (alias, (line, plugin)) in root.members("plugins")? {
        let (id, version) = match &plugin.data {
            Data::Text(text) => match text.split_once(':') {
                Some((id, version)) if !id.is_empty() => (id, exact(version)),
                _ => return Err(plugin.expected(alias, "`id:version`")),
            },
            Data::Map(_) => (plugin.required("id")?, version_of(plugin, versions)?),
            _ => return Err(plugin.expected(alias, "a plugin")),
        };
        let (_, component) = found.add(Ecosystem::Maven, &format!("{id}:{id}.gradle.plugin"), version, *line)?;
        component.relation = Relation::Direct;
        component.scope = Scope::Build;
    }
    Ok(())
}

/// The version of a library or plugin: its own, or that of the alias it refers to.
fn version_of<'a>(owner: &'a Node, versions: &'a Map) -> Result<Option<&'a str>, Wrong> {
    let Some(version) = owner.get("version") else { return Ok(None) };
    let Some(reference) = version.text_of("ref") else { return Ok(rich(version)) };
    match versions.get(reference) {
        Some((_, version)) => Ok(rich(version)),
        None => Err(Wrong::malformed(version.line, format!("there is no version `{}`", shown(reference)))),
    }
}

/// The one version that a plain or rich version asks for.
fn rich(version: &Node) -> Option<&str> {
    match version.text() {
        Some(text) => exact(text),
        None => ["prefer", "strictly", "require"].iter().find_map(|key| version.text_of(key).and_then(exact)),
    }
}

/// Only an exact version tells which one it is; `1.+`, `[1,2)` and `latest.release` do not. `1.2!!` is strictly 1.2.
fn exact(text: &str) -> Option<&str> {
    let text = text.trim();
    let text = text.split_once("!!").map_or(text, |(strict, _)| strict);
    let open = text.is_empty() || text.contains(['+', '[', ']', '(', ')', ',']) || text.starts_with("latest.");
    (!open).then_some(text)
}
