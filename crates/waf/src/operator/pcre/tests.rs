//! What patterns become, and what they match.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use super::super::rx::Regex;
use super::*;

fn matches(pattern: &[u8], value: &[u8]) -> bool {
    Regex::new(pattern).unwrap().0.is_match(value)
}

#[test]
fn patterns_mean_what_pcre_means() {
    let cases: [(&[u8], &[u8], bool); 61] = [
        (br"a.b", b"a\nb", true),
        (br"^b$", b"a\nb\nc", true),
        (br"(?-m)^b", b"a\nb", false),
        (br"(?-m)b$", b"b\n", true),
        (br"(?-m)b$", b"b\nc", false),
        (br"b\Z", b"b\n", true),
        (br"b\z", b"b\n", false),
        (br"(?-s)a.b", b"a\nb", false),
        (br"(?i)k\x41", b"KA", true),
        (br"(?i:a)b", b"Ab", true),
        (br"(?i:a)b", b"AB", false),
        (br"(?i)[^a]", b"A", false),
        (br"\<a\>", b"<a>", true),
        (br"\ba\b{2", b"a{2", true),
        (br"a{,b}", b"a{,b}", true),
        (br"a{2}", b"aa", true),
        (br"a{2,3}", b"a", false),
        (br"{a}", b"{a}", true),
        (br"}]", b"}]", true),
        (br"[[]", b"[", true),
        (br"[]a]", b"]", true),
        (br"[^]a]", b"]", false),
        (br"[a&&b]", b"&", true),
        (br"[!--z]", b"z", true),
        (br"[\w-]", b"-", true),
        (br"[a-\d]", b"-", true),
        (br"[-a]", b"-", true),
        (br"[~~]", b"~", true),
        (br"[[:alpha:]_]", b"q", true),
        (br"[[:^alpha:]]", b"q", false),
        (br"[[:punct:]]", b"`", true),
        (br"[a:[:digit:]]", b"5", true),
        (br"[\x41-\x43]", b"B", true),
        (br"[\x{41}]", b"A", true),
        (br"[\b]", b"\x08", true),
        (br"[\101\0]", b"A", true),
        (br"[\Qa-c\E]", b"-", true),
        (br"\Qa.c\E+", b"a.cc", true),
        (br"\Qa.c", b"abc", false),
        (br"\x{e9}", b"\xe9", true),
        (b"\xe9", b"\xe9", true),
        ("é".as_bytes(), "é".as_bytes(), true),
        (br"\xe", b"\x0e", true),
        (br"\o{101}\101\01", b"AA\x01", true),
        (br"\cA", b"\x01", true),
        (br"\e\a", b"\x1b\x07", true),
        (br"\h\H", b"\tx", true),
        (br"\v", b"\x0b", true),
        (br"\V", b"\n", false),
        (br"\Ra", b"\r\na", true),
        (br"\N", b"\n", false),
        (br"\s", b"\x0b", true),
        (br"\w", b"\xe9", false),
        (
            br"(?x) a b # c
            c",
            b"abc",
            true,
        ),
        (br"(?x: a\ b ) c", b"a b c", true),
        (br"(?#note)a", b"a", true),
        (br"(?<n>a)(?P<m>b)(?'o'c)", b"abc", true),
        (br"a(?i)b|C", b"c", true),
        (br"a~#&-b", b"a~#&-b", true),
        (br"(a+?)(?:b|)", b"a", true),
        (br"\/\-\_\@", b"/-_@", true),
    ];
    for (pattern, value, expected) in cases {
        let text = pattern.escape_ascii();
        assert_eq!(matches(pattern, value), expected, "{text} on {}", value.escape_ascii());
    }
}

#[test]
fn what_has_no_linear_time_is_named() {
    let cases: [(&[u8], &str, usize); 19] = [
        (br"a(?=b)", "a lookahead", 1),
        (br"a(?!b)", "a lookahead", 1),
        (br"(?<=a)b", "a lookbehind", 0),
        (br"(?<!a)b", "a lookbehind", 0),
        (br"(?>a)b", "an atomic group", 0),
        (br"ba*+", "a possessive quantifier", 2),
        (br"a{2}+", "a possessive quantifier", 1),
        (br"(a)\1", "a backreference", 3),
        (br"(?P<x>a)(?P=x)", "a backreference", 8),
        (br"(?<x>a)\k<x>", "a backreference", 7),
        (br"(a)\g1", "a backreference", 3),
        (br"(?|a|b)", "a branch reset group", 0),
        (br"(?(1)a|b)", "a condition", 0),
        (br"a(?R)?", "a recursion", 1),
        (br"a(?1)", "a recursion", 1),
        (br"a(*SKIP)", "a verb such as `(*SKIP)`", 1),
        (br"a\Kb", r"`\K`", 1),
        (br"\p{L}", "a Unicode property", 0),
        (br"[\pL]", "a Unicode property", 1),
    ];
    for (pattern, construct, offset) in cases {
        let expected = PatternError::Unsupported { construct, offset };
        assert_eq!(translate(pattern).unwrap_err(), expected, "{}", pattern.escape_ascii());
    }
}

#[test]
fn what_is_no_pattern_says_where() {
    let cases: [(&[u8], usize); 18] = [
        (b"a(b", 3),
        (b"a)b", 1),
        (b"a[b", 1),
        (b"ab\\", 2),
        (br"[b-a]", 2),
        (br"a\y", 1),
        (br"\x{100}", 0),
        (br"\x{g}", 0),
        (b"(?<>a)", 0),
        (b"(?J)a", 0),
        (b"[[:alfa:]]", 2),
        (b"a[:alpha:]", 1),
        (b"a{,2}", 1),
        (br"a\x", 1),
        (b"*a", 0),
        (b"ab|+", 3),
        (b"a{3,2}", 1),
        (br"\777", 0),
    ];
    for (pattern, at) in cases {
        match Regex::new(pattern) {
            Err(PatternError::Syntax { offset, .. }) => assert_eq!(offset, at, "{}", pattern.escape_ascii()),
            other => panic!("{}: {other:?}", pattern.escape_ascii()),
        }
    }
}

#[test]
fn what_grows_too_large_is_refused() {
    assert!(matches!(Regex::new(b"(?:(?:a{1000}){1000}){1000}"), Err(PatternError::TooLarge { .. })));
    assert!(Regex::new("(".repeat(5000).as_bytes()).is_err());
    assert!(Regex::new(format!("{}{}", "(".repeat(190), ")".repeat(190)).as_bytes()).is_ok());
}
