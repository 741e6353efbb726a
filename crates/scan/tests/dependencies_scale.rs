//! Size and speed of the index with as many advisories as there are; opt-in, for it takes a while without optimisation.
//!
//! `TESTUDO_INDEX_SCALE=250000 cargo test --release -p testudo-scan --test dependencies_scale -- --nocapture`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    clippy::similar_names
)]

mod dependencies;

use std::time::Instant;

use dependencies::Mistakes;
use serde_json::{Value, json};
use testudo_scan::dependencies::{Ecosystem, Importer, Index};

const WORDS: [&str; 24] = [
    "improper",
    "validation",
    "of",
    "untrusted",
    "input",
    "allows",
    "remote",
    "attackers",
    "denial",
    "service",
    "in",
    "cross-site",
    "scripting",
    "prototype",
    "pollution",
    "deserialization",
    "path",
    "traversal",
    "through",
    "crafted",
    "archive",
    "header",
    "injection",
    "vulnerability",
];

/// An advisory in the shape and proportion of the exports: most are malicious npm packages, the rest reviewed advisories
/// of which those for Maven list all their versions.
fn record(at: usize, chance: &mut Mistakes) -> Value {
    let words = |chance: &mut Mistakes, count: usize| {
        (0..count).map(|_| WORDS[chance.next(WORDS.len())]).collect::<Vec<_>>().join(" ")
    };
    let letters = b"23456789cfghjmpqrvwx";
    let modified = format!(
        "202{}-{:02}-{:02}T0{}:00:00Z",
        chance.next(6),
        1 + chance.next(12),
        1 + chance.next(28),
        chance.next(10)
    );
    let name = format!("{}-{}-{at:x}", WORDS[chance.next(24)], WORDS[chance.next(24)]);
    if chance.next(100) < 78 {
        return json!({"id": format!("MAL-2025-{at}"), "modified": modified, "published": modified,
            "summary": format!("Malicious code in {name} (npm)"), "details": words(chance, 60),
            "affected": [{"package": {"ecosystem": "npm", "name": name},
                "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}], "versions": ["1.0.0", "99.9.9"]}]});
    }
    let id: String = (0..12).map(|_| char::from(letters[chance.next(20)])).collect();
    let version = |chance: &mut Mistakes| format!("{}.{}.{}", chance.next(9), chance.next(20), chance.next(12));
    let (ecosystem, kind, name) = match chance.next(10) {
        0..=3 => ("npm", "SEMVER", name),
        4..=7 => ("Maven", "ECOSYSTEM", format!("org.{}:{name}", WORDS[chance.next(24)].replace('-', "."))),
        8 => ("crates.io", "SEMVER", name),
        _ => ("SwiftURL", "SEMVER", format!("github.com/o/{name}")),
    };
    let mut versions: Vec<String> = Vec::new();
    if ecosystem == "Maven" {
        versions = (0..30 + chance.next(120)).map(|_| version(chance)).collect();
    }
    let affected: Vec<Value> = (0..=chance.next(3))
        .map(|branch| {
            json!({"package": {"ecosystem": ecosystem, "name": name}, "versions": versions,
                "ranges": [{"type": kind, "events": [
                    {"introduced": format!("{branch}.0.0")}, {"fixed": format!("{branch}.{}.{}", chance.next(20), chance.next(12))}]}]})
        })
        .collect();
    let letter = |chance: &mut Mistakes, of: &str| of.as_bytes()[chance.next(of.len())] as char;
    let vector = format!(
        "CVSS:3.1/AV:{}/AC:{}/PR:{}/UI:{}/S:{}/C:{}/I:{}/A:{}",
        letter(chance, "NAL"),
        letter(chance, "LH"),
        letter(chance, "NLH"),
        letter(chance, "NR"),
        letter(chance, "UC"),
        letter(chance, "NLH"),
        letter(chance, "NLH"),
        letter(chance, "NLH"),
    );
    json!({"id": format!("GHSA-{}-{}-{}", &id[..4], &id[4..8], &id[8..]), "modified": modified, "published": modified,
        "aliases": [format!("CVE-202{}-{}", chance.next(6), 1000 + at)],
        "summary": words(chance, 9), "details": words(chance, 150),
        "severity": [{"type": "CVSS_V3", "score": vector}], "affected": affected,
        "database_specific": {"cwe_ids": ["CWE-79", "CWE-400"], "severity": "HIGH"}})
}

#[test]
fn an_index_of_all_advisories_is_small_and_fast() {
    let Some(count) = std::env::var("TESTUDO_INDEX_SCALE").ok().and_then(|count| count.parse::<usize>().ok()) else {
        eprintln!("SKIPPED: set TESTUDO_INDEX_SCALE to a number of advisories, such as 250000");
        return;
    };
    let mut chance = Mistakes::new(42);
    let mut importer = Importer::new();
    let (mut read, mut taken) = (0, std::time::Duration::ZERO);
    for at in 0..count {
        let json = record(at, &mut chance).to_string();
        read += json.len();
        let start = Instant::now();
        importer.add("record", json.as_bytes()).unwrap();
        taken += start.elapsed();
    }
    let start = Instant::now();
    let imported = importer.finish(Some(0)).unwrap();
    let finish = start.elapsed();
    let memory = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = memory.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default().to_owned();
    let start = Instant::now();
    let index = Index::open(&imported.bytes).unwrap();
    let open = start.elapsed();
    let start = Instant::now();
    index.verify().unwrap();
    let verify = start.elapsed();
    let packages: Vec<(Ecosystem, &str)> = index.packages().map(Result::unwrap).collect();
    let mut order: Vec<usize> = (0..200_000).map(|_| chance.next(packages.len())).collect();
    order.sort_by_key(|at| at.wrapping_mul(0x9e37_79b9));
    let start = Instant::now();
    let mut hits = 0;
    for at in &order {
        let (ecosystem, name) = packages[*at];
        for affected in index.affected(ecosystem, name).unwrap() {
            hits += usize::from(affected.unwrap().has("1.3.4"));
        }
    }
    let lookup = start.elapsed();
    let start = Instant::now();
    let absent =
        (0..200_000).filter(|at| index.affected(Ecosystem::Npm, &format!("none-{at}")).unwrap().next().is_some());
    assert_eq!(absent.count(), 0);
    let miss = start.elapsed();
    let micros = |time: std::time::Duration| time.as_secs_f64() * 1e6 / order.len() as f64;
    eprintln!(
        "{} advisories, {} packages from {:.1} MB: index {:.2} MB; parse {taken:.2?}, build {finish:.2?}, {peak}; open {open:?}, verify {verify:.1?}; lookup with evaluation {:.2} us ({hits} hits), miss {:.2} us",
        imported.advisories,
        imported.packages,
        read as f64 / 1e6,
        imported.bytes.len() as f64 / 1e6,
        micros(lookup),
        micros(miss),
    );
    let per = imported.bytes.len() / count;
    assert!(per <= 240, "{per} bytes an advisory: 60 MB for 250,000");
}
