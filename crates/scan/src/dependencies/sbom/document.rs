//! The parts of a `CycloneDX` document.

use serde::Serialize;

use super::Subject;
use crate::dependencies::{Component, Digest, Ecosystem, Reach, Relation, Scope, Vulnerability};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bom<'a> {
    #[serde(rename = "bomFormat")]
    pub format: &'static str,
    pub spec_version: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub serial_number: String,
    pub version: u32,
    pub metadata: Metadata<'a>,
    pub components: Vec<Entry<'a>>,
    pub dependencies: Vec<Dependency<'a>>,
    pub compositions: Vec<Composition<'a>>,
    pub vulnerabilities: Vec<Flaw<'a>>,
}

#[derive(Serialize)]
pub(super) struct Metadata<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<&'a str>,
    tools: Tools,
    component: App<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property>,
}

#[derive(Serialize)]
struct Tools {
    components: [Tool; 1],
}

#[derive(Serialize)]
struct Tool {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'static str,
    version: &'static str,
}

impl<'a> Metadata<'a> {
    pub(super) fn of(subject: &'a Subject, component: App<'a>) -> Metadata<'a> {
        let tool = Tool { kind: "application", name: "testudo", version: env!("CARGO_PKG_VERSION") };
        let faults = subject.faults.iter().map(|fault| property("testudo:incomplete", fault)).collect();
        Metadata {
            timestamp: subject.timestamp.as_deref(),
            tools: Tools { components: [tool] },
            component,
            properties: faults,
        }
    }
}

/// The app itself.
#[derive(Serialize)]
pub(super) struct App<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref")]
    reference: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash<'a>>,
}

impl<'a> App<'a> {
    pub(super) fn of(subject: &'a Subject, reference: &'a str) -> App<'a> {
        let hashes = subject.sha256.as_deref().map(|content| Hash { algorithm: "SHA-256", content });
        App {
            kind: "application",
            reference,
            name: &subject.name,
            version: subject.version.as_deref(),
            hashes: hashes.into_iter().collect(),
        }
    }
}

#[derive(Serialize)]
struct Hash<'a> {
    #[serde(rename = "alg")]
    algorithm: &'static str,
    content: &'a str,
}

#[derive(Serialize)]
struct Property {
    name: &'static str,
    value: String,
}

fn property(name: &'static str, value: &str) -> Property {
    Property { name, value: value.to_owned() }
}

/// A component.
#[derive(Serialize)]
pub(super) struct Entry<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref")]
    reference: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash<'a>>,
    purl: String,
    evidence: Evidence<'a>,
    properties: Vec<Property>,
}

#[derive(Serialize)]
struct Evidence<'a> {
    identity: [Identity<'a>; 1],
    occurrences: Vec<Occurrence<'a>>,
}

#[derive(Serialize)]
struct Identity<'a> {
    field: &'static str,
    confidence: f64,
    methods: [Method<'a>; 1],
}

#[derive(Serialize)]
struct Method<'a> {
    technique: &'static str,
    confidence: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
}

#[derive(Serialize)]
struct Occurrence<'a> {
    location: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u32>,
}

impl<'a> Entry<'a> {
    pub(super) fn of(component: &'a Component, reference: &'a str) -> Entry<'a> {
        let (group, name) = match component.ecosystem {
            Ecosystem::Maven => split(&component.name, ':'),
            Ecosystem::Npm | Ecosystem::SwiftUrl | Ecosystem::Carthage => split(&component.name, '/'),
            _ => (None, component.name.as_str()),
        };
        let source = component.source();
        let confidence = f64::from(source.percent()) / 100.0;
        let value = component.places.first().map(|place| place.file.as_str());
        let method = Method { technique: source.technique(), confidence, value };
        let binary = |place: &crate::dependencies::Place| place.source == crate::dependencies::Source::Text;
        let occurrences = component.places.iter().map(|place| Occurrence {
            location: &place.file,
            line: place.line.filter(|_| !binary(place)),
            offset: place.line.filter(|_| binary(place)),
        });
        let mut properties = vec![property("testudo:ecosystem", component.ecosystem.name())];
        properties.push(property("testudo:scope", component.scope.name()));
        properties.push(property(
            "testudo:relation",
            match component.relation {
                Relation::Direct => "direct",
                Relation::Transitive => "transitive",
                Relation::Unknown => "unknown",
            },
        ));
        properties.extend(component.origin.as_deref().map(|origin| property("testudo:origin", origin)));
        Entry {
            kind: if component.ecosystem == Ecosystem::Framework { "framework" } else { "library" },
            reference,
            group,
            name,
            version: component.version.as_deref(),
            scope: match component.scope {
                Scope::Runtime => Some("required"),
                Scope::Unknown => None,
                Scope::Build | Scope::Development => Some("excluded"),
            },
            hashes: component.digests.iter().map(hash).collect(),
            purl: component.purl(),
            evidence: Evidence {
                identity: [Identity { field: "purl", confidence, methods: [method] }],
                occurrences: occurrences.collect(),
            },
            properties,
        }
    }
}

