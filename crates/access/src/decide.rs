//! From what policies say to a decision.

use std::borrow::Cow;

use testudo_core::{Control, Decision, Denial, Fault, Obligation};

use crate::slice::Outcome;
use crate::source::Named;

/// The strength of a sign-in with a second factor.
const SECOND_FACTOR: &str = "urn:testudo:acr:2";

/// The decision for an outcome; none means that policies could not be asked. Fail closed: a policy that can't be
/// evaluated is a fault, whatever the others say.
pub(crate) fn decide(outcome: Option<&Outcome>, policies: &[Named], stranger: bool) -> Decision {
    let Some(outcome) = outcome else { return Decision::fault(Control::Authorization, Fault::Bug) };
    let decision = match (outcome.allowed, outcome.determining.is_empty()) {
        (true, _) => Decision::allow(Control::Authorization),
        (false, true) if stranger => {
            deny(Denial::Unauthenticated, "no policy permits this to strangers; sign in".into())
        }
        (false, true) => deny(Denial::Forbidden, "no policy permits this".into()),
        (false, false) => forbidden(outcome, policies),
    };
    if outcome.errors.is_empty() { decision } else { decision.and(Decision::fault(Control::Authorization, Fault::Bug)) }
}

fn forbidden(outcome: &Outcome, policies: &[Named]) -> Decision {
    let determining = || outcome.determining.iter().filter_map(|index| policies.get(*index));
    let ids = determining().map(|named| format!("`{}`", named.policy.id())).collect::<Vec<_>>().join(", ");
    let mut text = match outcome.determining.len() {
        1 => format!("policy {ids} forbids this"),
        _ => format!("policies {ids} forbid this"),
    };
    let texts: Vec<&str> = determining().filter_map(|named| named.note.text.as_deref()).collect();
    if !texts.is_empty() {
        text = format!("{text}: {}", texts.join("; "));
    }
    if determining().all(|named| named.note.step_up) {
        let text = format!("{text}; show a second factor");
        let challenge = Decision::challenge(Control::Mfa, Denial::StepUp, "step-up-required", text);
        return Decision::allow(Control::Authorization)
            .and(challenge)
            .oblige(Obligation::StepUp(Cow::Borrowed(SECOND_FACTOR)));
    }
    deny(Denial::Forbidden, text)
}

fn deny(denial: Denial, text: String) -> Decision {
    Decision::deny(Control::Authorization, denial, "policy-denied", text)
}
