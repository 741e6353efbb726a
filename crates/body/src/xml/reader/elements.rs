//! Elements and other markup.

use testudo_core::Span;

use super::{Reader, State, Step, Token};
use crate::xml::chars::{self, Encoding};
use crate::xml::error::{Wrong, XmlErrorKind as Kind};
use crate::xml::markup::{self, LONGEST_DOCTYPE, Markup};
use crate::xml::tag::Tag;

impl Reader {
    pub(super) fn markup<E>(&mut self, rest: &[u8], give: &mut impl FnMut(&Token<'_>) -> Result<(), E>) -> Step<E> {
        let Some(markup) = Markup::of(rest).map_err(|kind| (kind, 0))? else { return Ok(0) };
        let most = if markup == Markup::Doctype { LONGEST_DOCTYPE } else { self.limits.markup };
        self.check_place(markup)?;
        let Some(end) = self.end(markup, rest, most)? else { return Ok(0) };
        let bytes = rest.get(..end).unwrap_or(rest);
        match markup {
            Markup::Open => self.open(bytes, give)?,
            Markup::Close => self.close(bytes, give)?,
            Markup::Comment => check_all(bytes, self.encoding)?,
            Markup::Section => self.state = State::Section,
            Markup::Instruction => {
                let target = Tag::new(bytes.get(1..).unwrap_or_default(), 0, self.encoding).name();
                let target = target.map_err(|(kind, at)| (kind, at + 1))?;
                if target.eq_ignore_ascii_case(b"xml") {
                    return Err((Kind::Markup { expected: "the XML declaration at the very beginning only" }, 0).into());
                }
                check_all(bytes, self.encoding)?;
            }
            Markup::Doctype => {
                markup::check_doctype(bytes)?;
                check_all(bytes, self.encoding)?;
                self.typed = true;
                let span = Span { start: self.base, end: self.base + end };
                give(&Token::Doctype(span)).map_err(Wrong::Visitor)?;
            }
        }
        Ok(end)
    }

    /// Whether such markup may stand here.
    pub(super) fn check_place(&self, markup: Markup) -> Result<(), (Kind, usize)> {
        let outside = self.open.is_empty();
        match markup {
            Markup::Open if outside && self.elements > 0 => Err((Kind::Trailing, 0)),
            Markup::Close if outside => Err((Kind::Mismatch, 0)),
            Markup::Section if outside => Err((if self.elements == 0 { Kind::Leading } else { Kind::Trailing }, 0)),
            Markup::Doctype if self.elements > 0 || self.typed => {
                Err((Kind::Markup { expected: "one document type, before the root element" }, 0))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn open<E>(
        &mut self,
        bytes: &[u8],
        give: &mut impl FnMut(&Token<'_>) -> Result<(), E>,
    ) -> Result<(), Wrong<E>> {
        let limit = |what, most: usize| Wrong::Xml(Kind::Limit { what, most: most as u64 }, 0);
        if self.open.len() >= self.limits.depth {
            return Err(limit("levels of elements", self.limits.depth));
        }
        if self.elements >= self.limits.elements {
            return Err(limit("elements", self.limits.elements));
        }
        let mut tag = Tag::new(bytes, self.base, self.encoding);
        let name = tag.name()?;
        self.elements += 1;
        self.open.push(self.names.len());
        self.names.extend_from_slice(name);
        let span = Span { start: self.base, end: self.base + bytes.len() };
        give(&Token::BeginElement { name, depth: self.open.len(), span }).map_err(Wrong::Visitor)?;
        let mut seen: Vec<&[u8]> = Vec::new();
        let closed = loop {
            match tag.attribute()? {
                Err(closed) => break closed,
                Ok(attribute) => {
                    if seen.contains(&attribute.name) {
                        return Err((Kind::Duplicate, attribute.value.span.start - self.base).into());
                    }
                    if seen.len() >= self.limits.attributes {
                        return Err(limit("attributes of an element", self.limits.attributes));
                    }
                    seen.push(attribute.name);
                    let namespace = attribute.name == b"xmlns" || attribute.name.starts_with(b"xmlns:");
                    let (name, value) = (attribute.name, attribute.value);
                    give(&Token::Attribute { name, value, namespace }).map_err(Wrong::Visitor)?;
                }
            }
        };
        if closed { self.end_element(bytes, give) } else { Ok(()) }
    }

    pub(super) fn close<E>(
        &mut self,
        bytes: &[u8],
        give: &mut impl FnMut(&Token<'_>) -> Result<(), E>,
    ) -> Result<(), Wrong<E>> {
        // One byte on, the tag looks like one that opens.
        let mut tag = Tag::new(bytes.get(1..).unwrap_or_default(), self.base + 1, self.encoding);
        let name = tag.name().map_err(|(kind, at)| (kind, at + 1))?;
        if !tag.is_at_end() {
            return Err((Kind::Markup { expected: "`>` behind the name in a closing tag" }, 2 + name.len()).into());
        }
        let start = self.open.last().copied().unwrap_or_default();
        if self.names.get(start..) != Some(name) {
            return Err((Kind::Mismatch, 0).into());
        }
        self.end_element(bytes, give)
    }

    pub(super) fn end_element<E>(
        &mut self,
        bytes: &[u8],
        give: &mut impl FnMut(&Token<'_>) -> Result<(), E>,
    ) -> Result<(), Wrong<E>> {
        self.names.truncate(self.open.pop().unwrap_or_default());
        give(&Token::EndElement(self.base + bytes.len())).map_err(Wrong::Visitor)
    }
}

/// Checks the characters of markup that is skipped.
fn check_all(bytes: &[u8], encoding: Encoding) -> Result<(), (Kind, usize)> {
    let checked = chars::check(bytes, encoding, false)?;
    if checked < bytes.len() { Err((Kind::Character, checked)) } else { Ok(()) }
}
