//! A clock that steps makes nobody forget a revocation, and a client of an old name brings nobody back.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::time::Duration;

use serde_json::json;
use testudo_core::{Event, EventKind, SessionId, Timestamp};
use testudo_store::Plain;

use super::{Standing, StandingFacts};

const TOKEN: Duration = Duration::from_mins(61);
const MINUTE: Duration = Duration::from_mins(1);

fn now() -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000)
}

fn with_revoked_session() -> Standing {
    let standing = Standing::new(None);
    let session = SessionId::new(now(), [7; 10]);
    let plain = json!({ "kind": "session.revoked", "at": now(), "outcome": "success", "session": session, "count": 1 });
    let plain: Plain = serde_json::from_value(plain).unwrap();
    standing.state.write().apply(&Event::new(EventKind::SessionRevoked, now()), &plain);
    standing
}

fn held(standing: &Standing) -> usize {
    standing.counts().into_iter().find(|(name, _)| *name == "sessions").unwrap().1
}

#[test]
fn a_revocation_is_forgotten_when_its_tokens_are_over() {
    let standing = with_revoked_session();
    for minutes in 0..=60 {
        let passed = MINUTE * minutes;
        standing.forget(now().plus(passed), MINUTE + passed, TOKEN);
        assert_eq!(held(&standing), 1, "after {minutes} minutes");
    }
    standing.forget(now().plus(MINUTE * 62), MINUTE * 63, TOKEN);
    assert_eq!(held(&standing), 0);
}

#[test]
fn a_step_of_the_wall_clock_is_not_time_that_passed() {
    let standing = with_revoked_session();
    standing.forget(now(), MINUTE, TOKEN);
    // Three hours forth, and back: a token from before the step is valid again, and still refused.
    standing.forget(now().plus(MINUTE * 181), MINUTE * 2, TOKEN);
    assert_eq!(held(&standing), 1);
    standing.forget(now().plus(MINUTE * 2), MINUTE * 3, TOKEN);
    assert_eq!(held(&standing), 1);
    // A step back makes it stay longer.
    standing.forget(now().minus(MINUTE * 180), MINUTE * 90, TOKEN);
    assert_eq!(held(&standing), 1);
    standing.forget(now().plus(MINUTE * 91), MINUTE * 92, TOKEN);
    assert_eq!(held(&standing), 0);
}

#[test]
fn tokens_of_a_removed_client_stay_dead_when_its_name_is_given_again() {
    let standing = Standing::new(None);
    let happened = |kind: EventKind, minutes: u32| {
        let at = now().plus(MINUTE * minutes);
        let plain = json!({ "kind": kind, "at": at, "outcome": "success", "target": "app", "count": 1 });
        standing.state.write().apply(&Event::new(kind, at), &serde_json::from_value(plain).unwrap());
    };
    let refused = |minutes: u32| {
        let facts = StandingFacts {
            person: None,
            session: None,
            family: None,
            client: "app".parse().unwrap(),
            build: None,
            issued: now().plus(MINUTE * minutes),
            auth_time: Timestamp::EPOCH,
            second_factor: false,
        };
        standing.state.read().check(&facts).is_denied()
    };
    happened(EventKind::ClientCreated, 0);
    assert!(!refused(1));
    // Disabled for a while, it is the same client.
    happened(EventKind::ClientDisabled, 2);
    assert!(refused(1));
    happened(EventKind::ClientEnabled, 3);
    assert!(!refused(1));
    happened(EventKind::ClientRemoved, 4);
    happened(EventKind::ClientCreated, 5);
    assert!(refused(1), "a token of the one before");
    assert!(!refused(5) && !refused(6), "tokens of the new one");
    standing.forget(now().plus(MINUTE * 67), MINUTE, TOKEN);
    assert!(!refused(1), "it is over by itself");
    assert_eq!(held(&standing), 0);
}

mod held {
    //! What holds for a time: begun, ended, over by itself, bounded, and the same however the journal is replayed.

    use std::net::IpAddr;

    use http::{HeaderMap, Method};
    use testudo_core::{LimitTarget, Obligation};

