//! Headers of a part, and where it begins and ends.

use memchr::memchr;

use super::data::Data;
use super::{Reader, State, Token};
use crate::multipart::error::MultipartErrorKind as Kind;
use crate::multipart::{Flags, Halt, Part};

impl Reader {
    pub(super) fn boundary<E>(
        &mut self,
        last: bool,
        offset: usize,
        give: &mut impl FnMut(&Token<'_>) -> Result<(), E>,
    ) -> Result<(), Halt<E>> {
        self.strict_line_end();
        self.end_part(true, give)?;
        self.boundaries += 1;
        if last {
            self.state = State::Epilogue;
            return Ok(());
        }
        self.parts += 1;
        if self.parts > self.limits.parts {
            return Err(self.fail("parts", self.limits.parts as u64, offset).into());
        }
        self.state = State::Headers;
        self.part = Part::default();
        self.data = Data::default();
        Ok(())
    }

    /// Ends the part that is being read, if one is.
    pub(super) fn end_part<E>(
        &mut self,
        complete: bool,
        give: &mut impl FnMut(&Token<'_>) -> Result<(), E>,
    ) -> Result<(), Halt<E>> {
        if self.state == State::Preamble {
            return Ok(());
        }
        if self.part.name.is_empty() {
            self.flags |= Flags::INVALID_PART;
        }
        if self.state == State::Headers {
            return Ok(());
        }
        give(&Token::EndPart { complete, len: self.data.len }).map_err(Halt::Visitor)
    }

    /// Reads one line of the headers.
    pub(super) fn header<E>(
        &mut self,
        chunk: &[u8],
        at: usize,
        give: &mut impl FnMut(&Token<'_>) -> Result<(), E>,
    ) -> Result<usize, Halt<E>> {
        let rest = chunk.get(at..).unwrap_or_default();
        let end = memchr(b'\n', rest).map(|at| at + 1);
        let part = rest.get(..end.unwrap_or(rest.len())).unwrap_or(rest);
        let start = (self.base + at).saturating_sub(self.held.len());
        if self.held.len() + part.len() > self.limits.header {
            return Err(self.too_long(start + self.limits.header).into());
        }
        self.held.extend_from_slice(part);
        if end.is_none() {
            return Ok(chunk.len());
        }
        let at = at + part.len();
        let mut line = std::mem::take(&mut self.held);
        self.judge(&line, start);
        self.line_end(chunk, at);
        self.header_line(&line, start, self.base + at, give)?;
        line.clear();
        self.held = line;
        Ok(at)
    }

    pub(super) fn header_line<E>(
        &mut self,
        line: &[u8],
        start: usize,
        end: usize,
        give: &mut impl FnMut(&Token<'_>) -> Result<(), E>,
    ) -> Result<(), Halt<E>> {
        self.strict_line_end();
        if !matches!(line, b"\n" | b"\r\n") {
            if !self.part.has_room(&self.limits) {
                return Err(self.fail("headers in a part", self.limits.headers as u64, start).into());
            }
            if let Err(kind) = self.part.line(line, start, &mut self.flags) {
                self.note(kind, start);
            }
            if self.part.last_len() > self.limits.header {
                return Err(self.too_long(start).into());
            }
            return Ok(());
        }
        if let Err(kind) = self.part.complete(&mut self.flags) {
            self.note(kind, start);
        }
        self.files += usize::from(self.part.is_file());
        if self.part.is_file() && self.files > self.limits.files {
            self.flags |= Flags::FILE_LIMIT_EXCEEDED;
            self.note(Kind::Files { most: self.limits.files }, start);
        }
        self.state = State::Data;
        self.data.at = end;
        give(&Token::BeginPart(&self.part)).map_err(Halt::Visitor)
    }
}
