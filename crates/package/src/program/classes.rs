//! What the program defines: classes with their methods and fields.

use crate::dex::{
    Access, Anomaly, ClassData, ClassDef, ClassDefIndex, DexError, EncodedValue, Member, MemberField, MemberMethod,
};

use super::intern::{Interned, id_of, note};
use super::{ClassId, DefinitionId, FieldId, FieldKey, MethodId, MethodKey, NONE, Program, TypeId, Unit};

/// A class that the program defines.
#[derive(Debug, Clone)]
pub struct Class {
    /// Its type.
    pub of: TypeId,
    /// What it extends.
    pub superclass: Option<TypeId>,
    /// Its access flags.
    pub access: Access,
    /// The place of its executable in [`Program::units`].
    pub unit: u16,
    /// Its definition there.
    pub index: ClassDefIndex,
    interfaces: (u32, u32),
    methods: (u32, u32),
    fields: (u32, u32),
}

/// A method that a class declares.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// The reference that it answers.
    pub method: MethodId,
    /// The class that declares it.
    pub class: ClassId,
    /// Its access flags.
    pub access: Access,
    /// Where its code is; 0 where it has none.
    pub code: u32,
    /// Whether calls choose it by the receiver's class.
    pub is_virtual: bool,
}

/// A field that a class declares.
#[derive(Debug, Clone, Copy)]
pub struct FieldDefinition {
    /// The reference that it answers.
    pub field: FieldId,
    /// The class that declares it.
    pub class: ClassId,
    /// Its access flags.
    pub access: Access,
    /// Its place among the static fields, which is that of its initial value.
    pub position: u32,
}

/// The classes of all executables.
#[derive(Default)]
pub(super) struct Defined {
    pub(super) classes: Vec<Class>,
    pub(super) interfaces: Vec<TypeId>,
    pub(super) definitions: Vec<Definition>,
    pub(super) field_definitions: Vec<FieldDefinition>,
    pub(super) class_of: Vec<u32>,
    pub(super) definition_of: Vec<u32>,
    pub(super) field_definition_of: Vec<u32>,
}

/// Reads every class. Of two definitions of a type the first holds, as on the platform.
pub(super) fn define(interned: &mut Interned<'_>) -> Defined {
    let mut defined = Defined {
        class_of: vec![NONE; interned.types.len()],
        definition_of: vec![NONE; interned.methods.len()],
        field_definition_of: vec![NONE; interned.fields.len()],
        ..Defined::default()
    };
    let Interned { units, anomalies, methods, fields, .. } = interned;
    for (at, unit) in units.iter().enumerate() {
        let mut reading = Reading {
            unit,
            number: u16::try_from(at).unwrap_or(u16::MAX),
            methods,
            fields,
            anomalies,
            defined: &mut defined,
            members: unit.fields.len() + unit.methods.len() + 1,
            lists: unit.dex.byte_count(),
            units: unit.dex.byte_count().saturating_mul(2),
        };
        for (index, class) in unit.dex.classes() {
            reading.class(index, &class);
        }
    }
    defined
}

/// The reading of one executable's classes.
struct Reading<'r, 'a> {
    unit: &'r Unit<'a>,
    number: u16,
    methods: &'r [MethodKey],
    fields: &'r [FieldKey],
    anomalies: &'r mut Vec<Anomaly>,
    defined: &'r mut Defined,
    /// A well-built file declares no more members than it has references: how many are left of these.
    members: usize,
    /// How many interfaces are left before lists have to share bytes.
    lists: usize,
    /// How many code units are left before code has to share bytes more than compilers share it.
    units: usize,
}

