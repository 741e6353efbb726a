//! Tags: names and attributes (XML 3.1).

use testudo_core::Span;

use super::chars::{self, Encoding, name, white};
use super::error::XmlErrorKind as Kind;
use super::{Text, TextKind};

/// An attribute within a tag.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: Text<'a>,
}

/// Reads a whole tag from `<` to `>`.
#[derive(Debug)]
pub(super) struct Tag<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the tag stands in the input.
    base: usize,
    encoding: Encoding,
}

impl<'a> Tag<'a> {
    pub(super) fn new(bytes: &'a [u8], base: usize, encoding: Encoding) -> Tag<'a> {
        Tag { bytes, at: 1, base, encoding }
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, len: usize) -> &'a [u8] {
        let taken = self.rest().get(..len).unwrap_or_default();
        self.at += len;
        taken
    }

    /// A name.
    pub(super) fn name(&mut self) -> Result<&'a [u8], (Kind, usize)> {
        let start = self.at;
        let len = name(self.rest());
        if len == 0 {
            return Err((Kind::Markup { expected: "a name" }, start));
        }
        let name = self.take(len);
        let mut at = 0;
        while at < name.len() {
            let character = chars::character(name.get(at..).unwrap_or_default(), self.encoding).ok().flatten();
            let named = character.filter(|(character, _)| chars::is_name_character(*character, at == 0));
            at += named.ok_or((Kind::Character, start + at))?.1;
        }
        Ok(name)
    }

    /// The next attribute, or whether the tag closes its element.
    pub(super) fn attribute(&mut self) -> Result<Result<Attribute<'a>, bool>, (Kind, usize)> {
        let blanks = white(self.rest());
        self.at += blanks;
        match self.rest() {
            b">" => return Ok(Err(false)),
            b"/>" => return Ok(Err(true)),
            _ if blanks == 0 => return Err((Kind::Markup { expected: "white space, `>` or `/>`" }, self.at)),
            _ => {}
        }
        let name = self.name()?;
        self.at += white(self.rest());
        if self.rest().first() != Some(&b'=') {
            return Err((Kind::Markup { expected: "`=` behind an attribute's name" }, self.at));
        }
        self.at += 1;
        self.at += white(self.rest());
        let quote = match self.rest().first() {
            Some(quote @ (b'"' | b'\'')) => *quote,
            _ => return Err((Kind::Markup { expected: "quotes around an attribute's value" }, self.at)),
        };
        self.at += 1;
        let start = self.at;
        let len = memchr::memchr(quote, self.rest()).ok_or((Kind::Markup { expected: "a closing quote" }, start))?;
        let raw = self.take(len);
        self.at += 1;
        self.check(raw, start)?;
        let span = Span { start: self.base + start, end: self.base + start + len };
        let value = Text { span, raw, kind: TextKind::Value, encoding: self.encoding };
        Ok(Ok(Attribute { name, value }))
    }

    /// Checks a value, which must be complete.
    fn check(&self, raw: &[u8], start: usize) -> Result<(), (Kind, usize)> {
        let mut at = 0;
        while let Some(byte) = raw.get(at) {
            let wrong = |kind| (kind, start + at);
            at += match byte {
                b'<' => return Err(wrong(Kind::Markup { expected: "no `<` in a value: write it as `&lt;`" })),
                b'&' => {
                    let reference = chars::reference(raw.get(at + 1..).unwrap_or_default()).map_err(wrong)?;
                    1 + reference.ok_or(wrong(Kind::Reference))?.1
                }
                b' '..=b'~' => 1,
                _ => {
                    let character = chars::character(raw.get(at..).unwrap_or_default(), self.encoding);
                    character.map_err(wrong)?.ok_or(wrong(Kind::Character))?.1
                }
            };
        }
        Ok(())
    }

    /// Whether nothing but white space and `>` is left.
    pub(super) fn is_at_end(&self) -> bool {
        self.rest().get(white(self.rest())..) == Some(b">")
    }
}
