//! `pubspec.lock` of Dart and Flutter.

use super::{Found, Wrong};
use crate::dependencies::error::shown;
use crate::dependencies::tree::{self, Node};
use crate::dependencies::{Algorithm, Digest, Ecosystem, Relation, Scope};

pub(super) fn read(bytes: &[u8], found: &mut Found<'_>) -> Result<(), Wrong> {
    let documents = tree::yaml(bytes)?;
    let Some(root) = documents.first() else { return Err(Wrong::malformed(1, "the file is empty")) };
    if root.get("packages").is_none() && root.get("sdks").is_none() {
        return Err(Wrong::malformed(root.line, "`packages` is missing"));
    }
    for (name, (line, package)) in root.members("packages")? {
        let (relation, scope) = match package.required("dependency")? {
            "direct main" => (Relation::Direct, Scope::Runtime),
            "direct dev" => (Relation::Direct, Scope::Development),
            "direct overridden" => (Relation::Direct, Scope::Unknown),
            "transitive" => (Relation::Transitive, Scope::Unknown),
            other => {
                let what = format!("`{}` is no kind of dependency", shown(other));
                return Err(Wrong::malformed(package.line, what));
            }
        };
        let (source, description) = (package.required("source")?, package.get("description"));
        // What belongs to the SDK has its version, not `0.0.0`.
        let version = if source == "sdk" { None } else { Some(package.required("version")?) };
        let digest = description.and_then(|description| description.text_of("sha256"));
        let digests = match digest.filter(|digest| !digest.is_empty()) {
            Some(hex) => vec![
                Digest::from_hex(Algorithm::Sha256, hex)
                    .ok_or_else(|| Wrong::malformed(package.line, format!("`{}` is no SHA-256 digest", shown(hex))))?,
            ],
            None => Vec::new(),
        };
        let (_, component) = found.add(Ecosystem::Pub, name, version, *line)?;
        component.relation = relation;
        component.scope = scope;
        component.digests = digests;
        component.origin = description.and_then(|description| origin(source, description));
    }
    Ok(())
}

fn origin(source: &str, description: &Node) -> Option<String> {
    match source {
        "git" => {
            let url = description.text_of("url")?;
            let at = description.text_of("resolved-ref").or_else(|| description.text_of("ref"));
            Some(at.map_or_else(|| url.to_owned(), |at| format!("{url}#{at}")))
        }
        "path" => description.text_of("path").map(str::to_owned),
        "hosted" => description
            .text_of("url")
            .filter(|url| !matches!(*url, "https://pub.dev" | "https://pub.dartlang.org"))
            .map(str::to_owned),
        _ => None,
    }
}
