//! Server-sent events: the data of each is one document.
//!
//! Data of several lines are joined by line breaks before they are read, and put back on lines of their own; their line
//! ends stay. Other lines are texts. Data that are no JSON can't be masked, except `[DONE]`, with which streams of
//! language models end.

use testudo_body::sse::{Field, Line, lines};

use super::{Documents, MaskError, value};

const DONE: &[u8] = b"[DONE]";

pub(super) fn mask(documents: &mut Documents, event: &[u8], out: &mut Vec<u8>) -> Result<(), MaskError> {
    let of = |range: std::ops::Range<usize>| event.get(range).unwrap_or_default();
    let data: Vec<Line> = lines(event).filter(|line| line.field == Field::Data).collect();
    let joined = data.iter().map(|line| of(line.value.clone())).collect::<Vec<_>>().join(&b'\n');
    let mut shown = Vec::with_capacity(joined.len());
    if joined.trim_ascii().is_empty() || joined.trim_ascii() == DONE {
        shown.extend_from_slice(&joined);
    } else {
        documents.whole(&joined, &mut shown)?;
    }
    let mut shown = shown.split(|byte| *byte == b'\n').peekable();
    let mut start = 0;
    for line in lines(event) {
        match line.field {
            Field::Data => {
                // Lines that were removed with their member leave none.
                if let Some(text) = shown.next() {
                    out.extend_from_slice(of(start..line.value.start));
                    out.extend_from_slice(text);
                    out.extend_from_slice(of(line.value.end..line.end));
                }
            }
            Field::Empty => out.extend_from_slice(of(start..line.end)),
            _ => text(documents, of(start..line.end), out),
        }
        start = line.end;
    }
    Ok(())
}

/// A line that is no data. Bytes that are not UTF-8 read as U+FFFD to every client.
fn text(documents: &mut Documents, line: &[u8], out: &mut Vec<u8>) {
    let engine = &mut documents.engine;
    if engine.masking.plan.detects() {
        let line = String::from_utf8_lossy(line);
        out.extend_from_slice(value::mask_text(&engine.masking, &line, &mut engine.masked).as_bytes());
    } else {
        out.extend_from_slice(line);
    }
}
