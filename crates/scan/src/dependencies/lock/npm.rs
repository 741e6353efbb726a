//! `package-lock.json` and `npm-shrinkwrap.json`, versions 1 to 3 (npm documentation, "package-lock.json").
//!
//! Versions 2 and 3 list places in `node_modules` under `packages`; a package is needed by what resolves to it as Node
//! does, from the needing place upwards. Version 1 nests `dependencies` as they are installed.

use std::collections::HashMap;

use super::{Found, Wrong, named, sri};
use crate::dependencies::error::shown;
use crate::dependencies::tree::{self, Node};
use crate::dependencies::{Ecosystem, Relation, Scope};

/// How deep places may nest.
const MAX_NESTING: usize = 64;
const INTO: &str = "node_modules/";

pub(super) fn read(bytes: &[u8], found: &mut Found<'_>) -> Result<(), Wrong> {
    let root = tree::json(bytes)?;
    match root.get("lockfileVersion").map(|version| (version.text().unwrap_or_default(), version.line)) {
        Some(("2" | "3", _)) => packages(&root, found),
        Some(("1", _)) => first(&root, found),
        Some((other, line)) => Err(Wrong::version(line, "package-lock.json", other)),
        // A shrinkwrap of old has no version.
        None if root.get("packages").is_some() => packages(&root, found),
        None if root.get("dependencies").is_some() => first(&root, found),
        None => Err(Wrong::malformed(root.line, "`lockfileVersion` is missing")),
    }
}

/// Versions 2 and 3.
fn packages(root: &Node, found: &mut Found<'_>) -> Result<(), Wrong> {
    let Some(packages) = root.get("packages") else {
        return Err(Wrong::malformed(root.line, "`packages` is missing"));
    };
    let packages = packages.members_here("packages")?;
    // Where links lead, and the positions of what is installed.
    let mut positions: HashMap<&str, u32> = HashMap::new();
    for (path, (line, package)) in packages {
        package.members_here(path)?;
        let Some(at) = path.rfind(INTO) else { continue };
        if path.matches(INTO).count() > MAX_NESTING {
            return Err(Wrong::limit(*line, MAX_NESTING as u64, "levels of node_modules"));
        }
        if package.flag("link") {
            continue;
        }
        let installed = path.get(at + INTO.len()..).unwrap_or_default();
        let name = package.text_of("name").unwrap_or(installed);
        let version = package.text_of("version");
        let (position, component) = found.add(Ecosystem::Npm, name, version, *line)?;
        component.digests = match package.get("integrity") {
            Some(integrity) => sri::digests(integrity.text().unwrap_or_default(), integrity.line)?,
            None => Vec::new(),
        };
        component.origin = origin(package.text_of("resolved"), *line)?;
        component.scope = if package.flag("dev") { Scope::Development } else { Scope::Runtime };
        positions.insert(path, position);
    }
    let mut direct = Vec::new();
    for (path, (_, package)) in packages {
        let own = positions.get(&**path).copied();
        for kind in ["dependencies", "optionalDependencies", "peerDependencies", "devDependencies"] {
            // What an installed package needs for its own development is not installed.
            if own.is_some() && kind == "devDependencies" {
                continue;
            }
            for name in package.members(kind)?.keys() {
                let Some(other) = resolve(path, name, &positions) else { continue };
                match own {
                    Some(own) => found.requires(own, other),
                    None if !package.flag("link") => direct.push(other),
                    None => {}
                }
            }
        }
    }
    found.relate(&direct);
    Ok(())
}

/// The installed package that `name` means in the package at `path`.
fn resolve(path: &str, name: &str, positions: &HashMap<&str, u32>) -> Option<u32> {
    let mut base = path;
    loop {
        let candidate = if base.is_empty() { format!("{INTO}{name}") } else { format!("{base}/{INTO}{name}") };
        if let Some(position) = positions.get(candidate.as_str()) {
            return Some(*position);
        }
        if base.is_empty() {
            return None;
        }
        // One level up: before the last `node_modules`, or from a workspace to the root.
        base = base.rfind(INTO).map_or("", |at| base.get(..at).unwrap_or_default().trim_end_matches('/'));
    }
}

