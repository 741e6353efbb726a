//! Strings as written, and what they say.

use std::borrow::Cow;

use testudo_core::Span;

/// A string that the reader has checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Text<'a> {
    /// Where it stands, quotes included.
    pub span: Span,
    /// As written, without the quotes: UTF-8 with valid escapes.
    pub raw: &'a [u8],
    /// Whether `raw` has escapes; if not, it says what it says.
    pub escaped: bool,
}

impl<'a> Text<'a> {
    /// What it says, with escapes resolved. Allocates only when there are escapes.
    pub fn decode(&self) -> Cow<'a, str> {
        let written = String::from_utf8_lossy(self.raw);
        if !self.escaped {
            return written;
        }
        let mut said = String::with_capacity(written.len());
        unescape(&written, &mut said);
        Cow::Owned(said)
    }

    /// What it says as bytes. Allocates only when there are escapes.
    pub fn bytes(&self) -> Cow<'a, [u8]> {
        if self.escaped { Cow::Owned(self.decode().into_owned().into_bytes()) } else { Cow::Borrowed(self.raw) }
    }
}

/// Resolves the escapes of a checked string.
fn unescape(written: &str, said: &mut String) {
    let mut rest = written;
    while let Some((plain, escape)) = rest.split_once('\\') {
        said.push_str(plain);
        let mut chars = escape.chars();
        let character = match chars.next() {
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                let (character, after) = unicode(chars.as_str());
                said.push(character);
                rest = after;
                continue;
            }
            Some(same) => same,
            None => break,
        };
        said.push(character);
        rest = chars.as_str();
    }
    said.push_str(rest);
}

/// The character of the four digits at the head, and of the low surrogate's escape behind them.
fn unicode(digits: &str) -> (char, &str) {
    let unit = |text: &str| text.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
    let after = digits.get(4..).unwrap_or_default();
    let Some(high) = unit(digits) else { return (char::REPLACEMENT_CHARACTER, after) };
    if let Some(character) = char::from_u32(u32::from(high)) {
        return (character, after);
    }
    let low = after.strip_prefix("\\u").and_then(unit);
    let pair = char::decode_utf16([Some(high), low].into_iter().flatten()).next();
    let character = pair.and_then(Result::ok).unwrap_or(char::REPLACEMENT_CHARACTER);
    (character, after.get(6..).unwrap_or_default())
}

/// Appends the text as a JSON string with quotes. Escapes what must be escaped, and nothing else.
pub fn quote(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\') {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        rest = match special.split_first() {
            Some((byte, after)) => {
                escape(*byte, out);
                after
            }
            None => special,
        };
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => {
            out.extend_from_slice(if byte < 0x10 { b"\\u000" } else { b"\\u001" });
            out.extend(HEX.get(usize::from(byte & 15)));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::format_collect, reason = "test code")]

    use proptest::prelude::*;

    use super::*;

    fn text(raw: &[u8]) -> Text<'_> {
        Text { span: Span { start: 0, end: raw.len() + 2 }, raw, escaped: raw.contains(&b'\\') }
    }

    #[test]
    fn escapes_are_resolved() {
        assert_eq!(text(br#"\"\\\/\b\f\n\r\t"#).decode(), "\"\\/\u{8}\u{c}\n\r\t");
        assert_eq!(text(br"\u0041\u00e9\uD83D\uDE00!").decode(), "Aé😀!");
        assert_eq!(text("plain é".as_bytes()).decode(), "plain é");
        assert!(matches!(text(b"plain").decode(), Cow::Borrowed("plain")));
    }

    proptest! {
        #[test]
        fn what_is_quoted_reads_back(said in any::<String>()) {
            let mut out = Vec::new();
            quote(&said, &mut out);
            prop_assert_eq!(&serde_json::from_slice::<String>(&out).unwrap(), &said);
            prop_assert_eq!(text(&out[1..out.len() - 1]).decode(), said);
        }

        #[test]
        fn what_others_quote_reads_back(said in any::<String>()) {
            let out: String = said.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
            prop_assert_eq!(text(out.as_bytes()).decode(), said);
        }
    }
}
