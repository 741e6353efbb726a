//! Characters, names and references (XML 2.2, 2.3, 4.1).

use super::error::XmlErrorKind as Kind;

/// How characters are encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Encoding {
    Utf8,
    Latin1,
}

/// The longest reference that is read, in bytes behind its `&`.
const LONGEST_REFERENCE: usize = 32;

/// The reference behind a `&`: its character, and how long it is with the semicolon. Nothing when it goes on.
pub(super) fn reference(after: &[u8]) -> Result<Option<(char, usize)>, Kind> {
    let head = after.get(..LONGEST_REFERENCE).unwrap_or(after);
    let body = head.iter().position(|byte| !(byte.is_ascii_alphanumeric() || b"#_:.-".contains(byte) || *byte >= 0x80));
    let Some(len) = body else {
        return if after.len() < LONGEST_REFERENCE { Ok(None) } else { Err(Kind::Reference) };
    };
    if head.get(len) != Some(&b';') {
        return Err(Kind::Reference);
    }
    let character = match head.get(..len).unwrap_or_default() {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        [b'#', b'x', digits @ ..] => number(digits, 16)?,
        [b'#', digits @ ..] => number(digits, 10)?,
        [first, ..] if starts_name(*first) => return Err(Kind::Entity),
        _ => return Err(Kind::Reference),
    };
    Ok(Some((character, len + 1)))
}

fn number(digits: &[u8], radix: u32) -> Result<char, Kind> {
    let mut number: u32 = 0;
    for byte in digits {
        let digit = char::from(*byte).to_digit(radix).ok_or(Kind::Reference)?;
        number = number.saturating_mul(radix).saturating_add(digit);
    }
    let character = char::from_u32(number).filter(|_| !digits.is_empty()).ok_or(Kind::Reference)?;
    if is_allowed(character) { Ok(character) } else { Err(Kind::Character) }
}

/// Whether XML allows the character.
fn is_allowed(character: char) -> bool {
    !matches!(character, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}')
}

/// The first character, and how many bytes it takes. Nothing when it goes on.
pub(super) fn character(bytes: &[u8], encoding: Encoding) -> Result<Option<(char, usize)>, Kind> {
    let Some(first) = bytes.first() else { return Ok(None) };
    if first.is_ascii() || encoding == Encoding::Latin1 {
        let character = char::from(*first);
        return if is_allowed(character) { Ok(Some((character, 1))) } else { Err(Kind::Character) };
    }
    let head = bytes.get(..4).unwrap_or(bytes);
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() == 0 => {
            return if error.error_len().is_none() { Ok(None) } else { Err(Kind::Character) };
        }
        Err(error) => {
            let valid = head.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(valid).unwrap_or_default()
        }
    };
    match valid.chars().next() {
        Some(character) if is_allowed(character) => Ok(Some((character, character.len_utf8()))),
        _ => Err(Kind::Character),
    }
}

/// Checks text up to its end, or to what may go on in the next chunk: gives the length of what is complete.
pub(super) fn check(bytes: &[u8], encoding: Encoding, markup: bool) -> Result<usize, (Kind, usize)> {
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let ordinary = |byte: &u8| matches!(byte, b' '..=b'%' | b'\''..=b'\\' | b'^'..=b'~' | b'\t' | b'\n');
        let Some(plain) = rest.iter().position(|byte| !ordinary(byte)) else { return Ok(bytes.len()) };
        at += plain;
        let rest = rest.get(plain..).unwrap_or_default();
        at += match rest.first().copied().unwrap_or_default() {
            b'&' if markup => match reference(bytes.get(at + 1..).unwrap_or_default()).map_err(|kind| (kind, at))? {
                Some((_, len)) => 1 + len,
                None => return Ok(at),
            },
            b']' if markup && rest.starts_with(b"]]>") => return Err((Kind::SectionEnd, at)),
            b']' if rest == b"]" || rest == b"]]" => return Ok(at),
            b'\r' if rest.len() == 1 => return Ok(at),
            _ => match character(rest, encoding).map_err(|kind| (kind, at))? {
                Some((_, len)) => len,
                None => return Ok(at),
            },
        };
    }
}

/// Whether a name can start with the byte. Characters beyond ASCII are left to [`is_name_character`].
pub(super) fn starts_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':') || byte >= 0x80
}

/// How long the name at the head is.
pub(super) fn name(bytes: &[u8]) -> usize {
    if !bytes.first().is_some_and(|first| starts_name(*first)) {
        return 0;
    }
    let within = |byte: &u8| starts_name(*byte) || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    bytes.iter().position(|byte| !within(byte)).unwrap_or(bytes.len())
}

/// Whether a name can have a character beyond ASCII, or start with it.
pub(super) fn is_name_character(character: char, first: bool) -> bool {
    match character {
        '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}' | '\u{2040}' => !first,
        '\0'..='\x7f'
        | '\u{c0}'..='\u{d6}'
        | '\u{d8}'..='\u{f6}'
        | '\u{f8}'..='\u{37d}'
        | '\u{37f}'..='\u{1fff}'
        | '\u{200c}'
        | '\u{200d}'
        | '\u{2070}'..='\u{218f}'
        | '\u{2c00}'..='\u{2fef}'
        | '\u{3001}'..='\u{d7ff}'
        | '\u{f900}'..='\u{fdcf}'
        | '\u{fdf0}'..='\u{fffd}'
        | '\u{10000}'..='\u{effff}' => true,
        _ => false,
    }
}

/// White space (XML 2.3).
pub(super) fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// How many bytes of white space come first.
pub(super) fn white(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !is_white(*byte)).unwrap_or(bytes.len())
}
