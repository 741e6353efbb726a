//! The reader: takes one piece of markup or text after another.
//!
//! Text is handed out as slices of the chunk. What is copied is markup that continues in the next chunk, and the last
//! bytes of a text that may belong to what comes next.

use memchr::memchr_iter;
use testudo_core::Span;

use super::chars::{Encoding, white};
use super::error::{Wrong, XmlErrorKind as Kind};
use super::markup::{Markup, Scan};
use super::{Halt, Limits, Text, XmlError, declaration};

mod elements;
mod texts;

/// A piece of a document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Token<'a> {
    /// A document type, which is skipped.
    Doctype(Span),
    /// An element begins.
    BeginElement {
        /// Its name, with prefix.
        name: &'a [u8],
        /// How deep it stands; the root has depth 1.
        depth: usize,
        /// Where its tag stands.
        span: Span,
    },
    /// An attribute of the element that began last.
    Attribute {
        /// Its name, with prefix.
        name: &'a [u8],
        /// Its value.
        value: Text<'a>,
        /// Whether it declares a namespace, which `XPath` does not count as an attribute.
        namespace: bool,
    },
    /// Text, or a piece of it.
    Text(Text<'a>),
    /// The element that began last and has not ended yet ends before this offset.
    EndElement(usize),
}

/// Reads a document that comes in chunks.
#[derive(Clone, Debug)]
pub struct Reader {
    limits: Limits,
    encoding: Encoding,
    state: State,
    /// What waits for the next chunk.
    held: Vec<u8>,
    scan: Scan,
    /// Names of open elements, one behind the other, and where each begins.
    names: Vec<u8>,
    open: Vec<usize>,
    elements: usize,
    typed: bool,
    /// Bytes that came.
    received: usize,
    /// Bytes that were read, and line breaks among them.
    base: usize,
    lines: usize,
    failed: Option<XmlError>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// At the very beginning.
    Start,
    /// Where the XML declaration would be.
    Declaration,
    /// Anywhere else.
    Content,
    /// Within a CDATA section.
    Section,
}

type Step<E> = Result<usize, Wrong<E>>;

impl Reader {
    /// A reader of one document.
    pub fn new(limits: Limits) -> Reader {
        Reader {
            limits,
            encoding: Encoding::Utf8,
            state: State::Start,
            held: Vec::new(),
            scan: Scan::default(),
            names: Vec::new(),
            open: Vec::new(),
            elements: 0,
            typed: false,
            received: 0,
            base: 0,
            lines: 0,
            failed: None,
        }
    }

    /// The next bytes, cut anywhere. After an error, every later call gives the same error.
    pub fn push<E>(&mut self, chunk: &[u8], give: &mut impl FnMut(&Token<'_>) -> Result<(), E>) -> Result<(), Halt<E>> {
        if let Some(error) = self.failed {
            return Err(error.into());
        }
        let room = usize::try_from(self.limits.total).unwrap_or(usize::MAX).saturating_sub(self.received);
        let within = chunk.get(..room).unwrap_or(chunk);
        self.received += within.len();
        let mut held = std::mem::take(&mut self.held);
        if held.is_empty() {
            let read = self.run(within, false, give)?;
            held.extend_from_slice(within.get(read..).unwrap_or_default());
        } else {
            held.extend_from_slice(within);
            let read = self.run(&held, false, give)?;
            held.drain(..read);
        }
        if within.len() < chunk.len() {
            let kind = Kind::Limit { what: "bytes", most: self.limits.total };
            return Err(self.fail(Wrong::Xml(kind, held.len()), &held));
        }
        self.held = held;
        Ok(())
    }

    /// The input has ended.
    pub fn finish<E>(&mut self, give: &mut impl FnMut(&Token<'_>) -> Result<(), E>) -> Result<(), Halt<E>> {
        if let Some(error) = self.failed {
            return Err(error.into());
        }
        let held = std::mem::take(&mut self.held);
        let read = self.run(&held, true, give)?;
        let rest = held.get(read..).unwrap_or_default();
        let kind = if !rest.is_empty() || !self.open.is_empty() {
            Kind::Truncated
        } else if self.elements == 0 {
            Kind::Empty
        } else {
            return Ok(());
        };
        Err(self.fail(Wrong::Xml(kind, rest.len()), rest))
    }

    /// Whether a document type was read.
    pub fn has_doctype(&self) -> bool {
        self.typed
    }

    /// Reads what is complete, and gives its length.
    fn run<E>(
        &mut self,
        bytes: &[u8],
        last: bool,
        give: &mut impl FnMut(&Token<'_>) -> Result<(), E>,
    ) -> Result<usize, Halt<E>> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let before = self.state;
            let step = match self.state {
                State::Start => self.start(rest, last),
                State::Declaration => self.declaration(rest, last),
                State::Section => self.section(rest, last, give),
                State::Content if rest.first() == Some(&b'<') => self.markup(rest, give),
                State::Content => self.text(rest, last, give),
            };
            match step {
                Ok(0) if self.state == before => break,
                Ok(read) => {
                    self.base += read;
                    self.lines += memchr_iter(b'\n', rest.get(..read).unwrap_or(rest)).count();
                    self.scan = Scan::default();
                    at += read;
                }
                Err(wrong) => return Err(self.fail(wrong, rest)),
            }
        }
        Ok(at)
    }

    #[cold]
    fn fail<E>(&mut self, wrong: Wrong<E>, rest: &[u8]) -> Halt<E> {
        let (kind, at) = match wrong {
            Wrong::Visitor(stop) => {
                self.failed = Some(self.error(Kind::Truncated, 0, rest));
                return Halt::Visitor(stop);
            }
            Wrong::Xml(kind, at) => (kind, at),
        };
        let error = self.error(kind, at, rest);
        self.failed = Some(error);
        Halt::Xml(error)
    }

    fn error(&self, kind: Kind, at: usize, rest: &[u8]) -> XmlError {
        let before = rest.get(..at).unwrap_or(rest);
        XmlError { kind, offset: self.base + at, line: 1 + self.lines + memchr_iter(b'\n', before).count() }
    }

    fn start<E>(&mut self, rest: &[u8], last: bool) -> Step<E> {
        let mark = declaration::mark(rest, last).map_err(|kind| (kind, 0))?;
        if mark.is_some() {
            self.state = State::Declaration;
        }
        Ok(mark.unwrap_or(0))
    }

    fn declaration<E>(&mut self, rest: &[u8], last: bool) -> Step<E> {
        const START: &[u8] = b"<?xml";
        if START.starts_with(rest) && !last {
            return Ok(0);
        }
        let after = rest.strip_prefix(START).filter(|after| white(after) > 0);
        let Some(after) = after else {
            self.state = State::Content;
            return Ok(0);
        };
        let Some(end) = self.end(Markup::Instruction, rest, self.limits.markup)? else { return Ok(0) };
        let text = after.get(..end - START.len() - 2).unwrap_or_default();
        self.encoding = declaration::read(text).map_err(|kind| (kind, 0))?;
        self.state = State::Content;
        Ok(end)
    }

    /// The length of the markup at the head, within its limit.
    fn end(&mut self, markup: Markup, rest: &[u8], most: usize) -> Result<Option<usize>, (Kind, usize)> {
        let within = rest.get(..most).unwrap_or(rest);
        let end = self.scan.end(markup, within)?;
        if end.is_none() && within.len() < rest.len() {
            return Err((Kind::Limit { what: "bytes in a tag or other markup", most: most as u64 }, most));
        }
        Ok(end)
    }
}
