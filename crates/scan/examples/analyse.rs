//! Analyses packages and prints the counts and the processor time of each, for measurements:
//! `cargo run --release -p testudo-scan --example analyse -- app.apk`.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::time::Instant;

use testudo_scan::analyse::{Options, Silent, package};
use testudo_scan::report::{Report, terminal};
use testudo_scan::rule::RulePack;
use testudo_scan::secrets::Scanner;

fn main() {
    let full = std::env::var_os("FULL").is_some();
    let start = Instant::now();
    let rules = RulePack::builtin().unwrap();
    let secrets = Scanner::builtin().unwrap();
    let options = Options::new(&rules, &secrets, jiff::civil::date(2026, 11, 30));
    println!("rules and secrets: {} ms", start.elapsed().as_millis());
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path).unwrap();
        let start = Instant::now();
        match package(&path, &bytes, &options, &Silent) {
            Ok(analysed) => {
                let report = Report::new(analysed.scan).unwrap();
                println!("{path}: {} ms, {} findings", start.elapsed().as_millis(), report.findings().len());
                if full {
                    println!("{}", terminal::write(&report, &terminal::Options::default()));
                }
            }
            Err(error) => println!("{path}: {error}"),
        }
    }
}
