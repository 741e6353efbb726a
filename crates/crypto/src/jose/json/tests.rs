//! What strict JSON takes and refuses.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(text: &str) -> Result<Value, JsonError> {
    parse_strict(text.as_bytes())
}

#[test]
fn json_is_read() {
    let text =
        " {\"a\" : [1, -2, 0, 1.5e2, true, false, null, {}, [ ]],\r\n\t\"b\":\"\\u00e9\\ud83d\\ude00\\n\\/ \u{e9}\"} ";
    assert_eq!(read(text), Ok(json!({ "a": [1, -2, 0, 150.0, true, false, null, {}, []], "b": "é😀\n/ é" })));
    assert_eq!(read("[0,-0]").map(|value| value.to_string()).as_deref(), Ok("[0,-0.0]"));
    assert_eq!(read("18446744073709551615"), Ok(json!(u64::MAX)));
    assert_eq!(read("-9223372036854775808"), Ok(json!(i64::MIN)));
}

#[test]
fn duplicate_members_are_refused_anywhere() {
    for (text, at) in [
        (r#"{"a":1,"a":1}"#, 7),
        (r#"{"a":1,"\u0061":2}"#, 7),
        (r#"{"b":{"a":1,"c":2,"a":3}}"#, 18),
        (r#"[[{"":0,"":0}]]"#, 8),
    ] {
        assert_eq!(read(text), Err(JsonError::Duplicate(at)), "{text}");
    }
    assert!(read(r#"{"a":{"a":{"a":1}},"A":2}"#).is_ok());
}

#[test]
fn what_readers_disagree_about_is_refused() {
    for text in [
        "",
        " ",
        "{",
        "[",
        "[1",
        "[1,]",
        "[,1]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "01",
        "-",
        "+1",
        ".5",
        "1.",
        "1e",
        "1e+",
        "0x10",
        "NaN",
        "Infinity",
        "nul",
        "nulll",
        "True",
        "{} {}",
        "[] x",
        "/**/1",
        "\u{feff}1",
        "\u{a0}1",
        "-01",
        "{1:1}",
        "[1 2]",
    ] {
        assert!(matches!(read(text), Err(JsonError::Syntax(_))), "{text}: {:?}", read(text));
    }
    for text in [
        "\"",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\ud800\"",
        "\"\\ud800x\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "\"\n\"",
        "\"\u{0}\"",
        "\"\\u+123\"",
        "{\"a\n\":1}",
    ] {
        assert!(matches!(read(text), Err(JsonError::Text(_))), "{text:?}: {:?}", read(text));
    }
    for text in ["18446744073709551616", "-9223372036854775809", "1e400", "-1e999"] {
        assert_eq!(read(text), Err(JsonError::Number(0)), "{text}");
    }
    assert_eq!(parse_strict(b"\"\xff\""), Err(JsonError::Utf8));
    assert_eq!(parse_strict(b"\"\xed\xa0\x80\""), Err(JsonError::Utf8));
}

#[test]
fn size_and_depth_are_bounded() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert!(read(&nested(MAX_DEPTH)).is_ok());
    assert_eq!(read(&nested(MAX_DEPTH + 1)), Err(JsonError::Depth(MAX_DEPTH)));
    assert_eq!(read(&"[".repeat(MAX_BYTES)), Err(JsonError::Depth(MAX_DEPTH)));
    let long = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    assert!(read(&long(MAX_BYTES)).is_ok());
    assert_eq!(read(&long(MAX_BYTES + 1)), Err(JsonError::TooLarge));
}

/// `serde_json` reads doubles to within one unit in the last place; the rest of the value is compared exactly.
fn rounded(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => json!(format!("{:.9e}", number.as_f64().unwrap())),
        Value::Array(items) => items.into_iter().map(rounded).collect(),
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, rounded(value))).collect(),
        other => other,
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn it_agrees_with_serde_json_on_what_that_writes(value in any_json()) {
        prop_assert_eq!(read(&value.to_string()), Ok(value.clone()));
        prop_assert_eq!(read(&serde_json::to_string_pretty(&value).unwrap()), Ok(value));
    }

    #[test]
    fn what_it_takes_serde_json_takes_alike(bytes in prop::collection::vec(prop::sample::select(&b"{}[]\":,0123456789.eE+-\\ utrfalsn\x00\xc3"[..]), 0..24)) {
        if let Ok(value) = parse_strict(&bytes) {
            prop_assert_eq!(rounded(serde_json::from_slice::<Value>(&bytes).unwrap()), rounded(value));
        }
    }
}
