//! When two values are the same (JSON Schema 2020-12 core, 4.2.2): numbers by what they are worth, objects in any order.

use serde_json::Value;
use testudo_body::json::quote;

use super::number::Decimal;
use super::tape::{Kind, Tape};

/// Whether an item is this value.
pub(crate) fn equals(tape: &Tape<'_>, at: usize, value: &Value) -> bool {
    let Some(item) = tape.get(at) else { return false };
    match (item.kind, value) {
        (Kind::Null, Value::Null) => true,
        (Kind::True, Value::Bool(known)) => *known,
        (Kind::False, Value::Bool(known)) => !*known,
        (Kind::String, Value::String(text)) => *tape.bytes(at) == *text.as_bytes(),
        (Kind::Number, Value::Number(number)) => {
            let known = Decimal::parse(number.to_string().as_bytes());
            known.is_some_and(|known| Decimal::parse(tape.raw(at)).is_some_and(|said| said == known))
        }
        (Kind::Array, Value::Array(list)) => {
            item.count as usize == list.len()
                && tape.elements(at).zip(list).all(|(element, value)| equals(tape, element, value))
        }
        (Kind::Object, Value::Object(map)) => {
            item.count as usize == map.len()
                && tape.members(at).all(|(key, member)| {
                    let name = tape.bytes(key);
                    let known = std::str::from_utf8(&name).ok().and_then(|name| map.get(name));
                    known.is_some_and(|known| equals(tape, member, known))
                })
        }
        _ => false,
    }
}

/// Appends a text that is the same for equal values and for those only.
pub(crate) fn canonical(tape: &Tape<'_>, at: usize, out: &mut Vec<u8>) {
    let Some(item) = tape.get(at) else { return };
    match item.kind {
        Kind::Array => {
            out.push(b'[');
            for element in tape.elements(at) {
                canonical(tape, element, out);
                out.push(b',');
            }
            out.push(b']');
        }
        Kind::Object => {
            let mut members: Vec<(std::borrow::Cow<'_, [u8]>, usize)> =
                tape.members(at).map(|(key, member)| (tape.bytes(key), member)).collect();
            members.sort();
            out.push(b'{');
            for (name, member) in members {
                quote(&String::from_utf8_lossy(&name), out);
                canonical(tape, member, out);
            }
            out.push(b'}');
        }
        Kind::String | Kind::Key => quote(&String::from_utf8_lossy(&tape.bytes(at)), out),
        Kind::Number => match Decimal::parse(tape.raw(at)) {
            Some(number) => number.canonical(out),
            None => out.extend_from_slice(tape.raw(at)),
        },
        Kind::Null | Kind::True | Kind::False | Kind::File => out.extend_from_slice(tape.raw(at)),
    }
}
