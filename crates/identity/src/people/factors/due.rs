//! What a session has to show before it may change second factors.

use std::time::Duration;

use testudo_core::Timestamp;

use crate::SignedIn;
use crate::people::person::Person;

/// How fresh a sign-in must be to enrol the first factor.
pub(crate) const FRESH_SIGN_IN: Duration = Duration::from_mins(15);

/// What is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Due {
    /// It may go on.
    Nothing,
    /// A second factor: the person has one.
    Confirmation,
    /// A new sign-in.
    SignIn,
}

impl Due {
    /// The first second factor needs a fresh sign-in; every change after it a fresh second factor, so that a stolen session
    /// or a password alone can't add one.
    pub(crate) fn of(who: &SignedIn, person: &Person, now: Timestamp) -> Due {
        if person.has_second_factor() {
            return if who.has_fresh_factor(now) { Due::Nothing } else { Due::Confirmation };
        }
        if now.since(who.auth_time) > FRESH_SIGN_IN { Due::SignIn } else { Due::Nothing }
    }
}
