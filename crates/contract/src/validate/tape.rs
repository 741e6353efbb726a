//! A document as a flat list of its values in order, each with its place, so that a schema can look at a value twice
//! without a tree being built.
//!
//! A key comes before its value, a container before its contents. At most 24 bytes for each value that the reader's
//! limits let through.

use std::borrow::Cow;
use std::convert::Infallible;

use testudo_body::json::{Halt, JsonError, Limits, Path, Reader, Text, Token};
use testudo_core::Span;

use super::fields::Origin;

/// What an item is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Null,
    False,
    True,
    Number,
    String,
    Array,
    Object,
    /// The key of the item that follows.
    Key,
    /// The content of an uploaded file; its text is not looked at.
    File,
}

/// A value or a key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    pub kind: Kind,
    /// Whether the text has escapes.
    escaped: bool,
    /// Of a key: whether its object had it before.
    pub repeated: bool,
    /// Its place in the source; strings without their quotes.
    start: u32,
    end: u32,
    /// The item behind it and its contents.
    pub next: u32,
    /// How many members or elements it has.
    pub count: u32,
}

/// The list.
#[derive(Debug)]
pub(crate) struct Tape<'s> {
    items: Vec<Item>,
    source: &'s [u8],
    /// Places in the request of the items of a source that was put together; empty where the source is the body.
    origins: Vec<Option<Origin>>,
    composed: bool,
    /// Whether a key repeats.
    repeats: bool,
    open: Vec<usize>,
}

impl<'s> Tape<'s> {
    /// An empty tape over a source that is the body itself.
    pub(crate) fn new(source: &'s [u8]) -> Tape<'s> {
        let capacity = (source.len() / 8).min(4096);
        Tape {
            items: Vec::with_capacity(capacity),
            source,
            origins: Vec::new(),
            composed: false,
            repeats: false,
            open: Vec::new(),
        }
    }

    /// Reads a whole JSON document (RFC 8259).
    pub(crate) fn json(source: &'s [u8], limits: Limits) -> Result<Tape<'s>, JsonError> {
        let mut tape = Tape::new(source);
        tape.read(source, limits)?;
        Ok(tape)
    }

    /// An empty tape over decoded texts, each of which says where it came from.
    pub(crate) fn composed(source: &'s [u8]) -> Tape<'s> {
        Tape { composed: true, ..Tape::new(source) }
    }

    fn read(&mut self, text: &[u8], limits: Limits) -> Result<(), JsonError> {
        let mut reader = Reader::new(limits);
        let mut visit = |token: &Token<'_>, _: &Path| {
            self.token(token);
            Ok::<(), Infallible>(())
        };
        let read = reader.push(text, &mut visit).and_then(|()| reader.finish(&mut visit));
        read.map_err(|halt| match halt {
            Halt::Json(error) => error,
            Halt::Visitor(never) => match never {},
        })
    }

    #[inline]
    fn token(&mut self, token: &Token<'_>) {
        match token {
            Token::BeginObject(at) => self.begin(Kind::Object, Span { start: *at, end: *at }),
            Token::BeginArray(at) => self.begin(Kind::Array, Span { start: *at, end: *at }),
            Token::EndObject(at) | Token::EndArray(at) => self.finish(*at + 1),
            Token::Key { text, repeated } => {
                self.push(Kind::Key, inner(text), text.escaped);
                if *repeated && let Some(item) = self.items.last_mut() {
                    (item.repeated, self.repeats) = (true, true);
                }
            }
            Token::String(text) => self.value(Kind::String, inner(text), text.escaped),
            Token::Number { span, .. } => self.value(Kind::Number, *span, false),
            Token::Bool { span, value } => self.value(if *value { Kind::True } else { Kind::False }, *span, false),
            Token::Null(span) => self.value(Kind::Null, *span, false),
            // Strings are given whole, for the text comes in one piece.
            _ => {}
        }
    }

    /// Adds a container that stays open.
    pub(crate) fn begin(&mut self, kind: Kind, span: Span) {
        let at = self.items.len();
        self.value(kind, span, false);
        self.open.push(at);
    }

    /// Closes the innermost container.
    pub(crate) fn finish(&mut self, end: usize) {
        let next = small(self.items.len());
        if let Some(item) = self.open.pop().and_then(|at| self.items.get_mut(at)) {
            (item.next, item.end) = (next, small(end));
        }
    }

    /// Adds a value. The span is that of its text in the source.
    #[inline]
    pub(crate) fn value(&mut self, kind: Kind, span: Span, escaped: bool) {
        if let Some(open) = self.open.last().and_then(|at| self.items.get_mut(*at)) {
            open.count += 1;
        }
        self.push(kind, span, escaped);
    }

    /// Adds a key.
    pub(crate) fn key(&mut self, span: Span) {
        self.push(Kind::Key, span, false);
    }

    /// Adds the value of a JSON text within the source.
    pub(crate) fn embed(&mut self, span: Span, limits: Limits) -> Result<(), JsonError> {
        let source = self.source;
        let text = source.get(span.start..span.end).unwrap_or_default();
        let inner = Tape::json(text, limits)?;
        let (base, items) = (small(span.start), small(self.items.len()));
        if let Some(open) = self.open.last().and_then(|at| self.items.get_mut(*at)) {
            open.count += 1;
        }
        self.repeats |= inner.repeats;
        self.items.extend(inner.items.iter().map(|item| Item {
            start: item.start + base,
            end: item.end + base,
            next: item.next + items,
            ..*item
        }));
        Ok(())
    }

    /// Says where the item that came last stands in the request.
    pub(crate) fn origin(&mut self, from: Origin) {
        self.origins.resize(self.items.len(), None);
        if let Some(origin) = self.origins.last_mut() {
            *origin = Some(from);
        }
    }

    #[inline]
    fn push(&mut self, kind: Kind, span: Span, escaped: bool) {
        let next = small(self.items.len() + 1);
        let (start, end) = (small(span.start), small(span.end));
        self.items.push(Item { kind, escaped, repeated: false, start, end, next, count: 0 });
    }

    /// The keys that their objects had before.
    pub(crate) fn repeated(&self) -> impl Iterator<Item = usize> {
        let items = if self.repeats { self.items.as_slice() } else { &[] };
        items.iter().enumerate().filter(|(_, item)| item.repeated).map(|(at, _)| at)
    }

    /// How many items there are.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// An item.
    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<&Item> {
        self.items.get(at)
    }

    /// The item behind one and its contents.
    #[inline]
    pub(crate) fn after(&self, at: usize) -> usize {
        self.items.get(at).map_or(usize::MAX, |item| item.next as usize)
    }

    /// As written, without quotes.
    #[inline]
    pub(crate) fn raw(&self, at: usize) -> &'s [u8] {
        let source = self.source;
        self.items.get(at).and_then(|item| source.get(item.start as usize..item.end as usize)).unwrap_or_default()
    }

    /// What a string or key says.
    #[inline]
    pub(crate) fn bytes(&self, at: usize) -> Cow<'s, [u8]> {
        match self.items.get(at) {
            Some(item) if item.escaped => {
                let text = Text { span: Span { start: 0, end: 0 }, raw: self.raw(at), escaped: true };
                text.bytes()
            }
            _ => Cow::Borrowed(self.raw(at)),
        }
    }

