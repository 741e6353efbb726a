//! Hostile bytes: mutations of carriers, floods of beginnings, speed. Nothing panics, everything ends in linear time.

use std::time::{Duration, Instant};

use testudo_scan::secrets::{Form, Piece, Scanner};

use super::carrier::{BARE, NAMED};
use super::template::{BASE62, Dice, expand};

fn scan(scanner: &Scanner, bytes: &[u8], form: Form) -> (usize, bool) {
    let result = scanner.scan(&Piece { bytes, name: None, form });
    for found in &result.matches {
        assert!(
            found.span.start < found.span.end && found.span.end <= bytes.len(),
            "{:?} of {}",
            found.span,
            bytes.len()
        );
    }
    (result.matches.len(), result.complete)
}

#[test]
fn mutated_carriers_never_panic() {
    let scanner = Scanner::builtin().unwrap();
    let mut dice = Dice::new(77);
    let kinds = scanner.kinds();
    let carriers: Vec<_> = NAMED.iter().chain(&BARE).collect();
    for round in 0..6_000 {
        let kind = &kinds[round % kinds.len()];
        let Ok(value) = String::from_utf8(expand(&kind.matches[0], &mut dice)) else { continue };
        let (_, carry) = carriers[round % carriers.len()];
        let mut bytes = carry(kind.sample.as_deref().unwrap_or("entry"), &value, &mut dice).bytes;
        for _ in 0..=dice.below(8) {
            let at = dice.below(bytes.len());
            match dice.below(5) {
                0 => bytes[at] = dice.bytes(1)[0],
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, *dice.pick(b"\0\"'=:%\\<>@/+-{}\xff")),
                3 => bytes.truncate(at.max(1)),
                _ => {
                    let end = (at + 1 + dice.below(40)).min(bytes.len());
                    let copy = bytes[at..end].to_vec();
                    bytes.splice(at..at, copy);
                }
            }
            if bytes.is_empty() {
                bytes.push(0);
            }
        }
        for form in [Form::Value, Form::Text, Form::Binary] {
            scan(&scanner, &bytes, form);
        }
        let name = String::from_utf8_lossy(&bytes).into_owned();
        scanner.scan(&Piece { bytes: &bytes, name: Some(&name), form: Form::Value });
    }
}

#[test]
fn floods_of_beginnings_take_linear_time() {
    let scanner = Scanner::builtin().unwrap();
    scanner.compile_all();
    let floods = [
        "eyJ.",
        "-eyJ",
        "AKIA",
        "-----BEGIN PRIVATE KEY-----",
        "https://a:",
        "password=\"",
        "\"d\":\"",
        "service_account",
        "%41",
        "Z2hwX",
        "aws_secret_access_key:",
        "SG.",
        "|",
        "jdbc:a:",
        "Server=a;",
        "xoxb-1",
        "\"password\",(",
        "T3BlbkFJ",
        "a\0b\0",
        "IBAAKC",
        "api_key api_key ",
        "00D",
        "{\"private_key",
        "MIIE",
    ];
    for flood in floods {
        let work = |size: usize| {
            let bytes = flood.as_bytes().repeat(size / flood.len());
            let forms = [Form::Text, Form::Binary].into_iter();
            forms.map(|form| scanner.scan(&Piece { bytes: &bytes, name: None, form }).read_on).sum::<usize>()
        };
        let (small, large) = (work(64 << 10), work(512 << 10));
        assert!(
            large <= 9 * small + 4096,
            "`{flood}`: {small} bytes are read on, then {large} for eight times as many"
        );
        let bytes = flood.as_bytes().repeat((4 << 20) / flood.len());
        let began = Instant::now();
        scan(&scanner, &bytes, Form::Text);
        assert!(began.elapsed() < Duration::from_mins(1), "`{flood}` takes {:?} for 4 MiB", began.elapsed());
    }
}

#[test]
fn a_flood_is_reported_as_incomplete() {
    let scanner = Scanner::builtin().unwrap();
    let secret = String::from_utf8(expand("AKIA{base32:16} ", &mut Dice::new(1))).unwrap();
    let (found, complete) = scan(&scanner, secret.repeat(60_000).as_bytes(), Form::Text);
    assert!(found <= 10_000 && !complete, "{found} {complete}");
}

/// Mixed strings as in apps: identifiers, descriptors, prose, numbers, Base64; a secret is in none of them.
pub fn mixed(size: usize) -> Vec<u8> {
    let mut dice = Dice::new(99);
    let words = [
        "onCreate",
        "android",
        "getInstance",
        "Landroidx/core/view/",
        "Transfer",
        "layout_width",
        "the",
        "value",
        "java/lang/String",
        "kotlin",
        "Your balance is",
        "invalid",
        "setOnClickListener",
        "https://api.acme.io/v2/",
        "com.acme.wallet",
        "<item>",
        "function",
        "return",
    ];
    let mut out = Vec::with_capacity(size + 200);
    while out.len() < size {
        match dice.below(12) {
            0 => out.extend_from_slice(dice.text(BASE62, 60).as_bytes()),
            1 => out.extend(dice.bytes(24)),
            2 => out.extend_from_slice(dice.roll().to_string().as_bytes()),
            _ => out.extend_from_slice(dice.pick(&words).as_bytes()),
        }
        out.push(*dice.pick(b" \n\0;.("));
    }
    out.truncate(size);
    out
}

/// Seconds that this thread has had a processor, where the system tells; else since `began`.
fn processor_seconds(began: Instant) -> f64 {
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let spent = spent.and_then(|text| text.split(' ').next().and_then(|nanoseconds| nanoseconds.parse::<f64>().ok()));
    spent.map_or_else(|| began.elapsed().as_secs_f64(), |nanoseconds| nanoseconds / 1e9)
}

/// Run it alone: `cargo test --release -p testudo-scan --test secrets -- --ignored --nocapture throughput`.
#[test]
#[ignore = "a measurement"]
fn throughput() {
    let origin = Instant::now();
    let scanner = Scanner::builtin().unwrap();
    for (name, bytes) in [
        ("50 MB of mixed strings", mixed(50 << 20)),
        ("50 MB of zeros", vec![0; 50 << 20]),
        ("50 MB of prose", b"The quick brown fox jumps over the lazy dog and pays. ".repeat(1 << 20)),
    ] {
        for form in [Form::Text, Form::Binary] {
            scan(&scanner, &bytes[..1 << 20], form);
            let start = processor_seconds(origin);
            let (found, complete) = scan(&scanner, &bytes, form);
            let seconds = processor_seconds(origin) - start;
            println!(
                "{name}, {form:?}: {:.0} MB/s, {found} found, complete: {complete}",
                bytes.len() as f64 / 1e6 / seconds
            );
        }
    }
    let Some(path) = std::env::var_os("TESTUDO_SECRETS_FILE") else {
        println!("skipped: TESTUDO_SECRETS_FILE names no file");
        return;
    };
    let bytes = std::fs::read(path).unwrap();
    let start = processor_seconds(origin);
    let result = scanner.scan(&Piece { bytes: &bytes, name: None, form: Form::Binary });
    let seconds = processor_seconds(origin) - start;
    println!("file: {:.0} MB/s of {} bytes", bytes.len() as f64 / 1e6 / seconds, bytes.len());
    for found in &result.matches {
        println!("  {} at {}: {} {:?}", found.kind.id, found.span.start, found.shown, found.encoding);
    }
}
