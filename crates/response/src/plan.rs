//! Planning: what a playbook would do about an alert, and whether it may.
//!
//! [`plan`] is a pure function of the playbooks, the alert, the incident and the [`Situation`]. Each action goes at once,
//! waits for an administrator, or is refused with the count of whom it would hit. The same input gives the same plan with
//! the same ids, and what the incident has is not planned again.

mod reach;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use testudo_core::{
    Action, Alert, BlockTarget, BuildId, ClientId, DeviceId, FamilyId, LimitTarget, PersonId, ResponseId, SessionId,
    Timestamp,
};

use crate::{By, Does, Incident, Playbook, Reach, Response, ResponseState, Select, Step, same};

/// How many people the machine may hit by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct BlastRadius {
    /// So few people may always be hit, whatever part of all they are.
    pub few: u64,
    /// More people of one incident than this wait for an administrator.
    pub people: u64,
    /// More bystanders of one action than this wait for an administrator: active people whom no alert names.
    pub bystanders: u64,
    /// A larger part of the active people than this, in per cent, waits for an administrator.
    pub approve_percent: u64,
    /// What would shut out this part of the active people, in per cent, or more is refused.
    pub refuse_percent: u64,
}

impl Default for BlastRadius {
    fn default() -> BlastRadius {
        BlastRadius { few: 10, people: 100, bystanders: 10, approve_percent: 10, refuse_percent: 50 }
    }
}

/// How many targets of one step are planned for one alert.
pub const MAX_TARGETS: usize = 100;

/// The people that come from somewhere, or through something.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Crowd {
    /// Active people.
    pub people: u64,
    /// Those of them whom no alert of the incident names.
    pub honest: u64,
}

/// What is known when a plan is made.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Situation {
    /// The people whom the alert names, or who did what its events say.
    pub people: BTreeSet<PersonId>,
    /// The people whose accounts a successful sign-in among the alert's events opened.
    pub opened: BTreeSet<PersonId>,
    /// The sessions in the alert's events.
    pub sessions: BTreeSet<SessionId>,
    /// The refresh families in the alert's events.
    pub families: BTreeSet<FamilyId>,
    /// The devices in the alert's events.
    pub devices: BTreeSet<DeviceId>,
    /// The addresses in the alert's events.
    pub addresses: BTreeSet<IpAddr>,
    /// The clients in the alert's events.
    pub clients: BTreeSet<ClientId>,
    /// The builds in the alert's events.
    pub builds: BTreeSet<BuildId>,
    /// Active people in all.
    pub active: u64,
    /// Active people by network; of networks that are not here nobody is known.
    pub crowds: BTreeMap<IpNet, Crowd>,
    /// Active people by client.
    pub client_crowds: BTreeMap<ClientId, Crowd>,
    /// Networks that hold what belongs to ourselves, such as a proxy, and why that matters: the machine blocks none of
    /// them by itself.
    pub ourselves: BTreeMap<IpNet, String>,
    /// Those of the people who are administrators.
    pub administrators: BTreeSet<PersonId>,
    /// What is in force, and until when; none: without an end.
    pub in_force: Vec<(Action, Option<Timestamp>)>,
    /// The channels by which people can be told.
    pub channels: BTreeSet<String>,
}

/// What becomes of one action.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict", content = "why")]
pub enum Ruling {
    /// It is done at once.
    Now,
    /// It waits for an administrator.
    Approval(String),
    /// It is not done, and nobody is asked: it would hit too many.
    Refused(String),
    /// There is nothing to do.
    Skipped(String),
}

/// One action of a plan.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Planned {
    /// By which playbook.
    pub playbook: String,
    /// What. None where a step comes to no action.
    pub action: Option<Action>,
    /// The action's name.
    pub name: &'static str,
    /// How long it holds.
    pub seconds: Option<u64>,
    /// Whom it hits.
    pub reach: Reach,
    /// Whether it may.
    #[serde(flatten)]
    pub ruling: Ruling,
}

/// What is to be done about one alert.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Plan {
    /// The actions, in the order of playbooks and steps.
    pub actions: Vec<Planned>,
}

