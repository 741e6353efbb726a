//! The reader against cuts, tables and mutations.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

use proptest::prelude::*;
use serde_json::Value;

use super::super::{Framing, Halt, JsonErrorKind, Limits, Path, Reader, Text, Token};

/// What was handed out, without how it was cut.
#[derive(Clone, PartialEq, Debug)]
enum Seen {
    Mark(char, usize),
    Key(String, bool, usize, usize),
    String(Vec<u8>, usize, usize),
    Scalar(String, usize, usize),
    End(usize),
}

#[derive(Default)]
struct Collect {
    seen: Vec<(Seen, String)>,
    long: Option<Vec<u8>>,
}

impl Collect {
    fn take(&mut self, token: &Token<'_>, path: &Path) {
        let seen = match *token {
            Token::BeginObject(at) => Seen::Mark('{', at),
            Token::EndObject(at) => Seen::Mark('}', at),
            Token::BeginArray(at) => Seen::Mark('[', at),
            Token::EndArray(at) => Seen::Mark(']', at),
            Token::Comma(at) => Seen::Mark(',', at),
            Token::Key { text, repeated } => Seen::Key(text.decode().into(), repeated, text.span.start, text.span.end),
            Token::String(Text { span, raw, .. }) => Seen::String(raw.to_vec(), span.start, span.end),
            Token::BeginString(_) => {
                self.long = Some(Vec::new());
                return;
            }
            Token::StringPart(part) => {
                self.long.as_mut().unwrap().extend_from_slice(part);
                return;
            }
            Token::EndString(span) => Seen::String(self.long.take().unwrap(), span.start, span.end),
            Token::Number { span, raw } => Seen::Scalar(String::from_utf8(raw.to_vec()).unwrap(), span.start, span.end),
            Token::Bool { span, value } => Seen::Scalar(value.to_string(), span.start, span.end),
            Token::Null(span) => Seen::Scalar("null".into(), span.start, span.end),
            Token::EndDocument(at) => Seen::End(at),
        };
        self.seen.push((seen, path.pointer()));
    }
}

type Outcome = (Vec<(Seen, String)>, Option<JsonErrorKind>);

fn read_with(reader: &mut Reader, chunks: &[&[u8]]) -> Outcome {
    let mut collect = Collect::default();
    let mut visit = |token: &Token<'_>, path: &Path| {
        collect.take(token, path);
        Ok::<(), ()>(())
    };
    let mut result = Ok(());
    for chunk in chunks {
        result = reader.push(chunk, &mut visit);
        if result.is_err() {
            break;
        }
    }
    let result = result.and_then(|()| reader.finish(&mut visit));
    let wrong = result.err().map(|halt| match halt {
        Halt::Json(error) => error.kind,
        Halt::Visitor(()) => panic!("the visitor never stops"),
    });
    (collect.seen, wrong)
}

fn read(text: &[u8]) -> Outcome {
    read_with(&mut Reader::new(Limits::default()), &[text])
}

fn kind(text: &[u8]) -> Option<JsonErrorKind> {
    read(text).1
}

