//! Whole requests.

use crate::Dice;
use crate::bodies::{body, fields};
use crate::encode::form;
use crate::pieces::{list, value, word};
use crate::support::front::Request;

const AGENTS: &[&str] = &[
    "ShopApp/4.2.1 (iPhone; iOS 18.1; Scale/3.00)",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Mobile Safari/537.36",
    "okhttp/4.12.0",
    "Dart/3.5 (dart:io)",
    "curl/8.5.0",
    "sqlmap/1.7",
    "Nikto/2.5",
];

fn target(dice: &mut Dice, hostile: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..=dice.below(4) {
        out.push(b'/');
        if hostile && dice.percent(12) {
            // An encoded `?` ends the path in libmodsecurity before 3.0.12 (CVE-2024-1019).
            let value: Vec<u8> = value(dice, true).into_iter().filter(|byte| *byte != b'?').collect();
            out.extend(form(dice, &value));
        } else {
            let word = word(dice).as_bytes();
            out.extend(form(dice, word));
        }
    }
    if dice.percent(15) {
        out.extend(dice.pick(&[".html", ".php", ".json", ".bak", ".sql", "/", "//", ".aspx", ".conf"]).bytes());
    }
    if dice.percent(60) {
        out.push(b'?');
        out.extend(fields(dice, hostile));
    }
    if hostile && dice.percent(2) {
        out.extend(b"#frag");
    }
    out
}

/// What a header can hold.
fn header(dice: &mut Dice, hostile: bool) -> Vec<u8> {
    let value = value(dice, hostile);
    let bytes: Vec<u8> = value.into_iter().filter(|byte| !matches!(byte, 0 | b'\r' | b'\n')).collect();
    bytes.trim_ascii().to_vec()
}

fn cookies(dice: &mut Dice, hostile: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for number in 0..=dice.below(3) {
        if number > 0 {
            out.extend(b"; ");
        }
        out.extend(dice.pick(list("names")).bytes());
        out.push(b'=');
        let value = header(dice, hostile);
        let encoded = if dice.percent(60) { form(dice, &value) } else { value };
        out.extend(encoded.into_iter().filter(|byte| *byte != b';'));
    }
    out
}

/// A request.
pub fn make(dice: &mut Dice, dense: bool) -> Request {
    let hostile = dice.percent(50);
    dice.payloads = if dense || dice.percent(5) { usize::MAX } else { 1 };
    let may_have_body = dice.percent(55);
    let method = match (may_have_body, dice.below(20)) {
        (true, 0..=13) => "POST",
        (true, 14..=16) => "PUT",
        (true, 17 | 18) => "PATCH",
        (false, 0..=15) => "GET",
        (false, 16 | 17) => "HEAD",
        (false, 18) => "OPTIONS",
        _ => "DELETE",
    };
    let mut request = Request {
        method: method.as_bytes().to_vec(),
        target: target(dice, hostile),
        protocol: dice.pick(&["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0"]).as_bytes().to_vec(),
        ..Request::default()
    };
    let mut add = |name: &str, value: Vec<u8>| request.headers.push((name.as_bytes().to_vec(), value));
    if dice.percent(98) {
        add("Host", dice.pick(&["app.example.com", "api.example.com:8443", "203.0.113.9"]).as_bytes().to_vec());
    }
    if dice.percent(96) {
        let agent =
            if hostile && dice.percent(10) { header(dice, true) } else { dice.pick(AGENTS).as_bytes().to_vec() };
        add("User-Agent", agent);
    }
    if dice.percent(95) {
        add(
            "Accept",
            dice.pick(&["*/*", "application/json", "text/html,application/xhtml+xml;q=0.9"]).as_bytes().to_vec(),
        );
    }
    if dice.percent(40) {
        add("Cookie", cookies(dice, hostile));
    }
    for (name, often) in
        [("Referer", 20), ("X-Request-Id", 15), ("Accept-Language", 15), ("X-Forwarded-For", 5), ("Range", 2)]
    {
        if dice.percent(often) {
            add(name, header(dice, hostile));
        }
    }
    if dice.percent(20) {
        add("Accept-Encoding", b"gzip, deflate, br".to_vec());
    }
    if dice.percent(15) {
        let token = data_encoding::BASE64.encode(&value(dice, hostile));
        add("Authorization", format!("{} {token}", dice.pick(&["Bearer", "Basic"])).into_bytes());
    }
    if may_have_body {
        let (kind, body) = body(dice, hostile);
        if dice.percent(98) {
            add("Content-Type", kind.into_bytes());
        }
        add("Content-Length", body.len().to_string().into_bytes());
        request.body = body;
    }
    request.line = [request.method.as_slice(), &request.target, &request.protocol].join(&b' ');
    request
}
