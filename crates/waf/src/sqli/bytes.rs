//! What each byte can begin, end or be part of.

/// What a byte begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    White,
    Word,
    Number,
    Quote,
    Tick,
    Sign,
    OneOrTwoSigns,
    Itself,
    Dash,
    Slash,
    Hash,
    Money,
    At,
    Bracket,
    Backslash,
    Unknown,
    /// `b'01'`
    Bits,
    /// `x'0f'`
    Hex,
    /// `e'\n'`
    Escaped,
    /// `n'…'`
    National,
    /// `q'[…]'`
    Oracle,
    /// `u&'…'`
    Unicode,
}

#[expect(clippy::cast_possible_truncation, clippy::indexing_slicing, reason = "at compile time")]
const STARTS: [Start; 256] = {
    let mut starts = [Start::Word; 256];
    let mut byte = 0;
    while byte < 256 {
        starts[byte] = start_of(byte as u8);
        byte += 1;
    }
    starts
};

const fn start_of(byte: u8) -> Start {
    match byte {
        0..=b' ' | 0x7f | 0xa0 => Start::White,
        b'0'..=b'9' | b'.' => Start::Number,
        b'\'' | b'"' => Start::Quote,
        b'`' => Start::Tick,
        b'%' | b'+' | b'^' | b'~' => Start::Sign,
        b'!' | b'&' | b'*' | b':' | b'<' | b'=' | b'>' | b'|' => Start::OneOrTwoSigns,
        b'(' | b')' | b',' | b';' | b'{' | b'}' => Start::Itself,
        b'-' => Start::Dash,
        b'/' => Start::Slash,
        b'#' => Start::Hash,
        b'$' => Start::Money,
        b'@' => Start::At,
        b'[' => Start::Bracket,
        b'\\' => Start::Backslash,
        b'?' | b']' => Start::Unknown,
        b'b' | b'B' => Start::Bits,
        b'x' | b'X' => Start::Hex,
        b'e' | b'E' => Start::Escaped,
        b'n' | b'N' => Start::National,
        b'q' | b'Q' => Start::Oracle,
        b'u' | b'U' => Start::Unicode,
        _ => Start::Word,
    }
}

/// What the byte begins.
#[expect(clippy::indexing_slicing, reason = "a byte is within 256")]
pub(super) const fn start(byte: u8) -> Start {
    STARTS[byte as usize]
}

/// A set of bytes.
pub(super) struct Set([bool; 256]);

impl Set {
    #[expect(clippy::indexing_slicing, reason = "at compile time")]
    const fn of(members: &[u8]) -> Set {
        let mut set = [false; 256];
        let mut at = 0;
        while at < members.len() {
            set[members[at] as usize] = true;
            at += 1;
        }
        Set(set)
    }

    /// Whether the byte is in it.
    #[expect(clippy::indexing_slicing, reason = "a byte is within 256")]
    pub(super) const fn has(&self, byte: u8) -> bool {
        self.0[byte as usize]
    }

    /// How many bytes at the head are in it.
    pub(super) fn run(&self, bytes: &[u8]) -> usize {
        bytes.iter().position(|byte| !self.has(*byte)).unwrap_or(bytes.len())
    }

    /// How many bytes come before the first that is in it.
    pub(super) fn distance(&self, bytes: &[u8]) -> usize {
        bytes.iter().position(|byte| self.has(*byte)).unwrap_or(bytes.len())
    }
}

// Zero bytes count as members of each set: databases skip them, and attackers know.

pub(super) const WHITE: Set = Set::of(b" \t\n\x0b\x0c\r\xa0\0");
pub(super) const WORD_END: Set = Set::of(b" []{}<>:\\?=@!#~+-*/&|^%(),';\t\n\x0b\x0c\r\"\xa0\0");
pub(super) const VARIABLE_END: Set = Set::of(b" <>:\\?=@!#~+-*/&|^%(),';\t\n\x0b\x0c\r`\"\0");
pub(super) const BITS: Set = Set::of(b"01\0");
pub(super) const HEX: Set = Set::of(b"0123456789ABCDEFabcdef\0");
pub(super) const AMOUNT: Set = Set::of(b"0123456789.,\0");
pub(super) const LETTERS: Set = Set::of(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\0");

#[expect(clippy::cast_possible_truncation, clippy::indexing_slicing, reason = "at compile time")]
const PLAIN: Set = {
    let mut set = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let letter = (byte as u8).is_ascii_alphanumeric() || byte == b'_' as usize;
        set[byte] = letter || (byte >= 0x80 && byte != 0xa0);
        byte += 1;
    }
    Set(set)
};

/// Whether the value has nothing but letters, digits, `_` and what is not ASCII. Such a value is at most two numbers and
/// a word, and no fingerprint on the list has that shape but a number and `UNION`, which is taken back.
pub(super) fn plain(input: &[u8]) -> bool {
    input.iter().all(|byte| PLAIN.has(*byte))
}
