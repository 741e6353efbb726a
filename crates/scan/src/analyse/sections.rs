//! What the app is made of, as lists of facts that a comparison of two versions can show.

use std::collections::BTreeMap;

use testudo_package::manifest::{Kind, Level, Manifest};

use crate::dependencies::Component;
use crate::report::{Fact, Section, Unit};

/// The longest name of a fact, in characters; more is a hostile package's.
const LONGEST: usize = 300;

fn short(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

fn section(name: &str, unit: Option<Unit>, facts: Vec<Fact>) -> Option<Section> {
    (!facts.is_empty()).then(|| Section { name: name.to_owned(), unit, facts })
}

/// One fact for each name, the last value.
fn distinct(facts: impl IntoIterator<Item = Fact>) -> Vec<Fact> {
    let by_name: BTreeMap<String, Fact> = facts.into_iter().map(|fact| (fact.name.clone(), fact)).collect();
    by_name.into_values().collect()
}

/// What an Android app's manifests say.
pub(super) fn manifest(manifests: &[&Manifest<'_>]) -> Vec<Section> {
    let Some(base) = manifests.first() else { return Vec::new() };
    let level = |level: &Option<Level<'_>>| {
        level.as_ref().map(|level| match level {
            Level::Number(number) => number.to_string(),
            Level::Codename(name) => short(name),
        })
    };
    let levels = [
        ("minSdkVersion", &base.sdk.min),
        ("targetSdkVersion", &base.sdk.target),
        ("compileSdkVersion", &base.sdk.compile),
    ];
    let levels = levels.into_iter().filter_map(|(name, value)| Some(Fact::valued(name, level(value)?))).collect();
    let permissions = manifests.iter().flat_map(|manifest| &manifest.uses_permissions);
    let permissions = permissions.map(|permission| match permission.max_sdk {
        Some(last) => Fact::valued(short(&permission.name), format!("up to API level {last}")),
        None => Fact::present(short(&permission.name)),
    });
    let exported = manifests.iter().flat_map(|manifest| {
        let target = base.target_sdk();
        manifest.components().filter(move |component| component.is_exported(target)).map(|component| {
            let kind = match component.kind {
                Kind::Activity(_) => "activity",
                Kind::Alias { .. } => "activity alias",
                Kind::Service(_) => "service",
                Kind::Receiver => "receiver",
                Kind::Provider(_) => "provider",
            };
            let guard = manifest.guard(component).map(|permission| format!(", needs {}", short(permission)));
            Fact::valued(short(&component.name), format!("{kind}{}", guard.unwrap_or_default()))
        })
    });
    let splits =
        manifests.iter().filter_map(|manifest| manifest.split.as_deref()).map(|split| Fact::present(short(split)));
    [
        section("API levels", None, levels),
        section("Permissions", None, distinct(permissions)),
        section("Exported components", None, distinct(exported)),
        section("Splits", None, distinct(splits)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Libraries with their versions.
pub(super) fn libraries(components: &[Component]) -> Option<Section> {
    let mut versions: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for component in components {
        let name = short(&format!("{} ({})", component.name, component.ecosystem.name()));
        versions.entry(name).or_default().extend(component.version.as_deref());
    }
    let fact = |(name, versions): (String, Vec<&str>)| {
        if versions.is_empty() { Fact::present(name) } else { Fact::valued(name, short(&versions.join(", "))) }
    };
    section("Libraries", None, versions.into_iter().map(fact).collect())
}

/// Names with numbers of bytes.
pub(super) fn sizes<N: Into<String>>(name: &str, sizes: impl IntoIterator<Item = (N, u64)>) -> Option<Section> {
    let facts = sizes.into_iter().map(|(name, bytes)| Fact::counted(short(&name.into()), bytes));
    section(name, Some(Unit::Bytes), distinct(facts))
}

/// Names alone.
pub(super) fn names(name: &str, names: impl IntoIterator<Item = String>) -> Option<Section> {
    section(name, None, distinct(names.into_iter().map(|name| Fact::present(short(&name)))))
}