#[test]
fn tokens_have_spans_and_paths() {
    let (seen, wrong) = read(br#"{"a": [1, "x\n", {"b":null}], "a":true}"#);
    assert_eq!(wrong, None);
    let expected = [
        (Seen::Mark('{', 0), ""),
        (Seen::Key("a".into(), false, 1, 4), "/a"),
        (Seen::Mark('[', 6), "/a"),
        (Seen::Scalar("1".into(), 7, 8), "/a/0"),
        (Seen::Mark(',', 8), "/a/0"),
        (Seen::String(br"x\n".to_vec(), 10, 15), "/a/1"),
        (Seen::Mark(',', 15), "/a/1"),
        (Seen::Mark('{', 17), "/a/2"),
        (Seen::Key("b".into(), false, 18, 21), "/a/2/b"),
        (Seen::Scalar("null".into(), 22, 26), "/a/2/b"),
        (Seen::Mark('}', 26), "/a/2"),
        (Seen::Mark(']', 27), "/a"),
        (Seen::Mark(',', 28), "/a"),
        (Seen::Key("a".into(), true, 30, 33), "/a"),
        (Seen::Scalar("true".into(), 34, 38), "/a"),
        (Seen::Mark('}', 38), ""),
        (Seen::End(39), ""),
    ];
    assert_eq!(seen, expected.map(|(seen, path)| (seen, path.to_owned())));
}

const GOOD: &[&str] = &[
    "{}",
    "[]",
    " [ ] ",
    "0",
    "-0",
    "\"\"",
    "null",
    "true",
    "false",
    "[null, 1, \"1\", {}]",
    "[1e5,1E-2,0.5,-0e+1]",
    "{\"\":0}",
    "{\"a\":{\"a\":{\"a\":[]}}}",
    "\t\r\n[\n1\r,\t2 ]\n",
    "\"\u{7f}\"",
    "\"\u{10ffff}\"",
    "\"\u{2028}\"",
    r#""\u0000\uD834\uDD1E\/\\\"\b\f\n\r\t""#,
    "[[[[[[[]]]]]]]",
    "{\"a\":1,\"a\":2}",
    "[123456789012345678901234567890]",
    "\"\u{fffe}\"",
    r#""\uFFFF\ufdd0""#,
    "[0.1e1]",
    "\"é\"",
    "[\"a\",\n\"b\"]",
];

const BAD: &[&[u8]] = &[
    b"",
    b" ",
    b"{",
    b"[",
    b"]",
    b"}",
    b"[1",
    b"[1,",
    b"[1,]",
    b"[,1]",
    b"[1 2]",
    b"[1,,2]",
    b"{\"a\"}",
    b"{\"a\":}",
    b"{\"a\":1,}",
    b"{,}",
    b"{a:1}",
    b"{'a':1}",
    b"{\"a\" 1}",
    b"{\"a\":1 \"b\":2}",
    b"{1:1}",
    b"[\"a\":1]",
    b"{\"a\",1}",
    b"[}",
    b"{]",
    b"[1}",
    b"{\"a\":1]",
    b"tru",
    b"truE",
    b"nul",
    b"True",
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"undefined",
    b"+1",
    b"01",
    b"-",
    b"1.",
    b".1",
    b"1e",
    b"1e+",
    b"0x1",
    b"1a",
    b"--1",
    b"1 2",
    b"[] []",
    b"{}x",
    b"\"",
    b"\"a",
    b"\"\\",
    b"\"\\\"",
    b"\"\\x\"",
    b"\"\\u\"",
    b"\"\\u12\"",
    b"\"\\u12g4\"",
    b"\"\\U1234\"",
    b"\"a\nb\"",
    b"\"\t\"",
    b"\"\0\"",
    b"\"\x1f\"",
    b"\"\\ud800\"",
    b"\"\\udc00\"",
    b"\"\\ud800\\ud800\"",
    b"\"\\ud800x\"",
    b"\"\\ud800\\n\"",
    b"\"\\ud800\\u0041\"",
    b"\"\xff\"",
    b"\"\xc0\xaf\"",
    b"\"\xed\xa0\x80\"",
    b"\"\xf4\x90\x80\x80\"",
    b"\"\xe2\x82\"",
    b"\"\x80\"",
    b"\xef\xbb\xbf{}",
    b"\xff\xfe[\0]\0",
    b"[\x0c1]",
    b"[\x0b1]",
    b"\xc2\xa0[]",
    b"[1]\0",
    b"// x\n1",
    b"/**/1",
    b"[1]#",
    b"{\"a\":1}}",
    b"'a'",
    b"`a`",
    b"[1,\n2",
    b"{\"a\":\"b",
    b"-a",
    b"[-]",
    b"\x1e{}",
    b"*",
    b"[\"a\"",
    b"\xe9",
    b"1e999999x",
    b"{\"a\":/**/1}",
    b"<x/>",
];

#[test]
fn accepts_what_the_grammar_allows() {
    for text in GOOD {
        assert_eq!(kind(text.as_bytes()), None, "{text}");
        assert!(serde_json::from_str::<Value>(text).is_ok(), "{text}");
    }
}

#[test]
fn refuses_what_the_grammar_forbids() {
    for text in BAD {
        assert!(kind(text).is_some(), "{}", String::from_utf8_lossy(text));
        assert!(serde_json::from_slice::<Value>(text).is_err(), "{}", String::from_utf8_lossy(text));
        for cut in 0..text.len() {
            let (head, tail) = text.split_at(cut);
            let (_, wrong) = read_with(&mut Reader::new(Limits::default()), &[head, tail]);
            assert!(wrong.is_some(), "{} cut at {cut}", String::from_utf8_lossy(text));
        }
    }
}

#[test]
fn refusals_name_the_cause() {
    let unexpected = |expected| Some(JsonErrorKind::Unexpected { expected });
    assert_eq!(kind(b" "), Some(JsonErrorKind::Empty));
    assert_eq!(kind(b"[1"), Some(JsonErrorKind::Truncated));
    assert_eq!(kind(b"\xef\xbb\xbf1"), Some(JsonErrorKind::ByteOrderMark));
    assert_eq!(kind(b"{} {}"), Some(JsonErrorKind::Trailing));
    assert_eq!(kind(b"[01]"), Some(JsonErrorKind::Number));
    assert_eq!(kind(b"[nil]"), Some(JsonErrorKind::Word));
    assert_eq!(kind(b"[\"\x01\"]"), Some(JsonErrorKind::Control));
    assert_eq!(kind(br#"["\a"]"#), Some(JsonErrorKind::Escape));
    assert_eq!(kind(br#"["\ud83d."]"#), Some(JsonErrorKind::Surrogate));
    assert_eq!(kind(b"[\"\xc3.\"]"), Some(JsonErrorKind::Utf8));
    assert_eq!(kind(b"[1,]"), unexpected("a value"));
    assert_eq!(kind(b"[;"), unexpected("a value or `]`"));
    assert_eq!(kind(b"[1;"), unexpected("`,` or `]`"));
    assert_eq!(kind(b"{;"), unexpected("a key or `}`"));
    assert_eq!(kind(b"{\"a\";"), unexpected("`:`"));
    assert_eq!(kind(b"{\"a\":1;"), unexpected("`,` or `}`"));
    assert_eq!(kind(b"{\"a\":1,}"), unexpected("a key"));
}

#[test]
fn errors_name_offset_line_and_path() {
    let text = b"{\n \"cards\": [1,\n  {\"ada@example.org\": tru}]}";
    for cut in 0..text.len() {
        let mut reader = Reader::new(Limits::default());
        let mut ignore = |_: &Token<'_>, _: &Path| Ok::<(), ()>(());
        let halt = reader.push(&text[..cut], &mut ignore).and_then(|()| reader.push(&text[cut..], &mut ignore));
        let Err(Halt::Json(error)) = halt else { panic!("{halt:?}") };
        assert_eq!((error.line, &*error.path), (3, "/cards/1/*"), "{cut}");
        if cut <= 38 {
            assert_eq!(error.offset, 38, "{cut}");
            assert_eq!(error.to_string(), "line 3, byte 38, at `/cards/1/*`: a word that is not true, false or null");
        }
        assert_eq!(reader.push(b"", &mut ignore), Err(Halt::Json(error.clone())), "it stays refused");
        assert_eq!(reader.finish(&mut ignore), Err(Halt::Json(error)));
    }
}

#[test]
fn every_limit_is_kept() {
    let limits = Limits { total: 60, depth: 3, string: 8, key: 4, number: 5, members: 3, values: 9, hold: 4 };
    let tries: [(&str, &str); 7] = [
        ("[[[[]]]]", "levels of nesting"),
        (r#"["123456789"]"#, "bytes in a string"),
        (r#"{"12345":0}"#, "bytes in a key"),
        ("[123456]", "bytes in a number"),
        (r#"{"a":0,"b":0,"c":0,"d":0}"#, "members in an object"),
        ("[1,2,3,4,5,6,7,8,9]", "values"),
        ("[                                                            1]", "bytes"),
    ];
    for (text, limited) in tries {
        for cut in 0..text.len() {
            let (head, tail) = text.as_bytes().split_at(cut);
            let (_, wrong) = read_with(&mut Reader::new(limits), &[head, tail]);
            let Some(JsonErrorKind::Limit { what, .. }) = wrong else { panic!("{text} cut at {cut}: {wrong:?}") };
            assert_eq!(what, limited, "{text} cut at {cut}");
        }
    }
    let fits = r#"[[[12345]],{"1234":"12345678","b":0,"c":1}]"#;
    for cut in 0..fits.len() {
        let (head, tail) = fits.as_bytes().split_at(cut);
        assert_eq!(read_with(&mut Reader::new(limits), &[head, tail]).1, None, "{cut}");
    }
}

#[test]
fn lines_hold_one_value_each() {
    let lines = |text: &str| {
        let mut reader = Reader::new(Limits::default()).framing(Framing::Lines);
        let (seen, wrong) = read_with(&mut reader, &[text.as_bytes()]);
        (seen.iter().filter(|(seen, _)| matches!(seen, Seen::End(_))).count(), wrong)
    };
    assert_eq!(lines("{\"a\":1}\n[2]\r\n\n 3 \n\"x\""), (4, None));
    assert_eq!(lines(""), (0, None));
    assert_eq!(lines("1\n"), (1, None));
    assert_eq!(lines("{\"a\":\n1}\n"), (0, Some(JsonErrorKind::LineBreak)));
    assert_eq!(lines("1 2\n"), (0, Some(JsonErrorKind::Trailing)));
    assert_eq!(lines("1\n[2"), (1, Some(JsonErrorKind::Truncated)));
    assert_eq!(lines("1\ntru\n"), (1, Some(JsonErrorKind::Word)));
}

#[test]
fn a_reader_can_begin_anew() {
    let mut reader = Reader::new(Limits::default());
    assert!(read_with(&mut reader, &[b"{\"a\":[\"b"]).1.is_some());
    reader.reset();
    assert_eq!(read_with(&mut reader, &[b"{\"a\":1}"]), read(b"{\"a\":1}"));
}

#[test]
fn long_strings_come_in_parts_and_are_not_held() {
    let mut reader = Reader::new(Limits { hold: 16, ..Limits::STREAM });
    let (mut parts, mut most) = (0, 0);
    let mut visit = |token: &Token<'_>, _: &Path| {
        parts += usize::from(matches!(token, Token::StringPart(_)));
        Ok::<(), ()>(())
    };
    reader.push(b"[\"", &mut visit).unwrap();
    for _ in 0..1000 {
        reader.push(b"0123456789", &mut visit).unwrap();
        most = most.max(reader.scratch.capacity());
    }
    reader.push(b"\"]", &mut visit).unwrap();
    reader.finish(&mut visit).unwrap();
    assert!(parts >= 1000);
    assert!(most < 100, "{most}");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
        "[a-z\"\\\\\n\u{1}é😀 ]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec(("[a-c\"é]{0,2}", inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Builds the value again from what was seen.
fn rebuild(seen: &[(Seen, String)]) -> Value {
    let mut root = Value::Null;
    for (seen, path) in seen {
        let value = match seen {
            Seen::Mark('{', _) => Value::Object(serde_json::Map::new()),
            Seen::Mark('[', _) => Value::Array(Vec::new()),
            Seen::Scalar(text, ..) => serde_json::from_str(text).unwrap(),
            Seen::String(raw, start, end) => {
                assert_eq!(end - start, raw.len() + 2);
                serde_json::from_slice(&[b"\"", &**raw, b"\""].concat()).unwrap()
            }
            _ => continue,
        };
        let Some((parent, last)) = path.rsplit_once('/') else {
            root = value;
            continue;
        };
        match root.pointer_mut(parent).unwrap() {
            Value::Object(members) => {
                members.insert(last.replace("~1", "/").replace("~0", "~"), value);
            }
            Value::Array(items) => {
                assert_eq!(items.len().to_string(), last);
                items.push(value);
            }
            _ => panic!("{path}"),
        }
    }
    root
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_cut_gives_the_same_tokens(value in any_json(), pretty in any::<bool>(), hold in 0usize..12,
                                       cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let text = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
        let whole = read(&text);
        prop_assert_eq!(whole.1, None);
        prop_assert_eq!(rebuild(&whole.0), value);
        let limits = Limits { hold, ..Limits::default() };
        for cut in 0..text.len() {
            let (head, tail) = text.split_at(cut);
            prop_assert_eq!(&read_with(&mut Reader::new(limits), &[head, tail]), &whole);
        }
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        prop_assert_eq!(&read_with(&mut Reader::new(limits), &bytes), &whole);
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len())).collect();
        places.extend([0, text.len()]);
        places.sort_unstable();
        let chunks: Vec<&[u8]> = places.windows(2).map(|ends| &text[ends[0]..ends[1]]).collect();
        prop_assert_eq!(&read_with(&mut Reader::new(limits), &chunks), &whole);
    }

    #[test]
    fn mutants_are_taken_or_refused_as_others_do(value in any_json(), edits in proptest::collection::vec(
        (any::<prop::sample::Index>(), prop_oneof![any::<u8>(), proptest::sample::select(&b"{}[],:\"\\0e-.tu \n\xc3\xed"[..])],
         0u8..3), 1..4)) {
        let mut text = serde_json::to_vec(&value).unwrap();
        for (place, byte, how) in edits {
            let at = place.index(text.len() + 1);
            match how {
                0 => text.insert(at, byte),
                1 if at < text.len() => text[at] = byte,
                _ if at < text.len() => drop(text.remove(at)),
                _ => {}
            }
        }
        let (seen, wrong) = read(&text);
        match serde_json::from_slice::<Value>(&text) {
            Ok(value) => {
                prop_assert_eq!(wrong, None);
                // What others call the last of repeated keys may have been built within the first here.
                if seen.iter().all(|(seen, _)| !matches!(seen, Seen::Key(_, true, ..))) {
                    prop_assert_eq!(rebuild(&seen), value);
                }
            }
            // Numbers beyond a double are JSON all the same.
            Err(error) => prop_assert!(wrong.is_some() || error.to_string().contains("out of range"), "{}", error),
        }
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        let slowly = read_with(&mut Reader::new(Limits::default()), &bytes);
        prop_assert_eq!(slowly, (seen, wrong));
    }

    #[test]
    fn repeated_keys_are_found(keys in proptest::collection::vec("[a-d]{1,2}", 0..80)) {
        let members: Vec<String> = keys.iter().map(|key| format!("\"{key}\":0")).collect();
        let (seen, _) = read(format!("{{{}}}", members.join(",")).as_bytes());
        let found: Vec<bool> = seen.iter().filter_map(|(seen, _)| match seen {
            Seen::Key(_, repeated, ..) => Some(*repeated),
            _ => None,
        }).collect();
        let expected: Vec<bool> = keys.iter().enumerate().map(|(at, key)| keys[..at].contains(key)).collect();
        prop_assert_eq!(found, expected);
    }
}
