//! The reader: a state machine over lines.
//!
//! Data is handed out as slices of the chunk. What is copied is the head of a line that may be a boundary and continues
//! in the next chunk, the line end before it, and headers.

use super::error::MultipartErrorKind as Kind;
use super::line::Judge;
use super::{Boundary, Flags, Halt, Limits, MultipartError, Part};

mod data;
mod headers;
mod lines;

use data::Data;

/// A piece of a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Token<'a> {
    /// A part begins.
    BeginPart(&'a Part),
    /// Some of its data.
    Data {
        /// Where it stands.
        offset: usize,
        /// As sent.
        bytes: &'a [u8],
    },
    /// The part ended.
    EndPart {
        /// Whether a boundary ended it, and not the input.
        complete: bool,
        /// Bytes of its data.
        len: u64,
    },
}

/// Reads a multipart form that comes in chunks.
#[derive(Clone, Debug)]
pub struct Reader {
    limits: Limits,
    judge: Judge,
    state: State,
    flags: Flags,
    /// What `MULTIPART_UNMATCHED_BOUNDARY` says.
    unmatched: u8,
    problem: Option<MultipartError>,
    failed: Option<MultipartError>,
    /// A header, or the head of a line, that continues in the next chunk.
    held: Vec<u8>,
    /// Whether the head of the line is behind, and whether the rest may yet look like a boundary.
    within: Option<Search>,
    /// How the line before ended.
    ended: LineEnd,
    ends: [bool; 2],
    part: Part,
    data: Data,
    /// The offset of the chunk's first byte, and the byte before it.
    base: usize,
    before: u8,
    boundaries: usize,
    parts: usize,
    files: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Before the first boundary.
    Preamble,
    /// In the headers of a part.
    Headers,
    /// In its data.
    Data,
    /// After the last boundary.
    Epilogue,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Search {
    On,
    Off,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum LineEnd {
    None,
    Lf,
    CrLf,
}

impl Reader {
    /// A reader of a body with this boundary.
    pub fn new(boundary: Boundary, limits: Limits) -> Reader {
        Reader {
            limits,
            flags: boundary.flags,
            judge: Judge::new(boundary),
            state: State::Preamble,
            unmatched: 0,
            problem: None,
            failed: None,
            held: Vec::new(),
            within: None,
            ended: LineEnd::None,
            ends: [false; 2],
            part: Part::default(),
            data: Data::default(),
            base: 0,
            before: 0,
            boundaries: 0,
            parts: 0,
            files: 0,
        }
    }

    /// What is unusual so far.
    pub fn flags(&self) -> Flags {
        let mixed = if self.ends == [true, true] { Flags::CRLF_LF_LINES } else { Flags::default() };
        let unmatched = if self.unmatched == 1 { Flags::UNMATCHED_BOUNDARY } else { Flags::default() };
        self.flags | mixed | unmatched
    }

    /// What is wrong so far: the first error.
    pub fn error(&self) -> Option<&MultipartError> {
        self.problem.as_ref()
    }

    /// `MULTIPART_STRICT_ERROR`: whether anything is wrong, or unusual in a way that it counts.
    pub fn is_strict_error(&self) -> bool {
        self.problem.is_some() || self.flags.intersects(Flags::STRICT)
    }

    /// `MULTIPART_UNMATCHED_BOUNDARY`: 1 when a line that looks like a boundary comes after the last true one, 2 when
    /// true ones follow.
    pub fn unmatched_boundary(&self) -> u8 {
        self.unmatched
    }

    /// The next bytes, cut anywhere. Only a limit or the visitor stops it; after an error, every later call gives the
    /// same error.
    pub fn push<E>(&mut self, chunk: &[u8], give: &mut impl FnMut(&Token<'_>) -> Result<(), E>) -> Result<(), Halt<E>> {
        if let Some(error) = self.failed {
            return Err(error.into());
        }
        let room = usize::try_from(self.limits.total).unwrap_or(usize::MAX).saturating_sub(self.base);
        let within = chunk.get(..room).unwrap_or(chunk);
        let mut at = 0;
        while at < within.len() {
            at = match self.state {
                State::Epilogue => {
                    self.flags |= Flags::DATA_AFTER;
                    within.len()
                }
                State::Headers => self.header(within, at, give)?,
                State::Preamble | State::Data => self.lines(within, at, give)?,
            };
        }
        self.base += within.len();
        self.before = within.last().copied().unwrap_or(self.before);
        if within.len() < chunk.len() {
            return Err(self.fail("bytes", self.limits.total, self.base).into());
        }
        Ok(())
    }

    /// The input has ended.
    pub fn finish<E>(&mut self, give: &mut impl FnMut(&Token<'_>) -> Result<(), E>) -> Result<(), Halt<E>> {
        if let Some(error) = self.failed {
            return Err(error.into());
        }
        let held = std::mem::take(&mut self.held);
        if self.state != State::Epilogue && self.base > 0 {
            if self.boundaries > 0 && self.within.is_none() && self.judge.is_last(&held) {
                self.after_bare_line_feed();
                if !self.data.begun {
                    self.flags |= Flags::INVALID_PART;
                }
                self.end_part(true, give)?;
                self.state = State::Epilogue;
            } else {
                self.emit(&held, give)?;
                self.emit_line_end(give)?;
                self.flags |= Flags::INCOMPLETE;
                let kind = if self.boundaries > 0 { Kind::LastBoundaryMissing } else { Kind::NoBoundary };
                self.note(kind, self.base);
                if self.state == State::Data {
                    self.end_part(false, give)?;
                }
            }
        }
        self.problem.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Keeps the first error.
    fn note(&mut self, kind: Kind, offset: usize) {
        self.problem.get_or_insert(MultipartError { kind, offset });
    }

    #[cold]
    fn too_long(&mut self, offset: usize) -> MultipartError {
        self.fail("bytes in a header", self.limits.header as u64, offset)
    }

    #[cold]
    fn fail(&mut self, what: &'static str, most: u64, offset: usize) -> MultipartError {
        let error = MultipartError { kind: Kind::Limit { what, most }, offset };
        self.note(error.kind, offset);
        self.held = Vec::new();
        *self.failed.insert(error)
    }
}
