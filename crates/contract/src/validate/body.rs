//! Bodies of requests, by media type (OpenAPI 3.1 sections 4.8.13 and 4.8.14).

use std::convert::Infallible;

use testudo_body::json::{JsonError, Limits};
use testudo_body::xml;
use testudo_core::{Denial, Span};

use super::report::{Checked, Options, Unknown, Violation};
use super::rule::RuleId;
use super::run::{Findings, Run};
use super::tape::{Kind, Tape};
use super::{form, multipart, place};
use crate::Contract;
use crate::route::{Body, Route};
use crate::sniff::{self, Media};

/// The longest content type that is read.
const MAX_TYPE: usize = 256;

impl Contract {
    /// Checks a whole request body of a route, of at most 256 KiB and with its content codings undone. `content_type` is
    /// the header as it came. An open contract has nothing against any body.
    pub fn check_body(&self, route: &Route, content_type: Option<&[u8]>, body: &[u8], options: Options) -> Checked {
        if self.is_open() {
            return Checked::default();
        }
        let Some(wanted) = &route.request_body else { return unexpected(body, options) };
        if body.is_empty() {
            let missing = || Checked::refused(Denial::Malformed, "", "missing-body", "a body");
            return if wanted.required { missing() } else { Checked::default() };
        }
        let (index, media) = match taken(wanted, content_type) {
            Ok(taken) => taken,
            Err(refused) => return refused,
        };
        let Some(kind) = Reading::of(&media) else {
            return Checked::refused(Denial::UnsupportedMediaType, "", "wrong-charset", "the charset UTF-8");
        };
        let rules = self.program().routes.get(route.id.index());
        let rule = rules.and_then(|rules| rules.bodies.get(index).copied()).flatten();
        let encodings = wanted.content.get_index(index).and_then(|(range, _)| wanted.encodings.get(range));
        match kind {
            Reading::Json => self.json(rule, body, options),
            Reading::Lines => self.lines(rule, body, options),
            Reading::Form => form::check(self.program(), rule, encodings, body, options),
            Reading::Multipart => {
                let header = content_type.unwrap_or_default();
                multipart::check(self.program(), rule, encodings, header, body, options)
            }
            Reading::Xml => well_formed(body),
            Reading::Text => self.text(rule, body, options),
            Reading::Other => content(&media, body),
        }
    }

    fn json(&self, rule: Option<RuleId>, body: &[u8], options: Options) -> Checked {
        let tape = match Tape::json(body, Limits::REQUEST) {
            Ok(tape) => tape,
            Err(error) => return broken(&error),
        };
        Checked::of(self.found(&tape, rule, options))
    }

    fn found(&self, tape: &Tape<'_>, rule: Option<RuleId>, options: Options) -> Findings {
        let mut run = Run::new(self.program(), tape, options.unknown);
        match rule {
            Some(rule) => run.check(rule, 0),
            None => run.found.free_names = true,
        }
        let mut found = run.found;
        for at in tape.repeated() {
            let pointer = place::pointer(self.program(), tape, at);
            found.violations.push(Violation { pointer, code: "repeated-field", expected: "each field once".into() });
        }
        found
    }

    /// One document per line (NDJSON), each of which must fit.
    fn lines(&self, rule: Option<RuleId>, body: &[u8], options: Options) -> Checked {
        let mut all = Findings::default();
        let mut start = 0;
        for (number, line) in body.split(|byte| *byte == b'\n').enumerate() {
            let begins = start;
            start += line.len() + 1;
            if line.trim_ascii().is_empty() {
                continue;
            }
            let tape = match Tape::json(line, Limits::REQUEST) {
                Ok(tape) => tape,
                Err(error) => return broken(&error),
            };
            let found = self.found(&tape, rule, options);
            let placed =
                |violation: Violation| Violation { pointer: format!("/{number}{}", violation.pointer), ..violation };
            all.violations.extend(found.violations.into_iter().map(placed));
            all.notes.extend(found.notes.into_iter().map(placed));
            all.proven.extend(found.proven.into_iter().map(|mut proven| {
                proven.span = Span { start: proven.span.start + begins, end: proven.span.end + begins };
                proven
            }));
            all.free_names |= found.free_names;
            if all.violations.len() >= super::MAX_VIOLATIONS {
                break;
            }
        }
        Checked::of(all)
    }

