//! Numbers in the byte order and width of the file.

use crate::{be, le};

/// The bytes, and how they are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub bytes: &'a [u8],
    /// 64 bits.
    pub wide: bool,
    /// The most significant byte first.
    pub big: bool,
}

impl View<'_> {
    pub fn u16(self, at: usize) -> Option<u16> {
        if self.big { be::u16_at(self.bytes, at) } else { le::u16_at(self.bytes, at) }
    }

    pub fn u32(self, at: usize) -> Option<u32> {
        if self.big { be::u32_at(self.bytes, at) } else { le::u32_at(self.bytes, at) }
    }

    /// A number as wide as an address.
    pub fn word(self, at: usize) -> Option<u64> {
        match (self.wide, self.big) {
            (false, _) => self.u32(at).map(u64::from),
            (true, false) => le::u64_at(self.bytes, at),
            (true, true) => be::u64_at(self.bytes, at),
        }
    }

    /// A 32-bit number as an offset or a count.
    pub fn size(self, at: usize) -> Option<usize> {
        self.u32(at).and_then(|number| usize::try_from(number).ok())
    }

    /// The bytes of a number as wide as an address.
    pub fn width(self) -> usize {
        if self.wide { 8 } else { 4 }
    }
}
