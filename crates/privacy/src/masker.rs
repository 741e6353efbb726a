//! The masker: carries out a plan on bytes as they pass.
//!
//! Every byte outside the masked values stays as it is, however the input is cut. What is held back is bounded: a token
//! that is not complete yet, and, where members may be removed, the comma and key before a value.
//!
//! | A value | is shown as |
//! |---|---|
//! | a string under a mark | its treatment, as a string or `null`; when it is longer than [`Masking::hold`], `"***"` |
//! | a number under a mark | its treatment, as a string, for a masked number is none |
//! | `true` or `false` under a mark | `null`, for two values hide nothing |
//! | `null`, `""`, `{}` and `[]` under a mark | as it is, unless it is removed |
//! | an object or array under a mark | its leaves as if each were marked; removed as a whole |
//! | an unmarked string, when the plan detects | what is found in it is replaced; when the treatment is `null` or `drop`, the whole value |
//! | an unmarked string longer than [`Masking::hold`], when the plan detects | `"***"`: what can't be looked at whole is not shown |
//! | a key that is marked, or in which something is found | the key is replaced, or its member removed |
//!
//! The document itself can't be removed; it becomes `null`.

mod engine;
mod event;
mod value;

use std::borrow::Cow;
use std::sync::Arc;

use testudo_body::json::{Framing, Halt, JsonError, Limits, Reader};
use testudo_body::sse::{EventTooLong, Events};

use self::engine::{Engine, Pass};
use crate::{DataClass, Marks, MaskKeys, Plan, Treatment};

/// Strings and event lines are looked at whole up to this many bytes, unless it is set otherwise.
const HOLD: usize = 64 * 1024;
/// Events of a stream are held whole up to this many bytes.
const EVENT: usize = 1024 * 1024;

/// What a response is written in, as far as it can be masked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Format {
    /// One JSON document.
    Json,
    /// One JSON document per line.
    Ndjson,
    /// Server-sent events whose data are JSON documents.
    Sse,
}

impl Format {
    /// The format of a media type (`Content-Type`); nothing, when it can't be masked.
    pub fn from_media_type(value: &str) -> Option<Format> {
        let (essence, parameters) = value.split_once(';').unwrap_or((value, ""));
        let essence = essence.trim().to_ascii_lowercase();
        let other_charset =
            parameters.split(';').filter_map(|parameter| parameter.split_once('=')).any(|(name, value)| {
                let value = value.trim().trim_matches('"');
                name.trim().eq_ignore_ascii_case("charset")
                    && !["utf-8", "utf8", "us-ascii"].iter().any(|own| value.eq_ignore_ascii_case(own))
            });
        match &*essence {
            _ if other_charset => None,
            "application/json" | "text/json" => Some(Format::Json),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/json-lines" => {
                Some(Format::Ndjson)
            }
            "text/event-stream" => Some(Format::Sse),
            _ if essence.ends_with("+json") => Some(Format::Json),
            _ => None,
        }
    }
}

/// Why a response can't be masked. Nothing that follows may be delivered, and what was given before the error is safe
/// to have been.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MaskError {
    /// The document is not what the reader takes.
    #[error("can't be masked: not readable as JSON: {0}")]
    Unreadable(#[from] JsonError),
    /// An event is longer than is held.
    #[error("can't be masked: {0}")]
    EventTooLong(#[from] EventTooLong),
    /// More than is held stands between two members.
    #[error("can't be masked: more than {0} bytes of white space between members")]
    TooMuchSpace(usize),
    /// The plan asks for hashes or tokens.
    #[error("can't be masked: the plan asks for hashes or tokens, and there are no keys for them")]
    NoKeys,
}

impl From<Halt<MaskError>> for MaskError {
    fn from(halt: Halt<MaskError>) -> MaskError {
        match halt {
            Halt::Json(error) => MaskError::Unreadable(error),
            Halt::Visitor(error) => error,
        }
    }
}

/// How many values were masked, by class.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Masked {
    marked: [u64; DataClass::ALL.len()],
    found: [u64; DataClass::ALL.len()],
    /// Unmarked strings that were too long to be looked at, and so were hidden.
    pub unread: u64,
}

impl Masked {
    /// Values under a mark.
    pub fn marked(&self, class: DataClass) -> u64 {
        self.marked.get(class.index()).copied().unwrap_or_default()
    }

    /// Values that a detector found and no mark covers. Each is a mark that the contract lacks.
    pub fn found(&self, class: DataClass) -> u64 {
        self.found.get(class.index()).copied().unwrap_or_default()
    }