impl Reading<'_, '_> {
    fn class(&mut self, index: ClassDefIndex, class: &ClassDef) {
        let dex = &self.unit.dex;
        let Some(of) = self.unit.type_of(class.class) else {
            let error = DexError::Index { what: "type", index: class.class.0, count: dex.type_count() };
            return note(self.anomalies, Anomaly::Class { index, error });
        };
        let id = ClassId(id_of(self.defined.classes.len()));
        match self.defined.class_of.get_mut(of.at()) {
            Some(slot) if *slot == NONE => *slot = id.0,
            _ => return note(self.anomalies, Anomaly::Duplicate { index }),
        }
        let interfaces = self.interfaces(index, class);
        let (first_method, first_field) = (self.defined.definitions.len(), self.defined.field_definitions.len());
        match dex.class_data(class) {
            Ok(data) => self.members(index, (id, of), data),
            Err(error) => note(self.anomalies, Anomaly::Class { index, error }),
        }
        self.defined.classes.push(Class {
            of,
            superclass: class.superclass.and_then(|index| self.unit.type_of(index)),
            access: class.access,
            unit: self.number,
            index,
            interfaces,
            methods: (id_of(first_method), id_of(self.defined.definitions.len())),
            fields: (id_of(first_field), id_of(self.defined.field_definitions.len())),
        });
    }

    fn interfaces(&mut self, index: ClassDefIndex, class: &ClassDef) -> (u32, u32) {
        let start = self.defined.interfaces.len();
        match self.unit.dex.interfaces(class) {
            Ok(list) if list.len() <= self.lists => {
                self.lists -= list.len();
                self.defined.interfaces.extend(list.iter().filter_map(|index| self.unit.type_of(index)));
            }
            Ok(_) => note(self.anomalies, Anomaly::Shared { what: "lists of interfaces" }),
            Err(error) => note(self.anomalies, Anomaly::Class { index, error }),
        }
        (id_of(start), id_of(self.defined.interfaces.len()))
    }

    fn members(&mut self, index: ClassDefIndex, (id, of): (ClassId, TypeId), data: ClassData<'_>) {
        let (mut position, mut sound) = (0, true);
        for member in data {
            let Some(left) = self.members.checked_sub(1) else {
                return note(self.anomalies, Anomaly::Shared { what: "members of classes" });
            };
            self.members = left;
            match member {
                Err(error) => note(self.anomalies, Anomaly::Class { index, error }),
                Ok(Member::Field(field)) => {
                    self.field(field, (id, of), position);
                    position += u32::from(field.is_static);
                }
                Ok(Member::Method(method)) => {
                    if !self.method(method, (id, of)) && std::mem::take(&mut sound) {
                        let error = DexError::Foreign { method: method.method.0 };
                        note(self.anomalies, Anomaly::Class { index, error });
                    }
                }
            }
        }
    }

    fn field(&mut self, field: MemberField, (class, of): (ClassId, TypeId), position: u32) {
        let Some(known) = self.unit.field(field.field) else { return };
        let own = self.fields.get(known.at()).is_some_and(|key| key.class == of);
        let slot = self.defined.field_definition_of.get_mut(known.at()).filter(|slot| own && **slot == NONE);
        if let Some(slot) = slot {
            *slot = id_of(self.defined.field_definitions.len());
            let access = field.access;
            self.defined.field_definitions.push(FieldDefinition { field: known, class, access, position });
        }
    }

    /// Whether the method is one of the class and declared for the first time.
    fn method(&mut self, method: MemberMethod, (class, of): (ClassId, TypeId)) -> bool {
        let Some(known) = self.unit.method(method.method) else { return false };
        let own = self.methods.get(known.at()).is_some_and(|key| key.class == of);
        let slot = self.defined.definition_of.get_mut(known.at()).filter(|slot| own && **slot == NONE);
        let Some(slot) = slot else { return false };
        *slot = id_of(self.defined.definitions.len());
        let (access, is_virtual) = (method.access, method.is_virtual);
        let code = self.code(method);
        self.defined.definitions.push(Definition { method: known, class, access, code, is_virtual });
        true
    }

    /// Where the code is, if it can be read.
    fn code(&mut self, method: MemberMethod) -> u32 {
        if method.code == 0 {
            return 0;
        }
        match self.unit.dex.code(method.code) {
            Ok(code) if code.len() as usize <= self.units => {
                self.units -= code.len() as usize;
                return method.code;
            }
            Ok(_) => note(self.anomalies, Anomaly::Shared { what: "code items" }),
            Err(error) => note(self.anomalies, Anomaly::Code { index: method.method, error }),
        }
        0
    }
}

