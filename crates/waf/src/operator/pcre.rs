//! Patterns of PCRE (pcre2pattern, without UTF) written anew in the syntax of `regex-syntax`, so that both mean the
//! same.
//!
//! Bytes are units, a dot takes any of them, `^` and `$` stand at every line, as `ModSecurity` 3 compiles patterns.
//! What no automaton can do in linear time is an error that names it. Known differences: within a match, `^` also
//! stands behind a newline that ends the value, and `\Z` (and `$` after `(?-m)`) takes the newline before the end into
//! the match.

mod class;
mod escape;

use super::error::PatternError;

/// A pattern in the syntax of `regex-syntax`.
#[derive(Debug)]
pub(super) struct Translated {
    /// The pattern, all ASCII.
    pub(super) text: String,
    /// Ascending: where in `text` a construct begins, and where in the source.
    places: Vec<(usize, usize)>,
}

impl Translated {
    /// Where in the source the construct stands that covers an offset of the text.
    pub(super) fn source_offset(&self, offset: usize) -> usize {
        let after = self.places.partition_point(|(at, _)| *at <= offset);
        after.checked_sub(1).and_then(|at| self.places.get(at)).map_or(0, |(_, source)| *source)
    }
}

/// Translates a pattern.
pub(super) fn translate(pattern: &[u8]) -> Result<Translated, PatternError> {
    let mut translator = Translator {
        pattern,
        at: 0,
        text: String::with_capacity(pattern.len() + pattern.len() / 4),
        places: Vec::new(),
        flags: Flags { multi_line: true, extended: false },
        open: Vec::new(),
        groups: 0,
    };
    translator.run()?;
    Ok(Translated { text: translator.text, places: translator.places })
}

struct Translator<'p> {
    pattern: &'p [u8],
    at: usize,
    text: String,
    places: Vec<(usize, usize)>,
    flags: Flags,
    /// The flags that hold again behind each open group.
    open: Vec<Flags>,
    groups: usize,
}

/// The flags that change what is written here; the others are left to `regex-syntax`.
#[derive(Clone, Copy)]
struct Flags {
    multi_line: bool,
    extended: bool,
}

/// How deep groups may nest.
const MOST_OPEN: usize = 200;

impl<'p> Translator<'p> {
    fn run(&mut self) -> Result<(), PatternError> {
        while let Some(&byte) = self.rest().first() {
            self.places.push((self.text.len(), self.at));
            match byte {
                b'\\' => self.escape()?,
                b'[' => self.class()?,
                b'(' => self.group()?,
                b')' => {
                    self.flags = self.open.pop().ok_or_else(|| self.syntax("a parenthesis closes that none opened"))?;
                    self.put(")", 1);
                }
                b'*' | b'+' | b'?' => self.quantifier(1)?,
                b'{' => match counted(self.rest()) {
                    Some(length) => self.quantifier(length)?,
                    None if is_open_below(self.rest()) => {
                        return Err(
                            self.syntax("`{,n}` differs between versions of PCRE: write `{0,n}`, or escape it,")
                        );
                    }
                    None => self.literal(byte, 1),
                },
                b'$' if !self.flags.multi_line => self.put(LAST_LINE_END, 1),
                b'|' | b'^' | b'$' | b'.' => {
                    self.text.push(char::from(byte));
                    self.at += 1;
                }
                b' ' | b'\t'..=b'\r' if self.flags.extended => self.at += 1,
                b'#' if self.flags.extended => {
                    self.at += memchr::memchr(b'\n', self.rest()).unwrap_or(self.rest().len());
                }
                _ => self.literal(byte, 1),
            }
        }
        if self.open.is_empty() { Ok(()) } else { Err(self.syntax("a parenthesis is not closed")) }
    }