    /// All values that were masked.
    pub fn total(&self) -> u64 {
        self.marked.iter().chain(&self.found).sum::<u64>() + self.unread
    }

    pub(crate) fn count_marked(&mut self, class: DataClass) {
        self.marked.iter_mut().skip(class.index()).take(1).for_each(|count| *count += 1);
    }

    pub(crate) fn count_found(&mut self, class: DataClass) {
        self.found.iter_mut().skip(class.index()).take(1).for_each(|count| *count += 1);
    }
}

/// What a masker needs to know: marks, plan and keys.
#[derive(Clone, Debug)]
pub struct Masking {
    pub(crate) marks: Arc<Marks>,
    pub(crate) plan: Plan,
    keys: Option<MaskKeys>,
    hold: usize,
}

impl Masking {
    /// Refuses a plan that asks for hashes or tokens when there are no keys.
    pub fn new(marks: Arc<Marks>, plan: Plan, keys: Option<MaskKeys>) -> Result<Masking, MaskError> {
        let keyed = |class| matches!(plan.treatment(class), Treatment::Hash | Treatment::Token);
        if keys.is_none() && DataClass::ALL.into_iter().any(keyed) {
            return Err(MaskError::NoKeys);
        }
        Ok(Masking { marks, plan, keys, hold: HOLD })
    }

    /// Sets how many bytes of a string are held (64 KiB by default).
    #[must_use]
    pub fn hold(mut self, hold: usize) -> Masking {
        self.hold = hold;
        self
    }

    /// A masker of one response.
    pub fn masker(self, format: Format) -> Masker {
        let framing = if format == Format::Ndjson { Framing::Lines } else { Framing::One };
        let limits = Limits { hold: self.hold, ..Limits::STREAM };
        let reader = Reader::new(limits).without_repeats().framing(framing);
        let events = (format == Format::Sse).then(|| Events::new(EVENT));
        Masker { documents: Documents { reader, engine: Engine::new(self) }, events, failed: None }
    }

    /// What is shown for one marked value, such as that of a header; nothing when it is to be left out.
    pub fn value(&self, class: DataClass, text: &str) -> Option<String> {
        self.shown(self.plan.treatment(class), class, text)
    }

    /// Masks what is found in a text, such as a line of a log, whatever [`Plan::detects`] says. What would be removed
    /// becomes `***`.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        value::mask_text(self, text, &mut Masked::default())
    }
}

/// Masks one response.
#[derive(Debug)]
pub struct Masker {
    documents: Documents,
    events: Option<Events>,
    failed: Option<MaskError>,
}

impl Masker {
    /// Masks the next bytes, cut anywhere, and appends what may be delivered of them to `out`. After an error every
    /// later call gives it again.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), MaskError> {
        self.failed.clone().map_or(Ok(()), Err)?;
        let result = match &mut self.events {
            None => self.documents.push(chunk, out),
            Some(events) => events.push(chunk, |event| event::mask(&mut self.documents, event, out)),
        };
        self.note(result)
    }

    /// The input has ended: appends what was held back. An input that ended within a value is an error.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<Masked, MaskError> {
        self.failed.clone().map_or(Ok(()), Err)?;
        let result = match &mut self.events {
            None => self.documents.finish(out),
            Some(events) => {
                // Clients discard an event that did not end, so that leaving out one that can't be read loses nothing.
                let (rest, mut last) = (events.finish(), Vec::new());
                if event::mask(&mut self.documents, &rest, &mut last).is_ok() {
                    out.extend_from_slice(&last);
                }
                Ok(())
            }
        };
        self.note(result)?;
        Ok(self.documents.engine.masked)
    }

    fn note(&mut self, result: Result<(), MaskError>) -> Result<(), MaskError> {
        self.failed = result.as_ref().err().cloned();
        result
    }
}

/// Masks JSON documents.
#[derive(Debug)]
struct Documents {
    reader: Reader,
    engine: Engine,
}

impl Documents {
    fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), MaskError> {
        let base = self.reader.offset();
        let mut pass = Pass { engine: &mut self.engine, chunk, base, out };
        self.reader.push(chunk, &mut pass)?;
        pass.end(self.reader.pending())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), MaskError> {
        let base = self.reader.offset();
        let mut pass = Pass { engine: &mut self.engine, chunk: &[], base, out };
        self.reader.finish(&mut pass)?;
        pass.end(None)
    }

    /// Masks one whole document.
    fn whole(&mut self, document: &[u8], out: &mut Vec<u8>) -> Result<(), MaskError> {
        self.reader.reset();
        self.engine.reset();
        self.push(document, out)?;
        self.finish(out)
    }
}

#[cfg(test)]
mod tests;
