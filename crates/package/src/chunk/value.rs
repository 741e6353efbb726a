//! A typed value: `Res_value` of Android.

use std::borrow::Cow;

use super::Pool;
use crate::le::{u8_at, u32_at};

/// A value with its type. Strings are indices into the pool of the document or table that holds the value.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Value {
    /// Nothing at all; or empty on purpose.
    Null {
        /// Whether it is empty on purpose (`@empty`).
        empty: bool,
    },
    /// A resource, by its id.
    Reference(u32),
    /// An attribute of the theme, by its id.
    Attribute(u32),
    /// A string, by its index.
    String(u32),
    /// A number with a fraction.
    Float(f32),
    /// A length: mantissa, radix and unit.
    Dimension(u32),
    /// A fraction: mantissa, radix and unit.
    Fraction(u32),
    /// A resource of a shared library, by an id that the library's loading completes.
    DynamicReference(u32),
    /// An attribute of a shared library.
    DynamicAttribute(u32),
    /// A whole number.
    Integer {
        /// The number.
        value: i32,
        /// Whether it was written in hexadecimal, as flags are.
        hex: bool,
    },
    /// True or false.
    Boolean(bool),
    /// A color: alpha, red, green, blue.
    Color(u32),
    /// A type that Android does not know.
    Other {
        /// The type.
        kind: u8,
        /// The data.
        data: u32,
    },
}

impl Value {
    /// The value of this type and data.
    pub fn new(kind: u8, data: u32) -> Value {
        match kind {
            0x00 => Value::Null { empty: data == 1 },
            0x01 => Value::Reference(data),
            0x02 => Value::Attribute(data),
            0x03 => Value::String(data),
            0x04 => Value::Float(f32::from_bits(data)),
            0x05 => Value::Dimension(data),
            0x06 => Value::Fraction(data),
            0x07 => Value::DynamicReference(data),
            0x08 => Value::DynamicAttribute(data),
            0x10 | 0x11 => Value::Integer { value: data.cast_signed(), hex: kind == 0x11 },
            0x12 => Value::Boolean(data != 0),
            0x1c..=0x1f => Value::Color(data),
            _ => Value::Other { kind, data },
        }
    }

    /// The value whose eight bytes begin there: size, zero, type, data.
    pub(crate) fn at(bytes: &[u8], at: usize) -> Option<Value> {
        Some(Value::new(u8_at(bytes, at + 3)?, u32_at(bytes, at + 4)?))
    }

    /// The resource that it refers to. A reference to 0 is none.
    pub fn reference(self) -> Option<u32> {
        match self {
            Value::Reference(id) | Value::DynamicReference(id) => (id != 0).then_some(id),
            _ => None,
        }
    }

    /// The value as Android writes it where text is asked for; the string itself, if it is one.
    pub fn text<'p>(self, strings: &'p Pool<'_>) -> Option<Cow<'p, str>> {
        Some(Cow::Owned(match self {
            Value::Null { .. } | Value::Other { .. } => return None,
            Value::String(index) => return strings.get(index).map(Cow::Borrowed),
            Value::Reference(id) | Value::DynamicReference(id) => format!("@{id:#010x}"),
            Value::Attribute(id) | Value::DynamicAttribute(id) => format!("?{id:#010x}"),
            Value::Float(number) => number.to_string(),
            Value::Dimension(data) => complex(data, &["px", "dip", "sp", "pt", "in", "mm"], 1.0),
            Value::Fraction(data) => complex(data, &["%", "%p"], 100.0),
            Value::Integer { value, hex: false } => value.to_string(),
            Value::Integer { value, hex: true } => format!("{value:#x}"),
            Value::Boolean(value) => value.to_string(),
            Value::Color(argb) => format!("#{argb:08x}"),
        }))
    }
}

/// A mantissa of 24 bits with one of four radix points, and a unit.
fn complex(data: u32, units: &[&str], scale: f64) -> String {
    let mantissa = f64::from(data.cast_signed() >> 8);
    let radix = match data >> 4 & 3 {
        0 => 1.0,
        1 => 128.0,
        2 => 32768.0,
        _ => 8_388_608.0,
    };
    let unit = units.get((data & 0xf) as usize).copied().unwrap_or_default();
    format!("{}{unit}", mantissa / radix * scale)
}

#[cfg(test)]
mod tests {
    use super::Value;
    use crate::chunk::Pool;

    #[test]
    fn values_are_written_as_android_writes_them() {
        let pool = Pool::default();
        let text = |kind, data| Value::new(kind, data).text(&pool).map(std::borrow::Cow::into_owned);
        for (kind, data, written) in [
            (0x01, 0x7f01_0002, "@0x7f010002"),
            (0x02, 0x0101_0003, "?0x01010003"),
            (0x04, 0x3fc0_0000, "1.5"),
            (0x05, 0x0000_1001, "16dip"),
            (0x05, 0x0000_4011, "0.5dip"),
            (0x06, 0x4000_0030, "50%"),
            (0x10, 0xffff_ffff, "-1"),
            (0x11, 0x0000_00a0, "0xa0"),
            (0x12, 0xffff_ffff, "true"),
            (0x12, 0, "false"),
            (0x1c, 0xff00_ff00, "#ff00ff00"),
        ] {
            assert_eq!(text(kind, data).as_deref(), Some(written));
        }
        assert_eq!(text(0, 0), None);
        assert_eq!(text(0x99, 7), None);
        assert_eq!(Value::Reference(0).reference(), None);
    }
}
