//! How fast the masker is on one core, on generated banking JSON: the reader alone, with marks, with detectors, and the
//! time that it adds to a body of 10 KB. Times are those of the thread on a core.
//!
//! `cargo run --release -p testudo-privacy --example masking_rate`

#![allow(clippy::print_stdout, clippy::expect_used, clippy::format_push_string, reason = "a measurement for people")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use testudo_body::json::{Limits, Path, Reader, Token};
use testudo_core::Timestamp;
use testudo_crypto::KeyRing;
use testudo_privacy::{DataClass, Format, Mark, Marks, MaskKeys, Masking, Plan, Treatment};

const STREAM: usize = 50 << 20;
/// With the last customer, a little more than 10 KB.
const BODY: usize = 8_500;
const CHUNK: usize = 16 << 10;

fn main() {
    let stream = document(STREAM);
    let body = document(BODY);
    println!("generated: stream {} bytes, body {} bytes\n", stream.len(), body.len());
    println!("{:<44} {:>9}", "50 MB stream in chunks of 16 KiB", "MB/s");
    rate("reader alone", &stream, || read(Reader::new(Limits::STREAM).without_repeats(), &stream));
    rate("reader that looks for repeated keys", &stream, || read(Reader::new(Limits::STREAM), &stream));
    for (name, masking) in plans() {
        rate(name, &stream, || mask(&masking, &stream));
    }
    println!("\n{:<44} {:>9}", "strings of 60 KB made to be slow, detectors", "MB/s");
    let detectors = plans().into_iter().find(|(name, _)| name.starts_with("detectors, no"));
    for unit in ["1 ", "12-", "a@b.c ", "4111 ", "@", "A1 ", "0123 456 789 ", "+1 ", "\\u0031 "] {
        let text = format!("[\"{}\"]", unit.repeat(60_000 / unit.len())).into_bytes();
        if let Some((_, masking)) = &detectors {
            rate(&format!("{unit:?}"), &text, || mask(masking, &text));
        }
    }
    println!("\n{:<44} {:>9} {:>9} {:>9} {:>9}", "10 KB body whole", "p50 us", "p99 us", "max us", "MB/s");
    for (name, masking) in plans() {
        added(name, &masking, &body);
    }
}

fn plans() -> Vec<(&'static str, Masking)> {
    use DataClass::{Address, BirthDate, Email, Iban, Name, NationalId, Pan, Phone};
    let marks = [
        ("$.customers[].name", Name),
        ("$.customers[].email", Email),
        ("$.customers[].phone", Phone),
        ("$.customers[].birthDate", BirthDate),
        ("$.customers[].address", Address),
        ("$.customers[].accounts[].iban", Iban),
        ("$.customers[].accounts[].cards[].pan", Pan),
        ("$..counterparty.iban", Iban),
        ("$..counterparty.name", Name),
    ];
    let pairs = marks.iter().map(|(pattern, class)| (*pattern, Mark::Class(*class)));
    let marked = Arc::new(Marks::compile(pairs).expect("the patterns are sound"));
    let keys = MaskKeys::new(KeyRing::generate(Timestamp::default()));
    let all = |treatment| {
        let classes = [Name, Email, Phone, BirthDate, Address, Iban, Pan, NationalId];
        classes.into_iter().fold(Plan::PLAIN, |plan, class| plan.with(class, treatment))
    };
    let make =
        |marks: &Arc<Marks>, plan| Masking::new(Arc::clone(marks), plan, Some(keys.clone())).expect("there are keys");
    let none = Arc::new(Marks::none());
    vec![
        ("marks, partial", make(&marked, all(Treatment::Partial))),
        ("marks, null", make(&marked, all(Treatment::Null))),
        ("marks, drop", make(&marked, all(Treatment::Drop))),
        ("marks, hash", make(&marked, all(Treatment::Hash))),
        ("marks, token", make(&marked, all(Treatment::Token))),
        ("detectors, no marks, partial", make(&none, all(Treatment::Partial).detecting())),
        ("detectors and marks, partial", make(&marked, all(Treatment::Partial).detecting())),
        ("detectors and marks, drop", make(&marked, all(Treatment::Drop).detecting())),
    ]
}

fn read(mut reader: Reader, text: &[u8]) -> usize {
    let mut count = 0;
    let mut visit = |token: &Token<'_>, _: &Path| {
        count += usize::from(!matches!(token, Token::Comma(_)));
        Ok::<(), ()>(())
    };
    for chunk in text.chunks(CHUNK) {
        reader.push(chunk, &mut visit).expect("it is JSON");
    }
    reader.finish(&mut visit).expect("it is JSON");
    count
}

