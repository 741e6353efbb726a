//! Instructions out of code units ("Dalvik executable instruction formats"), without an allocation.

use super::{ArrayData, DexError, Format, Opcode, Payload, ReferenceKind, Switch};

/// One decoded instruction.
///
/// Which parts mean something follows from [`Format`]: `a`, `b` and `c` are its registers in the order of assembly (for
/// calls, `a` is how many arguments there are and `c` the first of a range); `index` goes into the table that
/// [`Opcode::reference`] names; `literal` is a number, or a distance in code units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    /// Where it stands, in code units from the start of the code.
    pub pc: u32,
    /// What it does; `nop` for the tables of switches and arrays.
    pub opcode: Opcode,
    /// How it is laid out.
    pub format: Format,
    /// How many code units it takes.
    pub units: u32,
    /// The first register, or how many arguments there are.
    pub a: u16,
    /// The second register.
    pub b: u16,
    /// The third register, or the first argument of a range.
    pub c: u16,
    /// The index of what it names. For `invoke-polymorphic` the prototype is in `literal`.
    pub index: u32,
    /// A number, sign-extended, or a distance.
    pub literal: i64,
    arguments: [u8; 5],
}

impl Instruction {
    /// Where a jump, a switch table or array content is.
    pub fn target(&self) -> u32 {
        let distance = i32::try_from(self.literal).unwrap_or_default();
        self.pc.wrapping_add_signed(distance)
    }

    /// The instruction after this one.
    pub fn next(&self) -> u32 {
        self.pc.saturating_add(self.units)
    }

    /// The registers that a call or a `filled-new-array` takes, in order. A `long` or `double` takes two.
    pub fn arguments(&self) -> Arguments {
        match self.format {
            Format::F35c | Format::F45cc => Arguments { listed: self.arguments, next: 0, at: 0, left: self.a.min(5) },
            Format::F3rc | Format::F4rcc => Arguments { listed: [0; 5], next: self.c, at: u8::MAX, left: self.a },
            _ => Arguments { listed: [0; 5], next: 0, at: 0, left: 0 },
        }
    }
}

/// The registers of a call.
#[derive(Debug, Clone)]
pub struct Arguments {
    listed: [u8; 5],
    next: u16,
    /// The place in the list; 255 where the registers are a range.
    at: u8,
    left: u16,
}

impl Iterator for Arguments {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        self.left = self.left.checked_sub(1)?;
        if self.at == u8::MAX {
            let register = self.next;
            self.next = register.wrapping_add(1);
            return Some(register);
        }
        let register = self.listed.get(usize::from(self.at)).copied().unwrap_or_default();
        self.at += 1;
        Some(register.into())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left.into(), Some(self.left.into()))
    }
}

impl ExactSizeIterator for Arguments {}

/// Every instruction of a method in the order of the file. It ends after the first error.
#[derive(Debug, Clone)]
pub struct Instructions<'a> {
    units: &'a [[u8; 2]],
    pc: u32,
    offset: u32,
}

impl<'a> Instructions<'a> {
    pub(crate) fn new(units: &'a [[u8; 2]], offset: u32) -> Instructions<'a> {
        Instructions { units, pc: 0, offset }
    }
}

impl Iterator for Instructions<'_> {
    type Item = Result<Instruction, DexError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.pc as usize >= self.units.len() {
            return None;
        }
        let decoded = decode(self.units, self.pc, self.offset);
        match decoded {
            Ok(instruction) => self.pc = instruction.next(),
            Err(_) => self.units = &[],
        }
        Some(decoded)
    }
}

/// An instruction that names something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// Where it stands.
    pub pc: u32,
    /// What it does.
    pub opcode: Opcode,
    /// What it names, in the table that [`Opcode::reference`] says.
    pub index: u32,
}

/// The instructions that name something. It ends where the code can't be read further; [`References::is_cut`] tells.
#[derive(Debug, Clone)]
pub struct References<'a> {
    units: &'a [[u8; 2]],
    pc: u32,
}

