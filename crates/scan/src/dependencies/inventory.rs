//! All components of an app, joined from many files: one for each name and version.

use std::collections::HashMap;

use super::{Component, Ecosystem, Relation, Scope};

/// How many places of one component are kept.
const MAX_PLACES: usize = 100;
/// How many digests of one component are kept.
const MAX_DIGESTS: usize = 32;

/// The components of an app.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    components: Vec<Component>,
    positions: HashMap<(Ecosystem, String, Option<String>), u32>,
}

impl Inventory {
    /// One without components.
    pub fn new() -> Inventory {
        Inventory::default()
    }

    /// Adds the components of one file. `requires` of each refers to this list.
    pub fn add(&mut self, listing: Vec<Component>) {
        let mut placed = Vec::with_capacity(listing.len());
        let mut needs = Vec::new();
        for mut component in listing {
            let requires = std::mem::take(&mut component.requires);
            let key = (component.ecosystem, component.ecosystem.key(&component.name), component.version.clone());
            let next = u32::try_from(self.components.len()).unwrap_or(u32::MAX);
            let position = *self.positions.entry(key).or_insert(next);
            match self.at(position) {
                Some(known) => join(known, component),
                None => self.components.push(component),
            }
            placed.push(position);
            needs.push((position, requires));
        }
        for (position, requires) in needs {
            let others: Vec<u32> = requires
                .into_iter()
                .filter_map(|other| placed.get(usize::try_from(other).ok()?).copied())
                .filter(|other| *other != position)
                .collect();
            if let Some(component) = self.at(position).filter(|_| !others.is_empty()) {
                component.requires.extend(others);
                component.requires.sort_unstable();
                component.requires.dedup();
            }
        }
    }

    /// The components, ordered by ecosystem, name and version; those without a version are left out where the same
    /// library is known with one.
    pub fn finish(self) -> Vec<Component> {
        let versioned: std::collections::HashSet<(Ecosystem, String)> = self
            .components
            .iter()
            .filter(|component| component.version.is_some())
            .map(|component| (component.ecosystem, component.ecosystem.key(&component.name)))
            .collect();
        let mut kept: Vec<(u32, Component)> = (0u32..)
            .zip(self.components)
            .filter(|(_, component)| {
                component.version.is_some()
                    || !versioned.contains(&(component.ecosystem, component.ecosystem.key(&component.name)))
            })
            .collect();
        kept.sort_by(|(_, one), (_, other)| order(one).cmp(&order(other)));
        let moved: HashMap<u32, u32> = kept.iter().map(|(old, _)| *old).zip(0u32..).collect();
        kept.into_iter()
            .map(|(_, mut component)| {
                component.requires = component.requires.iter().filter_map(|old| moved.get(old).copied()).collect();
                component.requires.sort_unstable();
                component
            })
            .collect()
    }

    fn at(&mut self, position: u32) -> Option<&mut Component> {
        self.components.get_mut(usize::try_from(position).ok()?)
    }
}

fn order(component: &Component) -> (Ecosystem, &str, Option<&str>) {
    (component.ecosystem, &component.name, component.version.as_deref())
}

/// Adds what another place tells of the same component.
fn join(known: &mut Component, other: Component) {
    known.relation = match (known.relation, other.relation) {
        (Relation::Direct, _) | (_, Relation::Direct) => Relation::Direct,
        (Relation::Transitive, _) | (_, Relation::Transitive) => Relation::Transitive,
        _ => Relation::Unknown,
    };
    // What is shipped somewhere is shipped.
    known.scope = match (known.scope, other.scope) {
        (Scope::Unknown, one) | (one, Scope::Unknown) => one,
        (one, other) => one.min(other),
    };
    for digest in other.digests {
        if known.digests.len() < MAX_DIGESTS && !known.digests.contains(&digest) {
            known.digests.push(digest);
        }
    }
    known.digests.sort();
    for place in other.places {
        if known.places.len() < MAX_PLACES && !known.places.contains(&place) {
            known.places.push(place);
        }
    }
    known.places.sort();
    known.origin = known.origin.take().or(other.origin);
}
