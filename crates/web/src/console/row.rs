//! An entry of the journal as a line of a list.

use testudo_core::{Control, EventKind, Outcome, Pseudonym, Severity};
use testudo_store::{Entry, Plain};

use super::disclosure::visible;
use super::when::{When, number};

/// A line.
pub(crate) struct Row {
    pub(crate) seq: u64,
    pub(crate) at: When,
    pub(crate) kind: &'static str,
    /// `allowed`, `refused`, `alert` or `noted`.
    pub(crate) tone: &'static str,
    /// What happened, in a word.
    pub(crate) verdict: &'static str,
    pub(crate) what: String,
    pub(crate) code: String,
    pub(crate) control: &'static str,
    pub(crate) person: Option<Name>,
    pub(crate) network: Option<Name>,
    pub(crate) request: Option<String>,
    pub(crate) times: Option<String>,
}

/// A pseudonym: the first digits to read, all of them to follow.
pub(crate) struct Name {
    pub(crate) short: String,
    pub(crate) full: String,
}

impl Name {
    pub(crate) fn of(pseudonym: Pseudonym) -> Name {
        let full = pseudonym.to_string();
        Name { short: full.chars().take(8).collect(), full }
    }
}

impl Row {
    pub(crate) fn of(entry: &Entry) -> Row {
        let plain = &entry.plain;
        let tone = tone(plain);
        Row {
            seq: entry.seq,
            at: When::exact(plain.at),
            kind: plain.kind.name(),
            tone,
            verdict: match (tone, plain.kind) {
                ("refused", _) => "refused",
                ("alert", _) => "alert",
                (_, EventKind::RequestDecided) => "allowed",
                _ => "done",
            },
            what: what(plain),
            code: plain.code.as_deref().map(visible).unwrap_or_default(),
            control: plain.control.map_or("", Control::name),
            person: plain.subject.or(plain.person).map(Name::of),
            network: plain.network.map(Name::of),
            request: plain.request.map(|request| request.to_string()),
            times: (plain.count > 1).then(|| number(u64::from(plain.count))),
        }
    }
}

fn tone(plain: &Plain) -> &'static str {
    match (plain.kind, plain.outcome) {
        (EventKind::AlertRaised | EventKind::IncidentOpened | EventKind::BreachAware, _) => "alert",
        (_, Outcome::Failure) => "refused",
        (EventKind::RequestDecided, _) => "allowed",
        (kind, _) if kind.severity() >= Severity::Medium => "noted",
        _ => "allowed",
    }
}

/// What it was about: the route, the target, or the title of an alert.
pub(crate) fn what(plain: &Plain) -> String {
    if let Some(http) = &plain.http {
        let status = if http.status == 0 { String::new() } else { format!(" → {}", http.status) };
        return format!("{} {}{status}", visible(&http.method), visible(&http.route));
    }
    let title = plain.details.get("title").or_else(|| plain.details.get("act")).map(|title| visible(title));
    match (title, plain.target.as_deref()) {
        (Some(title), _) => title,
        (None, Some(target)) => visible(target),
        (None, None) => String::new(),
    }
}
