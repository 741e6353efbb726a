//! Strings, and names in ticks.

use memchr::{memchr, memmem};

use super::bytes::{LETTERS, Set};
use super::lexer::{Lexer, pair};
use super::token::{Kind, Token};
use super::words;

impl<'a> Lexer<'a> {
    /// A string whose text begins so far ahead, up to the next `quote` that is neither doubled nor behind an odd number
    /// of backslashes. With nothing to skip, the quote is only taken to be open.
    pub(super) fn quoted(&mut self, skip: usize, quote: u8) -> Token<'a> {
        let body = self.rest(skip);
        let mut from = 0;
        let end = loop {
            let Some(found) = memchr(quote, body.get(from..).unwrap_or_default()) else { break None };
            let at = from + found;
            let backslashes = body.iter().take(at).rev().take_while(|byte| **byte == b'\\').count();
            if backslashes % 2 == 1 {
                from = at + 1;
            } else if body.get(at + 1) == Some(&quote) {
                from = at + 2;
            } else {
                break Some(at);
            }
        };
        let open = (skip > 0).then_some(quote);
        self.string(skip, end, 1, open, Some(quote))
    }

    /// A string whose text begins `skip` bytes ahead, and ends `end` bytes after that, where the closing quote of so many
    /// bytes stands; or never.
    fn string(
        &mut self,
        skip: usize,
        end: Option<usize>,
        quote: usize,
        open: Option<u8>,
        close: Option<u8>,
    ) -> Token<'a> {
        self.at += skip;
        let text = self.take(Kind::String, end.unwrap_or(usize::MAX));
        if end.is_some() {
            self.at += quote;
        }
        text.with_quotes(open, end.and(close))
    }

    /// A name in ticks, which may be a function.
    pub(super) fn ticked(&mut self) -> Token<'a> {
        let name = self.quoted(1, b'`');
        let function = words::look_up(name.text) == Some(Kind::Function);
        name.with_kind(if function { Kind::Function } else { Kind::Bareword })
    }

    /// `e'…'` of PostgreSQL, `n'…'` of `MySQL`.
    pub(super) fn escaped(&mut self) -> Token<'a> {
        if self.peek(1) == Some(b'\'') && self.peek(2).is_some() { self.quoted(2, b'\'') } else { self.word() }
    }

    /// `u&'…'`
    pub(super) fn unicode(&mut self) -> Token<'a> {
        if !self.rest(1).starts_with(b"&'") {
            return self.word();
        }
        let string = self.quoted(3, b'\'');
        string.with_quotes(Some(b'u'), string.close().map(|_| b'u'))
    }

    /// `n'…'`, or `nq'[…]'`.
    pub(super) fn national(&mut self) -> Token<'a> {
        if self.peek(1) == Some(b'\'') && self.peek(2).is_some() { self.escaped() } else { self.oracle(1) }
    }

    /// `q'[…]'` of Oracle, after a prefix of so many bytes: any delimiter, and brackets in pairs.
    pub(super) fn oracle(&mut self, prefix: usize) -> Token<'a> {
        let delimiter = match self.rest(prefix) {
            [b'q' | b'Q', b'\'', delimiter @ b'!'..=0x7f, ..] => *delimiter,
            _ => return self.word(),
        };
        let delimiter = match delimiter {
            b'(' => b')',
            b'[' => b']',
            b'{' => b'}',
            b'<' => b'>',
            same => same,
        };
        let end = pair(self.rest(prefix + 3), delimiter, b'\'');
        self.string(prefix + 3, end, 2, Some(b'q'), Some(b'q'))
    }

    /// `b'01'` and `x'0f'`: a number.
    pub(super) fn digits_in_quotes(&mut self, digits: &Set) -> Token<'a> {
        if self.peek(1) != Some(b'\'') {
            return self.word();
        }
        let len = digits.run(self.rest(2));
        if self.peek(2 + len) == Some(b'\'') { self.take(Kind::Number, len + 3) } else { self.word() }
    }

    /// `$$…$$` and `$tag$…$tag$` of PostgreSQL; otherwise the sign alone is a word.
    pub(super) fn dollar_quoted(&mut self) -> Token<'a> {
        let letters = LETTERS.run(self.rest(1));
        let tag = match self.peek(1) {
            Some(b'$') => 0,
            _ if letters > 0 && self.peek(1 + letters) == Some(b'$') => letters,
            _ => return self.take(Kind::Bareword, 1),
        } + 2;
        let rest = self.rest(0);
        let end = rest.split_at_checked(tag).and_then(|(tag, text)| memmem::find(text, tag));
        self.string(tag, end, tag, Some(b'$'), Some(b'$'))
    }
}
