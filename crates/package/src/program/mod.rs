//! The program of an app: all its executables as one, with a class hierarchy, indexes of uses, reachability, and constants.
//!
//! [`Program::new`] joins the executables: strings, types, prototypes, fields and methods get ids that count over all of
//! them, in the order of their text. That order makes every look-up a binary search, needs no hashing (so that no input
//! can make it slow), and is the same in every run. Types that no executable defines are external: the platform's, whose
//! hierarchy is known as far as `framework.rs` lists it. What is broken becomes the empty string or the type without a name,
//! and an [`Anomaly`].
//!
//! Analyses stand on it: [`Index`] finds the uses of what a caller wants in one pass over the code, [`Reach`] says what can
//! run, and [`Constants`] says what a register can hold at a place.

mod build;
mod classes;
pub mod flow;
mod framework;
mod hierarchy;
mod index;
mod intern;
pub mod names;
mod reach;

#[cfg(test)]
mod tests;

pub use classes::{Class, Definition, FieldDefinition};
pub use flow::{Constants, Value, Values};
pub use index::{Index, Site, Wanted};
pub use reach::{Entries, Reach};

use crate::dex::{Access, Anomaly, Code, Dex, FieldIndex, MethodIndex, Mutf8, ProtoIndex, StringIndex, TypeIndex};

macro_rules! id {
    ($(#[$doc:meta] $name:ident)*) => {$(
        #[$doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            pub(crate) fn at(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

id! {
    /// A string of the program. The order of ids is that of the text.
    StringId
    /// A type of the program. The order of ids is that of the descriptors.
    TypeId
    /// A prototype of the program.
    ProtoId
    /// A field reference of the program, ordered by class, name and type.
    FieldId
    /// A method reference of the program, ordered by class, name and prototype.
    MethodId
    /// A class that the program defines.
    ClassId
    /// A method that a class of the program declares.
    DefinitionId
}

/// No id.
pub(crate) const NONE: u32 = u32::MAX;

/// A method by class, name and prototype.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MethodKey {
    /// The class that it is looked up in.
    pub class: TypeId,
    /// Its name.
    pub name: StringId,
    /// Its prototype.
    pub proto: ProtoId,
}

/// A field by class, name and type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldKey {
    /// The class that it is looked up in.
    pub class: TypeId,
    /// Its name.
    pub name: StringId,
    /// Its type.
    pub of: TypeId,
}

/// One executable with the ids of what its tables name.
#[derive(Debug)]
pub struct Unit<'a> {
    /// The executable.
    pub dex: Dex<'a>,
    strings: Vec<StringId>,
    types: Vec<TypeId>,
    protos: Vec<ProtoId>,
    fields: Vec<FieldId>,
    methods: Vec<MethodId>,
}

impl Unit<'_> {
    /// The id of a string of this executable.
    pub fn string(&self, index: StringIndex) -> Option<StringId> {
        self.strings.get(index.0 as usize).copied()
    }

    /// The id of a type of this executable.
    pub fn type_of(&self, index: TypeIndex) -> Option<TypeId> {
        self.types.get(index.0 as usize).copied()
    }

    /// The id of a prototype of this executable.
    pub fn proto(&self, index: ProtoIndex) -> Option<ProtoId> {
        self.protos.get(index.0 as usize).copied()
    }

    /// The id of a field reference of this executable.
    pub fn field(&self, index: FieldIndex) -> Option<FieldId> {
        self.fields.get(index.0 as usize).copied()
    }

    /// The id of a method reference of this executable.
    pub fn method(&self, index: MethodIndex) -> Option<MethodId> {
        self.methods.get(index.0 as usize).copied()
    }
}

/// All executables of an app as one.
#[derive(Debug)]
pub struct Program<'a> {
    units: Vec<Unit<'a>>,
    strings: Vec<Mutf8<'a>>,
    /// The descriptor of each type.
    types: Vec<StringId>,
    protos: Vec<intern::ProtoRow>,
    parameters: Vec<TypeId>,
    fields: Vec<FieldKey>,
    methods: Vec<MethodKey>,
    classes: Vec<Class>,
    interfaces: Vec<TypeId>,
    definitions: Vec<Definition>,
    field_definitions: Vec<FieldDefinition>,
    /// For each type the class that defines it.
    class_of: Vec<u32>,
    /// For each method the definition that answers exactly it.
    definition_of: Vec<u32>,
    /// For each field the definition that answers exactly it.
    field_definition_of: Vec<u32>,
    hierarchy: hierarchy::Hierarchy,
    anomalies: Vec<Anomaly>,
}

impl<'a> Program<'a> {
    /// The executables, in the order of their names in the package.
    pub fn units(&self) -> &[Unit<'a>] {
        &self.units
    }

    /// What is odd about the executables, with at most some hundreds of each.
    pub fn anomalies(&self) -> &[Anomaly] {
        &self.anomalies
    }

    /// Every string with its id, in order.
    pub fn strings(&self) -> impl ExactSizeIterator<Item = (StringId, Mutf8<'a>)> + '_ {
        let id = |at: usize| StringId(u32::try_from(at).unwrap_or(NONE));
        self.strings.iter().enumerate().map(move |(at, text)| (id(at), *text))
    }

    /// The text of a string.
    pub fn string(&self, id: StringId) -> Mutf8<'a> {
        self.strings.get(id.at()).copied().unwrap_or_default()
    }