    use super::*;
    use crate::standing::{Held, Snapshot};

    fn at(minutes: u32) -> Timestamp {
        now().plus(MINUTE * minutes)
    }

    /// Something that happened, as the journal tells it.
    fn told(
        kind: EventKind,
        minutes: u32,
        target: &str,
        network: &str,
        more: &[(&'static str, &str)],
    ) -> (Event, Plain) {
        let mut event = Event::new(kind, at(minutes)).on(target.to_owned()).detail("reason", "a test");
        if !network.is_empty() {
            event = event.personal("network", network);
        }
        for (name, value) in more {
            event = event.detail(name, *value);
        }
        let plain = json!({
            "kind": kind, "at": at(minutes), "outcome": "success", "target": target, "count": 1, "details": event.details,
        });
        (event, serde_json::from_value(plain).unwrap())
    }

    fn until(minutes: u32) -> String {
        at(minutes).micros().to_string()
    }

    fn blocked(minutes: u32, network: &str, to: u32) -> (Event, Plain) {
        told(EventKind::PeerBlocked, minutes, "", network, &[("until", &until(to))])
    }

    fn restricted(minutes: u32, path: &str, to: u32) -> (Event, Plain) {
        told(EventKind::RoutesRestricted, minutes, path, "", &[("until", &until(to))])
    }

    fn tightened(minutes: u32, target: &str, network: &str, percent: &str, to: u32) -> (Event, Plain) {
        told(EventKind::LimitsTightened, minutes, target, network, &[("until", &until(to)), ("percent", percent)])
    }

    fn apply(standing: &Standing, all: &[(Event, Plain)]) {
        let mut state = standing.state.write();
        for (event, plain) in all {
            state.apply(event, plain);
        }
        standing.publish(&state, Duration::ZERO);
    }

    /// All that is told of what holds for a time.
    fn all(standing: &Standing) -> (Vec<(ipnet::IpNet, Held)>, Vec<String>, Vec<String>) {
        let mut limits: Vec<String> = standing.tightened().iter().map(|limit| format!("{limit:?}")).collect();
        limits.sort();
        (standing.blocks(), limits, standing.restricted().iter().map(|one| format!("{one:?}")).collect())
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_block_holds_until_its_time_or_its_end() {
        let standing = Standing::new(None);
        apply(&standing, &[blocked(0, "203.0.113.7/24", 10), blocked(1, "::ffff:198.51.100.0/120", 20)]);
        let denied = |text: &str, minutes: u32| standing.check_peer(address(text), at(minutes)).is_denied();
        assert!(denied("203.0.113.200", 9) && denied("::ffff:203.0.113.1", 9) && denied("198.51.100.9", 9));
        assert!(!denied("203.0.114.1", 9) && !denied("203.0.113.200", 10));
        let decision = standing.check_peer(address("203.0.113.1"), at(9));
        assert!(decision.obligations().contains(&Obligation::RetryAfter(61)));
        apply(&standing, &[told(EventKind::PeerUnblocked, 2, "", "203.0.113.0/24", &[])]);
        assert!(!denied("203.0.113.200", 9));
        standing.forget(at(21), MINUTE, TOKEN);
        assert!(standing.blocks().is_empty());
    }

    #[test]
    fn routes_may_be_read_and_not_written() {
        let standing = Standing::new(None);
        apply(&standing, &[restricted(0, "/transfers", 10)]);
        let check = |method: &Method, path: &str, minutes: u32| {
            standing.check_route("/*", path, method, &HeaderMap::new(), at(minutes))
        };
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::CONNECT, Method::TRACE] {
            let decision = check(&method, "/transfers/7", 9);
            assert_eq!(decision.reasons().first().unwrap().code, "route-read-only", "{method}");
        }
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            assert!(!check(&method, "/transfers/7", 9).is_denied(), "{method}");
        }
        let upgrade = HeaderMap::from_iter([(http::header::UPGRADE, http::HeaderValue::from_static("websocket"))]);
        assert!(standing.check_route("/*", "/transfers", &Method::GET, &upgrade, at(9)).is_denied());
        assert!(
            !check(&Method::POST, "/accounts", 9).is_denied() && !check(&Method::POST, "/transfers", 10).is_denied()
        );
        apply(&standing, &[told(EventKind::RoutesReleased, 2, "/transfers", "", &[])]);
        assert!(!check(&Method::POST, "/transfers", 9).is_denied());
    }

    #[test]
    fn limits_are_told_what_is_tightened_and_forget_it_in_time() {
        struct Still;
        impl testudo_core::Clock for Still {
            fn now(&self) -> Timestamp {
                at(5)
            }
            fn monotonic(&self) -> Duration {
                Duration::from_secs(1)
            }
        }
        let limits = std::sync::Arc::new(testudo_limits::Tightened::default());
        let standing = Standing::new(None).telling(std::sync::Arc::clone(&limits), std::sync::Arc::new(Still));
        apply(&standing, &[tightened(0, "everyone", "", "20", 4)]);
        assert!(!limits.is_any(), "it is over");
        apply(&standing, &[tightened(0, "network", "203.0.113.0/24", "20", 9)]);
        assert!(limits.is_any());
        for odd in ["0", "100", "300", "-1", "x"] {
            apply(&standing, &[tightened(1, "/transfers", "", odd, 9)]);
        }
        assert_eq!(standing.tightened().len(), 2, "what is no share is no tightening");
        apply(&standing, &[told(EventKind::LimitsRestored, 2, "network", "203.0.113.9/24", &[])]);
        assert!(!limits.is_any());
        let target = LimitTarget::Network("203.0.113.0/24".parse().unwrap());
        assert!(standing.tightened_for(&target).is_none());
    }

    #[test]
    fn lists_are_bounded_and_what_ends_first_leaves() {
        let standing = Standing::new(None);
        for number in 0..1_001_u32 {
            apply(&standing, &[restricted(0, &format!("/path-{number}"), 10 + number)]);
        }
        let held = standing.restricted();
        assert_eq!(held.len(), 1_000);
        assert!(held.iter().all(|(path, _)| path.as_str() != "/path-0"));
    }

    #[test]
    fn a_snapshot_with_the_rest_of_the_journal_is_the_whole_journal() {
        let story = [
            blocked(0, "203.0.113.0/24", 30),
            restricted(1, "/transfers", 40),
            tightened(2, "everyone", "", "50", 50),
            blocked(3, "2001:db8::/48", 30),
            told(EventKind::PeerUnblocked, 4, "", "203.0.113.0/24", &[]),
            tightened(5, "/transfers", "", "10", 60),
            blocked(6, "203.0.113.0/24", 35),
            told(EventKind::LimitsRestored, 7, "everyone", "", &[]),
            restricted(8, "/cards", 45),
            told(EventKind::RoutesReleased, 9, "/transfers", "", &[]),
        ];
        let whole = Standing::new(None);
        apply(&whole, &story);
        assert_eq!((whole.blocks().len(), whole.tightened().len(), whole.restricted().len()), (2, 1, 1));
        for cut in 0..=story.len() {
            let (first, rest) = story.split_at(cut);
            let before = Standing::new(None);
            apply(&before, first);
            let saved = serde_json::to_string(&before.snapshot()).unwrap();
            let after = Standing::new(Some(serde_json::from_str::<Snapshot>(&saved).unwrap()));
            assert_eq!(all(&after), all(&before), "cut at {cut}");
            apply(&after, rest);
            assert_eq!(all(&after), all(&whole), "cut at {cut}");
            // At least once: what was taken in twice is the same.
            if let Some(last) = rest.last() {
                apply(&after, std::slice::from_ref(last));
                assert_eq!(all(&after), all(&whole), "the last one twice, cut at {cut}");
            }
        }
    }

    #[test]
    fn blocks_that_were_saved_without_reasons_still_hold() {
        let old = json!({ "cursor": 7, "state": { "blocks": { "203.0.113.0/24": at(10) } } });
        let standing = Standing::new(Some(serde_json::from_value(old).unwrap()));
        assert!(standing.check_peer(address("203.0.113.1"), at(9)).is_denied());
        assert_eq!(standing.blocks()[0].1.until, at(10));
    }
}
