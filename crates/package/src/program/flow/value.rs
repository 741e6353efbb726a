//! What a register can hold.

use std::rc::Rc;

use crate::program::{DefinitionId, FieldId, MethodId, TypeId};

/// More values than a set that means something has.
const MAX_VALUES: usize = 12;

/// A value, known in full or by where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// An `int`, `short`, `byte`, `char` or `boolean`, or the bits of a `float`.
    Int(i32),
    /// A `long`, or the bits of a `double`.
    Long(i64),
    /// A string, or an array of `char`s that is one.
    Text(Rc<str>),
    /// A class constant.
    Class(TypeId),
    /// An array of bytes.
    Bytes(Rc<[u8]>),
    /// An array of anything else.
    Array(Rc<[Values]>),
    /// Strings put together, at least one of which is not known.
    Concat(Rc<[Values]>),
    /// A new instance, with what its constructor was given.
    New {
        /// Its class.
        of: TypeId,
        /// The constructor's arguments without the instance.
        arguments: Rc<[Values]>,
    },
    /// What a call returned.
    Call {
        /// The method that was called.
        method: MethodId,
        /// The receiver, if there is one, and the arguments.
        arguments: Rc<[Values]>,
    },
    /// What a field held.
    Field(FieldId),
    /// An argument of the method that was asked about, counted without the receiver.
    Parameter(u16),
    /// The instance that the method that was asked about runs on.
    This,
    /// An exception that was caught.
    Exception,
    /// Something else.
    Unknown,
}

/// A value with the instruction that made it.
#[derive(Debug, Clone, PartialEq)]
pub struct Traced {
    /// The value.
    pub value: Value,
    /// The method and the code unit where it is made, where that is code.
    pub origin: Option<(DefinitionId, u32)>,
}

/// What a register can hold: one of these.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Values(Vec<Traced>);

impl Values {
    /// One that is not known.
    pub fn unknown() -> Values {
        Values::one(Value::Unknown, None)
    }

    /// Exactly this one.
    pub fn one(value: Value, origin: Option<(DefinitionId, u32)>) -> Values {
        Values(vec![Traced { value, origin }])
    }

    /// The values.
    pub fn iter(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().map(|traced| &traced.value)
    }

    /// The values with their origins.
    pub fn traced(&self) -> &[Traced] {
        &self.0
    }

    /// The value, if there is only one.
    pub fn single(&self) -> Option<&Value> {
        match self.0.as_slice() {
            [one] => Some(&one.value),
            _ => None,
        }
    }

    /// The strings among the values.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.iter().filter_map(|value| match value {
            Value::Text(text) => Some(&**text),
            _ => None,
        })
    }

    /// The numbers among the values; `null` and `false` are 0.
    pub fn ints(&self) -> impl Iterator<Item = i64> {
        self.iter().filter_map(|value| match value {
            Value::Null => Some(0),
            Value::Int(number) => Some((*number).into()),
            Value::Long(number) => Some(*number),
            _ => None,
        })
    }

    /// Whether every value is known in full.
    pub fn is_constant(&self) -> bool {
        !self.0.is_empty() && self.iter().all(Value::is_constant)
    }

    /// Whether every value is known, or made by calls and constructors out of known ones alone.
    pub fn is_derived_from_constants(&self) -> bool {
        !self.0.is_empty() && self.iter().all(Value::is_derived_from_constants)
    }

    /// Adds what another set has. A set that grows too large becomes unknown.
    pub fn join(&mut self, other: Values) {
        for traced in other.0 {
            if !self.0.iter().any(|known| known.value == traced.value) {
                self.0.push(traced);
            }
        }
        if self.0.len() > MAX_VALUES {
            *self = Values::unknown();
        }
    }

    /// Each value as `change` has it.
    pub(super) fn map(self, mut change: impl FnMut(Value) -> Value) -> Values {
        let mut changed = Values::default();
        for Traced { value, origin } in self.0 {
            changed.join(Values::one(change(value), origin));
        }
        changed
    }
}

impl Value {
    /// Whether the value is known in full.
    pub fn is_constant(&self) -> bool {
        match self {
            Value::Null | Value::Int(_) | Value::Long(_) | Value::Text(_) | Value::Class(_) | Value::Bytes(_) => true,
            Value::Array(elements) => elements.iter().all(Values::is_constant),
            _ => false,
        }
    }

    /// Whether the value is known, or made by calls and constructors out of known values alone, of which there is one.
    pub fn is_derived_from_constants(&self) -> bool {
        match self {
            Value::Array(parts) | Value::Concat(parts) => parts.iter().all(Values::is_derived_from_constants),
            Value::New { arguments, .. } | Value::Call { arguments, .. } => {
                !arguments.is_empty() && arguments.iter().all(Values::is_derived_from_constants)
            }
            value => value.is_constant(),
        }
    }
}
