//! The reader: a state machine over chunks that allocates nothing per token.
//!
//! A token that lies within one chunk is handed out as a slice of it. Only what continues in the next chunk is copied:
//! keys, numbers and words, which are short, and strings up to [`Limits::hold`].

use memchr::memchr_iter;
use testudo_core::Span;

use super::keys::Keys;
use super::number::is_number;
use super::string::Scan;
use super::{Framing, Halt, JsonError, JsonErrorKind, Limits, Path, Text, Token, Visit};

/// Reads JSON that comes in chunks.
#[derive(Debug)]
pub struct Reader {
    limits: Limits,
    framing: Framing,
    state: State,
    /// The string that goes on in the next chunk.
    scan: Scan,
    path: Path,
    /// The keys of open objects, when repeats are looked for.
    keys: Option<Keys>,
    /// What came of a token that goes on in the next chunk, without the opening quote.
    scratch: Vec<u8>,
    /// Where that token begins.
    start: usize,
    /// The offset of the chunk's first byte.
    base: usize,
    /// Line breaks before the chunk.
    lines: usize,
    /// Values of the document so far.
    values: usize,
    /// Documents that ended.
    documents: usize,
    failed: Option<JsonError>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// At the very beginning, where a byte order mark would be.
    Start,
    /// A value is due.
    Value,
    /// A value or `]`.
    First,
    /// A key or `}`.
    FirstKey,
    /// A key.
    Key,
    /// `:`.
    Colon,
    /// `,` or the end of the container.
    After,
    /// The value at the top is complete.
    Done,
    /// Within a string that began in an earlier chunk.
    String { key: bool },
    /// Within such a string, of which parts were handed out.
    LongString { length: usize },
    /// Within a number or word that began in an earlier chunk.
    Bare,
}

/// What a failed step gives, before the place is known: the index in the chunk, or what the visitor said.
enum Wrong<E> {
    Json(JsonErrorKind, usize),
    Visitor(E),
}

type Step<T, V> = Result<T, Wrong<<V as Visit>::Stop>>;

impl Reader {
    /// A reader of one value, which looks for repeated keys.
    pub fn new(limits: Limits) -> Reader {
        Reader {
            limits,
            framing: Framing::One,
            state: State::Start,
            scan: Scan::default(),
            path: Path::default(),
            keys: Some(Keys::default()),
            scratch: Vec::new(),
            start: 0,
            base: 0,
            lines: 0,
            values: 0,
            documents: 0,
            failed: None,
        }
    }

    /// Sets how many values the input holds.
    #[must_use]
    pub fn framing(mut self, framing: Framing) -> Reader {
        self.framing = framing;
        self
    }

    /// Does not look for repeated keys, which is quicker.
    #[must_use]
    pub fn without_repeats(mut self) -> Reader {
        self.keys = None;
        self
    }

    /// Begins anew with the same settings and memory.
    pub fn reset(&mut self) {
        self.state = State::Start;
        self.scan = Scan::default();
        self.path.clear();
        self.keys.iter_mut().for_each(Keys::clear);
        self.scratch.clear();
        (self.start, self.base, self.lines, self.values, self.documents) = (0, 0, 0, 0, 0);
        self.failed = None;
    }

    /// Bytes read so far.
    pub fn offset(&self) -> usize {
        self.base
    }

    /// Where the token begins that goes on in the next chunk, if one does and nothing of it was handed out.
    pub fn pending(&self) -> Option<usize> {
        matches!(self.state, State::String { .. } | State::Bare).then_some(self.start)
    }

    /// The next bytes, cut anywhere. After an error, every later call gives the same error.
    pub fn push<V: Visit>(&mut self, chunk: &[u8], visit: &mut V) -> Result<(), Halt<V::Stop>> {
        if let Some(error) = &self.failed {
            return Err(Halt::Json(error.clone()));
        }
        let room = usize::try_from(self.limits.total).unwrap_or(usize::MAX).saturating_sub(self.base);
        let within = chunk.get(..room).unwrap_or(chunk);
        let mut result = self.run(within, visit);
        if result.is_ok() && within.len() < chunk.len() {
            result = Err(limit("bytes", self.limits.total, within.len()));
        }
        match result {
            Ok(()) => {
                self.base += chunk.len();
                self.lines += memchr_iter(b'\n', chunk).count();
                Ok(())
            }
            Err(wrong) => Err(self.fail(wrong, chunk)),
        }
    }

    /// The input has ended.
    pub fn finish<V: Visit>(&mut self, visit: &mut V) -> Result<(), Halt<V::Stop>> {
        if let Some(error) = &self.failed {
            return Err(Halt::Json(error.clone()));
        }
        self.end(visit).map_err(|wrong| self.fail(wrong, &[]))
    }

