//! `Cargo.lock`, versions 1 to 4.

use std::collections::HashMap;

use super::{Found, Wrong};
use crate::dependencies::error::shown;
use crate::dependencies::tree::{self, Node};
use crate::dependencies::{Algorithm, Digest, Ecosystem};

pub(super) fn read(bytes: &[u8], found: &mut Found<'_>) -> Result<(), Wrong> {
    let root = tree::toml(bytes)?;
    if let Some(version) = root.get("version") {
        let text = version.text().unwrap_or_default();
        if !matches!(text, "1" | "2" | "3" | "4") {
            return Err(Wrong::version(version.line, "Cargo.lock", text));
        }
    }
    let metadata = root.members("metadata")?;
    let packages = root.list("package")?;
    // Packages by name; a package of the workspace has no source and is the app itself.
    let mut by_name: HashMap<&str, Vec<(&Node, Option<u32>)>> = HashMap::new();
    let mut own = Vec::new();
    for package in packages {
        let (name, version) = (package.required("name")?, package.required("version")?);
        let position = match package.text_of("source") {
            None => {
                own.push(package);
                None
            }
            Some(source) => {
                let line = package.get("name").map_or(package.line, |name| name.line);
                let checksum = package
                    .text_of("checksum")
                    .or_else(|| metadata.get(format!("checksum {name} {version} ({source})").as_str())?.1.text());
                let digests = match checksum.filter(|checksum| *checksum != "<none>") {
                    Some(hex) => vec![
                        Digest::from_hex(Algorithm::Sha256, hex)
                            .ok_or_else(|| Wrong::malformed(line, format!("`{}` is no SHA-256 digest", shown(hex))))?,
                    ],
                    None => Vec::new(),
                };
                let (position, component) = found.add(Ecosystem::CratesIo, name, Some(version), line)?;
                component.digests = digests;
                component.origin = (!source.starts_with("registry+https://github.com/rust-lang/crates.io-index")
                    && !source.starts_with("sparse+https://index.crates.io"))
                .then(|| source.to_owned());
                Some(position)
            }
        };
        by_name.entry(name).or_default().push((package, position));
    }
    let mut direct = Vec::new();
    for package in &own {
        direct.extend(needs(package, &by_name)?);
    }
    if !own.is_empty() {
        found.relate(&direct);
    }
    for package in by_name.values().flatten() {
        if let (package, Some(position)) = package {
            for other in needs(package, &by_name)? {
                found.requires(*position, other);
            }
        }
    }
    Ok(())
}

/// What a package needs: `name`, `name version` or `name version (source)`.
fn needs(package: &Node, by_name: &HashMap<&str, Vec<(&Node, Option<u32>)>>) -> Result<Vec<u32>, Wrong> {
    let mut needs = Vec::new();
    for need in package.list("dependencies")? {
        let text = need.text().ok_or_else(|| need.expected("dependencies", "the name of a package"))?;
        let mut words = text.splitn(3, ' ');
        let (name, version, source) = (words.next().unwrap_or_default(), words.next(), words.next());
        let source = source.and_then(|source| source.strip_prefix('(')?.strip_suffix(')'));
        let candidates = by_name.get(name).map(Vec::as_slice).unwrap_or_default();
        // Without a version the name is alone in the file; the bound keeps a crafted file linear.
        let chosen = candidates.iter().take(64).find(|(candidate, _)| {
            version.is_none_or(|version| candidate.text_of("version") == Some(version))
                && source.is_none_or(|source| candidate.text_of("source") == Some(source))
        });
        needs.extend(chosen.and_then(|(_, position)| *position));
    }
    Ok(needs)
}
