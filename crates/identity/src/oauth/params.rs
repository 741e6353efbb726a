//! Strict reading of `application/x-www-form-urlencoded` parameters.
//!
//! RFC 6749 section 3.1: a parameter without a value counts as omitted, unknown ones are ignored, none may be repeated.
//! Repetition is recorded and not refused at once: the authorization endpoint must first know where its errors may go.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// No request of ours is longer.
pub(crate) const LONGEST: usize = 16 * 1024;
/// No request of ours has more parameters.
const MOST: usize = 64;

/// Why bytes are no parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ParamsError {
    /// Too long.
    #[error("the parameters are longer than 16 KiB; send less")]
    TooLong,
    /// Too many.
    #[error("there are more than 64 parameters; send fewer")]
    TooMany,
    /// A percent sign without two hex digits, or bytes that are not UTF-8.
    #[error("a parameter is not percent-encoded UTF-8; encode it as a form does")]
    Encoding,
}

/// Parameters by name.
#[derive(Debug)]
pub struct Params {
    values: BTreeMap<String, String>,
    repeated: BTreeSet<String>,
}

impl Params {
    /// Reads them.
    ///
    /// # Errors
    /// When the text is no form, or larger than any of ours.
    pub fn parse(text: &str) -> Result<Params, ParamsError> {
        if text.len() > LONGEST {
            return Err(ParamsError::TooLong);
        }
        let mut params = Params { values: BTreeMap::new(), repeated: BTreeSet::new() };
        for (number, pair) in text.split('&').filter(|pair| !pair.is_empty()).enumerate() {
            if number >= MOST {
                return Err(ParamsError::TooMany);
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            match params.values.entry(name) {
                Entry::Vacant(place) => {
                    place.insert(value);
                }
                Entry::Occupied(place) => {
                    params.repeated.insert(place.key().clone());
                }
            }
        }
        Ok(params)
    }

    /// The value, unless it is missing or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether this parameter is there more than once.
    pub fn is_repeated(&self, name: &str) -> bool {
        self.repeated.contains(name)
    }

    /// A parameter that is there more than once.
    pub fn repeated(&self) -> Option<&str> {
        self.repeated.first().map(String::as_str)
    }

    /// All of them, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Decodes one name or value: `+` is a space, `%` needs two hex digits, the result is UTF-8 without control characters.
pub(crate) fn decode(text: &str) -> Result<String, ParamsError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = rest.next().and_then(hex).ok_or(ParamsError::Encoding)?;
                let low = rest.next().and_then(hex).ok_or(ParamsError::Encoding)?;
                high << 4 | low
            }
            other => other,
        });
    }
    let text = String::from_utf8(bytes).map_err(|_| ParamsError::Encoding)?;
    if text.chars().any(char::is_control) { Err(ParamsError::Encoding) } else { Ok(text) }
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::{Params, ParamsError, decode};

    #[test]
    fn empty_values_are_omitted_and_repetition_is_seen() {
        let params = Params::parse("a=1&b=&c=x%2By+z&a=2&&d").unwrap();
        assert_eq!(params.get("a"), Some("1"));
        assert_eq!(params.get("b"), None);
        assert_eq!(params.get("c"), Some("x+y z"));
        assert_eq!(params.get("d"), None);
        assert_eq!(params.repeated(), Some("a"));
    }

    #[test]
    fn what_is_not_a_form_is_refused() {
        for bad in ["a=%", "a=%4", "a=%zz", "a=%ff", "a=%00", "a=%0d%0a", "%c0%ae=1"] {
            assert_eq!(Params::parse(bad).unwrap_err(), ParamsError::Encoding, "{bad}");
        }
        assert_eq!(Params::parse(&"a".repeat(20_000)).unwrap_err(), ParamsError::TooLong);
        assert_eq!(Params::parse(&"a=1&".repeat(65)).unwrap_err(), ParamsError::TooMany);
    }

    proptest! {
        #[test]
        fn decoding_agrees_with_a_form_writer(text in "[^\\p{Cc}]{0,64}") {
            let written: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
            prop_assert_eq!(decode(&written).unwrap(), text);
        }

        #[test]
        fn nothing_panics(text in ".{0,200}") {
            let _ = Params::parse(&text);
        }
    }
}
