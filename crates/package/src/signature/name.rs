//! Distinguished names (RFC 5280 section 4.1.2.4): shown as RFC 4514 writes them, compared as RFC 5280 section 7.1 says.

use std::fmt;

use testudo_crypto::foreign::der::{DerError, Value, tag};

const UTF8_STRING: u32 = 12;
const BMP_STRING: u32 = 30;
const UNIVERSAL_STRING: u32 = 28;
const MAX_ATTRIBUTES: usize = 256;

/// A name: attributes from the most general on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Name {
    /// Type and value; a value that is no text is in hexadecimal after `#`.
    attributes: Vec<(String, String)>,
}

impl Name {
    /// Reads a name.
    pub fn read(name: &Value<'_>) -> Result<Name, DerError> {
        let mut attributes = Vec::new();
        let mut parts = name.reader();
        while let Some(part) = parts.read()? {
            let mut set = part.reader();
            while let Some(attribute) = set.read()? {
                let mut fields = attribute.reader();
                let kind = attribute_type(fields.expect(tag::OBJECT_IDENTIFIER)?.contents);
                attributes.push((kind, text(&fields.required()?)));
                if attributes.len() > MAX_ATTRIBUTES {
                    return Err(DerError::Range);
                }
            }
        }
        Ok(Name { attributes })
    }

    /// The value of the first attribute of this type, such as `CN`.
    pub fn get(&self, kind: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| own == kind).map(|(_, value)| value.as_str())
    }

    /// Whether both are the same name: letter case, outer spaces and runs of spaces don't count.
    pub fn matches(&self, other: &Name) -> bool {
        let canonical = |name: &Name| -> Vec<(String, String)> {
            let one = |value: &str| value.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
            name.attributes.iter().map(|(kind, value)| (kind.clone(), one(value))).collect()
        };
        canonical(self) == canonical(other)
    }

    /// Whether it has no attribute.
    pub fn is_empty(&self) -> bool {
        self.attributes.is_empty()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (kind, value)) in self.attributes.iter().rev().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{kind}=")?;
            for character in value.chars() {
                if matches!(character, ',' | '+' | '"' | '\\' | '<' | '>' | ';') {
                    f.write_str("\\")?;
                }
                write!(f, "{character}")?;
            }
        }
        Ok(())
    }
}

fn attribute_type(oid: &[u8]) -> String {
    let short = match oid {
        [0x55, 0x04, 3] => "CN",
        [0x55, 0x04, 5] => "SERIALNUMBER",
        [0x55, 0x04, 6] => "C",
        [0x55, 0x04, 7] => "L",
        [0x55, 0x04, 8] => "ST",
        [0x55, 0x04, 9] => "STREET",
        [0x55, 0x04, 10] => "O",
        [0x55, 0x04, 11] => "OU",
        [0x55, 0x04, 12] => "T",
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01] => "EMAILADDRESS",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19] => "DC",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x01] => "UID",
        _ => return dotted(oid),
    };
    short.to_owned()
}

/// The object identifier with dots (X.690 section 8.19).
pub(super) fn dotted(oid: &[u8]) -> String {
    let mut numbers: Vec<u64> = Vec::new();
    let mut number: u64 = 0;
    for byte in oid {
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if numbers.is_empty() {
                let first = (number / 40).min(2);
                numbers.push(first);
                number -= first * 40;
            }
            numbers.push(number);
            number = 0;
        }
    }
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

fn text(value: &Value<'_>) -> String {
    let units = |size: usize| -> Vec<u32> {
        value
            .contents
            .chunks(size)
            .map(|chunk| chunk.iter().fold(0, |unit, byte| unit << 8 | u32::from(*byte)))
            .collect()
    };
    match value.number {
        UTF8_STRING => String::from_utf8_lossy(value.contents).into_owned(),
        BMP_STRING => {
            let units: Vec<u16> = units(2).into_iter().map(|unit| u16::try_from(unit).unwrap_or_default()).collect();
            String::from_utf16_lossy(&units)
        }
        UNIVERSAL_STRING => {
            units(4).into_iter().map(|unit| char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        // Teletex strings are read as Latin-1; numeric, printable, IA5 and visible strings are ASCII.
        20 => value.contents.iter().map(|byte| char::from(*byte)).collect(),
        18 | 19 | 22 | 26 => {
            let ascii = |byte: &u8| if byte.is_ascii() { char::from(*byte) } else { char::REPLACEMENT_CHARACTER };
            value.contents.iter().map(ascii).collect()
        }
        _ => {
            let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
            let hex = value.encoded.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
            std::iter::once('#').chain(hex).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use testudo_crypto::foreign::der::{Reader, tlv};

    fn name(parts: &[(u8, u8, &[u8])]) -> Name {
        let parts: Vec<u8> = parts
            .iter()
            .flat_map(|(kind, string, value)| {
                tlv(0x31, &tlv(0x30, &[vec![6, 3, 0x55, 4, *kind], tlv(*string, value)].concat()))
            })
            .collect();
        Name::read(&Reader::new(&tlv(0x30, &parts)).required().unwrap()).unwrap()
    }

    #[test]
    fn shown_from_the_most_special_on() {
        let debug = name(&[(6, 19, b"US"), (10, 19, b"Android"), (3, 12, b"Android, Debug")]);
        assert_eq!(debug.to_string(), "CN=Android\\, Debug, O=Android, C=US");
        assert_eq!(debug.get("CN"), Some("Android, Debug"));
        assert_eq!(name(&[(3, 30, &[0, 65, 0x20, 0xac])]).to_string(), "CN=A€");
        assert_eq!(name(&[(3, 4, b"x")]).to_string(), "CN=#040178");
    }

    #[test]
    fn compared_without_case_and_spaces() {
        let one = name(&[(3, 19, b"Some  One ")]);
        assert!(one.matches(&name(&[(3, 12, b"some one")])));
        assert!(!one.matches(&name(&[(3, 12, b"someone")])));
        // What is no text is the same no text in each kind of string.
        assert!(name(&[(3, 12, b"\x82a")]).matches(&name(&[(3, 19, b"\x82a")])));
        assert!(!one.matches(&name(&[(10, 12, b"some one")])));
    }

    #[test]
    fn identifiers_have_dots() {
        assert_eq!(dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d]), "1.2.840.113549");
        assert_eq!(dotted(&[]), "");
    }
}
