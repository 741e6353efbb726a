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

use support::heavy::{LIMIT, bodies, run};
use support::rules::{BASE, crs, program, waf};
use testudo_waf::Options;

/// Seconds that this thread had on a core, where the system says it.
fn spent() -> f64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let wall = START.get_or_init(Instant::now).elapsed().as_secs_f64();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).map_or(wall, |nanos| nanos / 1e9)
}

fn main() {
    let level = std::env::args().nth(1).unwrap_or_else(|| "1".to_owned());
    let Some(crs) = crs() else { return };
    let settings =
        format!("{LIMIT}\nSecAction \"id:900000,phase:1,pass,nolog,setvar:tx.blocking_paranoia_level={level}\"");
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
