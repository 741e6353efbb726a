//! The follower alone: its verdict does not depend on how the bytes were cut.

use proptest::prelude::*;
use testudo_gateway::framing::{Follower, HeadLimits, Step};

use crate::malformed::{MALFORMED, WELL_FORMED};

/// What the follower makes of a connection's bytes: the heads, the body bytes, and the refusal.
#[derive(PartialEq, Eq, Debug, Default)]
pub struct Verdict {
    heads: Vec<usize>,
    body: usize,
    refused: Option<&'static str>,
}

impl Verdict {
    /// How it was refused.
    pub fn refused(&self) -> Option<&'static str> {
        self.refused
    }
}

pub fn verdict<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Verdict {
    let mut follower = Follower::new(HeadLimits::default());
    let mut held: Vec<u8> = Vec::new();
    let mut verdict = Verdict::default();
    for piece in pieces {
        held.extend_from_slice(piece);
        let mut at = 0;
        while at < held.len() {
            match follower.step(&held[at..]) {
                Step::More => break,
                Step::Head(facts) => {
                    verdict.heads.push(facts.length);
                    at += facts.length;
                }
                Step::Body(taken) => {
                    verdict.body += taken;
                    at += taken;
                }
                Step::Hold => follower.answer_upgrade(false),
                Step::Malformed(code) => {
                    // How much of a broken body was passed before its fault depends on the reads.
                    return Verdict { body: 0, refused: Some(code.as_str()), ..verdict };
                }
            }
        }
        held.drain(..at);
    }
    verdict
}

#[test]
fn every_cut_in_two_gives_the_same_verdict() {
    let all = MALFORMED.iter().map(|case| case.1).chain(WELL_FORMED.iter().map(|case| case.1));
    for text in all {
        let bytes = text.as_bytes();
        let whole = verdict(std::iter::once(bytes));
        for cut in 1..bytes.len() {
            assert_eq!(verdict([&bytes[..cut], &bytes[cut..]].into_iter()), whole, "cut at {cut} of {text:?}");
        }
        assert_eq!(verdict(bytes.chunks(1)), whole, "byte by byte: {text:?}");
    }
}

#[test]
fn a_head_is_bounded_whatever_the_chunking() {
    let fields = "a: b\r\n".repeat(99);
    let fine = format!("GET / HTTP/1.1\r\nhost: h\r\n{fields}\r\n");
    assert_eq!(verdict(fine.as_bytes().chunks(7)).refused, None);
    let many = format!("GET / HTTP/1.1\r\nhost: h\r\n{fields}a: b\r\n\r\n");
    let large = format!("GET / HTTP/1.1\r\nhost: h\r\nx: {}\r\n\r\n", "y".repeat(32 * 1024));
    let endless = format!("GET /{}", "y".repeat(40 * 1024));
    for size in [1, 100, 4096, 1 << 20] {
        assert_eq!(verdict(many.as_bytes().chunks(size)).refused, Some("too-many-headers"));
        assert_eq!(verdict(large.as_bytes().chunks(size)).refused, Some("head-too-large"));
        assert_eq!(verdict(endless.as_bytes().chunks(size)).refused, Some("head-too-large"));
    }
}

/// Inputs of `fuzz/fuzz_targets/framing.rs`: the first byte is the size of the pieces.
#[test]
fn the_fuzz_corpus_replays() {
    let mut inputs: Vec<Vec<u8>> = Vec::new();
    for text in MALFORMED.iter().chain(WELL_FORMED).map(|case| case.1) {
        inputs.extend([1, 2, 3, 5, 17].map(|size| [&[size], text.as_bytes()].concat()));
    }
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/framing");
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        inputs.push(std::fs::read(entry.path()).unwrap());
    }
    for input in inputs {
        let Some((size, bytes)) = input.split_first() else { continue };
        let size = usize::from(*size).max(1);
        assert_eq!(verdict(std::iter::once(bytes)), verdict(bytes.chunks(size)), "{input:?}");
    }
}

fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        &b"GET / HTTP/1.1\r\nhost: h\r\n\r\n"[..],
        b"POST /a?b=c HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"host: h\r\n",
        b"content-length: 3\r\n",
        b"transfer-encoding: chunked\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b"0\r\n\r\n",
        b"a;x=\"y\"\r\n0123456789\r\n",
        b" ",
        b":",
    ]);
    prop_oneof![8 => known.prop_map(<[u8]>::to_vec), 1 => prop::collection::vec(any::<u8>(), 1..6)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn chunking_never_changes_the_verdict(
        fragments in prop::collection::vec(fragment(), 1..8),
        cuts in prop::collection::vec(1_usize..40, 1..20),
    ) {
        let bytes: Vec<u8> = fragments.concat();
        let whole = verdict(std::iter::once(bytes.as_slice()));
        let mut pieces = Vec::new();
        let mut rest = bytes.as_slice();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break; }
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        prop_assert_eq!(verdict(pieces.into_iter()), whole);
    }
}
