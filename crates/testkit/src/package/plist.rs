//! A writer of property lists, binary and in XML, and of provisioning profiles around one.

use std::fmt::Write as _;

use data_encoding::BASE64;
use testudo_crypto::foreign::der::tlv;

/// A value to write.
#[derive(Clone, Debug)]
pub enum Value {
    /// Values by key.
    Dictionary(Vec<(String, Value)>),
    /// Values in order.
    Array(Vec<Value>),
    /// A text.
    Text(String),
    /// Bytes.
    Data(Vec<u8>),
    /// Yes or no.
    Flag(bool),
    /// A number.
    Integer(i64),
    /// A day as XML has it: `2030-01-01`; always its first second.
    Day(&'static str),
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Value {
        Value::Flag(flag)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Integer(number)
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Value {
        Value::Array(items)
    }
}

/// A dictionary to write.
pub fn dictionary<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Dictionary(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// Texts to write.
pub fn texts(texts: &[&str]) -> Value {
    Value::Array(texts.iter().map(|text| Value::from(*text)).collect())
}

/// The list in XML.
pub fn xml(value: &Value) -> Vec<u8> {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n",
    );
    element(value, &mut out);
    out.push_str("</plist>\n");
    out.into_bytes()
}

fn element(value: &Value, out: &mut String) {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    match value {
        Value::Dictionary(entries) => {
            out.push_str("<dict>\n");
            for (key, value) in entries {
                let _ = writeln!(out, "<key>{}</key>", escaped(key));
                element(value, out);
            }
            out.push_str("</dict>");
        }
        Value::Array(items) => {
            out.push_str("<array>\n");
            for item in items {
                element(item, out);
            }
            out.push_str("</array>");
        }
        Value::Text(text) => _ = write!(out, "<string>{}</string>", escaped(text)),
        Value::Data(data) => _ = write!(out, "<data>\n{}\n</data>", BASE64.encode(data)),
        Value::Flag(flag) => _ = write!(out, "<{flag}/>"),
        Value::Integer(number) => _ = write!(out, "<integer>{number}</integer>"),
        Value::Day(day) => _ = write!(out, "<date>{day}T00:00:00Z</date>"),
    }
    out.push('\n');
}

/// The list in the binary form. Days are not written in it.
pub fn binary(value: &Value) -> Vec<u8> {
    let mut objects = Vec::new();
    let top = object(value, &mut objects);
    let mut out = b"bplist00".to_vec();
    let mut offsets = Vec::new();
    for object in &objects {
        offsets.extend_from_slice(&u32::try_from(out.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(object);
    }
    let table = out.len() as u64;
    out.extend_from_slice(&offsets);
    out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 4, 2]);
    for number in [objects.len() as u64, u64::from(top), table] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out
}

/// Writes an object behind those in it; its number.
fn object(value: &Value, objects: &mut Vec<Vec<u8>>) -> u16 {
    let counted = |kind: u8, count: usize| match u8::try_from(count) {
        Ok(count @ ..15) => vec![kind << 4 | count],
        _ => [vec![kind << 4 | 15, 0x12], u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes().to_vec()].concat(),
    };
    let bytes = match value {
        Value::Dictionary(entries) => {
            let keys: Vec<u16> = entries.iter().map(|(key, _)| object(&Value::Text(key.clone()), objects)).collect();
            let values: Vec<u16> = entries.iter().map(|(_, value)| object(value, objects)).collect();
            let references = keys.into_iter().chain(values).flat_map(u16::to_be_bytes);
            counted(13, entries.len()).into_iter().chain(references).collect()
        }
        Value::Array(items) => {
            let items: Vec<u16> = items.iter().map(|item| object(item, objects)).collect();
            counted(10, items.len()).into_iter().chain(items.into_iter().flat_map(u16::to_be_bytes)).collect()
        }
        Value::Text(text) if text.is_ascii() => [counted(5, text.len()), text.as_bytes().to_vec()].concat(),
        Value::Text(text) => {
            let units: Vec<u16> = text.encode_utf16().collect();
            counted(6, units.len()).into_iter().chain(units.into_iter().flat_map(u16::to_be_bytes)).collect()
        }
        Value::Data(data) => [counted(4, data.len()), data.clone()].concat(),
        Value::Flag(flag) => vec![8 + u8::from(*flag)],
        Value::Integer(number) => [vec![0x13], number.to_be_bytes().to_vec()].concat(),
        Value::Day(_) => vec![0x33, 0, 0, 0, 0, 0, 0, 0, 0],
    };
    objects.push(bytes);
    u16::try_from(objects.len() - 1).unwrap_or(u16::MAX)
}

/// A provisioning profile: the list in XML in a signed message without signers.
pub fn profile(list: &Value) -> Vec<u8> {
    const SIGNED_DATA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
    const DATA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
    let content = tlv(0x30, &[DATA, &tlv(0xa0, &tlv(4, &xml(list)))].concat());
    let signed = tlv(0x30, &[tlv(2, &[1]), tlv(0x31, &[]), content, tlv(0x31, &[])].concat());
    tlv(0x30, &[SIGNED_DATA, &tlv(0xa0, &signed)].concat())
}