    fn end<V: Visit>(&mut self, visit: &mut V) -> Step<(), V> {
        if self.state == State::Bare {
            let raw = std::mem::take(&mut self.scratch);
            self.complete_bare(&raw, self.start, visit)?;
        }
        let line_may_be_empty = self.framing == Framing::Lines && self.path.depth() == 0;
        match self.state {
            State::Done => self.document(self.base, visit),
            State::Start | State::Value if line_may_be_empty => Ok(()),
            State::Start | State::Value if self.path.depth() == 0 => Err(Wrong::Json(JsonErrorKind::Empty, 0)),
            _ => Err(Wrong::Json(JsonErrorKind::Truncated, 0)),
        }
    }

    #[cold]
    fn fail<E>(&mut self, wrong: Wrong<E>, chunk: &[u8]) -> Halt<E> {
        let (kind, at) = match wrong {
            Wrong::Visitor(stop) => (None, Err(stop)),
            Wrong::Json(kind, at) => (Some(kind), Ok(at)),
        };
        let before = chunk.get(..*at.as_ref().unwrap_or(&0)).unwrap_or(chunk);
        let error = JsonError {
            kind: kind.unwrap_or(JsonErrorKind::Truncated),
            offset: self.base + before.len(),
            line: 1 + self.lines + memchr_iter(b'\n', before).count(),
            path: self.path.shown(),
        };
        self.failed = Some(error.clone());
        match at {
            Ok(_) => Halt::Json(error),
            Err(stop) => Halt::Visitor(stop),
        }
    }

    fn run<V: Visit>(&mut self, chunk: &[u8], visit: &mut V) -> Step<(), V> {
        let mut at = self.resume(chunk, visit)?;
        while let Some(&byte) = chunk.get(at) {
            at = match byte {
                b' ' | b'\t' | b'\r' => at + 1,
                b'\n' => {
                    if self.framing == Framing::Lines {
                        self.line_break(at, visit)?;
                    }
                    at + 1
                }
                _ => self.step(byte, chunk, at, visit)?,
            };
        }
        Ok(())
    }

    #[inline]
    fn step<V: Visit>(&mut self, byte: u8, chunk: &[u8], at: usize, visit: &mut V) -> Step<usize, V> {
        match (self.state, byte) {
            (State::After, b',') => {
                self.give(&Token::Comma(self.base + at), visit)?;
                let object = self.path.top().is_some_and(|frame| frame.object);
                self.path.advance();
                self.state = if object { State::Key } else { State::Value };
                Ok(at + 1)
            }
            (State::Colon, b':') => {
                self.state = State::Value;
                Ok(at + 1)
            }
            (State::Key | State::FirstKey, b'"') => self.string(chunk, at, true, visit),
            (State::Value | State::First | State::Start, b'"') => self.string(chunk, at, false, visit),
            (State::Value | State::First | State::Start, b'{' | b'[') => self.open(byte == b'{', at, visit),
            (State::After | State::FirstKey, b'}') | (State::After | State::First, b']') => {
                self.close(byte == b'}', at, visit)
            }
            (State::Value | State::First | State::Start, b'0'..=b'9' | b'-' | b'a'..=b'z' | b'A'..=b'Z') => {
                self.bare(chunk, at, visit)
            }
            _ => Err(Wrong::Json(self.unexpected(byte), at)),
        }
    }

    fn unexpected(&self, byte: u8) -> JsonErrorKind {
        let expected = match self.state {
            State::Start if byte == 0xef || byte == 0xfe || byte == 0xff => return JsonErrorKind::ByteOrderMark,
            State::Done => return JsonErrorKind::Trailing,
            State::First => "a value or `]`",
            State::FirstKey => "a key or `}`",
            State::Key => "a key",
            State::Colon => "`:`",
            State::After if self.path.top().is_some_and(|frame| frame.object) => "`,` or `}`",
            State::After => "`,` or `]`",
            _ => "a value",
        };
        JsonErrorKind::Unexpected { expected }
    }

    #[inline]
    fn give<V: Visit>(&self, token: &Token<'_>, visit: &mut V) -> Step<(), V> {
        visit.token(token, &self.path).map_err(Wrong::Visitor)
    }

    fn line_break<V: Visit>(&mut self, at: usize, visit: &mut V) -> Step<(), V> {
        match self.state {
            State::Done => {
                self.document(self.base + at, visit)?;
                self.state = State::Value;
                self.values = 0;
                Ok(())
            }
            State::Start | State::Value if self.path.depth() == 0 => Ok(()),
            _ => Err(Wrong::Json(JsonErrorKind::LineBreak, at)),
        }
    }

