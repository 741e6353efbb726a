//! The regression cases of `ModSecurity` 3: what they say about statuses, log lines, redirections and refused rules.
//!
//! Cases that only look into the debug log state facts in another program's words; they are counted, and their rules are
//! run, but nothing is compared.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "test code"
)]

mod support;

use std::path::Path;

use serde_json::Value;
use support::rules::{Disk, corpus};
use testudo_core::Timestamp;
use testudo_waf::seclang::Loader;
use testudo_waf::seclang::Sources;
use testudo_waf::{Connection, Intervention, Options, RequestLine, Waf};

/// Paths in cases begin with `test-cases/`, wherever they stand.
struct Mapped<'a>(&'a Path);

impl Mapped<'_> {
    fn path(&self, path: &str) -> String {
        match path.rsplit_once("test-cases/") {
            Some((_, rest)) => format!("{}/{rest}", self.0.display()),
            None => path.to_owned(),
        }
    }
}

impl Sources for Mapped<'_> {
    fn read(&self, path: &str) -> std::io::Result<Vec<u8>> {
        Disk.read(&self.path(path))
    }

    fn list(&self, pattern: &str) -> std::io::Result<Vec<String>> {
        Disk.list(&self.path(pattern))
    }
}

/// Why rules are refused that the original takes: it takes them without a word, and they never match.
const REFUSED: [&str; 7] = [
    "not supported",
    "https:",
    "no rule follows",
    "the id of the rule is missing",
    "a quote is not closed",
    "the pattern of `@rx`",
    "linear time",
];

/// What the log of the original says of places in the request.
const OFFSETS: [&str; 3] = ["t:trim", "t:lowercase", "o0,1v"];

/// Cases with another outcome here, and why.
const DIFFERENT: &[(&str, &str)] = &[
    ("config-body_limits/0", "a body that is not read has no limit"),
    ("config-body_limits/2", "a body that is too large is refused with 413, which says why, and not with 403"),
    ("config-update-target-by-id/3", "leaving out `ARGS` leaves out `ARGS` and not `ARGS_NAMES`"),
];

/// Cases that look at what can't be here.
const NOT_HERE: &[(&str, &str)] = &[
    ("issue-1844/", "the corpus lacks the file that is included"),
    ("operator-rx/3", "expressions can't exceed a limit of PCRE here"),
    ("operator-rx/4", "expressions can't exceed a limit of PCRE here"),
    ("operator-rx/5", "expressions can't exceed a limit of PCRE here"),
    ("offset-variable/50", "offsets of the original's parser"),
];

