//! Which incident an alert belongs to.
//!
//! Alerts belong together when they name the same person, session or device within hours, or the same network, client
//! or build within an hour. Alerts that name nobody, such as a storm from everywhere, join what is in the same stage of
//! the kill chain at the moment.

use std::time::Duration;

use testudo_core::{Alert, IncidentId, Timestamp};

use crate::{Entity, Incident};

/// Within which alerts about the same person, session or device belong together.
pub const NARROW_WINDOW: Duration = Duration::from_hours(6);
/// Within which alerts about the same network, client or build belong together.
pub const WIDE_WINDOW: Duration = Duration::from_hours(1);
/// Within which alerts that name nobody join what is going on.
pub const NAMELESS_WINDOW: Duration = Duration::from_mins(15);

/// How an alert belongs to incidents.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Belongs {
    /// The one that it joins. None: it opens a new one.
    pub joins: Option<IncidentId>,
    /// The one that would take it if it were not full.
    pub continues: Option<IncidentId>,
    /// Others that share somebody or something with it.
    pub related: Vec<IncidentId>,
}

/// Finds the incident of an alert among those that are open. `entities` are the alert's own and those that were found in
/// its events.
pub fn belongs(alert: &Alert, entities: &[Entity], incidents: &[&Incident], now: Timestamp) -> Belongs {
    let mut found: Vec<(u8, &Incident)> = incidents
        .iter()
        .copied()
        .filter(|one| one.is_open())
        .filter_map(|one| Some((tie(alert, entities, one, now)?, one)))
        .collect();
    // The strongest tie first, then the incident in which something happened last.
    found.sort_by_key(|(tie, one)| (std::cmp::Reverse(*tie), std::cmp::Reverse((one.updated, one.id))));
    let joins = found.iter().find(|(_, one)| !one.is_full()).map(|(_, one)| one.id);
    let continues = if joins.is_none() { found.first().map(|(_, one)| one.id) } else { None };
    let others = found.iter().map(|(_, one)| one.id).filter(|id| Some(*id) != joins);
    Belongs { joins, continues, related: others.take(Incident::MAX_RELATED).collect() }
}

/// How strongly an alert is tied to an incident.
fn tie(alert: &Alert, entities: &[Entity], incident: &Incident, now: Timestamp) -> Option<u8> {
    let age = now.since(incident.updated);
    let shared = || entities.iter().filter(|entity| incident.entities.contains(entity));
    if age <= NARROW_WINDOW && shared().any(Entity::is_narrow) {
        return Some(3);
    }
    if age <= WIDE_WINDOW && shared().next().is_some() {
        return Some(2);
    }
    let nameless = alert.group.is_empty() || incident.alerts.iter().all(|one| one.alert.group.is_empty());
    (nameless && age <= NAMELESS_WINDOW && same_stage(alert, incident)).then_some(1)
}

/// Whether the alert is of a rule of the incident, or in a tactic that follows or is one of it.
fn same_stage(alert: &Alert, incident: &Incident) -> bool {
    let stage = stages(alert).min();
    incident.alerts.iter().any(|one| {
        one.alert.rule == alert.rule
            || stage.is_some_and(|stage| stages(&one.alert).any(|own| own == stage || own + 1 == stage))
    })
}

/// The places of an alert's tactics in the kill chain.
fn stages(alert: &Alert) -> impl Iterator<Item = usize> {
    const CHAIN: [&str; 8] = [
        "reconnaissance",
        "credential-access",
        "initial-access",
        "persistence",
        "privilege-escalation",
        "collection",
        "exfiltration",
        "impact",
    ];
    alert.tags.iter().filter_map(|tag| {
        let tactic = tag.strip_prefix("attack.")?;
        CHAIN.iter().position(|name| *name == tactic)
    })
}

#[cfg(test)]
mod tests;
