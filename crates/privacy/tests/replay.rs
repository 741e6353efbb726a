//! Replays mutated seeds through the fuzz targets, on stable and the same at each run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs, reason = "test code")]

#[path = "replay/targets.rs"]
mod targets;

const MUTANTS: usize = 600;

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

fn replay(seeds: &[&str], tokens: &[&[u8]], target: impl Fn(&[u8])) {
    let mut numbers = Numbers(1);
    for seed in seeds {
        for mutant in 0..MUTANTS {
            let mut data = vec![u8::try_from(numbers.below(256)).unwrap()];
            data.extend_from_slice(seed.as_bytes());
            for _ in 0..if mutant == 0 { 0 } else { 1 + numbers.below(4) } {
                let at = 1 + numbers.below(data.len());
                match numbers.below(5) {
                    0 => drop(data.drain(at..data.len().min(at + numbers.below(20)))),
                    1 if at < data.len() => data[at] ^= 1 << numbers.below(8),
                    2 => {
                        let copied = data[at..data.len().min(at + numbers.below(60))].to_vec();
                        data.splice(at..at, copied);
                    }
                    _ => {
                        let token = tokens[numbers.below(tokens.len())];
                        let end = data.len().min(at + numbers.below(3));
                        data.splice(at..end, token.iter().copied());
                    }
                }
            }
            target(&data);
        }
    }
}

#[test]
fn masker() {
    let seeds = [
        "x{\"a\":1,\"b\":[{\"c\":\"4111111111111111\"},2],\"x\":{\"d\":\"ada@example.org\"}}",
        "xx{\"x\" : [\"ada@example.org\", {\"a\":{\"y\":[1,true,\"\\u0061\"]}} ] , \"ada@example.org\":4111111111111111}",
        "x{\"a\":1}\n{\"b\":{\"a\":\"+49 30 123456\"}}\r\n\n[\"DE89370400440532013000\"]",
        "x: for ada@example.org\ndata: {\"a\":\ndata: [1]}\n\ndata: [DONE]\n\ndata:{\"b\":1}\n",
    ];
    let tokens: &[&[u8]] = &[
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\"",
        b"\\",
        b"\\u0061",
        b"\n",
        b"\ndata: ",
        b"\n\n",
        b" ",
        b"true",
        b"null",
        b"1",
        b"\"a\":",
        b"\"b\":",
        b"{\"a\":1},",
        b"ada@example.org",
        b"4111 1111 1111 1111",
        b"\xc3\xa9",
        b"\xff",
        b"\"\"",
    ];
    replay(&seeds, tokens, targets::masker);
}

#[test]
fn detectors() {
    let seeds = [
        "call +49 (30) 123456 or 212-555-0123, ada@example.org, 4111 1111 1111 1111",
        "bsn=111222333 DE89 3704 0044 0532 0130 00 12345678-Z RSSMRA85T10A562S 111.444.777-35",
        "a.b@c.d-e.org@x..y é@ü.de 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4",
    ];
    let tokens: &[&[u8]] = &[
        b"@",
        b".",
        b"-",
        b" ",
        b"+",
        b"(",
        b") ",
        b"/",
        b"_",
        b"=",
        b"1",
        b"0000",
        b"4111",
        b"A",
        b"z",
        b"DE89",
        b"\xc3\xa9",
        b",",
    ];
    replay(&seeds, tokens, targets::detectors);
}
