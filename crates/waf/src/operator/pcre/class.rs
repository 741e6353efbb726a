//! Classes of PCRE, such as `[^\w[:punct:]-]`: read into a set of bytes and written as ranges of hexadecimal escapes.
//!
//! In `regex-syntax` brackets nest and `&&`, `--` and `~~` are operations; in PCRE they are bytes like others.

use super::{PatternError, Translator, push_hex};
use crate::transform::ByteClasses;

/// Whether `[.` or `[=` begins an element that ends with the same mark and a bracket, before the class may end.
fn is_collating(mark: u8, mut after: &[u8]) -> bool {
    loop {
        after = match *after {
            [b'\\', b']' | b'\\', ref rest @ ..] => rest,
            [byte, b']', ..] if byte == mark => return true,
            [b'[', byte, ..] if byte == mark => return false,
            [b']', ..] | [] => return false,
            [_, ref rest @ ..] => rest,
        };
    }
}

impl<'p> Translator<'p> {
    /// Translates the class that begins here.
    pub(super) fn class(&mut self) -> Result<(), PatternError> {
        let start = self.at;
        self.at += 1;
        let negated = self.rest().first() == Some(&b'^');
        self.at += usize::from(negated);
        if self.rest().first() == Some(&b':') && self.posix_name().is_some() {
            return Err(PatternError::Syntax {
                reason: "a POSIX class stands outside of brackets".to_owned(),
                offset: start,
            });
        }
        let mut set = ByteClasses::EMPTY;
        let mut first = true;
        loop {
            let Some(&byte) = self.rest().first() else {
                self.at = start;
                return Err(self.syntax("a class is not closed"));
            };
            if byte == b']' && !first {
                self.at += 1;
                break;
            }
            first = false;
            match self.item()? {
                Item::Set(members) => set = set.union(members),
                Item::Byte(low) => set = set.union(self.range(low)?),
            }
        }
        self.write(set, negated);
        Ok(())
    }

    /// The range that begins with `low`; a hyphen before the end of the class, or before a set, stands for itself.
    fn range(&mut self, low: u8) -> Result<ByteClasses, PatternError> {
        let alone = ByteClasses::EMPTY.with(low);
        match self.rest() {
            [b'-', b']', ..] => return Ok(alone),
            [b'-', ..] => {}
            _ => return Ok(alone),
        }
        let hyphen = self.at;
        self.at += 1;
        if self.rest().is_empty() {
            return Ok(alone);
        }
        match self.item()? {
            Item::Byte(high) if high >= low => Ok(ByteClasses::range(low, high)),
            Item::Byte(_) => {
                self.at = hyphen;
                Err(self.syntax("a range runs backwards"))
            }
            Item::Set(members) => Ok(alone.with(b'-').union(members)),
        }
    }

    fn item(&mut self) -> Result<Item, PatternError> {
        match *self.rest() {
            [b'[', b':', ..] => {
                self.at += 1;
                let Some(name) = self.posix_name() else { return Ok(Item::Byte(b'[')) };
                let set = posix(name).ok_or_else(|| self.syntax("a POSIX class that does not exist"))?;
                self.at += name.len() + 3;
                Ok(Item::Set(set))
            }
            [b'[', mark @ (b'.' | b'='), ref after @ ..] if is_collating(mark, after) => {
                Err(self.unsupported("a POSIX collating element"))
            }
            [b'\\', ref after @ ..] => self.escaped_item(after),
            [byte, ..] => {
                self.at += 1;
                Ok(Item::Byte(byte))
            }
            [] => Err(self.syntax("a class is not closed")),
        }
    }

