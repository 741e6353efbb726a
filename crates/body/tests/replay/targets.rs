//! What the fuzz targets check; `tests/replay.rs` runs the same on stable.

use testudo_body::json::{Framing, Halt, JsonErrorKind, Limits, Path, Reader, Token};
use testudo_body::sse::{self, EventTooLong, Events};
use testudo_body::{form, multipart, xml};

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

/// The ways to cut that each target tries: not at all, at the first byte's number, and everywhere.
fn cuts(data: &[u8]) -> Option<[Vec<&[u8]>; 3]> {
    let (cut, text) = data.split_first()?;
    let (head, tail) = text.split_at(usize::from(*cut).min(text.len()));
    Some([vec![text], vec![head, tail], text.chunks(1).collect()])
}

/// Every cut reads the same, and the fields with their separators are the input.
pub fn form(data: &[u8]) {
    let Some([whole, cut, bytes]) = cuts(data) else { return };
    let separators = form::Separators::AmpersandOrSemicolon;
    let small = form::Limits { total: 60, fields: 4, name: 5, value: 9 };
    for limits in [form::Limits::REQUEST, small] {
        let read = |chunks: &[&[u8]]| {
            let mut said = Vec::new();
            let mut give = |field: &form::Field<'_>| {
                assert!(field.name.span.end <= field.value.span.start);
                let decoded = [field.name, field.value].map(|text| text.decode());
                assert!(decoded[0].bytes.len() <= field.name.raw.len());
                said.push((field.name.raw.to_vec(), field.value.raw.to_vec(), field.value.span, decoded[1].invalid));
                Ok::<(), ()>(())
            };
            let mut reader = form::Reader::new(limits).separators(separators);
            let pushed = chunks.iter().try_for_each(|chunk| reader.push(chunk, &mut give));
            let result = pushed.and_then(|()| reader.finish(&mut give));
            (said, result)
        };
        let said = read(&whole);
        assert_eq!(read(&cut), said);
        assert_eq!(read(&bytes), said);
        if said.1.is_ok() {
            let parts = whole[0].split(|byte| matches!(byte, b'&' | b';')).count();
            let last = usize::from(whole[0].last().is_none_or(|byte| matches!(byte, b'&' | b';')));
            assert_eq!(said.0.len(), parts - last);
        }
    }
}

/// Every cut reads the same, data is what stands at its offset, and what is whole has no error.
pub fn multipart(data: &[u8]) {
    let Some([whole, cut, bytes]) = cuts(data) else { return };
    let small = multipart::Limits { total: 400, parts: 3, files: 1, headers: 3, header: 80, value: 50 };
    for limits in [multipart::Limits::REQUEST, small] {
        let read = |chunks: &[&[u8]]| {
            let boundary = multipart::Boundary::of(b"multipart/form-data; boundary=b").unwrap();
            let mut reader = multipart::Reader::new(boundary, limits);
            let mut said: Vec<(multipart::Part, Vec<u8>, Option<bool>)> = Vec::new();
            let mut give = |token: &multipart::Token<'_>| {
                match token {
                    multipart::Token::BeginPart(part) => said.push(((*part).clone(), Vec::new(), None)),
                    multipart::Token::Data { offset, bytes } => {
                        assert_eq!(whole[0][*offset..offset + bytes.len()], **bytes);
                        said.last_mut().unwrap().1.extend_from_slice(bytes);
                    }
                    multipart::Token::EndPart { complete, .. } => said.last_mut().unwrap().2 = Some(*complete),
                }
                Ok::<(), ()>(())
            };
            let pushed = chunks.iter().try_for_each(|chunk| reader.push(chunk, &mut give));
            match pushed.and_then(|()| reader.finish(&mut give)) {
                // How much was read and handed out before a refusal depends on the cut.
                Err(multipart::Halt::Multipart(error))
                    if matches!(error.kind, multipart::MultipartErrorKind::Limit { .. }) =>
                {
                    (Vec::new(), multipart::Flags::default(), 0, Some(error))
                }
                result => {
                    assert_eq!(result.is_err(), reader.error().is_some());
                    (said, reader.flags(), reader.unmatched_boundary(), reader.error().copied())
                }
            }
        };
        let said = read(&whole);
        assert_eq!(read(&cut), said);
        assert_eq!(read(&bytes), said);
        assert!(said.3.is_some() || said.0.iter().all(|(_, _, end)| *end == Some(true)));
    }
    if let Ok(boundary) = multipart::Boundary::of(whole[0]) {
        assert!((1..=multipart::Boundary::LONGEST).contains(&boundary.value().len()));
    }
}

/// Every cut reads the same, every element ends, and values are what stands at their spans.
pub fn xml(data: &[u8]) {
    let Some([whole, cut, bytes]) = cuts(data) else { return };
    let small = xml::Limits { total: 200, depth: 3, elements: 5, attributes: 2, markup: 40 };
    for limits in [xml::Limits::REQUEST, small] {
        let read = |chunks: &[&[u8]]| {
            let (mut said, mut depth) = (Vec::new(), 0);
            let mut give = |token: &xml::Token<'_>| {
                match token {
                    xml::Token::Doctype(span) => said.extend(format!("\n! {span:?}").bytes()),
                    xml::Token::BeginElement { name, depth: deep, .. } => {
                        depth += 1;
                        assert_eq!(*deep, depth);
                        said.extend([b"\n< ", *name].concat());
                    }
                    xml::Token::Attribute { name, value, .. } => {
                        assert_eq!(whole[0][value.span.start..value.span.end], *value.raw);
                        said.extend([b"\n@ ", *name, b"=", &value.decode()].concat());
                    }
                    xml::Token::Text(text) => said.extend_from_slice(&text.decode()),
                    xml::Token::EndElement(at) => {
                        depth -= 1;
                        said.extend(format!("\n> {at}").bytes());
                    }
                }
                Ok::<(), ()>(())
            };
            let mut reader = xml::Reader::new(limits);
            let pushed = chunks.iter().try_for_each(|chunk| reader.push(chunk, &mut give));
            // How much of the last text was handed out before a refusal depends on the cut.
            pushed.and_then(|()| reader.finish(&mut give))?;
            assert_eq!(depth, 0);
            Ok::<_, xml::Halt<()>>(said)
        };
        let said = read(&whole);
        assert_eq!(read(&cut), said);
        assert_eq!(read(&bytes), said);
    }
}
