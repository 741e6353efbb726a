//! What a transaction costs where it has no core to itself: a request as an app sends it through the gateway, with a token,
//! and caches that hold other things when it begins, because a request's trip has other code and data too.
//!
//! `TESTUDO_CRS=<rule set> cold [workload [KiB [rounds]]]` loads the rule set at paranoia level 1 in blocking mode; before each
//! transaction, and between its request and its answer, so many KiB of other memory are read. The medians of the wall times of
//! single transactions are printed, which what else the machine does moves little.

#![allow(clippy::print_stdout, clippy::panic, clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use support::rules::{crs, program, waf};
use testudo_core::Timestamp;
use testudo_waf::{Connection, Options, RequestLine, Waf};

/// What the gateway puts below all rules.
const BASE: &str = include_str!("../../testudo/src/firewall/base.conf");

/// Text as long as a signed access token, with its letters.
fn token() -> String {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut part = |length: usize| -> String {
        let mut letter = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(letters[(state >> 32) as usize % letters.len()])
        };
        (0..length).map(|_| letter()).collect()
    };
    format!("Bearer {}.{}.{}", part(100), part(480), part(86))
}

struct Request {
    method: &'static str,
    target: &'static str,
    headers: Vec<(&'static str, String)>,
    body: String,
}

fn request(workload: &str) -> Request {
    let app = [
        ("Host", "localhost:19083".to_owned()),
        ("Authorization", token()),
        ("User-Agent", "ShopApp/4.2.1 (iPhone; iOS 18.1)".to_owned()),
        ("Accept", "application/json".to_owned()),
    ];
    let mut request = Request { method: "GET", target: "/secured", headers: app.to_vec(), body: String::new() };
    match workload {
        "get" => {}
        "post" => {
            request.method = "POST";
            request.body = order();
            request.headers.push(("Content-Type", "application/json".to_owned()));
            request.headers.push(("Content-Length", request.body.len().to_string()));
        }
        other => panic!("`{other}` is no workload; there are `get` and `post`"),
    }
    request
}

/// About 2,048 bytes of JSON with 109 values.
fn order() -> String {
    let line = |number: usize| {
        let (sku, quantity, price) = (1000 + number, number % 5 + 1, 1999 + number);
        format!(r#"{{"sku":"SKU-{sku}","qty":{quantity},"price":{price},"note":"gift wrap gift wr"}}"#)
    };
    let lines: Vec<String> = (0..25).map(line).collect();
    let customer = r#"{"name":"Anna Jansen","city":"Utrecht","street":"Oudegracht 12","zip":"3511AB","phone":"+31 30 1234567","mail":"anna.jansen@example.org","language":"nl-NL"}"#;
    let lines = lines.join(",");
    format!(r#"{{"id":"ord-20260401-00017","currency":"EUR","customer":{customer},"lines":[{lines}],"express":false}}"#)
}

/// What others do with the caches: reads a byte of each line.
#[inline(never)]
fn elsewhere(memory: &[u8]) {
    let mut sum = 0u64;
    for line in memory.chunks(64) {
        sum = sum.wrapping_add(u64::from(line[0]));
    }
    black_box(sum);
}

fn run(waf: &Arc<Waf>, request: &Request, response: &[u8], memory: &[u8]) -> [Duration; 2] {
    elsewhere(memory);
    let start = Instant::now();
    let connection = Connection { client: "127.0.0.1", client_port: 50_000, server: "127.0.0.1", server_port: 19083 };
    let mut transaction =
        waf.open(&connection, "019ad3c1-7b54-7c3e-9d11-54a0c94f12ab", Timestamp::from_seconds(1_772_407_800));
    let line = format!("{} {} HTTP/1.1", request.method, request.target);
    transaction.request_line(&RequestLine {
        method: request.method.as_bytes(),
        target: request.target.as_bytes(),
        protocol: b"HTTP/1.1",
        raw: Some(line.as_bytes()),
    });
    for (name, value) in &request.headers {
        if *name == "Authorization" {
            transaction.request_header_proven(name.as_bytes(), value.as_bytes());
        } else {
            transaction.request_header(name.as_bytes(), value.as_bytes());
        }
    }
    assert!(transaction.request_head().is_none());
    if !request.body.is_empty() {
        transaction.request_body(request.body.as_bytes());
    }
    assert!(transaction.request_end().is_none());
    let asked = start.elapsed();
    elsewhere(memory);
    let start = Instant::now();
    transaction.response_line(200, b"HTTP/1.1");
    for (name, value) in [
        ("server", "nginx/1.22.1"),
        ("date", "Mon, 30 Nov 2026 12:00:00 GMT"),
        ("content-type", "text/plain"),
        ("content-length", "1024"),
    ] {
        transaction.response_header(name.as_bytes(), value.as_bytes());
    }
    transaction.response_head();
    transaction.response_body(response);
    transaction.response_end();
    transaction.finish();
    assert!(transaction.intervention().is_none());
    drop(transaction);
    [asked, start.elapsed()]
}

fn main() {
    let Some(crs) = crs() else { return };
    let mut arguments = std::env::args().skip(1);
    let request = request(&arguments.next().unwrap_or_else(|| "get".to_owned()));
    let mut number = |usual| arguments.next().map_or(usual, |text| text.parse().unwrap());
    let (kib, rounds): (usize, usize) = (number(512), number(3000));
    let waf = waf(program(&crs, BASE, ""), Options::default());
    let rules = waf.rules();
    println!("{} rules, {} settled, {} while quiet", rules.len(), rules.settled(), rules.settled_while_quiet());
    let (memory, response) = (vec![1u8; kib << 10], [b't'; 1024]);
    let mut times: Vec<[Duration; 2]> = (0..rounds).map(|_| run(&waf, &request, &response, &memory)).collect();
    for (part, name) in ["request", "answer"].into_iter().enumerate() {
        times.sort_unstable_by_key(|time| time[part]);
        let at = |place: usize| times.get(place).map_or(0.0, |time| time[part].as_secs_f64() * 1e6);
        println!("{name:8} {:7.1} us (tenth {:.1})", at(rounds / 2), at(rounds / 10));
    }
}
