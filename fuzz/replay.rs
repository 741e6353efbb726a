//! Replays the seeds of a fuzz target, and mutants of them, on stable and the same at each run.
//!
//! The seeds lie in `fuzz/seeds/<target>`, one per file, where the fuzzer finds them too:
//! `cargo +nightly fuzz run <target> fuzz/seeds/<target>`. A failing input becomes a seed.

use std::path::Path;

/// Mutants of each seed.
const MUTANTS: usize = 800;

/// `SplitMix64`: fixed seed, so that a failure repeats.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit.max(1) as u64).unwrap()
    }
}

/// Runs the target over its seeds and their mutants. `tokens` are what its grammar is made of.
pub fn replay(name: &str, tokens: &[&[u8]], target: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(name);
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let seeds: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    assert!(seeds.len() >= 5, "{} has too few seeds", folder.display());
    let mut numbers = Numbers(1);
    for seed in &seeds {
        target(seed);
        for _ in 0..MUTANTS {
            target(&mutant(&seeds, seed, tokens, &mut numbers));
        }
    }
}

fn mutant(seeds: &[Vec<u8>], seed: &[u8], tokens: &[&[u8]], numbers: &mut Numbers) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(data.len() + 1);
        match numbers.below(7) {
            0 => drop(data.drain(at..data.len().min(at + numbers.below(20)))),
            1 if at < data.len() => data[at] ^= 1 << numbers.below(8),
            2 => {
                let copied = data[at..data.len().min(at + numbers.below(60))].to_vec();
                data.splice(at..at, copied);
            }
            3 => {
                let other = &seeds[numbers.below(seeds.len())];
                let from = numbers.below(other.len() + 1);
                data.truncate(at);
                data.extend_from_slice(&other[from..]);
            }
            _ => {
                let token = tokens[numbers.below(tokens.len())];
                let end = data.len().min(at + numbers.below(3));
                data.splice(at..end, token.iter().copied());
            }
        }
    }
    data
}
