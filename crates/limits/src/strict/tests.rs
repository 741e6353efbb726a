//! Doors: strict counters, waits that double, and successes that don't undo them.
#![allow(clippy::unwrap_used)]

use testudo_core::{Denial, Obligation, Verdict};

use super::*;

const SECOND: u64 = 1_000_000_000;

fn limiter() -> Limiter {
    let mut config = LimitsConfig::default();
    config.sign_in.failures_per_address = 3;
    config.sign_in.failures_per_subnet = 10;
    config.sign_in.longest_wait = 60;
    Limiter::new(&config, [5; 16]).unwrap()
}

fn at(text: &str, now_ns: u64) -> PeerFacts {
    PeerFacts { address: text.parse().unwrap(), now_ns }
}

#[test]
fn tries_are_counted_by_address_subnet_and_door() {
    let limiter = limiter();
    for _ in 0..20 {
        assert_eq!(limiter.admit_door(Door::SignIn, &at("192.0.2.1", 0)).decision.verdict(), Verdict::Allow);
    }
    let refused = limiter.admit_door(Door::SignIn, &at("192.0.2.1", 0));
    let reason = refused.decision.reasons().first().unwrap();
    assert_eq!((reason.code.as_ref(), reason.denial), ("limit-sign-in-address", Denial::TooMany));
    assert!(refused.decision.obligations().contains(&Obligation::RetryAfter(2)));
    // Another door has counters of its own.
    assert_eq!(limiter.admit_door(Door::Token, &at("192.0.2.1", 0)).decision.verdict(), Verdict::Allow);
    let mut admitted = 0;
    for host in 2..200 {
        let answer = limiter.admit_door(Door::SignIn, &at(&format!("192.0.2.{host}"), 0));
        admitted += u32::from(answer.decision.verdict() == Verdict::Allow);
    }
    assert_eq!(admitted, 80, "the subnet has 100");
    let mut admitted = 0;
    for net in 0..=255 {
        for host in 0..4 {
            let answer = limiter.admit_door(Door::SignIn, &at(&format!("198.51.{net}.{host}"), 0));
            admitted += u32::from(answer.decision.verdict() == Verdict::Allow);
        }
    }
    assert_eq!(admitted, 200, "the door has 300");
}

#[test]
fn waits_double_and_end() {
    let limiter = limiter();
    let waits: Vec<u64> = (0..12).map(|_| limiter.note_failure(Door::SignIn, &at("192.0.2.1", 0))).collect();
    assert_eq!(waits, [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
    let refused = limiter.admit_door(Door::SignIn, &at("192.0.2.1", 0));
    let reason = refused.decision.reasons().first().unwrap();
    assert_eq!(reason.code, "limit-failures");
    assert_eq!(reason.text, "too many failures from this network; try again in 60 s");
    assert!(refused.decision.obligations().contains(&Obligation::RetryAfter(60)));
    assert!(limiter.waits(Door::SignIn, "192.0.2.1".parse().unwrap(), 0));
    let later = at("192.0.2.1", 60 * SECOND);
    assert_eq!(limiter.admit_door(Door::SignIn, &later).decision.verdict(), Verdict::Allow);
    // One of twelve failures is forgotten a minute: the next one counts as the twelfth.
    assert_eq!(limiter.note_failure(Door::SignIn, &later), 60);
    let rested = at("192.0.2.1", 3600 * SECOND);
    assert_eq!(limiter.note_failure(Door::SignIn, &rested), 0);
}

#[test]
fn a_subnet_waits_for_the_failures_of_all_its_addresses() {
    let limiter = limiter();
    for host in 1..=10 {
        assert_eq!(limiter.note_failure(Door::SignIn, &at(&format!("192.0.2.{host}"), 0)), 0);
    }
    assert_eq!(limiter.note_failure(Door::SignIn, &at("192.0.2.11", 0)), 1);
    assert_eq!(limiter.admit_door(Door::SignIn, &at("192.0.2.99", 0)).decision.verdict(), Verdict::Deny);
    assert_eq!(limiter.admit_door(Door::SignIn, &at("192.0.3.99", 0)).decision.verdict(), Verdict::Allow);
    assert_eq!(limiter.admit_door(Door::SignUp, &at("192.0.2.99", 0)).decision.verdict(), Verdict::Allow);
}

#[test]
fn a_success_takes_one_failure_back_but_never_a_wait() {
    let limiter = limiter();
    let facts = at("192.0.2.1", 0);
    for _ in 0..30 {
        assert_eq!(limiter.note_failure(Door::SignIn, &facts), 0);
        limiter.note_success(Door::SignIn, &facts);
    }
    for expected in [0, 0, 0, 1] {
        assert_eq!(limiter.note_failure(Door::SignIn, &facts), expected);
    }
    for _ in 0..10 {
        limiter.note_success(Door::SignIn, &facts);
    }
    assert_eq!(limiter.note_failure(Door::SignIn, &facts), 2);
}
