//! Replays mutated seeds through the fuzz targets, on stable and the same at each run.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    missing_docs,
    reason = "test code"
)]

#[path = "replay/targets.rs"]
mod targets;

use testudo_core::Timestamp;
use testudo_crypto::jose::{Algorithm, SigningKey};
use testudo_crypto::{KeyRing, Place, Purpose, RootKey};

const MUTANTS: usize = 400;

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

fn replay(seeds: &[&[u8]], target: impl Fn(&[u8])) {
    const TOKENS: [&[u8]; 12] =
        [b".", b"=", b"$", b"\"", b"{", b"}", b",", b"\\u0061", b"\0", b"\xff", b"9999999999", b"application/"];
    let mut numbers = Numbers(1);
    for seed in seeds {
        target(seed);
        for _ in 0..MUTANTS {
            let mut data = seed.to_vec();
            for _ in 0..=numbers.below(3) {
                let at = numbers.below(data.len() + 1);
                match numbers.below(6) {
                    0 => data.truncate(at),
                    1 if at < data.len() => data[at] ^= 1 << numbers.below(8),
                    2 if at < data.len() => drop(data.remove(at)),
                    3 => drop(data.splice(at..at, TOKENS[numbers.below(TOKENS.len())].iter().copied())),
                    4 => {
                        let copied = data[at..data.len().min(at + numbers.below(40))].to_vec();
                        data.splice(at..at, copied);
                    }
                    _ => {
                        let other = seeds[numbers.below(seeds.len())];
                        let from = numbers.below(other.len() + 1);
                        data.truncate(at);
                        data.extend_from_slice(&other[from..]);
                    }
                }
            }
            target(&data);
        }
    }
}

const A3: &[u8] = b"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

#[test]
fn jose_verify() {
    let keys = [Algorithm::Es256, Algorithm::EdDsa].map(|algorithm| SigningKey::generate(algorithm).unwrap());
    let tokens: Vec<String> =
        keys.iter().flat_map(|key| [key.sign("at+jwt", b"{\"sub\":\"a\"}"), key.sign_dpop(b"{}")]).collect();
    let mut seeds: Vec<&[u8]> = tokens.iter().map(String::as_bytes).collect();
    seeds.extend([A3, b"..", b"e30.e30.", b""]);
    replay(&seeds, targets::jose_verify);
}

#[test]
fn jwk() {
    let rsa = br#"{"kty":"RSA","e":"AQAB","use":"sig","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}"#;
    let ec = br#"{"kty":"EC","crv":"P-256","kid":"a","alg":"ES256","key_ops":["verify"],"x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    let okp = br#"{"kty":"OKP","crv":"Ed25519","kid":"b","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let set = [&b"{\"keys\":["[..], ec, b",", okp, b"]}"].concat();
    replay(&[rsa, ec, okp, &set, b"{\"kty\":\"oct\",\"k\":\"AAAA\"}", br#"{"kty":"RSA","n":"","e":""}"#], targets::jwk);
}

#[test]
fn envelope() {
    let ring = KeyRing::generate(Timestamp::EPOCH);
    let place = Place { table: "table", column: "column", row: b"row" };
    let wrapped = ring.wrap(&RootKey::generate());
    let sealed = ring.seal(Purpose::Records, &place, b"plain text");
    replay(&[&wrapped, &sealed, b"\x01\x01\0\0\0\x01", b"0row", b""], targets::envelope);
}

#[test]
fn phc() {
    replay(
        &[
            b"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            b"$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA",
            b"$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.",
            "$2b$0\u{e9}$".as_bytes(),
        ],
        targets::phc,
    );
}
