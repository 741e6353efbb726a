//! Cuts SQL into tokens, in one pass.

use super::bytes::{self, Start, VARIABLE_END, WHITE, WORD_END};
use super::token::{Kind, Token};
use super::words;

/// Whose comments are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// `--` begins a comment, `#` does not.
    Standard,
    /// `--` begins a comment before white space only, `#` does.
    MySql,
}

/// The quote that is taken to be open where the input begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quote {
    /// None.
    None,
    /// `'`
    Single,
    /// `"`
    Double,
}

/// Hands out the tokens of an input.
#[derive(Clone, Debug)]
pub struct Lexer<'a> {
    pub(super) input: &'a [u8],
    pub(super) at: usize,
    quote: Quote,
    dialect: Dialect,
    /// How many tokens it handed out.
    pub(super) count: usize,
    /// Whether it met a sign that the dialects read differently.
    pub(super) differs: bool,
}

impl<'a> Lexer<'a> {
    /// At the start of an input.
    pub fn new(input: &'a [u8], quote: Quote, dialect: Dialect) -> Lexer<'a> {
        Lexer { input, at: 0, quote, dialect, count: 0, differs: false }
    }

    /// The byte so far ahead.
    pub(super) fn peek(&self, ahead: usize) -> Option<u8> {
        self.input.get(self.at + ahead).copied()
    }

    /// What is left from so far ahead.
    pub(super) fn rest(&self, ahead: usize) -> &'a [u8] {
        self.input.get(self.at + ahead..).unwrap_or_default()
    }

