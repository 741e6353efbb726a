//! Text and attribute values as written, and what they say.

use std::borrow::Cow;

use testudo_core::Span;

use super::chars::{Encoding, reference};

/// Where a text stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TextKind {
    /// Between tags.
    Plain,
    /// In a CDATA section, where nothing is a reference.
    Section,
    /// An attribute's value.
    Value,
}

/// A text, or a piece of one, that the reader has checked. No reference or character is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Text<'a> {
    /// Where it stands, without quotes.
    pub span: Span,
    /// As written.
    pub raw: &'a [u8],
    /// What it is.
    pub kind: TextKind,
    pub(super) encoding: Encoding,
}

impl<'a> Text<'a> {
    /// What it says, in UTF-8: references resolved, line ends as LF (XML 2.11), and white space of attributes as blanks
    /// (XML 3.3.3). Allocates only when that differs from what is written.
    pub fn decode(&self) -> Cow<'a, [u8]> {
        let special = |byte: &u8| match byte {
            b'&' => self.kind != TextKind::Section,
            b'\r' => true,
            b'\n' | b'\t' => self.kind == TextKind::Value,
            _ => self.encoding == Encoding::Latin1 && !byte.is_ascii(),
        };
        let Some(first) = self.raw.iter().position(special) else { return Cow::Borrowed(self.raw) };
        let (plain, mut rest) = self.raw.split_at_checked(first).unwrap_or((self.raw, &[]));
        let mut said = Vec::with_capacity(self.raw.len());
        said.extend_from_slice(plain);
        while let Some((byte, after)) = rest.split_first() {
            rest = after;
            if !special(byte) {
                said.push(*byte);
                continue;
            }
            match byte {
                b'&' => {
                    let (character, len) = reference(after).ok().flatten().unwrap_or(('&', 0));
                    said.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    rest = after.get(len..).unwrap_or_default();
                }
                b'\r' | b'\n' | b'\t' => {
                    if *byte == b'\r' {
                        rest = after.strip_prefix(b"\n").unwrap_or(after);
                    }
                    said.push(if self.kind == TextKind::Value { b' ' } else { b'\n' });
                }
                _ => said.extend_from_slice(char::from(*byte).encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        Cow::Owned(said)
    }
}
