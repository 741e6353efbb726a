//! Reads the body of a request into arguments, files and errors (`ModSecurity` v3, `Transaction::processRequestBody`).

use testudo_body::multipart;
use testudo_core::Span;

use super::lanes;
use super::state::State;
use crate::ruleset::RuleSet;
use crate::ruleset::view::Lane;
use crate::seclang::{LimitAction, Processor, Variable};

/// What is kept of a body while it comes.
#[derive(Debug, Default)]
pub(crate) struct Body {
    /// Bytes that came.
    pub(crate) len: u64,
    /// The bytes, where they are held.
    pub(crate) held: Vec<u8>,
    /// Whether more came than is read.
    pub(crate) cut: bool,
    multipart: Option<Box<Parts>>,
    begun: bool,
}

/// A multipart body that is read as it comes, so that files are not held.
#[derive(Debug)]
struct Parts {
    reader: multipart::Reader,
    /// The name of the part that is read.
    name: Vec<u8>,
    filename: Option<Vec<u8>>,
    value: Vec<u8>,
    /// Where it begins.
    from: Option<usize>,
    files_size: u64,
    /// Bytes of headers, and of parts that are no files.
    fields_size: u64,
}

/// What happens with a chunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Taken {
    /// It was read, as far as it is read at all.
    Read,
    /// It exceeds what may come.
    TooLarge,
}

impl Body {
    /// Begins anew.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
        self.held.clear();
        self.held.shrink_to(64 << 10);
        self.cut = false;
        self.multipart = None;
        self.begun = false;
    }

    /// Takes a chunk of the request's body.
    pub(super) fn request_chunk(&mut self, state: &mut State, set: &RuleSet, chunk: &[u8]) -> Taken {
        if !state.request_body || self.cut {
            return Taken::Read;
        }
        let room = usize::try_from(state.request_limit.saturating_sub(self.len)).unwrap_or(usize::MAX);
        self.len = self.len.saturating_add(chunk.len() as u64);
        let chunk = match chunk.get(..room) {
            Some(within) if within.len() < chunk.len() => {
                state.set(Variable::InboundDataError, b"1");
                self.cut = true;
                if set.settings.request_limit_action == LimitAction::Reject {
                    return Taken::TooLarge;
                }
                within
            }
            _ => chunk,
        };
        if !self.begun {
            self.begin(state, set);
        }
        match &mut self.multipart {
            Some(parts) if !state.force_request_body => parts.push(state, set, chunk),
            Some(parts) => {
                parts.push(state, set, chunk);
                let limit = usize::try_from(set.settings.request_no_files_limit).unwrap_or(usize::MAX);
                let room = limit.saturating_sub(self.held.len());
                self.held.extend_from_slice(chunk.get(..room).unwrap_or(chunk));
            }
            // What is larger is an error, and not read.
            None if state.processor.is_some() && self.held.len() as u64 > set.settings.request_no_files_limit => {}
            None => self.held.extend_from_slice(chunk),
        }
        Taken::Read
    }

    fn begin(&mut self, state: &mut State, set: &RuleSet) {
        self.begun = true;
        if state.processor != Some(Processor::Multipart) {
            return;
        }
        let header = content_type(state);
        match multipart::Boundary::of(&header) {
            Ok(boundary) => self.multipart = Some(Box::new(Parts::new(boundary, set))),
            Err(error) => {
                fail(state, &format!("Multipart parsing error: {error}"));
                state.set(Variable::MultipartStrictError, b"1");
            }
        }
    }

    /// The request's body is complete.
    pub(super) fn request_end(&mut self, state: &mut State, set: &RuleSet) {
        if !state.request_body {
            state.set(Variable::ReqbodyError, b"0");
            return;
        }
        if !self.begun && state.processor == Some(Processor::Multipart) {
            self.begin(state, set);
        }
        let too_long = self.held.len() as u64 > set.settings.request_no_files_limit;
        match state.processor {
            _ if too_long => fail_for_size(state),
            Some(Processor::UrlEncoded) => state.arguments(set, Variable::ArgsPost, &self.held),
            Some(Processor::Json) if !self.held.is_empty() => super::json::read(state, set, &self.held),
            Some(Processor::Xml) if !self.held.is_empty() => super::xml::read(state, set, &self.held),
            Some(Processor::Multipart) => {
                if let Some(parts) = self.multipart.take() {
                    parts.end(state, set);
                }
            }
            _ => {}
        }
        let proven = std::mem::take(&mut state.proven);
        // Only names of JSON are sure to be those that the contract read: forms may be separated by other bytes.
        let names = state.names_proven && state.processor == Some(Processor::Json);
        state.lanes.prove(Variable::ArgsPost, &proven, names);
        let State { lanes, values, formed_files, .. } = &mut *state;
        if !formed_files.is_empty() {
            lanes.form(Variable::Files, |value| formed_files.iter().any(|name| **name == *values.get(value)));
        }
        state.set_number(Variable::ArgsCombinedSize, state.arguments_size);
        state.set_default(Variable::ReqbodyError, b"0");
        state.set_default(Variable::ReqbodyProcessorError, b"0");
        state.set_default(Variable::InboundDataError, b"0");
        state.set_default(Variable::FilesCombinedSize, b"0");
        self.request_text(state, set);
    }

    fn request_text(&self, state: &mut State, set: &RuleSet) {
        if self.len > 0 {
            state.set_number(Variable::RequestBodyLength, usize::try_from(self.len).unwrap_or(usize::MAX));
            let shown = state.force_request_body || state.processor == Some(Processor::UrlEncoded);
            if shown && set.reads(Variable::RequestBody) {
                state.set(Variable::RequestBody, &self.held);
            }
        }
        if set.reads(Variable::FullRequest) || set.reads(Variable::FullRequestLength) {
            let mut full = Vec::new();
            for item in state.lanes.of(Variable::RequestHeaders) {
                for part in [state.values.get(item.name), b": ", state.values.get(item.value), b"\n"] {
                    full.extend_from_slice(part);
                }
            }
            full.extend_from_slice(b"\n\n");
            full.extend_from_slice(&self.held);
            state.set_number(Variable::FullRequestLength, full.len());
            state.set(Variable::FullRequest, &full);
        }
    }
}

