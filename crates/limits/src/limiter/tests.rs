//! Limits by peer and caller: tightest first, nothing charged by a refusal, floods that leave memory and others alone.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::net::{Ipv4Addr, Ipv6Addr};

use testudo_core::{Obligation, Timestamp, Verdict};

use super::*;
use crate::config::RouteOverride;

const SECOND: u64 = 1_000_000_000;

fn config() -> LimitsConfig {
    LimitsConfig::default()
}

fn limiter(config: &LimitsConfig) -> Limiter {
    Limiter::new(config, [5; 16]).unwrap()
}

fn set(text: &str) -> Setting {
    text.parse().unwrap()
}

fn peer(text: &str, now_ns: u64) -> PeerFacts {
    PeerFacts { address: text.parse().unwrap(), now_ns }
}

fn person(number: u8) -> PersonId {
    PersonId::new(Timestamp::EPOCH, [number; 10])
}

fn caller(number: u8, route: u32, class: RouteClass, now_ns: u64) -> CallerFacts<'static> {
    CallerFacts {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        person: Some(person(number)),
        client: None,
        device: None,
        route: Some(route),
        template: None,
        class,
        now_ns,
    }
}

fn code(answer: &Answer) -> Option<String> {
    answer.decision.reasons().first().map(|reason| reason.code.to_string())
}

#[test]
fn the_tightest_limit_is_told_and_a_refusal_says_when_to_retry() {
    let limiter = limiter(&LimitsConfig { address: set("2/s"), subnet: set("3/s"), ..config() });
    let first = limiter.admit_peer(&peer("192.0.2.1", 0));
    assert_eq!(first.decision.verdict(), Verdict::Allow);
    assert_eq!(first.rate.unwrap().rate_limit(), "\"address\";r=1;t=1");
    assert!(code(&limiter.admit_peer(&peer("192.0.2.1", 0))).is_none());
    let refused = limiter.admit_peer(&peer("192.0.2.1", 0));
    assert_eq!(code(&refused).unwrap(), "limit-address");
    assert!(refused.decision.obligations().contains(&Obligation::RetryAfter(1)));
    // The refused request cost the subnet nothing: its third one is there for a neighbour.
    assert!(code(&limiter.admit_peer(&peer("192.0.2.2", 0))).is_none());
    assert_eq!(code(&limiter.admit_peer(&peer("192.0.2.3", 0))).unwrap(), "limit-subnet");
    assert!(code(&limiter.admit_peer(&peer("192.0.2.1", SECOND))).is_none());
}

#[test]
fn households_share_an_ipv6_64_and_mapped_addresses_count_as_ipv4() {
    let limiter = limiter(&LimitsConfig { address: set("1/s"), ..config() });
    assert!(code(&limiter.admit_peer(&peer("2001:db8::1", 0))).is_none());
    assert!(code(&limiter.admit_peer(&peer("2001:db8::ffff:1", 0))).is_some());
    assert!(code(&limiter.admit_peer(&peer("192.0.2.1", 0))).is_none());
    assert!(code(&limiter.admit_peer(&peer("::ffff:192.0.2.1", 0))).is_some());
}

#[test]
fn exempt_networks_are_not_counted() {
    let config = LimitsConfig { address: set("1/h"), exempt: vec!["192.0.2.0/24".parse().unwrap()], ..config() };
    let limiter = limiter(&config);
    for _ in 0..50 {
        assert!(code(&limiter.admit_peer(&peer("::ffff:192.0.2.9", 0))).is_none());
    }
    assert!(limiter.admit_peer(&peer("192.0.2.9", 0)).rate.is_none());
}

#[test]
fn people_clients_devices_and_routes_are_counted_apart() {
    let config = LimitsConfig {
        person: set("5/min"),
        person_route: set("3/min"),
        route: set("6/min"),
        client: set("8/min"),
        ..config()
    };
    let limiter = limiter(&config);
    let general = RouteClass::default();
    let outcome = |number: u8, route: u32| code(&limiter.admit_caller(&caller(number, route, general, 0)));
    assert!((0..3).all(|_| outcome(1, 7).is_none()));
    assert_eq!(outcome(1, 7).unwrap(), "limit-person-route");
    assert!((0..2).all(|_| outcome(1, 8).is_none()));
    assert_eq!(outcome(1, 9).unwrap(), "limit-person");
    assert!((0..3).all(|_| outcome(2, 7).is_none()));
    assert_eq!(outcome(3, 7).unwrap(), "limit-route");

    let (client, device): (ClientId, _) = ("app".parse().unwrap(), DeviceId::new(Timestamp::EPOCH, [1; 10]));
    let facts = |number: u8| CallerFacts { client: Some(&client), route: None, ..caller(number, 0, general, 0) };
    assert!((10..18).all(|number| code(&limiter.admit_caller(&facts(number))).is_none()));
    assert_eq!(code(&limiter.admit_caller(&facts(18))).unwrap(), "limit-client");
    let facts = |number: u8| CallerFacts { device: Some(device), route: None, ..caller(number, 0, general, 0) };
    assert!((0..100).all(|number| code(&limiter.admit_caller(&facts(100 + number))).is_none()));
    assert_eq!(code(&limiter.admit_caller(&facts(250))).unwrap(), "limit-device");
}

