//! Shares of limits: whom they hold for, how much is left, when they end.
#![allow(clippy::unwrap_used)]

use std::net::IpAddr;

use proptest::prelude::*;
use testudo_core::{ClientId, PersonId, Timestamp};

use super::*;
use crate::rate::{Rate, Setting};
use crate::{CallerFacts, Door, Limiter, LimitsConfig, PeerFacts, RouteClass};

const SECOND: u64 = 1_000_000_000;

fn config() -> LimitsConfig {
    let set = |text: &str| text.parse::<Setting>().unwrap();
    LimitsConfig {
        address: set("100/min"),
        subnet: set("200/min"),
        person: set("50/min"),
        client: set("60/min"),
        route: set("40/min"),
        person_route: set("30/min"),
        ..LimitsConfig::default()
    }
}

fn tight(target: LimitTarget, percent: u8, until_s: u64) -> Tightening {
    Tightening { target, percent, until_ns: until_s * SECOND }
}

fn network(text: &str) -> LimitTarget {
    LimitTarget::Network(text.parse().unwrap())
}

fn limiter(tightenings: &[Tightening]) -> Limiter {
    let limiter = Limiter::new(&config(), [5; 16]).unwrap();
    limiter.tightened().replace(tightenings.iter().cloned());
    limiter
}

/// How many requests of an address pass at once.
fn peers(limiter: &Limiter, address: &str, now_s: u64) -> usize {
    let facts = PeerFacts { address: address.parse().unwrap(), now_ns: now_s * SECOND };
    (0..1000).take_while(|_| !limiter.admit_peer(&facts).decision.is_denied()).count()
}

fn tries(limiter: &Limiter, address: &str) -> usize {
    let facts = PeerFacts { address: address.parse().unwrap(), now_ns: 0 };
    (0..1000).take_while(|_| !limiter.admit_door(Door::SignIn, &facts).decision.is_denied()).count()
}

#[derive(Clone, Copy)]
struct Who<'a> {
    address: &'a str,
    person: Option<u8>,
    client: Option<&'a ClientId>,
    template: &'a str,
}

fn calls(limiter: &Limiter, who: Who<'_>) -> usize {
    let facts = CallerFacts {
        address: who.address.parse::<IpAddr>().unwrap(),
        person: who.person.map(|person| PersonId::new(Timestamp::EPOCH, [person; 10])),
        client: who.client,
        device: None,
        route: Some(u32::try_from(who.template.len()).unwrap()),
        template: Some(who.template),
        class: RouteClass::default(),
        now_ns: 0,
    };
    (0..1000).take_while(|_| !limiter.admit_caller(&facts).decision.is_denied()).count()
}

#[test]
fn a_network_has_its_share_of_what_is_its_own_and_no_more() {
    let all = limiter(&[]);
    let some = limiter(&[tight(network("203.0.113.0/24"), 20, 60)]);
    assert_eq!((peers(&all, "203.0.113.7", 0), peers(&some, "203.0.113.7", 0)), (100, 20));
    assert_eq!(peers(&some, "203.0.113.8", 0), 20, "the subnet's share is 40");
    assert_eq!(peers(&some, "203.0.113.9", 0), 0);
    assert_eq!(peers(&some, "203.0.114.7", 0), 100, "a neighbour keeps all");
    assert_eq!((tries(&all, "203.0.113.7"), tries(&some, "203.0.113.7")), (20, 4));
    assert_eq!(tries(&some, "198.51.100.1"), 20);
    let who = Who { address: "203.0.113.7", person: Some(1), client: None, template: "/a" };
    assert_eq!((calls(&all, who), calls(&some, who)), (30, 6));
    // A client is shared with honest callers: who is slowed down does not use it up faster.
    let client: ClientId = "app".parse().unwrap();
    let shared = |person| Who { person: Some(person), client: Some(&client), template: "/other", ..who };
    let (all, some) = (limiter(&[]), limiter(&[tight(network("203.0.113.0/24"), 50, 60)]));
    let used = |limiter: &Limiter| (10..20).map(|person| calls(limiter, shared(person))).sum::<usize>();
    assert_eq!((used(&all), used(&some)), (40, 40), "both end at the route's limit");
}

