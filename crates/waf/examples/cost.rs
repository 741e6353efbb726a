//! What a transaction costs: CPU microseconds for four workloads, with all five phases and a response of 1 KiB.
//!
//! `TESTUDO_CRS=<rule set> cost [rounds [workload]]` loads the rule set at paranoia level 1 in blocking mode; with
//! `TESTUDO_WAF_BUILT_IN` set, the built-in rules. The time is that of this thread on its core, so that others on the
//! machine don't count; the median of the rounds is printed, with the time of loading and the memory that it took.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::panic, clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use support::rules::{BASE, Disk, crs, program, waf};
use testudo_core::Timestamp;
use testudo_waf::seclang::{Loader, Program};
use testudo_waf::{Connection, Options, RequestLine, Waf, builtin};

/// Seconds that this thread had on a core, where the system says it.
fn spent() -> f64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let wall = START.get_or_init(Instant::now).elapsed().as_secs_f64();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).map_or(wall, |nanos| nanos / 1e9)
}

/// Resident memory in MiB.
fn resident() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1024.0
}

struct Workload {
    name: &'static str,
    method: &'static str,
    target: String,
    body: Vec<u8>,
    blocked: bool,
}

fn workloads() -> Vec<Workload> {
    let query = "page=2&size=20&sort=price&order=asc&category=shoes&color=dark%20blue&brand=Acme&min=10&max=250&q=running+shoes";
    let workload =
        |name, method, target: &str, body, blocked| Workload { name, method, target: target.to_owned(), body, blocked };
    vec![
        workload("get", "GET", "/", Vec::new(), false),
        workload("args", "GET", &format!("/products?{query}"), Vec::new(), false),
        workload("post", "POST", "/orders", order(), false),
        workload(
            "attack",
            "GET",
            "/search?q=1'%20UNION%20SELECT%20username,password%20FROM%20users--",
            Vec::new(),
            true,
        ),
    ]
}

/// An order of 111 values in 2,048 bytes.
fn order() -> Vec<u8> {
    let mut items = Vec::new();
    for number in 0..17 {
        let name = ["Blue mug", "Oak table", "Desk lamp", "Wool scarf", "Notebook A5"][number % 5];
        items.push(format!(
            r#"{{"sku":"SKU-{:05}","name":"{name}","qty":{},"price":{}.{:02},"gift":{},"tags":["home"]}}"#,
            10_000 + number * 37,
            number % 3 + 1,
            number * 7 % 90 + 5,
            number * 13 % 100,
            number % 4 == 0,
        ));
    }
    let head = r#"{"order":{"id":"7f3a9c2e-41d8-4b6f-9a05-c1e2d3f4a5b6","currency":"EUR","customer":{"id":48213,"name":"Ann Lee","city":"Utrecht","zip":"3511 AB","vip":true},"items":["#;
    let body = format!("{head}{}],\"note\":\"", items.join(","));
    let end = "\"}}";
    let room = 2048usize.saturating_sub(body.len() + end.len());
    let note: String =
        "Please leave the parcel with the neighbours at number 14. ".chars().cycle().take(room).collect();
    format!("{body}{note}{end}").into_bytes()
}

fn run(waf: &Arc<Waf>, workload: &Workload, response: &[u8]) -> (bool, u64) {
    let connection = Connection { client: "203.0.113.7", client_port: 50_000, server: "10.0.0.5", server_port: 443 };
    let mut transaction = waf.open(&connection, "aRb2x5Xq", Timestamp::from_seconds(1_772_407_800));
    transaction.request_line(&RequestLine {
        method: workload.method.as_bytes(),
        target: workload.target.as_bytes(),
        protocol: b"HTTP/1.1",
        raw: None,
    });
    transaction.request_header(b"Host", b"app.example.com");
    transaction.request_header(b"User-Agent", b"ShopApp/4.2.1 (iPhone; iOS 18.1; Scale/3.00)");
    transaction.request_header(b"Accept", b"application/json");
    if !workload.body.is_empty() {
        transaction.request_header(b"Content-Type", b"application/json");
        transaction.request_header(b"Content-Length", workload.body.len().to_string().as_bytes());
    }
    let mut stopped = transaction.request_head().is_some();
    if !stopped {
        if !workload.body.is_empty() {
            transaction.request_body(&workload.body);
        }
        stopped = transaction.request_end().is_some();
    }
    if !stopped {
        transaction.response_line(200, b"HTTP/1.1");
        transaction.response_header(b"Content-Type", b"application/json");
        transaction.response_header(b"Content-Length", response.len().to_string().as_bytes());
        transaction.response_head();
        transaction.response_body(response);
        transaction.response_end();
    }
    transaction.finish();
    (stopped, transaction.work())
}

/// The built-in rules.
fn own(settings: &str) -> Program {
    let mut loader = Loader::new(&Disk);
    loader.text("base.conf", BASE);
    loader.text("settings.conf", settings);
    builtin::load(&mut loader);
    loader.finish().unwrap()
}

fn main() {
    let rounds: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(15);
    let built_in = std::env::var_os("TESTUDO_WAF_BUILT_IN").is_some();
    let Some(crs) = (if built_in { Some(PathBuf::new()) } else { crs() }) else { return };
    let before = (spent(), resident());
    let settings = std::env::var("TESTUDO_WAF_SETTINGS").unwrap_or_default();
    let options = Options {
        prefilter: std::env::var_os("TESTUDO_WAF_PLAIN").is_none(),
        fold: std::env::var_os("TESTUDO_WAF_PLAIN").is_none(),
        ..Options::default()
    };
    let program = if built_in { own(&settings) } else { program(&crs, BASE, &settings) };
    let waf = waf(program, options);
    println!(
        "load {:.0} ms, {:.1} MiB; {} rules, {} settled, {} screened",
        (spent() - before.0) * 1e3,
        resident() - before.1,
        waf.rules().len(),
        waf.rules().settled(),
        waf.rules().screened()
    );
    println!("screens (literals, bytes): {:?}", waf.rules().screens());
    let response = vec![b'a'; 1021];
    let only = std::env::args().nth(2);
    for workload in workloads().into_iter().filter(|workload| only.as_ref().is_none_or(|only| only == workload.name)) {
        let (stopped, work) = run(&waf, &workload, &response);
        if rounds == 0 {
            continue;
        }
        assert_eq!(stopped, workload.blocked, "{}", workload.name);
        let mut times = Vec::new();
        for _ in 0..rounds {
            // The system counts in steps of some milliseconds.
            let (start, mut count) = (spent(), 0.0);
            while spent() - start < 0.2 {
                for _ in 0..100 {
                    std::hint::black_box(run(&waf, &workload, &response));
                }
                count += 100.0;
            }
            times.push((spent() - start) / count * 1e6);
        }
        times.sort_by(f64::total_cmp);
        println!("{:7} {:8.1} us (best {:.1}), work {work}", workload.name, times[times.len() / 2], times[0]);
    }
    println!("afterwards {:.1} MiB", resident() - before.1);
}