/// The last content type, which is the one that chose the reader.
fn content_type(state: &State) -> Vec<u8> {
    let headers = state.lanes.of(Variable::RequestHeaders).iter().rev();
    let found = headers.map(|item| (state.values.get(item.lower), state.values.get(item.value)));
    found.filter(|(name, _)| *name == b"content-type").map(|(_, value)| value.to_vec()).next().unwrap_or_default()
}

/// Notes that the body can't be read.
pub(super) fn fail(state: &mut State, why: &str) {
    state.set(Variable::ReqbodyError, b"1");
    state.set(Variable::ReqbodyErrorMsg, why.as_bytes());
    state.set(Variable::ReqbodyProcessorError, b"1");
    state.set(Variable::ReqbodyProcessorErrorMsg, why.as_bytes());
}

fn fail_for_size(state: &mut State) {
    state.set(Variable::ReqbodyError, b"1");
    state.set(Variable::ReqbodyErrorMsg, b"Request body excluding files is bigger than the maximum expected.");
    state.set(Variable::InboundDataError, b"1");
}

impl Parts {
    fn new(boundary: multipart::Boundary, set: &RuleSet) -> Parts {
        let limits = multipart::Limits {
            total: u64::MAX,
            parts: 10_000,
            files: set.settings.files,
            value: set.settings.request_no_files_limit,
            ..multipart::Limits::REQUEST
        };
        Parts {
            reader: multipart::Reader::new(boundary, limits),
            name: Vec::new(),
            filename: None,
            value: Vec::new(),
            from: None,
            files_size: 0,
            fields_size: 0,
        }
    }

