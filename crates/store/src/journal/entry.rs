//! Journal entries: the bytes that are hashed, and what they say.
//!
//! ```text
//! entry  = 0x01 || seq (u64 BE) || body
//! body   = sealing || plain length (u32 BE) || plain (JSON) || sealed personal part
//! sealing = 0x00                      nothing personal
//!         | 0x01 || handle (16 bytes) under the data key of a person
//!         | 0x02 || day (i64 BE)      under the key of a day
//! ```
//!
//! The handle is a random name of a person's data key, so that an entry leads to its key as long as that exists, and to
//! nothing afterwards. The personal part is bound to its plain part through the associated data.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use testudo_core::{
    Actor, BuildId, ClientId, Control, DeviceId, Event, EventKind, FamilyId, HttpFacts, Outcome, Peer, PersonId,
    Pseudonym, RequestId, SessionId, Timestamp,
};
use testudo_crypto::{Place, digest};

use crate::merkle::Hash;

const FORMAT: u8 = 1;
/// Format byte and place.
const HEAD: usize = 9;
/// The largest entry in bytes.
pub(crate) const MAX_ENTRY: usize = 512 * 1024;
/// Room for the body of most entries.
const USUAL_BODY: usize = 768;

/// What an entry says to everybody who may read the journal; nothing personal, only keyed pseudonyms.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plain {
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
    /// To whom it was done, when that is somebody else.
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
    /// The facts of the HTTP request, without path and user agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpFacts>,
    /// What it was done to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Cow<'static, str>>,
    /// How many times.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub count: u32,
    /// More facts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<Cow<'static, str>, String>,
}

impl Plain {
    /// The session in which it was done, and the one to which it was done.
    pub fn sessions(&self) -> impl Iterator<Item = SessionId> {
        let target = self.target.as_deref().and_then(|target| target.parse().ok());
        self.session.into_iter().chain(target)
    }
}

const fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
const fn is_one(count: &u32) -> bool {
    *count == 1
}

/// What is personal in an event; sealed.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Personal {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<PersonId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub more: BTreeMap<Cow<'static, str>, String>,
}

/// Under which key the personal part of an entry is sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sealing {
    /// There is none.
    Nothing,
    /// The data key with this handle.
    Person([u8; 16]),
    /// The key of this day, counted from 1970-01-01.
    Day(i64),
}

/// One entry of the journal as it was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its place.
    pub seq: u64,
    /// Its leaf hash.
    pub leaf: Hash,
    /// What everybody may read.
    pub plain: Plain,
    pub(crate) sealing: Sealing,
    pub(crate) sealed: Vec<u8>,
    /// Binds the sealed part to the plain part.
    pub(crate) binding: Hash,
}

/// An entry with its personal part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opened {
    /// The event; without its personal part when that is gone.
    pub event: Event,
    /// The personal part was sealed under a key that was destroyed.
    pub erased: bool,
}

/// Why bytes are not an entry.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum EntryError {
    #[error("the entry is cut off")]
    Short,
    #[error("the entry has format {0}, which this version does not know")]
    Format(u8),
    #[error("the entry says that it is at place {0}")]
    Place(u64),
    #[error("the plain part is not valid: {0}")]
    Plain(String),
}

/// Begins the part of an entry that does not depend on its place, to which the sealed part is to be added; and what binds
/// that to the plain part.
pub(crate) fn body(sealing: Sealing, plain: &Plain) -> serde_json::Result<(Vec<u8>, Hash)> {
    let mut body = Vec::with_capacity(USUAL_BODY);
    match sealing {
        Sealing::Nothing => body.push(0),
        Sealing::Person(handle) => {
            body.push(1);
            body.extend_from_slice(&handle);
        }
        Sealing::Day(day) => {
            body.push(2);
            body.extend_from_slice(&day.to_be_bytes());
        }
    }
    let start = body.len() + 4;
    body.extend_from_slice(&[0; 4]);
    serde_json::to_writer(&mut body, plain)?;
    let json = body.get(start..).unwrap_or_default();
    let (binding, length) = (binding(json), u32::try_from(json.len()).unwrap_or(u32::MAX));
    if let Some(before) = body.get_mut(start - 4..start) {
        before.copy_from_slice(&length.to_be_bytes());
    }
    Ok((body, binding))
}