#[test]
fn routes_and_everyone_have_theirs() {
    let who = |person, template| Who { address: "198.51.100.1", person: Some(person), client: None, template };
    let route = limiter(&[tight(LimitTarget::Route("/transfers".into()), 50, 60)]);
    assert_eq!(calls(&route, who(1, "/transfers")), 15);
    assert_eq!(calls(&route, who(2, "/transfers")), 5, "the route's own 40 are 20");
    assert_eq!(calls(&route, who(3, "/accounts/all")), 30);
    assert_eq!(peers(&route, "198.51.100.1", 0), 100);
    let both = limiter(&[tight(LimitTarget::Everyone, 50, 60), tight(network("198.51.100.0/24"), 10, 60)]);
    assert_eq!((peers(&both, "198.51.100.1", 0), peers(&both, "203.0.113.1", 0)), (10, 50), "the stricter holds");
    assert_eq!(calls(&both, who(1, "/x")), 3);
}

#[test]
fn a_share_ends_by_itself_and_may_be_taken_back() {
    let limiter = limiter(&[tight(network("203.0.113.0/24"), 10, 5)]);
    assert!(limiter.tightened().is_any());
    assert_eq!(peers(&limiter, "203.0.113.7", 4), 10);
    // What was used stays used: ten at a tenth are as much as a hundred, one second of it is over.
    assert_eq!(peers(&limiter, "203.0.113.7", 5), 1);
    assert_eq!(peers(&limiter, "203.0.113.7", 65), 100);
    limiter.tightened().replace([tight(LimitTarget::Everyone, 1, 1000)]);
    assert_eq!(peers(&limiter, "198.51.100.7", 100), 1);
    let next = limiter.reconfigured(&config()).unwrap();
    assert_eq!(peers(&next, "198.51.101.8", 100), 1, "also under a new configuration");
    limiter.tightened().replace([]);
    assert!(!next.tightened().is_any());
    assert_eq!(peers(&next, "198.51.102.9", 100), 100);
}

#[test]
fn clothes_of_ipv6_hide_nobody() {
    let limiter = limiter(&[tight(network("::ffff:203.0.113.0/120"), 10, 60), tight(network("2001:db8::/32"), 10, 60)]);
    assert_eq!(peers(&limiter, "203.0.113.7", 0), 10);
    assert_eq!(peers(&limiter, "::ffff:203.0.113.8", 0), 10);
    assert_eq!(peers(&limiter, "2001:db8:1::1", 0), 10);
    assert_eq!(peers(&limiter, "2001:db9::1", 0), 100);
}

#[test]
fn a_refusal_says_how_much_is_allowed_and_the_headers_agree() {
    let limiter = limiter(&[tight(network("203.0.113.0/24"), 20, 60)]);
    let facts = PeerFacts { address: "203.0.113.7".parse().unwrap(), now_ns: 0 };
    let first = limiter.admit_peer(&facts);
    assert_eq!(first.rate.unwrap().rate_limit(), "\"address\";r=19;t=3");
    assert_eq!(first.rate.unwrap().policy(), "\"address\";q=20;w=60");
    assert_eq!(peers(&limiter, "203.0.113.7", 0), 19);
    let refused = limiter.admit_peer(&facts).decision;
    let reason = refused.reasons().first().unwrap();
    assert_eq!(reason.code, "limit-address");
    assert_eq!(reason.text, "of the limit `address` of 100/min only 20 % are allowed for now; try again in 3 s");
}

proptest! {
    #[test]
    fn a_share_never_allows_more_than_its_part_and_always_one(
        count in 1_u64..5000, burst in 1_u64..5000, percent in 1_u8..=100,
    ) {
        let rate = Rate::per_minute(count, burst);
        prop_assume!(60_000_000 / count >= 10);
        let limit = rate.limit();
        let tight = Share(percent).of(limit);
        let most = limit.remaining(0) * u64::from(percent) / 100;
        prop_assert!(tight.remaining(0) <= most.max(1));
        prop_assert!(tight.remaining(0) >= 1);
        prop_assert!(tight.interval * u64::from(percent) >= limit.interval * 100);
        prop_assert!(tight.span() >= limit.span());
    }
}
