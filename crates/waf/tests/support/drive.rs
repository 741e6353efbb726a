//! Sends requests through the engine, with the backend that the rule set's tests expect.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;
use testudo_core::Timestamp;
use testudo_waf::{Connection, Intervention, RequestLine, Waf};

use super::front::Request;

/// What came of a request.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub ids: BTreeSet<u64>,
    pub log: String,
    pub status: u16,
    pub intervention: Option<Intervention>,
    /// Each match with its variable and value, in order.
    pub matches: Vec<(u64, String, Vec<u8>, Vec<u8>)>,
    pub work: u64,
}

/// What `/reflect` answers.
#[derive(Debug, Default, Deserialize)]
struct Reflection {
    status: Option<u16>,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
    body: Option<String>,
    #[serde(rename = "encodedBody")]
    encoded: Option<String>,
}

/// What the backend answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

pub const CONNECTION: Connection<'static> =
    Connection { client: "127.0.0.1", client_port: 50_000, server: "127.0.0.1", server_port: 8080 };

/// Runs all phases; what a strict front end refuses gets no answer of the backend.
pub fn run(waf: &Arc<Waf>, request: &Request) -> Outcome {
    run_with(waf, request, (!request.is_refused()).then(|| answer(request)).as_ref())
}

/// Runs all phases with this answer of the backend.
pub fn run_with(waf: &Arc<Waf>, request: &Request, response: Option<&Response>) -> Outcome {
    let mut transaction = waf.open(&CONNECTION, "aRb2x5Xq", Timestamp::from_seconds(1_772_407_800));
    transaction.request_line(&RequestLine {
        method: &request.method,
        target: &request.target,
        protocol: &request.protocol,
        raw: Some(&request.line),
    });
    for (name, value) in &request.headers {
        transaction.request_header(name, value);
    }
    let mut stopped = transaction.request_head().cloned();
    if stopped.is_none() {
        if !request.body.is_empty() {
            stopped = transaction.request_body(&request.body).cloned();
        }
        stopped = stopped.or_else(|| transaction.request_end().cloned());
    }
    let status = response.map_or(400, |response| response.status);
    if let (None, Some(response)) = (&stopped, response) {
        transaction.response_line(response.status, b"HTTP/1.1");
        for (name, value) in &response.headers {
            transaction.response_header(name.as_bytes(), value.as_bytes());
        }
        stopped = transaction.response_head().cloned();
        if stopped.is_none() {
            if !response.body.is_empty() {
                stopped = transaction.response_body(&response.body).cloned();
            }
            stopped = stopped.or_else(|| transaction.response_end().cloned());
        }
    }
    transaction.finish();
    let found = transaction.matches();
    Outcome {
        ids: found.iter().map(|found| found.id).collect(),
        matches: found
            .iter()
            .map(|found| (found.id, found.variable.clone(), found.value.clone(), found.data.clone()))
            .collect(),
        log: transaction.log_lines().join("\n"),
        status: stopped.as_ref().map_or(status, Intervention::status),
        intervention: stopped,
        work: transaction.work(),
    }
}

/// The backend: `/reflect` answers what the body describes, everything else is empty.
pub fn answer(request: &Request) -> Response {
    let mut response = Response { status: 200, headers: Vec::new(), body: Vec::new() };
    if request.target.starts_with(b"/reflect") {
        let Ok(reflection) = serde_json::from_slice::<Reflection>(&request.body) else {
            response.status = 400;
            return response;
        };
        response.status = reflection.status.unwrap_or(200);
        response.headers = reflection.headers.into_iter().collect();
        response.body = match (reflection.body, reflection.encoded) {
            (Some(body), _) => body.into_bytes(),
            (None, Some(encoded)) => data_encoding::BASE64.decode(encoded.as_bytes()).unwrap_or_default(),
            (None, None) => Vec::new(),
        };
    }
    let has_type = response.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    if !has_type && !response.body.is_empty() {
        response.headers.push(("Content-Type".to_owned(), sniffed(&response.body).to_owned()));
    }
    response.headers.push(("Content-Length".to_owned(), response.body.len().to_string()));
    response
}

/// The type that a server guesses (WHATWG MIME Sniffing, 7).
fn sniffed(body: &[u8]) -> &'static str {
    let text = body.trim_ascii_start();
    let begins = |mark: &str| text.get(..mark.len()).is_some_and(|head| head.eq_ignore_ascii_case(mark.as_bytes()));
    let html = [
        "<!doctype html",
        "<html",
        "<head",
        "<script",
        "<iframe",
        "<h1",
        "<div",
        "<font",
        "<table",
        "<a",
        "<style",
        "<title",
        "<b",
        "<body",
        "<br",
        "<p",
        "<!--",
    ];
    if html.iter().any(|mark| begins(mark)) {
        "text/html; charset=utf-8"
    } else if begins("<?xml") {
        "text/xml; charset=utf-8"
    } else if body.starts_with(b"\x1f\x8b\x08") {
        "application/x-gzip"
    } else if body.iter().any(|byte| matches!(byte, 0..=8 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f)) {
        "application/octet-stream"
    } else {
        "text/plain; charset=utf-8"
    }
}
