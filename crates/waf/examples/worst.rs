//! The worst that a request of 128 KiB can cost: CPU milliseconds and counted work for requests made to be slow.
//!
//! `TESTUDO_CRS=<rule set> worst [paranoia level [budget]]`. What exceeds the budget is refused, so that its time bounds
//! all others. The memory of five workers that have seen all of it follows.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::Instant;

use support::drive::CONNECTION;
use support::rules::{BASE, crs, program, waf};
use testudo_core::Timestamp;
use testudo_waf::{BUDGET_RULE, Options, RequestLine, Waf};

/// Seconds that this thread had on a core, where the system says it.
fn spent() -> f64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let wall = START.get_or_init(Instant::now).elapsed().as_secs_f64();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).map_or(wall, |nanos| nanos / 1e9)
}

const SIZE: usize = 128 << 10;

fn repeated(piece: &str) -> Vec<u8> {
    piece.bytes().cycle().take(SIZE).collect()
}

/// Bodies by name, with their content types.
fn bodies() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    const FORM: &str = "application/x-www-form-urlencoded";
    const JSON: &str = "application/json";
    let value = |piece: &str| [b"a=".as_slice(), &repeated(piece)].concat();
    let fields = |piece: &str| -> Vec<u8> {
        (0..1000).flat_map(|number| format!("{piece}{number}={piece}{number}x&").into_bytes()).take(SIZE).collect()
    };
    let json = |piece: &str| {
        let items: Vec<String> = (0..900).map(|number| format!("\"{piece}{number}\"")).collect();
        format!("[{}]", items.join(",")).into_bytes()
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
        ("text", "text/plain", repeated("union select ' or 1=1 /* ; cat /etc/passwd ${jndi:ldap} <script> ")),
    ]
}

fn run(waf: &Arc<Waf>, content_type: &str, body: &[u8]) -> (u64, bool) {
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

fn main() {
    let level = std::env::args().nth(1).unwrap_or_else(|| "1".to_owned());
    let Some(crs) = crs() else { return };
    let settings = format!(
        "SecRequestBodyNoFilesLimit 262144\nSecAction \"id:900000,phase:1,pass,nolog,setvar:tx.blocking_paranoia_level={level}\""
    );
    let mut options = Options::default();
    if let Some(budget) = std::env::args().nth(2).and_then(|text| text.parse().ok()) {
        options.budget = budget;
    }
    let waf = waf(program(&crs, BASE, &settings), options);
    for (name, content_type, body) in bodies() {
        let mut best = f64::MAX;
        let mut seen = (0, false);
        for _ in 0..5 {
            let start = spent();
            seen = run(&waf, content_type, &body);
            best = best.min(spent() - start);
        }
        let note = if seen.1 { ", over the budget" } else { "" };
        println!(
            "{name:14} {:8.2} ms, work {:11} ({:.2} ns each){note}",
            best * 1e3,
            seen.0,
            best * 1e9 / seen.0.max(1) as f64
        );
    }
    println!("one worker: {:.1} MiB", resident());
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let waf = Arc::clone(&waf);
            std::thread::spawn(move || {
                for (_, content_type, body) in bodies() {
                    run(&waf, content_type, &body);
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().unwrap();
    }
    println!("four more: {:.1} MiB", resident());
}

/// Resident memory in MiB.
fn resident() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1024.0
}
