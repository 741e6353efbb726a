//! A bill of materials in `CycloneDX` 1.6 (ECMA-424), as JSON: components with package URLs, digests and where they were
//! seen; who needs whom; and known vulnerabilities with ratings and whether the app's code reaches them.
//!
//! The serial number is made of the content, and there is no time but the one that is given: the same app gives the same
//! bytes.

mod document;

use testudo_crypto::digest::sha256;

use super::{Component, Relation, Vulnerability};
use document::{App, Bom, Dependency, Entry, Flaw, Metadata};

/// The app that the document is about.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Subject {
    /// Its name: the application id or bundle identifier.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// The SHA-256 digest of its package, in lower-case hexadecimal.
    pub sha256: Option<String>,
    /// When the document is made, as RFC 3339 (`2026-01-31T12:00:00Z`); no time without it.
    pub timestamp: Option<String>,
    /// What could not be read, each with its place. The document then says that it is incomplete.
    pub faults: Vec<String>,
}

/// Writes the document. `Vulnerability::component` refers to `components`.
pub fn sbom(subject: &Subject, components: &[Component], vulnerabilities: &[Vulnerability]) -> String {
    let refs = references(components);
    let of = |position: u32| usize::try_from(position).ok().and_then(|index| refs.get(index)).map(String::as_str);
    let root = "app".to_owned();
    let mut dependencies = Vec::with_capacity(components.len() + 1);
    let direct = components.iter().zip(&refs).filter(|(component, _)| component.relation != Relation::Transitive);
    dependencies.push(Dependency { of: &root, on: sorted(direct.map(|(_, name)| name.as_str()).collect()) });
    for (component, name) in components.iter().zip(&refs) {
        let on = sorted(component.requires.iter().filter_map(|other| of(*other)).collect());
        dependencies.push(Dependency { of: name, on });
    }
    let mut bom = Bom {
        format: "CycloneDX",
        spec_version: "1.6",
        serial_number: String::new(),
        version: 1,
        metadata: Metadata::of(subject, App::of(subject, &root)),
        components: components.iter().zip(&refs).map(|(component, name)| Entry::of(component, name)).collect(),
        dependencies,
        compositions: document::compositions(subject, &root),
        vulnerabilities: flaws(vulnerabilities, &of),
    };
    let body = serde_json::to_vec(&bom).unwrap_or_default();
    bom.serial_number = serial(&body);
    let mut text = serde_json::to_string_pretty(&bom).unwrap_or_default();
    text.push('\n');
    text
}

/// Names that are unique in the document: the package URL, with a number where two components share it.
fn references(components: &[Component]) -> Vec<String> {
    let mut seen = std::collections::HashMap::new();
    let names = components.iter().map(Component::purl);
    names
        .map(|purl| {
            let count = seen.entry(purl.clone()).or_insert(0u32);
            *count += 1;
            if *count == 1 { purl } else { format!("{purl}#{count}") }
        })
        .collect()
}

fn sorted(mut names: Vec<&str>) -> Vec<&str> {
    names.sort_unstable();
    names.dedup();
    names
}

/// One entry for each vulnerability of each component, in the order that is given.
fn flaws<'a>(vulnerabilities: &'a [Vulnerability], of: &impl Fn(u32) -> Option<&'a str>) -> Vec<Flaw<'a>> {
    vulnerabilities.iter().filter_map(|one| of(one.component).map(|name| Flaw::of(one, name))).collect()
}

/// A UUID of version 8 (RFC 9562) out of the content's digest.
fn serial(body: &[u8]) -> String {
    let digest = sha256(body);
    let mut uuid = [0u8; 16];
    uuid.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    uuid[6] = uuid[6] & 0x0f | 0x80;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    let hex = data_encoding::HEXLOWER.encode(&uuid);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("urn:uuid:{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}
