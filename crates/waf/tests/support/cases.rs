//! What decisions are asked about: the rule set's attacks of level 1, and harmless requests of mobile apps.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use testudo_waf::seclang::Program;

use super::front::{Request, bytes};
use super::suite::{Stage, files};

/// The requests for which the suite expects a rule of level 1 to match, by the names of their tests.
pub fn attacks(program: &Program, suite: &Path) -> Vec<(String, Request)> {
    let level_one: BTreeSet<u64> =
        program.rules.iter().filter(|rule| rule.has_tag("paranoia-level/1")).map(|rule| rule.id).collect();
    let mut found = Vec::new();
    for (_, file) in files(&suite.join("tests/regression/tests")) {
        let tests = if level_one.contains(&file.rule_id) { file.tests.as_slice() } else { &[] };
        for test in tests {
            let expects = |stage: &&Stage| stage.output.log.as_ref().is_some_and(|log| !log.expect_ids.is_empty());
            if let Some(stage) = test.stages.iter().find(expects) {
                let name = format!("{}-{}", file.rule_id, test.test_id);
                found.push((name, Request::parse(&bytes(&stage.input))));
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
        let harmless: Harmless = serde_json::from_str(line).unwrap();
        let body = match (&harmless.body, &harmless.body_base64) {
            (Some(body), _) => body.clone().into_bytes(),
            (None, Some(encoded)) => data_encoding::BASE64.decode(encoded.as_bytes()).unwrap(),
            (None, None) => Vec::new(),
        };
        let headers = harmless.headers.into_iter().map(|(name, value)| (name.into_bytes(), value.into_bytes()));
        let request = Request {
            line: format!("{} {} HTTP/1.1", harmless.method, harmless.path).into_bytes(),
            method: harmless.method.into_bytes(),
            target: harmless.path.into_bytes(),
            protocol: b"HTTP/1.1".to_vec(),
            headers: headers.collect(),
            body,
        };
        (harmless.id, request)
    };
    text.lines().map(request).collect()
}
