//! Bytecode of a method with its protected ranges (`code_item`).

use super::instruction::decode;
use super::read::Cursor;
use super::{Dex, DexError, Instruction, Instructions, References, TypeIndex};

/// The code of one method. Places in it count code units of two bytes.
#[derive(Debug, Clone, Copy)]
pub struct Code<'a> {
    /// How many registers it uses.
    pub registers: u16,
    /// How many of these, the last ones, hold the arguments.
    pub ins: u16,
    /// How many registers its calls pass at most.
    pub outs: u16,
    /// Where its debug information is; 0 where there is none. [`Dex::lines`] takes it.
    pub debug: u32,
    offset: u32,
    units: &'a [[u8; 2]],
    tries: &'a [[u8; 8]],
    handlers: &'a [u8],
}

/// A protected range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Try {
    /// The first code unit.
    pub start: u32,
    /// The code unit after the last.
    pub end: u32,
    handlers: u16,
}

/// Where an exception goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handler {
    /// What is caught; nothing stands for everything.
    pub catches: Option<TypeIndex>,
    /// The code unit that takes over.
    pub target: u32,
}

impl<'a> Dex<'a> {
    /// The code at `offset`, which [`MemberMethod::code`](super::MemberMethod::code) gives.
    pub fn code(&self, offset: u32) -> Result<Code<'a>, DexError> {
        let cut = DexError::Truncated { what: "code", offset };
        let mut cursor = Cursor::new(self.bytes, offset);
        let mut short = || cursor.u16().ok_or(cut);
        let (registers, ins, outs, tries) = (short()?, short()?, short()?, short()?);
        let debug = cursor.u32().ok_or(cut)?;
        let size = cursor.u32().ok_or(cut)? as usize;
        let units = cursor.take(size.saturating_mul(2)).ok_or(cut)?.as_chunks().0;
        let (mut ranges, mut handlers) = (&[][..], &[][..]);
        if tries != 0 {
            if !size.is_multiple_of(2) {
                cursor.u16().ok_or(cut)?;
            }
            let cut = DexError::Truncated { what: "list of protected ranges", offset: cursor.position() };
            ranges = cursor.take(usize::from(tries) * 8).ok_or(cut)?.as_chunks().0;
            handlers = cursor.rest();
        }
        Ok(Code { registers, ins, outs, debug, offset, units, tries: ranges, handlers })
    }
}

impl<'a> Code<'a> {
    /// How many code units there are.
    pub fn len(&self) -> u32 {
        u32::try_from(self.units.len()).unwrap_or(u32::MAX)
    }

    /// Whether there is no code unit.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// Where it stands in the file.
    pub fn offset(&self) -> u32 {
        self.offset
    }

    /// The code units themselves.
    pub(crate) fn units(&self) -> &'a [[u8; 2]] {
        self.units
    }

    /// Every instruction in the order of the file, payloads among them.
    pub fn instructions(&self) -> Instructions<'a> {
        Instructions::new(self.units, self.offset)
    }

    /// Only what names a string, type, field, method or the like, faster than [`Code::instructions`].
    pub fn references(&self) -> References<'a> {
        References::new(self.units)
    }

    /// The instruction at `pc`.
    pub fn at(&self, pc: u32) -> Result<Instruction, DexError> {
        decode(self.units, pc, self.offset)
    }

    /// The protected ranges.
    pub fn tries(&self) -> impl ExactSizeIterator<Item = Try> + use<'a> {
        self.tries.iter().map(|&[s0, s1, s2, s3, c0, c1, h0, h1]| {
            let start = u32::from_le_bytes([s0, s1, s2, s3]);
            let end = start.saturating_add(u16::from_le_bytes([c0, c1]).into());
            Try { start, end, handlers: u16::from_le_bytes([h0, h1]) }
        })
    }

    /// The handlers of a range, in the order in which they are asked. It ends where the bytes do.
    pub fn handlers(&self, range: Try) -> impl Iterator<Item = Handler> + use<'a> {
        let mut cursor = Cursor::new(self.handlers, range.handlers.into());
        let size = cursor.sleb128().unwrap_or_default();
        let mut typed = size.unsigned_abs();
        let mut rest = size <= 0;
        std::iter::from_fn(move || {
            if let Some(left) = typed.checked_sub(1) {
                typed = left;
                let catches = cursor.uleb128().map(TypeIndex);
                let target = cursor.uleb128();
                return catches.zip(target).map(|(catches, target)| Handler { catches: Some(catches), target });
            }
            std::mem::take(&mut rest)
                .then(|| cursor.uleb128().map(|target| Handler { catches: None, target }))
                .flatten()
        })
    }
}
