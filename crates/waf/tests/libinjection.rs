//! libinjection's own tests and samples (`corpora/libinjection`), file by file.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr, reason = "test code")]

use std::path::{Path, PathBuf};

use testudo_waf::sqli::{self, Dialect, Lexer, Quote, Token};
use testudo_waf::xss::{self, Context, Html, Kind};

fn corpus() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora");
    let root = std::env::var_os("TESTUDO_CORPORA").map_or(here, PathBuf::from).join("libinjection");
    if root.is_dir() {
        return Some(root);
    }
    assert!(std::env::var_os("TESTUDO_REQUIRE_CORPORA").is_none(), "no corpus at {}", root.display());
    eprintln!("SKIPPED: no corpus at {}; set TESTUDO_CORPORA", root.display());
    None
}

/// The files of a folder that begin so, by name.
fn files(folder: &Path, prefix: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path))
        .filter(|(name, _)| name.starts_with(prefix))
        .map(|(name, path)| (name, std::fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

/// Runs each test of one type, and gives how many there are.
fn run(prefix: &str, answer: impl Fn(&[u8]) -> Vec<u8>) -> usize {
    let Some(root) = corpus() else { return 0 };
    let files = files(&root.join("tests"), prefix);
    for (name, text) in &files {
        let (_, rest) = split(text, b"--INPUT--\n");
        let (input, expected) = split(rest, b"--EXPECTED--\n");
        let given = answer(input.trim_ascii_end());
        let shown = [&given, expected].map(|lines| String::from_utf8_lossy(lines.trim_ascii_end()));
        assert_eq!(given.trim_ascii_end(), expected.trim_ascii_end(), "{name}: {shown:?}");
    }
    files.len()
}

fn split<'a>(text: &'a [u8], mark: &[u8]) -> (&'a [u8], &'a [u8]) {
    let at = text.windows(mark.len()).position(|part| part == mark).unwrap();
    (&text[..at], &text[at + mark.len()..])
}

#[test]
fn all_480_tests_pass() {
    let tokens =
        run("test-tokens-", |input| Lexer::new(input, Quote::None, Dialect::Standard).flat_map(line).collect());
    let folding = run("test-folding-", |input| {
        let mut lexer = Lexer::new(input, Quote::None, Dialect::Standard);
        let folded = sqli::fold(&mut lexer);
        folded.tokens().iter().flat_map(|token| line(as_written(*token, input))).collect()
    });
    let sqli = run("test-sqli-", |input| sqli::detect(input).map(|found| found.to_vec()).unwrap_or_default());
    let html = run("test-html5-", |input| Html::new(input, Context::Text).flat_map(html_line).collect());
    if corpus().is_some() {
        assert_eq!((tokens, folding, sqli, html), (249, 118, 50, 63));
        assert_eq!(tokens + folding + sqli + html, 480);
    }
}

/// A phrase comes in upper case from the word list; where the input has the same in lower case, that is expected.
fn as_written<'a>(mut token: Token<'a>, input: &'a [u8]) -> Token<'a> {
    let written = input.windows(token.text.len().max(1)).find(|part| part.eq_ignore_ascii_case(token.text));
    token.text = written.filter(|_| token.text.contains(&b' ')).unwrap_or(token.text);
    token
}

fn line(token: Token<'_>) -> Vec<u8> {
    let mut line = vec![token.kind().symbol(), b' '];
    line.extend(std::iter::repeat_n(b'@', token.ats().into()));
    let quoted = matches!(token.kind(), sqli::Kind::String | sqli::Kind::Variable);
    line.extend(token.open().filter(|_| quoted));
    line.extend(token.text);
    line.extend(token.close().filter(|_| quoted));
    line.push(b'\n');
    line
}

fn html_line(token: xss::Token<'_>) -> Vec<u8> {
    let kind = match token.kind {
        Kind::Text => "DATA_TEXT",
        Kind::TagOpen => "TAG_NAME_OPEN",
        Kind::TagNameEnd => "TAG_NAME_CLOSE",
        Kind::TagSelfClose => "TAG_NAME_SELFCLOSE",
        Kind::TagClose => "TAG_CLOSE",
        Kind::AttributeName => "ATTR_NAME",
        Kind::AttributeValue => "ATTR_VALUE",
        Kind::Comment => "TAG_COMMENT",
        Kind::Doctype => "DOCTYPE",
    };
    format!("{kind},{},{}\n", token.text.len(), String::from_utf8_lossy(token.text)).into_bytes()
}

/// The samples in files that begin so: how many there are, and how many are detected.
fn samples(prefix: &str, detect: impl Fn(&[u8]) -> bool) -> Option<(usize, usize)> {
    let files = files(&corpus()?.join("data"), prefix);
    let texts: Vec<&[u8]> = files.iter().map(|(_, text)| text.as_slice()).collect();
    let lines = texts.iter().flat_map(|text| text.split(|byte| *byte == b'\n')).map(<[u8]>::trim_ascii_end);
    let inputs: Vec<_> = lines.filter(|line| !line.is_empty() && !line.starts_with(b"#")).map(url_decode).collect();
    Some((inputs.len(), inputs.iter().filter(|input| detect(input)).count()))
}

fn url_decode(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(byte.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    decoded
}

#[test]
fn samples_are_detected_as_often_as_by_libinjection() {
    let sqli = |input: &[u8]| sqli::detect(input).is_some();
    for (prefix, counts) in [("sqli-", (17_149, 17_131)), ("false_positives", (421, 21))] {
        assert_eq!(samples(prefix, sqli).unwrap_or(counts), counts, "{prefix}");
    }
    for (prefix, counts) in [("xss-", (1645, 1640)), ("tbd-xss-", (1, 0)), ("false_positives", (421, 0))] {
        assert_eq!(samples(prefix, xss::detect).unwrap_or(counts), counts, "{prefix}");
    }
}