    fn document<V: Visit>(&mut self, offset: usize, visit: &mut V) -> Step<(), V> {
        self.documents += 1;
        self.give(&Token::EndDocument(offset), visit)
    }

    #[inline]
    fn count_value(&mut self, at: usize) -> Result<(), (JsonErrorKind, usize)> {
        self.values += 1;
        if self.values > self.limits.values {
            let most = self.limits.values as u64;
            return Err((JsonErrorKind::Limit { what: "values", most }, at));
        }
        Ok(())
    }

    #[inline]
    fn value_done(&mut self) {
        self.state = if self.path.depth() == 0 { State::Done } else { State::After };
    }

    fn open<V: Visit>(&mut self, object: bool, at: usize, visit: &mut V) -> Step<usize, V> {
        self.count_value(at)?;
        if self.path.depth() >= self.limits.depth {
            return Err(limit("levels of nesting", self.limits.depth as u64, at));
        }
        let offset = self.base + at;
        self.give(&if object { Token::BeginObject(offset) } else { Token::BeginArray(offset) }, visit)?;
        self.path.open(object);
        if object {
            self.keys.iter_mut().for_each(Keys::open);
        }
        self.state = if object { State::FirstKey } else { State::First };
        Ok(at + 1)
    }

    fn close<V: Visit>(&mut self, object: bool, at: usize, visit: &mut V) -> Step<usize, V> {
        if self.path.top().is_none_or(|frame| frame.object != object) {
            return Err(Wrong::Json(self.unexpected(b' '), at));
        }
        self.path.close();
        if object {
            self.keys.iter_mut().for_each(Keys::close);
        }
        self.value_done();
        let offset = self.base + at;
        self.give(&if object { Token::EndObject(offset) } else { Token::EndArray(offset) }, visit)?;
        Ok(at + 1)
    }

    #[inline]
    fn string<V: Visit>(&mut self, chunk: &[u8], at: usize, key: bool, visit: &mut V) -> Step<usize, V> {
        let mut scan = Scan::default();
        let most = if key { self.limits.key } else { self.limits.string };
        if let Some(end) = scan.run(chunk, at + 1)? {
            let raw = chunk.get(at + 1..end).unwrap_or_default();
            if raw.len() > most {
                return Err(too_long(key, most, at));
            }
            let place = Span { start: self.base + at, end: self.base + end + 1 };
            let text = Text { span: place, raw, escaped: scan.escaped };
            if key {
                self.give_key(text, at, visit)?;
            } else {
                self.give_string(text, at, visit)?;
            }
            return Ok(end + 1);
        }
        let begun = chunk.get(at + 1..).unwrap_or_default();
        if begun.len() > most {
            return Err(too_long(key, most, at));
        }
        self.scan = scan;
        self.start = self.base + at;
        self.scratch.clear();
        self.state = State::String { key };
        self.hold(begun, key, visit)?;
        Ok(chunk.len())
    }

    /// Keeps what came of a string, or hands it out when it has become long.
    fn hold<V: Visit>(&mut self, part: &[u8], key: bool, visit: &mut V) -> Step<(), V> {
        if key || self.scratch.len() + part.len() <= self.limits.hold {
            self.scratch.extend_from_slice(part);
            return Ok(());
        }
        let begun = std::mem::take(&mut self.scratch);
        self.state = State::LongString { length: begun.len() + part.len() };
        self.give(&Token::BeginString(self.start), visit)?;
        for part in [&begun, part] {
            if !part.is_empty() {
                self.give(&Token::StringPart(part), visit)?;
            }
        }
        Ok(())
    }

    fn give_key<V: Visit>(&mut self, text: Text<'_>, at: usize, visit: &mut V) -> Step<(), V> {
        if self.path.key(text.raw, text.escaped) > self.limits.members {
            return Err(limit("members in an object", self.limits.members as u64, at));
        }
        let repeated = self.keys.as_mut().is_some_and(|keys| keys.repeats(&text));
        self.state = State::Colon;
        self.give(&Token::Key { text, repeated }, visit)
    }

    fn give_string<V: Visit>(&mut self, text: Text<'_>, at: usize, visit: &mut V) -> Step<(), V> {
        self.count_value(at)?;
        self.value_done();
        self.give(&Token::String(text), visit)
    }

