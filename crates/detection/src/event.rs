//! What rules look at: an event of our own, read through its field names in three vocabularies, or one from JSON.

pub(crate) mod json;
mod native;
mod record;
pub(crate) mod value;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use testudo_core::{
    BuildId, ClientId, Control, Event, EventKind, FamilyId, HttpFacts, Outcome, Pseudonym, RequestId, SessionId,
    Timestamp,
};

pub use native::native_fields;
pub(crate) use native::{Native, each_text};
pub use record::Record;

use crate::LogSource;

/// More facts by name.
pub type Details = BTreeMap<Cow<'static, str>, String>;

/// The pseudonyms that the journal gave to an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pseudonyms {
    /// Who did it.
    pub person: Option<Pseudonym>,
    /// To whom it was done, when that is somebody else.
    pub subject: Option<Pseudonym>,
    /// The device.
    pub device: Option<Pseudonym>,
    /// The peer's address.
    pub address: Option<Pseudonym>,
    /// The peer's /24 or /64.
    pub network: Option<Pseudonym>,
}

/// An event of our own as rules see it. It borrows everything, so that making one costs nothing; `testudo` fills it from
/// the plain part of a journal entry, and from the opened personal part where rules may see that.
#[derive(Clone, Copy, Debug)]
pub struct EventView<'e> {
    /// What.
    pub kind: EventKind,
    /// When.
    pub at: Timestamp,
    /// Whether it came about.
    pub outcome: Outcome,
    /// The control that decided.
    pub control: Option<Control>,
    /// The reason's stable code.
    pub code: Option<&'e str>,
    /// The request.
    pub request: Option<RequestId>,
    /// The pseudonyms.
    pub names: Pseudonyms,
    /// The OAuth client.
    pub client: Option<&'e ClientId>,
    /// The session.
    pub session: Option<SessionId>,
    /// The refresh family.
    pub family: Option<FamilyId>,
    /// The app build.
    pub build: Option<BuildId>,
    /// The peer's address in plain, where rules may see it.
    pub peer: Option<IpAddr>,
    /// The facts of the HTTP request; path and user agent only where rules may see them.
    pub http: Option<&'e HttpFacts>,
    /// What it was done to.
    pub target: Option<&'e str>,
    /// How many times.
    pub count: u32,
    /// More facts.
    pub details: Option<&'e Details>,
    /// More facts that are personal, where rules may see them.
    pub personal: Option<&'e Details>,
}

impl<'e> EventView<'e> {
    /// All of an event, with its personal part.
    pub fn of(event: &'e Event, names: Pseudonyms) -> EventView<'e> {
        EventView {
            kind: event.kind,
            at: event.at,
            outcome: event.outcome,
            control: event.control,
            code: event.code.as_deref(),
            request: event.request,
            names,
            client: event.actor.client.as_ref(),
            session: event.actor.session,
            family: event.actor.family,
            build: event.actor.build,
            peer: event.peer.map(|peer| peer.address),
            http: event.http.as_ref(),
            target: event.target.as_deref(),
            count: event.count,
            details: Some(&event.details),
            personal: Some(&event.personal),
        }
    }

    /// Where Sigma says that it comes from: product `testudo`, with the category of its kind.
    pub fn source(&self) -> LogSource {
        own_source(self.kind.sigma_category())
    }
}

/// Whether our own events have a field of this name.
pub(crate) fn is_native(name: &str) -> bool {
    Native::of(name).is_some()
}

/// The log source of our own events of a category.
pub(crate) fn own_source(category: &str) -> LogSource {
    LogSource { category: Some(category.to_owned()), product: Some("testudo".to_owned()), service: None }
}

/// The categories of our own events.
pub(crate) const OWN_CATEGORIES: [&str; 3] = ["webserver", "authentication", "application"];