/// What came of a case.
enum Outcome {
    Passed,
    Failed(String),
    /// There is nothing to compare.
    Nothing,
    /// It needs what this engine leaves out, or another machine.
    NotApplicable(String),
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(lines) => lines.iter().map(text).collect::<Vec<_>>().join("\n"),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A body: each line of a list ends with LF.
fn body(value: &Value) -> String {
    match value {
        Value::Array(lines) => lines.iter().map(|line| text(line) + "\n").collect(),
        other => text(other),
    }
}

fn headers(value: &Value) -> Vec<(String, String)> {
    let pairs = value.as_object().into_iter().flatten();
    pairs
        .flat_map(|(name, value)| match value {
            Value::Array(values) => values.iter().map(|value| (name.clone(), text(value))).collect(),
            other => vec![(name.clone(), text(other))],
        })
        .collect()
}

fn run(folder: &Path, case: &Value) -> Outcome {
    if let Some(resource) = case.get("resource").filter(|resource| *resource != "libxml2") {
        return Outcome::NotApplicable(format!("needs {resource}"));
    }
    let expected = &case["expected"];
    let disk = Mapped(folder);
    let mut loader = Loader::new(&disk);
    let rules = case["rules"].as_array().into_iter().flatten().map(text).collect::<Vec<_>>().join("\n");
    loader.text(&format!("{}/case.conf", folder.display()), &rules);
    let program = match loader.finish() {
        Ok(program) => program,
        Err(errors) => {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            let errors = errors.join("; ");
            return if expected.get("parser_error").is_some() {
                Outcome::Passed
            } else if REFUSED.iter().any(|known| errors.contains(known)) {
                Outcome::NotApplicable(errors)
            } else {
                Outcome::Failed(format!("refused: {errors}"))
            };
        }
    };
    if expected.get("parser_error").is_some_and(|error| !text(error).is_empty()) {
        return Outcome::Failed("the rules are not refused".to_owned());
    }
    let waf = match Waf::new(program, Options::default()) {
        Ok(waf) => waf,
        Err(problem) => return Outcome::Failed(problem.to_string()),
    };
    let address = |side: &str| text(&case[side]["ip"]);
    let port = |side: &str| case[side]["port"].as_u64().and_then(|port| u16::try_from(port).ok()).unwrap_or(0);
    let (client, server) = (address("client"), address("server"));
    let connection =
        Connection { client: &client, client_port: port("client"), server: &server, server_port: port("server") };
    let mut transaction = waf.open(&connection, "aRb2x5Xq", Timestamp::from_seconds(1_772_407_800));
    let request = &case["request"];
    let version = request.get("http_version").map_or("1.1".to_owned(), text);
    transaction.request_line(&RequestLine {
        method: text(&request["method"]).as_bytes(),
        target: text(&request["uri"]).as_bytes(),
        protocol: format!("HTTP/{version}").as_bytes(),
        raw: None,
    });
    for (name, value) in headers(&request["headers"]) {
        transaction.request_header(name.as_bytes(), value.as_bytes());
    }
    transaction.request_head();
    transaction.request_body(body(&request["body"]).as_bytes());
    transaction.request_end();
    let response = &case["response"];
    if transaction.intervention().is_none() {
        transaction.response_line(200, b"HTTP/1.1");
        for (name, value) in headers(&response["headers"]) {
            transaction.response_header(name.as_bytes(), value.as_bytes());
        }
        transaction.response_head();
        transaction.response_body(body(&response["body"]).as_bytes());
        transaction.response_end();
    }
    transaction.finish();
    let stopped = transaction.intervention().cloned();
    let log = transaction.log_lines().join("\n");
    compare(expected, stopped.as_ref(), &log)
}

fn compare(expected: &Value, stopped: Option<&Intervention>, log: &str) -> Outcome {
    let mut facts = 0;
    if let Some(status) = expected.get("http_code").and_then(Value::as_u64) {
        facts += 1;
        let found = stopped.map_or(200, Intervention::status);
        if u64::from(found) != status {
            return Outcome::Failed(format!("status {found} instead of {status}"));
        }
    }
    if let Some(location) = expected.get("redirect_url").map(text).filter(|text| !text.is_empty()) {
        facts += 1;
        match stopped {
            Some(Intervention::Redirect { location: found, .. }) if found.contains(&location) => {}
            other => return Outcome::Failed(format!("{other:?} instead of a redirection to {location}")),
        }
    }
    if let Some(pattern) = expected.get("error_log").map(text).filter(|text| !text.is_empty()) {
        if OFFSETS.iter().any(|mark| pattern.contains(mark)) {
            return Outcome::NotApplicable("offsets of the original's parser".to_owned());
        }
        facts += 1;
        match regex_automata::meta::Regex::new(&pattern) {
            Ok(regex) if !regex.is_match(log) => {
                return Outcome::Failed(format!("the log does not match {pattern}: {log}"));
            }
            _ => {}
        }
    }
    if facts == 0 { Outcome::Nothing } else { Outcome::Passed }
}

#[test]
fn cases_of_the_original() {
    let Some(folder) = corpus("modsecurity") else { return };
    let mut paths: Vec<_> =
        std::fs::read_dir(folder.join("regression")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let mut index = 0;
    while let Some(path) = paths.get(index).cloned() {
        if path.is_dir() {
            paths.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        index += 1;
    }
    paths.retain(|path| path.extension().is_some_and(|known| known == "json"));
    paths.sort();
    let (mut passed, mut nothing) = (0, 0);
    let (mut failed, mut spared, mut different_here) = (Vec::new(), Vec::new(), Vec::new());
    for path in &paths {
        let cases: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for (number, case) in cases.as_array().unwrap().iter().enumerate() {
            let name = format!("{}/{number} {}", path.file_stem().unwrap().display(), text(&case["title"]));
            let different = DIFFERENT.iter().find(|(known, _)| name.starts_with(&format!("{known} ")));
            if let Some((_, why)) = different {
                different_here.push(format!("{name}: {why}"));
                continue;
            }
            let missing = NOT_HERE.iter().find(|(known, _)| name.starts_with(known));
            if let Some((_, why)) = missing {
                spared.push(format!("{name}: {why}"));
                continue;
            }
            match run(&folder, case) {
                Outcome::Passed => passed += 1,
                Outcome::Nothing => nothing += 1,
                Outcome::Failed(why) => failed.push(format!("{name}: {why}")),
                Outcome::NotApplicable(why) => spared.push(format!("{name}: {why}")),
            }
        }
    }
    for line in &spared {
        eprintln!("not applicable {line}");
    }
    for line in &failed {
        eprintln!("FAILED {line}");
    }
    for line in &different_here {
        eprintln!("different {line}");
    }
    eprintln!(
        "{passed} passed, {} failed, {} different, {} not applicable, {nothing} without a fact to compare",
        failed.len(),
        different_here.len(),
        spared.len()
    );
    assert!(failed.is_empty());
    assert_eq!(passed + different_here.len() + spared.len() + nothing, 656);
    assert_eq!((passed, different_here.len()), (192, 3));
}
