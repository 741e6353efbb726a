//! A clock that steps makes nobody forget a revocation.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use serde_json::json;
use testudo_core::{Event, EventKind, SessionId, Timestamp};
use testudo_store::Plain;

use super::Standing;

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
