//! Which entries a reader wants.

use testudo_core::{ClientId, EventKind, Outcome, Pseudonym, RequestId, SessionId, Timestamp};

use super::entry::Plain;

/// Which entries a reader wants; what is not set does not narrow.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct JournalFilter {
    /// One of these kinds.
    pub kinds: Vec<EventKind>,
    /// Done by or to this person.
    pub person: Option<Pseudonym>,
    /// In this request.
    pub request: Option<RequestId>,
    /// From this address.
    pub address: Option<Pseudonym>,
    /// From this network.
    pub network: Option<Pseudonym>,
    /// In this session, or done to it.
    pub session: Option<SessionId>,
    /// By this client.
    pub client: Option<ClientId>,
    /// From this device.
    pub device: Option<Pseudonym>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// At or after.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// Newest first, from below this place on (`u64::MAX` for the end); `from_seq` is then the lowest place that is
    /// wanted.
    pub newest_below: Option<u64>,
}

impl JournalFilter {
    /// Whether an entry passes.
    pub fn passes(&self, plain: &Plain) -> bool {
        let person = |person| plain.person == Some(person) || plain.subject == Some(person);
        (self.kinds.is_empty() || self.kinds.contains(&plain.kind))
            && self.person.is_none_or(person)
            && (self.request.is_none() || self.request == plain.request)
            && (self.address.is_none() || self.address == plain.address)
            && (self.network.is_none() || self.network == plain.network)
            && self.session.is_none_or(|session| plain.sessions().any(|own| own == session))
            && (self.client.is_none() || self.client == plain.client)
            && (self.device.is_none() || self.device == plain.device)
            && self.outcome.is_none_or(|outcome| outcome == plain.outcome)
            && self.since.is_none_or(|since| plain.at >= since)
            && self.until.is_none_or(|until| plain.at < until)
    }
}
