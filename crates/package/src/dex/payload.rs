//! Tables that stand among the code: the cases of switches and the content of arrays ("packed-switch-payload",
//! "sparse-switch-payload", "fill-array-data-payload").

use super::Code;
use super::instruction::payload;

/// What a switch or a `fill-array-data` points to.
#[derive(Debug, Clone, Copy)]
pub enum Payload<'a> {
    /// Cases.
    Switch(Switch<'a>),
    /// Content.
    Array(ArrayData<'a>),
}

/// The cases of a switch: keys and distances from the switch instruction.
#[derive(Debug, Clone, Copy)]
pub struct Switch<'a> {
    first: i32,
    keys: Option<&'a [[u8; 4]]>,
    targets: &'a [[u8; 4]],
}

/// The content of an array of numbers.
#[derive(Debug, Clone, Copy)]
pub struct ArrayData<'a> {
    /// Bytes of one element.
    pub width: u16,
    /// All elements, little-endian.
    pub bytes: &'a [u8],
}

impl<'a> Code<'a> {
    /// The table at `pc`, which [`Instruction::target`](super::Instruction::target) of a switch or `fill-array-data` gives.
    pub fn payload(&self, pc: u32) -> Option<Payload<'a>> {
        payload(self.units(), pc)
    }
}

impl<'a> Switch<'a> {
    pub(crate) fn packed(first: i32, targets: &'a [[u8; 4]]) -> Switch<'a> {
        Switch { first, keys: None, targets }
    }

    pub(crate) fn sparse(keys: &'a [[u8; 4]], targets: &'a [[u8; 4]]) -> Switch<'a> {
        Switch { first: 0, keys: Some(keys), targets }
    }

    /// Key and distance of each case.
    pub fn cases(self) -> impl Iterator<Item = (i32, i32)> + 'a {
        self.targets.iter().enumerate().map(move |(at, target)| {
            let key = match self.keys {
                Some(keys) => keys.get(at).map_or(0, |key| i32::from_le_bytes(*key)),
                None => self.first.wrapping_add(i32::try_from(at).unwrap_or_default()),
            };
            (key, i32::from_le_bytes(*target))
        })
    }
}

impl ArrayData<'_> {
    /// The elements, sign-extended.
    pub fn elements(&self) -> impl Iterator<Item = i64> + '_ {
        let width = usize::from(self.width.clamp(1, 8));
        self.bytes.chunks_exact(width).map(move |chunk| {
            let mut raw = [0; 8];
            for (into, from) in raw.iter_mut().zip(chunk) {
                *into = *from;
            }
            let unused = 64 - 8 * width;
            (u64::from_le_bytes(raw) << unused).cast_signed() >> unused
        })
    }
}
