//! Lines before the first part, and of a part's data.

use memchr::memchr;

use super::Token;
use super::{LineEnd, Reader, Search, State};
use crate::multipart::line::{HEAD, Line};
use crate::multipart::{Flags, Halt};

impl Reader {
    /// Reads lines before the first part, or of a part's data, from a place in the chunk to its end or a boundary.
    pub(super) fn lines<E>(
        &mut self,
        chunk: &[u8],
        start: usize,
        give: &mut impl FnMut(&Token<'_>) -> Result<(), E>,
    ) -> Result<usize, Halt<E>> {
        // What lies between `from` and `at` is data that was not handed out yet.
        let (mut from, mut at) = (start, start);
        loop {
            let rest = chunk.get(at..).filter(|rest| !rest.is_empty());
            let Some(rest) = rest else {
                self.emit(chunk.get(from..at).unwrap_or_default(), give)?;
                return Ok(at);
            };
            if let Some(search) = self.within {
                let len = memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
                let part = rest.get(..len).unwrap_or(rest);
                if search == Search::On && self.judge.later(part) {
                    self.unmatched = 1;
                    self.within = Some(Search::Off);
                }
                at += len;
                self.line_end(chunk, at);
                continue;
            }
            let rest = rest.get(..HEAD - self.held.len()).unwrap_or(rest);
            let end = memchr(b'\n', rest).map(|at| at + 1);
            let head = rest.get(..end.unwrap_or(rest.len())).unwrap_or(rest);
            if end.is_none() && self.held.len() + head.len() < HEAD {
                self.emit(chunk.get(from..at).unwrap_or_default(), give)?;
                self.held.extend_from_slice(head);
                return Ok(chunk.len());
            }
            let offset = (self.base + at).saturating_sub(self.held.len());
            let joined = (!self.held.is_empty()).then(|| {
                self.held.extend_from_slice(head);
                std::mem::take(&mut self.held)
            });
            let line = self.judge(joined.as_deref().unwrap_or(head), offset);
            if let Line::Boundary { last } = line {
                self.emit(chunk.get(from..at).unwrap_or_default(), give)?;
                at += head.len();
                self.line_end(chunk, at);
                self.boundary(last, offset, give)?;
                return Ok(at);
            }
            if self.state == State::Preamble {
                self.flags |= Flags::DATA_BEFORE;
            }
            self.data.begun = true;
            if let Some(mut joined) = joined {
                self.emit(&joined, give)?;
                from = at + head.len();
                joined.clear();
                self.held = joined;
            }
            at += head.len();
            self.within = Some(if line == Line::Plain { Search::On } else { Search::Off });
            self.line_end(chunk, at);
        }
    }

    /// Judges the head of a line, and notes what is odd about it. A boundary in place of data is none.
    pub(super) fn judge(&mut self, head: &[u8], offset: usize) -> Line {
        let line = self.judge.head(head);
        match line {
            Line::Boundary { .. } | Line::Overlong => {
                self.after_bare_line_feed();
                if self.boundaries > 0 && !self.data.begun {
                    self.flags |= Flags::INVALID_PART;
                    return Line::Dashed;
                }
                if self.boundaries > 0 {
                    self.unmatched = 2;
                }
            }
            Line::Dashed | Line::Within => self.unmatched = 1,
            Line::Quoted | Line::Spaced | Line::Plain => {}
        }
        if let Some(kind) = line.error() {
            self.note(kind, offset);
        }
        line
    }

    pub(super) fn after_bare_line_feed(&mut self) {
        if self.ended == LineEnd::Lf {
            self.flags |= Flags::LF_LINE;
            self.ends[0] = true;
        }
    }

    /// Notes how the line ended that ends before `at`, if it ended there.
    pub(super) fn line_end(&mut self, chunk: &[u8], at: usize) {
        let byte = |back: usize| at.checked_sub(back).map_or(Some(self.before), |at| chunk.get(at).copied());
        if byte(1) == Some(b'\n') {
            self.ended = if byte(2) == Some(b'\r') { LineEnd::CrLf } else { LineEnd::Lf };
            self.within = None;
        }
    }

    /// Notes the end of a line that matters.
    pub(super) fn strict_line_end(&mut self) {
        match self.ended {
            LineEnd::CrLf => self.ends[1] = true,
            LineEnd::Lf => {
                self.ends[0] = true;
                self.flags |= Flags::LF_LINE;
            }
            LineEnd::None => {}
        }
    }
}