impl<'a> References<'a> {
    pub(crate) fn new(units: &'a [[u8; 2]]) -> References<'a> {
        References { units, pc: 0 }
    }

    /// Whether it stopped before the end of the code.
    pub fn is_cut(&self) -> bool {
        (self.pc as usize) < self.units.len()
    }
}

/// For each opcode its code units, and whether it names something in 16 bits (0x80) or 32 (0x40).
#[expect(clippy::indexing_slicing, reason = "evaluated while compiling")]
static STEPS: [u8; 256] = {
    let mut steps = [0; 256];
    let mut code = 0;
    while code < 256 {
        let (_, format, kind) = super::opcode::SHAPES[code];
        let width = match (kind, format) {
            (ReferenceKind::None, _) => 0,
            (_, Format::F31c) => 0x40,
            _ => 0x80,
        };
        steps[code] = format.units() | width;
        code += 1;
    }
    steps
};

impl Iterator for References<'_> {
    type Item = Reference;

    #[inline]
    fn next(&mut self) -> Option<Reference> {
        loop {
            let rest = self.units.get(self.pc as usize..)?;
            let [opcode, high] = *rest.first()?;
            let step = STEPS.get(usize::from(opcode)).copied()?;
            let pc = self.pc;
            let width = u32::from(step & 0x0f);
            if step & 0xc0 == 0 {
                if opcode == 0 && matches!(high, 1..=3) {
                    self.pc = pc.checked_add(payload_units(rest)?)?;
                } else {
                    self.pc = pc.checked_add(width)?;
                }
                continue;
            }
            // All of the instruction has to be there.
            rest.get(width as usize - 1)?;
            let low = u32::from(u16::from_le_bytes(*rest.get(1)?));
            let index = if step & 0x40 == 0 { low } else { low | u32::from(u16::from_le_bytes(*rest.get(2)?)) << 16 };
            self.pc = pc.checked_add(width)?;
            return Some(Reference { pc, opcode: Opcode(opcode), index });
        }
    }
}

/// How many code units the table at the start of `units` takes.
fn payload_units(units: &[[u8; 2]]) -> Option<u32> {
    let [[_, kind], size, ..] = *units else { return None };
    let size = u32::from(u16::from_le_bytes(size));
    match kind {
        1 => Some(size * 2 + 4),
        2 => Some(size * 4 + 2),
        _ => {
            let [_, width, low, high, ..] = *units else { return None };
            let count = u64::from(u32::from_le_bytes([low[0], low[1], high[0], high[1]]));
            let bytes = count * u64::from(u16::from_le_bytes(width));
            u32::try_from(bytes.div_ceil(2) + 4).ok()
        }
    }
}

/// The instruction at `pc`. `offset` is that of the code item, for the error.
pub(crate) fn decode(units: &[[u8; 2]], pc: u32, offset: u32) -> Result<Instruction, DexError> {
    read(units, pc).ok_or_else(|| DexError::Truncated {
        what: "instruction",
        offset: offset.saturating_add(16).saturating_add(pc.saturating_mul(2)),
    })
}

