//! Numbers, and amounts of money.

use super::bytes::{AMOUNT, BITS, HEX, Set, WHITE};
use super::lexer::Lexer;
use super::token::{Kind, Token};

impl<'a> Lexer<'a> {
    /// `0x1f`, `0b01`, `1.5e-3`, with Oracle's suffixes `d` and `f`; or a dot.
    pub(super) fn number(&mut self) -> Token<'a> {
        let mut len = self.digits(0);
        match self.peek(len) {
            Some(b'x' | b'X') if len == 1 && self.peek(0) == Some(b'0') => return self.prefixed(&HEX),
            Some(b'b' | b'B') if len == 1 && self.peek(0) == Some(b'0') => return self.prefixed(&BITS),
            Some(b'.' | b'e' | b'E' | b'd' | b'D' | b'f' | b'F') => {}
            _ => return self.take(Kind::Number, len),
        }
        if self.peek(len) == Some(b'.') {
            len = self.digits(len + 1);
            if len == 1 {
                return self.one(Kind::Dot);
            }
        }
        let mut kind = Kind::Number;
        if matches!(self.peek(len), Some(b'e' | b'E')) {
            len += 1;
            len += usize::from(matches!(self.peek(len), Some(b'+' | b'-')));
            let end = self.digits(len);
            if end == len {
                kind = Kind::Bareword;
            }
            len = end;
        }
        if matches!(self.peek(len), Some(b'd' | b'D' | b'f' | b'F')) {
            // A suffix ends a number; `1fUNION` is read as MySQL does, `123FROM` is not one.
            let ends = self.peek(len + 1).is_none_or(|after| WHITE.has(after) || matches!(after, b';' | b'u' | b'U'));
            len += usize::from(ends);
        }
        self.take(kind, len)
    }

    /// `0x` or `0b` and digits, or a word where there are none.
    fn prefixed(&mut self, digits: &Set) -> Token<'a> {
        match digits.run(self.rest(2)) {
            0 => self.take(Kind::Bareword, 2),
            len => self.take(Kind::Number, 2 + len),
        }
    }

    /// Where the digits that begin so far ahead end.
    fn digits(&self, from: usize) -> usize {
        let rest = self.rest(from);
        from + rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len())
    }

    /// `$1,000.00`; or what else begins with `$`.
    pub(super) fn money(&mut self) -> Token<'a> {
        match AMOUNT.run(self.rest(1)) {
            0 => self.dollar_quoted(),
            1 if self.peek(1) == Some(b'.') => self.word(),
            len => self.take(Kind::Number, 1 + len),
        }
    }
}
