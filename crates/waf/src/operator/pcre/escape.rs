//! What a backslash begins: assertions, sets, quoted text, and bytes by name or number.

use super::{LAST_LINE_END, PatternError, Translator};

impl Translator<'_> {
    /// A backslash outside of a class.
    pub(super) fn escape(&mut self) -> Result<(), PatternError> {
        let after = self.rest().get(1..).unwrap_or_default();
        let Some(&byte) = after.first() else { return Err(self.syntax("the pattern ends with a backslash")) };
        match byte {
            b'd' | b'D' | b'w' | b'W' | b's' | b'S' | b'B' | b'A' | b'z' => {
                self.text.push('\\');
                self.text.push(char::from(byte));
                self.at += 2;
            }
            // `regex-syntax` would read on in `\b{`.
            b'b' => self.put(r"(?:\b)", 2),
            b'Z' => self.put(LAST_LINE_END, 2),
            b'N' => self.put(r"[^\n]", 2),
            b'R' => self.put(r"(?:\r\n|[\n\x0b\x0c\r\x85])", 2),
            b'h' => self.put(r"[\t \xa0]", 2),
            b'H' => self.put(r"[^\t \xa0]", 2),
            b'v' => self.put(r"[\n\x0b\x0c\r\x85]", 2),
            b'V' => self.put(r"[^\n\x0b\x0c\r\x85]", 2),
            b'Q' => {
                let quoted = after.get(1..).unwrap_or_default();
                let length = memchr::memmem::find(quoted, br"\E").unwrap_or(quoted.len());
                self.at += 2;
                for &byte in quoted.get(..length).unwrap_or_default() {
                    self.literal(byte, 1);
                }
            }
            b'E' => self.at += 2,
            b'1'..=b'9' => {
                let digits = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
                let number = after
                    .iter()
                    .take(digits)
                    .fold(0usize, |number, digit| number.saturating_mul(10).saturating_add(usize::from(digit - b'0')));
                if number < 10 || number <= self.groups || byte >= b'8' {
                    return Err(self.unsupported("a backreference"));
                }
                self.character()?;
            }
            b'g' | b'k' => return Err(self.unsupported("a backreference")),
            b'K' => return Err(self.unsupported(r"`\K`")),
            b'G' => return Err(self.unsupported(r"`\G`")),
            b'C' | b'X' => return Err(self.unsupported(r"`\C` or `\X`")),
            b'p' | b'P' => return Err(self.unsupported("a Unicode property")),
            _ => self.character()?,
        }
        Ok(())
    }

    /// A backslash that writes one byte.
    fn character(&mut self) -> Result<(), PatternError> {
        let (byte, length) = self.escaped_byte()?;
        self.literal(byte, length);
        Ok(())
    }

    /// The byte that an escape writes, and how long the escape is.
    pub(super) fn escaped_byte(&self) -> Result<(u8, usize), PatternError> {
        let after = self.rest().get(1..).unwrap_or_default();
        let single = |byte: u8| Ok((byte, 2));
        match *after {
            [] => Err(self.syntax("the pattern ends with a backslash")),
            [b'a', ..] => single(0x07),
            [b'e', ..] => single(0x1b),
            [b'f', ..] => single(0x0c),
            [b'n', ..] => single(b'\n'),
            [b'r', ..] => single(b'\r'),
            [b't', ..] => single(b'\t'),
            [b'c', control @ b' '..=b'~', ..] => Ok((control.to_ascii_uppercase() ^ 0x40, 3)),
            [b'x', b'{', ref digits @ ..] => self.braced(digits, 16),
            [b'o', b'{', ref digits @ ..] => self.braced(digits, 8),
            [b'x', ref digits @ ..] => {
                let (length, value) = number(digits, 16, 2);
                if length == 0 {
                    return Err(self.syntax("digits are missing"));
                }
                Ok((value.to_le_bytes()[0], length + 2))
            }
            [b'0'..=b'7', ..] => {
                let (length, value) = number(after, 8, 3);
                let byte = u8::try_from(value).map_err(|_| self.syntax("an octal number is above 377"))?;
                Ok((byte, length + 1))
            }
            [byte, ..] if byte.is_ascii_alphanumeric() => Err(self.syntax("an escape that PCRE does not have")),
            [byte, ..] => single(byte),
        }
    }

    /// A number in braces, as in `\x{41}`.
    fn braced(&self, digits: &[u8], base: u32) -> Result<(u8, usize), PatternError> {
        let (length, value) = number(digits, base, 8);
        if length == 0 || digits.get(length) != Some(&b'}') {
            return Err(self.syntax("braces that hold no number"));
        }
        let byte = u8::try_from(value).map_err(|_| self.syntax("a character beyond one byte"))?;
        Ok((byte, length + 4))
    }
}

/// How many digits of a base lead, at most `most`, and what they write.
fn number(bytes: &[u8], base: u32, most: usize) -> (usize, u32) {
    let digits = bytes.iter().take(most).map_while(|byte| char::from(*byte).to_digit(base));
    digits.fold((0, 0u32), |(length, value), digit| (length + 1, value.saturating_mul(base).saturating_add(digit)))
}
