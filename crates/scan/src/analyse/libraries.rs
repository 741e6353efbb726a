//! Libraries of the app: joined, held against the index of vulnerabilities, and told.

use testudo_core::{Confidence, Severity};
use testudo_package::program::{self, Program};

use super::Options;
use super::ledger::Ledger;
use crate::dependencies::{Component, Inventory, Level, Reach as CodeReach, Source, Vulnerability, matches};
use crate::report::{Evidence, Finding, Origin, Place, Reach};

/// What an app is built from, and what is known about it.
#[derive(Default)]
pub(super) struct Libraries {
    pub(super) components: Vec<Component>,
    pub(super) vulnerabilities: Vec<Vulnerability>,
    pub(super) findings: Vec<Finding>,
}

/// Joins lists of components and holds them against the index.
pub(super) fn known(
    lists: impl IntoIterator<Item = Vec<Component>>,
    options: &Options<'_>,
    reach: &dyn Fn(&str) -> CodeReach,
    ledger: &mut Ledger<'_>,
) -> Libraries {
    let mut inventory = Inventory::new();
    lists.into_iter().for_each(|list| inventory.add(list));
    let components = inventory.finish();
    let Some(index) = &options.index else { return Libraries { components, ..Libraries::default() } };
    match matches(&components, index, reach) {
        Ok(vulnerabilities) => {
            let rule = options.rules.get("dependency-vulnerable");
            let of = |one: &Vulnerability| {
                let component = components.get(usize::try_from(one.component).ok()?)?;
                Some(finding(rule?, component, one))
            };
            let findings = vulnerabilities.iter().filter_map(of).collect();
            Libraries { components, vulnerabilities, findings }
        }
        Err(error) => {
            ledger.gap("dependencies", error.to_string());
            Libraries { components, ..Libraries::default() }
        }
    }
}

/// Whether the classes below a prefix such as `okhttp3.` can run. Where there is none of them it can't be told: they may
/// have been renamed.
pub(super) fn reached(program: &Program<'_>, reach: &program::Reach, prefix: &str) -> CodeReach {
    let start = format!("L{}", prefix.replace('.', "/"));
    let mut there = false;
    for (_, class) in program.classes() {
        if program.descriptor(class.of).as_bytes().starts_with(start.as_bytes()) {
            there = true;
            if program.methods_in(class).any(|method| reach.contains(method)) {
                return CodeReach::Reached;
            }
        }
    }
    if there { CodeReach::Unreached } else { CodeReach::Unknown }
}

fn finding(rule: &crate::rule::Rule, component: &Component, known: &Vulnerability) -> Finding {
    let version = component.version.as_deref().unwrap_or("of unknown version");
    let cve = known.aliases.iter().find(|alias| alias.starts_with("CVE-")).unwrap_or(&known.id);
    let mended =
        known.fixed.as_ref().map_or("no version without it is known".to_owned(), |fixed| format!("mended in {fixed}"));
    let scored = known.score.map(|tenths| format!("CVSS {}.{}, ", tenths / 10, tenths % 10)).unwrap_or_default();
    let summary = if known.summary.is_empty() { String::new() } else { format!("{}: ", known.summary) };
    let shown = format!("{summary}{scored}affected {}, {mended} ({})", known.affected, known.id);
    let place =
        Place::Dependency { purl: component.purl(), file: component.places.first().map(|place| place.file.clone()) };
    let severity = match known.score.map(Level::of).or(known.level) {
        Some(Level::Critical) => Severity::Critical,
        Some(Level::High) => Severity::High,
        Some(Level::Medium) | None => Severity::Medium,
        Some(Level::Low) => Severity::Low,
        Some(Level::None) => Severity::Informational,
    };
    let confidence = match component.source() {
        Source::Locked | Source::Embedded => Confidence::High,
        Source::Text | Source::Declared => Confidence::Medium,
        Source::Classes => Confidence::Low,
    };
    Finding {
        title: Some(format!("{cve} in {} {version}", component.name)),
        severity,
        origin: Origin::Library(component.name.clone()),
        reach: match known.reach {
            CodeReach::Reached => Reach::Reachable,
            CodeReach::Unknown => Reach::Unknown,
            CodeReach::Unreached | CodeReach::Absent => Reach::Unreachable,
        },
        evidence: Some(Evidence::new(&shown)),
        ..Finding::new(rule, place, confidence)
    }
}
