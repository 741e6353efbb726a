//! Decisions at paranoia level 1, blocking: attacks are stopped, and harmless requests pass.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "test code"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use support::drive::run;
use support::front::{Request, bytes};
use support::rules::{BASE, corpus, crs, program, waf};
use support::suite::files;
use testudo_waf::Options;

#[test]
fn attacks_are_stopped() {
    let (Some(crs), Some(suite)) = (crs(), corpus("crs")) else { return };
    let program = program(&crs, BASE, "");
    let level_one: BTreeSet<u64> =
        program.rules.iter().filter(|rule| rule.has_tag("paranoia-level/1")).map(|rule| rule.id).collect();
    let waf = waf(program, Options::default());
    let (mut blocked, mut refused, mut passed) = (0, 0, Vec::new());
    for (_, file) in files(&suite.join("tests/regression/tests")) {
        if !level_one.contains(&file.rule_id) {
            continue;
        }
        for test in &file.tests {
            let expects =
                |stage: &support::suite::Stage| stage.output.log.as_ref().is_some_and(|log| !log.expect_ids.is_empty());
            let Some(stage) = test.stages.iter().find(|stage| expects(stage)) else { continue };
            let request = Request::parse(&bytes(&stage.input));
            let outcome = run(&waf, &request);
            if outcome.intervention.is_some() {
                blocked += 1;
            } else if request.is_refused() {
                refused += 1;
            } else {
                passed.push(format!("{}-{}", file.rule_id, test.test_id));
            }
        }
    }
    let all = blocked + refused + passed.len();
    eprintln!("{blocked} blocked and {refused} refused of {all}; passed: {}", passed.join(" "));
    // What passes are single warnings of protocol rules, whose score is below the threshold.
    assert_eq!((blocked, refused, passed.len()), (2244, 0, 40));
    assert!(passed.iter().all(|name| name.starts_with("920")), "no attack passes");
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

/// The requests that are blocked, with the rules that scored.
fn blocked(settings: &str) -> Option<Vec<String>> {
    let (crs, folder) = (crs()?, corpus("benign")?);
    let waf = waf(program(&crs, BASE, settings), Options::default());
    let text = std::fs::read_to_string(folder.join("mobile-api-requests.jsonl")).unwrap();
    let mut found = Vec::new();
    for line in text.lines() {
        let harmless: Harmless = serde_json::from_str(line).unwrap();
        let body = match (&harmless.body, &harmless.body_base64) {
            (Some(body), _) => body.clone().into_bytes(),
            (None, Some(encoded)) => data_encoding::BASE64.decode(encoded.as_bytes()).unwrap(),
            (None, None) => Vec::new(),
        };
        let request = Request {
            line: format!("{} {} HTTP/1.1", harmless.method, harmless.path).into_bytes(),
            method: harmless.method.into_bytes(),
            target: harmless.path.into_bytes(),
            protocol: b"HTTP/1.1".to_vec(),
            headers: harmless
                .headers
                .into_iter()
                .map(|(name, value)| (name.into_bytes(), value.into_bytes()))
                .collect(),
            body,
        };
        let outcome = run(&waf, &request);
        if outcome.intervention.is_some() {
            let ids: Vec<String> =
                outcome.ids.iter().filter(|id| **id < 949_000 && **id != 0).map(u64::to_string).collect();
            found.push(format!("{} ({})", harmless.id, ids.join(" ")));
        }
    }
    Some(found)
}

/// The methods and content types of the apps.
const ALLOWED: &str = r#"
SecAction "id:900200,phase:1,pass,nolog,t:none,\
    setvar:'tx.allowed_methods=GET HEAD POST OPTIONS PUT PATCH DELETE'"
SecAction "id:900220,phase:1,pass,nolog,t:none,\
    setvar:'tx.allowed_request_content_type=|application/x-www-form-urlencoded| |multipart/form-data| |text/xml| \
|application/xml| |application/soap+xml| |application/json| |application/fhir+json| |application/merge-patch+json| \
|application/json-patch+json| |application/x-ndjson| |application/octet-stream| |text/plain|'"
"#;

#[test]
fn harmless_requests_pass() {
    let (Some(plain), Some(allowed)) = (blocked(""), blocked(ALLOWED)) else { return };
    eprintln!("{} of 300 blocked by default: {}", plain.len(), plain.join(", "));
    eprintln!("{} of 300 blocked with methods and types allowed: {}", allowed.len(), allowed.join(", "));
    assert_eq!((plain.len(), allowed.len()), (82, 46));
}