/// Plans what these playbooks do about an alert. Disabled playbooks and those for other alerts do nothing.
pub fn plan(
    playbooks: &[Playbook],
    alert: &Alert,
    incident: &Incident,
    situation: &Situation,
    radius: &BlastRadius,
    now: Timestamp,
) -> Plan {
    let fits = playbooks.iter().filter(|playbook| playbook.enabled && playbook.trigger.fits(alert));
    run(fits, alert, incident, situation, radius, now)
}

/// Plans what these playbooks do about an alert, whether or not they are enabled and made for it: a person asks.
pub fn run<'a>(
    playbooks: impl IntoIterator<Item = &'a Playbook>,
    alert: &Alert,
    incident: &Incident,
    situation: &Situation,
    radius: &BlastRadius,
    now: Timestamp,
) -> Plan {
    let mut planner = Planner { alert, incident, situation, radius, now, plan: Plan::default() };
    for playbook in playbooks {
        for step in &playbook.steps {
            planner.step(playbook, step);
        }
    }
    planner.plan
}

impl Plan {
    /// The responses that it comes to: those that go at once are [`ResponseState::Approved`], those that wait
    /// [`ResponseState::Proposed`]. `ids` gives the id of the action at a place of the plan.
    pub fn responses(
        &self,
        alert: Option<u64>,
        by: By,
        reason: &str,
        wait: Duration,
        now: Timestamp,
        ids: impl Fn(usize) -> ResponseId,
    ) -> Vec<Response> {
        let response = |(place, planned): (usize, &Planned)| {
            let action = planned.action.clone()?;
            let (state, reason, until) = match &planned.ruling {
                Ruling::Now => (ResponseState::Approved, reason.to_owned(), None),
                Ruling::Approval(why) => (ResponseState::Proposed, why.clone(), Some(now.plus(wait))),
                Ruling::Refused(_) | Ruling::Skipped(_) => return None,
            };
            Some(Response {
                id: ids(place),
                state,
                undo: action.undo(),
                action,
                playbook: planned.playbook.clone(),
                alert,
                reach: planned.reach,
                reason,
                by,
                approved: None,
                planned: now,
                performed: None,
                seconds: planned.seconds,
                until,
                ended: None,
                ended_by: None,
                outcome: None,
            })
        };
        self.actions.iter().enumerate().filter_map(response).collect()
    }

    /// What is not done, by playbook, action and reason, with how many actions that was.
    pub fn not_done(&self) -> BTreeMap<(String, &'static str, String), u64> {
        let mut not_done = BTreeMap::new();
        for planned in &self.actions {
            if let Ruling::Refused(why) | Ruling::Skipped(why) = &planned.ruling {
                *not_done.entry((planned.playbook.clone(), planned.name, why.clone())).or_default() += 1;
            }
        }
        not_done
    }
}

struct Planner<'a> {
    alert: &'a Alert,
    incident: &'a Incident,
    situation: &'a Situation,
    radius: &'a BlastRadius,
    now: Timestamp,
    plan: Plan,
}

