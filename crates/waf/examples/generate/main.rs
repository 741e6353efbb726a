//! Writes requests for the example `ids` and for other engines, in the format of `tests/support/wire.rs`.
//!
//! - `generate made <count> [first]`: requests made up from grammar, half of them hostile: one of their values is an
//!   attack. Of the hostile requests one in twenty is dense: most of its values are attacks, one in twenty of these has
//!   a byte that breaks it, and one in twenty bodies is broken. The number of a request is all its randomness, so that the
//!   same numbers give the same requests, and one of them can be made again alone.
//! - `generate dense <count> [first]`: the same, and every hostile request is dense.
//! - `generate attacks`: the rule set's own attacks of level 1 (`tests/decisions.rs`).
//! - `generate harmless`: the benign corpus.
//!
//! What libmodsecurity 3.0.9 is known to get wrong each time is not made: an encoded `?` in a path, line ends within parts
//! of a multipart body, code points beyond U+10FFFF, and NUL (`docs/conformance.md`, "Beside libmodsecurity").

#![allow(
    clippy::same_item_push,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a tool for those who work on the engine"
)]

#[path = "../../tests/support/mod.rs"]
mod support;

mod bodies;
mod encode;
mod pieces;
mod requests;

use std::io::{BufWriter, Write};

use support::drive::answer;
use support::front::Request;
use support::rules::{BASE, corpus, crs, program};
use support::wire::Exchange;

/// Numbers that look random (Steele, Lea and Flood 2014, `SplitMix64`).
struct Dice {
    state: u64,
    /// How many values of the request may still be attacks.
    payloads: usize,
}

impl Dice {
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// Whether something happens that happens so often in a hundred.
    fn percent(&mut self, often: usize) -> bool {
        self.below(100) < often
    }

    /// Whether it is for a request full of attacks.
    fn is_dense(&self) -> bool {
        self.payloads > usize::MAX / 2
    }

    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| arguments.get(at).and_then(|text| text.parse::<u64>().ok());
    let mut out = BufWriter::new(std::io::stdout().lock());
    match arguments.first().map(String::as_str) {
        Some(kind @ ("made" | "dense")) => {
            let first = number(2).unwrap_or(0);
            for number in first..first + number(1).unwrap_or(1000) {
                let mut dice = Dice { state: number.wrapping_mul(0xd134_2543_de82_ef95), payloads: 0 };
                let request = requests::make(&mut dice, kind == "dense");
                Exchange::answered_by_nothing(number.to_string(), request).write(&mut out)?;
            }
        }
        Some("attacks") => {
            let (crs, suite) = (crs().unwrap(), corpus("crs").unwrap());
            given(&mut out, support::cases::attacks(&program(&crs, BASE, ""), &suite))?;
        }
        Some("harmless") => given(&mut out, support::cases::harmless(&corpus("benign").unwrap()))?,
        _ => panic!("`made`, `dense`, `attacks` or `harmless`"),
    }
    out.flush()
}

fn given(out: &mut impl Write, requests: Vec<(String, Request)>) -> std::io::Result<()> {
    for (name, request) in requests {
        let response = answer(&request);
        Exchange { name, request, response }.write(out)?;
    }
    Ok(())
}
