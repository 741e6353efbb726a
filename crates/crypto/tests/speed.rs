//! What things cost. Prints numbers and asserts only what must hold on any machine; ignored by default:
//! `cargo test -p testudo-crypto --test speed -- --ignored --nocapture --test-threads=1`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use argon2::{Algorithm as Variant, Argon2, Block, Version};
use testudo_core::{Secret, Timestamp};
use testudo_crypto::jose::{Algorithm, Expect, KeySet, SigningKey, verify};
use testudo_crypto::password::{HashPool, Params, tune};
use testudo_crypto::{KeyRing, Place, PseudonymDomain, Purpose, random};

/// The best of five rounds, per call.
fn cost(name: &str, calls: u32, mut work: impl FnMut()) -> Duration {
    let round = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..calls).for_each(|_| work());
        start.elapsed() / calls
    };
    let best = (0..5).map(|_| round(&mut work)).min().unwrap();
    eprintln!("{name}: {best:?}");
    best
}

#[test]
#[ignore = "measures"]
fn envelopes_and_macs() {
    let ring = KeyRing::generate(Timestamp::EPOCH);
    let place = Place { table: "person", column: "document", row: &[7; 16] };
    let plain = [5; 256];
    let (key, _) = ring.new_person_key(testudo_core::PersonId::from_bytes([1; 16]));
    let sealed = key.seal(&place, &plain);
    let seal = cost("seal 256 B", 20_000, || drop(black_box(key.seal(&place, &plain))));
    cost("open 256 B", 20_000, || drop(black_box(key.open(&place, &sealed))));
    cost("ring seal 256 B", 20_000, || drop(black_box(ring.seal(Purpose::Records, &place, &plain))));
    cost("12 random bytes", 20_000, || {
        black_box(random::array::<12>());
    });
    cost("pseudonym", 20_000, || {
        black_box(ring.pseudonym(PseudonymDomain::Address, &plain[..16]));
    });
    cost("blind index", 20_000, || {
        black_box(ring.blind_index("email", &plain[..24]));
    });
    cost("new person key", 5_000, || drop(black_box(ring.new_person_key(testudo_core::PersonId::from_bytes([1; 16])))));
    cost("day key", 5_000, || drop(black_box(ring.day_key(20_000))));
    assert!(seal < Duration::from_micros(20));
}

#[test]
#[ignore = "measures"]
fn tokens() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let key = SigningKey::generate(algorithm).unwrap();
        let keys = KeySet::new(vec![key.public()]).unwrap();
        let claims = format!(r#"{{"iss":"https://id.example","sub":"ann","scope":"{}"}}"#, "read ".repeat(40));
        let token = key.sign("at+jwt", claims.as_bytes());
        let expect = Expect { typ: "at+jwt" };
        cost(&format!("sign {}", algorithm.name()), 500, || drop(black_box(key.sign("at+jwt", claims.as_bytes()))));
        cost(&format!("verify {}", algorithm.name()), 500, || {
            drop(black_box(verify(token.as_bytes(), &keys, &expect)));
        });
    }
}

/// Hashes per second of `threads` threads that do nothing but Argon2id over memory of their own.
fn raw_rate(threads: usize, hashes: u32) -> f64 {
    let Params { memory_kib, passes, lanes } = Params::FLOOR;
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(move || {
                let params = argon2::Params::new(memory_kib, passes, lanes, Some(32)).unwrap();
                let mut blocks = vec![Block::new(); params.block_count()];
                let argon2 = Argon2::new(Variant::Argon2id, Version::V0x13, params);
                let mut out = [0; 32];
                for _ in 0..hashes {
                    argon2.hash_password_into_with_memory(b"password", &[7; 16], &mut out, &mut blocks).unwrap();
                }
            });
        }
    });
    f64::from(hashes) * threads as f64 / start.elapsed().as_secs_f64()
}

fn pool_rate(threads: usize, hashes: u32) -> f64 {
    let pool = HashPool::new(threads, 64);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let stored = pool.hash(Secret::new("password".to_owned())).await.unwrap();
        let start = Instant::now();
        let callers: Vec<_> = (0..threads * 4)
            .map(|_| {
                let (pool, stored) = (pool.clone(), stored.clone());
                tokio::spawn(async move {
                    for _ in 0..hashes / 4 {
                        let verified = pool.verify(Secret::new("password".to_owned()), Some(stored.clone())).await;
                        assert!(verified.unwrap().matches);
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
        f64::from(hashes / 4 * 4) * threads as f64 / start.elapsed().as_secs_f64()
    })
}

#[test]
#[ignore = "measures"]
fn pool_against_raw_argon2id() {
    for threads in [1, std::thread::available_parallelism().map_or(1, usize::from)] {
        let mut ratios: Vec<(f64, f64)> = (0..7).map(|_| (pool_rate(threads, 24), raw_rate(threads, 24))).collect();
        ratios.sort_by(|one, other| (one.0 / one.1).total_cmp(&(other.0 / other.1)));
        let (pool, raw) = ratios.get(3).copied().unwrap();
        eprintln!("{threads} threads: pool {pool:.1}/s, raw {raw:.1}/s, median ratio {:.3}", pool / raw);
    }
    for target in [20, 50, 100] {
        eprintln!("tuned for {target} ms: {:?}", tune(Duration::from_millis(target)));
    }
}