fn split(name: &str, at: char) -> (Option<&str>, &str) {
    name.rsplit_once(at).map_or((None, name), |(group, name)| (Some(group), name))
}

fn hash(digest: &Digest) -> Hash<'_> {
    Hash { algorithm: digest.algorithm.name(), content: &digest.hex }
}

/// Who needs whom.
#[derive(Serialize)]
pub(super) struct Dependency<'a> {
    #[serde(rename = "ref")]
    pub of: &'a str,
    #[serde(rename = "dependsOn", skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<&'a str>,
}

/// How complete the list is.
#[derive(Serialize)]
pub(super) struct Composition<'a> {
    aggregate: &'static str,
    assemblies: [&'a str; 1],
}

pub(super) fn compositions<'a>(subject: &Subject, root: &'a str) -> Vec<Composition<'a>> {
    let aggregate = if subject.faults.is_empty() { "unknown" } else { "incomplete" };
    vec![Composition { aggregate, assemblies: [root] }]
}

/// A vulnerability of one component.
#[derive(Serialize)]
pub(super) struct Flaw<'a> {
    #[serde(rename = "bom-ref")]
    reference: String,
    id: &'a str,
    source: Origin,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    references: Vec<Reference<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ratings: Vec<Rating<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cwes: Vec<u32>,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    recommendation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    published: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated: Option<String>,
    analysis: Analysis,
    affects: [Affects<'a>; 1],
    properties: Vec<Property>,
}

#[derive(Serialize)]
struct Origin {
    name: &'static str,
    url: String,
}

#[derive(Serialize)]
struct Reference<'a> {
    id: &'a str,
    source: Origin,
}

#[derive(Serialize)]
struct Rating<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    severity: &'static str,
    method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    vector: Option<&'a str>,
}

#[derive(Serialize)]
struct Analysis {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    justification: Option<&'static str>,
    detail: &'static str,
}

#[derive(Serialize)]
struct Affects<'a> {
    #[serde(rename = "ref")]
    of: &'a str,
}

impl<'a> Flaw<'a> {
    pub(super) fn of(one: &'a Vulnerability, component: &'a str) -> Flaw<'a> {
        let rating = one.level.map(|level| Rating {
            score: one.score.map(|tenths| f64::from(tenths) / 10.0),
            severity: level.name(),
            method: method(one.vector.as_deref()),
            vector: one.vector.as_deref(),
        });
        let mut properties =
            vec![property("testudo:reach", one.reach.name()), property("testudo:affected", &one.affected)];
        properties.extend(one.fixed.as_deref().map(|fixed| property("testudo:fixed", fixed)));
        Flaw {
            reference: format!("{}@{component}", one.id),
            id: &one.id,
            source: origin(&one.id),
            references: one.aliases.iter().map(|id| Reference { id, source: origin(id) }).collect(),
            ratings: rating.into_iter().collect(),
            cwes: one.weaknesses.clone(),
            description: &one.summary,
            recommendation: one.fixed.as_deref().map(|fixed| format!("Update to {fixed} or later.")),
            published: (one.published > 0).then(|| time(one.published)).flatten(),
            updated: (one.modified > 0).then(|| time(one.modified)).flatten(),
            analysis: analysis(one.reach),
            affects: [Affects { of: component }],
            properties,
        }
    }
}

/// What the reachability says in the words of VEX.
fn analysis(reach: Reach) -> Analysis {
    let (state, justification, detail) = match reach {
        Reach::Reached => ("in_triage", None, "Code of the component is reached from the app's entry points."),
        Reach::Unknown => ("in_triage", None, "Whether code of the component is reached is not known."),
        Reach::Unreached => (
            "not_affected",
            Some("code_not_reachable"),
            "No code of the component is reached from the app's entry points.",
        ),
        Reach::Absent => ("not_affected", Some("code_not_present"), "No code of the component is in the package."),
    };
    Analysis { state, justification, detail }
}

fn method(vector: Option<&str>) -> &'static str {
    let vector = vector.unwrap_or_default();
    if vector.starts_with("CVSS:4") {
        "CVSSv4"
    } else if vector.starts_with("CVSS:3.1") {
        "CVSSv31"
    } else if vector.starts_with("CVSS:3") {
        "CVSSv3"
    } else {
        "other"
    }
}

fn origin(id: &str) -> Origin {
    if id.starts_with("GHSA-") {
        Origin { name: "GitHub", url: format!("https://github.com/advisories/{}", path(id)) }
    } else if id.starts_with("CVE-") {
        Origin { name: "NVD", url: format!("https://nvd.nist.gov/vuln/detail/{}", path(id)) }
    } else {
        Origin { name: "OSV", url: format!("https://osv.dev/vulnerability/{}", path(id)) }
    }
}

/// The identifier as part of an address; what can't stand there is left out.
fn path(id: &str) -> String {
    id.chars().filter(|character| character.is_ascii_alphanumeric() || "-_.".contains(*character)).collect()
}

fn time(seconds: i64) -> Option<String> {
    jiff::Timestamp::from_second(seconds).ok().map(|time| time.to_string())
}
