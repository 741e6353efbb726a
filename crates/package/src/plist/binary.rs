//! The binary form: objects, the table of their offsets, a trailer.

use super::{Budget, DEPTH, Plist, PlistError};
use crate::be::{u16_at, u32_at, u64_at};
use crate::le::slice_at;

pub(super) const MAGIC: &[u8] = b"bplist";
const TRAILER: usize = 32;
/// Dates count from the first day of 2001.
const EPOCH: i64 = 978_307_200;

pub(super) fn read(bytes: &[u8]) -> Result<Plist, PlistError> {
    let broken = PlistError::Object { offset: bytes.len().saturating_sub(TRAILER) };
    let list = List::open(bytes).ok_or(broken)?;
    let mut budget = Budget::of(bytes.len());
    list.value(list.top, 0, &mut budget)
}

struct List<'a> {
    bytes: &'a [u8],
    /// The place of each object.
    offsets: &'a [u8],
    offset_size: usize,
    reference_size: usize,
    top: u64,
}

impl<'a> List<'a> {
    fn open(bytes: &'a [u8]) -> Option<List<'a>> {
        let start = bytes.len().checked_sub(TRAILER)?;
        let trailer = bytes.get(start..)?;
        let [offset_size, reference_size] = [6, 7].map(|at| usize::from(trailer.get(at).copied().unwrap_or(0)));
        let count = usize::try_from(u64_at(trailer, 8)?).ok()?;
        let table = usize::try_from(u64_at(trailer, 24)?).ok()?;
        let offsets = slice_at(bytes.get(..start)?, table, count.checked_mul(offset_size)?)?;
        let sizes = (1..=8).contains(&offset_size) && (1..=8).contains(&reference_size);
        sizes.then_some(List { bytes, offsets, offset_size, reference_size, top: u64_at(trailer, 16)? })
    }

    fn value(&self, reference: u64, depth: usize, budget: &mut Budget) -> Result<Plist, PlistError> {
        if depth > DEPTH {
            return Err(PlistError::Depth);
        }
        budget.value()?;
        let offset = self.offset(reference).ok_or(PlistError::Object { offset: self.bytes.len() })?;
        let broken = PlistError::Object { offset };
        let marker = *self.bytes.get(offset).ok_or(broken)?;
        let (kind, low) = (marker >> 4, marker & 15);
        let scalar = |size: u8| slice_at(self.bytes, offset + 1, 1 << usize::from(size.min(4))).ok_or(broken);
        Ok(match (kind, low) {
            (0, 8 | 9) => Plist::Flag(low == 9),
            (1, 0..=4) => {
                let bytes = scalar(low)?;
                let number = number(bytes);
                // Numbers of fewer than eight bytes have no sign.
                Plist::Integer(if bytes.len() < 8 { i64::try_from(number).unwrap_or(0) } else { number.cast_signed() })
            }
            (2, 2) => Plist::Real(f64::from(f32::from_bits(u32_at(self.bytes, offset + 1).ok_or(broken)?))),
            (2, 3) => Plist::Real(f64::from_bits(number(scalar(3)?))),
            (3, 3) => {
                let seconds = f64::from_bits(number(scalar(3)?));
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "parts of a second don't count, nor times out of range"
                )]
                let seconds = seconds as i64;
                Plist::Date(seconds.saturating_add(EPOCH))
            }
            (8, _) => Plist::Uid(number(slice_at(self.bytes, offset + 1, usize::from(low) + 1).ok_or(broken)?)),
            (4..=6, _) => {
                let (start, count) = self.counted(offset, low).ok_or(broken)?;
                let size = if kind == 6 { count.checked_mul(2).ok_or(broken)? } else { count };
                let bytes = slice_at(self.bytes, start, size).ok_or(broken)?;
                budget.bytes(size)?;
                match kind {
                    4 => Plist::Data(bytes.to_vec()),
                    5 => Plist::Text(String::from_utf8_lossy(bytes).into_owned()),
                    _ => {
                        let units = (0..size).step_by(2).filter_map(|at| u16_at(bytes, at));
                        Plist::Text(char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')).collect())
                    }
                }
            }
            (10..=12, _) => {
                let (start, count) = self.counted(offset, low).ok_or(broken)?;
                let items = self.references(start, count).ok_or(broken)?;
                Plist::Array(items.map(|item| self.value(item, depth + 1, budget)).collect::<Result<_, _>>()?)
            }
            (13, _) => {
                let (start, count) = self.counted(offset, low).ok_or(broken)?;
                let keys = self.references(start, count).ok_or(broken)?;
                let values = count.checked_mul(self.reference_size).and_then(|size| start.checked_add(size));
                let values = values.and_then(|start| self.references(start, count)).ok_or(broken)?;
                let mut entries = Vec::new();
                for (key, value) in keys.zip(values) {
                    entries.push((self.key(key, budget)?, self.value(value, depth + 1, budget)?));
                }
                Plist::Dictionary(entries)
            }
            _ => return Err(broken),
        })
    }

    /// A key, which is a text.
    fn key(&self, reference: u64, budget: &mut Budget) -> Result<String, PlistError> {
        let offset = self.offset(reference).ok_or(PlistError::Object { offset: self.bytes.len() })?;
        // Anything else would be read with what is in it, which may be the dictionary itself.
        if !matches!(self.bytes.get(offset).map(|marker| marker >> 4), Some(5 | 6)) {
            return Err(PlistError::Object { offset });
        }
        match self.value(reference, DEPTH, budget)? {
            Plist::Text(key) => Ok(key),
            _ => Err(PlistError::Object { offset }),
        }
    }

    /// Where an object begins.
    fn offset(&self, reference: u64) -> Option<usize> {
        let at = usize::try_from(reference).ok()?.checked_mul(self.offset_size)?;
        let offset = usize::try_from(number(slice_at(self.offsets, at, self.offset_size)?)).ok()?;
        (offset < self.bytes.len()).then_some(offset)
    }

    /// Where what is counted begins, and how much there is. A count from 15 on is a number of its own.
    fn counted(&self, offset: usize, low: u8) -> Option<(usize, usize)> {
        if low < 15 {
            return Some((offset + 1, usize::from(low)));
        }
        let marker = *self.bytes.get(offset + 1)?;
        let size = 1 << usize::from(marker & 15).min(4);
        let count = number(slice_at(self.bytes, offset + 2, size).filter(|_| marker >> 4 == 1)?);
        Some((offset + 2 + size, usize::try_from(count).ok()?))
    }

    fn references(&self, start: usize, count: usize) -> Option<impl Iterator<Item = u64> + use<'a>> {
        let bytes = slice_at(self.bytes, start, count.checked_mul(self.reference_size)?)?;
        Some(bytes.chunks_exact(self.reference_size).map(number))
    }
}

/// The number that the last eight of these bytes are.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
