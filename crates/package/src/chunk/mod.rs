//! What binary XML and resource tables are made of: chunks, pools of strings, typed values (`ResourceTypes.h` of Android).

mod pool;
mod value;

pub use pool::{Pool, PoolAnomaly};
pub use value::Value;

use crate::le::{size_at, u16_at};

pub(crate) const POOL: u16 = 0x0001;

/// A chunk: a header that tells its kind and sizes, and what it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk<'a> {
    pub kind: u16,
    /// The header's size; the rest is the body.
    pub header: usize,
    /// The whole chunk.
    pub bytes: &'a [u8],
}

impl<'a> Chunk<'a> {
    /// The chunk there, as Android validates it: sizes are multiples of four, the header is not smaller than `least`, and
    /// not larger than the chunk, which ends within the bytes.
    pub fn at(bytes: &'a [u8], at: usize, least: usize) -> Option<Chunk<'a>> {
        let (kind, header, size) = (u16_at(bytes, at)?, usize::from(u16_at(bytes, at + 2)?), size_at(bytes, at + 4)?);
        let whole = bytes.get(at..at.checked_add(size)?)?;
        (header >= least && header <= size && (header | size) % 4 == 0).then_some(Chunk { kind, header, bytes: whole })
    }

    /// What follows the header.
    pub fn body(&self) -> &'a [u8] {
        self.bytes.get(self.header..).unwrap_or_default()
    }
}