/// Version 1.
fn first(root: &Node, found: &mut Found<'_>) -> Result<(), Wrong> {
    let mut scopes = vec![HashMap::new()];
    let mut needs = Vec::new();
    nested(root, &mut scopes, &mut needs, found)?;
    for (position, names) in needs {
        for other in names {
            found.requires(position, other);
        }
    }
    let mut needed = vec![false; found.components.len()];
    for other in found.components.iter().flat_map(|component| &component.requires) {
        if let Some(needed) = usize::try_from(*other).ok().and_then(|other| needed.get_mut(other)) {
            *needed = true;
        }
    }
    // Something asked for each package: where it was no other package, it was the app.
    for (component, needed) in found.components.iter_mut().zip(needed) {
        if !needed && component.relation == Relation::Unknown {
            component.relation = Relation::Direct;
        }
    }
    Ok(())
}

/// Reads one level and gives the positions in it. Its depth is that of the tree, which is bounded.
fn nested<'a>(
    node: &'a Node,
    scopes: &mut Vec<HashMap<&'a str, u32>>,
    needs: &mut Vec<(u32, Vec<u32>)>,
    found: &mut Found<'_>,
) -> Result<HashMap<&'a str, u32>, Wrong> {
    let level = node.members("dependencies")?;
    let mut here = HashMap::with_capacity(level.len());
    for (key, (line, package)) in level {
        package.members_here(key)?;
        let written = package.required("version")?;
        let (name, version) = match written.strip_prefix("npm:").and_then(|alias| alias.rsplit_once('@')) {
            Some((name, version)) if !name.is_empty() => (name, Some(version)),
            _ if written.contains([':', '/']) => (&**key, None),
            _ => (&**key, Some(written)),
        };
        let (position, component) = found.add(Ecosystem::Npm, name, version, *line)?;
        if version.is_none() {
            named(written, *line)?;
            component.origin = Some(written.to_owned());
        } else {
            component.origin = origin(package.text_of("resolved"), *line)?;
        }
        component.digests = match package.get("integrity") {
            Some(integrity) => sri::digests(integrity.text().unwrap_or_default(), integrity.line)?,
            None => Vec::new(),
        };
        component.scope = if package.flag("dev") { Scope::Development } else { Scope::Runtime };
        if scopes.len() > 1 {
            component.relation = Relation::Transitive;
        }
        here.insert(&**key, position);
    }
    scopes.push(here);
    for (key, (_, package)) in level {
        let inner = nested(package, scopes, needs, found)?;
        let own = scopes.last().and_then(|here| here.get(&**key)).copied();
        if let (Some(own), Some(requires)) = (own, package.get("requires").and_then(Node::map)) {
            let installed = |name: &str| {
                let outer = || scopes.iter().rev().find_map(|scope| scope.get(name));
                inner.get(name).or_else(outer).copied()
            };
            needs.push((own, requires.keys().filter_map(|name| installed(name)).collect()));
        }
    }
    Ok(scopes.pop().unwrap_or_default())
}

/// Where a package comes from, when not from the public registry.
fn origin(resolved: Option<&str>, line: u32) -> Result<Option<String>, Wrong> {
    let Some(resolved) = resolved.filter(|resolved| !resolved.is_empty()) else { return Ok(None) };
    if resolved.len() > super::MAX_TEXT {
        return Err(Wrong::malformed(line, format!("the address `{}` is too long", shown(resolved))));
    }
    let public = ["https://registry.npmjs.org/", "https://registry.yarnpkg.com/"];
    Ok((!public.iter().any(|registry| resolved.starts_with(registry))).then(|| resolved.to_owned()))
}
