//! Places for requests in work: exact, free again on drop, and given to the best known first.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::num::NonZeroU32;

use testudo_core::Timestamp;

use super::*;
use crate::config::LimitsConfig;
use crate::limiter::{CallerFacts, RouteClass};

fn limiter(address: u32, person: u32, total: u32) -> Limiter {
    let number = |value| NonZeroU32::new(value).unwrap();
    let in_flight =
        InFlightConfig { address: number(address), person: number(person), total: number(total), queue_delay_ms: 20 };
    Limiter::new(&LimitsConfig { in_flight, ..LimitsConfig::default() }, [4; 16]).unwrap()
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn code(refused: &Answer) -> &str {
    refused.decision.reasons().first().unwrap().code.as_ref()
}

#[test]
fn places_are_counted_and_free_again() {
    let limiter = limiter(3, 2, 100);
    let (here, ann) = (address("192.0.2.1"), PersonId::new(Timestamp::EPOCH, [1; 10]));
    let one = limiter.enter(here, Some(ann)).unwrap();
    let two = limiter.enter(here, Some(ann)).unwrap();
    assert_eq!(code(&limiter.enter(here, Some(ann)).unwrap_err()), "limit-person-in-flight");
    let three = limiter.enter(here, None).unwrap();
    assert_eq!(code(&limiter.enter(here, None).unwrap_err()), "limit-address-in-flight");
    assert_eq!(limiter.in_flight(), 3, "a refusal holds no place");
    drop(one);
    let four = limiter.enter(here, Some(ann)).unwrap();
    drop((two, three, four));
    assert_eq!(limiter.in_flight(), 0);
    assert!(limiter.flights.slots.iter().all(|slot| slot.load(Ordering::Relaxed) == 0));
}

#[test]
fn the_total_is_a_wall() {
    let limiter = limiter(100, 100, 10);
    let held: Vec<InFlight> =
        (0..10).map(|host| limiter.enter(address(&format!("192.0.2.{host}")), None).unwrap()).collect();
    let refused = limiter.enter(address("192.0.2.99"), None).unwrap_err();
    assert_eq!((code(&refused), refused.decision.reasons().first().unwrap().denial.status()), ("overloaded", 503));
    drop(held);
    assert!(limiter.enter(address("192.0.2.99"), None).is_ok());
}

#[test]
fn threads_hold_no_more_than_allowed_and_leave_nothing() {
    let limiter = Arc::new(limiter(5, 5, 1000));
    let workers: Vec<_> = (0u8..8)
        .map(|_| {
            let limiter = Arc::clone(&limiter);
            std::thread::spawn(move || {
                for step in 0u32..2000 {
                    let here = IpAddr::from([192, 0, 2, u8::try_from(step % 3).unwrap()]);
                    if let Ok(flight) = limiter.enter(here, None) {
                        std::hint::black_box(&flight);
                    }
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().unwrap();
    }
    assert_eq!(limiter.in_flight(), 0);
    assert!(limiter.flights.slots.iter().all(|slot| slot.load(Ordering::Relaxed) == 0));
}

fn turned_away(limiter: &Limiter, known: bool, bound: bool) -> bool {
    let facts = CallerFacts {
        address: address("192.0.2.1"),
        person: known.then(|| PersonId::new(Timestamp::EPOCH, [1; 10])),
        client: None,
        device: bound.then(|| testudo_core::DeviceId::new(Timestamp::EPOCH, [1; 10])),
        route: None,
        template: None,
        class: RouteClass::default(),
        now_ns: 0,
    };
    limiter.admit_caller(&facts).decision.is_denied()
}

#[test]
fn strangers_are_turned_away_first() {
    let limiter = limiter(100, 100, 10);
    let who = [(false, false), (true, false), (true, true)];
    let shed = |limiter: &Limiter| who.map(|(known, bound)| turned_away(limiter, known, bound));
    let mut held = Vec::new();
    for expected in
        [(7, [false, false, false]), (8, [true, false, false]), (9, [true, true, false]), (10, [true, true, false])]
    {
        while held.len() < expected.0 {
            held.push(limiter.enter(address("192.0.2.1"), None).unwrap());
        }
        assert_eq!(shed(&limiter), expected.1, "{} in work", expected.0);
    }
}

#[test]
fn a_slow_queue_turns_strangers_away_until_it_is_fast_again() {
    let limiter = limiter(100, 100, 100);
    let (slow, slower) = (Duration::from_millis(30), Duration::from_millis(150));
    let at = |millis: u64| millis * 1_000_000;
    limiter.note_queue_delay(slow, at(1000));
    assert!(!turned_away(&limiter, false, false), "a short peak is no overload");
    limiter.note_queue_delay(slow, at(1100));
    assert!(turned_away(&limiter, false, false) && !turned_away(&limiter, true, false));
    limiter.note_queue_delay(slower, at(1200));
    assert!(turned_away(&limiter, true, false) && !turned_away(&limiter, true, true));
    limiter.note_queue_delay(Duration::from_millis(1), at(1201));
    assert!(!turned_away(&limiter, false, false));
    limiter.note_queue_delay(slow, at(1250));
    assert!(!turned_away(&limiter, false, false));
}
