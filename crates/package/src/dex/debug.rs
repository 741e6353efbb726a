//! Line numbers out of debug information (`debug_info_item`).

use super::read::Cursor;
use super::{Dex, DexError};

/// From which code unit on a source line is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// The first code unit.
    pub pc: u32,
    /// The line, counted from 1.
    pub line: u32,
}

/// The line table of one method, in the order of its code. It ends where the bytes do.
#[derive(Debug, Clone)]
pub struct Lines<'a> {
    cursor: Cursor<'a>,
    pc: u32,
    line: u32,
}

impl<'a> Dex<'a> {
    /// The lines at the offset that [`Code::debug`](super::Code::debug) gives. Offset 0 gives none.
    pub fn lines(&self, offset: u32) -> Result<Lines<'a>, DexError> {
        if offset == 0 {
            return Ok(Lines { cursor: Cursor::new(&[], 0), pc: 0, line: 0 });
        }
        let mut cursor = Cursor::new(self.bytes, offset);
        let head = (|| {
            let line = cursor.uleb128()?;
            for _ in 0..cursor.uleb128()? {
                cursor.uleb128()?;
            }
            Some(line)
        })();
        let line = head.ok_or(DexError::Truncated { what: "debug information", offset })?;
        Ok(Lines { cursor, pc: 0, line })
    }

    /// The line of the instruction at `pc`.
    pub fn line_at(&self, offset: u32, pc: u32) -> Option<u32> {
        self.lines(offset).ok()?.take_while(|line| line.pc <= pc).last().map(|line| line.line)
    }
}

impl Iterator for Lines<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        const FIRST_SPECIAL: u8 = 0x0a;
        loop {
            match self.cursor.u8()? {
                // DBG_END_SEQUENCE
                0x00 => {
                    self.cursor = Cursor::new(&[], 0);
                    return None;
                }
                // DBG_ADVANCE_PC
                0x01 => self.pc = self.pc.checked_add(self.cursor.uleb128()?)?,
                // DBG_ADVANCE_LINE
                0x02 => self.line = self.line.wrapping_add_signed(self.cursor.sleb128()?),
                // DBG_START_LOCAL and DBG_START_LOCAL_EXTENDED: register, name, type, and a signature.
                opcode @ (0x03 | 0x04) => {
                    for _ in 0..opcode {
                        self.cursor.uleb128()?;
                    }
                }
                // DBG_END_LOCAL, DBG_RESTART_LOCAL and DBG_SET_FILE.
                0x05 | 0x06 | 0x09 => {
                    self.cursor.uleb128()?;
                }
                // DBG_SET_PROLOGUE_END and DBG_SET_EPILOGUE_BEGIN
                0x07 | 0x08 => {}
                special => {
                    let adjusted = special - FIRST_SPECIAL;
                    self.line = self.line.wrapping_add_signed(i32::from(adjusted % 15) - 4);
                    self.pc = self.pc.checked_add(u32::from(adjusted / 15))?;
                    return Some(Line { pc: self.pc, line: self.line });
                }
            }
        }
    }
}
