//! A clock that steps makes nobody forget a revocation, and a client of an old name brings nobody back.

#![allow(clippy::unwrap_used)]

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
