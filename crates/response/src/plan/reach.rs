//! The blast radius of an action: whom it would hit, and what follows from that.

#![expect(clippy::match_same_arms, reason = "each arm is a row of a table")]

use std::collections::BTreeSet;

use testudo_core::{Action, BlockTarget, LimitTarget, PersonId};

use super::{Crowd, Planner, Ruling};
use crate::{Reach, ResponseState};

impl Planner<'_> {
    /// Whom an action would hit.
    pub(super) fn reach(&self, action: &Action) -> Reach {
        let at = self.situation;
        let everyone = Crowd { people: at.active, honest: at.active };
        let one = |person: &PersonId| {
            let named = at.people.contains(person) || at.opened.contains(person) || self.is_known(*person);
            Crowd { people: 1, honest: u64::from(!named) }
        };
        let crowd = match action {
            Action::RevokePerson { person }
            | Action::LockPerson { person }
            | Action::RequireStepUp { person }
            | Action::ForcePasswordReset { person } => one(person),
            Action::RevokeSession { .. } | Action::RevokeFamily { .. } => Crowd { people: 1, honest: 0 },
            Action::Block { target: BlockTarget::Device(_), .. } => Crowd { people: 1, honest: 0 },
            Action::Block { target: BlockTarget::Network(network), .. }
            | Action::TightenLimits { target: LimitTarget::Network(network), .. } => {
                // Of an address no more is known than of its network.
                let wide = super::network_of(network.addr());
                at.crowds.get(network).or_else(|| at.crowds.get(&wide)).copied().unwrap_or_default()
            }
            Action::DisableClient { client } => at.client_crowds.get(client).copied().unwrap_or(everyone),
            Action::TightenLimits { .. } | Action::RestrictRoutes { .. } | Action::SuspendBuild { .. } => everyone,
            _ => Crowd::default(),
        };
        Reach { people: crowd.people, honest: crowd.honest, active: at.active }
    }

    fn is_known(&self, person: PersonId) -> bool {
        self.incident.known_people().any(|known| known == person)
    }

    /// Whether the machine may do it by itself.
    pub(super) fn judge(&self, action: &Action, reach: &Reach) -> Ruling {
        let radius = self.radius;
        let percent = reach.percent();
        let hit = format!("{} of {} active people ({percent} %)", reach.people, reach.active.max(reach.people));
        if let Action::Block { target: BlockTarget::Network(network), .. } = action
            && let Some(why) = self.situation.ourselves.get(network)
        {
            return Ruling::Approval(format!("it would hit ourselves: {why}"));
        }
        if shuts_out(action) && reach.people > radius.few && percent >= radius.refuse_percent {
            return Ruling::Refused(format!("it would shut out {hit}; the limit is {} %", radius.refuse_percent));
        }
        if let Action::LockPerson { person } = action
            && self.situation.administrators.contains(person)
        {
            return Ruling::Approval("it would lock an administrator out, which an attacker might want".into());
        }
        if reach.honest > radius.bystanders {
            let (honest, most) = (reach.honest, radius.bystanders);
            return Ruling::Approval(format!("it would hit {hit}, {honest} of them bystanders; the limit is {most}"));
        }
        let so_far = self.acted_on(action);
        let people = so_far + reach.people;
        if reach.people > 0 && people > radius.people {
            let most = radius.people;
            return Ruling::Approval(format!("with it the incident would act on {people} people; the limit is {most}"));
        }
        let part = Reach { people, ..*reach }.percent();
        if reach.people > 0 && people > radius.few && part > radius.approve_percent {
            let (active, most) = (reach.active.max(people), radius.approve_percent);
            return Ruling::Approval(format!(
                "with it the incident would act on {people} of {active} active people ({part} %); the limit is {most} %"
            ));
        }
        Ruling::Now
    }

    /// How many people the incident acted on so far by name, this plan included, without the one of this action.
    fn acted_on(&self, action: &Action) -> u64 {
        let done = self.incident.responses.iter().filter(|response| {
            matches!(response.state, ResponseState::Performed | ResponseState::Approved | ResponseState::Expired)
        });
        let planned = self.plan.actions.iter().filter(|planned| planned.ruling == Ruling::Now);
        let actions = done.map(|response| &response.action).chain(planned.filter_map(|one| one.action.as_ref()));
        let own = person(action);
        let people: BTreeSet<PersonId> = actions.filter_map(person).filter(|one| Some(*one) != own).collect();
        people.len() as u64
    }
}

/// The person that an action is about.
fn person(action: &Action) -> Option<PersonId> {
    match action {
        Action::RevokePerson { person }
        | Action::LockPerson { person }
        | Action::RequireStepUp { person }
        | Action::ForcePasswordReset { person } => Some(*person),
        _ => None,
    }
}

/// Whether whom it hits can do nothing any more, or must sign in again.
fn shuts_out(action: &Action) -> bool {
    !matches!(action, Action::TightenLimits { .. } | Action::RestrictRoutes { .. } | Action::RequireStepUp { .. })
}
