//! Hashes, their texts, and the pool.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::time::{Duration, Instant};

use proptest::prelude::*;
use testudo_core::Secret;

use super::argon2id::Memory;
use super::phc::Phc;
use super::*;

/// The reference implementation's test for Argon2id with 64 MiB and two passes.
const REFERENCE: &str = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
/// The tests of jBCrypt.
const BCRYPT_EMPTY: &str = "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.";
const BCRYPT_A: &str = "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe";

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

async fn verify(pool: &HashPool, password: &str, hash: &str) -> Verified {
    pool.verify(secret(password), Some(hash.to_owned())).await.unwrap()
}

const YES: Verified = Verified { matches: true, rehash: false };
const DUE: Verified = Verified { matches: true, rehash: true };

#[tokio::test]
async fn a_hash_verifies_its_password_only() {
    let pool = HashPool::new(1, 4);
    let hash = pool.hash(secret("hunter2hunter2")).await.unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    assert_ne!(hash, pool.hash(secret("hunter2hunter2")).await.unwrap());
    assert_eq!(verify(&pool, "hunter2hunter2", &hash).await, YES);
    assert_eq!(verify(&pool, "hunter2hunter3", &hash).await, Verified::NO);
    assert_eq!(pool.verify(secret("hunter2hunter2"), None).await, Ok(Verified::NO));
}

#[tokio::test]
async fn reference_hashes_verify() {
    let pool = HashPool::new(1, 4);
    let short_salt = verify(&pool, "password", REFERENCE).await;
    assert_eq!(short_salt, DUE, "its salt has 8 bytes");
    assert_eq!(verify(&pool, "Password", REFERENCE).await, Verified::NO);
    assert_eq!(verify(&pool, "", BCRYPT_EMPTY).await, DUE);
    assert_eq!(verify(&pool, "a", BCRYPT_A).await, DUE);
    assert_eq!(verify(&pool, "a", &BCRYPT_A.replace("$2a$", "$2y$")).await, DUE);
    assert_eq!(verify(&pool, "a", &BCRYPT_A.replace("$2a$", "$2b$")).await, DUE);
    assert_eq!(verify(&pool, "b", BCRYPT_A).await, Verified::NO);
}

#[tokio::test]
async fn bcrypt_never_matches_by_the_beginning() {
    let password = "p".repeat(72);
    let hash = ::bcrypt::hash_with_salt(&password, 4, [3; 16]).unwrap().to_string();
    let pool = HashPool::new(1, 4);
    assert_eq!(verify(&pool, &password, &hash).await, DUE);
    assert_eq!(verify(&pool, &format!("{password}x"), &hash).await, Verified::NO);
    let with_nul = ::bcrypt::hash_with_salt("abc\0abc", 4, [3; 16]).unwrap().to_string();
    assert_eq!(verify(&pool, "abc\0abc", &with_nul).await, Verified::NO);
}

#[tokio::test]
async fn other_parameters_ask_for_a_rehash() {
    let pool = HashPool::new(1, 4);
    let hash = pool.hash(secret("password123")).await.unwrap();
    pool.set_params(Params { passes: 3, ..Params::FLOOR });
    assert_eq!(verify(&pool, "password123", &hash).await, DUE);
    assert_eq!(verify(&pool, "password124", &hash).await, Verified::NO);
    let hash = pool.hash(secret("password123")).await.unwrap();
    assert!(hash.contains(",t=3,"));
    pool.set_params(Params { memory_kib: 1, passes: 1, lanes: 0 });
    assert_eq!(pool.params(), Params::FLOOR);
    assert_eq!(verify(&pool, "password123", &hash).await, DUE, "more is another cost too: it could be told apart");
}

#[tokio::test]
async fn long_passwords_are_bounded() {
    let pool = HashPool::new(1, 4);
    assert_eq!(pool.hash(secret(&"x".repeat(MAX_PASSWORD + 1))).await, Err(HashError::TooLong));
    let hash = pool.hash(secret(&"x".repeat(MAX_PASSWORD))).await.unwrap();
    assert_eq!(verify(&pool, &"x".repeat(MAX_PASSWORD), &hash).await, YES);
    assert_eq!(verify(&pool, &"x".repeat(MAX_PASSWORD + 1), &hash).await, Verified::NO);
}