    #[inline]
    fn bare<V: Visit>(&mut self, chunk: &[u8], at: usize, visit: &mut V) -> Step<usize, V> {
        let rest = chunk.get(at..).unwrap_or_default();
        let length = rest.iter().take_while(|byte| is_bare(**byte)).count();
        if length > self.limits.number {
            return Err(limit("bytes in a number", self.limits.number as u64, at));
        }
        let raw = rest.get(..length).unwrap_or(rest);
        if length < rest.len() {
            self.complete_bare(raw, self.base + at, visit)?;
        } else {
            self.start = self.base + at;
            self.scratch.clear();
            self.scratch.extend_from_slice(raw);
            self.state = State::Bare;
        }
        Ok(at + length)
    }

    fn complete_bare<V: Visit>(&mut self, raw: &[u8], start: usize, visit: &mut V) -> Step<(), V> {
        let at = start.saturating_sub(self.base);
        self.count_value(at)?;
        let span = Span { start, end: start + raw.len() };
        let token = match raw {
            b"true" => Token::Bool { span, value: true },
            b"false" => Token::Bool { span, value: false },
            b"null" => Token::Null(span),
            [b'0'..=b'9' | b'-', ..] if is_number(raw) => Token::Number { span, raw },
            [b'0'..=b'9' | b'-', ..] => return Err(Wrong::Json(JsonErrorKind::Number, at)),
            _ => return Err(Wrong::Json(JsonErrorKind::Word, at)),
        };
        self.value_done();
        self.give(&token, visit)
    }

    /// Completes the token that began in an earlier chunk; gives the index behind it.
    fn resume<V: Visit>(&mut self, chunk: &[u8], visit: &mut V) -> Step<usize, V> {
        match self.state {
            State::String { key } => self.resume_string(chunk, key, visit),
            State::LongString { length } => self.resume_long(chunk, length, visit),
            State::Bare => {
                let length = chunk.iter().take_while(|byte| is_bare(**byte)).count();
                if self.scratch.len() + length > self.limits.number {
                    return Err(limit("bytes in a number", self.limits.number as u64, 0));
                }
                self.scratch.extend_from_slice(chunk.get(..length).unwrap_or(chunk));
                if length < chunk.len() {
                    let raw = std::mem::take(&mut self.scratch);
                    self.complete_bare(&raw, self.start, visit)?;
                    self.scratch = raw;
                }
                Ok(length)
            }
            _ => Ok(0),
        }
    }

    fn resume_string<V: Visit>(&mut self, chunk: &[u8], key: bool, visit: &mut V) -> Step<usize, V> {
        let end = self.scan.run(chunk, 0)?;
        let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or(chunk);
        let most = if key { self.limits.key } else { self.limits.string };
        if self.scratch.len() + part.len() > most {
            return Err(too_long(key, most, 0));
        }
        self.hold(part, key, visit)?;
        let Some(end) = end else { return Ok(chunk.len()) };
        let span = Span { start: self.start, end: self.base + end + 1 };
        if matches!(self.state, State::LongString { .. }) {
            self.end_long(span, visit)?;
        } else {
            let raw = std::mem::take(&mut self.scratch);
            let text = Text { span, raw: &raw, escaped: self.scan.escaped };
            if key {
                self.give_key(text, 0, visit)?;
            } else {
                self.give_string(text, 0, visit)?;
            }
            self.scratch = raw;
        }
        Ok(end + 1)
    }

    fn resume_long<V: Visit>(&mut self, chunk: &[u8], length: usize, visit: &mut V) -> Step<usize, V> {
        let end = self.scan.run(chunk, 0)?;
        let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or(chunk);
        let length = length + part.len();
        if length > self.limits.string {
            return Err(too_long(false, self.limits.string, 0));
        }
        self.state = State::LongString { length };
        if !part.is_empty() {
            self.give(&Token::StringPart(part), visit)?;
        }
        let Some(end) = end else { return Ok(chunk.len()) };
        self.end_long(Span { start: self.start, end: self.base + end + 1 }, visit)?;
        Ok(end + 1)
    }

    fn end_long<V: Visit>(&mut self, span: Span, visit: &mut V) -> Step<(), V> {
        self.count_value(0)?;
        self.value_done();
        self.give(&Token::EndString(span), visit)
    }
}

impl<E> From<(JsonErrorKind, usize)> for Wrong<E> {
    fn from((kind, at): (JsonErrorKind, usize)) -> Wrong<E> {
        Wrong::Json(kind, at)
    }
}

fn limit<E>(what: &'static str, most: u64, at: usize) -> Wrong<E> {
    Wrong::Json(JsonErrorKind::Limit { what, most }, at)
}

fn too_long<E>(key: bool, most: usize, at: usize) -> Wrong<E> {
    limit(if key { "bytes in a key" } else { "bytes in a string" }, most as u64, at)
}

/// Bytes of which numbers and words are made.
#[inline]
fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

#[cfg(test)]
mod tests;
