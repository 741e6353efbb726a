//! Live events: the journal with filters that stand in the address, and one event with all that it says.

#![expect(clippy::struct_excessive_bools, reason = "each says one thing by itself")]

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use testudo_access::Permission;
use testudo_core::{Control, EventKind, Outcome};
use testudo_store::{Entry, JournalFilter, Opened};

use super::Console;
use super::desk::{Answer, Desk};
use super::disclosure::{Disclosure, Sight, visible};
use super::finder;
use super::layout::Layout;
use super::query::{EventQuery, QueryFault};
use super::row::{Name, Row};
use super::when::When;

/// Events on a page.
const LINES: usize = 50;

#[derive(Template)]
#[template(path = "console/events.html")]
struct Page {
    layout: Layout,
    rows: Vec<Row>,
    kinds: Vec<Choice>,
    controls: Vec<Choice>,
    outcome: &'static str,
    code: String,
    person: String,
    network: String,
    client: String,
    session: String,
    request: String,
    since: String,
    until: String,
    faults: Vec<QueryFault>,
    narrowed: bool,
    cut: bool,
    looked_to: Option<When>,
    older: Option<String>,
    newest: String,
    is_newest: bool,
    stream: String,
}

struct Choice {
    name: &'static str,
    chosen: bool,
}

pub(crate) async fn list(State(console): State<Console>, request: Request) -> Answer {
    let desk = Desk::open(&console, &request, Permission::AuditRead).await?;
    let (query, faults) = EventQuery::parse(request.uri().query().unwrap_or_default());
    let head = *console.store().head().borrow();
    let found = finder::find(console.store(), &query, LINES).await.map_err(|error| desk.unread(error))?;
    let filters = query.filters();
    let link = |more: String| match (filters.is_empty(), more.is_empty()) {
        (true, true) => "/events".to_owned(),
        (true, false) => format!("/events?{more}"),
        (false, true) => format!("/events?{filters}"),
        (false, false) => format!("/events?{filters}&{more}"),
    };
    let text = |value: Option<String>| value.unwrap_or_default();
    let page = Page {
        layout: desk.layout("Live events", "/events"),
        rows: found.entries.iter().map(Row::of).collect(),
        kinds: EventKind::ALL
            .iter()
            .map(|kind| Choice { name: kind.name(), chosen: query.kind == Some(*kind) })
            .collect(),
        controls: Control::ALL
            .iter()
            .map(|control| Choice { name: control.name(), chosen: query.control == Some(*control) })
            .collect(),
        outcome: match query.outcome {
            Some(Outcome::Success) => "success",
            Some(Outcome::Failure) => "failure",
            None => "",
        },
        code: text(query.code.clone()),
        person: text(query.person.map(|person| person.to_string())),
        network: text(query.network.map(|network| network.to_string())),
        client: text(query.client.as_ref().map(|client| client.as_str().to_owned())),
        session: text(query.session.map(|session| session.to_string())),
        request: text(query.request.map(|request| request.to_string())),
        since: text(query.since.map(super::when::iso)).trim_end_matches('Z').to_owned(),
        until: text(query.until.map(super::when::iso)).trim_end_matches('Z').to_owned(),
        faults,
        narrowed: !query.is_empty(),
        cut: found.cut,
        looked_to: found.looked_to.map(When::minute),
        older: found.next.map(|next| link(format!("before={next}"))),
        newest: link(String::new()),
        is_newest: query.before.is_none(),
        stream: format!("/events/stream?{filters}{}after={head}", if filters.is_empty() { "" } else { "&" }),
    };
    Ok(desk.page(&page))
}

