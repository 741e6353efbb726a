//! Joins executables to a program.

use crate::dex::Dex;

use super::classes::define;
use super::hierarchy::Hierarchy;
use super::intern::intern;
use super::{Program, framework};

impl<'a> Program<'a> {
    /// Joins executables, given in the order in which the platform searches them: `classes.dex`, `classes2.dex` and on.
    pub fn new(dexes: Vec<Dex<'a>>) -> Program<'a> {
        let mut interned = intern(dexes);
        let defined = define(&mut interned);
        let mut program = Program {
            units: interned.units,
            strings: interned.strings,
            types: interned.types,
            protos: interned.protos,
            parameters: interned.parameters,
            fields: interned.fields,
            methods: interned.methods,
            classes: defined.classes,
            interfaces: defined.interfaces,
            definitions: defined.definitions,
            field_definitions: defined.field_definitions,
            class_of: defined.class_of,
            definition_of: defined.definition_of,
            field_definition_of: defined.field_definition_of,
            hierarchy: Hierarchy::default(),
            anomalies: interned.anomalies,
        };
        let external = framework::NAMES.iter().filter_map(|(class, above)| {
            let pair = (program.find_type(class)?, program.find_type(above)?);
            program.class_of(pair.0).is_none().then_some(pair)
        });
        program.hierarchy = Hierarchy::new(&program, external.collect());
        program
    }
}
