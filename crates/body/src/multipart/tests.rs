//! Tests of the reader of multipart bodies: flags, limits, and that every way to cut an input gives the same tokens.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use proptest::prelude::*;

use super::*;

/// What a reader said, however the input was cut.
#[derive(Clone, PartialEq, Debug, Default)]
struct Said {
    /// Each part with its data, and whether a boundary ended it.
    parts: Vec<(Part, Vec<u8>, Option<bool>)>,
    flags: Flags,
    unmatched: u8,
    error: Option<MultipartError>,
}

fn read_with(limits: Limits, chunks: &[&[u8]]) -> Said {
    let mut reader = Reader::new(Boundary::of(b"multipart/form-data; boundary=b").unwrap(), limits);
    let whole = chunks.concat();
    let mut said = Said::default();
    let mut give = |token: &Token<'_>| {
        match token {
            Token::BeginPart(part) => said.parts.push(((*part).clone(), Vec::new(), None)),
            Token::Data { offset, bytes } => {
                assert_eq!(&whole[*offset..offset + bytes.len()], *bytes);
                said.parts.last_mut().unwrap().1.extend_from_slice(bytes);
            }
            Token::EndPart { complete, len } => {
                let (_, data, end) = said.parts.last_mut().unwrap();
                assert_eq!((data.len() as u64, *end), (*len, None));
                *end = Some(*complete);
            }
        }
        Ok::<(), ()>(())
    };
    let pushed = chunks.iter().try_for_each(|chunk| reader.push(chunk, &mut give));
    let error = match pushed.and_then(|()| reader.finish(&mut give)) {
        Ok(()) => None,
        Err(Halt::Multipart(error)) => Some(error),
        Err(Halt::Visitor(())) => unreachable!("the visitor never stops"),
    };
    if matches!(error, Some(MultipartError { kind: MultipartErrorKind::Limit { .. }, .. })) {
        // How much was read and handed out before a refusal depends on the cut.
        return Said { error, ..Said::default() };
    }
    Said { flags: reader.flags(), unmatched: reader.unmatched_boundary(), error, ..said }
}

fn read(input: &str) -> Said {
    read_with(Limits::REQUEST, &[input.as_bytes()])
}

/// A body with one part `a` of this data.
fn body(data: &str) -> String {
    format!("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{data}\r\n--b--\r\n")
}

#[test]
fn parts_are_handed_out_with_headers_and_data() {
    let said = read(concat!(
        "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n\n2\r\n\r\n--b\r\n",
        "content-disposition: form-data; name=f; filename=\"x.txt\"; filename*=UTF-8''%78\r\nContent-Type: text/plain\r\n",
        "\r\n--x\r\n--b--\r\n",
    ));
    assert_eq!(said.error, None);
    assert_eq!((said.flags, said.unmatched), (Flags::default(), 2));
    let [(field, data, Some(true)), (file, content, Some(true))] = said.parts.as_slice() else { unreachable!() };
    assert_eq!((field.name.as_slice(), field.is_file(), data.as_slice()), (&b"a"[..], false, &b"1\r\n\n2\r\n"[..]));
    assert_eq!((file.name.as_slice(), content.as_slice()), (&b"f"[..], &b"--x"[..]));
    assert_eq!(file.filename.as_deref(), Some(&b"x.txt"[..]));
    assert_eq!(file.extended.as_ref().unwrap().name, b"x");
    assert_eq!(file.header("CONTENT-TYPE"), Some(&b"text/plain"[..]));
    assert_eq!(file.headers[1].line, b"Content-Type: text/plain");
}

#[test]
fn oddities_are_flagged() {
    let plain = body("x");
    let flags = |input: &str| read(input).flags;
    assert_eq!(flags(&plain), Flags::default());
    assert_eq!(flags(&format!("\r\n{plain}")), Flags::DATA_BEFORE);
    assert_eq!(flags(&format!("{plain}\r\n")), Flags::DATA_AFTER);
    assert_eq!(flags(&plain.replace("; name", ";\r\n name")), Flags::HEADER_FOLDING);
    let folding = Flags::HEADER_FOLDING | Flags::INVALID_HEADER_FOLDING;
    assert_eq!(flags(&plain.replace("; name", ";\r\n \u{b}name")), folding);
    assert_eq!(flags(&plain.replace('\r', "")), Flags::LF_LINE);
    assert_eq!(flags(&plain.replacen('\r', "", 1)), Flags::LF_LINE | Flags::CRLF_LF_LINES);
    assert_eq!(flags(&plain.replace("x\r\n", "x\n")), Flags::LF_LINE | Flags::CRLF_LF_LINES);
    assert_eq!(flags(&plain.replace("\"a\"", "'a'")), Flags::INVALID_QUOTING);
    assert!(flags(&plain.replace("\r\nx\r\n", "\r\n")).contains(Flags::INVALID_PART));
    assert!(flags(&plain.replace("Disposition", "X")).contains(Flags::INVALID_PART));
    let two = body("x").replace("--b--\r\n", "") + &body("y");
    let flags =
        read_with(Limits { files: 1, ..Limits::REQUEST }, &[two.replace("\"a\"", "a; filename=f").as_bytes()]).flags;
    assert_eq!(flags, Flags::FILE_LIMIT_EXCEEDED);
}

