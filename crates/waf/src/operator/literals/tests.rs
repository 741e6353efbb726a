//! What patterns need.

#![allow(clippy::unwrap_used, reason = "test code")]

mod laws;

use super::super::rx::Regex;
use super::*;

fn needs(pattern: &str) -> Needs {
    Regex::new(pattern.as_bytes()).unwrap().1
}

fn literals(pattern: &str) -> Vec<String> {
    let set = needs(pattern).literals;
    set.iter().flat_map(LiteralSet::literals).map(|literal| literal.escape_ascii().to_string()).collect()
}

#[test]
fn literals_of_patterns() {
    let cases: [(&str, &[&str]); 20] = [
        ("select", &["select"]),
        ("(?i)Select", &["select"]),
        (r"(?i)\bselect\b.*\bfrom\b", &["select"]),
        ("(?:union|select)", &["union", "select"]),
        ("s(?:elect|leep)", &["sleep", "select"]),
        ("(?:abc)?def", &["def"]),
        ("a+bcd", &["abcd"]),
        ("(?:ab){2,}", &["abab"]),
        ("x(?:abc)*y", &["b", "xy"]),
        (r#"w["']*h["']*o"#, &[r#"\""#, r"\'", "who"]),
        (r"(?i)n\x5c*e\x5c*t(?:\x5c*s)?\b", &[r"\\", "net"]),
        ("[<>]script", &["<script", ">script"]),
        ("[a-z]+", &[]),
        ("(?:foo|[0-9])", &[]),
        (".*", &[]),
        ("", &[]),
        (r"\.(?:php|asp)\d", &[".asp", ".php"]),
        ("(?:foo|foobar|xfoo)", &["foo"]),
        ("abcdefghijklmnopqrstuvwxyz0123456789", &["klmnopqrstuvwxyz"]),
        (r"/etc/\w+|c:\\windows", &[r"/etc/", r"c:\\windows"]),
    ];
    for (pattern, expected) in cases {
        assert_eq!(literals(pattern), expected, "{pattern}");
    }
}

#[test]
fn bytes_of_patterns() {
    let sets = |pattern: &str| needs(pattern).bytes;
    assert_eq!(sets("a<"), [ByteClasses::of(b"<"), ByteClasses::of(b"a")]);
    assert_eq!(sets("(?i)k[0-9]*"), [ByteClasses::of(b"kK")]);
    assert_eq!(sets("(?:<a|>b)"), [ByteClasses::of(b"<>"), ByteClasses::of(b"ab")]);
    assert_eq!(sets("a?"), []);
    assert_eq!(sets("."), []);
    assert_eq!(sets("(?:a|b?)"), []);
    assert_eq!(sets("[;|]+x{2}"), [ByteClasses::of(b";|"), ByteClasses::of(b"x")]);
}

#[test]
fn lengths_of_patterns() {
    assert_eq!(needs("a{3}b?").length, 3);
    assert_eq!(needs("a|").length, 0);
    assert_eq!(needs(r"[^\x00-\xff]").length, usize::MAX);
}

#[test]
fn phrases_need_one_of_them() {
    let needs = Needs::of_phrases([&b"Foo"[..], b"barfoo", b"qux"].into_iter(), false);
    let literals: Vec<_> = needs.literals.iter().flat_map(LiteralSet::literals).collect();
    assert_eq!(literals, [b"foo", b"qux"]);
    assert_eq!(needs.bytes, [ByteClasses::of(b"fFbBqQ")]);
    assert_eq!(needs.length, 3);
}
