//! Length-prefixed fields of the APK Signature Schemes: little-endian numbers, and bytes after their length in 32 bits.

use thiserror::Error;

/// The bytes end before the field.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("field at byte {at} is longer than what holds it")]
pub struct FieldError {
    /// Where in the enclosing field.
    pub at: usize,
}

/// Reads fields one after another.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    /// Reads from the start of the bytes.
    pub fn new(bytes: &'a [u8]) -> Fields<'a> {
        Fields { bytes, at: 0 }
    }

    /// What was not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    /// The next bytes.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], FieldError> {
        let taken = self.rest().get(..length).ok_or(FieldError { at: self.at })?;
        self.at += length;
        Ok(taken)
    }

    /// The next number of 8 bits.
    pub fn u8(&mut self) -> Result<u8, FieldError> {
        let at = self.at;
        self.take(1)?.first().copied().ok_or(FieldError { at })
    }

    /// The next number of 32 bits.
    pub fn u32(&mut self) -> Result<u32, FieldError> {
        let at = self.at;
        let bytes = self.take(4)?;
        bytes.try_into().map(u32::from_le_bytes).map_err(|_| FieldError { at })
    }

    /// The next number of 64 bits.
    pub fn u64(&mut self) -> Result<u64, FieldError> {
        let at = self.at;
        let bytes = self.take(8)?;
        bytes.try_into().map(u64::from_le_bytes).map_err(|_| FieldError { at })
    }

    /// The next bytes after their length in 32 bits.
    pub fn prefixed(&mut self) -> Result<&'a [u8], FieldError> {
        let before = *self;
        let length = usize::try_from(self.u32()?).map_err(|_| FieldError { at: before.at })?;
        self.take(length).inspect_err(|_| *self = before)
    }

    /// The next fields after their length in 32 bits.
    pub fn nested(&mut self) -> Result<Fields<'a>, FieldError> {
        self.prefixed().map(Fields::new)
    }
}
