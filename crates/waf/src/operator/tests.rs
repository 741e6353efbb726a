//! Operators as rules name them: answers, captures, errors, and that what they need is there when they match.

#![allow(clippy::unwrap_used, reason = "test code")]

use proptest::prelude::*;

use super::*;

struct Lists;

impl Files for Lists {
    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        match name {
            "phrases.data" => Ok(b"# list\nevil\nbad guy\n".to_vec()),
            "nets.txt" => Ok(b"10.0.0.0/8 # inside\n".to_vec()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

fn compile(name: &str, parameter: &str) -> Operator {
    Operator::compile(name, parameter.as_bytes(), &Lists).unwrap()
}

#[test]
fn answers() {
    let cases: [(&str, &str, &str, bool); 30] = [
        ("beginsWith", "ab", "abc", true),
        ("beginsWith", "ab", "cab", false),
        ("endsWith", "bc", "abc", true),
        ("endsWith", "abcd", "bcd", false),
        ("contains", "b", "abc", true),
        ("contains", "B", "abc", false),
        ("strmatch", "c", "abc", true),
        ("containsWord", "ab", "ab-c", true),
        ("streq", "abc", "abc", true),
        ("streq", "abc", "Abc", false),
        ("within", "GET POST", "GET", true),
        ("within", "GET POST", "PUT", false),
        ("eq", "5", "5", true),
        ("lt", "5", "4", true),
        ("ge", "5", "5", true),
        ("ipMatch", "10.0.0.0/8", "10.1.2.3", true),
        ("ipMatchFromFile", "nets.txt", "10.1.2.3", true),
        ("ipMatchF", "nets.txt", "11.1.2.3", false),
        ("pm", "foo bar", "a FOO", true),
        ("pmFromFile", "phrases.data", "the Bad Guy", true),
        ("PMF", "phrases.data", "the bad", false),
        ("rx", r"^a.c$", "x\nabc\ny", true),
        ("rx", "", "", true),
        ("rxGlobal", "b+", "abba", true),
        ("noMatch", "", "a", false),
        ("unconditionalMatch", "", "", true),
        ("validateByteRange", "1-255", "a\0", true),
        ("validateUrlEncoding", "", "%zz", true),
        ("validateUtf8Encoding", "", "é", false),
        ("verifyCC", r"\d{16}", "x 4111111111111111", true),
    ];
    for (name, parameter, value, expected) in cases {
        let operator = compile(name, parameter);
        assert_eq!(operator.matches(b"", value.as_bytes(), None), expected, "{name} {parameter} {value}");
        assert!(!expected || needs_are_met(&operator, value.as_bytes()), "{name} {parameter} {value}");
    }
}

fn needs_are_met(operator: &Operator, value: &[u8]) -> bool {
    let occurring = ByteClasses::of(value);
    value.len() >= operator.min_len()
        && operator.literals().is_none_or(|literals| literals.occurs_in(value))
        && operator.required_bytes().iter().all(|set| set.intersects(&occurring))
}

proptest! {
    #[test]
    fn what_matches_has_what_it_needs(parameter in "[abAB%é ]{1,5}", value in "[abAB%é01 ]{0,10}") {
        let texts = ["beginsWith", "contains", "containsWord", "endsWith", "streq", "strmatch", "within"];
        let others = ["eq", "ge", "pm", "validateUrlEncoding", "validateUtf8Encoding", "unconditionalMatch", "noMatch"];
        for name in texts.into_iter().chain(others) {
            let Ok(operator) = Operator::compile(name, parameter.as_bytes(), &Lists) else { continue };
            let met = needs_are_met(&operator, value.as_bytes());
            prop_assert!(met || !operator.matches(b"", value.as_bytes(), None), "{} {} {}", name, parameter, value);
        }
        let operator = compile("validateByteRange", "32-64,97");
        let met = needs_are_met(&operator, value.as_bytes());
        prop_assert!(met || !operator.matches(b"", value.as_bytes(), None), "{}", value);
    }
}

#[test]
fn detectors_capture() {
    let mut captures = Captures::new();
    let value = b"1' OR '1'='1";
    assert!(compile("detectSQLi", "").matches(b"", value, Some(&mut captures)));
    assert_eq!(captures.get(0, value), Some(&b"s&sos"[..]));
    let value = b"<script>alert(1)</script>";
    assert!(compile("detectXSS", "").matches(b"", value, Some(&mut captures)));
    assert_eq!(captures.get(0, value), Some(&value[..]));
    assert!(!compile("detectSQLi", "").matches(b"", b"", None));
    assert!(!compile("detectXSS", "").matches(b"", b"", None));
}

#[test]
fn macros_come_expanded() {
    for (name, parameter, expanded, value) in [
        ("streq", "%{tx.name}", "abc", "abc"),
        ("within", "a %{ARGS.x} b", "a b c", "b"),
        ("le", "%{tx.limit}", "10", "9"),
        ("rx", "^%{REQUEST_HEADERS.host}$", "^a.b$", "a.b"),
    ] {
        let operator = compile(name, parameter);
        assert!(operator.takes_macro(), "{name}");
        assert!(operator.matches(expanded.as_bytes(), value.as_bytes(), None), "{name}");
        assert!(operator.literals().is_none() && operator.required_bytes().is_empty() && operator.min_len() == 0);
    }
    for parameter in ["%{", "%{}", "%{a b}", "a%{1,2", "[^%{(]x}"] {
        assert!(!has_macro(parameter.as_bytes()), "{parameter}");
    }
    assert!(!compile("streq", "%x").takes_macro());
}

#[test]
fn errors() {
    let cases = [
        ("contain", "a", "unknown operator `@contain`; did you mean `@contains`?"),
        ("frobnicate", "a", "unknown operator `@frobnicate`"),
        (
            "GEOLOOKUP",
            "",
            "the operator `@geoLookup` is known but not supported: no country database is read here; use \
             `@ipMatchFromFile` with the networks of the countries",
        ),
        (
            "validateByteRange",
            "1-255,300",
            "`300` is no parameter of `@validateByteRange`: write bytes and ranges such as `9,10,13,32-126`",
        ),
        (
            "ipMatch",
            "10.0.0.0/8,x",
            "`x` is no parameter of `@ipMatch`: write addresses and networks such as `10.0.0.0/8,::1`",
        ),
        ("pm", " ", "`` is no parameter of `@pm`: name at least one phrase"),
        ("pmFromFile", "none.data", "`@pmFromFile` cannot read `none.data`"),
        (
            "pmFromFile",
            "https://a.example/x",
            "`https://a.example/x` is no parameter of `@pmFromFile`: rules ask no network; download the list and name \
             the file",
        ),
        (
            "rx",
            "ab(?=c)",
            "the pattern of `@rx`: a lookahead at offset 2 cannot run in linear time; write the pattern without it",
        ),
        ("rx", "a(b", "the pattern of `@rx`: a parenthesis is not closed at offset 3"),
    ];
    for (name, parameter, message) in cases {
        let error = Operator::compile(name, parameter.as_bytes(), &Lists).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn names() {
    for name in Operator::NAMES {
        let parameter = match name {
            "pmFromFile" | "pmf" => "phrases.data",
            "ipMatchFromFile" | "ipMatchF" => "nets.txt",
            "ipMatch" => "::1",
            _ => "1",
        };
        assert_eq!(compile(&name.to_ascii_uppercase(), parameter).name(), name);
    }
}

#[test]
fn a_bracket_in_a_class_begins_an_element_only_when_one_ends() {
    let matches = |value: &str| {
        super::pcre::translate(b"^['\" ?[=<>]+$")
            .is_ok_and(|pattern| regex_automata::meta::Regex::new(&pattern.text).unwrap().is_match(value))
    };
    assert!(matches("[=<"), "`[=` is two bytes when no `=]` follows");
    assert!(super::pcre::translate(b"[[=a=]]").is_err() && super::pcre::translate(b"[[.a.]]").is_err());
}