fn read(units: &[[u8; 2]], pc: u32) -> Option<Instruction> {
    let rest = units.get(pc as usize..)?;
    let [code, high] = *rest.first()?;
    let opcode = Opcode(code);
    let format = opcode.format();
    let nibbles = (u16::from(high & 0x0f), u16::from(high >> 4));
    let (a8, unit) = (u16::from(high), |at: usize| rest.get(at).map(|unit| u16::from_le_bytes(*unit)));
    let mut found = Instruction {
        pc,
        opcode,
        format,
        units: format.units().into(),
        a: a8,
        b: 0,
        c: 0,
        index: 0,
        literal: 0,
        arguments: [0; 5],
    };
    let signed = |at: usize| unit(at).map(|unit| i64::from(unit.cast_signed()));
    let word = |at: usize| Some(u32::from(unit(at)?) | u32::from(unit(at + 1)?) << 16);
    match format {
        Format::F10x if code == 0 && matches!(high, 1..=3) => {
            found.format = match high {
                1 => Format::PackedSwitch,
                2 => Format::SparseSwitch,
                _ => Format::ArrayData,
            };
            found.a = 0;
            found.units = payload_units(rest)?;
            rest.get(found.units as usize - 1)?;
        }
        Format::F10x | Format::F11x => {}
        Format::F12x => (found.a, found.b) = nibbles,
        Format::F11n => {
            found.a = nibbles.0;
            found.literal = i64::from(high.cast_signed() >> 4);
        }
        Format::F10t => found.literal = i64::from(high.cast_signed()),
        Format::F22x => found.b = unit(1)?,
        Format::F20t | Format::F21t | Format::F21s => found.literal = signed(1)?,
        Format::F21h => {
            let shift = if opcode == Opcode::CONST_WIDE_HIGH16 { 48 } else { 16 };
            found.literal = signed(1)? << shift;
        }
        Format::F21c => found.index = unit(1)?.into(),
        Format::F23x => {
            let [low, high] = unit(1)?.to_le_bytes();
            (found.b, found.c) = (low.into(), high.into());
        }
        Format::F22b => {
            let [low, high] = unit(1)?.to_le_bytes();
            found.b = low.into();
            found.literal = i64::from(high.cast_signed());
        }
        Format::F22t | Format::F22s => {
            (found.a, found.b) = nibbles;
            found.literal = signed(1)?;
        }
        Format::F22c => {
            (found.a, found.b) = nibbles;
            found.index = unit(1)?.into();
        }
        Format::F32x => (found.a, found.b) = (unit(1)?, unit(2)?),
        Format::F30t | Format::F31i | Format::F31t => found.literal = i64::from(word(1)?.cast_signed()),
        Format::F31c => found.index = word(1)?,
        Format::F35c | Format::F45cc => {
            let [low, high] = unit(2)?.to_le_bytes();
            found.a = nibbles.1;
            found.index = unit(1)?.into();
            found.arguments = [low & 0x0f, low >> 4, high & 0x0f, high >> 4, (nibbles.0 & 0x0f) as u8];
            if format == Format::F45cc {
                found.literal = unit(3)?.into();
            }
        }
        Format::F3rc | Format::F4rcc => {
            found.index = unit(1)?.into();
            found.c = unit(2)?;
            if format == Format::F4rcc {
                found.literal = unit(3)?.into();
            }
        }
        Format::F51l => {
            found.literal = (u64::from(word(1)?) | u64::from(word(3)?) << 32).cast_signed();
        }
        Format::PackedSwitch | Format::SparseSwitch | Format::ArrayData => return None,
    }
    Some(found)
}

/// The table of a switch or the content of an array at `pc`.
pub(crate) fn payload<'a>(units: &'a [[u8; 2]], pc: u32) -> Option<Payload<'a>> {
    let head = read(units, pc)?;
    let body = units.get(pc as usize..)?.get(..head.units as usize)?.as_flattened();
    match head.format {
        Format::PackedSwitch => {
            let (first, targets) = body.get(4..)?.split_first_chunk::<4>()?;
            let first = i32::from_le_bytes(*first);
            Some(Payload::Switch(Switch::packed(first, targets.as_chunks().0)))
        }
        Format::SparseSwitch => {
            let words: &'a [[u8; 4]] = body.get(4..)?.as_chunks().0;
            let (keys, targets) = words.split_at_checked(words.len() / 2)?;
            Some(Payload::Switch(Switch::sparse(keys, targets)))
        }
        Format::ArrayData => {
            let [_, _, w0, w1, n0, n1, n2, n3, content @ ..] = body else { return None };
            let width = u16::from_le_bytes([*w0, *w1]);
            let count = u32::from_le_bytes([*n0, *n1, *n2, *n3]);
            let bytes = usize::from(width).checked_mul(count as usize)?;
            Some(Payload::Array(ArrayData { width, bytes: content.get(..bytes)? }))
        }
        _ => None,
    }
}
