//! Follows a register back to what it holds.

use std::rc::Rc;

use crate::dex::{Access, EncodedValue, Instruction, Opcode};
use crate::program::{DefinitionId, MethodId, Program, Unit};

use super::{Constants, Graph, Origin, Value, Values, models};

/// More moves, merges and calls in a row than a value that means something passes.
const MAX_DEPTH: u32 = 40;

/// The method that is looked at, and for a method that was entered from a call, that call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'f> {
    pub(super) definition: DefinitionId,
    /// The frame of the caller, with the place of the call.
    pub(super) caller: Option<(&'f Frame<'f>, usize)>,
    /// How many calls were entered.
    pub(super) calls: u8,
    /// How many callers were asked.
    pub(super) callers: u8,
    /// How far the value was followed.
    pub(super) depth: u32,
}

impl<'f> Frame<'f> {
    pub(super) fn outermost(definition: DefinitionId) -> Frame<'static> {
        Frame { definition, caller: None, calls: 0, callers: 0, depth: 0 }
    }

    fn deeper(&self) -> Frame<'f> {
        Frame { depth: self.depth + 1, ..*self }
    }

    /// Whether a method is being looked at already.
    fn is_within(&self, definition: DefinitionId) -> bool {
        std::iter::successors(Some(self), |frame| frame.caller.map(|(caller, _)| caller))
            .any(|frame| frame.definition == definition)
    }
}

/// Which registers a call takes its receiver and arguments from.
pub(super) struct Shape {
    pub(super) receiver: Option<u16>,
    arguments: Vec<u16>,
}

impl Shape {
    pub(super) fn of(program: &Program<'_>, method: MethodId, call: &Instruction) -> Shape {
        let mut registers = call.arguments();
        let receiver = if call.opcode.is_static_invoke() { None } else { registers.next() };
        let mut arguments = Vec::new();
        for parameter in program.parameters(program.method(method).proto) {
            let Some(register) = registers.next() else { break };
            arguments.push(register);
            if is_wide(program, *parameter) {
                registers.next();
            }
        }
        Shape { receiver, arguments }
    }

    pub(super) fn argument(&self, position: usize) -> Option<u16> {
        self.arguments.get(position).copied()
    }
}

pub(super) fn is_wide(program: &Program<'_>, of: crate::program::TypeId) -> bool {
    matches!(program.descriptor(of).as_bytes(), b"J" | b"D")
}

