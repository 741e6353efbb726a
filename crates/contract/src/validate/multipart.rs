//! Multipart forms: fields and files (OpenAPI 3.1 section 4.8.14.4, RFC 7578).

use std::collections::BTreeMap;
use std::convert::Infallible;

use testudo_body::multipart::{Boundary, Limits, Reader, Token};
use testudo_core::{Denial, Span};

use super::fields::{Field, Origin};
use super::file_name;
use super::form::{Encodings, Fields, object};
use super::report::{Checked, MAX_VIOLATIONS, Options, Violation};
use super::rule::{Program, RuleId};
use crate::sniff::{self, Media};

/// The part that is read.
#[derive(Default, Debug)]
pub(super) struct Part {
    pub name: Vec<u8>,
    pub file: bool,
    /// The file's name.
    pub filename: Option<Vec<u8>>,
    pub media: Option<Media>,
    /// Where its data stands.
    pub data: Option<Span>,
}

impl Part {
    /// What the headers of a part say.
    pub(super) fn of(part: &testudo_body::multipart::Part) -> Part {
        let media = part.header("content-type").and_then(|written| std::str::from_utf8(written).ok());
        let media = media.and_then(Media::parse);
        Part { name: part.name.clone(), file: part.is_file(), filename: part.filename.clone(), media, data: None }
    }
}

/// Checks a multipart form. `header` is the content type of the request.
pub(super) fn check(
    program: &Program,
    rule: Option<RuleId>,
    encodings: Encodings<'_>,
    header: &[u8],
    body: &[u8],
    options: Options,
) -> Checked {
    let malformed = |expected: String| Checked::refused(Denial::Malformed, "", "malformed", expected);
    let boundary = match Boundary::of(header) {
        Ok(boundary) => boundary,
        Err(error) => return malformed(format!("a boundary: {error}")),
    };
    let mut parts: Vec<Part> = Vec::new();
    let mut give = |token: &Token<'_>| {
        match token {
            Token::BeginPart(part) => parts.push(Part::of(part)),
            Token::Data { offset, bytes } => {
                if let Some(part) = parts.last_mut() {
                    let end = offset + bytes.len();
                    part.data = Some(Span { start: part.data.map_or(*offset, |data| data.start), end });
                }
            }
            Token::EndPart { .. } => {}
        }
        Ok::<(), Infallible>(())
    };
    let mut reader = Reader::new(boundary, Limits::REQUEST);
    if let Err(error) = reader.push(body, &mut give).and_then(|()| reader.finish(&mut give)) {
        return malformed(format!("a multipart form: {error}"));
    }
    let mut fields = Fields::default();
    let mut wrong = Vec::new();
    for part in &parts {
        let span = part.data.unwrap_or(Span { start: 0, end: 0 });
        let data = body.get(span.start..span.end).unwrap_or_default();
        let property = rule.and_then(|rule| program.property(rule, &part.name));
        let name = String::from_utf8_lossy(&part.name);
        let allowed = allowed(program, property, encodings, &part.name);
        if let Some(expected) = disagreement(part, &allowed, data) {
            let shown = if property.is_some() { &name } else { "*" };
            wrong.push(Violation { pointer: format!("/{shown}"), code: "content-mismatch", expected });
        }
        if !part.file && std::str::from_utf8(data).is_err() {
            return malformed("UTF-8 in fields".into());
        }
        let text = if part.file { Span { start: 0, end: 0 } } else { fields.keep(data) };
        let json = part.media.as_ref().is_some_and(Media::is_json);
        let origin = (!part.file).then_some(Origin { span, plain: true });
        fields.add(&part.name, Field { text, origin, file: part.file, json });
    }
    let mut checked = object(program, rule, encodings, &mut fields, options);
    if !wrong.is_empty() {
        wrong.truncate(MAX_VIOLATIONS);
        checked.violations.splice(0..0, wrong);
        return checked.settled();
    }
    if checked.is_ok() {
        checked.file_names = plain_names(&parts, body);
    }
    checked
}

/// The names of files that are harmless in form wherever they stand.
fn plain_names(parts: &[Part], body: &[u8]) -> Vec<Box<[u8]>> {
    let mut plain: BTreeMap<&[u8], bool> = BTreeMap::new();
    for part in parts {
        if let Some(name) = part.filename.as_deref() {
            let data = part.data.and_then(|span| body.get(span.start..span.end)).unwrap_or_default();
            *plain.entry(name).or_insert(true) &= file_name::is_plain(name, data);
        }
    }
    plain.into_iter().filter(|(_, plain)| *plain).map(|(name, _)| name.into()).collect()
}

/// The media types that a part may have; empty where nothing is said.
pub(super) fn allowed<'c>(
    program: &'c Program,
    property: Option<RuleId>,
    encodings: Encodings<'c>,
    name: &[u8],
) -> Vec<&'c str> {
    let encoding = std::str::from_utf8(name).ok().and_then(|name| encodings?.get(name));
    match encoding.filter(|encoding| !encoding.content_types.is_empty()) {
        Some(encoding) => encoding.content_types.iter().map(|media| &**media).collect(),
        None => property.and_then(|property| program.media_type(property)).into_iter().collect(),
    }
}

/// What is wrong with the type of a part: it is none of those allowed, or its content is something else.
pub(super) fn disagreement(part: &Part, allowed: &[&str], data: &[u8]) -> Option<String> {
    let usual = if part.file { "application/octet-stream" } else { "text/plain" };
    let declared = part.media.as_ref().map_or(usual, |media| &media.essence);
    let fits = allowed.is_empty() || allowed.iter().any(|range| sniff::in_range(declared, range));
    if !fits {
        return Some(format!("the media type {}", allowed.join(" or ")));
    }
    if !part.file {
        return None;
    }
    let found = sniff::disagreement(declared, data)?;
    Some(format!("content of the type {declared} and not {}", found.name()))
}
