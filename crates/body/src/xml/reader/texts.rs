//! Text between markup, and in CDATA sections.

use memchr::{memchr, memmem};
use testudo_core::Span;

use super::{Reader, State, Step, Token};
use crate::xml::chars::{self, Encoding, white};
use crate::xml::error::{Wrong, XmlErrorKind as Kind};
use crate::xml::{Text, TextKind};

impl Reader {
    pub(super) fn text<E>(
        &mut self,
        rest: &[u8],
        last: bool,
        give: &mut impl FnMut(&Token<'_>) -> Result<(), E>,
    ) -> Step<E> {
        let end = memchr(b'<', rest);
        let text = rest.get(..end.unwrap_or(rest.len())).unwrap_or(rest);
        if self.open.is_empty() {
            let blanks = white(text);
            let kind = if self.elements == 0 { Kind::Leading } else { Kind::Trailing };
            return if blanks < text.len() { Err((kind, blanks).into()) } else { Ok(text.len()) };
        }
        let checked = chars::check(text, self.encoding, true)?;
        let len = self.complete(text, checked, last || end.is_some())?;
        self.give_text(text, len, TextKind::Plain, give)
    }

    pub(super) fn section<E>(
        &mut self,
        rest: &[u8],
        last: bool,
        give: &mut impl FnMut(&Token<'_>) -> Result<(), E>,
    ) -> Step<E> {
        const END: &[u8] = b"]]>";
        let end = memmem::find(rest, END);
        let text = rest.get(..end.unwrap_or(rest.len())).unwrap_or(rest);
        let checked = chars::check(text, self.encoding, false)?;
        if end.is_none() && last {
            return Ok(0);
        }
        let len = self.complete(text, checked, end.is_some())?;
        let len = self.give_text(text, len, TextKind::Section, give)?;
        if end.is_some() {
            self.state = State::Content;
            return Ok(len + END.len());
        }
        Ok(len)
    }

    /// How much of a text is complete, where so much could be checked. If nothing follows, all of it has to be.
    pub(super) fn complete(&self, text: &[u8], checked: usize, ends: bool) -> Result<usize, (Kind, usize)> {
        let rest = text.get(checked..).unwrap_or_default();
        match rest.first() {
            _ if !ends => Ok(checked),
            Some(b'&') => Err((Kind::Reference, checked)),
            Some(byte) if !byte.is_ascii() && self.encoding == Encoding::Utf8 => Err((Kind::Character, checked)),
            _ => Ok(text.len()),
        }
    }

    pub(super) fn give_text<E>(
        &self,
        text: &[u8],
        len: usize,
        kind: TextKind,
        give: &mut impl FnMut(&Token<'_>) -> Result<(), E>,
    ) -> Step<E> {
        let raw = text.get(..len).unwrap_or(text);
        if !raw.is_empty() {
            let span = Span { start: self.base, end: self.base + raw.len() };
            give(&Token::Text(Text { span, raw, kind, encoding: self.encoding })).map_err(Wrong::Visitor)?;
        }
        Ok(raw.len())
    }
}