fn mask(masking: &Masking, text: &[u8]) -> usize {
    let mut masker = masking.clone().masker(Format::Json);
    let (mut out, mut given) = (Vec::with_capacity(2 * CHUNK), 0);
    for chunk in text.chunks(CHUNK) {
        out.clear();
        masker.push(chunk, &mut out).expect("it can be masked");
        given += black_box(&out).len();
    }
    masker.finish(&mut out).expect("it can be masked");
    given
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn rate(name: &str, text: &[u8], work: impl Fn() -> usize) {
    let times = (0..3).map(|_| {
        let start = on_cpu();
        black_box(work());
        on_cpu().saturating_sub(start)
    });
    let best = times.min().unwrap_or_default();
    println!("{name:<44} {:>9.0}", text.len() as f64 / best.as_secs_f64() / 1e6);
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn added(name: &str, masking: &Masking, body: &[u8]) {
    let round = || {
        let mut times: Vec<Duration> = (0..1000).map(|_| once(masking, body)).collect();
        times.sort_unstable();
        times
    };
    // Other work on the machine still shows in the tail (caches), so that the quietest of ten rounds is reported.
    let at = |times: &[Duration], place: usize| times.get(place).map_or(0.0, |time| time.as_secs_f64() * 1e6);
    let quietest =
        (0..10).map(|_| round()).min_by(|one, other| at(one, 990).total_cmp(&at(other, 990))).unwrap_or_default();
    let (middle, tail, most) = (at(&quietest, 500), at(&quietest, 990), at(&quietest, 999));
    println!("{name:<44} {middle:>9.1} {tail:>9.1} {most:>9.1} {:>9.0}", body.len() as f64 / middle);
}

fn once(masking: &Masking, body: &[u8]) -> Duration {
    let start = on_cpu();
    let mut out = Vec::with_capacity(body.len() + body.len() / 8);
    let mut masker = masking.clone().masker(Format::Json);
    masker.push(black_box(body), &mut out).expect("it can be masked");
    masker.finish(&mut out).expect("it can be masked");
    black_box(&out);
    on_cpu().saturating_sub(start)
}

/// How long this thread has been on a core, so that other work on the machine is not counted.
fn on_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Customers with accounts, cards and transactions, until there are so many bytes.
fn document(bytes: usize) -> Vec<u8> {
    let mut numbers = Numbers(7);
    let mut text = b"{\"customers\":[".to_vec();
    let mut customer = 0_u64;
    loop {
        if customer > 0 {
            text.push(b',');
        }
        customer += 1;
        text.extend(person(customer, &mut numbers, bytes / 4).bytes());
        if text.len() >= bytes {
            break;
        }
    }
    text.extend_from_slice(b"],\"next\":null}");
    text
}

fn person(id: u64, numbers: &mut Numbers, most: usize) -> String {
    const NAMES: [&str; 6] =
        ["Ada Lovelace", "Grace Hopper", "Émilie du Châtelet", "Alan Turing", "Mary Shelley", "Jo Li"];
    let name = NAMES.get(numbers.below(6)).copied().unwrap_or_default();
    let mut text = format!(
        "{{\"id\":\"cus_{id:012x}\",\"name\":\"{name}\",\"email\":\"person{id}@mail.example.org\",\
         \"phone\":\"+49 30 {:07}\",\"birthDate\":\"19{:02}-0{}-1{}\",\"address\":{{\"street\":\"{} Main Street\",\
         \"city\":\"Berlin\",\"postcode\":\"{:05}\",\"country\":\"DE\"}},\"kyc\":{{\"level\":3,\"verified\":true,\
         \"checkedAt\":\"2026-11-{:02}T08:{:02}:11Z\"}},\"accounts\":[",
        numbers.below(10_000_000),
        numbers.below(100),
        1 + numbers.below(9),
        numbers.below(10),
        1 + numbers.below(200),
        numbers.below(100_000),
        1 + numbers.below(28),
        numbers.below(60),
    );
    for account in 0..2 {
        let comma = if account > 0 { "," } else { "" };
        text += &format!(
            "{comma}{{\"id\":\"acc_{:08x}\",\"iban\":\"{}\",\"currency\":\"EUR\",\"balance\":{}.{:02},\"cards\":[{{\
             \"pan\":\"{}\",\"network\":\"visa\",\"expiry\":\"12/29\",\"frozen\":false}}],\"transactions\":[",
            numbers.below(1 << 32),
            iban(numbers),
            numbers.below(100_000),
            numbers.below(100),
            pan(numbers),
        );
        for transaction in 0..(most / 800).clamp(1, 12) {
            let comma = if transaction > 0 { "," } else { "" };
            text += &format!(
                "{comma}{{\"id\":\"{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}\",\"bookedAt\":\"2026-10-{:02}T1{}:{:02}:{:02}.{:03}Z\",\
                 \"amount\":-{}.{:02},\"currency\":\"EUR\",\"status\":\"booked\",\"category\":\"groceries\",\
                 \"counterparty\":{{\"name\":\"Markt {} GmbH\",\"iban\":\"{}\"}},\
                 \"text\":\"Einkauf \\\"Markt\\\" Nr. {} vom 03.10., danke\",\"merchantCode\":{}}}",
                numbers.below(1 << 32),
                numbers.below(1 << 16),
                numbers.below(1 << 12),
                numbers.below(1 << 12),
                numbers.below(1 << 48),
                1 + numbers.below(28),
                numbers.below(10),
                numbers.below(60),
                numbers.below(60),
                numbers.below(1000),
                numbers.below(500),
                numbers.below(100),
                numbers.below(900),
                iban(numbers),
                numbers.below(100_000),
                5000 + numbers.below(1000),
            );
        }
        text += "]}";
    }
    text += "]}";
    text
}

/// A card number with a right check digit.
fn pan(numbers: &mut Numbers) -> String {
    let digits = format!("4{:014}", numbers.below(100_000_000_000_000));
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, byte)| {
            let value = u32::from(byte - b'0');
            if at % 2 == 0 { if value > 4 { value * 2 - 9 } else { value * 2 } } else { value }
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// A German IBAN with right check digits.
fn iban(numbers: &mut Numbers) -> String {
    let account = format!("{:018}", numbers.below(1_000_000_000_000_000_000));
    let rest = format!("{account}131400").bytes().fold(0, |rest, byte| (rest * 10 + u64::from(byte - b'0')) % 97);
    format!("DE{:02}{account}", 98 - rest)
}

/// `SplitMix64`, so that every run measures the same.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap_or_default()
    }
}