impl Class {
    pub(super) fn interface_range(&self) -> std::ops::Range<usize> {
        self.interfaces.0 as usize..self.interfaces.1 as usize
    }
}

impl<'a> Program<'a> {
    /// Every class with its id.
    pub fn classes(&self) -> impl Iterator<Item = (ClassId, &Class)> + '_ {
        (0..).map(ClassId).zip(&self.classes)
    }

    /// A class.
    pub fn class(&self, id: ClassId) -> Option<&Class> {
        self.classes.get(id.at())
    }

    /// The class that defines a type; nothing where the type is external.
    pub fn class_of(&self, of: TypeId) -> Option<ClassId> {
        self.class_of.get(of.at()).copied().filter(|id| *id != NONE).map(ClassId)
    }

    /// The interfaces that a class implements itself.
    pub fn interfaces(&self, class: &Class) -> &[TypeId] {
        self.interfaces.get(class.interface_range()).unwrap_or_default()
    }

    /// Every definition with its id.
    pub fn definitions(&self) -> impl Iterator<Item = (DefinitionId, &Definition)> + '_ {
        (0..).map(DefinitionId).zip(&self.definitions)
    }

    /// How many methods are declared.
    pub fn definition_count(&self) -> usize {
        self.definitions.len()
    }

    /// A definition.
    pub fn definition(&self, id: DefinitionId) -> Option<&Definition> {
        self.definitions.get(id.at())
    }

    /// The definition of exactly this method; nothing where it is inherited or external.
    pub fn definition_of(&self, method: MethodId) -> Option<DefinitionId> {
        self.definition_of.get(method.at()).copied().filter(|id| *id != NONE).map(DefinitionId)
    }

    /// The methods that a class declares.
    pub fn methods_in(&self, class: &Class) -> impl DoubleEndedIterator<Item = DefinitionId> + use<> {
        (class.methods.0..class.methods.1).map(DefinitionId)
    }

    /// The fields that a class declares.
    pub fn fields_in(&self, class: &Class) -> &[FieldDefinition] {
        self.field_definitions.get(class.fields.0 as usize..class.fields.1 as usize).unwrap_or_default()
    }

    /// The methods that carry an annotation, given by its descriptor.
    pub fn annotated(&self, descriptor: &str) -> Vec<DefinitionId> {
        /// Annotations that share bytes would make more work than the file is long.
        const MAX_ANNOTATIONS: usize = 4_000_000;
        let Some(wanted) = self.find_type(descriptor) else { return Vec::new() };
        let mut found = Vec::new();
        let mut left = MAX_ANNOTATIONS;
        for class in &self.classes {
            let Some(unit) = self.units.get(usize::from(class.unit)) else { continue };
            let Ok(annotations) = unit.dex.class(class.index).and_then(|class| unit.dex.annotations(&class)) else {
                continue;
            };
            for (method, set) in annotations.methods().map_while(Result::ok) {
                let mut of = set.map_while(Result::ok).take(left).inspect(|_| left -= 1);
                if of.any(|item| unit.type_of(item.annotation.of) == Some(wanted)) {
                    found.extend(unit.method(method).and_then(|method| self.definition_of(method)));
                }
            }
        }
        found
    }

    /// The definition of exactly this field.
    pub fn field_definition(&self, field: FieldId) -> Option<&FieldDefinition> {
        self.field_definitions.get(self.field_definition_of.get(field.at()).copied()? as usize)
    }

    /// The initial value of a static field as the file gives it; nothing where it begins as zero or has code set it.
    pub fn initial_value(&self, field: &FieldDefinition) -> Option<EncodedValue<'a>> {
        if !field.access.has(Access::STATIC) {
            return None;
        }
        let class = self.class(field.class)?;
        let dex = &self.units.get(usize::from(class.unit))?.dex;
        let values = dex.static_values(&dex.class(class.index).ok()?).ok()?;
        values.map_while(Result::ok).nth(field.position as usize)
    }
}
