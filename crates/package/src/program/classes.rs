//! What the program defines: classes with their methods and fields.

use crate::dex::{Access, Anomaly, ClassDefIndex, DexError, EncodedValue, Member};

use super::intern::{Interned, id_of, note};
use super::{ClassId, DefinitionId, FieldId, MethodId, NONE, Program, TypeId};

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
        classes: Vec::new(),
        interfaces: Vec::new(),
        definitions: Vec::new(),
        field_definitions: Vec::new(),
        class_of: vec![NONE; interned.types.len()],
        definition_of: vec![NONE; interned.methods.len()],
        field_definition_of: vec![NONE; interned.fields.len()],
    };
    let Interned { units, anomalies, methods, fields, .. } = interned;
    for (at, unit) in units.iter().enumerate() {
        let dex = &unit.dex;
        let unit_at = u16::try_from(at).unwrap_or(u16::MAX);
        // A well-built file declares no more members than it has references, and has no more code than bytes.
        let mut members = unit.fields.len() + unit.methods.len() + 1;
        let mut lists = dex.byte_count();
        let mut units_left = dex.byte_count().saturating_mul(2);
        for (index, class) in dex.classes() {
            let Some(of) = unit.type_of(class.class) else {
                let error = DexError::Index { what: "type", index: class.class.0, count: dex.type_count() };
                note(anomalies, Anomaly::Class { index, error });
                continue;
            };
            let Some(slot) = defined.class_of.get_mut(of.at()) else { continue };
            if *slot != NONE {
                note(anomalies, Anomaly::Duplicate { index });
                continue;
            }
            let id = ClassId(id_of(defined.classes.len()));
            *slot = id.0;
            let start = defined.interfaces.len();
            match dex.interfaces(&class) {
                Ok(list) if list.len() <= lists => {
                    lists -= list.len();
                    defined.interfaces.extend(list.iter().filter_map(|index| unit.type_of(index)));
                }
                Ok(_) => note(anomalies, Anomaly::Shared { what: "lists of interfaces" }),
                Err(error) => note(anomalies, Anomaly::Class { index, error }),
            }
            let interfaces = (id_of(start), id_of(defined.interfaces.len()));
            let (first_method, first_field) = (defined.definitions.len(), defined.field_definitions.len());
            let data = dex.class_data(&class).map(Some).unwrap_or_else(|error| {
                note(anomalies, Anomaly::Class { index, error });
                None
            });
            let mut position = 0;
            for member in data.into_iter().flatten() {
                let Some(left) = members.checked_sub(1) else {
                    note(anomalies, Anomaly::Shared { what: "members of classes" });
                    break;
                };
                members = left;
                match member {
                    Err(error) => note(anomalies, Anomaly::Class { index, error }),
                    Ok(Member::Field(field)) => {
                        let place = position;
                        position += u32::from(field.is_static);
                        let Some(known) = unit.field(field.field) else { continue };
                        let own = fields.get(known.at()).is_some_and(|key| key.class == of);
                        let Some(slot) = defined.field_definition_of.get_mut(known.at()) else { continue };
                        if own && *slot == NONE {
                            *slot = id_of(defined.field_definitions.len());
                            let access = field.access;
                            defined.field_definitions.push(FieldDefinition { field: known, class: id, access, position: place });
                        }
                    }
                    Ok(Member::Method(method)) => {
                        let Some(known) = unit.method(method.method) else { continue };
                        let own = methods.get(known.at()).is_some_and(|key| key.class == of);
                        let Some(slot) = defined.definition_of.get_mut(known.at()) else { continue };
                        if !own || *slot != NONE {
                            let error = DexError::Index { what: "own method", index: method.method.0, count: 0 };
                            note(anomalies, Anomaly::Class { index, error });
                            continue;
                        }
                        let mut code = method.code;
                        if code != 0 {
                            match dex.code(code) {
                                Ok(found) if found.len() as usize <= units_left => units_left -= found.len() as usize,
                                Ok(_) => {
                                    code = 0;
                                    note(anomalies, Anomaly::Shared { what: "code items" });
                                }
                                Err(error) => {
                                    code = 0;
                                    note(anomalies, Anomaly::Code { index: method.method, error });
                                }
                            }
                        }
                        *slot = id_of(defined.definitions.len());
                        let (access, is_virtual) = (method.access, method.is_virtual);
                        defined.definitions.push(Definition { method: known, class: id, access, code, is_virtual });
                    }
                }
            }
            defined.classes.push(Class {
                of,
                superclass: class.superclass.and_then(|index| unit.type_of(index)),
                access: class.access,
                unit: unit_at,
                index,
                interfaces,
                methods: (id_of(first_method), id_of(defined.definitions.len())),
                fields: (id_of(first_field), id_of(defined.field_definitions.len())),
            });
        }
    }
    defined
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