    /// Where a scalar stands in the request, if its bytes there are those that were looked at: strings of JSON with their
    /// quotes, as the reader of bodies gives it.
    pub(crate) fn place(&self, at: usize) -> Option<Span> {
        let plain = self.origins.get(at).copied().flatten().is_none_or(|origin| origin.plain);
        self.items.get(at).filter(|item| plain && !item.escaped)?;
        self.written(at)
    }

    /// Where a scalar stands in the request, with escapes or without.
    pub(crate) fn written(&self, at: usize) -> Option<Span> {
        let item = self.items.get(at)?;
        if self.composed {
            return self.origins.get(at).copied().flatten().map(|origin| origin.span);
        }
        let quote = usize::from(item.kind == Kind::String);
        Some(Span { start: (item.start as usize).checked_sub(quote)?, end: item.end as usize + quote })
    }

    /// The places of keys and values of a member, and of what follows.
    pub(crate) fn members(&self, at: usize) -> Members<'_, 's> {
        Members { tape: self, at: at + 1, end: self.after(at) }
    }

    /// The places of the elements of an array.
    pub(crate) fn elements(&self, at: usize) -> Elements<'_, 's> {
        Elements { tape: self, at: at + 1, end: self.after(at) }
    }
}

/// The members of an object: the places of key and value.
pub(crate) struct Members<'t, 's> {
    tape: &'t Tape<'s>,
    at: usize,
    end: usize,
}

impl Iterator for Members<'_, '_> {
    type Item = (usize, usize);

    #[inline]
    fn next(&mut self) -> Option<(usize, usize)> {
        let key = self.at;
        if key + 1 >= self.end {
            return None;
        }
        self.at = self.tape.after(key + 1);
        Some((key, key + 1))
    }
}

/// The elements of an array: their places.
pub(crate) struct Elements<'t, 's> {
    tape: &'t Tape<'s>,
    at: usize,
    end: usize,
}

impl Iterator for Elements<'_, '_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let at = self.at;
        if at >= self.end {
            return None;
        }
        self.at = self.tape.after(at);
        Some(at)
    }
}

fn inner(text: &Text<'_>) -> Span {
    Span { start: text.span.start + 1, end: text.span.end.saturating_sub(1) }
}

fn small(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
