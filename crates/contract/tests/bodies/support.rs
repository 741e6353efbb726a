//! A contract with one route, and what its check says.

use http::Method;
use testudo_contract::{Checked, Contract, Options, RouteMatch, Unknown};

/// A contract whose `POST /x` takes JSON of this schema.
pub fn contract(schema: &str) -> Contract {
    with_body(&format!("{{required: true, content: {{application/json: {{schema: {schema}}}}}}}"), "{}")
}

/// A contract whose `POST /x` takes this body.
pub fn with_body(body: &str, schemas: &str) -> Contract {
    let text = format!(
        "openapi: 3.1.0\ninfo: {{}}\npaths: {{/x: {{post: {{requestBody: {body}}}}}}}\ncomponents: {{schemas: {schemas}}}\n"
    );
    Contract::from_openapi("test", &text).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

/// Checks a body of the route.
pub fn check(contract: &Contract, kind: &str, body: &[u8], unknown: Unknown) -> Checked {
    let RouteMatch::Found(found) = contract.route(&Method::POST, "/x") else { panic!("no route") };
    contract.check_body(found.route, Some(kind.as_bytes()), body, Options { unknown })
}

/// What is wrong with JSON, as `pointer code` in order; empty where it is fine.
pub fn said(contract: &Contract, json: &str, unknown: Unknown) -> String {
    lines(&check(contract, "application/json", json.as_bytes(), unknown))
}

pub fn lines(checked: &Checked) -> String {
    let lines = checked.violations.iter().map(|v| format!("{} {}", v.pointer, v.code).trim_start().to_owned());
    lines.collect::<Vec<_>>().join(", ")
}

/// The texts that are proven.
pub fn proven<'b>(checked: &Checked, body: &'b str) -> Vec<&'b str> {
    checked.proven.iter().map(|proven| &body[proven.span.start..proven.span.end]).collect()
}