    /// Takes so many bytes as a token.
    pub(super) fn take(&mut self, kind: Kind, len: usize) -> Token<'a> {
        let rest = self.rest(0);
        let text = rest.get(..len).unwrap_or(rest);
        self.at += text.len();
        Token::new(kind, text)
    }

    /// Takes one byte as a token.
    pub(super) fn one(&mut self, kind: Kind) -> Token<'a> {
        let text = self.input.get(self.at..=self.at).unwrap_or_default();
        self.at += 1;
        Token::new(kind, text)
    }

    fn token(&mut self, first: u8) -> Option<Token<'a>> {
        Some(match bytes::start(first) {
            Start::White => {
                self.at += 1;
                return None;
            }
            Start::Word => self.word(),
            Start::Number => self.number(),
            Start::Quote => self.quoted(1, first),
            Start::Tick => self.ticked(),
            Start::Sign => self.one(Kind::Operator),
            Start::OneOrTwoSigns => self.signs(first),
            Start::Itself => self.itself(first),
            Start::Dash => self.dash(),
            Start::Slash => self.slash(),
            Start::Hash => self.hash(),
            Start::Money => self.money(),
            Start::At => self.variable(),
            Start::Bracket => self.bracketed(),
            Start::Backslash => self.backslash(),
            Start::Unknown => self.one(Kind::Unknown),
            Start::Bits => self.digits_in_quotes(&bytes::BITS),
            Start::Hex => self.digits_in_quotes(&bytes::HEX),
            Start::Escaped => self.escaped(),
            Start::National => self.national(),
            Start::Oracle => self.oracle(0),
            Start::Unicode => self.unicode(),
        })
    }

    /// A word. When a part of it before a `.` or a tick is on the word list, that part stands alone: `SELECT.1`.
    pub(super) fn word(&mut self) -> Token<'a> {
        let rest = self.rest(0);
        // Only what is kept can be on the list, so that a long run is read once however many words begin in it.
        let kept = rest.get(..=Token::KEPT).unwrap_or(rest);
        let len = WORD_END.distance(kept);
        let head = kept.get(..len.min(Token::KEPT)).unwrap_or_default();
        for (at, byte) in head.iter().enumerate() {
            if matches!(byte, b'.' | b'`') {
                let part = head.get(..at).and_then(words::look_up);
                if let Some(kind) = part.filter(|kind| *kind != Kind::Bareword) {
                    return self.take(kind, at);
                }
            }
        }
        if len > Token::KEPT {
            let len = len + WORD_END.distance(self.rest(len));
            return self.take(Kind::Bareword, len);
        }
        self.take(words::look_up(head).unwrap_or(Kind::Bareword), len)
    }

    fn itself(&mut self, first: u8) -> Token<'a> {
        let kind = match first {
            b'(' => Kind::LeftParen,
            b')' => Kind::RightParen,
            b',' => Kind::Comma,
            b';' => Kind::Semicolon,
            b'{' => Kind::LeftBrace,
            _ => Kind::RightBrace,
        };
        self.one(kind)
    }

    fn signs(&mut self, first: u8) -> Token<'a> {
        let rest = self.rest(0);
        if rest.starts_with(b"<=>") {
            return self.take(Kind::Operator, 3);
        }
        match rest.get(..2).map(words::look_up) {
            Some(Some(kind)) => self.take(kind, 2),
            Some(None) if first == b':' => self.one(Kind::Colon),
            _ => self.one(Kind::Operator),
        }
    }

    fn dash(&mut self) -> Token<'a> {
        if self.peek(1) != Some(b'-') {
            return self.one(Kind::Operator);
        }
        match self.peek(2) {
            Some(byte) if !WHITE.has(byte) && self.dialect == Dialect::MySql => self.one(Kind::Operator),
            after => {
                self.differs |= after.is_some_and(|byte| !WHITE.has(byte));
                self.comment_to_line_end()
            }
        }
    }

    fn hash(&mut self) -> Token<'a> {
        self.differs = true;
        match self.dialect {
            Dialect::Standard => self.one(Kind::Operator),
            Dialect::MySql => self.comment_to_line_end(),
        }
    }

    fn comment_to_line_end(&mut self) -> Token<'a> {
        let rest = self.rest(0);
        match memchr::memchr(b'\n', rest) {
            Some(len) => {
                let comment = self.take(Kind::Comment, len);
                self.at += 1;
                comment
            }
            None => self.take(Kind::Comment, rest.len()),
        }
    }

    /// `/`, or a comment. One within another has two readings (only PostgreSQL nests them), and `MySQL` runs what is
    /// in `/*! */`: both are evil.
    fn slash(&mut self) -> Token<'a> {
        if self.peek(1) != Some(b'*') {
            return self.one(Kind::Operator);
        }
        let inside = self.rest(2);
        let end = pair(inside, b'*', b'/');
        let nested = end.and_then(|end| pair(inside.get(..=end)?, b'/', b'*')).is_some();
        let kind = if nested || inside.starts_with(b"!") { Kind::Evil } else { Kind::Comment };
        self.take(kind, end.map_or(usize::MAX, |end| end + 4))
    }

    /// `\N` is null in `MySQL`.
    fn backslash(&mut self) -> Token<'a> {
        if self.peek(1) == Some(b'N') { self.take(Kind::Number, 2) } else { self.one(Kind::Backslash) }
    }

    /// A name in brackets, as SQL Server writes it.
    fn bracketed(&mut self) -> Token<'a> {
        let end = memchr::memchr(b']', self.rest(0));
        self.take(Kind::Bareword, end.map_or(usize::MAX, |end| end + 1))
    }

    fn variable(&mut self) -> Token<'a> {
        let ats = if self.peek(1) == Some(b'@') { 2 } else { 1 };
        self.at += usize::from(ats);
        let name = match self.peek(0) {
            Some(b'`') => self.ticked(),
            Some(quote @ (b'\'' | b'"')) => self.quoted(1, quote),
            _ => self.take(Kind::Variable, VARIABLE_END.distance(self.rest(0))),
        };
        name.with_kind(Kind::Variable).with_ats(ats)
    }
}

/// Where two bytes stand one after the other.
pub(super) fn pair(bytes: &[u8], first: u8, second: u8) -> Option<usize> {
    memchr::memchr_iter(first, bytes).find(|at| bytes.get(at + 1) == Some(&second))
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let open = match self.quote {
            Quote::None => None,
            Quote::Single => Some(b'\''),
            Quote::Double => Some(b'"'),
        };
        if let Some(quote) = open.filter(|_| self.at == 0 && !self.input.is_empty()) {
            self.count += 1;
            return Some(self.quoted(0, quote));
        }
        while let Some(first) = self.peek(0) {
            if let Some(token) = self.token(first) {
                self.count += 1;
                return Some(token);
            }
        }
        None
    }
}
