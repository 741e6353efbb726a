//! Multipart bodies of `ModSecurity`'s own cases (`corpora/modsecurity`), with those of their rules that ask about flags.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stderr, reason = "test code")]

use std::path::{Path, PathBuf};

use serde_json::Value;
use testudo_body::multipart::{Boundary, Flags, Limits, Reader, Token};

fn corpus() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora");
    let root = std::env::var_os("TESTUDO_CORPORA").map_or(here, PathBuf::from).join("modsecurity/regression");
    if root.is_dir() {
        return Some(root);
    }
    assert!(std::env::var_os("TESTUDO_REQUIRE_CORPORA").is_none(), "no corpus at {}", root.display());
    // Past what the test harness captures.
    let _ = std::io::Write::write_fmt(
        &mut std::io::stderr(),
        format_args!("SKIPPED: no corpus at {}; set TESTUDO_CORPORA\n", root.display()),
    );
    None
}

/// What a body is read as.
struct Read {
    flags: Flags,
    unmatched: u8,
    strict: bool,
    error: bool,
    fields: Vec<(String, String)>,
}

fn read(content_type: &str, body: &str, files: usize) -> Read {
    let Ok(boundary) = Boundary::of(content_type.as_bytes()) else {
        return Read { flags: Flags::default(), unmatched: 0, strict: true, error: true, fields: Vec::new() };
    };
    let mut reader = Reader::new(boundary, Limits { files, ..Limits::REQUEST });
    let mut fields = Vec::new();
    let mut give = |token: &Token<'_>| {
        match token {
            Token::BeginPart(part) => fields.push((String::from_utf8_lossy(&part.name).into_owned(), String::new())),
            Token::Data { bytes, .. } => fields.last_mut().unwrap().1.push_str(&String::from_utf8_lossy(bytes)),
            Token::EndPart { .. } => {}
        }
        Ok::<(), ()>(())
    };
    let pushed = reader.push(body.as_bytes(), &mut give);
    let error = pushed.and_then(|()| reader.finish(&mut give)).is_err();
    let (flags, unmatched, strict) = (reader.flags(), reader.unmatched_boundary(), reader.is_strict_error());
    Read { flags, unmatched, strict, error, fields }
}

/// Whether the rule denies; nothing if it asks about something else.
fn denies(rule: &str, read: &Read) -> Option<bool> {
    let mut words = rule.split_whitespace();
    if words.next() != Some("SecRule") {
        return Some(false);
    }
    let number = match words.next()? {
        _ if rule.contains("chain,") => return Some(false),
        "REQBODY_ERROR" | "REQBODY_PROCESSOR_ERROR" => u8::from(read.error),
        "MULTIPART_STRICT_ERROR" => u8::from(read.strict),
        "MULTIPART_UNMATCHED_BOUNDARY" => read.unmatched,
        // In these cases what asks about names and arguments matches none, alone or in a chain.
        "MULTIPART_NAME" | "ARGS" | "ARGS_POST" => return Some(false),
        variable => u8::from(read.flags.contains(Flags::named(variable.strip_prefix("MULTIPART_")?)?)),
    };
    let operator = words.next()?.trim_start_matches('"');
    let wanted: u8 = words.next()?.trim_end_matches('"').parse().ok()?;
    let matches = match operator {
        "@eq" => number == wanted,
        "!@eq" => number != wanted,
        _ => return None,
    };
    Some(matches && rule.contains("deny"))
}

#[test]
fn modsecurity_decides_the_same() {
    let Some(root) = corpus() else { return };
    let names = [
        "request-body-parser-multipart",
        "request-body-parser-multipart-crlf",
        "variable-MULTIPART_STRICT_ERROR",
        "variable-MULTIPART_CRLF_LF_LINES",
        "variable-MULTIPART_INVALID_HEADER_FOLDING",
    ];
    let (mut ran, mut skipped) = (0, 0);
    for name in names {
        let text = std::fs::read(root.join(name).with_extension("json")).unwrap();
        let cases: Vec<Value> = serde_json::from_slice(&text).unwrap();
        for (index, case) in cases.iter().enumerate() {
            let headers = case["request"]["headers"].as_object().unwrap();
            let content_type = headers["Content-Type"].as_str().unwrap();
            // The cases leave out the line feed behind each line.
            let lines = case["request"]["body"].as_array().unwrap().iter().filter_map(Value::as_str);
            let lines: Vec<String> = lines.map(|line| line.to_owned() + "\n").collect();
            let rules: Vec<&str> = case["rules"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            let files = rules.iter().find_map(|rule| rule.strip_prefix("SecUploadFileLimit ")?.parse().ok());
            let read = read(content_type, &lines.concat(), files.unwrap_or(100));
            let Some(denied) = rules.iter().map(|rule| denies(rule, &read)).collect::<Option<Vec<bool>>>() else {
                skipped += 1;
                continue;
            };
            let expected = case["expected"]["http_code"].as_u64() == Some(403);
            assert_eq!(denied.contains(&true), expected, "{name} {index}: {:?} {:?}", read.flags, read.fields);
            ran += 1;
        }
    }
    assert_eq!((ran, skipped), (57, 10));
}