#[test]
fn boundaries_that_match_nothing_are_told_apart() {
    assert_eq!(read(&body("x")).unmatched, 2);
    assert_eq!(read(body("x").trim_end()).unmatched, 0);
    for data in ["--c", "a --b", "--", "x--b--x"] {
        assert_eq!(read(body(data).trim_end()).unmatched, 1, "{data}");
        assert_eq!(read(&body(data)).unmatched, 2, "{data}");
    }
    let long = "x".repeat(5000) + "--b" + &"x".repeat(500);
    assert_eq!(read(body(&long).trim_end()).unmatched, 1);
}

#[test]
fn errors_have_their_place() {
    use MultipartErrorKind as Kind;
    let kind = |input: &str| read(input).error.map(|error| error.kind);
    let plain = body("x");
    assert_eq!(kind(""), None);
    assert_eq!(kind("x"), Some(Kind::NoBoundary));
    assert_eq!(kind(plain.trim_end()), None);
    assert_eq!(kind(&plain[..plain.len() - 3]), Some(Kind::LastBoundaryMissing));
    assert_eq!(read(&plain[..plain.len() - 3]).flags, Flags::INCOMPLETE);
    assert_eq!(kind(&body("x\r\n--b \r\n")), Some(Kind::Boundary));
    assert_eq!(kind(&body("x\r\n-- b\r\n")), Some(Kind::SpacedBoundary));
    assert_eq!(kind(&plain.replace("Disposition", "X")), Some(Kind::DispositionMissing));
    assert_eq!(kind(&plain.replace("name=\"a\"", "name=\"\"")), Some(Kind::NameMissing));
    assert_eq!(kind(&plain.replace("Content-", " Content-")), Some(Kind::Folding));
    assert_eq!(kind(&plain.replace("Content-", "Content\u{e}-")), Some(Kind::HeaderName));
    assert_eq!(kind(&plain.replace("--b\r\nC", "--b\r\nx\r\nC")), Some(Kind::Colon));
    assert_eq!(kind(&plain.replace("\"a\"\r\n", "\"a\"\r\nA: 1\r\na: 2\r\n")), Some(Kind::Duplicate));
    assert_eq!(kind(&plain.replace("\"a\"", "\"a\0\"")), Some(Kind::Nul));
    assert_eq!(read(&plain.replace("--b\r\nC", "--b\r\nx\r\nC")).error.unwrap().offset, 5);
    assert_eq!(read(&plain.replace("--b\r\nC", "--b\r\nx\r\nC")).parts[0].1, b"x");
}

#[test]
fn limits_are_kept() {
    let limits = Limits { total: 200, parts: 2, headers: 2, header: 60, value: 5, files: 1 };
    let refused = |input: &str| read_with(limits, &[input.as_bytes()]).error.unwrap().to_string();
    assert_eq!(refused(&body("123456")), "byte 54: more than 5 bytes in a field");
    let long = "x".repeat(60);
    assert_eq!(refused(&body("1").replace("\"a\"", &long)), "byte 65: more than 60 bytes in a header");
    assert_eq!(refused("--b\r\nA: 1\r\nB: 2\r\nC: 3\r\n"), "byte 17: more than 2 headers in a part");
    let part = "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n";
    assert_eq!(refused(&part.repeat(3)), "byte 98: more than 2 parts");
    assert_eq!(refused(&"x".repeat(201)), "byte 200: more than 200 bytes");
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("--b"),
        Just("--b\r\n"),
        Just("--b--\r\n"),
        Just("\r\n"),
        Just("\n"),
        Just("\r"),
        Just("-"),
        Just("b"),
        Just("Content-Disposition: form-data; name=a"),
        Just("; filename=\"f\""),
        Just("A: 1\r\n"),
        Just(" "),
        Just("x"),
        Just(
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        ),
    ];
    let noise = proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat());
    (any::<bool>(), noise).prop_map(|(within, noise)| if within { body(&noise) } else { noise })
}

proptest! {
    #[test]
    fn every_cut_gives_the_same_tokens(input in pieces(), cuts in proptest::collection::vec(0usize..400, 0..6)) {
        let small = Limits { total: 300, parts: 2, headers: 3, header: 50, value: 40, files: 1 };
        for limits in [Limits::REQUEST, small] {
            let whole = read_with(limits, &[input.as_bytes()]);
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| (*cut).min(input.len())).collect();
            cuts.extend([0, input.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|cut| &input.as_bytes()[cut[0]..cut[1]]).collect();
            prop_assert_eq!(&read_with(limits, &chunks), &whole);
            let bytes: Vec<&[u8]> = input.as_bytes().chunks(1).collect();
            prop_assert_eq!(&read_with(limits, &bytes), &whole);
        }
    }
}