impl<'a> Constants<'_, 'a> {
    /// What `register` can hold before the instruction at `at`.
    pub(super) fn value(&self, frame: &Frame<'_>, graph: &Graph, register: u16, at: usize) -> Values {
        let Some(left) = self.steps.get().checked_sub(1).filter(|_| frame.depth < MAX_DEPTH) else {
            return Values::unknown();
        };
        self.steps.set(left);
        let Some(origins) = self.origins(graph, register, at) else { return Values::unknown() };
        let mut values = Values::default();
        for origin in origins {
            values.join(match origin {
                Origin::Start => self.parameter(frame, graph, register),
                // A value that a loop brings back adds nothing new, but for what the loop makes of it.
                Origin::At(writer) if writer == at => match graph.instructions().get(at).map(|one| one.opcode) {
                    Some(Opcode::CHECK_CAST | Opcode(0x01..=0x09)) => continue,
                    _ => Values::unknown(),
                },
                Origin::At(writer) => self.made(&frame.deeper(), graph, writer),
            });
        }
        values
    }

    /// What the instruction at `at` makes.
    pub(super) fn made(&self, frame: &Frame<'_>, graph: &Graph, at: usize) -> Values {
        let (Some(made), Some(unit)) = (graph.instructions().get(at), self.program.unit_of(frame.definition)) else {
            return Values::unknown();
        };
        let origin = Some((frame.definition, made.pc));
        let known = |value| Values::one(value, origin);
        match made.opcode {
            Opcode(0x01..=0x09) => self.value(frame, graph, made.b, at),
            Opcode(0x0a..=0x0c) => self.result(frame, graph, at.wrapping_sub(1)),
            Opcode::MOVE_EXCEPTION => known(Value::Exception),
            Opcode(0x12..=0x15) => known(Value::Int(low_int(made.literal))),
            Opcode(0x16..=0x19) => known(Value::Long(made.literal)),
            Opcode::CONST_STRING | Opcode::CONST_STRING_JUMBO => known(
                unit.string(crate::dex::StringIndex(made.index))
                    .map_or(Value::Unknown, |id| Value::Text(self.program.string(id).decode().into())),
            ),
            Opcode::CONST_CLASS => {
                known(unit.type_of(crate::dex::TypeIndex(made.index)).map_or(Value::Unknown, Value::Class))
            }
            Opcode::CHECK_CAST => self.value(frame, graph, made.a, at),
            Opcode::NEW_INSTANCE => self.instance(frame, graph, at, unit),
            Opcode::NEW_ARRAY => self.array(frame, graph, at, unit),
            Opcode::ARRAY_LENGTH => self.value(frame, graph, made.b, at).map(|array| match array {
                Value::Bytes(bytes) => int_of(bytes.len()),
                Value::Array(elements) => int_of(elements.len()),
                Value::Text(text) => int_of(text.encode_utf16().count()),
                _ => Value::Unknown,
            }),
            Opcode(0x44..=0x4a) => self.element(frame, graph, at),
            opcode if opcode.reads_field() => self.read_field(frame, at, graph, unit),
            opcode => self.computed(frame, graph, at, opcode),
        }
    }

    /// What the call or `filled-new-array` at `at` gives.
    fn result(&self, frame: &Frame<'_>, graph: &Graph, at: usize) -> Values {
        let (Some(call), Some(unit)) = (graph.instructions().get(at), self.program.unit_of(frame.definition)) else {
            return Values::unknown();
        };
        if matches!(call.opcode, Opcode::FILLED_NEW_ARRAY | Opcode::FILLED_NEW_ARRAY_RANGE) {
            return self.filled(frame, graph, at, unit);
        }
        if !call.opcode.is_invoke() {
            return Values::unknown();
        }
        let Some(method) = unit.method(crate::dex::MethodIndex(call.index)) else { return Values::unknown() };
        let key = self.program.method(method);
        let origin = Some((frame.definition, call.pc));
        if let Some(text) = self.built_text(frame, graph, at, method) {
            return text;
        }
        if let Some(values) = self.taken_from_map(frame, graph, at, method) {
            return values;
        }
        if let Some(target) = self.target(call, method)
            && frame.calls < self.bounds.calls
            && !frame.is_within(target)
        {
            let inner = Frame {
                definition: target,
                caller: Some((frame, at)),
                calls: frame.calls + 1,
                callers: frame.callers,
                depth: frame.depth + 1,
            };
            let values = self.returns(&inner);
            if values.iter().any(|value| !matches!(value, Value::Unknown)) {
                return values;
            }
        }
        let arguments = self.operands(frame, graph, at, method);
        let class = self.program.descriptor(key.class);
        let name = self.program.string(key.name);
        models::fold(class.as_bytes(), name.as_bytes(), &arguments, origin)
            .unwrap_or_else(|| Values::one(Value::Call { method, arguments }, origin))
    }

    /// Receiver and arguments of a call.
    pub(super) fn operands(&self, frame: &Frame<'_>, graph: &Graph, at: usize, method: MethodId) -> Rc<[Values]> {
        let Some(call) = graph.instructions().get(at) else { return Rc::default() };
        let shape = Shape::of(self.program, method, call);
        let registers = shape.receiver.into_iter().chain(shape.arguments);
        registers.map(|register| self.value(&frame.deeper(), graph, register, at)).collect()
    }

    /// The one definition that a call runs.
    fn target(&self, call: &Instruction, method: MethodId) -> Option<DefinitionId> {
        let key = self.program.method(method);
        let found = self.program.lookup(key.class, key.name, key.proto)?;
        let definition = self.program.definition(found)?;
        let class = self.program.class(definition.class)?;
        let fixed = !call.opcode.is_dispatched()
            || definition.access.has(Access::FINAL)
            || class.access.has(Access::FINAL)
            || self.program.subtypes(key.class).is_empty();
        (fixed && definition.code != 0).then_some(found)
    }

    /// What the method of a frame returns.
    pub(super) fn returns(&self, frame: &Frame<'_>) -> Values {
        let Some(graph) = self.graph(frame.definition) else { return Values::unknown() };
        let mut values = Values::default();
        for (at, instruction) in graph.instructions().iter().enumerate() {
            if matches!(instruction.opcode.0, 0x0f..=0x11) {
                values.join(self.value(frame, &graph, instruction.a, at));
            }
        }
        values
    }

    /// What an argument register holds at the start of a method.
    fn parameter(&self, frame: &Frame<'_>, graph: &Graph, register: u16) -> Values {
        let Some(definition) = self.program.definition(frame.definition) else { return Values::unknown() };
        let Some(mut offset) = register.checked_sub(graph.first_argument()) else { return Values::unknown() };
        if !definition.access.has(Access::STATIC) {
            if offset == 0 {
                return self.given(frame, definition.method, None, Value::This);
            }
            offset -= 1;
        }
        let key = self.program.method(definition.method);
        for (position, of) in (0u16..).zip(self.program.parameters(key.proto)) {
            if offset == 0 {
                return self.given(frame, definition.method, Some(position), Value::Parameter(position));
            }
            offset = match offset.checked_sub(if is_wide(self.program, *of) { 2 } else { 1 }) {
                Some(rest) => rest,
                None => break,
            };
        }
        Values::unknown()
    }

    /// A parameter, or the receiver, as the caller gives it; `symbol` where there is no caller to ask.
    fn given(&self, frame: &Frame<'_>, method: MethodId, position: Option<u16>, symbol: Value) -> Values {
        let choose = |shape: &Shape| match position {
            Some(position) => shape.argument(position.into()),
            None => shape.receiver,
        };
        if let Some((caller, at)) = frame.caller {
            let (graph, unit) = (self.graph(caller.definition), self.program.unit_of(caller.definition));
            let Some((graph, unit)) = graph.zip(unit) else { return Values::unknown() };
            let register = graph.instructions().get(at).and_then(|call| {
                let method = unit.method(crate::dex::MethodIndex(call.index))?;
                choose(&Shape::of(self.program, method, call))
            });
            let Some(register) = register else { return Values::unknown() };
            let caller = Frame { depth: frame.depth + 1, ..*caller };
            return self.value(&caller, &graph, register, at);
        }
        // Nobody asks for all the objects on which a method is called.
        let sites = self.index.filter(|_| position.is_some()).map_or(&[][..], |index| index.calls_of(method));
        if sites.is_empty() || frame.callers >= self.bounds.callers {
            return Values::one(symbol, None);
        }
        let mut values = Values::default();
        for site in sites {
            let Some(graph) = self.graph(site.caller).filter(|_| site.caller != frame.definition) else { continue };
            let found = graph.find(site.pc).and_then(|at| Some((at, graph.instructions().get(at)?)));
            let Some((at, register)) =
                found.and_then(|(at, call)| Some((at, choose(&Shape::of(self.program, site.method(), call))?)))
            else {
                continue;
            };
            let caller = Frame {
                definition: site.caller,
                caller: None,
                calls: frame.calls,
                callers: frame.callers + 1,
                depth: frame.depth + 1,
            };
            values.join(self.value(&caller, &graph, register, at));
        }
        values
    }

    /// A new instance with the arguments of the constructor that is called on it.
    fn instance(&self, frame: &Frame<'_>, graph: &Graph, at: usize, unit: &Unit<'a>) -> Values {
        let Some(made) = graph.instructions().get(at) else { return Values::unknown() };
        let Some(of) = unit.type_of(crate::dex::TypeIndex(made.index)) else { return Values::unknown() };
        let origin = Some((frame.definition, made.pc));
        let constructor = graph.instructions().iter().enumerate().skip(at + 1).take(4096).find_map(|(place, call)| {
            if !matches!(call.opcode, Opcode::INVOKE_DIRECT | Opcode::INVOKE_DIRECT_RANGE) {
                return None;
            }
            let method = unit.method(crate::dex::MethodIndex(call.index))?;
            let key = self.program.method(method);
            let own = key.class == of && self.program.string(key.name).as_bytes() == b"<init>";
            (own && self.origins(graph, call.arguments().next()?, place)?.contains(&Origin::At(at)))
                .then_some((place, method))
        });
        let Some((place, method)) = constructor else {
            return Values::one(Value::New { of, arguments: Rc::default() }, origin);
        };
        let Some(call) = graph.instructions().get(place) else { return Values::unknown() };
        let arguments: Rc<[Values]> = Shape::of(self.program, method, call)
            .arguments
            .into_iter()
            .map(|register| self.value(&frame.deeper(), graph, register, place))
            .collect();
        models::construct(self.program.descriptor(of).as_bytes(), &arguments, origin)
            .unwrap_or_else(|| Values::one(Value::New { of, arguments }, origin))
    }

    /// What arithmetic on constants gives.
    fn computed(&self, frame: &Frame<'_>, graph: &Graph, at: usize, opcode: Opcode) -> Values {
        let Some(made) = graph.instructions().get(at) else { return Values::unknown() };
        let origin = Some((frame.definition, made.pc));
        let operand = |register| self.value(frame, graph, register, at);
        let (one, other) = match opcode.0 {
            0x7b..=0x8f => {
                return operand(made.b).map(|value| models::convert(opcode, &value));
            }
            0x90..=0xa5 => (operand(made.b), operand(made.c)),
            0xb0..=0xc5 => (operand(made.a), operand(made.b)),
            0xd0..=0xe2 => (operand(made.b), Values::one(Value::Int(low_int(made.literal)), origin)),
            _ => return Values::one(Value::Unknown, origin),
        };
        let mut values = Values::default();
        for left in one.iter() {
            for right in other.iter() {
                values.join(Values::one(models::compute(opcode, left, right), origin));
            }
        }
        values
    }

    /// A value that is written into the file.
    pub(super) fn encoded(&self, unit: &Unit<'a>, value: &EncodedValue<'a>) -> Value {
        match *value {
            EncodedValue::Byte(number) => Value::Int(number.into()),
            EncodedValue::Short(number) => Value::Int(number.into()),
            EncodedValue::Char(number) => Value::Int(number.into()),
            EncodedValue::Int(number) => Value::Int(number),
            EncodedValue::Boolean(flag) => Value::Int(flag.into()),
            EncodedValue::Float(number) => Value::Int(number.to_bits().cast_signed()),
            EncodedValue::Long(number) => Value::Long(number),
            EncodedValue::Double(number) => Value::Long(number.to_bits().cast_signed()),
            EncodedValue::Null => Value::Null,
            EncodedValue::String(index) => {
                unit.string(index).map_or(Value::Unknown, |id| Value::Text(self.program.string(id).decode().into()))
            }
            EncodedValue::Type(index) => unit.type_of(index).map_or(Value::Unknown, Value::Class),
            _ => Value::Unknown,
        }
    }
}

/// The lower half as an `int`.
pub(super) fn low_int(number: i64) -> i32 {
    let [b0, b1, b2, b3, ..] = number.to_le_bytes();
    i32::from_le_bytes([b0, b1, b2, b3])
}

pub(super) fn int_of(count: usize) -> Value {
    i32::try_from(count).map_or(Value::Unknown, Value::Int)
}
