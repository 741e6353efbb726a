//! Codings, cut anywhere, damaged and made to burst.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::io::{Read as _, Write as _};

use proptest::prelude::*;

use super::*;

fn coded(coding: Coding, plain: &[u8]) -> Vec<u8> {
    match coding {
        Coding::Identity => plain.to_vec(),
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        Coding::Brotli => {
            let mut out = Vec::new();
            brotli::CompressorReader::new(plain, 4096, 5, 22).read_to_end(&mut out).unwrap();
            out
        }
    }
}

fn decode(coding: Coding, input: &[u8], size: usize) -> Result<Vec<u8>, CodingError> {
    let mut decoder = Decoder::new(coding);
    let mut out = Vec::new();
    for mut chunk in input.chunks(size.max(1)) {
        loop {
            let before = out.len();
            let taken = decoder.step(chunk, &mut out)?;
            assert!(out.len() - before <= STEP, "a step is bounded");
            chunk = chunk.get(taken..).unwrap();
            if out.len() == before && (chunk.is_empty() || taken == 0) {
                assert!(chunk.is_empty(), "stuck");
                break;
            }
        }
    }
    decoder.finish(input.is_empty())?;
    Ok(out)
}

#[test]
fn accepted_codings_are_read_as_they_are_meant() {
    let takes_gzip = |value: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, value.parse().unwrap());
        takes_gzip(&headers)
    };
    for value in ["gzip", "br, GZIP;q=0.1", "*", "identity, *;q=0.5", "deflate,gzip ; q=1.000"] {
        assert!(takes_gzip(value), "{value}");
    }
    for value in ["", "br", "gzip;q=0", "gzip; q=0.000, *", "*;q=0", "gzip;q=x", "gzipped"] {
        assert!(!takes_gzip(value), "{value}");
    }
    let asked = |value: Option<&str>| {
        let mut headers = HeaderMap::new();
        if let Some(value) = value {
            headers.insert(header::ACCEPT_ENCODING, value.parse().unwrap());
        }
        narrow(&mut headers);
        headers.get(header::ACCEPT_ENCODING).unwrap().to_str().unwrap().to_owned()
    };
    assert_eq!(asked(Some("gzip, deflate, br, zstd")), "gzip, br");
    assert_eq!(asked(Some("zstd")), "identity");
    assert_eq!(asked(None), "identity");
}

#[test]
fn only_one_known_coding_is_read() {
    let of = |values: &[&str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::CONTENT_ENCODING, value.parse().unwrap());
        }
        Coding::of(&headers)
    };
    assert_eq!(of(&[]), Some(Coding::Identity));
    assert_eq!(of(&["X-Gzip"]), Some(Coding::Gzip));
    assert_eq!(of(&["br"]), Some(Coding::Brotli));
    for values in [&["zstd"][..], &["gzip, br"], &["gzip", "br"], &["deflate"]] {
        assert_eq!(of(values), None, "{values:?}");
    }
}

#[test]
fn members_follow_each_other_and_nothing_else_may() {
    let two = [coded(Coding::Gzip, b"one "), coded(Coding::Gzip, b"two")].concat();
    for size in [1, 7, 1000] {
        assert_eq!(decode(Coding::Gzip, &two, size).unwrap(), b"one two");
    }
    for coding in [Coding::Gzip, Coding::Brotli] {
        let whole = coded(coding, b"some text that is long enough to be cut");
        let followed = [&whole[..], b"trailing"].concat();
        assert_eq!(decode(coding, &followed, 1000), Err(CodingError::Damaged));
        for cut in 1..whole.len() {
            assert!(decode(coding, whole.get(..cut).unwrap(), 1000).is_err(), "{coding:?} {cut}");
        }
        assert_eq!(decode(coding, b"", 1).unwrap(), b"");
        assert_eq!(decode(coding, b"{\"plain\":1}", 3).map(drop), Err(CodingError::Damaged));
    }
}

#[test]
fn what_bursts_is_stopped_early() {
    let zeros = vec![b' '; 64 << 20];
    for coding in [Coding::Gzip, Coding::Brotli] {
        let bomb = coded(coding, &zeros);
        let mut decoder = Decoder::new(coding);
        let (mut rest, mut given) = (&bomb[..], 0);
        let error = loop {
            let mut out = Vec::new();
            match decoder.step(rest, &mut out) {
                Ok(taken) => rest = rest.get(taken..).unwrap(),
                Err(error) => break error,
            }
            given += out.len();
            assert!(!out.is_empty() || !rest.is_empty(), "{coding:?} was not stopped");
        };
        assert_eq!(error, CodingError::Bomb);
        assert!(given as u64 <= FREE + bomb.len() as u64 * MOST_RATIO, "{coding:?} {given}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_cut_gives_the_same(
        plain in proptest::collection::vec(any::<u8>(), 0..4000), times in 1..40_usize, size in 1..9000_usize,
        brotli in any::<bool>(), gzip in any::<bool>(),
    ) {
        let plain = plain.repeat(times);
        let coding = if brotli { Coding::Brotli } else if gzip { Coding::Gzip } else { Coding::Identity };
        prop_assert_eq!(&decode(coding, &coded(coding, &plain), size).unwrap(), &plain);
        let (mut encoder, mut out) = (Encoder::new(true), Vec::new());
        for chunk in plain.chunks(size) {
            encoder.push(&mut chunk.to_vec(), size % 2 == 0, &mut out).unwrap();
        }
        encoder.finish(&mut out).unwrap();
        prop_assert_eq!(&decode(Coding::Gzip, &out, size).unwrap(), &plain);
    }
}
