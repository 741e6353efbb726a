//! An event of our own as a line of the journal's export: the plain part as JSON.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use testudo_core::{
    BuildId, ClientId, Control, EventKind, FamilyId, HttpFacts, Outcome, Pseudonym, RequestId, SessionId, Timestamp,
};

use super::{Details, EventView, Pseudonyms};

/// The plain part of a journal entry, owned: what `detect test` and `detect replay` read back from files.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its place, if the line says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// What.
    pub kind: EventKind,
    /// When.
    pub at: Timestamp,
    /// Whether it came about.
    pub outcome: Outcome,
    /// The control that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<Control>,
    /// The reason's stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Cow<'static, str>>,
    /// The request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    /// Who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Pseudonym>,
    /// To whom it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Pseudonym>,
    /// The OAuth client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientId>,
    /// The session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The refresh family.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<FamilyId>,
    /// The device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Pseudonym>,
    /// The app build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildId>,
    /// The peer's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Pseudonym>,
    /// The peer's /24 or /64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Pseudonym>,
    /// The peer's address in plain; the journal has it sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<IpAddr>,
    /// The HTTP request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpFacts>,
    /// What it was done to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Cow<'static, str>>,
    /// How many times.
    #[serde(default = "one")]
    pub count: u32,
    /// More facts.
    #[serde(default, skip_serializing_if = "Details::is_empty")]
    pub details: Details,
    /// More facts that are personal; the journal has them sealed.
    #[serde(default, skip_serializing_if = "Details::is_empty")]
    pub personal: Details,
}

const fn one() -> u32 {
    1
}

impl Record {
    /// A success with nothing else known.
    pub fn new(kind: EventKind, at: Timestamp) -> Record {
        Record {
            seq: None,
            kind,
            at,
            outcome: Outcome::Success,
            control: None,
            code: None,
            request: None,
            person: None,
            subject: None,
            client: None,
            session: None,
            family: None,
            device: None,
            build: None,
            address: None,
            network: None,
            peer: None,
            http: None,
            target: None,
            count: 1,
            details: Details::new(),
            personal: Details::new(),
        }
    }

    /// As rules see it.
    pub fn view(&self) -> EventView<'_> {
        EventView {
            kind: self.kind,
            at: self.at,
            outcome: self.outcome,
            control: self.control,
            code: self.code.as_deref(),
            request: self.request,
            names: Pseudonyms {
                person: self.person,
                subject: self.subject,
                device: self.device,
                address: self.address,
                network: self.network,
            },
            client: self.client.as_ref(),
            session: self.session,
            family: self.family,
            build: self.build,
            peer: self.peer,
            http: self.http.as_ref(),
            target: self.target.as_deref(),
            count: self.count,
            details: Some(&self.details),
            personal: Some(&self.personal),
        }
    }
}
