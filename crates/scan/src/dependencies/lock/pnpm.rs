//! `pnpm-lock.yaml`, versions 5 to 9.
//!
//! Packages are keyed by `/name/1.2.3_peers` (5), `/name@1.2.3(peers)` (6) and `name@1.2.3` (9, where `snapshots` holds the
//! needs, keyed with peers). Importers tell what the app names itself.

use std::collections::HashMap;

use super::{Found, Wrong, sri};
use crate::dependencies::error::shown;
use crate::dependencies::tree::{self, Map, Node};
use crate::dependencies::{Ecosystem, Scope};

pub(super) fn read(bytes: &[u8], found: &mut Found<'_>) -> Result<(), Wrong> {
    let documents = tree::yaml(bytes)?;
    // A first document may lock the package manager itself.
    let Some(root) = documents.last() else { return Err(Wrong::malformed(1, "the file is empty")) };
    let written = root.required("lockfileVersion")?;
    let major = written.split(['.', '-']).next().unwrap_or_default();
    let keys = match major {
        "5" => Keys::Slash,
        "6" | "9" => Keys::At,
        _ => return Err(Wrong::version(root.line, "pnpm-lock.yaml", written)),
    };
    let packages = root.members("packages")?;
    let snapshots = if major == "9" { root.members("snapshots")? } else { packages };
    // Positions by key without peers; one component for all its snapshots.
    let mut positions: HashMap<String, u32> = HashMap::new();
    for (key, (line, package)) in packages.iter().chain(snapshots) {
        let Some(id) = keys.read(key) else {
            return Err(Wrong::malformed(*line, format!("`{}` is no key of a package", shown(key))));
        };
        let position = if let Some(position) = positions.get(&id.key) {
            *position
        } else {
            let name = package.text_of("name").unwrap_or(&id.name);
            let version = package.text_of("version").or(id.version.as_deref());
            let (position, component) = found.add(Ecosystem::Npm, name, version, *line)?;
            if id.version.is_none() {
                component.origin = Some(id.key.clone());
            }
            positions.insert(id.key, position);
            position
        };
        describe(package, position, found)?;
    }
    for (key, (_, package)) in snapshots {
        let Some(position) = keys.read(key).and_then(|id| positions.get(&id.key).copied()) else { continue };
        for other in needs(package, &["dependencies", "optionalDependencies"], &keys, &positions)? {
            found.requires(position, other);
        }
    }
    relate(root, major, &keys, &positions, found)
}

/// Digest and scope, as far as this entry has them.
fn describe(package: &Node, position: u32, found: &mut Found<'_>) -> Result<(), Wrong> {
    let resolution = package.get("resolution");
    let digests = match resolution.and_then(|resolution| resolution.get("integrity")) {
        Some(integrity) => sri::digests(integrity.text().unwrap_or_default(), integrity.line)?,
        None => Vec::new(),
    };
    let tarball = resolution.and_then(|resolution| resolution.text_of("tarball"));
    if let Some(component) = found.get(position) {
        if !digests.is_empty() {
            component.digests = digests;
        }
        if let Some(tarball) = tarball {
            component.origin = Some(tarball.to_owned());
        }
        if let Some(dev) = package.get("dev") {
            component.scope = if dev.is_true() { Scope::Development } else { Scope::Runtime };
        }
    }
    Ok(())
}

/// Tells what the importers name, and in version 9 what is reached from what is shipped.
fn relate(
    root: &Node,
    major: &str,
    keys: &Keys,
    positions: &HashMap<String, u32>,
    found: &mut Found<'_>,
) -> Result<(), Wrong> {
    let importers: Vec<&Node> = match root.get("importers") {
        Some(importers) => importers.members_here("importers")?.values().map(|(_, importer)| importer).collect(),
        None => vec![root],
    };
    let (mut shipped, mut direct) = (Vec::new(), Vec::new());
    for importer in importers {
        shipped.extend(needs(importer, &["dependencies", "optionalDependencies"], keys, positions)?);
        direct.extend(needs(importer, &["devDependencies"], keys, positions)?);
    }
    direct.extend(&shipped);
    found.relate(&direct);
    if major == "9" {
        found.reach(&shipped);
    }
    Ok(())
}

/// What the maps under these names lead to.
fn needs(owner: &Node, kinds: &[&str], keys: &Keys, positions: &HashMap<String, u32>) -> Result<Vec<u32>, Wrong> {
    let mut needs = Vec::new();
    for kind in kinds {
        let members: &Map = owner.members(kind)?;
        for (name, (_, value)) in members {
            // Importers of versions 6 and 9 write `{ specifier, version }`.
            let version = value.text().or_else(|| value.text_of("version")).unwrap_or_default();
            needs.extend(keys.target(name, version).and_then(|key| positions.get(&key)));
        }
    }
    Ok(needs)
}

/// How keys are written.
enum Keys {
    /// `/@scope/name/1.2.3_peer@1.0.0`.
    Slash,
    /// `/@scope/name@1.2.3(peer@1.0.0)`, and without the first slash from version 9.
    At,
}

struct Id {
    /// The key without peers and first slash.
    key: String,
    name: String,
    /// `None` for what is no version, such as an address.
    version: Option<String>,
}

impl Keys {
    fn read(&self, key: &str) -> Option<Id> {
        let bare = self.bare(key);
        let parts = match self {
            Keys::Slash => bare.rsplit_once('/'),
            // The `@` of a scope is the first character; an address may have more behind.
            Keys::At => bare.get(1..)?.find('@').and_then(|at| Some((bare.get(..=at)?, bare.get(at + 2..)?))),
        };
        let (name, version) = match parts {
            Some(parts) => parts,
            // A local package: `file:…`.
            None if bare.contains(':') => (bare, ""),
            None => return None,
        };
        let version = version.starts_with(|first: char| first.is_ascii_digit()).then(|| version.to_owned());
        let name = if name.is_empty() { bare } else { name };
        (!bare.is_empty()).then(|| Id { key: bare.to_owned(), name: name.to_owned(), version })
    }

    /// Without first slash and peers.
    fn bare<'a>(&self, key: &'a str) -> &'a str {
        let key = key.strip_prefix('/').unwrap_or(key);
        match self {
            Keys::Slash => {
                let from = key.rfind('/').unwrap_or_default();
                let end = key.get(from..).and_then(|last| last.find('_')).map(|at| at + from);
                end.and_then(|end| key.get(..end)).unwrap_or(key)
            }
            Keys::At => key.split_once('(').map_or(key, |(key, _)| key),
        }
    }

    /// The key that a need leads to: of `name: 1.2.3`, or of a whole key for an alias; `None` for what is the app's own.
    fn target(&self, name: &str, version: &str) -> Option<String> {
        if version.is_empty() || version.starts_with("link:") {
            return None;
        }
        if version.starts_with('/') {
            return Some(self.bare(version).to_owned());
        }
        match self {
            Keys::Slash if version.contains('/') => Some(self.bare(version).to_owned()),
            Keys::Slash => Some(self.bare(&format!("{name}/{version}")).to_owned()),
            Keys::At => {
                let bare = self.bare(version);
                // An alias writes the whole key.
                let whole = bare.get(1..).is_some_and(|rest| rest.contains('@'))
                    && !bare.starts_with(|first: char| first.is_ascii_digit());
                Some(if whole { bare.to_owned() } else { format!("{name}@{bare}") })
            }
        }
    }
}
