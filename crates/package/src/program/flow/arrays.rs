//! What arrays hold that are made and filled in one method.

use std::rc::Rc;

use crate::dex::{MethodIndex, Opcode, Payload, TypeIndex};
use crate::program::{TypeId, Unit};

use super::evaluate::{Frame, low_int};
use super::{Constants, Graph, Origin, Value, Values};

/// Larger arrays are tables, not keys.
const MAX_ELEMENTS: usize = 4096;
/// What an element costs, in instructions that could be looked at for it.
const ELEMENT_PRICE: usize = 4;
/// More places that touch one array than are looked at.
const MAX_TOUCHES: usize = 4096;

impl<'a> Constants<'_, 'a> {
    /// The array that the `new-array` at `at` makes, with what the method puts into it.
    pub(super) fn array(&self, frame: &Frame<'_>, graph: &Graph, at: usize, unit: &Unit<'a>) -> Values {
        let Some(made) = graph.instructions().get(at) else { return Values::unknown() };
        let origin = Some((frame.definition, made.pc));
        let unknown = Values::one(Value::Unknown, origin);
        let (Some(of), Some(code)) = (unit.type_of(TypeIndex(made.index)), self.program.code(frame.definition)) else {
            return unknown;
        };
        let size = match self.value(frame, graph, made.b, at).single() {
            Some(Value::Int(size)) => usize::try_from(*size).ok().filter(|size| *size <= MAX_ELEMENTS),
            _ => None,
        };
        let Some(size) = size.filter(|size| self.pay(size.saturating_mul(ELEMENT_PRICE))) else { return unknown };
        let mut elements = vec![Values::one(self.zero_of(of), origin); size];
        let mut touches = 0;
        for (place, touch) in graph.instructions().iter().enumerate().skip(at + 1) {
            let array = match touch.opcode {
                Opcode::FILL_ARRAY_DATA => touch.a,
                Opcode(0x4b..=0x51) => touch.b,
                opcode if opcode.is_invoke() => {
                    if touch.arguments().len() != 0 && self.may_fill(unit, touch.index) {
                        let given = |register| self.is_from(graph, register, place, at);
                        if touch.arguments().any(given) {
                            return unknown;
                        }
                    }
                    continue;
                }
                _ => continue,
            };
            touches += 1;
            if touches > MAX_TOUCHES {
                return unknown;
            }
            if !self.is_from(graph, array, place, at) {
                continue;
            }
            if touch.opcode == Opcode::FILL_ARRAY_DATA {
                let Some(Payload::Array(data)) = code.payload(touch.target()) else { return unknown };
                let wide = data.width == 8;
                for (element, number) in elements.iter_mut().zip(data.elements()) {
                    let value = if wide { Value::Long(number) } else { Value::Int(low_int(number)) };
                    *element = Values::one(value, origin);
                }
                continue;
            }
            let index = self.value(frame, graph, touch.c, place);
            let Some(Value::Int(index)) = index.single() else { return unknown };
            let slot = usize::try_from(*index).ok().and_then(|index| elements.get_mut(index));
            let Some(slot) = slot else { continue };
            *slot = self.value(frame, graph, touch.a, place);
        }
        Values::one(self.packed(of, elements), origin)
    }

    /// The array that a `filled-new-array` makes.
    pub(super) fn filled(&self, frame: &Frame<'_>, graph: &Graph, at: usize, unit: &Unit<'a>) -> Values {
        let Some(made) = graph.instructions().get(at) else { return Values::unknown() };
        let Some(of) = unit.type_of(TypeIndex(made.index)) else { return Values::unknown() };
        let elements = made.arguments().map(|register| self.value(frame, graph, register, at)).collect();
        Values::one(self.packed(of, elements), Some((frame.definition, made.pc)))
    }

    /// What the `aget` at `at` can take out.
    pub(super) fn element(&self, frame: &Frame<'_>, graph: &Graph, at: usize) -> Values {
        let Some(read) = graph.instructions().get(at) else { return Values::unknown() };
        let origin = Some((frame.definition, read.pc));
        let index = self.value(frame, graph, read.c, at);
        let index = index.single().and_then(|index| match index {
            Value::Int(index) => usize::try_from(*index).ok(),
            _ => None,
        });
        let mut values = Values::default();
        for array in self.value(frame, graph, read.b, at).iter() {
            values.join(match (array, index) {
                (Value::Array(elements), Some(index)) => elements.get(index).cloned().unwrap_or_else(Values::unknown),
                (Value::Array(elements), None) => {
                    let mut any = Values::default();
                    elements.iter().for_each(|element| any.join(element.clone()));
                    any
                }
                (Value::Bytes(bytes), Some(index)) => {
                    let byte = bytes.get(index).map(|byte| Value::Int(byte.cast_signed().into()));
                    Values::one(byte.unwrap_or(Value::Unknown), origin)
                }
                _ => Values::one(Value::Unknown, origin),
            });
        }
        values
    }

    /// Whether a call changes an array that it is given, as its name says.
    fn may_fill(&self, unit: &Unit<'a>, method: u32) -> bool {
        let Some(method) = unit.method(MethodIndex(method)) else { return true };
        let name = self.program.string(self.program.method(method).name);
        matches!(
            name.as_bytes(),
            b"nextBytes" | b"read" | b"readFully" | b"arraycopy" | b"fill" | b"get" | b"getChars" | b"setAll"
        )
    }

    fn zero_of(&self, array: TypeId) -> Value {
        match self.program.descriptor(array).as_bytes() {
            [b'[', b'J' | b'D'] => Value::Long(0),
            [b'[', b'L' | b'[', ..] => Value::Null,
            _ => Value::Int(0),
        }
    }

    /// Bytes as bytes, characters as text, anything else element by element.
    fn packed(&self, of: TypeId, elements: Vec<Values>) -> Value {
        let numbers = || {
            elements.iter().map(|element| match element.single() {
                Some(Value::Int(number)) => Some(*number),
                _ => None,
            })
        };
        match self.program.descriptor(of).as_bytes() {
            b"[B" => {
                let bytes: Option<Rc<[u8]>> = numbers().map(|number| Some(number?.to_le_bytes()[0])).collect();
                bytes.map_or_else(|| Value::Array(elements.iter().cloned().collect()), Value::Bytes)
            }
            b"[C" => {
                let units: Option<Vec<u16>> = numbers().map(|number| u16::try_from(number? & 0xffff).ok()).collect();
                units.map_or_else(
                    || Value::Array(elements.iter().cloned().collect()),
                    |units| Value::Text(String::from_utf16_lossy(&units).into()),
                )
            }
            _ => Value::Array(elements.into()),
        }
    }

    /// Whether a register can hold what the instruction at `made` makes, be it through moves and casts.
    fn is_from(&self, graph: &Graph, register: u16, at: usize, made: usize) -> bool {
        let mut waiting = vec![(register, at)];
        let mut steps = 0;
        while let Some((register, at)) = waiting.pop() {
            steps += 1;
            if steps > 16 {
                return false;
            }
            for origin in self.origins(graph, register, at).into_iter().flatten() {
                let Origin::At(writer) = origin else { continue };
                if writer == made {
                    return true;
                }
                match graph.instructions().get(writer) {
                    Some(instruction) if matches!(instruction.opcode.0, 0x07..=0x09) => {
                        waiting.push((instruction.b, writer));
                    }
                    Some(instruction) if instruction.opcode == Opcode::CHECK_CAST => {
                        waiting.push((instruction.a, writer));
                    }
                    _ => {}
                }
            }
        }
        false
    }
}
