//! Reading ASN.1 in the Basic Encoding Rules (X.690 section 8), of which DER is the canonical form.
//!
//! Signatures of app packages were made by many tools over many years, and some of them write lengths that are longer
//! than needed or indefinite. The platform accepts those, so this reader does, too; where one canonical form is needed,
//! [`tlv`] writes it. Values borrow from the input; nothing is copied.

use thiserror::Error;

/// Values in values of indefinite length: more is no signature of a package.
const MAX_DEPTH: usize = 16;

/// Universal tags (X.680 section 8.4).
#[expect(missing_docs, reason = "the names are those of the standard")]
pub mod tag {
    pub const BOOLEAN: u32 = 1;
    pub const INTEGER: u32 = 2;
    pub const BIT_STRING: u32 = 3;
    pub const OCTET_STRING: u32 = 4;
    pub const NULL: u32 = 5;
    pub const OBJECT_IDENTIFIER: u32 = 6;
    pub const UTC_TIME: u32 = 23;
    pub const GENERALIZED_TIME: u32 = 24;
    pub const SEQUENCE: u32 = 16;
    pub const SET: u32 = 17;
}

/// Why bytes are no value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum DerError {
    /// The bytes end inside of a value.
    #[error("truncated ASN.1 value")]
    Truncated,
    /// A tag number or length that no package needs.
    #[error("ASN.1 tag or length out of range")]
    Range,
    /// Another type of value was expected here.
    #[error("unexpected ASN.1 tag")]
    Tag,
    /// The contents are not of their type.
    #[error("malformed contents of an ASN.1 value")]
    Contents,
    /// Bytes follow where the value should end.
    #[error("trailing bytes after an ASN.1 value")]
    Trailing,
    /// Values of indefinite length nest too deep.
    #[error("ASN.1 values nest too deep")]
    Depth,
}

/// The class of a tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are those of the standard")]
pub enum Class {
    Universal,
    Application,
    ContextSpecific,
    Private,
}

/// One value: its tag and where its bytes are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Value<'a> {
    /// The class of its tag.
    pub class: Class,
    /// The number of its tag.
    pub number: u32,
    /// Whether it holds other values.
    pub constructed: bool,
    /// The whole value, with tag and length.
    pub encoded: &'a [u8],
    /// What is inside.
    pub contents: &'a [u8],
}

impl<'a> Value<'a> {
    /// Whether it has this universal tag.
    pub fn is(&self, number: u32) -> bool {
        self.class == Class::Universal && self.number == number
    }

    /// Whether it has this context-specific tag.
    pub fn is_context(&self, number: u32) -> bool {
        self.class == Class::ContextSpecific && self.number == number
    }

    /// Reads what is inside.
    pub fn reader(&self) -> Reader<'a> {
        Reader::new(self.contents)
    }
}

/// Reads values one after another.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start of the bytes.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// What was not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next value; `None` at the end.
    pub fn read(&mut self) -> Result<Option<Value<'a>>, DerError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (value, rest) = read_value(self.rest, 0)?;
        self.rest = rest;
        Ok(Some(value))
    }

    /// The next value, which must be there.
    pub fn required(&mut self) -> Result<Value<'a>, DerError> {
        self.read()?.ok_or(DerError::Truncated)
    }

    /// The next value, which must have this universal tag.
    pub fn expect(&mut self, number: u32) -> Result<Value<'a>, DerError> {
        let value = self.required()?;
        if value.is(number) { Ok(value) } else { Err(DerError::Tag) }
    }

    /// The next value if it has this context-specific tag; otherwise nothing is read.
    pub fn optional_context(&mut self, number: u32) -> Result<Option<Value<'a>>, DerError> {
        let before = self.rest;
        match self.read()? {
            Some(value) if value.is_context(number) => Ok(Some(value)),
            _ => {
                self.rest = before;
                Ok(None)
            }
        }
    }

    /// The end must be here.
    pub fn end(&self) -> Result<(), DerError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DerError::Trailing) }
    }

    /// The magnitude of the next INTEGER, big endian without leading zeros. The sign bit counts as part of the number,
    /// as several writers left out the zero byte before it.
    pub fn magnitude(&mut self) -> Result<&'a [u8], DerError> {
        let value = self.expect(tag::INTEGER)?;
        if value.contents.is_empty() {
            return Err(DerError::Contents);
        }
        Ok(without_leading_zeros(value.contents))
    }
}

