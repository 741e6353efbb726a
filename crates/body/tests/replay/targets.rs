//! What the fuzz targets check; `tests/replay.rs` runs the same on stable.

use testudo_body::json::{Framing, Halt, JsonErrorKind, Limits, Path, Reader, Token};
use testudo_body::sse::{self, EventTooLong, Events};

/// Every cut reads the same, and what is accepted is what another strict parser accepts.
pub fn json(data: &[u8]) {
    let Some((cut, text)) = data.split_first() else { return };
    let (head, tail) = text.split_at(usize::from(*cut).min(text.len()));
    for framing in [Framing::One, Framing::Lines] {
        let limits = Limits { hold: usize::from(*cut) / 8, depth: 100, ..Limits::default() };
        let whole = read(Reader::new(limits).framing(framing), &[text]);
        assert_eq!(read(Reader::new(limits).framing(framing), &[head, tail]), whole);
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(read(Reader::new(limits).framing(framing), &bytes), whole);
        if framing == Framing::One {
            let other = serde_json::from_slice::<serde_json::Value>(text);
            match (&whole.1, other) {
                (None | Some(JsonErrorKind::Limit { .. }), Ok(_)) | (Some(_), Err(_)) => {}
                // Numbers beyond a double are JSON all the same.
                (None, Err(error)) => assert!(error.to_string().contains("out of range"), "{error}"),
                (Some(kind), Ok(_)) => unreachable!("refused with {kind}"),
            }
        }
    }
}

/// What was said, without how it was cut, and why it was refused.
fn read(mut reader: Reader, chunks: &[&[u8]]) -> (Vec<u8>, Option<JsonErrorKind>) {
    let mut seen = Vec::new();
    let mut visit = |token: &Token<'_>, path: &Path| {
        match token {
            Token::StringPart(part) => seen.extend_from_slice(part),
            Token::BeginString(at) => seen.extend(format!("\n{} string {at} ", path.pointer()).bytes()),
            Token::EndString(span) => seen.extend(format!(" {}", span.end).bytes()),
            Token::String(text) => {
                assert_eq!(text.raw.len() + 2, text.span.end - text.span.start);
                seen.extend(format!("\n{} string {} ", path.pointer(), text.span.start).bytes());
                seen.extend_from_slice(text.raw);
                seen.extend(format!(" {}", text.span.end).bytes());
            }
            other => seen.extend(format!("\n{} {other:?}", path.pointer()).bytes()),
        }
        Ok::<(), ()>(())
    };
    let result = chunks.iter().try_for_each(|chunk| reader.push(chunk, &mut visit));
    match result.and_then(|()| reader.finish(&mut visit)) {
        Ok(()) => (seen, None),
        // Where a refused token began to be handed out depends on the cut.
        Err(Halt::Json(error)) => (Vec::new(), Some(error.kind)),
        Err(Halt::Visitor(())) => unreachable!("the visitor never stops"),
    }
}

/// Events are the stream, byte for byte, for every cut; their lines are the events.
pub fn events(data: &[u8]) {
    let Some((cut, text)) = data.split_first() else { return };
    let (head, tail) = text.split_at(usize::from(*cut).min(text.len()));
    let whole = frame(&[text]);
    assert_eq!(frame(&[head, tail]), whole);
    assert_eq!(whole.concat(), text);
    for event in &whole {
        let mut end = 0;
        for line in sse::lines(event) {
            assert!(end <= line.value.start && line.value.start <= line.value.end && line.value.end <= line.end);
            assert!(line.end > end);
            end = line.end;
        }
        assert_eq!(end, event.len());
    }
}

fn frame(chunks: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut events = Events::new(usize::MAX);
    let mut given = Vec::new();
    for chunk in chunks {
        let mut give = |event: &[u8]| {
            given.push(event.to_vec());
            Ok::<(), EventTooLong>(())
        };
        assert_eq!(events.push(chunk, &mut give), Ok(()));
    }
    given.push(events.finish());
    given
}
