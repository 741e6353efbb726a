//! What the platform's small functions give for constants: numbers, strings, bytes.

use std::rc::Rc;

use crate::dex::Opcode;
use crate::program::DefinitionId;

use super::evaluate::low_int;
use super::maps::unboxed;
use super::text::joined;
use super::{Value, Values};

type Place = Option<(DefinitionId, u32)>;

/// What a call of the platform gives, if it is one that is known. `operands` are the receiver, if any, and the arguments.
pub(super) fn fold(class: &[u8], name: &[u8], operands: &[Values], origin: Place) -> Option<Values> {
    let first = operands.first();
    let each = |change: fn(&Value) -> Option<Value>| {
        // Only where every value can be folded: else the call says more.
        let values = first.filter(|values| values.iter().all(|value| change(value).is_some()))?;
        Some(values.clone().map(|value| change(&value).unwrap_or(Value::Unknown)))
    };
    match (class, name) {
        (b"Ljava/lang/String;", b"getBytes") => each(|value| match value {
            Value::Text(text) => Some(Value::Bytes(text.as_bytes().into())),
            _ => None,
        }),
        (b"Ljava/lang/String;", b"toCharArray" | b"toString" | b"intern" | b"valueOf" | b"copyValueOf")
        | (b"Ljava/lang/Object;" | b"Ljava/lang/CharSequence;", b"toString")
            if operands.len() == 1 =>
        {
            each(|value| matches!(value, Value::Text(_)).then(|| value.clone()))
        }
        (b"Ljava/lang/String;", b"trim") => each(|value| on_text(value, |text| text.trim().into())),
        (b"Ljava/lang/String;", b"toLowerCase") => each(|value| on_text(value, |text| text.to_lowercase().into())),
        (b"Ljava/lang/String;", b"toUpperCase") => each(|value| on_text(value, |text| text.to_uppercase().into())),
        (b"Ljava/lang/String;", b"concat") => Some(joined(operands.to_vec(), origin)),
        (b"Lkotlin/jvm/internal/Intrinsics;", b"stringPlus") => {
            let shown = |values: &Values| values.clone().map(|value| shown(value, b"Ljava/lang/Object;"));
            Some(joined(operands.iter().map(shown).collect(), origin))
        }
        (b"Landroid/util/Base64;", b"decode") => each(decoded),
        (b"Ljava/util/Base64$Decoder;", b"decode") => {
            let value = operands.get(1)?.single().and_then(decoded)?;
            Some(Values::one(value, origin))
        }
        (
            b"Ljava/lang/Integer;"
            | b"Ljava/lang/Long;"
            | b"Ljava/lang/Boolean;"
            | b"Ljava/lang/Short;"
            | b"Ljava/lang/Byte;"
            | b"Ljava/lang/Character;",
            b"valueOf" | b"intValue" | b"longValue" | b"booleanValue" | b"charValue" | b"byteValue" | b"shortValue",
        ) if operands.iter().flat_map(Values::iter).all(|value| matches!(value, Value::Int(_) | Value::Long(_))) => {
            first.cloned()
        }
        (b"Ljava/lang/Integer;", b"parseInt" | b"valueOf") if operands.len() == 1 => each(|value| match value {
            Value::Text(text) => text.parse().ok().map(Value::Int),
            _ => None,
        }),
        (b"Ljava/lang/Long;", b"parseLong" | b"valueOf") if operands.len() == 1 => each(|value| match value {
            Value::Text(text) => text.parse().ok().map(Value::Long),
            _ => None,
        }),
        _ => None,
    }
}

/// What a constructor of the platform makes, if that is a value of its own.
pub(super) fn construct(class: &[u8], arguments: &[Values], origin: Place) -> Option<Values> {
    match (class, arguments) {
        (_, [content]) if content.iter().all(|value| unboxed(class, value).is_some()) => Some(content.clone()),
        (b"Ljava/lang/String;", []) => Some(Values::one(Value::Text("".into()), origin)),
        (b"Ljava/lang/String;", [content, ..]) => {
            let text = |value: &Value| match value {
                Value::Text(text) => Some(Value::Text(text.clone())),
                Value::Bytes(bytes) => std::str::from_utf8(bytes).ok().map(|text| Value::Text(text.into())),
                _ => None,
            };
            content
                .iter()
                .all(|value| text(value).is_some())
                .then(|| content.clone().map(|value| text(&value).unwrap_or(Value::Unknown)))
        }
        _ => None,
    }
}

fn on_text(value: &Value, change: fn(&str) -> Rc<str>) -> Option<Value> {
    match value {
        Value::Text(text) => Some(Value::Text(change(text))),
        _ => None,
    }
}

fn decoded(value: &Value) -> Option<Value> {
    match value {
        Value::Text(text) => base64(text.as_bytes()).map(|bytes| Value::Bytes(bytes.into())),
        Value::Bytes(bytes) => base64(bytes).map(|bytes| Value::Bytes(bytes.into())),
        _ => None,
    }
}

/// Base64 in either alphabet (RFC 4648), with or without padding and line breaks, as the platform takes it.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let (mut bits, mut held, mut out) = (0u32, 0u32, Vec::with_capacity(text.len() / 4 * 3));
    for byte in text {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => break,
            b'\n' | b'\r' | b' ' | b'\t' => continue,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held & 0xff) as u8);
        }
    }
    Some(out)
}