    fn rest(&self) -> &'p [u8] {
        self.pattern.get(self.at..).unwrap_or_default()
    }

    /// Writes `text` for the next `length` bytes of the pattern.
    fn put(&mut self, text: &str, length: usize) {
        self.text.push_str(text);
        self.at += length;
    }

    /// Writes a byte that stands for itself.
    fn literal(&mut self, byte: u8, length: usize) {
        if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b' ' {
            self.text.push(char::from(byte));
        } else {
            push_hex(&mut self.text, byte);
        }
        self.at += length;
    }

    fn quantifier(&mut self, length: usize) -> Result<(), PatternError> {
        let (quantifier, after) = self.rest().split_at_checked(length).unwrap_or_default();
        if after.first() == Some(&b'+') {
            return Err(self.unsupported("a possessive quantifier"));
        }
        self.text.extend(quantifier.iter().copied().map(char::from));
        self.at += length;
        if after.first() == Some(&b'?') {
            self.put("?", 1);
        }
        Ok(())
    }

    fn group(&mut self) -> Result<(), PatternError> {
        let inside = self.rest().get(1..).unwrap_or_default();
        match *inside {
            [b'*', ..] => return Err(self.unsupported("a verb such as `(*SKIP)`")),
            [b'?', b'#', ref comment @ ..] => {
                let length = memchr::memchr(b')', comment).ok_or_else(|| self.syntax("a comment is not closed"))?;
                self.at += length + 4;
                return Ok(());
            }
            [b'?', b'=' | b'!', ..] => return Err(self.unsupported("a lookahead")),
            [b'?', b'<', b'=' | b'!', ..] => return Err(self.unsupported("a lookbehind")),
            [b'?', b'>', ..] => return Err(self.unsupported("an atomic group")),
            [b'?', b'|', ..] => return Err(self.unsupported("a branch reset group")),
            [b'?', b'(', ..] => return Err(self.unsupported("a condition")),
            [b'?', b'C', ..] => return Err(self.unsupported("a callout")),
            [b'?', b'P', b'=', ..] => return Err(self.unsupported("a backreference")),
            [b'?', b'R' | b'&' | b'0'..=b'9' | b'+', ..] | [b'?', b'P', b'>', ..] | [b'?', b'-', b'0'..=b'9', ..] => {
                return Err(self.unsupported("a recursion"));
            }
            [b'?', b'<', ref name @ ..] => self.named(name, b'>', 3)?,
            [b'?', b'\'', ref name @ ..] => self.named(name, b'\'', 3)?,
            [b'?', b'P', b'<', ref name @ ..] => self.named(name, b'>', 4)?,
            [b'?', ref flags @ ..] => return self.flags(flags),
            _ => {
                self.groups += 1;
                self.put("(", 1);
            }
        }
        self.enter(self.flags)
    }

    /// A group with a name is one with a number.
    fn named(&mut self, name: &[u8], end: u8, before: usize) -> Result<(), PatternError> {
        let length = name.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        if length == 0 || name.get(length) != Some(&end) {
            return Err(self.syntax("a group has no proper name"));
        }
        self.groups += 1;
        self.put("(", before + length + 1);
        Ok(())
    }

    /// `(?i)`, `(?i-s:` and the like.
    fn flags(&mut self, flags: &[u8]) -> Result<(), PatternError> {
        let outer = self.flags;
        let mut on = true;
        let [mut added, mut removed] = [String::new(), String::new()];
        for (at, &flag) in flags.iter().enumerate() {
            match flag {
                b'-' if on => on = false,
                b'm' | b'i' | b's' | b'U' => {
                    if flag == b'm' {
                        self.flags.multi_line = on;
                    }
                    if on { &mut added } else { &mut removed }.push(char::from(flag));
                }
                b'x' => self.flags.extended = on,
                b')' | b':' => {
                    let removed = if removed.is_empty() { removed } else { format!("-{removed}") };
                    let length = at + 3;
                    if flag == b':' {
                        self.put(&format!("(?{added}{removed}:"), length);
                        return self.enter(outer);
                    }
                    let text = format!("(?{added}{removed})");
                    self.put(if text == "(?)" { "" } else { &text }, length);
                    return Ok(());
                }
                _ => break,
            }
        }
        Err(self.syntax("a group begins with what is no flag"))
    }

    fn enter(&mut self, outer: Flags) -> Result<(), PatternError> {
        if self.open.len() >= MOST_OPEN {
            return Err(self.syntax("groups nest too deep"));
        }
        self.open.push(outer);
        Ok(())
    }

    fn unsupported(&self, construct: &'static str) -> PatternError {
        PatternError::Unsupported { construct, offset: self.at }
    }

    fn syntax(&self, reason: &'static str) -> PatternError {
        PatternError::Syntax { reason: reason.to_owned(), offset: self.at }
    }
}

/// The end, or the newline that ends the value.
const LAST_LINE_END: &str = r"(?:\n?\z)";

/// The length of a quantifier in braces; other braces stand for themselves.
fn counted(rest: &[u8]) -> Option<usize> {
    let inside = rest.get(1..1 + memchr::memchr(b'}', rest)?.checked_sub(1)?)?;
    let mut bounds = inside.splitn(2, |byte| *byte == b',');
    let is_number = |bound: &[u8]| bound.len() <= 5 && bound.iter().all(u8::is_ascii_digit);
    let least = bounds.next().filter(|bound| !bound.is_empty() && is_number(bound));
    let most = bounds.next().is_none_or(is_number);
    (least.is_some() && most).then_some(inside.len() + 2)
}

/// Whether braces hold only an upper bound.
fn is_open_below(rest: &[u8]) -> bool {
    let digits = rest.strip_prefix(b"{,").unwrap_or_default();
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    count > 0 && digits.get(count) == Some(&b'}')
}

fn push_hex(text: &mut String, byte: u8) {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or('0');
    text.extend(['\\', 'x', digit(byte >> 4), digit(byte & 15)]);
}

#[cfg(test)]
mod tests;
