//! Risk where tokens are made.

use std::time::Duration;

use testudo_core::{Control, ControlSet, Decision, Event, EventKind, Fault};
use testudo_detection::risk::Key;
use testudo_identity::{Acr, Context, GrantType, Pending};

use super::{decide, place_of};
use crate::node::Node;

/// A second factor answers for the way in which a person comes for so long.
const FRESH: Duration = Duration::from_mins(15);

/// What must answer before these tokens are made.
pub fn required_of_tokens(node: &Node, pending: &Pending) -> ControlSet {
    let asked = node.config().risk.enabled && pending.person().is_some();
    if asked { ControlSet::of(&[Control::Risk]) } else { ControlSet::EMPTY }
}

/// How unusual it is that these tokens are asked for in this way. In observe mode what would be asked for is reported.
pub async fn weigh_tokens(node: &Node, pending: &Pending, ctx: &Context) -> Decision {
    let config = node.config();
    let Some(person) = pending.person().filter(|_| config.risk.enabled) else { return Decision::default() };
    let name = node.store.person_pseudonym(person);
    if let Err(error) = node.risk.load(&node.store, name, person, ctx.now).await {
        tracing::warn!(%error, "what is usual for a person can't be read");
        return Decision::fault(Control::Risk, Fault::Dependency);
    }
    // A code comes out of a browser; what its person has just proven there holds wherever her client exchanges it.
    // So does a session that has just been opened or raised with a second factor, such as by who sets one up.
    let fresh = pending.acr() == Some(Acr::SecondFactor)
        && pending.auth_time().is_some_and(|proved| ctx.now.since(proved) <= FRESH);
    let shown = |session| node.risk.proven_in(name, Key::of_session(session), ctx.now);
    let proven = pending.grant() == GrantType::AuthorizationCode && (fresh || pending.session().is_some_and(shown));
    if proven {
        return Decision::allow(Control::Risk);
    }
    let place = place_of(&node.store, ctx.address, ctx.user_agent.as_deref(), pending.client());
    let Some(assessment) = node.risk.assess(name, &place, ctx.now) else {
        return Decision::fault(Control::Risk, Fault::Bug);
    };
    let decision = decide(&config.risk, &assessment, true);
    let Some(reason) = decision.reasons().first().filter(|_| config.server.observe).cloned() else { return decision };
    let event = Event::new(EventKind::RequestDecided, ctx.now).from(ctx.address).during(ctx.request);
    let mut event = event.by(pending.actor()).on("tokens").detail("observed", "would have been refused");
    event.control = Some(reason.control);
    event.code = Some(reason.code);
    if node.store.append(event).is_err() {
        node.journal.lost();
    }
    Decision::allow(Control::Risk)
}
