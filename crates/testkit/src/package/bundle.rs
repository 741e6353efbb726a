//! The parts of app bundles that are protocol buffers, field by field: XML as `XmlNode` of aapt2's `Resources.proto` has it,
//! and the fields that everything else is made of (<https://protobuf.dev/programming-guides/encoding/>).

/// The namespace of Android's attributes.
const ANDROID: &str = "http://schemas.android.com/apk/res/android";

fn varint(mut number: u64) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            out.push(low & 0x7f);
            return out;
        }
        out.push(low | 0x80);
    }
}

/// A field that is a number.
pub fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

/// A field that is text or bytes.
pub fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(value.len() as u64), value.to_vec()].concat()
}

/// A field that is a message of these fields.
pub fn message(field: u64, fields: &[Vec<u8>]) -> Vec<u8> {
    bytes(field, &fields.concat())
}

/// An attribute of an element: one of Android's by its id, or a plain one with the id 0; `item` are the fields of its value
/// as compiled, if it has one.
pub fn attribute(id: u64, name: &str, value: &str, item: &[Vec<u8>]) -> Vec<u8> {
    let uri = if id == 0 { "" } else { ANDROID };
    let fields = [bytes(1, uri.as_bytes()), bytes(2, name.as_bytes()), bytes(3, value.as_bytes()), number(5, id)];
    message(4, &[&fields[..], &[message(6, item)]].concat())
}

/// An element of these attributes and children, on line 7.
pub fn element(name: &str, inside: &[Vec<u8>]) -> Vec<u8> {
    let element = [&[bytes(3, name.as_bytes())][..], inside].concat();
    [message(1, &element), message(3, &[number(1, 7)])].concat()
}

/// An element as a child of another.
pub fn child(element: &[u8]) -> Vec<u8> {
    bytes(5, element)
}

/// The compiled value of an attribute that is true or false.
pub fn flag(value: bool) -> Vec<u8> {
    message(7, &[number(8, value.into())])
}

/// The compiled value of an attribute that is a decimal number.
pub fn decimal(value: u64) -> Vec<u8> {
    message(7, &[number(6, value)])
}
