//! The tests of the rule set, as they are written (`coreruleset/go-ftw`, format of tests).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex_automata::meta::Regex;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

#[derive(Debug, Deserialize)]
pub struct File {
    pub rule_id: u64,
    pub tests: Vec<Test>,
}

#[derive(Debug, Deserialize)]
pub struct Test {
    pub test_id: u64,
    pub stages: Vec<Stage>,
}

#[derive(Debug, Deserialize)]
pub struct Stage {
    pub input: Input,
    pub output: Output,
}

#[derive(Debug, Deserialize)]
pub struct Input {
    #[serde(default = "get")]
    pub method: String,
    #[serde(default = "root")]
    pub uri: String,
    #[serde(default = "http")]
    pub version: String,
    #[serde(default)]
    pub headers: Headers,
    pub data: Option<String>,
    #[serde(default = "yes")]
    pub autocomplete_headers: bool,
    pub encoded_request: Option<String>,
}

fn get() -> String {
    "GET".to_owned()
}

fn root() -> String {
    "/".to_owned()
}

fn http() -> String {
    "HTTP/1.1".to_owned()
}

fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize)]
pub struct Output {
    pub status: Option<u16>,
    pub log: Option<Log>,
    #[serde(default)]
    pub expect_error: bool,
}

#[derive(Debug, Default, Deserialize)]
pub struct Log {
    #[serde(default)]
    pub expect_ids: Vec<u64>,
    #[serde(default)]
    pub no_expect_ids: Vec<u64>,
    pub match_regex: Option<String>,
    pub no_match_regex: Option<String>,
}

/// Headers in the order of the file.
#[derive(Debug, Default)]
pub struct Headers(pub Vec<(String, String)>);

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Headers, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Headers;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("headers")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
                let mut found = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    found.push(pair);
                }
                Ok(Headers(found))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// All files below a folder, in order. One file of the suite is empty.
pub fn files(folder: &Path) -> Vec<(PathBuf, File)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|known| known == "yaml" || known == "yml") {
                let text = std::fs::read_to_string(&path).unwrap();
                if text.lines().all(|line| line.trim().is_empty() || line.starts_with(['#', '-'])) {
                    continue;
                }
                match serde_saphyr::from_str(&text) {
                    Ok(file) => found.push((path, file)),
                    Err(error) => panic!("{}: {error}", path.display()),
                }
            }
        }
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

impl Stage {
    /// What is wrong with what came of it: the status, the ids that were logged, and the log itself.
    pub fn judge(&self, status: u16, ids: &BTreeSet<u64>, text: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        if let Some(expected) = self.output.status
            && expected != status
        {
            wrong.push(format!("status {status} instead of {expected}"));
        }
        let Some(log) = &self.output.log else { return wrong };
        wrong.extend(log.expect_ids.iter().filter(|id| !ids.contains(id)).map(|id| format!("no {id}")));
        wrong.extend(log.no_expect_ids.iter().filter(|id| ids.contains(id)).map(|id| format!("but {id}")));
        let matches = |pattern: &str| Regex::new(pattern).unwrap().is_match(text);
        if let Some(pattern) = log.match_regex.as_ref().filter(|pattern| !matches(pattern)) {
            wrong.push(format!("the log does not match {pattern}"));
        }
        if let Some(pattern) = log.no_match_regex.as_ref().filter(|pattern| matches(pattern)) {
            wrong.push(format!("the log matches {pattern}"));
        }
        wrong
    }
}
