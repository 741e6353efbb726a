//! Uploads that are too long to be held: each file is judged by its first bytes while the body flows.
//!
//! Of a multipart form the names of its parts, their media types and the content of files are checked; what fields say is
//! not. An SVG is held until its end, for script may stand anywhere in it, and refused when it is longer than 64 KiB.

use std::sync::Arc;

use testudo_body::multipart::{Boundary, Limits, Reader, Token};
use testudo_core::Denial;

use super::form::Encodings;
use super::multipart::{Part, allowed, disagreement};
use super::report::{Checked, Options, Unknown, Violation};
use super::rule::RuleId;
use crate::Contract;
use crate::route::{Body, Route, RouteId};

/// How many bytes of a file are held, and of an SVG.
const HELD: usize = 1024;
const HELD_SVG: usize = 64 << 10;

/// Judges the files of a body that flows. What it refuses once, it refuses from then on.
#[derive(Debug)]
pub struct Uploads {
    contract: Arc<Contract>,
    route: RouteId,
    /// Which of the route's bodies it is.
    index: usize,
    unknown: Unknown,
    /// Nothing where the body itself is the file.
    reader: Option<Reader>,
    part: Part,
    held: Vec<u8>,
    /// Whether the part was judged.
    judged: bool,
    refused: Option<Violation>,
}

impl Contract {
    /// Judges a body that is too long to be held as it flows. There is nothing to judge where the contract is open, or
    /// where the type is one that [`Contract::check_body`] reads as a whole. The error says what is wrong with having such
    /// a body at all.
    pub fn uploads(
        self: &Arc<Self>,
        route: &Route,
        content_type: Option<&[u8]>,
        options: Options,
    ) -> Result<Option<Uploads>, Checked> {
        let Some(route) = self.get(route.id).filter(|_| !self.is_open()) else { return Ok(None) };
        let Some(wanted) = &route.request_body else {
            let checked = super::body::unexpected(b"?", options);
            return if checked.is_ok() { Ok(None) } else { Err(checked) };
        };
        let (index, media) = super::body::taken(wanted, content_type)?;
        let is_form = &*media.essence == "multipart/form-data";
        if !is_form && !super::body::is_opaque(&media) {
            return Ok(None);
        }
        let boundary = is_form.then(|| Boundary::of(content_type.unwrap_or_default())).transpose();
        let boundary = boundary
            .map_err(|error| Checked::refused(Denial::Malformed, "", "malformed", format!("a boundary: {error}")))?;
        Ok(Some(Uploads {
            contract: Arc::clone(self),
            route: route.id,
            index,
            unknown: options.unknown,
            reader: boundary.map(|boundary| Reader::new(boundary, Limits::STREAM)),
            part: Part { file: true, media: Some(media), ..Part::default() },
            held: Vec::new(),
            judged: false,
            refused: None,
        }))
    }
}

impl Uploads {
    /// The next bytes, cut anywhere. The error says what is wrong; the body must then not reach its end.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), Checked> {
        match self.reader.take() {
            None => self.data(chunk),
            Some(mut reader) => {
                let read = reader.push(chunk, &mut |token: &Token<'_>| {
                    self.token(token);
                    Ok::<(), std::convert::Infallible>(())
                });
                self.reader = Some(reader);
                if read.is_err() {
                    self.malformed();
                }
            }
        }
        self.said()
    }

    /// The body has ended.
    pub fn finish(&mut self) -> Result<(), Checked> {
        match self.reader.take() {
            None => self.judge(true),
            Some(mut reader) => {
                let read = reader.finish(&mut |token: &Token<'_>| {
                    self.token(token);
                    Ok::<(), std::convert::Infallible>(())
                });
                if read.is_err() {
                    self.malformed();
                }
            }
        }
        self.said()
    }

    /// Whether what comes after can't change anything any more.
    pub fn is_settled(&self) -> bool {
        self.reader.is_none() && self.judged
    }

    fn body(&self) -> Option<&Body> {
        self.contract.get(self.route)?.request_body.as_ref()
    }

    fn rule(&self) -> Option<RuleId> {
        self.contract.program().routes.get(self.route.index())?.bodies.get(self.index).copied().flatten()
    }

    fn encodings(&self) -> Encodings<'_> {
        let body = self.body()?;
        body.content.get_index(self.index).and_then(|(range, _)| body.encodings.get(range))
    }

    fn token(&mut self, token: &Token<'_>) {
        match token {
            Token::BeginPart(part) => {
                self.part = Part::of(part);
                self.held.clear();
                self.judged = false;
                self.name();
            }
            Token::Data { bytes, .. } => self.data(bytes),
            Token::EndPart { .. } => self.judge(true),
        }
    }

    /// Whether the contract names the part.
    fn name(&mut self) {
        let program = self.contract.program();
        let Some(rule) = self.rule().filter(|rule| program.lists(*rule)) else { return };
        let property = program.property(rule, &self.part.name);
        let never = property.is_some_and(|property| program.rule(property).is_some_and(|rule| rule.never));
        if never || (property.is_none() && self.unknown == Unknown::Refuse) {
            self.refuse("unknown-field", "a field that the contract names".into(), "/*".into());
        }
    }

    fn data(&mut self, bytes: &[u8]) {
        if self.judged || self.refused.is_some() {
            return;
        }
        let room = if self.is_svg() { HELD_SVG } else { HELD }.saturating_sub(self.held.len());
        self.held.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        if bytes.len() > room {
            self.judge(false);
        }
    }

    fn is_svg(&self) -> bool {
        self.part.media.as_ref().is_some_and(|media| &*media.essence == "image/svg+xml")
    }

    /// Judges the part by what is held of it, which may be all.
    fn judge(&mut self, whole: bool) {
        if self.judged {
            return;
        }
        self.judged = true;
        let program = self.contract.program();
        let property = self.rule().and_then(|rule| program.property(rule, &self.part.name));
        let shown =
            if property.is_some() { format!("/{}", String::from_utf8_lossy(&self.part.name)) } else { "/*".into() };
        let place = if self.part.name.is_empty() { String::new() } else { shown };
        if !whole && self.is_svg() {
            return self.refuse("content-mismatch", "an SVG of at most 64 KiB".into(), place);
        }
        let allowed = allowed(program, property, self.encodings(), &self.part.name);
        if let Some(expected) = disagreement(&self.part, &allowed, &self.held) {
            self.refuse("content-mismatch", expected, place);
        }
    }

    fn malformed(&mut self) {
        self.refuse("malformed", "a multipart form".into(), String::new());
    }

    fn refuse(&mut self, code: &'static str, expected: String, pointer: String) {
        self.refused.get_or_insert(Violation { pointer, code, expected });
    }

    fn said(&self) -> Result<(), Checked> {
        match &self.refused {
            None => Ok(()),
            Some(violation) => {
                let denial = match violation.code {
                    "content-mismatch" => Denial::UnsupportedMediaType,
                    _ => Denial::Malformed,
                };
                Err(Checked::refused(denial, &violation.pointer, violation.code, violation.expected.clone()))
            }
        }
    }
}
