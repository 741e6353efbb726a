//! What the fuzz targets check; `tests/replay.rs` runs the same on stable.

use std::io;

use testudo_core::Timestamp;
use testudo_waf::operator::{Captures, Files, Operator};
use testudo_waf::seclang::{Loader, Program, Sources};
use testudo_waf::sqli::{self, Dialect, Lexer, Quote};
use testudo_waf::transform::{ByteClasses, Transformation};
use testudo_waf::xss::{self, Context, Html};
use testudo_waf::{BUDGET_RULE, Connection, Options, RequestLine, Waf};

/// Tokens are few and lie within the input, and a finding is a fingerprint whose case does not matter.
pub fn sqli(data: &[u8]) {
    for quote in [Quote::None, Quote::Single, Quote::Double] {
        for dialect in [Dialect::Standard, Dialect::MySql] {
            let tokens = Lexer::new(data, quote, dialect).map(|token| token.text.len());
            let (count, bytes) = tokens.fold((0, 0), |(count, bytes), len| (count + 1, bytes + len));
            assert!(count <= data.len() && bytes <= data.len());
            assert!(sqli::fold(&mut Lexer::new(data, quote, dialect)).tokens().len() <= 6);
        }
    }
    let found = sqli::detect(data);
    assert!(found.is_none_or(|found| (1..=5).contains(&found.len()) && found.is_ascii()));
}

/// Tokens lie within the input one after another, and what has neither `<` nor `=` is harmless.
pub fn xss(data: &[u8]) {
    let contexts = [Context::Text, Context::Tag, Context::SingleQuoted, Context::DoubleQuoted, Context::BackQuoted];
    for context in contexts {
        let mut at = data.as_ptr().addr();
        for token in Html::new(data, context) {
            let start = token.text.as_ptr().addr();
            assert!(start >= at && start + token.text.len() <= data.as_ptr().addr() + data.len());
            at = start + token.text.len();
        }
    }
    assert!(!xss::detect(data) || data.iter().any(|byte| matches!(byte, b'<' | b'=')));
}

/// Rules that load give the same answers with and without shortcuts. What does not load says where, and why; without those
/// lines the others are tried.
pub fn seclang(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines: Vec<&str> = text.split('\n').collect();
    for _ in 0..6 {
        let mut loader = Loader::new(&Nothing);
        loader.text("fuzzed.conf", &lines.join("\n"));
        let errors = match loader.finish() {
            Ok(program) => return judge(&program),
            Err(errors) => errors,
        };
        assert!(!errors.is_empty());
        for error in errors {
            assert!(error.to_string().starts_with("fuzzed.conf:"), "{error}");
            let line = usize::try_from(error.line).ok().and_then(|line| lines.get_mut(line.checked_sub(1)?));
            *line.expect("the line is there") = "";
        }
    }
}

/// Asks the rules about a request that holds something for many of them.
fn judge(program: &Program) {
    let answer = |options: Options| {
        let waf = Waf::new(program.clone(), options).ok()?;
        let connection = Connection { client: "192.0.2.1", client_port: 1, server: "192.0.2.2", server_port: 443 };
        let mut transaction = waf.open(&connection, "id", Timestamp::EPOCH);
        let target = b"/a/../b?q=1%27%20Union%2f%2a*/select&evil=%00x&n=7";
        transaction.request_line(&RequestLine { method: b"POST", target, protocol: b"HTTP/1.1", raw: None });
        transaction.request_header(b"Host", b"a.example");
        transaction.request_header(b"Cookie", b"evil=1; b=<script>");
        transaction.request_header(b"Content-Type", b"application/x-www-form-urlencoded");
        transaction.request_head();
        transaction.request_body(b"evil=select&b=2");
        transaction.request_end();
        transaction.finish();
        // Where one of them was not asked everything, the answers need not be the same.
        let whole = transaction.matches().iter().all(|found| found.id != BUDGET_RULE);
        whole.then(|| (transaction.matches().to_vec(), transaction.intervention().cloned()))
    };
    let (fast, plain) =
        (answer(Options::default()), answer(Options { prefilter: false, fold: false, ..Options::default() }));
    if let (Some(fast), Some(plain)) = (fast, plain) {
        assert_eq!(fast, plain, "shortcuts change nothing");
    }
}

/// A pattern, and behind a newline a value. What an operator claims to need is there whenever it matches, and groups lie
/// within the value.
pub fn pcre(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (pattern, value) = data.split_at(at);
    let value = value.get(1..).unwrap_or_default();
    if pattern.len() > 1_000 || value.len() > 1_000 {
        return;
    }
    let Ok(operator) = Operator::compile("rx", pattern, &Nothing) else { return };
    let mut captures = Captures::new();
    let matches = operator.matches(pattern, value, Some(&mut captures));
    assert_eq!(matches, operator.matches(pattern, value, None), "groups change nothing");
    if !matches {
        return;
    }
    assert!(captures.get(0, value).is_some(), "what matched is the first group");
    assert!(value.len() >= operator.min_len());
    let classes = ByteClasses::of(value);
    assert!(operator.required_bytes().iter().all(|needed| needed.intersects(&classes)));
    assert!(operator.literals().is_none_or(|literals| literals.occurs_in(value)));
}

const TRANSFORMATIONS: [&[u8]; 36] = [
    b"base64Decode",
    b"base64DecodeExt",
    b"base64Encode",
    b"cmdLine",
    b"compressWhitespace",
    b"cssDecode",
    b"escapeSeqDecode",
    b"hexDecode",
    b"hexEncode",
    b"htmlEntityDecode",
    b"jsDecode",
    b"length",
    b"lowercase",
    b"uppercase",
    b"md5",
    b"none",
    b"normalizePath",
    b"normalizePathWin",
    b"parityEven7bit",
    b"parityOdd7bit",
    b"parityZero7bit",
    b"phpArgsNames",
    b"removeComments",
    b"removeCommentsChar",
    b"removeNulls",
    b"removeWhitespace",
    b"replaceComments",
    b"replaceNulls",
    b"sha1",
    b"sqlHexDecode",
    b"trim",
    b"trimLeft",
    b"trimRight",
    b"urlDecodeUni",
    b"urlEncode",
    b"utf8toUnicode",
];

/// Each transformation of a value, and a second one of what came of it: bounded, the same each time, and never a change that
/// the cheap questions ruled out.
pub fn transformations(data: &[u8]) {
    let Some((second, value)) = data.split_first() else { return };
    let second = TRANSFORMATIONS.get(usize::from(*second) % TRANSFORMATIONS.len()).copied().unwrap_or(b"none");
    let second = Transformation::from_name(second).expect("it is a transformation");
    for name in TRANSFORMATIONS {
        let transformation = Transformation::from_name(name).expect("it is a transformation");
        let output = transformation.apply(value);
        let changed = *output != *value;
        assert!(output.len() <= value.len() * 4 + 40, "{}", transformation.name());
        assert!(!changed || transformation.may_change(value), "{}", transformation.name());
        assert!(!changed || transformation.may_change_for(&ByteClasses::of(value)), "{}", transformation.name());
        assert_eq!(transformation.apply(value), output, "{}", transformation.name());
        assert!(second.apply(&output).len() <= output.len() * 4 + 40, "{} {}", transformation.name(), second.name());
    }
}

/// There are no files.
struct Nothing;

impl Sources for Nothing {
    fn read(&self, _: &str) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn list(&self, _: &str) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }
}

impl Files for Nothing {
    fn read(&self, _: &str) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::NotFound.into())
    }
}
