//! Strings that are put together with a `StringBuilder` or `StringBuffer`.

use std::rc::Rc;

use crate::dex::{MethodIndex, Opcode};
use crate::program::{MethodId, Unit};

use super::evaluate::{Frame, Shape};
use super::{Constants, Graph, Origin, Value, Values, models};

/// More parts than a string that means something has.
const MAX_PARTS: usize = 64;

/// A call on a builder.
struct Step {
    at: usize,
    method: MethodId,
}

impl<'a> Constants<'_, 'a> {
    /// What a builder's `toString` at `at` gives: all that was appended, in the order of the code. Nothing where the call is
    /// none of that. Parts that a branch may add or leave out make the whole unknown, but keep it put together.
    pub(super) fn built_text(&self, frame: &Frame<'_>, graph: &Graph, at: usize, method: MethodId) -> Option<Values> {
        if !self.is_builder_call(method, b"toString") {
            return None;
        }
        let unit = self.program.unit_of(frame.definition)?;
        let call = graph.instructions().get(at)?;
        let origin = Some((frame.definition, call.pc));
        let root = self.root(graph, unit, call.arguments().next()?, at)?;
        let mut steps = Vec::new();
        for (place, one) in graph.instructions().iter().enumerate().take(at).skip(root + 1) {
            if !one.opcode.is_invoke() {
                continue;
            }
            let Some(method) = unit.method(MethodIndex(one.index)) else { continue };
            if !self.is_builder(method) {
                continue;
            }
            if one.arguments().next().and_then(|register| self.root(graph, unit, register, place)) == Some(root) {
                steps.push(Step { at: place, method });
            }
            if steps.len() > MAX_PARTS {
                return Some(Values::one(Value::Unknown, origin));
            }
        }
        let straight = is_straight(graph, root, at);
        let mut parts: Vec<Values> = Vec::new();
        for step in steps {
            let appends = self.is_builder_call(step.method, b"append") || self.is_builder_call(step.method, b"<init>");
            let one = graph.instructions().get(step.at)?;
            let shape = Shape::of(self.program, step.method, one);
            let Some(register) = shape.argument(0) else { continue };
            let of = self.program.parameters(self.program.method(step.method).proto).first()?;
            let of = self.program.descriptor(*of);
            // The constructor that takes a number takes a capacity.
            if of.as_bytes() == b"I" && !self.is_builder_call(step.method, b"append") {
                continue;
            }
            let values = self.value(frame, graph, register, step.at);
            let known = appends && shape.argument(1).is_none();
            parts.push(if known { values.map(|value| models::shown(value, of.as_bytes())) } else { Values::unknown() });
        }
        if !straight {
            parts.push(Values::unknown());
        }
        Some(joined(parts, origin))
    }

    /// The `new-instance` that a builder comes from, through moves and through `append`, which returns its receiver.
    fn root(&self, graph: &Graph, unit: &Unit<'a>, mut register: u16, mut at: usize) -> Option<usize> {
        for _ in 0..=MAX_PARTS {
            let origins = self.origins(graph, register, at)?;
            let [Origin::At(writer)] = origins.as_slice() else { return None };
            let made = graph.instructions().get(*writer)?;
            match made.opcode {
                Opcode::NEW_INSTANCE => return Some(*writer),
                Opcode(0x07..=0x09) => (register, at) = (made.b, *writer),
                Opcode::MOVE_RESULT_OBJECT => {
                    let place = writer.checked_sub(1)?;
                    let call = graph.instructions().get(place)?;
                    let method = unit.method(MethodIndex(call.index)).filter(|_| call.opcode.is_invoke())?;
                    if !self.is_builder(method) {
                        return None;
                    }
                    (register, at) = (call.arguments().next()?, place);
                }
                _ => return None,
            }
        }
        None
    }

    fn is_builder(&self, method: MethodId) -> bool {
        let class = self.program.descriptor(self.program.method(method).class);
        matches!(class.as_bytes(), b"Ljava/lang/StringBuilder;" | b"Ljava/lang/StringBuffer;")
    }

    fn is_builder_call(&self, method: MethodId, name: &[u8]) -> bool {
        self.is_builder(method) && self.program.string(self.program.method(method).name).as_bytes() == name
    }
}

/// Whether from one instruction to a later one there is one way only.
fn is_straight(graph: &Graph, from: usize, to: usize) -> bool {
    let (first, mut block) = (graph.block_of(from), graph.block_of(to));
    for _ in 0..graph.blocks().len() {
        if block == first {
            return true;
        }
        let Some([before]) = graph.blocks().get(block).map(|block| block.from.as_slice()) else { return false };
        if graph.blocks().get(*before).is_none_or(|before| before.to.len() != 1) {
            return false;
        }
        block = *before;
    }
    false
}

/// The parts as one text, where all are known; else the parts.
pub(super) fn joined(parts: Vec<Values>, origin: Option<(crate::program::DefinitionId, u32)>) -> Values {
    let mut text = String::new();
    for part in &parts {
        match part.single() {
            Some(Value::Text(piece)) => text.push_str(piece),
            _ => return Values::one(Value::Concat(Rc::from(parts)), origin),
        }
    }
    Values::one(Value::Text(text.into()), origin)
}
