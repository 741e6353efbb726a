#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]
//! Verdicts on foreign packages, equal to those of the platform's own tool.
//!
//! `TESTUDO_PACKAGES` names a folder of packages with a file `expected.tsv`: package, lowest API level, `verified` or
//! `rejected`, the schemes that verified (`1,2,3,31,4` or `-`), the SHA-256 of the signers' certificates (or `-`). Lines
//! of packages that aren't there are not counted.

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use support::{demands, verification};
use testudo_package::signature::{Options, Platforms, Scheme, Verification};

struct Verdict {
    verified: bool,
    schemes: String,
    signers: String,
}

#[test]
fn verdicts_are_those_of_the_platform() {
    let Ok(folder) = std::env::var("TESTUDO_PACKAGES") else {
        eprintln!("SKIPPED: set TESTUDO_PACKAGES to a folder of packages with expected.tsv to compare verdicts");
        return;
    };
    let folder = Path::new(&folder);
    let expected = std::fs::read_to_string(folder.join("expected.tsv")).expect("the folder has no expected.tsv");
    let mut packages: BTreeMap<&str, Vec<(u32, Verdict)>> = BTreeMap::new();
    for line in expected.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let verdict =
            Verdict { verified: fields[2] == "verified", schemes: fields[3].to_owned(), signers: fields[4].to_owned() };
        packages.entry(fields[0]).or_default().push((fields[1].parse().unwrap(), verdict));
    }
    let (mut equal, mut total, mut slowest) = (0, 0, (0, String::new()));
    let mut differences = Vec::new();
    for (name, verdicts) in packages {
        let Ok(bytes) = std::fs::read(folder.join(name)) else { continue };
        for (min, expected) in verdicts {
            let start = Instant::now();
            let (own, why) = own_verdict(&bytes, min);
            slowest = slowest.max((start.elapsed().as_micros(), format!("{name} at {min}")));
            total += 1;
            let same = own.verified == expected.verified
                && (!own.verified || own.schemes == expected.schemes && own.signers == expected.signers);
            if same {
                equal += 1;
            } else {
                differences.push(format!("{name} at {min}: {} {}; {why}", own.verified, own.schemes));
            }
        }
    }
    eprintln!("{equal} of {total} verdicts equal; slowest {} us: {}", slowest.0, slowest.1);
    assert!(total > 0, "no package of expected.tsv is in the folder");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn own_verdict(bytes: &[u8], min: u32) -> (Verdict, String) {
    let Some(verification) = verification(bytes, &Options::new(Platforms::from(min), demands(bytes))) else {
        let verdict = Verdict { verified: false, schemes: "-".into(), signers: "-".into() };
        return (verdict, "no archive".into());
    };
    let why = verification.errors.first().map(ToString::to_string).unwrap_or_default();
    let verdict = Verdict {
        verified: verification.verified,
        schemes: schemes(&verification),
        signers: join(verification.signers().iter().map(|certificate| hex(&certificate.sha256))),
    };
    (verdict, why)
}

fn schemes(verification: &Verification) -> String {
    join(verification.schemes.iter().map(|scheme| {
        let id = match scheme {
            Scheme::V1 => "1",
            Scheme::V2 => "2",
            Scheme::V3 => "3",
            Scheme::V31 => "31",
            Scheme::V4 => "4",
        };
        id.to_owned()
    }))
}

fn join(parts: impl Iterator<Item = String>) -> String {
    let joined = parts.collect::<Vec<_>>().join(",");
    if joined.is_empty() { "-".to_owned() } else { joined }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
