//! What a notice says of an incident, out of the journal's plain part: the alert that began it, and what was done.

use std::collections::BTreeMap;
use std::time::Duration;

use testudo_core::{EventKind, Severity};
use testudo_export::notice::Notice;
use testudo_store::{JournalFilter, Plain, ReadError};

use super::outbox::Pending;
use crate::node::Node;

/// Entries that are looked at.
const MOST: usize = 5_000;
/// An incident's id is a little older than its first event.
const BEFORE: Duration = Duration::from_mins(1);
const KINDS: [EventKind; 6] = [
    EventKind::IncidentOpened,
    EventKind::IncidentChanged,
    EventKind::ResponsePerformed,
    EventKind::ResponseProposed,
    EventKind::ResponseUndone,
    EventKind::ResponseFailed,
];

/// The notice of an incident as it is now.
pub async fn incident(node: &Node, pending: &Pending) -> Result<Notice, ReadError> {
    let target = pending.incident.to_string();
    let since = Some(pending.incident.made().minus(BEFORE));
    let filter = JournalFilter { kinds: KINDS.to_vec(), since, ..JournalFilter::default() };
    let entries = node.store.read_journal(0, MOST, &filter).await?;
    let of = entries.iter().map(|entry| &entry.plain).filter(|plain| plain.target.as_deref() == Some(&target));
    let mut story = Story::default();
    of.for_each(|plain| story.hear(plain));
    let title = match story.alert {
        Some(place) => title(node, place).await?,
        None => None,
    };
    let admin = node.config().server.admin;
    let host = if admin.ip().is_loopback() { format!("localhost:{}", admin.port()) } else { admin.to_string() };
    Ok(Notice {
        id: pending.id(),
        kind: EventKind::IncidentOpened.name().to_owned(),
        at: pending.incident.made(),
        title: title.unwrap_or_else(|| "An incident needs you".into()),
        severity: story.level.unwrap_or(Severity::High),
        done: story.done(),
        link: format!("https://{host}/incidents/{target}"),
        target,
    })
}

/// The title of the alert at a place.
async fn title(node: &Node, place: u64) -> Result<Option<String>, ReadError> {
    let entries = node.store.read_journal(place, 1, &JournalFilter::default()).await?;
    let alert = entries.into_iter().find(|entry| entry.seq == place && entry.plain.kind == EventKind::AlertRaised);
    Ok(alert.and_then(|alert| alert.plain.details.get("title").cloned()))
}

#[derive(Default)]
struct Story {
    alert: Option<u64>,
    level: Option<Severity>,
    /// Actions by what became of them, with their number.
    acts: BTreeMap<(&'static str, String), u32>,
}

impl Story {
    fn hear(&mut self, plain: &Plain) {
        let fact = |name: &str| plain.details.get(name).map(String::as_str);
        if let Some(level) = fact("level").and_then(Severity::named) {
            self.level = Some(level);
        }
        if let Some(place) = fact("alert").and_then(|place| place.parse().ok()) {
            self.alert.get_or_insert(place);
        }
        let what = match plain.kind {
            EventKind::ResponsePerformed => "done",
            EventKind::ResponseProposed => "waits for an administrator",
            EventKind::ResponseUndone => "undone or over",
            EventKind::ResponseFailed => "failed",
            _ => return,
        };
        if let Some(action) = fact("action").filter(|action| *action != "notify") {
            *self.acts.entry((what, action.to_owned())).or_default() += 1;
        }
    }

    fn done(&self) -> Vec<String> {
        let line = |((what, action), count): (&(&str, String), &u32)| match count {
            1 => format!("{action}: {what}"),
            count => format!("{action}: {what} ({count} times)"),
        };
        self.acts.iter().map(line).collect()
    }
}
