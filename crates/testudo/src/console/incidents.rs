//! Incidents as the console shows them: nobody's address or name, the words of the timeline.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use testudo_core::{Action, BlockTarget, IncidentId, LimitTarget, Timestamp};
use testudo_response::{By, Happened, Incident, Response, ResponseState, State};
use testudo_web::console::{Breach, Incident as View, IncidentAction, IncidentLine, IncidentPage, Moment, Task};

use crate::node::Node;
use crate::respond::desk::DeskError;

/// How long a list is kept: many look at it, and each incident is a record of some size.
const KEPT: Duration = Duration::from_secs(1);
/// The open incidents that are read for a list.
const MOST: usize = 100;

/// The lines of the open incidents as they were read last.
#[derive(Default)]
pub struct Lines(Mutex<Option<(Instant, Vec<IncidentLine>)>>);

impl Lines {
    /// Forgets them, since one changes.
    pub fn forget(&self) {
        *self.0.lock() = None;
    }

    /// A part of the list.
    pub async fn page(
        &self,
        node: &Node,
        open: bool,
        before: Option<IncidentId>,
        limit: usize,
    ) -> Result<IncidentPage, DeskError> {
        let all_open = self.open(node).await?;
        let count = all_open.len();
        let older = |line: &IncidentLine| before.is_none_or(|before| line.id < before);
        let mut items: Vec<IncidentLine> = if open {
            all_open.into_iter().filter(older).collect()
        } else {
            let mut found = Vec::new();
            let mut after = None;
            loop {
                let page = node.incidents(None, after, MOST).await?;
                found.extend(page.items.iter().map(line).filter(older));
                after = page.next;
                if after.is_none() || found.len() > limit {
                    break found;
                }
            }
        };
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(IncidentPage { items, open: count, more })
    }

    async fn open(&self, node: &Node) -> Result<Vec<IncidentLine>, DeskError> {
        if let Some((_, lines)) = self.0.lock().as_ref().filter(|(at, _)| at.elapsed() < KEPT) {
            return Ok(lines.clone());
        }
        let mut lines = Vec::new();
        for state in [State::Open, State::Contained] {
            lines.extend(node.incidents(Some(state), None, MOST).await?.items.iter().map(line));
        }
        lines.sort_by_key(|line| std::cmp::Reverse(line.id));
        *self.0.lock() = Some((Instant::now(), lines.clone()));
        Ok(lines)
    }
}

fn line(incident: &Incident) -> IncidentLine {
    let count = |of: &dyn Fn(&Response) -> bool| incident.responses.iter().filter(|one| of(one)).count();
    IncidentLine {
        id: incident.id,
        title: incident.title.clone(),
        severity: incident.severity,
        state: incident.state.name().to_owned(),
        closed: !incident.is_open(),
        opened: incident.opened,
        changed: incident.updated,
        alerts: incident.alerts.len(),
        done: count(&|one| one.performed.is_some()),
        waiting: count(&|one| one.state == ResponseState::Proposed),
    }
}

/// The whole of it.
pub fn view(incident: &Incident, now: Timestamp) -> View {
    View {
        line: line(incident),
        detected_after: Some(incident.time_to_detect()),
        contained_after: incident.time_to_contain(),
        entities: incident.entities.iter().map(|entity| (entity.kind().to_owned(), entity.name())).collect(),
        actions: incident.responses.iter().rev().map(|response| action(incident, response)).collect(),
        timeline: incident
            .timeline
            .iter()
            .map(|event| Moment {
                at: event.at,
                text: format!("{}{}", words(&event.what), by(event.by)).replace('`', ""),
                seq: match &event.what {
                    Happened::Alerted { place, .. } => Some(*place),
                    _ => None,
                },
            })
            .collect(),
        notes: incident.notes.iter().map(|note| (note.at, who(note.by), note.text.clone())).collect(),
        tasks: incident
            .tasks
            .iter()
            .map(|task| Task { number: task.number, text: task.text.clone(), done: task.done.map(|(_, at)| at) })
            .collect(),
        breach: incident.breach.as_ref().map(|breach| Breach {
            aware: breach.aware,
            due: breach.due(),
            facts: incident
                .breach_draft(now)
                .into_iter()
                .flat_map(|draft| draft.sections)
                .map(|section| {
                    let missing = section.missing.join(" ");
                    let separator = if missing.is_empty() || section.text.is_empty() { "" } else { " " };
                    let missing = if missing.is_empty() { missing } else { format!("Missing: {missing}") };
                    (format!("{}: {}", section.article, section.title), format!("{}{separator}{missing}", section.text))
                })
                .collect(),
        }),
    }
}

