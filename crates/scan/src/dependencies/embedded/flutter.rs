//! What Flutter builds leave in `flutter_assets`: notices with the names of all packages, assets of packages under
//! `packages/NAME/`, and the engine's revision in its library.

use std::collections::BTreeSet;

use super::{Component, MAX_TEXT, Source, found};
use crate::dependencies::Ecosystem;

/// A rule of the notices: 80 hyphens.
const RULE: &str = "--------------------------------------------------------------------------------";

pub(super) fn wants(path: &str) -> bool {
    let Some((_, name)) = path.rsplit_once("flutter_assets/") else { return false };
    matches!(name, "NOTICES" | "AssetManifest.json" | "AssetManifest.bin" | "FontManifest.json") || name == "NOTICES.Z"
}

/// The names of packages; their versions are not there. A compressed file is read by the caller, who gives it here
/// unpacked under the same path.
pub(super) fn read(path: &str, bytes: &[u8]) -> Vec<Component> {
    let text = String::from_utf8_lossy(bytes.get(..MAX_TEXT).unwrap_or(bytes));
    let mut names = BTreeSet::new();
    if path.ends_with("NOTICES") || path.ends_with("NOTICES.Z") {
        notices(&text, &mut names);
    } else {
        manifest(&text, &mut names);
    }
    names.into_iter().map(|name| found(Ecosystem::Pub, name, None, path, Source::Embedded)).collect()
}

/// Sections begin with names of packages, each on its line, up to an empty one.
fn notices<'a>(text: &'a str, names: &mut BTreeSet<&'a str>) {
    let mut in_names = true;
    for line in text.lines() {
        let line = line.trim_end();
        if line == RULE {
            in_names = true;
        } else if line.is_empty() {
            in_names = false;
        } else if in_names && is_package(line) && !ENGINE.contains(&line) {
            names.insert(line);
        }
    }
}

/// Assets of packages stand under `packages/NAME/`.
fn manifest<'a>(text: &'a str, names: &mut BTreeSet<&'a str>) {
    for (at, lead) in text.match_indices("packages/") {
        let rest = text.get(at + lead.len()..).unwrap_or_default();
        if let Some((name, _)) = rest.split_once('/').filter(|(name, _)| name.len() <= 64 && is_package(name)) {
            names.insert(name);
        }
    }
}

/// Parts of the engine that have notices but are no packages of pub.
const ENGINE: &[&str] = &[
    "abseil-cpp",
    "accessibility",
    "angle",
    "base",
    "boringssl",
    "cpu_features",
    "dart",
    "engine",
    "etc1",
    "expat",
    "fallback_root_certificates",
    "flatbuffers",
    "freetype2",
    "fuchsia_sdk",
    "glfw",
    "harfbuzz",
    "icu",
    "libpng",
    "libwebp",
    "rapidjson",
    "skia",
    "txt",
    "vulkan",
    "zlib",
];

/// A name of pub: small letters, digits and underscores, no digit first.
fn is_package(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
