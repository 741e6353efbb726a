//! Values in the making: initial values of fields and elements of annotations (`encoded_value`).

use super::pool::{Pool, uleb128};

/// A value.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each is the Java type of its name")]
pub enum Value {
    Boolean(bool),
    Byte(i8),
    Short(i16),
    Char(u16),
    Int(i32),
    Long(i64),
    Float(f32),
    Double(f64),
    Null,
    String(String),
    /// A class, by descriptor.
    Class(String),
    /// A constant of an enumeration: class and name.
    Enum(String, String),
    Array(Vec<Value>),
    Annotation(Box<Annotation>),
}

/// An annotation.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotation {
    pub(super) of: String,
    pub(super) visibility: u8,
    pub(super) elements: Vec<(String, Value)>,
}

impl Value {
    /// A string.
    pub fn string(text: &str) -> Value {
        Value::String(text.to_owned())
    }

    /// A class by its descriptor.
    pub fn class(descriptor: &str) -> Value {
        Value::Class(descriptor.to_owned())
    }

    /// Names everything that the value names.
    pub(super) fn collect(&self, pool: &mut Pool) {
        match self {
            Value::String(text) => pool.add_string(text),
            Value::Class(descriptor) => pool.add_type(descriptor),
            Value::Enum(class, name) => pool.add_field(class, name, class),
            Value::Array(values) => values.iter().for_each(|value| value.collect(pool)),
            Value::Annotation(annotation) => annotation.collect(pool),
            _ => {}
        }
    }

    /// Whether this is what a field begins with anyhow.
    pub(super) fn is_zero(&self) -> bool {
        match self {
            Value::Boolean(value) => !value,
            Value::Byte(0) | Value::Short(0) | Value::Char(0) | Value::Int(0) | Value::Long(0) | Value::Null => true,
            Value::Float(value) => value.to_bits() == 0,
            Value::Double(value) => value.to_bits() == 0,
            _ => false,
        }
    }

    /// The zero of a type.
    pub(super) fn zero(of: &str) -> Value {
        match of {
            "Z" => Value::Boolean(false),
            "B" => Value::Byte(0),
            "S" => Value::Short(0),
            "C" => Value::Char(0),
            "I" => Value::Int(0),
            "J" => Value::Long(0),
            "F" => Value::Float(0.0),
            "D" => Value::Double(0.0),
            _ => Value::Null,
        }
    }

    pub(super) fn write(&self, pool: &Pool, out: &mut Vec<u8>) {
        match self {
            Value::Byte(value) => out.extend([0x00, value.to_le_bytes()[0]]),
            Value::Short(value) => signed(0x02, (*value).into(), out),
            Value::Char(value) => unsigned(0x03, (*value).into(), out),
            Value::Int(value) => signed(0x04, (*value).into(), out),
            Value::Long(value) => signed(0x06, *value, out),
            Value::Float(value) => right(0x10, &value.to_le_bytes(), out),
            Value::Double(value) => right(0x11, &value.to_le_bytes(), out),
            Value::String(text) => unsigned(0x17, pool.string(text), out),
            Value::Class(descriptor) => unsigned(0x18, pool.type_of(descriptor), out),
            Value::Enum(class, name) => unsigned(0x1b, pool.field(class, name, class), out),
            Value::Array(values) => {
                out.push(0x1c);
                array(values, pool, out);
            }
            Value::Annotation(annotation) => {
                out.push(0x1d);
                annotation.write(pool, out);
            }
            Value::Null => out.push(0x1e),
            Value::Boolean(value) => out.push(0x1f | u8::from(*value) << 5),
        }
    }
}

impl Annotation {
    /// One that the program sees by reflection.
    pub fn runtime(descriptor: &str) -> Annotation {
        Annotation { of: descriptor.to_owned(), visibility: 1, elements: Vec::new() }
    }

    /// One that the platform reads, such as `Ldalvik/annotation/Signature;`.
    pub fn system(descriptor: &str) -> Annotation {
        Annotation { visibility: 2, ..Annotation::runtime(descriptor) }
    }

    /// Adds an element.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Annotation {
        self.elements.push((name.to_owned(), value));
        self
    }

    pub(super) fn collect(&self, pool: &mut Pool) {
        pool.add_type(&self.of);
        for (name, value) in &self.elements {
            pool.add_string(name);
            value.collect(pool);
        }
    }

    pub(super) fn write(&self, pool: &Pool, out: &mut Vec<u8>) {
        uleb128(pool.type_of(&self.of), out);
        uleb128(self.elements.len() as u32, out);
        let mut elements: Vec<_> = self.elements.iter().map(|(name, value)| (pool.string(name), value)).collect();
        elements.sort_by_key(|element| element.0);
        for (name, value) in elements {
            uleb128(name, out);
            value.write(pool, out);
        }
    }
}

/// Count and values, without the head that an array inside a value has.
pub(super) fn array(values: &[Value], pool: &Pool, out: &mut Vec<u8>) {
    uleb128(values.len() as u32, out);
    for value in values {
        value.write(pool, out);
    }
}

/// As few bytes as keep the sign.
fn signed(kind: u8, value: i64, out: &mut Vec<u8>) {
    let bytes = value.to_le_bytes();
    let size = (1..8).find(|size| (value << (64 - 8 * size)) >> (64 - 8 * size) == value).unwrap_or(8);
    out.push(kind | ((size - 1) as u8) << 5);
    out.extend(&bytes[..size]);
}

/// As few bytes as hold the number.
fn unsigned(kind: u8, value: u32, out: &mut Vec<u8>) {
    let size = (4 - value.leading_zeros() as usize / 8).max(1);
    out.push(kind | ((size - 1) as u8) << 5);
    out.extend(&value.to_le_bytes()[..size]);
}

/// Without the zero bytes at the low end.
fn right(kind: u8, bytes: &[u8], out: &mut Vec<u8>) {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(bytes.len() - 1);
    out.push(kind | ((bytes.len() - zeros - 1) as u8) << 5);
    out.extend(&bytes[zeros..]);
}