/// The bytes after their leading zeros.
pub fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

/// Writes a value with the shortest length (DER), given its identifier byte and contents.
pub fn tlv(identifier: u8, contents: &[u8]) -> Vec<u8> {
    let mut out = vec![identifier];
    match u8::try_from(contents.len()) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let length = contents.len().to_be_bytes();
            let length = without_leading_zeros(&length);
            out.push(0x80 | u8::try_from(length.len()).unwrap_or_default());
            out.extend_from_slice(length);
        }
    }
    out.extend_from_slice(contents);
    out
}

/// Reads one value and gives what follows.
fn read_value(input: &[u8], depth: usize) -> Result<(Value<'_>, &[u8]), DerError> {
    let (identifier, mut rest) = split_byte(input)?;
    let class = match identifier >> 6 {
        0 => Class::Universal,
        1 => Class::Application,
        2 => Class::ContextSpecific,
        _ => Class::Private,
    };
    let constructed = identifier & 0x20 != 0;
    let mut number = u32::from(identifier & 0x1f);
    if number == 0x1f {
        (number, rest) = read_high_tag(rest)?;
    }
    let (first, after) = split_byte(rest)?;
    rest = after;
    let (contents, rest) = match first {
        0x80 if constructed => {
            let length = skip_constructed(rest, depth)?;
            (take(rest, length)?, rest.get(length + 2..).ok_or(DerError::Truncated)?)
        }
        0x80 => {
            let length = memchr_two_zeros(rest).ok_or(DerError::Truncated)?;
            (take(rest, length)?, rest.get(length + 2..).ok_or(DerError::Truncated)?)
        }
        short if short < 0x80 => {
            let length = usize::from(short);
            (take(rest, length)?, rest.get(length..).ok_or(DerError::Truncated)?)
        }
        long => {
            let (length, after) = read_long_length(rest, usize::from(long & 0x7f))?;
            (take(after, length)?, after.get(length..).ok_or(DerError::Truncated)?)
        }
    };
    let encoded = take(input, input.len() - rest.len())?;
    Ok((Value { class, number, constructed, encoded, contents }, rest))
}

fn read_high_tag(mut rest: &[u8]) -> Result<(u32, &[u8]), DerError> {
    let mut number: u32 = 0;
    loop {
        let (byte, after) = split_byte(rest)?;
        rest = after;
        if number > u32::MAX >> 8 {
            return Err(DerError::Range);
        }
        number = number << 7 | u32::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Ok((number, rest));
        }
    }
}

fn read_long_length(rest: &[u8], count: usize) -> Result<(usize, &[u8]), DerError> {
    if count > 4 {
        return Err(DerError::Range);
    }
    let bytes = take(rest, count)?;
    let length = bytes.iter().fold(0u64, |length, byte| length << 8 | u64::from(*byte));
    if length > u64::from(u32::MAX >> 1) {
        return Err(DerError::Range);
    }
    let length = usize::try_from(length).map_err(|_| DerError::Range)?;
    Ok((length, rest.get(count..).ok_or(DerError::Truncated)?))
}

/// The length of the values up to the end-of-contents mark.
fn skip_constructed(input: &[u8], depth: usize) -> Result<usize, DerError> {
    if depth >= MAX_DEPTH {
        return Err(DerError::Depth);
    }
    let mut rest = input;
    while !rest.is_empty() {
        if rest.starts_with(&[0, 0]) {
            return Ok(input.len() - rest.len());
        }
        (_, rest) = read_value(rest, depth + 1)?;
    }
    Err(DerError::Truncated)
}

fn memchr_two_zeros(rest: &[u8]) -> Option<usize> {
    rest.windows(2).position(|pair| pair == [0, 0])
}

fn split_byte(bytes: &[u8]) -> Result<(u8, &[u8]), DerError> {
    bytes.split_first().map(|(first, rest)| (*first, rest)).ok_or(DerError::Truncated)
}

fn take(bytes: &[u8], length: usize) -> Result<&[u8], DerError> {
    bytes.get(..length).ok_or(DerError::Truncated)
}
