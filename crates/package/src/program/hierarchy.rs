//! Who extends whom, which definition answers a call, and which could answer it ("class hierarchy analysis", Dean, Grove
//! and Chambers 1995).

use std::collections::BTreeSet;

use crate::dex::Access;

use super::{Class, DefinitionId, MethodKey, NONE, Program, ProtoId, StringId, TypeId};

/// More supertypes than any class has; a hierarchy that is wider, or runs in a circle, is followed no further.
const MAX_ABOVE: usize = 512;
/// More superclasses than any class has.
const MAX_DEPTH: usize = 64;

/// Supertypes of external types, and direct subtypes of all.
#[derive(Debug, Default)]
pub(super) struct Hierarchy {
    /// External type and its supertype, sorted.
    external: Vec<(TypeId, TypeId)>,
    /// For each type where its direct subtypes begin, with the end behind the last.
    starts: Vec<u32>,
    below: Vec<TypeId>,
}

impl Hierarchy {
    pub(super) fn new(program: &Program<'_>, mut external: Vec<(TypeId, TypeId)>) -> Hierarchy {
        external.sort_unstable();
        external.dedup();
        let mut pairs: Vec<(TypeId, TypeId)> = external.iter().map(|(below, above)| (*above, *below)).collect();
        for (_, class) in program.classes() {
            pairs.extend(class.superclass.iter().chain(program.interfaces(class)).map(|above| (*above, class.of)));
        }
        pairs.sort_unstable();
        pairs.dedup();
        let mut starts = vec![0u32; program.type_count() + 1];
        for (above, _) in &pairs {
            if let Some(start) = starts.get_mut(above.at() + 1) {
                *start += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        Hierarchy { external, starts, below: pairs.into_iter().map(|(_, below)| below).collect() }
    }
}

impl Program<'_> {
    /// The direct supertypes: superclass first, then interfaces. Of external types only what is known of the platform.
    pub fn supertypes(&self, of: TypeId) -> impl Iterator<Item = TypeId> + '_ {
        let class = self.class_of(of).and_then(|id| self.class(id));
        let external = &self.hierarchy.external;
        let start = external.partition_point(|pair| pair.0 < of);
        let known = external.get(start..).unwrap_or_default().iter();
        let known = known.take_while(move |pair| pair.0 == of && class.is_none()).map(|pair| pair.1);
        let own = class.into_iter().flat_map(|class| class.superclass.iter().chain(self.interfaces(class)).copied());
        own.chain(known)
    }

    /// The direct subtypes that are known.
    pub fn subtypes(&self, of: TypeId) -> &[TypeId] {
        let place = |at: usize| self.hierarchy.starts.get(at).map_or(0, |start| *start as usize);
        self.hierarchy.below.get(place(of.at())..place(of.at() + 1)).unwrap_or_default()
    }

    /// The type and everything above it, nearest first.
    pub fn ancestors(&self, of: TypeId) -> Vec<TypeId> {
        /// Up to so many, a look at each is faster than a set.
        const FEW: usize = 24;
        let mut found = vec![of];
        let mut known = BTreeSet::new();
        let mut at = 0;
        while let Some(one) = found.get(at).copied() {
            at += 1;
            for above in self.supertypes(one) {
                if found.len() == FEW && known.is_empty() {
                    known.extend(found.iter().copied());
                }
                let new = if found.len() < FEW { !found.contains(&above) } else { known.insert(above) };
                if new {
                    found.push(above);
                }
                if found.len() >= MAX_ABOVE {
                    return found;
                }
            }
        }
        found
    }

    /// Whether `of` is `above` or lies below it.
    pub fn is_subtype(&self, of: TypeId, above: TypeId) -> bool {
        of == above || self.ancestors(of).contains(&above)
    }

    /// The type and everything below it.
    pub fn descendants(&self, of: TypeId) -> Vec<TypeId> {
        let mut seen = vec![false; self.type_count()];
        let mut found = vec![of];
        let mut at = 0;
        if let Some(seen) = seen.get_mut(of.at()) {
            *seen = true;
        }
        while let Some(one) = found.get(at).copied() {
            at += 1;
            for below in self.subtypes(one) {
                if let Some(seen) = seen.get_mut(below.at()).filter(|seen| !**seen) {
                    *seen = true;
                    found.push(*below);
                }
            }
        }
        found
    }

    /// The superclasses that the program defines, from the class itself upwards.
    pub fn superclasses(&self, of: TypeId) -> impl Iterator<Item = &Class> + '_ {
        let first = self.class_of(of).and_then(|id| self.class(id));
        std::iter::successors(first, |class| self.class(self.class_of(class.superclass?)?)).take(MAX_DEPTH)
    }

    /// The definition that a call on an instance of exactly `class` runs: its own, an inherited one, or the default of an
    /// interface. Nothing where it is external.
    pub fn lookup(&self, class: TypeId, name: StringId, proto: ProtoId) -> Option<DefinitionId> {
        self.lookup_counted(class, name, proto, &mut 0)
    }

    /// As [`Program::lookup`], adding to `steps` how many classes were asked.
    pub(super) fn lookup_counted(
        &self,
        class: TypeId,
        name: StringId,
        proto: ProtoId,
        steps: &mut u64,
    ) -> Option<DefinitionId> {
        let mut declared = |class| {
            *steps += 1;
            self.definition_of(self.find_method(MethodKey { class, name, proto })?)
        };
        if let Some(found) = self.superclasses(class).find_map(|class| declared(class.of)) {
            return Some(found);
        }
        // Only then interfaces: most classes have none that declares a body.
        self.ancestors(class)
            .into_iter()
            .filter_map(declared)
            .find(|id| self.definition(*id).is_some_and(|definition| !definition.access.has(Access::ABSTRACT)))
    }

    /// Every definition that a call of this method could run when the receiver may be any subtype.
    pub fn candidates(&self, key: MethodKey) -> Vec<DefinitionId> {
        let mut found: Vec<DefinitionId> = self
            .descendants(key.class)
            .into_iter()
            .filter_map(|class| self.lookup(class, key.name, key.proto))
            .collect();
        found.sort_unstable();
        found.dedup();
        found.retain(|id| self.definition(*id).is_some_and(|definition| !definition.access.has(Access::ABSTRACT)));
        found
    }

    /// Whether a type is external: named, but not defined here.
    pub fn is_external(&self, of: TypeId) -> bool {
        self.class_of.get(of.at()).is_none_or(|class| *class == NONE)
    }
}
