//! What all formats draw from: the fields of a record, bounded, on one line each, masked.
//!
//! Ids, pseudonyms and names of our own stand as they are. Free text (paths, user agents, facts) passes the masker.

use std::borrow::Cow;
use std::net::IpAddr;

use testudo_core::{Event, EventKind, Outcome, Severity, Timestamp};

use crate::text::{clipped, one_line};
use crate::{Origin, Record};

/// How much of a record is written: less where a line would be too long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Room {
    /// Everything.
    All,
    /// Texts are cut to a line's width.
    Short,
    /// Texts are cut to a word's width; facts, path and user agent are left out.
    Least,
}

impl Room {
    const fn text(self) -> usize {
        match self {
            Room::All => 4_096,
            Room::Short => 80,
            Room::Least => 48,
        }
    }
}

/// Renders with as much of the record as fits into `most` bytes.
pub(crate) fn fit(
    record: &Record,
    origin: &Origin,
    most: usize,
    mut render: impl FnMut(&View<'_>) -> Vec<u8>,
) -> Vec<u8> {
    for room in [Room::All, Room::Short] {
        let bytes = render(&View::new(record, origin, room));
        if bytes.len() <= most {
            return bytes;
        }
    }
    render(&View::new(record, origin, Room::Least))
}

/// A person, as far as she may be named.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Who {
    /// Her id where personal data leave, else the pseudonym.
    pub id: String,
    /// The pseudonym, always.
    pub hash: String,
}

/// The facts of a request.
#[derive(Clone, Debug)]
pub struct HttpView<'r> {
    /// The method.
    pub method: Cow<'r, str>,
    /// The template of the route.
    pub route: Cow<'r, str>,
    /// The status, once there was an answer.
    pub status: Option<u16>,
    /// Body bytes read.
    pub bytes_in: u64,
    /// Body bytes sent.
    pub bytes_out: u64,
    /// How long it took, in microseconds.
    pub micros: u64,
    /// The path with its query, where personal data leave.
    pub path: Option<Cow<'r, str>>,
    /// The user agent, where personal data leave.
    pub agent: Option<Cow<'r, str>>,
}

/// The fields of a record.
#[derive(Debug)]
pub struct View<'r> {
    /// Where it comes from.
    pub origin: &'r Origin,
    /// The name by which a receiver knows it again.
    pub id: String,
    /// The place in the journal.
    pub seq: u64,
    /// What.
    pub kind: EventKind,
    /// When.
    pub at: Timestamp,
    /// Whether it came about.
    pub success: bool,
    /// How bad it is.
    pub severity: Severity,
    /// The control that decided.
    pub control: Option<&'static str>,
    /// The reason's code.
    pub code: Option<Cow<'r, str>>,
    /// The request.
    pub request: Option<String>,
    /// Who did it.
    pub person: Option<Who>,
    /// To whom.
    pub subject: Option<Who>,
    /// The OAuth client.
    pub client: Option<&'r str>,
    /// The session.
    pub session: Option<String>,
    /// The refresh family.
    pub family: Option<String>,
    /// The device: its id where personal data leave, else its pseudonym.
    pub device: Option<String>,
    /// The app build.
    pub build: Option<String>,
    /// The pseudonym of the address.
    pub address: Option<String>,
    /// The pseudonym of the address' /24 or /64.
    pub network: Option<String>,
    /// The address, where personal data leave.
    pub ip: Option<IpAddr>,
    /// The request's facts.
    pub http: Option<HttpView<'r>>,
    /// What it was done to.
    pub target: Option<Cow<'r, str>>,
    /// How many times.
    pub count: u32,
    /// More facts, by name.
    pub facts: Vec<(&'r str, Cow<'r, str>)>,
    /// Personal facts, where those leave.
    pub personal: Vec<(&'r str, Cow<'r, str>)>,
    /// Something was left out, because the line would have been too long.
    pub cut: bool,
}