    fn push(&mut self, state: &mut State, set: &RuleSet, chunk: &[u8]) {
        let Parts { reader, name, filename, value, from, files_size, fields_size } = self;
        let mut given = Given { state, set, name, filename, value, from, files_size, fields_size };
        // What is wrong is asked for at the end.
        let _ = reader.push(chunk, &mut |token: &multipart::Token<'_>| {
            given.token(token);
            Ok::<(), std::convert::Infallible>(())
        });
    }

    fn end(mut self, state: &mut State, set: &RuleSet) {
        let Parts { reader, name, filename, value, from, files_size, fields_size } = &mut self;
        let mut given = Given { state: &mut *state, set, name, filename, value, from, files_size, fields_size };
        let ended = reader.finish(&mut |token: &multipart::Token<'_>| {
            given.token(token);
            Ok::<(), std::convert::Infallible>(())
        });
        if let Err(multipart::Halt::Multipart(error)) = &ended {
            fail(state, &format!("Multipart parsing error: Multipart: {error}"));
        } else if self.fields_size > set.settings.request_no_files_limit {
            fail_for_size(state);
        }
        self.flags(state);
    }

    fn flags(&self, state: &mut State) {
        use multipart::Flags as F;
        let flags = self.reader.flags();
        for (flag, variable) in [
            (F::BOUNDARY_QUOTED, Variable::MultipartBoundaryQuoted),
            (F::BOUNDARY_WHITESPACE, Variable::MultipartBoundaryWhitespace),
            (F::DATA_BEFORE, Variable::MultipartDataBefore),
            (F::DATA_AFTER, Variable::MultipartDataAfter),
            (F::HEADER_FOLDING, Variable::MultipartHeaderFolding),
            (F::LF_LINE, Variable::MultipartLfLine),
            (F::CRLF_LF_LINES, Variable::MultipartCrlfLfLines),
            (F::MISSING_SEMICOLON, Variable::MultipartMissingSemicolon),
            (F::INVALID_QUOTING, Variable::MultipartInvalidQuoting),
            (F::INVALID_PART, Variable::MultipartInvalidPart),
            (F::INVALID_HEADER_FOLDING, Variable::MultipartInvalidHeaderFolding),
            (F::FILE_LIMIT_EXCEEDED, Variable::MultipartFileLimitExceeded),
        ] {
            state.set(variable, if flags.contains(flag) { b"1" } else { b"0" });
        }
        state.set_number(Variable::MultipartUnmatchedBoundary, usize::from(self.reader.unmatched_boundary()));
        state.set(Variable::MultipartStrictError, if self.reader.is_strict_error() { b"1" } else { b"0" });
        state.set_number(Variable::FilesCombinedSize, usize::try_from(self.files_size).unwrap_or(usize::MAX));
    }
}

/// Takes the tokens of a multipart body.
struct Given<'a> {
    state: &'a mut State,
    set: &'a RuleSet,
    name: &'a mut Vec<u8>,
    filename: &'a mut Option<Vec<u8>>,
    value: &'a mut Vec<u8>,
    from: &'a mut Option<usize>,
    files_size: &'a mut u64,
    fields_size: &'a mut u64,
}

impl Given<'_> {
    fn token(&mut self, token: &multipart::Token<'_>) {
        match token {
            multipart::Token::BeginPart(part) => self.begin(part),
            multipart::Token::Data { bytes, offset } => {
                if self.filename.is_none() {
                    self.from.get_or_insert(*offset);
                    *self.fields_size += bytes.len() as u64;
                    if *self.fields_size <= self.set.settings.request_no_files_limit {
                        self.value.extend_from_slice(bytes);
                    }
                }
            }
            multipart::Token::EndPart { len, .. } => self.end(*len),
        }
    }

    fn begin(&mut self, part: &multipart::Part) {
        self.name.clone_from(&part.name);
        self.value.clear();
        *self.from = None;
        *self.filename = part.is_file().then(|| part.filename.clone().unwrap_or_default());
        let add = |state: &mut State, variable, value: &[u8]| {
            state.add(self.set, Lane::of(variable), self.name, value);
        };
        for header in &part.headers {
            *self.fields_size += header.line.len() as u64 + 2;
            add(self.state, Variable::MultipartPartHeaders, &header.line);
        }
        add(self.state, Variable::MultipartName, self.name);
        if let Some(filename) = &part.filename {
            add(self.state, Variable::MultipartFilename, filename);
        }
    }

    fn end(&mut self, len: u64) {
        if let Some(filename) = self.filename.take() {
            *self.files_size = self.files_size.saturating_add(len);
            self.state.add(self.set, Lane::of(Variable::Files), self.name, &filename);
            self.state.add(self.set, Lane::of(Variable::FilesSizes), self.name, len.to_string().as_bytes());
        } else {
            let span = self.from.map(|start| Span { start, end: start + self.value.len() });
            let place = span.and_then(lanes::place);
            self.state.argument(self.set, Variable::ArgsPost, self.name, self.value, place);
        }
        self.value.clear();
    }
}