#[derive(Template)]
#[template(path = "console/event.html")]
struct EventPage {
    layout: Layout,
    row: Row,
    seq: u64,
    leaf: String,
    facts: Vec<(&'static str, String)>,
    links: Vec<(&'static str, String, String)>,
    details: Vec<(String, String)>,
    personal: Vec<(String, String)>,
    has_personal: bool,
    full: bool,
    erased: bool,
    may_reveal: bool,
    action: String,
    size: u64,
}

pub(crate) async fn show(State(console): State<Console>, Path(seq): Path<u64>, request: Request) -> Answer {
    let desk = Desk::open(&console, &request, Permission::AuditRead).await?;
    let (entry, opened) = read(&desk, seq).await?;
    let page = event_page(&desk, &entry, &opened, Sight::MASKED);
    Ok(desk.page(&page))
}

pub(crate) async fn reveal(State(console): State<Console>, Path(seq): Path<u64>, request: Request) -> Answer {
    let again = format!("/events/{seq}");
    let (desk, form) = Desk::posted(&console, request, Permission::Reveal, &again, crate::form::LARGEST).await?;
    let reason = super::acts::reason(&desk, &form)?;
    let (entry, opened) = read(&desk, seq).await?;
    let disclosure =
        Disclosure::of("audit-entry", 1, Some(seq.to_string()), |sight| event_page(&desk, &entry, &opened, sight));
    let page = desk.disclose(disclosure, &reason).await?;
    Ok(desk.page(&page))
}

async fn read(desk: &Desk, seq: u64) -> Result<(Entry, Opened), Response> {
    let filter = JournalFilter { newest_below: seq.checked_add(1), ..JournalFilter::default() };
    let store = desk.console.store();
    if seq >= *store.head().borrow() {
        return Err(desk.missing("event"));
    }
    let found = store.read_journal(seq, 1, &filter).await.map_err(|error| desk.unread(error))?;
    let entry = found.into_iter().next().ok_or_else(|| desk.missing("event"))?;
    let opened = store.open_entry(&entry).await.map_err(|error| desk.unread(error))?;
    Ok((entry, opened))
}

fn event_page(desk: &Desk, entry: &Entry, opened: &Opened, sight: Sight) -> EventPage {
    let (plain, event) = (&entry.plain, &opened.event);
    let mut facts = vec![("Outcome", if plain.outcome == Outcome::Success { "success" } else { "failure" }.to_owned())];
    let mut fact = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
    fact("Control", plain.control.map(|control| control.name().to_owned()));
    fact("Code", plain.code.as_deref().map(visible));
    fact("Target", plain.target.as_deref().map(visible));
    if let Some(http) = &plain.http {
        fact("Request", Some(format!("{} {}", visible(&http.method), visible(&http.route))));
        fact("Status", (http.status > 0).then(|| http.status.to_string()));
        let micros = std::time::Duration::from_micros(http.micros);
        fact("Took", (http.micros > 0).then(|| format!("{:.1} ms", micros.as_secs_f64() * 1e3)));
        fact("Bytes in and out", Some(format!("{} and {}", http.bytes_in, http.bytes_out)));
    }
    fact("Times", (plain.count > 1).then(|| plain.count.to_string()));
    let filter = |name: &str, value: &str| format!("/events?{name}={value}");
    let mut links = Vec::new();
    let mut link = |label, name: &str, value: Option<String>| {
        links.extend(value.map(|value| (label, visible(&value), filter(name, &value))));
    };
    link("Request", "request", plain.request.map(|id| id.to_string()));
    link("Session", "session", plain.session.map(|id| id.to_string()));
    link("Client", "client", plain.client.as_ref().map(|id| id.as_str().to_owned()));
    link("Person", "person", plain.person.map(|id| id.to_string()));
    link("Done to", "person", plain.subject.map(|id| id.to_string()));
    link("Network", "network", plain.network.map(|id| id.to_string()));
    link("Address", "address", plain.address.map(|id| id.to_string()));
    if let Some(person) = plain.subject.or(plain.person) {
        links.push(("Account", Name::of(person).short, format!("/people/by/{person}")));
    }
    if let Some(request) = plain.request {
        links.push(("Why", "why this request was decided so".to_owned(), format!("/requests/{request}")));
    }
    let mut personal = Vec::new();
    let mut own = |name: &str, value: Option<String>| {
        personal.extend(value.map(|value| (name.to_owned(), sight.whole(&value))));
    };
    own("Address", event.peer.map(|peer| peer.address.to_string()));
    own("Path", event.http.as_ref().and_then(|http| http.path.clone()));
    own("User agent", event.http.as_ref().and_then(|http| http.user_agent.clone()));
    own("Device", event.actor.device.map(|device| device.to_string()));
    for (name, value) in &event.personal {
        // What rules of the firewall matched, and how it came about, has lines.
        let shown = if name.starts_with("waf-") { sight.lines(value) } else { sight.whole(value) };
        personal.push((visible(name), shown));
    }
    EventPage {
        layout: desk.layout(format!("Event {}", entry.seq), "/events"),
        row: Row::of(entry),
        seq: entry.seq,
        leaf: super::audit::hex(&entry.leaf),
        facts,
        links,
        details: plain.details.iter().map(|(name, value)| (visible(name), visible(value))).collect(),
        has_personal: !personal.is_empty(),
        personal,
        full: sight.is_full(),
        erased: opened.erased,
        may_reveal: desk.may(Permission::Reveal),
        action: format!("/events/{}/reveal", entry.seq),
        size: *desk.console.store().head().borrow(),
    }
}

/// A line alone, for the stream.
#[derive(Template)]
#[template(path = "console/row.html")]
pub(crate) struct RowFragment {
    pub(crate) row: Row,
}

impl RowFragment {
    pub(crate) fn markup(entry: &Entry) -> String {
        RowFragment { row: Row::of(entry) }.render().unwrap_or_default()
    }
}
