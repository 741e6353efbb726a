//! `ModSecurity`'s own cases of operators and transformations (`secrules-language-tests`): all counted, each exception
//! with its reason.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, clippy::panic, clippy::indexing_slicing)]

use std::io;
use std::path::{Path, PathBuf};

use testudo_waf::operator::{Captures, Files, Operator, OperatorError, PatternError};
use testudo_waf::transform::Transformation;

/// A case. What an operator answers is in `ret`, what a transformation gives in `output`.
#[derive(serde::Deserialize)]
struct Case {
    name: String,
    #[serde(default)]
    param: String,
    input: String,
    #[serde(default)]
    output: String,
    ret: u8,
    re_groups: Option<Vec<String>>,
}

fn corpus() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora");
    let root = std::env::var_os("TESTUDO_CORPORA").map_or(here, PathBuf::from);
    let root = root.join("modsecurity/secrules-language-tests");
    if root.is_dir() {
        return Some(root);
    }
    assert!(std::env::var_os("TESTUDO_REQUIRE_CORPORA").is_none(), "no corpus at {}", root.display());
    eprintln!("SKIPPED: no corpus at {}; set TESTUDO_CORPORA", root.display());
    None
}

/// The cases of a folder, with the name of their file.
fn cases(folder: &Path) -> Vec<(String, Case)> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut cases = Vec::new();
    for path in paths.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "json")) {
        let file = path.file_stem().unwrap().to_string_lossy().into_owned();
        let listed: Vec<Case> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        cases.extend(listed.into_iter().map(|case| (file.clone(), case)));
    }
    cases
}

/// The bytes of a text of the corpus: UTF-8 up to a NUL, with `\xHH` and `\uHHHH` for single bytes.
fn bytes(text: &str) -> Vec<u8> {
    let text = text.split('\0').next().unwrap().as_bytes().to_vec();
    unescape(&unescape(&text, b"\\x", 2), b"\\u", 4)
}

/// As the test runner of `ModSecurity` reads escapes: letters and digits, as far as they are hexadecimal.
fn unescape(text: &[u8], mark: &[u8], length: usize) -> Vec<u8> {
    let mut output = Vec::new();
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let digits = text[at..].strip_prefix(mark).and_then(|rest| rest.get(..length));
        if let Some(digits) = digits.filter(|digits| digits.iter().all(u8::is_ascii_alphanumeric)) {
            let digits = digits.iter().map_while(|digit| char::from(*digit).to_digit(16));
            let value = digits.fold(0, |value, digit| value << 4 | digit);
            output.push(value.to_le_bytes()[0]);
            at += mark.len() + length;
        } else {
            output.push(byte);
            at += 1;
        }
    }
    output
}

/// Files as `ModSecurity`'s test runner finds them.
struct TestCases(PathBuf);

impl Files for TestCases {
    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        std::fs::read(self.0.join(name.strip_prefix("test-cases/secrules-language-tests/").unwrap_or(name)))
    }
}

#[test]
fn operators() {
    let Some(root) = corpus() else { return };
    let files = TestCases(root.clone());
    let [mut passed, mut groups] = [0; 2];
    let mut exceptions = Vec::new();
    let mut failures = Vec::new();
    for (file, case) in cases(&root.join("operators")) {
        let (parameter, input) = (bytes(&case.param), bytes(&case.input));
        let operator = match Operator::compile(&case.name, &parameter, &files) {
            Ok(operator) => operator,
            Err(error) => {
                exceptions.push((file, reason(&error)));
                continue;
            }
        };
        let mut captures = Captures::new();
        let matched = operator.matches(&parameter, &input, None);
        let again = operator.matches(&parameter, &input, Some(&mut captures));
        if matched != again || matched != (case.ret == 1) {
            failures.push(format!("{file}: `{}` on `{}` gives {matched}", case.param, case.input));
            continue;
        }
        passed += 1;
        if matched {
            assert!(input.len() >= operator.min_len(), "{file}: {}", case.param);
            assert!(operator.literals().is_none_or(|literals| literals.occurs_in(&input)), "{file}: {}", case.param);
        }
        if let Some(expected) = case.re_groups {
            let got: Vec<&[u8]> = (0..captures.len()).filter_map(|group| captures.get(group, &input)).collect();
            let expected: Vec<&[u8]> = expected.iter().map(String::as_bytes).collect();
            // Most cases of rxGlobal list the groups of the first match only.
            let whole = if file == "rx" { expected.len() } else { got.len() };
            assert!(got.starts_with(&expected) && got.len() == whole, "{file}: {}", case.param);
            groups += 1;
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
    let count = |file: &str, reason: &str| exceptions.iter().filter(|except| **except == (file.into(), reason)).count();
    // No country database is read.
    assert_eq!(count("geoLookup", "unsupported"), 5);
    // A lookahead has no linear time.
    assert_eq!(count("rx", "a lookahead"), 2);
    assert_eq!(count("rxGlobal", "a lookahead"), 2);
    // A list of bytes that is none is refused at load, where ModSecurity goes on with an empty list.
    assert_eq!(count("validateByteRange", "parameter"), 3);
    // So is a network of 100 bits in an address of 32.
    assert_eq!(count("ipMatch", "parameter"), 1);
    assert_eq!(exceptions.len(), 13, "{exceptions:?}");
    assert_eq!((passed, groups), (3942, 23));
}

fn reason(error: &OperatorError) -> &'static str {
    match error {
        OperatorError::Unsupported { .. } => "unsupported",
        OperatorError::Pattern { source: PatternError::Unsupported { construct, .. }, .. } => construct,
        OperatorError::Parameter { .. } => "parameter",
        other => panic!("{other}"),
    }
}

#[test]
fn transformations() {
    let Some(root) = corpus() else { return };
    let mut passed = 0;
    let mut failures = Vec::new();
    for (file, case) in cases(&root.join("transformations")) {
        // The corpus names one by its C++ file.
        let name = if case.name == "cmd_line" { "cmdLine" } else { &case.name };
        let transformation = Transformation::from_name(name.as_bytes()).expect(name);
        let (input, expected) = (bytes(&case.input), bytes(&case.output));
        let output = transformation.apply(&input);
        if *output == *expected {
            passed += 1;
        } else {
            let [input, output, expected] = [&*input, &*output, &*expected].map(<[u8]>::escape_ascii);
            failures.push(format!("{file}: `{input}` gives `{output}`, not `{expected}`"));
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
    assert_eq!(passed, 376);
}