#[test]
fn routes_have_limits_of_their_own() {
    let item = |route: &str| RouteOverride { route: route.into(), address: None, person: None, total: None };
    let config = LimitsConfig {
        routes: vec![
            RouteOverride { person: Some(set("2/min")), ..item("POST /transfers") },
            RouteOverride { total: Some(set("9/s")), ..item("GET /rates") },
            RouteOverride { address: Some(set("1/min")), total: Some(set("off")), ..item("* /codes/{id}") },
        ],
        ..config()
    };
    let limiter = limiter(&config);
    let transfers = limiter.route_class("POST", "/transfers");
    assert_eq!(limiter.route_class("GET", "/transfers"), RouteClass::default());
    assert_eq!(limiter.route_class("HEAD", "/rates"), limiter.route_class("GET", "/rates"));
    assert_ne!(limiter.route_class("HEAD", "/rates"), RouteClass::default());
    assert_eq!(limiter.route_class("PUT", "/codes/{id}"), limiter.route_class("GET", "/codes/{id}"));
    assert!((0..2).all(|_| code(&limiter.admit_caller(&caller(1, 4, transfers, 0))).is_none()));
    assert_eq!(code(&limiter.admit_caller(&caller(1, 4, transfers, 0))).unwrap(), "limit-person-route");
    let codes = limiter.route_class("GET", "/codes/{id}");
    let stranger = CallerFacts { person: None, ..caller(0, 5, codes, 0) };
    assert!(code(&limiter.admit_caller(&stranger)).is_none());
    assert_eq!(code(&limiter.admit_caller(&stranger)).unwrap(), "limit-address-route");
    assert_eq!(
        limiter.unmatched_overrides(&[("GET", "/transfers"), ("GET", "/codes/{id}"), ("GET", "/rates")]),
        ["POST /transfers"]
    );
    assert_eq!(config.switched_off(), ["routes `* /codes/{id}` total"]);
}

#[test]
fn a_reload_keeps_debts_and_a_lower_limit_locks_nobody_out() {
    let wide = limiter(&LimitsConfig { person: set("60/min burst 600"), person_route: set("off"), ..config() });
    let general = RouteClass::default();
    for _ in 0..600 {
        assert!(code(&wide.admit_caller(&caller(1, 1, general, 0))).is_none());
    }
    let narrow = wide.reconfigured(&LimitsConfig { person: set("60/min burst 5"), ..config() }).unwrap();
    let refused = narrow.admit_caller(&caller(1, 1, general, 0));
    assert_eq!(refused.rate.unwrap().retry_after_s, 1);
    assert_eq!(narrow.table_bytes(), wide.table_bytes());
}

/// The default table, and a small one in which a million sources can't have slots of their own.
#[test]
fn a_million_ipv6_sources_neither_grow_the_table_nor_shut_out_others() {
    for (slots, address, strangers_admitted) in
        [(1u32 << 20, "100/s burst 400", 1_000_000..=1_000_000), (1 << 14, "6/min burst 6", 16_000..=1_000_000)]
    {
        let config = LimitsConfig { slots, address: set(address), subnet: set("off"), ..config() };
        let limiter = limiter(&config);
        let bytes = limiter.table_bytes();
        assert_eq!(bytes, slots as usize * 8 + slots as usize / 16 * 8 + (1 << 16) * 8);
        let honest = "198.51.100.7";
        let (mut admitted, mut served, mut asked) = (0u32, 0, 0);
        for source in 0u32..1_000_000 {
            let now_ns = u64::from(source) * 10_000;
            let mixed = source.wrapping_mul(2_654_435_761);
            let high = 0x2001_0db8_0000_0000u64 | u64::from(mixed) << 8 & 0xffff_ff00 | u64::from(source >> 24);
            let address = IpAddr::V6(Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(source)));
            admitted +=
                u32::from(limiter.admit_peer(&PeerFacts { address, now_ns }).decision.verdict() == Verdict::Allow);
            // An honest peer that keeps to its rate, every 2 s or (in the small table) every 10 s.
            if source % 1_000_000 == 0 || source % 200_000 == 0 && slots == 1 << 20 {
                asked += 1;
                served += u32::from(code(&limiter.admit_peer(&peer(honest, now_ns))).is_none());
            }
        }
        assert_eq!(limiter.table_bytes(), bytes);
        assert!(strangers_admitted.contains(&admitted), "{admitted}");
        assert_eq!(served, asked);
        // At the height of the flood: a household that was seen before, and households never seen.
        let now_ns = 10 * SECOND;
        assert!(code(&limiter.admit_peer(&peer(honest, now_ns))).is_none());
        let newcomers = (0u8..200).filter(|number| {
            let address = IpAddr::V4(Ipv4Addr::new(203, *number, 113, 9));
            code(&limiter.admit_peer(&PeerFacts { address, now_ns })).is_none()
        });
        let served = newcomers.count();
        assert!(served >= if slots == 1 << 20 { 200 } else { 100 }, "{served} of 200 newcomers");
    }
}

#[test]
fn a_full_table_counts_networks_together_and_forgets_no_debt() {
    let config = LimitsConfig { slots: 1024, address: set("1/min burst 2"), subnet: set("off"), ..config() };
    let limiter = limiter(&config);
    let address = |number: u32| IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 | number));
    // 20 networks of 256 addresses: five times what the table holds.
    let mut admitted = Vec::new();
    for number in 0..5120 {
        if code(&limiter.admit_peer(&PeerFacts { address: address(number), now_ns: 1000 })).is_none() {
            admitted.push(number);
        }
    }
    assert!(admitted.len() >= 1024 && admitted.len() < 1024 + 2 * 64 + 2 * 20, "{}", admitted.len());
    // Nobody gets more than the burst of two, whatever happened to the table meanwhile.
    let mut again = 0;
    for _ in 0..3 {
        for number in &admitted {
            again +=
                u32::from(code(&limiter.admit_peer(&PeerFacts { address: address(*number), now_ns: 2000 })).is_none());
        }
    }
    assert!(again as usize <= admitted.len() + 64, "{again}");
}
