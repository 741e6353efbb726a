//! What SQL is cut into.

use std::fmt;

/// What a token is. The discriminant is the symbol that stands for it in a fingerprint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// A keyword without a kind of its own.
    Keyword = b'k',
    /// `UNION`, `EXCEPT`, `INTERSECT`.
    Union = b'U',
    /// What groups or orders rows: `GROUP BY`, `LIMIT`.
    Group = b'B',
    /// What begins an expression or a statement: `SELECT`, `CASE`.
    Expression = b'E',
    /// A type: `INT`, `VARCHAR`.
    Type = b't',
    /// A function.
    Function = b'f',
    /// A name.
    Bareword = b'n',
    /// A number.
    Number = b'1',
    /// A variable.
    Variable = b'v',
    /// A string.
    String = b's',
    /// An operator.
    Operator = b'o',
    /// `AND`, `OR` and their signs.
    Logic = b'&',
    /// A comment.
    Comment = b'c',
    /// `COLLATE`.
    Collate = b'A',
    /// `(`
    LeftParen = b'(',
    /// `)`
    RightParen = b')',
    /// `{`
    LeftBrace = b'{',
    /// `}`
    RightBrace = b'}',
    /// `.`
    Dot = b'.',
    /// `,`
    Comma = b',',
    /// `:`
    Colon = b':',
    /// `;`
    Semicolon = b';',
    /// What begins a statement of T-SQL: `DECLARE`, `EXEC`.
    Statement = b'T',
    /// A sign that SQL does not have.
    Unknown = b'?',
    /// What has two readings and no honest use, such as a comment within a comment.
    Evil = b'X',
    /// `\`
    Backslash = b'\\',
}

impl Kind {
    /// The kind that the word list means by a symbol.
    pub(super) const fn of_word(symbol: u8) -> Option<Kind> {
        Some(match symbol {
            b'k' => Kind::Keyword,
            b'U' => Kind::Union,
            b'B' => Kind::Group,
            b'E' => Kind::Expression,
            b't' => Kind::Type,
            b'f' => Kind::Function,
            b'n' => Kind::Bareword,
            b'1' => Kind::Number,
            b'v' => Kind::Variable,
            b'o' => Kind::Operator,
            b'&' => Kind::Logic,
            b'A' => Kind::Collate,
            b'T' => Kind::Statement,
            _ => return None,
        })
    }

    /// The character that stands for it in a fingerprint.
    pub const fn symbol(self) -> u8 {
        self as u8
    }
}

/// Each kind at its symbol.
#[expect(clippy::indexing_slicing, reason = "at compile time")]
static KINDS: [Kind; 128] = {
    const ALL: [Kind; 26] = [
        Kind::Keyword,
        Kind::Union,
        Kind::Group,
        Kind::Expression,
        Kind::Type,
        Kind::Function,
        Kind::Bareword,
        Kind::Number,
        Kind::Variable,
        Kind::String,
        Kind::Operator,
        Kind::Logic,
        Kind::Comment,
        Kind::Collate,
        Kind::LeftParen,
        Kind::RightParen,
        Kind::LeftBrace,
        Kind::RightBrace,
        Kind::Dot,
        Kind::Comma,
        Kind::Colon,
        Kind::Semicolon,
        Kind::Statement,
        Kind::Unknown,
        Kind::Evil,
        Kind::Backslash,
    ];
    let mut kinds = [Kind::Unknown; 128];
    let mut at = 0;
    while at < ALL.len() {
        kinds[ALL[at].symbol() as usize] = ALL[at];
        at += 1;
    }
    kinds
};

/// A piece of SQL.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    /// The text without quotes, of which only the first [`Token::KEPT`] bytes count. For words that became a phrase it
    /// is the phrase from the list.
    pub text: &'a [u8],
    /// Kind, opening quote, closing quote and number of `@`, from the lowest byte up. Written and read as one word, for
    /// that is twice as quick.
    marks: u64,
}

impl<'a> Token<'a> {
    /// How many bytes of a text count.
    pub const KEPT: usize = 31;

    pub(super) fn new(kind: Kind, text: &'a [u8]) -> Token<'a> {
        let text = text.get(..Token::KEPT).unwrap_or(text);
        Token { text, marks: u64::from(kind.symbol()) }
    }

    /// What it is.
    #[expect(clippy::indexing_slicing, reason = "the index is masked to the length of the array")]
    pub fn kind(&self) -> Kind {
        KINDS[(self.marks & 0x7f) as usize]
    }

    /// The quote that opened it: itself, `q` and `u` for strings with such a prefix, `$` for dollar quotes, or nothing.
    pub fn open(&self) -> Option<u8> {
        Some(self.mark(1)).filter(|quote| *quote != 0)
    }

    /// The quote that closed it.
    pub fn close(&self) -> Option<u8> {
        Some(self.mark(2)).filter(|quote| *quote != 0)
    }

    /// How many `@` came before it.
    pub fn ats(&self) -> u8 {
        self.mark(3)
    }

    fn mark(&self, at: usize) -> u8 {
        self.marks.to_le_bytes().get(at).copied().unwrap_or_default()
    }

    pub(super) fn with_kind(self, kind: Kind) -> Token<'a> {
        Token { marks: self.marks & !0xff | u64::from(kind.symbol()), ..self }
    }

    pub(super) fn with_quotes(self, open: Option<u8>, close: Option<u8>) -> Token<'a> {
        let quotes = u64::from(open.unwrap_or(0)) << 8 | u64::from(close.unwrap_or(0)) << 16;
        Token { marks: self.marks & !0xff_ff00 | quotes, ..self }
    }

    pub(super) fn with_ats(self, ats: u8) -> Token<'a> {
        Token { marks: self.marks & !0xff00_0000 | u64::from(ats) << 24, ..self }
    }

    /// Whether the text is this word of upper-case letters, whatever its own case.
    pub(super) fn says(&self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word.as_bytes())
    }

    /// Whether the text starts so, whatever its case.
    pub(super) fn begins(&self, word: &str) -> bool {
        self.text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// Whether it is an operator that can stand before its only operand.
    pub(super) fn is_unary(&self) -> bool {
        self.kind() == Kind::Operator && (matches!(self.text, b"+" | b"-" | b"!" | b"~" | b"!!") || self.says("NOT"))
    }

    /// Whether it is an operator of arithmetic.
    pub(super) fn is_arithmetic(&self) -> bool {
        self.kind() == Kind::Operator && matches!(self.text, b"*" | b"/" | b"-" | b"+" | b"%")
    }
}

impl fmt::Debug for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} `{}`", self.kind(), self.text.escape_ascii())
    }
}
