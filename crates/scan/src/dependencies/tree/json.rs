//! JSON (RFC 8259) as a tree.

use testudo_body::json::{Halt, Limits, Path, Reader, Token};

use super::{Builder, Data, MAX_BYTES, MAX_DEPTH, MAX_NODES, Map, Node, Open, text, to_line};
use crate::dependencies::error::Wrong;

const LIMITS: Limits = Limits {
    total: MAX_BYTES as u64,
    depth: MAX_DEPTH,
    string: 1 << 20,
    key: 64 << 10,
    number: 1024,
    members: 1_000_000,
    values: MAX_NODES,
    hold: 1 << 20,
};

/// Reads one value.
pub(in crate::dependencies) fn parse(bytes: &[u8]) -> Result<Node, Wrong> {
    let bytes = text(bytes)?.as_bytes();
    let mut builder = Builder::default();
    let mut lines = Lines { bytes, at: 0, line: 1 };
    let mut visit = |token: &Token<'_>, _: &Path| -> Result<(), Wrong> {
        match token {
            Token::BeginObject(at) => {
                let line = lines.of(*at);
                builder.begin(Open::Map(line, Map::new(), None), line)
            }
            Token::BeginArray(at) => {
                let line = lines.of(*at);
                builder.begin(Open::List(line, Vec::new()), line)
            }
            Token::EndObject(_) | Token::EndArray(_) => builder.end(),
            Token::Key { text, .. } => builder.key(text.decode().into(), lines.of(text.span.start)),
            Token::String(text) => {
                builder.add(Node { line: lines.of(text.span.start), data: Data::Text(text.decode().into()) })
            }
            Token::Number { span, raw } => {
                let number = String::from_utf8_lossy(raw).into_owned().into();
                builder.add(Node { line: lines.of(span.start), data: Data::Number(number) })
            }
            Token::Bool { span, value } => builder.add(Node { line: lines.of(span.start), data: Data::Bool(*value) }),
            Token::Null(span) => builder.add(Node { line: lines.of(span.start), data: Data::Null }),
            // One chunk gives strings whole; commas and the end say nothing more.
            _ => Ok(()),
        }
    };
    let mut reader = Reader::new(LIMITS);
    reader.push(bytes, &mut visit).map_err(wrong)?;
    reader.finish(&mut visit).map_err(wrong)?;
    builder.root.ok_or_else(|| Wrong::malformed(1, "there is no value"))
}

fn wrong(halt: Halt<Wrong>) -> Wrong {
    match halt {
        Halt::Json(error) => Wrong::malformed(to_line(error.line), format!("this is not JSON: {}", error.kind)),
        Halt::Visitor(wrong) => wrong,
    }
}

/// Lines of offsets that only grow.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
}

impl Lines<'_> {
    fn of(&mut self, offset: usize) -> u32 {
        let passed = self.bytes.get(self.at..offset).unwrap_or_default();
        self.line += memchr::memchr_iter(b'\n', passed).count();
        self.at = self.at.max(offset);
        to_line(self.line)
    }
}
