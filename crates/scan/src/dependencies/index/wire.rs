//! Numbers and texts as an index stores them.

use super::IndexError;

/// Appends a number as LEB128.
pub(super) fn put(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or_default();
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Appends a text behind its length.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Reads numbers and texts, one behind the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    /// Where `bytes` begin in the file.
    offset: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8], offset: usize) -> Cursor<'a> {
        Cursor { bytes, offset }
    }

    pub(super) fn damaged(&self, what: &'static str) -> IndexError {
        IndexError::Damaged { offset: self.offset, what }
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], IndexError> {
        let Some((taken, rest)) = self.bytes.split_at_checked(count) else {
            return Err(self.damaged("it ends within a value"));
        };
        self.bytes = rest;
        self.offset += count;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, IndexError> {
        self.take(1).map(|taken| taken.first().copied().unwrap_or_default())
    }

    pub(super) fn number(&mut self) -> Result<u64, IndexError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.damaged("a number is too long"))
    }

    pub(super) fn small(&mut self) -> Result<u32, IndexError> {
        let value = self.number()?;
        u32::try_from(value).map_err(|_| self.damaged("a number is too large"))
    }

    /// A count of things that take at least one byte each.
    pub(super) fn count(&mut self) -> Result<usize, IndexError> {
        let value = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        if value > self.bytes.len() { Err(self.damaged("a count is too large")) } else { Ok(value) }
    }

    pub(super) fn eight(&mut self) -> Result<u64, IndexError> {
        let taken = self.take(8)?;
        Ok(u64::from_le_bytes(taken.try_into().unwrap_or_default()))
    }

    pub(super) fn text(&mut self) -> Result<&'a str, IndexError> {
        let length = self.count()?;
        let taken = self.take(length)?;
        std::str::from_utf8(taken).map_err(|_| self.damaged("a text is not UTF-8"))
    }

    /// All that is left, as a text.
    pub(super) fn rest(&mut self) -> Result<&'a str, IndexError> {
        let taken = self.take(self.bytes.len())?;
        std::str::from_utf8(taken).map_err(|_| self.damaged("a text is not UTF-8"))
    }
}
