//! What maps hold that are made and filled in one method.

use crate::dex::{MethodIndex, Opcode};
use crate::program::{MethodId, Unit};

use super::evaluate::{Frame, Shape};
use super::{Constants, Graph, Origin, Value, Values};

/// More calls on one map than are looked at.
const MAX_PUTS: usize = 256;

impl<'a> Constants<'_, 'a> {
    /// What the `get` of a map at `at` gives: what the method puts there under the same constant key, the last in the order of
    /// the code. Nothing where the call is none of that.
    pub(super) fn taken_from_map(
        &self,
        frame: &Frame<'_>,
        graph: &Graph,
        at: usize,
        method: MethodId,
    ) -> Option<Values> {
        if !self.is_map_call(method, b"get") {
            return None;
        }
        let unit = self.program.unit_of(frame.definition)?;
        let call = graph.instructions().get(at)?;
        let shape = Shape::of(self.program, method, call);
        let map = self.made_at(graph, shape.receiver?, at)?;
        let key = self.value(frame, graph, shape.argument(0)?, at);
        let key = key.single().filter(|key| key.is_constant())?;
        let mut found = None;
        let mut puts = 0;
        for (place, one) in graph.instructions().iter().enumerate().take(at).skip(map + 1) {
            let Some(put) = self.put(unit, one.opcode, one.index) else { continue };
            let shape = Shape::of(self.program, put, one);
            if shape.receiver.and_then(|register| self.made_at(graph, register, place)) != Some(map) {
                continue;
            }
            puts += 1;
            if puts > MAX_PUTS {
                return None;
            }
            let under = self.value(frame, graph, shape.argument(0)?, place);
            if under.single() == Some(key) {
                found = Some((shape.argument(1)?, place));
            }
        }
        let (register, place) = found?;
        Some(self.value(frame, graph, register, place))
    }

    fn put(&self, unit: &Unit<'a>, opcode: Opcode, index: u32) -> Option<MethodId> {
        let method = unit.method(MethodIndex(index)).filter(|_| opcode.is_invoke())?;
        self.is_map_call(method, b"put").then_some(method)
    }

    /// The one `new-instance` that a register holds, be it through moves and casts.
    fn made_at(&self, graph: &Graph, mut register: u16, mut at: usize) -> Option<usize> {
        /// More moves than a compiler makes.
        const MAX_MOVES: usize = 8;
        for _ in 0..MAX_MOVES {
            let origins = self.origins(graph, register, at)?;
            let [Origin::At(writer)] = origins.as_slice() else { return None };
            let made = graph.instructions().get(*writer)?;
            match made.opcode {
                Opcode::NEW_INSTANCE => return Some(*writer),
                Opcode(0x07..=0x09) => (register, at) = (made.b, *writer),
                Opcode::CHECK_CAST => (register, at) = (made.a, *writer),
                _ => return None,
            }
        }
        None
    }

    fn is_map_call(&self, method: MethodId, name: &[u8]) -> bool {
        let key = self.program.method(method);
        self.program.string(key.name).as_bytes() == name
            && matches!(
                self.program.descriptor(key.class).as_bytes(),
                b"Ljava/util/Map;"
                    | b"Ljava/util/HashMap;"
                    | b"Ljava/util/LinkedHashMap;"
                    | b"Ljava/util/TreeMap;"
                    | b"Ljava/util/Hashtable;"
                    | b"Ljava/util/concurrent/ConcurrentHashMap;"
            )
    }
}

/// A boxed number as the number.
pub(super) fn unboxed(class: &[u8], content: &Value) -> Option<Value> {
    let is_box = matches!(
        class,
        b"Ljava/lang/Integer;"
            | b"Ljava/lang/Long;"
            | b"Ljava/lang/Short;"
            | b"Ljava/lang/Byte;"
            | b"Ljava/lang/Character;"
            | b"Ljava/lang/Boolean;"
    );
    match content {
        Value::Int(_) | Value::Long(_) if is_box => Some(content.clone()),
        _ => None,
    }
}