    /// The id of a text.
    pub fn find_string(&self, text: &str) -> Option<StringId> {
        let at = self.strings.binary_search_by(|one| one.as_bytes().cmp(text.as_bytes())).ok()?;
        u32::try_from(at).ok().map(StringId)
    }

    /// The ids of all texts that begin so.
    pub fn strings_starting(&self, prefix: &str) -> impl Iterator<Item = StringId> + use<> {
        let prefix = prefix.as_bytes();
        let start = self.strings.partition_point(|one| one.as_bytes() < prefix);
        let rest = self.strings.get(start..).unwrap_or_default();
        let end = start + rest.partition_point(|one| one.as_bytes().starts_with(prefix));
        (start..end).filter_map(|at| u32::try_from(at).ok().map(StringId))
    }

    /// How many types are named.
    pub fn type_count(&self) -> usize {
        self.types.len()
    }

    /// The descriptor of a type.
    pub fn descriptor(&self, id: TypeId) -> Mutf8<'a> {
        self.types.get(id.at()).map_or_else(Mutf8::default, |string| self.string(*string))
    }

    /// The id of a descriptor.
    pub fn find_type(&self, descriptor: &str) -> Option<TypeId> {
        self.type_named(self.find_string(descriptor)?)
    }

    /// The type whose descriptor is this string.
    pub fn type_named(&self, string: StringId) -> Option<TypeId> {
        let at = self.types.binary_search(&string).ok()?;
        u32::try_from(at).ok().map(TypeId)
    }

    /// What a prototype returns.
    pub fn returns(&self, id: ProtoId) -> TypeId {
        self.protos.get(id.at()).map_or(TypeId(0), |row| row.returns)
    }

    /// What a prototype takes.
    pub fn parameters(&self, id: ProtoId) -> &[TypeId] {
        let Some(row) = self.protos.get(id.at()) else { return &[] };
        self.parameters.get(row.range()).unwrap_or_default()
    }

    /// How many method references there are.
    pub fn method_count(&self) -> usize {
        self.methods.len()
    }

    /// Class, name and prototype of a method.
    pub fn method(&self, id: MethodId) -> MethodKey {
        let none = MethodKey { class: TypeId(0), name: StringId(0), proto: ProtoId(0) };
        self.methods.get(id.at()).copied().unwrap_or(none)
    }

    /// The method that has exactly this class, name and prototype.
    pub fn find_method(&self, key: MethodKey) -> Option<MethodId> {
        let at = self.methods.binary_search(&key).ok()?;
        u32::try_from(at).ok().map(MethodId)
    }

    /// Every method reference of a class.
    pub fn methods_of(&self, class: TypeId) -> impl Iterator<Item = (MethodId, MethodKey)> + '_ {
        let start = self.methods.partition_point(|key| key.class < class);
        let rest = self.methods.get(start..).unwrap_or_default();
        (u32::try_from(start).unwrap_or(NONE)..)
            .map(MethodId)
            .zip(rest.iter().copied())
            .take_while(move |(_, key)| key.class == class)
    }

    /// Class, name and type of a field.
    pub fn field(&self, id: FieldId) -> FieldKey {
        let none = FieldKey { class: TypeId(0), name: StringId(0), of: TypeId(0) };
        self.fields.get(id.at()).copied().unwrap_or(none)
    }

    /// How many field references there are.
    pub fn field_count(&self) -> usize {
        self.fields.len()
    }

    /// The field that has exactly this class, name and type.
    pub fn find_field(&self, key: FieldKey) -> Option<FieldId> {
        let at = self.fields.binary_search(&key).ok()?;
        u32::try_from(at).ok().map(FieldId)
    }

    /// The method in assembly's form: `Lcom/example/Vault;->open(I)V`.
    pub fn signature(&self, id: MethodId) -> String {
        let key = self.method(id);
        let mut text = format!("{}->{}(", self.descriptor(key.class), self.string(key.name));
        for parameter in self.parameters(key.proto) {
            text.push_str(&self.descriptor(*parameter).decode());
        }
        text.push(')');
        text.push_str(&self.descriptor(self.returns(key.proto)).decode());
        text
    }

    /// The code of a definition; nothing where it is abstract, native or broken.
    pub fn code(&self, id: DefinitionId) -> Option<Code<'a>> {
        let definition = self.definition(id)?;
        if definition.code == 0 { None } else { self.unit_of(id)?.dex.code(definition.code).ok() }
    }

    /// The executable that holds a definition.
    pub fn unit_of(&self, id: DefinitionId) -> Option<&Unit<'a>> {
        self.units.get(usize::from(self.class(self.definition(id)?.class)?.unit))
    }

    /// The source line of an instruction.
    pub fn line(&self, id: DefinitionId, pc: u32) -> Option<u32> {
        let debug = self.code(id)?.debug;
        self.unit_of(id)?.dex.line_at(debug, pc)
    }

    /// The source file of a class.
    pub fn source(&self, class: &Class) -> Option<Mutf8<'a>> {
        let unit = self.units.get(usize::from(class.unit))?;
        let source = unit.dex.class(class.index).ok()?.source?;
        unit.string(source).map(|id| self.string(id))
    }

    /// Whether a definition has a receiver.
    pub fn is_static(&self, id: DefinitionId) -> bool {
        self.definition(id).is_some_and(|definition| definition.access.has(Access::STATIC))
    }
}
