//! Mutates packages and their parts, and analyses each mutation: none may panic, take more than 2 s, or let the process
//! grow over 1 GB.
//!
//! `cargo run --release -p testudo-scan --example mutate -- 100000 [SEED] [PACKAGE...]`. Without packages it mutates some
//! that it builds; the parts (manifest, resources, executables, signing block, native libraries, property lists) are
//! mutated by themselves and put into a sound archive, so that mutations reach their readers.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, clippy::cast_possible_truncation)]

#[path = "mutate/seeds.rs"]
mod seeds;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use seeds::Seed;
use testudo_scan::analyse::{Options, Silent, package};
use testudo_scan::report::{Report, json};
use testudo_scan::rule::RulePack;
use testudo_scan::secrets::Scanner;

const SLOWEST: Duration = Duration::from_secs(2);
const MOST_KIB: u64 = 1 << 20;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let count: u64 = arguments.next().map_or(10_000, |text| text.parse().unwrap());
    let seed: u64 = arguments.next().map_or(1, |text| text.parse().unwrap());
    let seeds = seeds::all(arguments);
    let rules = RulePack::builtin().unwrap();
    let secrets = Scanner::builtin().unwrap();
    let options = Options::new(&rules, &secrets, jiff::civil::date(2026, 11, 30));
    std::panic::set_hook(Box::new(|_| {}));
    let (next, opened) = (AtomicU64::new(0), AtomicU64::new(0));
    let faults: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let slowest: Mutex<(Duration, u64)> = Mutex::new((Duration::ZERO, 0));
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return;
            }
            let bytes = mutation(&seeds, seed, number);
            let start = Instant::now();
            let outcome = catch_unwind(AssertUnwindSafe(|| match package("m", &bytes, &options, &Silent) {
                Ok(analysed) => {
                    let report = Report::new(analysed.scan).unwrap();
                    json::read(&json::write(&report)).unwrap();
                    true
                }
                Err(_) => false,
            }));
            let took = start.elapsed();
            match outcome {
                Ok(is_package) => opened.fetch_add(u64::from(is_package), Ordering::Relaxed),
                Err(panic) => {
                    let why = panic.downcast_ref::<String>().cloned();
                    let why = why.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
                    faults.lock().unwrap().push(format!("{number}: panic: {}", why.unwrap_or_default()));
                    0
                }
            };
            if took > SLOWEST {
                faults.lock().unwrap().push(format!("{number}: {} ms", took.as_millis()));
            }
            let mut slowest = slowest.lock().unwrap();
            *slowest = (*slowest).max((took, number));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
        work();
    });
    let peak = peak_kib();
    let (took, number) = *slowest.lock().unwrap();
    let faults = faults.lock().unwrap();
    faults.iter().take(20).for_each(|fault| println!("{fault}"));
    println!(
        "{count} mutations of {} seeds, {} of them packages still; slowest {} ms ({number}); peak {} MiB; {} faults",
        seeds.len(),
        opened.load(Ordering::Relaxed),
        took.as_millis(),
        peak / 1024,
        faults.len()
    );
    std::process::exit(i32::from(!faults.is_empty() || peak > MOST_KIB));
}

/// The most memory that the process had, in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// One mutation, always the same for a number.
fn mutation(seeds: &[Seed], seed: u64, number: u64) -> Vec<u8> {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number.wrapping_mul(0xd134_2543_de82_ef95));
    let chosen = &seeds[random.below(seeds.len())];
    if random.below(3) == 0 {
        return mutate(chosen.bytes(), &mut random);
    }
    let part = random.below(chosen.parts());
    chosen.with(part, &mut |bytes| mutate(bytes, &mut random))
}

fn mutate(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..=random.below(8) {
        if out.is_empty() {
            break;
        }
        let at = random.below(out.len());
        let length = random.below(64).min(out.len() - at);
        match random.below(8) {
            0 => out[at] ^= 1 << random.below(8),
            1 => out[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            2 => {
                // A number of four bytes of which much depends.
                let number = [0, 1, u32::MAX, 0x8000_0000, 0x7fff_ffff, out.len() as u32, at as u32][random.below(7)];
                for (slot, byte) in out[at..].iter_mut().zip(number.to_le_bytes()) {
                    *slot = byte;
                }
            }
            3 => out.truncate(at),
            4 => drop(out.drain(at..at + length)),
            5 => {
                let piece = out[at..at + length].to_vec();
                let to = random.below(out.len());
                out.splice(to..to, piece);
            }
            6 => {
                let from = random.below(out.len());
                let piece: Vec<u8> = out[from..].iter().copied().take(length).collect();
                out.splice(at..at + length, piece);
            }
            _ => out.extend((0..length).map(|_| random.next() as u8)),
        }
    }
    out
}

/// `SplitMix64` (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }
}