fn action(incident: &Incident, response: &Response) -> IncidentAction {
    IncidentAction {
        id: response.id,
        name: response.action.name().to_owned(),
        target: target(incident, &response.action),
        state: response.state.name().to_owned(),
        note: response.outcome.as_deref().unwrap_or(&response.reason).replace('`', ""),
        at: response.performed.unwrap_or(response.planned),
        until: response.until,
        undoable: response.can_be_undone(),
        waits: response.state == ResponseState::Proposed,
    }
}

/// What an action is done to, without anybody's address.
fn target(incident: &Incident, action: &Action) -> String {
    let network = |network: &ipnet::IpNet| {
        let known = incident.networks.iter().find(|(_, known)| *known == network);
        known.map_or_else(|| super::masked(*network), |(name, _)| format!("network {}", short(&name.to_string())))
    };
    match action {
        Action::RevokeSession { session } => session.to_string(),
        Action::RevokeFamily { family } => family.to_string(),
        Action::RevokePerson { person }
        | Action::LockPerson { person }
        | Action::RequireStepUp { person }
        | Action::ForcePasswordReset { person }
        | Action::UnlockPerson { person }
        | Action::WaiveStepUp { person }
        | Action::WaivePasswordReset { person } => person.to_string(),
        Action::Block { target, .. } | Action::Unblock { target } => match target {
            BlockTarget::Network(target) => network(target),
            BlockTarget::Device(device) => device.to_string(),
        },
        Action::TightenLimits { target, .. } | Action::RestoreLimits { target } => match target {
            LimitTarget::Everyone => "everyone".to_owned(),
            LimitTarget::Network(target) => network(target),
            LimitTarget::Route(route) => route.to_string(),
        },
        Action::RestrictRoutes { path, .. } | Action::ReleaseRoutes { path } => path.to_string(),
        Action::Notify { channel, .. } => channel.to_string(),
        Action::SuspendBuild { build } | Action::ReinstateBuild { build } => build.to_string(),
        Action::DisableClient { client } | Action::EnableClient { client } => client.to_string(),
        Action::RotateSigningKey => "the signing key".to_owned(),
    }
}

fn short(name: &str) -> String {
    name.chars().take(8).collect()
}

fn who(by: By) -> String {
    match by {
        By::Machine => "the server".to_owned(),
        By::Owner => "the owner, by a command".to_owned(),
        By::Admin(person) => person.to_string(),
    }
}

fn by(by: By) -> String {
    match by {
        By::Machine => String::new(),
        other => format!(", by {}", who(other)),
    }
}

fn words(what: &Happened) -> String {
    match what {
        Happened::Opened { level } => format!("Opened, {level}"),
        Happened::Alerted { rule, level, .. } => format!("Alert of {rule}, {level}"),
        Happened::Raised { level } => format!("Raised to {level}"),
        Happened::Skipped { action, why, times, .. } => format!("Not done: {action} (× {times}): {why}"),
        Happened::Proposed { action, why, .. } => format!("Waits for an administrator: {action}: {why}"),
        Happened::Approved { .. } => "An action was approved".to_owned(),
        Happened::Declined { why, .. } => format!("An action was declined: {why}"),
        Happened::Performed { action, .. } => format!("Done: {action}"),
        Happened::Undone { action, why, .. } => format!("Undone: {action}: {why}"),
        Happened::Expired { action, .. } => format!("Time over: {action}"),
        Happened::Failed { action, why, .. } => format!("Failed: {action}: {why}"),
        Happened::Contained => "Contained: all that was planned is in force".to_owned(),
        Happened::Reopened { why } => format!("Opened again: {why}"),
        Happened::Noted => "A note was written".to_owned(),
        Happened::TaskAdded { task } => format!("Task {task} was added"),
        Happened::TaskDone { task } => format!("Task {task} was done"),
        Happened::BreachAware { due } => format!("A breach is known: the authority must know by {due}"),
        Happened::BreachReminder { hours } => format!("{hours} hours since the breach is known"),
        Happened::BreachRecorded => "The breach was entered into the register".to_owned(),
        Happened::BreachNotified => "The authority was told".to_owned(),
        Happened::Closed { verdict } => format!("Closed: {}", verdict.name()),
    }
}