/// A value as `append` and string templates show it.
pub(super) fn shown(value: Value, of: &[u8]) -> Value {
    match (value, of) {
        (Value::Text(text), _) => Value::Text(text),
        (Value::Int(number), b"C") => {
            let unit = u16::try_from(number & 0xffff).unwrap_or_default();
            Value::Text(String::from_utf16_lossy(&[unit]).into())
        }
        (Value::Int(number), b"Z") => Value::Text(if number == 0 { "false" } else { "true" }.into()),
        (Value::Int(number), b"I" | b"S" | b"B") => Value::Text(number.to_string().into()),
        (Value::Long(number), b"J") => Value::Text(number.to_string().into()),
        (Value::Int(0) | Value::Null, [b'L', ..]) => Value::Text("null".into()),
        (value, _) => value,
    }
}

/// What an operation on one number gives.
pub(super) fn convert(opcode: Opcode, value: &Value) -> Value {
    match (opcode, value) {
        (Opcode::NEG_INT, Value::Int(number)) => Value::Int(number.wrapping_neg()),
        (Opcode::NOT_INT, Value::Int(number)) => Value::Int(!number),
        (Opcode::NEG_LONG, Value::Long(number)) => Value::Long(number.wrapping_neg()),
        (Opcode::NOT_LONG, Value::Long(number)) => Value::Long(!number),
        (Opcode::INT_TO_LONG, Value::Int(number)) => Value::Long((*number).into()),
        (Opcode::LONG_TO_INT, Value::Long(number)) => Value::Int(low_int(*number)),
        (Opcode::INT_TO_BYTE, Value::Int(number)) => Value::Int(i8::from_le_bytes([number.to_le_bytes()[0]]).into()),
        (Opcode::INT_TO_CHAR, Value::Int(number)) => Value::Int(number & 0xffff),
        (Opcode::INT_TO_SHORT, Value::Int(number)) => {
            let [low, high, ..] = number.to_le_bytes();
            Value::Int(i16::from_le_bytes([low, high]).into())
        }
        _ => Value::Unknown,
    }
}

/// What an operation on two numbers gives.
pub(super) fn compute(opcode: Opcode, one: &Value, other: &Value) -> Value {
    let ints = |change: fn(i32, i32) -> Option<i32>| match (one, other) {
        (Value::Int(one), Value::Int(other)) => change(*one, *other).map_or(Value::Unknown, Value::Int),
        _ => Value::Unknown,
    };
    let longs = |change: fn(i64, i64) -> Option<i64>| match (one, other) {
        (Value::Long(one), Value::Long(other)) => change(*one, *other).map_or(Value::Unknown, Value::Long),
        _ => Value::Unknown,
    };
    let shift = |change: fn(i64, u32) -> i64| match (one, other) {
        (Value::Long(one), Value::Int(by)) => Value::Long(change(*one, by.cast_unsigned() & 63)),
        _ => Value::Unknown,
    };
    // Each operation has up to four opcodes: on two registers, in place, and with a number of 16 or 8 bits.
    match opcode.0 {
        0x90 | 0xb0 | 0xd0 | 0xd8 => ints(|a, b| Some(a.wrapping_add(b))),
        0x91 | 0xb1 => ints(|a, b| Some(a.wrapping_sub(b))),
        0xd1 | 0xd9 => ints(|a, b| Some(b.wrapping_sub(a))),
        0x92 | 0xb2 | 0xd2 | 0xda => ints(|a, b| Some(a.wrapping_mul(b))),
        0x93 | 0xb3 | 0xd3 | 0xdb => ints(|a, b| (b != 0).then(|| a.wrapping_div(b))),
        0x94 | 0xb4 | 0xd4 | 0xdc => ints(|a, b| (b != 0).then(|| a.wrapping_rem(b))),
        0x95 | 0xb5 | 0xd5 | 0xdd => ints(|a, b| Some(a & b)),
        0x96 | 0xb6 | 0xd6 | 0xde => ints(|a, b| Some(a | b)),
        0x97 | 0xb7 | 0xd7 | 0xdf => ints(|a, b| Some(a ^ b)),
        0x98 | 0xb8 | 0xe0 => ints(|a, b| Some(a.wrapping_shl(b.cast_unsigned()))),
        0x99 | 0xb9 | 0xe1 => ints(|a, b| Some(a.wrapping_shr(b.cast_unsigned()))),
        0x9a | 0xba | 0xe2 => ints(|a, b| Some(a.cast_unsigned().wrapping_shr(b.cast_unsigned()).cast_signed())),
        0x9b | 0xbb => longs(|a, b| Some(a.wrapping_add(b))),
        0x9c | 0xbc => longs(|a, b| Some(a.wrapping_sub(b))),
        0x9d | 0xbd => longs(|a, b| Some(a.wrapping_mul(b))),
        0x9e | 0xbe => longs(|a, b| (b != 0).then(|| a.wrapping_div(b))),
        0x9f | 0xbf => longs(|a, b| (b != 0).then(|| a.wrapping_rem(b))),
        0xa0 | 0xc0 => longs(|a, b| Some(a & b)),
        0xa1 | 0xc1 => longs(|a, b| Some(a | b)),
        0xa2 | 0xc2 => longs(|a, b| Some(a ^ b)),
        0xa3 | 0xc3 => shift(i64::wrapping_shl),
        0xa4 | 0xc4 => shift(i64::wrapping_shr),
        0xa5 | 0xc5 => shift(|a, b| a.cast_unsigned().wrapping_shr(b).cast_signed()),
        _ => Value::Unknown,
    }
}