#[tokio::test]
async fn unusable_hashes_are_errors() {
    let pool = HashPool::new(1, 4);
    for (hash, error) in [
        ("", PhcError::Algorithm),
        ("$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5Q", PhcError::Algorithm),
        ("$2x$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe", PhcError::Algorithm),
        ("$2a$15$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe", PhcError::Bounds),
        ("$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfx", PhcError::Malformed),
    ] {
        let answer = pool.verify(secret("a"), Some(hash.to_owned())).await;
        assert_eq!(answer, Err(HashError::Stored(error)), "{hash}");
        assert_eq!(check_phc(hash), Err(error));
    }
    assert_eq!(check_phc(REFERENCE), Ok(()));
    assert_eq!(check_phc(BCRYPT_A), Ok(()));
}

#[tokio::test]
async fn a_full_queue_says_so() {
    let pool = HashPool::new(1, 1);
    let jobs: Vec<_> = (0..12)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.verify(secret("x"), None).await })
        })
        .collect();
    let (mut done, mut full) = (0, 0);
    for job in jobs {
        match job.await.unwrap() {
            Ok(_) => done += 1,
            Err(HashError::Full) => full += 1,
            Err(error) => assert_eq!(error, HashError::Full),
        }
    }
    assert!(done >= 1 && full >= 1, "{done} done, {full} full");
    assert_eq!(pool.verify(secret("x"), None).await, Ok(Verified::NO), "it recovers");
}

#[tokio::test]
async fn jobs_of_callers_who_left_are_skipped() {
    let pool = HashPool::new(1, 100);
    let start = Instant::now();
    pool.verify(secret("x"), None).await.unwrap();
    let one = start.elapsed();
    let start = Instant::now();
    for _ in 0..60 {
        // Polled once, so that it is queued, then dropped.
        let left = tokio::time::timeout(Duration::ZERO, pool.verify(secret("x"), None)).await;
        assert!(left.is_err());
    }
    pool.verify(secret("x"), None).await.unwrap();
    assert!(start.elapsed() < one * 30, "{:?} for 1 of 61 jobs, one takes {one:?}", start.elapsed());
}

#[tokio::test]
async fn an_unknown_person_costs_what_a_wrong_password_costs() {
    let pool = HashPool::new(1, 4);
    let hash = pool.hash(secret("password123")).await.unwrap();
    let (mut wrong, mut unknown) = (Duration::MAX, Duration::MAX);
    // The least times of the two approach each other however busy the machine is.
    for _ in 0..100 {
        let start = Instant::now();
        assert_eq!(verify(&pool, "password124", &hash).await, Verified::NO);
        wrong = wrong.min(start.elapsed());
        let start = Instant::now();
        assert_eq!(pool.verify(secret("password124"), None).await, Ok(Verified::NO));
        unknown = unknown.min(start.elapsed());
        if (0.8..1.25).contains(&(unknown.as_secs_f64() / wrong.as_secs_f64())) {
            return;
        }
    }
    panic!("{unknown:?} against {wrong:?}");
}

#[tokio::test]
async fn a_hash_of_older_parameters_costs_what_an_unknown_person_costs() {
    let pool = HashPool::new(1, 4);
    let old = pool.hash(secret("password123")).await.unwrap();
    for params in [
        Params::FLOOR,
        Params { passes: 3, ..Params::FLOOR },
        Params { memory_kib: 20_480, passes: 2, lanes: 1 },
        Params { memory_kib: 31_745, passes: 5, lanes: 1 },
    ] {
        pool.set_params(params);
        let before = pool.work();
        assert_eq!(pool.verify(secret("password124"), None).await, Ok(Verified::NO));
        let unknown = pool.work() - before;
        assert_eq!(verify(&pool, "password124", &old).await, Verified::NO);
        let known = pool.work() - before - unknown;
        assert_eq!(unknown, params.work());
        // Memory is whole KiB for each pass of the rest.
        assert!(unknown.abs_diff(known) < 8, "{params:?}: {unknown} against {known}");
    }
}

#[test]
fn faults_decide_the_status() {
    assert_eq!(HashError::Full.fault().status(), 503);
    assert_eq!(HashError::TooLong.fault().status(), 400);
    assert_eq!(HashError::Stored(PhcError::Malformed).fault().status(), 500);
}

#[test]
fn memory_is_reused_shrunk_and_wiped() {
    let mut memory = Memory::default();
    let hash = |memory: &mut Memory, params| {
        let mut out = [0; 32];
        memory.hash(b"password", b"somesalt", params, &mut out).unwrap();
        out
    };
    let small = Params { memory_kib: 64, passes: 1, lanes: 1 };
    let large = Params { memory_kib: 256, passes: 3, lanes: 4 };
    let expected = (hash(&mut Memory::default(), small), hash(&mut Memory::default(), large));
    for _ in 0..3 {
        assert_eq!((hash(&mut memory, small), hash(&mut memory, large)), expected, "what was there before is no input");
        memory.shrink_to(small);
        memory.wipe();
    }
}