/// Adds the entry that a body is at its place to what is there.
pub(crate) fn encode(seq: u64, body: &[u8], to: &mut Vec<u8>) {
    to.push(FORMAT);
    to.extend_from_slice(&seq.to_be_bytes());
    to.extend_from_slice(body);
}

/// What is authenticated with the personal part: a hash of the plain part.
pub(crate) fn binding(plain: &[u8]) -> Hash {
    digest::sha256(plain)
}

/// The place of the personal part for its envelope.
pub(crate) fn place(binding: &Hash) -> Place<'_> {
    Place { table: "journal", column: "personal", row: binding }
}

impl Entry {
    /// Parses the bytes of the entry at `seq`.
    pub(crate) fn parse(seq: u64, leaf: Hash, bytes: &[u8]) -> Result<Entry, EntryError> {
        let (head, rest) = bytes.split_first_chunk::<HEAD>().ok_or(EntryError::Short)?;
        let [format, place @ ..] = *head;
        if format != FORMAT {
            return Err(EntryError::Format(format));
        }
        let place = u64::from_be_bytes(place);
        if place != seq {
            return Err(EntryError::Place(place));
        }
        let (sealing, rest) = parse_sealing(rest)?;
        let (length, rest) = rest.split_first_chunk::<4>().ok_or(EntryError::Short)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| EntryError::Short)?;
        let (plain, sealed) = rest.split_at_checked(length).ok_or(EntryError::Short)?;
        let binding = binding(plain);
        let plain = serde_json::from_slice(plain).map_err(|error| EntryError::Plain(error.to_string()))?;
        Ok(Entry { seq, leaf, plain, sealing, sealed: sealed.to_vec(), binding })
    }

    /// The event with what is known of its personal part.
    pub(crate) fn event(&self, personal: Personal) -> Event {
        event(&self.plain, personal)
    }
}

/// The event of a plain part with what is known of its personal part.
pub(crate) fn event(plain: &Plain, personal: Personal) -> Event {
    let mut http = plain.http.clone();
    if let Some(http) = &mut http {
        http.path = personal.path;
        http.user_agent = personal.user_agent;
    }
    Event {
        kind: plain.kind,
        at: plain.at,
        outcome: plain.outcome,
        control: plain.control,
        code: plain.code.clone(),
        request: plain.request,
        actor: Actor {
            person: personal.person,
            client: plain.client.clone(),
            session: plain.session,
            family: plain.family,
            device: personal.device,
            build: plain.build,
        },
        peer: personal.address.map(|address| Peer { address }),
        http,
        target: plain.target.clone(),
        subject: personal.subject,
        count: plain.count,
        details: plain.details.clone(),
        personal: personal.more,
    }
}

fn parse_sealing(bytes: &[u8]) -> Result<(Sealing, &[u8]), EntryError> {
    match bytes.split_first() {
        Some((0, rest)) => Ok((Sealing::Nothing, rest)),
        Some((1, rest)) => {
            let (handle, rest) = rest.split_first_chunk::<16>().ok_or(EntryError::Short)?;
            Ok((Sealing::Person(*handle), rest))
        }
        Some((2, rest)) => {
            let (day, rest) = rest.split_first_chunk::<8>().ok_or(EntryError::Short)?;
            Ok((Sealing::Day(i64::from_be_bytes(*day)), rest))
        }
        Some((other, _)) => Err(EntryError::Format(*other)),
        None => Err(EntryError::Short),
    }
}
