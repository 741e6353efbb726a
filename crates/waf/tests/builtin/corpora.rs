//! What the rules of our own are measured with: attacks of the rule set's tests, and harmless requests of mobile apps.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use testudo_waf::seclang::Program;

use super::support::front::{Request, bytes};
use super::support::suite::{Stage, files};

/// The requests for which the suite expects a rule of level 1 to match, by the names of their tests.
pub fn attacks(program: &Program, suite: &Path) -> Vec<(String, Request)> {
    let level_one: BTreeSet<u64> =
        program.rules.iter().filter(|rule| rule.has_tag("paranoia-level/1")).map(|rule| rule.id).collect();
    let mut found = Vec::new();
    for (_, file) in files(&suite.join("tests/regression/tests")) {
        for test in file.tests.iter().filter(|_| level_one.contains(&file.rule_id)) {
            let expects = |stage: &&Stage| stage.output.log.as_ref().is_some_and(|log| !log.expect_ids.is_empty());
            if let Some(stage) = test.stages.iter().find(expects) {
                found.push((format!("{}-{}", file.rule_id, test.test_id), Request::parse(&bytes(&stage.input))));
            }
        }
    }
    found
}

#[derive(Deserialize)]
struct Harmless {
    id: String,
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: Option<String>,
    body_base64: Option<String>,
}

/// The harmless requests by their ids.
pub fn harmless(folder: &Path) -> Vec<(String, Request)> {
    let text = std::fs::read_to_string(folder.join("mobile-api-requests.jsonl")).unwrap();
    let request = |line: &str| {
        let Harmless { id, method, path, headers, body, body_base64 } = serde_json::from_str(line).unwrap();
        let decoded = body_base64.map(|encoded| data_encoding::BASE64.decode(encoded.as_bytes()).unwrap());
        let request = Request {
            line: format!("{method} {path} HTTP/1.1").into_bytes(),
            method: method.into_bytes(),
            target: path.into_bytes(),
            protocol: b"HTTP/1.1".to_vec(),
            headers: headers.into_iter().map(|(name, value)| (name.into_bytes(), value.into_bytes())).collect(),
            body: body.map(String::into_bytes).or(decoded).unwrap_or_default(),
        };
        (id, request)
    };
    text.lines().map(request).collect()
}
