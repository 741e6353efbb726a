//! What apps send passes the whole gateway, with the OWASP Core Rule Set and the app's contract: one that was learned from
//! the app's own traffic, and says in which fields people write what they like.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    dead_code,
    reason = "test code, some of it shared with other tests"
)]

mod support;

#[path = "../../waf/tests/support/cases.rs"]
mod cases;
#[path = "../../waf/tests/support/drive.rs"]
mod drive;
#[path = "../../waf/tests/support/front.rs"]
mod front;
#[path = "support/rule_set.rs"]
mod rule_set;
#[path = "../../waf/tests/support/suite.rs"]
mod suite;

use std::io::Write as _;

use serde_json::Value;
use support::Server;
use support::http::{Http, read_head, read_reply};
use testudo_contract::{Learner, Observation};

/// Fields in which the people of these apps write what they like, or that hold code: messages, notes, names,
/// pictures as text, stack traces, expressions, questions to a GraphQL server.
const FREE: &[&str] = &[
    "body",
    "exception",
    "expression",
    "fallback",
    "image",
    "instructions",
    "items",
    "memo",
    "name",
    "query",
    "remittance",
    "stack",
    "subject",
    "text",
];

/// Everybody is let in, as often as they like: this is about the firewall and the contract.
const CONFIG: &str = r#"
mode = "block"
paranoia = 1
[contract]
openapi = "openapi.json"
[identity]
issuer = "https://sign-in.example.org"
[response]
enabled = false
[limits]
address = "off"
subnet = "off"
client = "off"
route = "off"
"#;

/// The contract that these requests teach.
fn learned(requests: &[(String, front::Request)]) -> Value {
    let mut learner = Learner::new();
    for (name, request) in requests {
        let target = String::from_utf8(request.target.clone()).unwrap();
        let (path, query) = target.split_once('?').map_or((&*target, None), |(path, query)| (path, Some(query)));
        let taken = learner.observe(&Observation {
            method: &http::Method::from_bytes(&request.method).unwrap(),
            path,
            query,
            content_type: request.header("content-type").as_deref(),
            body: &request.body,
            status: 200,
            authenticated: false,
        });
        if !taken {
            eprintln!("not learned: {name} {path}");
        }
    }
    serde_json::from_str(&learner.document("apps")).unwrap()
}

/// Marks the fields and parameters in which people write what they like.
fn free(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, member) in map.iter_mut() {
                if FREE.contains(&&**name) && member.get("type").is_some() {
                    mark(member);
                }
                free(member);
            }
            let named = map.get("in").is_some()
                && map.get("name").and_then(Value::as_str).is_some_and(|name| FREE.contains(&name));
            if let Some(schema) = map.get_mut("schema").filter(|_| named) {
                mark(schema);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(free),
        _ => {}
    }
}

fn mark(schema: &mut Value) {
    if let Some(items) = schema.get_mut("items") {
        return mark(items);
    }
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("x-testudo-text".into(), "free".into());
    }
}

/// How the gateway answers: the status and the code of a refusal.
fn send(server: &Server, http: &Http, request: &front::Request) -> (u16, String) {
    let mut bytes = [request.line.as_slice(), b"\r\n"].concat();
    for (name, value) in &request.headers {
        bytes.extend([name.as_slice(), b": ", value, b"\r\n"].concat());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&request.body);
    let mut stream = http.open(server.gateway);
    stream.write_all(&bytes).unwrap();
    stream.flush().unwrap();
    let reply = if request.method == b"HEAD" { read_head(&mut stream) } else { read_reply(&mut stream) };
    reply.refusal()
}

#[test]
fn harmless_requests_pass_the_rules_and_the_contract() {
    let Some((rules, benign)) = rule_set::folders("benign") else { return };
    let mut requests = cases::harmless(&benign);
    for (_, request) in &mut requests {
        // Their tokens are signed with random bytes; their routes are public here.
        request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(b"authorization"));
    }
    let mut contract = learned(&requests);
    free(&mut contract);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("openapi.json"), contract.to_string()).unwrap();
    let config = format!("[upstream]\nservers = [\"{}\"]\n[waf]\nrules = [{rules:?}]\n{CONFIG}", rule_set::backend());
    std::fs::write(folder.path().join("testudo.toml"), config).unwrap();
    let server = Server::start_in(folder, &[]);
    let http = Http::new(&server.ca());
    let mut refused = Vec::new();
    for (name, request) in &requests {
        let (status, code) = send(&server, &http, request);
        // A preflight ends at the gateway.
        if status != 200 && !(request.method == b"OPTIONS" && status == 204) {
            refused.push(format!("{name}: {status} {code}"));
        }
    }
    for line in &refused {
        eprintln!("REFUSED {line}");
    }
    assert_eq!(refused, Vec::<String>::new(), "of {}", requests.len());
    assert_eq!(requests.len(), 300);
}