impl<'r> View<'r> {
    fn new(record: &'r Record, origin: &'r Origin, room: Room) -> View<'r> {
        let (plain, event) = (&record.plain, record.event.as_deref());
        let own = |text: &'r str| clipped(one_line(text), room.text());
        let free = |name: &str, text: &'r str| clipped(masked(name, text, origin), room.text());
        let who = |pseudonym: Option<testudo_core::Pseudonym>, id: Option<testudo_core::PersonId>| {
            let hash = pseudonym?.to_string();
            Some(Who { id: id.map_or_else(|| hash.clone(), |id| id.to_string()), hash })
        };
        let personal = event.filter(|_| room != Room::Least);
        let http = plain.http.as_ref().map(|http| HttpView {
            method: own(&http.method),
            route: own(&http.route),
            status: (http.status != 0).then_some(http.status),
            bytes_in: http.bytes_in,
            bytes_out: http.bytes_out,
            micros: http.micros,
            path: personal.and_then(|event| event.http.as_ref()?.path.as_deref()).map(|text| free("path", text)),
            agent: personal
                .and_then(|event| event.http.as_ref()?.user_agent.as_deref())
                .map(|text| free("user-agent", text)),
        });
        let fact = |(name, value): (&'r Cow<'static, str>, &'r String)| (&**name, free(name, value));
        let facts = if room == Room::Least { Vec::new() } else { plain.details.iter().map(fact).collect() };
        View {
            origin,
            id: record.id(origin),
            seq: record.seq,
            kind: plain.kind,
            at: plain.at,
            success: plain.outcome == Outcome::Success,
            severity: severity(record),
            control: plain.control.map(testudo_core::Control::name),
            code: plain.code.as_deref().map(own),
            request: plain.request.map(|id| id.to_string()),
            person: who(plain.person, event.and_then(|event| event.actor.person)),
            subject: who(plain.subject, event.and_then(|event| event.subject)),
            client: plain.client.as_ref().map(testudo_core::ClientId::as_str),
            session: plain.session.map(|id| id.to_string()),
            family: plain.family.map(|id| id.to_string()),
            device: match event.and_then(|event| event.actor.device) {
                Some(id) => Some(id.to_string()),
                None => plain.device.map(|pseudonym| pseudonym.to_string()),
            },
            build: plain.build.map(|id| id.to_string()),
            address: plain.address.map(|pseudonym| pseudonym.to_string()),
            network: plain.network.map(|pseudonym| pseudonym.to_string()),
            ip: event.and_then(|event| event.peer).map(|peer| peer.address.to_canonical()),
            http,
            target: plain.target.as_deref().map(own),
            count: plain.count,
            facts,
            personal: personal
                .map(|event| event.personal.iter().map(|(name, value)| (&**name, own(value))).collect())
                .unwrap_or_default(),
            cut: room != Room::All,
        }
    }

    /// The fact of this name.
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.facts.iter().find(|(known, _)| *known == name).map(|(_, value)| &**value)
    }

    /// To whom it was done, else who did it.
    pub fn account(&self) -> Option<&Who> {
        self.subject.as_ref().or(self.person.as_ref())
    }

    /// `success` or `failure`.
    pub const fn outcome(&self) -> &'static str {
        if self.success { "success" } else { "failure" }
    }

    /// What happened, in a line for eyes.
    pub fn summary(&self) -> String {
        let mut text = match self.fact("title") {
            Some(title) => title.to_owned(),
            None => format!("{} {}", self.kind, self.outcome()),
        };
        if let Some(code) = &self.code {
            text = format!("{text}: {code}");
        }
        if let Some(http) = &self.http {
            text = format!("{text} {} {}", http.method, http.route);
        } else if let Some(target) = &self.target {
            text = format!("{text} ({target})");
        }
        crate::text::clip(&text, 512).into_owned()
    }
}

/// The severity as the event itself says it: some kinds carry their own.
fn severity(record: &Record) -> Severity {
    let plain = &record.plain;
    let mut event = Event::new(plain.kind, plain.at);
    event.outcome = plain.outcome;
    if let Some(level) = plain.details.get("level") {
        event.details.insert("level".into(), level.clone());
    }
    event.severity()
}

fn masked<'t>(name: &str, text: &'t str, origin: &Origin) -> Cow<'t, str> {
    match (origin.masker)(name, text) {
        Cow::Borrowed(text) => one_line(text),
        Cow::Owned(text) => Cow::Owned(one_line(&text).into_owned()),
    }
}
