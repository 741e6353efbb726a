//! Whether a line is a boundary, or looks like one.

use memchr::memmem::Finder;

use super::boundary::is_white;
use super::error::MultipartErrorKind as Kind;
use super::{Boundary, Flags};

/// How many bytes of a line are looked at to tell what it is. A longer line is no boundary.
pub(super) const HEAD: usize = 256;

/// What the head of a line is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Line {
    /// The boundary and nothing else; the last one has two dashes behind it.
    Boundary { last: bool },
    /// It begins with the boundary, and goes on.
    Overlong,
    /// The boundary in quotes.
    Quoted,
    /// White space, then the boundary.
    Spaced,
    /// Two dashes, and something else.
    Dashed,
    /// Two dashes and the boundary stand somewhere within.
    Within,
    /// Something else.
    Plain,
}

impl Line {
    /// What is wrong with it.
    pub(super) fn error(self) -> Option<Kind> {
        match self {
            Line::Overlong => Some(Kind::Boundary),
            Line::Quoted => Some(Kind::QuotedBoundary),
            Line::Spaced => Some(Kind::SpacedBoundary),
            Line::Boundary { .. } | Line::Dashed | Line::Within | Line::Plain => None,
        }
    }
}

/// Tells lines apart.
#[derive(Clone, Debug)]
pub(super) struct Judge {
    delimiter: Vec<u8>,
    quoted: bool,
    finder: Finder<'static>,
    /// The end of what came of a line, where the delimiter may have begun.
    tail: Vec<u8>,
}

impl Judge {
    pub(super) fn new(boundary: Boundary) -> Judge {
        let quoted = boundary.flags.contains(Flags::BOUNDARY_QUOTED);
        let finder = Finder::new(&boundary.delimiter).into_owned();
        Judge { delimiter: boundary.delimiter, quoted, finder, tail: Vec::new() }
    }

    /// Judges a line by its head, line end included if it is that short.
    pub(super) fn head(&mut self, head: &[u8]) -> Line {
        self.tail.clear();
        let boundary = self.delimiter.get(2..).unwrap_or_default();
        if let Some(after) = head.strip_prefix(self.delimiter.as_slice()) {
            return match after {
                b"\n" | b"\r\n" => Line::Boundary { last: false },
                b"--\n" | b"--\r\n" => Line::Boundary { last: true },
                _ => Line::Overlong,
            };
        }
        if let Some(after) = head.strip_prefix(b"--").filter(|_| head.len() > 3) {
            let quote = after.strip_prefix(b"\"");
            if self.quoted && quote.is_some_and(|after| after.starts_with(boundary)) {
                return Line::Quoted;
            }
            let white = after.iter().take_while(|byte| is_white(**byte)).count();
            let spaced = white > 0 && after.get(white..).is_some_and(|after| after.starts_with(boundary));
            return if spaced { Line::Spaced } else { Line::Dashed };
        }
        if self.finder.find(head).is_some() {
            return Line::Within;
        }
        self.keep(head);
        Line::Plain
    }

    /// Whether the delimiter stands in a later part of a plain line.
    pub(super) fn later(&mut self, part: &[u8]) -> bool {
        let begun = self.tail.len();
        let most = self.delimiter.len() - 1;
        self.tail.extend_from_slice(part.get(..most).unwrap_or(part));
        if self.finder.find(&self.tail).is_some() || self.finder.find(part).is_some() {
            return true;
        }
        self.tail.truncate(begun);
        self.keep(part);
        false
    }

    fn keep(&mut self, part: &[u8]) {
        let most = self.delimiter.len() - 1;
        let excess = (self.tail.len() + part.len()).saturating_sub(most);
        self.tail.drain(..excess.min(self.tail.len()));
        let last = part.len().saturating_sub(most);
        self.tail.extend_from_slice(part.get(last..).unwrap_or_default());
    }

    /// Whether it is the last boundary without the line end that should follow.
    pub(super) fn is_last(&self, line: &[u8]) -> bool {
        line.strip_prefix(self.delimiter.as_slice()) == Some(b"--")
    }
}
