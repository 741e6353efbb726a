//! Values that are written into the file: initial values of fields, elements of annotations, arguments of call sites
//! (`encoded_value`, `encoded_array`, `encoded_annotation`).

use super::read::Cursor;
use super::{Dex, DexError, FieldIndex, MethodHandleIndex, MethodIndex, ProtoIndex, StringIndex, TypeIndex};

/// Deeper nesting is refused. Compilers nest annotations in annotations a few levels.
const MAX_DEPTH: u8 = 16;

/// A value.
#[derive(Debug, Clone)]
pub enum EncodedValue<'a> {
    /// A `byte`.
    Byte(i8),
    /// A `short`.
    Short(i16),
    /// A `char`.
    Char(u16),
    /// An `int`.
    Int(i32),
    /// A `long`.
    Long(i64),
    /// A `float`.
    Float(f32),
    /// A `double`.
    Double(f64),
    /// A `MethodType`.
    MethodType(ProtoIndex),
    /// A `MethodHandle`.
    MethodHandle(MethodHandleIndex),
    /// A string.
    String(StringIndex),
    /// A class.
    Type(TypeIndex),
    /// A field.
    Field(FieldIndex),
    /// A method.
    Method(MethodIndex),
    /// A constant of an enumeration.
    Enum(FieldIndex),
    /// An array.
    Array(EncodedArray<'a>),
    /// An annotation.
    Annotation(EncodedAnnotation<'a>),
    /// `null`.
    Null,
    /// A `boolean`.
    Boolean(bool),
}

/// Values in a row, read one by one. It ends after the first error.
#[derive(Debug, Clone)]
pub struct EncodedArray<'a> {
    cursor: Cursor<'a>,
    left: u32,
    depth: u8,
}

/// An annotation: its type and its elements by name. It ends after the first error.
#[derive(Debug, Clone)]
pub struct EncodedAnnotation<'a> {
    /// The type of the annotation.
    pub of: TypeIndex,
    cursor: Cursor<'a>,
    left: u32,
    depth: u8,
}

impl<'a> Dex<'a> {
    pub(crate) fn encoded_array(&self, offset: u32) -> Result<EncodedArray<'a>, DexError> {
        let mut cursor = Cursor::new(self.bytes, offset);
        let left = cursor.uleb128().ok_or(DexError::Truncated { what: "array of values", offset })?;
        Ok(EncodedArray { cursor, left, depth: 0 })
    }

    pub(crate) fn encoded_annotation(&self, offset: u32) -> Result<EncodedAnnotation<'a>, DexError> {
        annotation(&mut Cursor::new(self.bytes, offset), 0).ok_or(DexError::Truncated { what: "annotation", offset })
    }
}

impl EncodedArray<'_> {
    pub(crate) fn empty() -> Self {
        EncodedArray { cursor: Cursor::new(&[], 0), left: 0, depth: 0 }
    }

    /// How many values are still to come, as the file says.
    pub fn len(&self) -> u32 {
        self.left
    }

    /// Whether no value is to come.
    pub fn is_empty(&self) -> bool {
        self.left == 0
    }
}

impl<'a> Iterator for EncodedArray<'a> {
    type Item = Result<EncodedValue<'a>, DexError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let value = value(&mut self.cursor, self.depth);
        if value.is_err() {
            self.left = 0;
        }
        Some(value)
    }
}

impl<'a> Iterator for EncodedAnnotation<'a> {
    type Item = Result<(StringIndex, EncodedValue<'a>), DexError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let offset = self.cursor.position();
        let name = self.cursor.uleb128().ok_or(DexError::Truncated { what: "annotation", offset });
        let element = name.and_then(|name| Ok((StringIndex(name), value(&mut self.cursor, self.depth)?)));
        if element.is_err() {
            self.left = 0;
        }
        Some(element)
    }
}

fn annotation<'a>(cursor: &mut Cursor<'a>, depth: u8) -> Option<EncodedAnnotation<'a>> {
    let of = TypeIndex(cursor.uleb128()?);
    let left = cursor.uleb128()?;
    Some(EncodedAnnotation { of, cursor: *cursor, left, depth })
}

/// Reads a value and leaves the cursor behind it.
fn value<'a>(cursor: &mut Cursor<'a>, depth: u8) -> Result<EncodedValue<'a>, DexError> {
    let offset = cursor.position();
    let cut = DexError::Truncated { what: "value", offset };
    let malformed = DexError::Malformed { what: "value", offset };
    let head = cursor.u8().ok_or(cut)?;
    let (kind, argument) = (head & 0x1f, head >> 5);
    let width = match kind {
        0x00 => 0,
        0x02 | 0x03 => 1,
        0x04 | 0x10 | 0x15..=0x1b => 3,
        0x06 | 0x11 => 7,
        0x1c | 0x1d => return nested(cursor, kind, depth + 1),
        0x1e => return Ok(EncodedValue::Null),
        0x1f => return Ok(EncodedValue::Boolean(argument != 0)),
        _ => return Err(malformed),
    };
    if argument > width {
        return Err(malformed);
    }
    let size = argument + 1;
    let mut raw = [0u8; 8];
    for (into, from) in raw.iter_mut().zip(cursor.take(size.into()).ok_or(cut)?) {
        *into = *from;
    }
    let bits = u64::from_le_bytes(raw);
    let unused = 64 - 8 * u32::from(size);
    let signed = (bits << unused).cast_signed() >> unused;
    let low = (bits & 0xffff_ffff) as u32;
    Ok(match kind {
        0x00 => EncodedValue::Byte(raw[0].cast_signed()),
        0x02 => EncodedValue::Short(i16::try_from(signed).unwrap_or_default()),
        0x03 => EncodedValue::Char((bits & 0xffff) as u16),
        0x04 => EncodedValue::Int(i32::try_from(signed).unwrap_or_default()),
        0x06 => EncodedValue::Long(signed),
        // Floating point numbers are cut on the right, where their last bytes are zero.
        0x10 => EncodedValue::Float(f32::from_bits(low << (32 - 8 * u32::from(size)))),
        0x11 => EncodedValue::Double(f64::from_bits(bits << unused)),
        0x15 => EncodedValue::MethodType(ProtoIndex(low)),
        0x16 => EncodedValue::MethodHandle(MethodHandleIndex(low)),
        0x17 => EncodedValue::String(StringIndex(low)),
        0x18 => EncodedValue::Type(TypeIndex(low)),
        0x19 => EncodedValue::Field(FieldIndex(low)),
        0x1a => EncodedValue::Method(MethodIndex(low)),
        _ => EncodedValue::Enum(FieldIndex(low)),
    })
}

/// Reads an array or an annotation, walking through it to find its end.
fn nested<'a>(cursor: &mut Cursor<'a>, kind: u8, depth: u8) -> Result<EncodedValue<'a>, DexError> {
    let offset = cursor.position();
    let cut = DexError::Truncated { what: "value", offset };
    if depth > MAX_DEPTH {
        return Err(DexError::TooDeep { offset, limit: MAX_DEPTH });
    }
    if kind == 0x1c {
        let left = cursor.uleb128().ok_or(cut)?;
        let array = EncodedArray { cursor: *cursor, left, depth };
        for _ in 0..left {
            value(cursor, depth)?;
        }
        return Ok(EncodedValue::Array(array));
    }
    let annotation = annotation(cursor, depth).ok_or(cut)?;
    for _ in 0..annotation.left {
        cursor.uleb128().ok_or(cut)?;
        value(cursor, depth)?;
    }
    Ok(EncodedValue::Annotation(annotation))
}