#[test]
fn lanes_beyond_one_agree_with_the_library() {
    let (params, mut ours, mut theirs) = (Params { memory_kib: 130, passes: 2, lanes: 4 }, [0; 32], [0; 32]);
    Memory::default().hash(b"password", b"somesalt", params, &mut ours).unwrap();
    let settings = ::argon2::Params::new(130, 2, 4, Some(32)).unwrap();
    ::argon2::Argon2::new(::argon2::Algorithm::Argon2id, ::argon2::Version::V0x13, settings)
        .hash_password_into(b"password", b"somesalt", &mut theirs)
        .unwrap();
    assert_eq!(ours, theirs);
}

#[test]
fn phc_texts_have_one_spelling() {
    let parsed = Phc::parse(REFERENCE).unwrap();
    assert_eq!(parsed.params, Params { memory_kib: 65_536, passes: 2, lanes: 1 });
    assert_eq!(parsed.salt, b"somesalt");
    assert_eq!(parsed.write(), REFERENCE);
    let malformed = [
        ("m=65536", "m=065536"),
        ("m=65536", "m=+65536"),
        ("m=65536", "m="),
        ("m=65536", "m=4294967296"),
        ("m=65536,t=2", "t=2,m=65536"),
        ("p=1", "p=1,x=1"),
        ("p=1", "p=1,"),
        (",p=1", ""),
        ("c29tZXNhbHQ", "c29tZXNhbHQ="),
        ("c29tZXNhbHQ", "c29tZXNhbHR"),
        ("c29tZXNhbHQ", "c29tZ XNhbHQ"),
        ("PPc", "PPd"),
        ("PPc", "PPc="),
        ("$CTF", "$$CTF"),
        ("$c29tZXNhbHQ", ""),
    ];
    for (from, to) in malformed {
        let text = REFERENCE.replace(from, to);
        assert_ne!(text, REFERENCE);
        assert!(matches!(Phc::parse(&text), Err(PhcError::Malformed | PhcError::Bounds)), "{text}");
    }
    let bounds = [
        ("m=65536", "m=262145"),
        ("m=65536", "m=7"),
        ("t=2", "t=33"),
        ("t=2", "t=17"),
        ("p=1", "p=17"),
        ("c29tZXNhbHQ", "c29tZQ"),
        ("CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "CTFhFdXPJO0"),
    ];
    for (from, to) in bounds {
        assert_eq!(Phc::parse(&REFERENCE.replace(from, to)), Err(PhcError::Bounds), "{to}");
    }
    for (from, to) in [("v=19", "v=16"), ("v=19$", ""), ("argon2id", "argon2d"), ("argon2id", "Argon2id")] {
        assert_eq!(Phc::parse(&REFERENCE.replace(from, to)), Err(PhcError::Algorithm), "{to}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(memory in 8u32..=65_536, passes in 1u32..=16, salt in prop::collection::vec(any::<u8>(), 8..=64), hash in prop::collection::vec(any::<u8>(), 16..=64)) {
        let phc = Phc { params: Params { memory_kib: memory, passes, lanes: 1 }, salt, hash };
        prop_assert_eq!(Phc::parse(&phc.write()), Ok(phc));
    }

    #[test]
    fn a_mutated_text_is_refused_or_is_its_own_spelling(at in 0usize..REFERENCE.len(), byte in 0x20u8..0x7f) {
        let mut text = REFERENCE.as_bytes().to_vec();
        text[at] = byte;
        let text = String::from_utf8(text).unwrap();
        if let Ok(parsed) = Phc::parse(&text) {
            prop_assert_eq!(parsed.write(), text);
            prop_assert!(parsed.params.within_bounds());
        }
    }

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        let _ = check_phc(&text);
        let _ = check_phc(&format!("$argon2id$v=19${text}"));
        let _ = check_phc(&format!("$2b${text}"));
    }

    #[test]
    fn parameters_are_raised_into_bounds(memory_kib in any::<u32>(), passes in any::<u32>(), lanes in any::<u32>()) {
        let raised = Params { memory_kib, passes, lanes }.raised();
        prop_assert!(raised.reaches(Params::FLOOR) && raised.within_bounds());
    }
}
