//! Requests of 128 KiB that are made to be slow.

use std::sync::Arc;

use testudo_core::Timestamp;
use testudo_waf::{BUDGET_RULE, RequestLine, Waf};

use super::drive::CONNECTION;

/// Lets rules read bodies of that size.
pub const LIMIT: &str = "SecRequestBodyNoFilesLimit 262144";

const SIZE: usize = 128 << 10;

fn repeated(piece: &str) -> Vec<u8> {
    piece.bytes().cycle().take(SIZE).collect()
}

/// Bodies by name, with their content types.
pub fn bodies() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    const FORM: &str = "application/x-www-form-urlencoded";
    const JSON: &str = "application/json";
    const XML: &str = "application/xml";
    const MULTIPART: &str = "multipart/form-data; boundary=B";
    let value = |piece: &str| [b"a=".as_slice(), &repeated(piece)].concat();
    let fields = |piece: &str| -> Vec<u8> {
        (0..1000).flat_map(|number| format!("{piece}{number}={piece}{number}x&").into_bytes()).take(SIZE).collect()
    };
    let json = |piece: &str| {
        let items: Vec<String> = (0..900).map(|number| format!("\"{piece}{number}\"")).collect();
        format!("[{}]", items.join(",")).into_bytes()
    };
    let element = |inside: &[u8]| [b"<a>".as_slice(), inside.get(..SIZE - 7).unwrap(), b"</a>"].concat();
    let attributes: Vec<u8> =
        b"<b c='&lt;script&gt;;cat /etc/passwd'/>".iter().copied().cycle().take(38 * 3400).collect();
    let attributes = [attributes, vec![b' '; SIZE]].concat();
    let part = |value: &[u8]| {
        let head = b"--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n";
        [head.as_slice(), value.get(..SIZE - 100).unwrap(), b"\r\n--B--\r\n"].concat()
    };
    vec![
        ("letters", FORM, value("a")),
        ("words", FORM, value("select union from where or and ")),
        ("quotes", FORM, value("'\"`")),
        ("parentheses", FORM, value("(((")),
        ("percents", FORM, value("%25%32%35%41")),
        ("comments", FORM, value("/*!*/--+#")),
        ("backslashes", FORM, value("\\u0041\\x41\\101")),
        ("entities", FORM, value("%26lt;%26%23x3c;")),
        ("tags", FORM, value("<a onclick=")),
        ("dots", FORM, value("../..\\")),
        ("commands", FORM, value(";cat /etc/passwd|$(id)`ls`")),
        ("dollars", FORM, value("${${::-j}ndi:")),
        ("php", FORM, value("<?php eval(base64_decode($_GET['x']));")),
        ("base64", FORM, value("QUJDRA")),
        ("spaces", FORM, value("+ \t")),
        ("fields", FORM, fields("name_of_field_")),
        ("attack fields", FORM, fields("' or 1=1--<script>;cat /etc/passwd|")),
        ("JSON words", JSON, json("select 1 from users where name like ")),
        ("JSON attacks", JSON, json("<img src=x onerror=alert(1)> ' or 1=1 -- ;wget http://x/ ")),
        ("XML text", XML, element(&repeated("select &#39; or 1=1 -- ;cat /etc/passwd "))),
        ("XML attributes", XML, element(&attributes)),
        ("multipart words", MULTIPART, part(&repeated("select union from where or and "))),
        ("multipart attacks", MULTIPART, part(&repeated("' or 1=1 -- <script>;cat /etc/passwd|${jndi:ldap} "))),
        ("text", "text/plain", repeated("union select ' or 1=1 /* ; cat /etc/passwd ${jndi:ldap} <script> ")),
    ]
}

/// The work that a request takes, and whether it was stopped for that.
pub fn run(waf: &Arc<Waf>, content_type: &str, body: &[u8]) -> (u64, bool) {
    let mut transaction = waf.open(&CONNECTION, "aRb2x5Xq", Timestamp::from_seconds(1_772_407_800));
    transaction.request_line(&RequestLine { method: b"POST", target: b"/", protocol: b"HTTP/1.1", raw: None });
    transaction.request_header(b"Host", b"app.example.com");
    transaction.request_header(b"User-Agent", b"ShopApp/4.2.1");
    transaction.request_header(b"Accept", b"*/*");
    transaction.request_header(b"Content-Type", content_type.as_bytes());
    transaction.request_header(b"Content-Length", body.len().to_string().as_bytes());
    transaction.request_head();
    transaction.request_body(body);
    transaction.request_end();
    transaction.finish();
    (transaction.work(), transaction.matches().iter().any(|found| found.id == BUDGET_RULE))
}
