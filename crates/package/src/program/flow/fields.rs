//! What fields hold: the value in the file, or what the code of their class writes.

use std::collections::BTreeSet;

use crate::dex::{Access, FieldIndex};
use crate::program::index::each_reference;
use crate::program::{ClassId, DefinitionId, FieldId, FieldKey, Program, Unit};

use super::evaluate::Frame;
use super::{Constants, Graph, Value, Values};

/// A field that is written at more places has no value that means something.
const MAX_WRITES: usize = 8;

/// Where a class writes its own fields: field, method and code unit, sorted.
pub(super) type Writes = Vec<(FieldId, DefinitionId, u32)>;

impl<'a> Constants<'_, 'a> {
    /// What the field that the instruction at `at` reads can hold.
    pub(super) fn read_field(&self, frame: &Frame<'_>, at: usize, graph: &Graph, unit: &Unit<'a>) -> Values {
        let Some(read) = graph.instructions().get(at) else { return Values::unknown() };
        let origin = Some((frame.definition, read.pc));
        let Some(field) = unit.field(FieldIndex(read.index)) else { return Values::unknown() };
        let unknown = || Values::one(Value::Field(field), origin);
        let Some(definition) = find(self.program, field).and_then(|id| self.program.field_definition(id)) else {
            return unknown();
        };
        let (declared, access) = (definition.field, definition.access);
        let writes = self.writes(definition.class);
        let start = writes.partition_point(|write| write.0 < declared);
        let own = writes.iter().skip(start).take_while(|write| write.0 == declared);
        let mut values = Values::default();
        let class = self.program.class(definition.class);
        let home = class.and_then(|class| self.program.units().get(usize::from(class.unit)));
        if let (Some(value), Some(home)) = (self.program.initial_value(definition), home) {
            let value = self.encoded(home, &value);
            // What begins as nothing is written before it is used.
            if value != Value::Null || own.clone().next().is_none() {
                values.join(Values::one(value, origin));
            }
        }
        if own.clone().count() > MAX_WRITES {
            return unknown();
        }
        for (_, writer, pc) in own {
            let Some(graph) = self.graph(*writer) else { return unknown() };
            let Some((at, write)) = graph.find(*pc).and_then(|at| Some((at, graph.instructions().get(at)?))) else {
                return unknown();
            };
            let inner = Frame { calls: frame.calls + 1, depth: frame.depth + 1, ..Frame::outermost(*writer) };
            if inner.calls > self.bounds.calls + 2 {
                return unknown();
            }
            values.join(self.value(&inner, &graph, write.a, at));
        }
        // What other classes write is not followed, and what nobody writes was left to reflection or to the library at hand.
        if values.traced().is_empty() || (!access.has(Access::FINAL) && self.is_open(declared)) {
            values.join(unknown());
        }
        values.map(|value| match value {
            // A parameter of the method that writes the field is none of the method that was asked about.
            Value::Parameter(_) | Value::This => Value::Field(field),
            value => value,
        })
    }

    /// Whether a field is written by another class than the one that declares it.
    fn is_open(&self, field: FieldId) -> bool {
        self.open.get_or_init(|| written_from_outside(self.program)).contains(&field)
    }

    fn writes(&self, class: ClassId) -> std::rc::Rc<Writes> {
        if let Some(known) = self.writes.borrow().get(&class) {
            return known.clone();
        }
        let mut found = Writes::new();
        let program = self.program;
        for id in program.class(class).into_iter().flat_map(|class| program.methods_in(class)) {
            let (Some(code), Some(unit)) = (program.code(id), program.unit_of(id)) else { continue };
            for reference in code.references().filter(|reference| reference.opcode.writes_field()) {
                let field = unit.field(FieldIndex(reference.index)).and_then(|field| find(program, field));
                let own = |field: &FieldId| program.field_definition(*field).is_some_and(|one| one.class == class);
                if let Some(field) = field.filter(own) {
                    found.push((field, id, reference.pc));
                }
            }
        }
        found.sort_unstable();
        let found = std::rc::Rc::new(found);
        self.writes.borrow_mut().insert(class, found.clone());
        found
    }
}

/// The fields that are written by another class than the one that declares them.
fn written_from_outside(program: &Program<'_>) -> BTreeSet<FieldId> {
    let mut found = BTreeSet::new();
    each_reference(program, |unit, caller, reference| {
        if !reference.opcode.writes_field() {
            return;
        }
        let Some(field) = unit.field(FieldIndex(reference.index)) else { return };
        let class = program.definition(caller).map(|definition| definition.class);
        if program.field_definition(field).map(|one| one.class) != class
            && let Some(declared) = find(program, field)
        {
            found.insert(declared);
        }
    });
    found
}

/// The field that a reference finds: in its class, or above it.
fn find(program: &Program<'_>, field: FieldId) -> Option<FieldId> {
    if program.field_definition(field).is_some() {
        return Some(field);
    }
    let FieldKey { class, name, of } = program.field(field);
    program.ancestors(class).into_iter().find_map(|class| {
        let id = program.find_field(FieldKey { class, name, of })?;
        program.field_definition(id).map(|_| id)
    })
}