impl Planner<'_> {
    fn step(&mut self, playbook: &Playbook, step: &Step) {
        let name = step.does.name();
        let nothing = |ruling| Planned {
            playbook: playbook.id.clone(),
            action: None,
            name,
            seconds: None,
            reach: Reach::default(),
            ruling,
        };
        if let Some(why) = self.unmet(step) {
            self.plan.actions.push(nothing(Ruling::Skipped(why)));
            return;
        }
        if step.select == Some(Select::Everyone) && !matches!(step.does, Does::TightenLimits { .. }) {
            let active = self.situation.active;
            let why = format!("it would hit everyone: {active} active people, and all others");
            let reach = Reach { people: active, honest: active, active };
            self.plan.actions.push(Planned { reach, ..nothing(Ruling::Refused(why)) });
            return;
        }
        let actions = self.actions(step);
        if actions.is_empty() {
            let select = step.select.map_or("target", Select::name);
            self.plan.actions.push(nothing(Ruling::Skipped(format!("the alert's events name no {select}"))));
        }
        let left_out = actions.len().saturating_sub(MAX_TARGETS);
        for action in actions.into_iter().take(MAX_TARGETS) {
            let reach = self.reach(&action);
            let ruling = self.rule(step, &action, &reach);
            let seconds = step.lasts.and_then(crate::Lasts::duration).map(|duration| duration.as_secs());
            self.plan.actions.push(Planned {
                playbook: playbook.id.clone(),
                action: Some(action),
                name,
                seconds,
                reach,
                ruling,
            });
        }
        if left_out > 0 {
            let why = format!("{left_out} more targets than the {MAX_TARGETS} that one alert may lead to");
            self.plan.actions.push(nothing(Ruling::Refused(why)));
        }
    }

    /// The condition that the alert does not meet.
    fn unmet(&self, step: &Step) -> Option<String> {
        let when = &step.when;
        if let Some(level) = when.level.filter(|level| self.alert.level < *level) {
            return Some(format!("the alert is {}, and only {level} ones count here", self.alert.level));
        }
        if let Some(least) = when.events_at_least.filter(|least| self.alert.count < *least) {
            return Some(format!("the alert counts {} events, and {least} are asked for", self.alert.count));
        }
        let opened = self.situation.opened.len() as u64;
        if let Some(least) = when.opened_at_least.filter(|least| opened < *least) {
            return Some(format!("{opened} accounts were opened, and {least} are asked for"));
        }
        match &step.does {
            Does::Notify { channel } if !self.situation.channels.contains(channel) => {
                Some(format!("no channel `{channel}` is configured"))
            }
            _ => None,
        }
    }

    /// The actions that a step comes to, in the order of their targets.
    fn actions(&self, step: &Step) -> Vec<Action> {
        let at = self.situation;
        let lasts = step.lasts.and_then(crate::Lasts::duration).unwrap_or_default();
        let people = || match step.select {
            Some(Select::OpenedAccounts) => at.opened.iter().copied(),
            _ => at.people.iter().copied(),
        };
        let networks = || -> Vec<IpNet> {
            let hosts = || at.addresses.iter().map(|address| IpNet::from(*address));
            match step.select {
                Some(Select::Networks) => {
                    let wide = at.addresses.iter().map(|address| network_of(*address));
                    wide.collect::<BTreeSet<_>>().into_iter().collect()
                }
                Some(Select::Addresses) => hosts().collect(),
                _ => Vec::new(),
            }
        };
        match &step.does {
            Does::RevokeSession => {
                at.sessions.iter().map(|session| Action::RevokeSession { session: *session }).collect()
            }
            Does::RevokeFamily => at.families.iter().map(|family| Action::RevokeFamily { family: *family }).collect(),
            Does::RevokePerson => people().map(|person| Action::RevokePerson { person }).collect(),
            Does::LockPerson => people().map(|person| Action::LockPerson { person }).collect(),
            Does::RequireStepUp => people().map(|person| Action::RequireStepUp { person }).collect(),
            Does::ForcePasswordReset => people().map(|person| Action::ForcePasswordReset { person }).collect(),
            Does::Block if step.select == Some(Select::Devices) => {
                let block = |device: &DeviceId| Action::Block { target: BlockTarget::Device(*device), duration: lasts };
                at.devices.iter().map(block).collect()
            }
            Does::Block => {
                let block = |network| Action::Block { target: BlockTarget::Network(network), duration: lasts };
                networks().into_iter().map(block).collect()
            }
            Does::TightenLimits { percent, route } => {
                let target = |target| Action::TightenLimits { target, percent: *percent, duration: lasts };
                match (route, step.select) {
                    (Some(route), _) => vec![target(LimitTarget::Route(route.as_str().into()))],
                    (None, Some(Select::Everyone)) => vec![target(LimitTarget::Everyone)],
                    (None, _) => networks().into_iter().map(|network| target(LimitTarget::Network(network))).collect(),
                }
            }
            Does::RestrictRoutes { path } => {
                vec![Action::RestrictRoutes { path: path.as_str().into(), duration: lasts }]
            }
            Does::DisableClient => {
                at.clients.iter().map(|client| Action::DisableClient { client: client.clone() }).collect()
            }
            Does::SuspendBuild => at.builds.iter().map(|build| Action::SuspendBuild { build: *build }).collect(),
            Does::RotateSigningKey => vec![Action::RotateSigningKey],
            Does::Notify { channel } => {
                vec![Action::Notify { channel: channel.as_str().into(), incident: self.incident.id }]
            }
        }
    }

    fn rule(&self, step: &Step, action: &Action, reach: &Reach) -> Ruling {
        if let Some(most) = step.when.bystanders_at_most.filter(|most| reach.honest > *most) {
            return Ruling::Skipped(format!("it would hit {} bystanders, and at most {most} may be", reach.honest));
        }
        if self.plan.actions.iter().any(|planned| planned.is_to_be() && planned.is_for(action)) {
            return Ruling::Skipped("the same is planned already".into());
        }
        if self.vetoed(action) {
            return Ruling::Skipped("a person undid or declined the same in this incident".into());
        }
        if let Some(why) = self.holds(action, step) {
            return Ruling::Skipped(why);
        }
        self.judge(action, reach)
    }

    /// A person who took something back, or refused it, is not overruled by the next alert.
    fn vetoed(&self, action: &Action) -> bool {
        let against = |response: &&Response| {
            let person = response.ended_by.is_some_and(|by| by != By::Machine);
            person && matches!(response.state, ResponseState::Undone | ResponseState::Declined)
        };
        self.incident.responses.iter().filter(against).any(|response| response.is_for(action))
    }

    /// Why there is no need: it is in force for long enough, it waits already, or people were told a moment ago.
    fn holds(&self, action: &Action, step: &Step) -> Option<String> {
        let own = || self.incident.responses.iter().filter(|response| response.is_for(action));
        if own().any(|response| response.state == ResponseState::Proposed) {
            return Some("the same waits for an administrator".into());
        }
        if matches!(action, Action::Notify { .. }) {
            let told = |one: &Response| one.performed.is_some_and(|at| self.now.since(at) < NOTIFY_AGAIN);
            return own().any(told).then(|| "the same channel was told within the last ten minutes".into());
        }
        if matches!(action, Action::RequireStepUp { .. }) {
            // It asks for a factor that is fresher than now: what was asked for before is no answer to what came after.
            return None;
        }
        let wanted = step.lasts.and_then(crate::Lasts::duration).map(|duration| self.now.plus(duration));
        let enough = |until: &Option<Timestamp>| match (until, wanted) {
            (None, _) => true,
            (Some(_), None) => false,
            // What is extended for each alert of a series is written for each alert of it: half of the time is enough.
            (Some(until), Some(wanted)) => until.since(self.now) * 2 >= wanted.since(self.now),
        };
        let weaker = |held: &Action| match (held, action) {
            (Action::TightenLimits { percent: held, .. }, Action::TightenLimits { percent, .. }) => held > percent,
            _ => false,
        };
        let held = |(held, until): &&(Action, Option<Timestamp>)| same(held, action) && enough(until) && !weaker(held);
        let (_, until) = self.situation.in_force.iter().find(held)?;
        Some(match until {
            Some(_) => "it is in force for long enough".into(),
            None => "it is in force".into(),
        })
    }
}

/// Within which the same channel is not told of the same incident again.
const NOTIFY_AGAIN: Duration = Duration::from_mins(10);

impl Planned {
    /// Whether it is done, now or once it is approved.
    pub fn is_to_be(&self) -> bool {
        matches!(self.ruling, Ruling::Now | Ruling::Approval(_))
    }

    fn is_for(&self, action: &Action) -> bool {
        self.action.as_ref().is_some_and(|own| same(own, action))
    }
}

/// The /24 of an address, or its /64.
pub fn network_of(address: IpAddr) -> IpNet {
    let length = if address.is_ipv4() { 24 } else { 64 };
    IpNet::new(address, length).map_or_else(|_| IpNet::from(address), |network| network.trunc())
}

#[cfg(test)]
mod tests;