    /// The name between colons, when a bracket closes behind them.
    fn posix_name(&self) -> Option<&'p [u8]> {
        let inside = self.rest().get(1..)?;
        let sign = usize::from(inside.first() == Some(&b'^'));
        let letters = inside.iter().skip(sign).take_while(|byte| byte.is_ascii_alphabetic()).count();
        let (name, after) = inside.split_at_checked(sign + letters)?;
        after.starts_with(b":]").then_some(name)
    }

    fn escaped_item(&mut self, after: &[u8]) -> Result<Item, PatternError> {
        let set = match after.first() {
            Some(b'd') => DIGIT,
            Some(b'D') => DIGIT.complement(),
            Some(b'w') => WORD,
            Some(b'W') => WORD.complement(),
            Some(b's') => SPACE,
            Some(b'S') => SPACE.complement(),
            Some(b'h') => HORIZONTAL,
            Some(b'H') => HORIZONTAL.complement(),
            Some(b'v') => VERTICAL,
            Some(b'V') => VERTICAL.complement(),
            Some(b'b') => {
                self.at += 2;
                return Ok(Item::Byte(0x08));
            }
            Some(b'E') => ByteClasses::EMPTY,
            Some(b'Q') => {
                let quoted = after.get(1..).unwrap_or_default();
                let length = memchr::memmem::find(quoted, br"\E").unwrap_or(quoted.len());
                self.at += length;
                ByteClasses::of(quoted.get(..length).unwrap_or_default())
            }
            Some(b'p' | b'P') => return Err(self.unsupported("a Unicode property")),
            _ => {
                let (byte, length) = self.escaped_byte()?;
                self.at += length;
                return Ok(Item::Byte(byte));
            }
        };
        self.at += 2;
        Ok(Item::Set(set))
    }

    fn write(&mut self, set: ByteClasses, negated: bool) {
        if set.is_empty() {
            // Nothing, or anything: `regex-syntax` has no empty brackets.
            self.text.push_str(if negated { r"[\x00-\xff]" } else { r"[^\x00-\xff]" });
            return;
        }
        self.text.push_str(if negated { "[^" } else { "[" });
        let mut members = set.iter().peekable();
        while let Some(low) = members.next() {
            let mut high = low;
            while let Some(next) = members.next_if(|next| *next == high.wrapping_add(1)) {
                high = next;
            }
            push_hex(&mut self.text, low);
            if high > low {
                self.text.push('-');
                push_hex(&mut self.text, high);
            }
        }
        self.text.push(']');
    }
}

enum Item {
    Byte(u8),
    Set(ByteClasses),
}

const DIGIT: ByteClasses = ByteClasses::range(b'0', b'9');
const UPPER: ByteClasses = ByteClasses::range(b'A', b'Z');
const LOWER: ByteClasses = ByteClasses::range(b'a', b'z');
const ALPHA: ByteClasses = UPPER.union(LOWER);
const WORD: ByteClasses = ALPHA.union(DIGIT).with(b'_');
const SPACE: ByteClasses = ByteClasses::range(b'\t', b'\r').with(b' ');
const HORIZONTAL: ByteClasses = ByteClasses::of_bytes(b"\t \xa0");
const VERTICAL: ByteClasses = ByteClasses::range(b'\n', b'\r').with(0x85);
const GRAPH: ByteClasses = ByteClasses::range(b'!', b'~');

/// The members of `[:name:]` or `[:^name:]`, in the C locale.
fn posix(name: &[u8]) -> Option<ByteClasses> {
    if let Some(name) = name.strip_prefix(b"^") {
        return posix(name).map(ByteClasses::complement);
    }
    Some(match name {
        b"alnum" => ALPHA.union(DIGIT),
        b"alpha" => ALPHA,
        b"ascii" => ByteClasses::range(0, 0x7f),
        b"blank" => ByteClasses::of_bytes(b"\t "),
        b"cntrl" => ByteClasses::range(0, 0x1f).with(0x7f),
        b"digit" => DIGIT,
        b"graph" => GRAPH,
        b"lower" => LOWER,
        b"print" => GRAPH.with(b' '),
        b"punct" => ByteClasses::range(b'!', b'/')
            .union(ByteClasses::range(b':', b'@'))
            .union(ByteClasses::range(b'[', b'`'))
            .union(ByteClasses::range(b'{', b'~')),
        b"space" => SPACE,
        b"upper" => UPPER,
        b"word" => WORD,
        b"xdigit" => DIGIT.union(ByteClasses::range(b'A', b'F')).union(ByteClasses::range(b'a', b'f')),
        _ => return None,
    })
}