    /// A text is one string.
    fn text(&self, rule: Option<RuleId>, body: &[u8], options: Options) -> Checked {
        if std::str::from_utf8(body).is_err() {
            return Checked::refused(Denial::Malformed, "", "not-utf8", "UTF-8");
        }
        let mut tape = Tape::composed(body);
        tape.value(Kind::String, Span { start: 0, end: body.len() }, false);
        let mut found = self.found(&tape, rule, options);
        found.free_names = true;
        Checked::of(found)
    }
}

/// What the contract has against a body of a route that takes none.
pub(super) fn unexpected(body: &[u8], options: Options) -> Checked {
    if body.is_empty() {
        return Checked::default();
    }
    let refused = Checked::refused(Denial::Malformed, "", "unexpected-body", "no body");
    match options.unknown {
        Unknown::Refuse => refused,
        Unknown::Report => Checked::noted(refused.violations),
        Unknown::Allow => Checked::default(),
    }
}

/// JSON that can't be read, with the place that the reader tells.
pub(super) fn broken(error: &JsonError) -> Checked {
    let expected = format!("JSON: line {}, byte {}: {}", error.line, error.offset, error.kind);
    // Before its first key, an object's path ends with a slash.
    Checked::refused(Denial::Malformed, error.path.trim_end_matches('/'), "malformed", expected)
}

fn well_formed(body: &[u8]) -> Checked {
    let mut reader = xml::Reader::new(xml::Limits::REQUEST);
    let mut visit = |_: &xml::Token<'_>| Ok::<(), Infallible>(());
    match reader.push(body, &mut visit).and_then(|()| reader.finish(&mut visit)) {
        Ok(()) => Checked::default(),
        Err(_) => Checked::refused(Denial::Malformed, "", "malformed", "XML"),
    }
}

/// A body that is no document is looked at only for what it is.
fn content(media: &Media, body: &[u8]) -> Checked {
    match sniff::disagreement(&media.essence, body) {
        None => Checked::default(),
        Some(found) => {
            let expected = format!("content of the type {} and not {}", media.essence, found.name());
            Checked::refused(Denial::UnsupportedMediaType, "", "content-mismatch", expected)
        }
    }
}

/// The entry of the contract that takes a media type, or the refusal of it.
pub(super) fn taken(wanted: &Body, content_type: Option<&[u8]>) -> Result<(usize, Media), Checked> {
    content_type.and_then(|written| choose(wanted, written)).ok_or_else(|| {
        let names: Vec<&str> = wanted.content.keys().map(|media| &**media).collect();
        let expected = format!("the media type {}", names.join(" or "));
        Checked::refused(Denial::UnsupportedMediaType, "", "wrong-media-type", expected)
    })
}

/// The entry of the contract that takes a media type: the type itself, its range, or all (OpenAPI 3.1 section 4.8.13.1).
fn choose(wanted: &Body, written: &[u8]) -> Option<(usize, Media)> {
    let media = std::str::from_utf8(written.get(..MAX_TYPE.min(written.len()))?).ok().and_then(Media::parse)?;
    let (kind, _) = media.essence.split_once('/')?;
    let index = wanted.content.get_index_of(&*media.essence).or_else(|| {
        wanted.content.get_index_of(&*format!("{kind}/*")).or_else(|| wanted.content.get_index_of("*/*"))
    })?;
    Some((index, media))
}

/// Whether a body of this type is only looked at, and not read.
pub(super) fn is_opaque(media: &Media) -> bool {
    matches!(Reading::of(media), Some(Reading::Other)) || &*media.essence == "image/svg+xml"
}

/// How a body is read.
enum Reading {
    Json,
    Lines,
    Form,
    Multipart,
    Xml,
    Text,
    Other,
}

impl Reading {
    /// Nothing where its charset is one that readers may take for another.
    fn of(media: &Media) -> Option<Reading> {
        let (kind, sub) = media.essence.split_once('/')?;
        let utf8 = media.charset.as_deref().is_none_or(|charset| matches!(charset, "utf-8" | "utf8" | "us-ascii"));
        let reading = match (kind, sub) {
            ("application", "x-ndjson" | "ndjson" | "jsonl" | "json-seq") => Reading::Lines,
            ("application", "x-www-form-urlencoded") => Reading::Form,
            ("multipart", "form-data") => Reading::Multipart,
            (_, "json") => Reading::Json,
            (_, sub) if sub.ends_with("+json") => Reading::Json,
            ("application" | "text", "xml") => Reading::Xml,
            ("application", sub) if sub.ends_with("+xml") => Reading::Xml,
            ("text", _) => Reading::Text,
            _ => return Some(Reading::Other),
        };
        utf8.then_some(reading)
    }
}
