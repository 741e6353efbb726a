//! Little-endian numbers and LEB128 out of borrowed bytes (Dalvik executable format, "Bitfield, string and constant
//! definitions").

/// A place in borrowed bytes that only moves forward.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor over `bytes`, standing at `at`.
    pub(crate) fn new(bytes: &'a [u8], at: u32) -> Cursor<'a> {
        Cursor { bytes, at: at as usize }
    }

    /// Where the next byte stands.
    pub(crate) fn position(&self) -> u32 {
        u32::try_from(self.at).unwrap_or(u32::MAX)
    }

    /// What is left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.chunk().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.chunk().map(u32::from_le_bytes)
    }

    fn chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        let chunk = *self.bytes.get(self.at..)?.first_chunk::<N>()?;
        self.at += N;
        Some(chunk)
    }

    /// The next `count` bytes.
    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..)?.get(..count)?;
        self.at += count;
        Some(taken)
    }

    /// An unsigned LEB128 of at most five bytes. Bits past the 32nd are dropped, as the platform drops them.
    #[inline]
    pub(crate) fn uleb128(&mut self) -> Option<u32> {
        let first = self.u8()?;
        if first < 0x80 {
            return Some(u32::from(first));
        }
        let mut value = u32::from(first & 0x7f);
        for shift in [7, 14, 21, 28] {
            let byte = self.u8()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// A signed LEB128 of at most five bytes.
    pub(crate) fn sleb128(&mut self) -> Option<i32> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.u8()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                let unused = 32u32.saturating_sub(shift + 7);
                return Some((value << unused).cast_signed() >> unused);
            }
        }
        None
    }
}

/// The four bytes at `at` as a number.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|chunk| u32::from_le_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leb128_reads_what_the_format_page_lists() {
        for (bytes, unsigned, signed) in [
            (&[0x00][..], 0u32, 0i32),
            (&[0x01], 1, 1),
            (&[0x7f], 127, -1),
            (&[0x80, 0x7f], 16256, -128),
            (&[0xff, 0xff, 0xff, 0xff, 0x0f], u32::MAX, -1),
        ] {
            assert_eq!(Cursor::new(bytes, 0).uleb128(), Some(unsigned));
            assert_eq!(Cursor::new(bytes, 0).sleb128(), Some(signed));
        }
        assert_eq!(Cursor::new(&[0x80], 0).uleb128(), None, "cut short");
        assert_eq!(Cursor::new(&[0x80; 6], 0).uleb128(), None, "longer than five bytes");
        assert_eq!(Cursor::new(&[0x01], 9).u8(), None, "past the end");
    }
}
