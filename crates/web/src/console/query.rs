//! The filters of events, as they stand in the address: read strictly, written back the same.

use std::fmt::Write as _;

use testudo_core::{ClientId, Control, EventKind, Outcome, PersonId, Pseudonym, RequestId, SessionId, Timestamp};
use testudo_store::{JournalFilter, Store};

use super::when;

/// The longest code that is looked for.
const LONGEST_CODE: usize = 64;

/// Which events are wanted; what is not set does not narrow.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EventQuery {
    /// Of this kind.
    pub kind: Option<EventKind>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// Decided by this control.
    pub control: Option<Control>,
    /// For this reason.
    pub code: Option<String>,
    /// By or to this person.
    pub person: Option<PersonKey>,
    /// From this network.
    pub network: Option<Pseudonym>,
    /// From this address.
    pub address: Option<Pseudonym>,
    /// In this session.
    pub session: Option<SessionId>,
    /// In this request.
    pub request: Option<RequestId>,
    /// By this client.
    pub client: Option<ClientId>,
    /// At or after.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// Below this place of the journal: older pages.
    pub before: Option<u64>,
}

/// A person, by id or as the journal names her.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PersonKey {
    /// By id.
    Id(PersonId),
    /// By pseudonym.
    Pseudonym(Pseudonym),
}

/// A parameter that can't be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueryFault {
    /// Which.
    pub name: String,
    /// What to write instead.
    pub hint: &'static str,
}

impl EventQuery {
    /// Reads a query. What can't be used is left out and named. Empty parameters are as good as none, since forms send
    /// them.
    pub fn parse(query: &str) -> (EventQuery, Vec<QueryFault>) {
        let (mut wanted, mut faults, mut seen) = (EventQuery::default(), Vec::new(), Vec::new());
        for (name, value) in form_urlencoded::parse(query.as_bytes()).take(32) {
            let value = value.trim();
            if value.is_empty() || name == "done" {
                continue;
            }
            let fault = |hint| QueryFault { name: name.chars().take(32).collect(), hint };
            if seen.contains(&name) {
                faults.push(fault("give it once"));
                continue;
            }
            if let Err(hint) = wanted.set(&name, value) {
                faults.push(fault(hint));
            }
            seen.push(name);
        }
        (wanted, faults)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        fn read<T: std::str::FromStr>(value: &str, hint: &'static str) -> Result<Option<T>, &'static str> {
            value.parse().map(Some).map_err(|_| hint)
        }
        match name {
            "kind" => self.kind = read(value, "choose a kind of the list")?,
            "outcome" => {
                self.outcome = Some(match value {
                    "success" => Outcome::Success,
                    "failure" => Outcome::Failure,
                    _ => return Err("write `success` or `failure`"),
                });
            }
            "control" => {
                let known = Control::ALL.iter().copied().find(|control| control.name() == value);
                self.control = Some(known.ok_or("choose a control of the list")?);
            }
            "code" => {
                let plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
                if !plain || value.len() > LONGEST_CODE {
                    return Err("a code looks like `token-expired`");
                }
                self.code = Some(value.to_owned());
            }
            "person" => {
                let id = value.parse().map(PersonKey::Id).ok();
                let pseudonym = || value.parse().map(PersonKey::Pseudonym).ok();
                self.person = Some(id.or_else(pseudonym).ok_or("write an id `per_…`, or a pseudonym of 32 digits")?);
            }
            "network" => self.network = read(value, "write a pseudonym of 32 digits")?,
            "address" => self.address = read(value, "write a pseudonym of 32 digits")?,
            "session" => self.session = read(value, "write an id `ses_…`")?,
            "request" => self.request = read(value, "write an id `req_…`")?,
            "client" => self.client = read(value, "write the id of a client")?,
            "since" => self.since = Some(when::parse(value).ok_or("write a time in UTC like `2026-11-29T02:10`")?),
            "until" => self.until = Some(when::parse(value).ok_or("write a time in UTC like `2026-11-29T02:10`")?),
            "before" => self.before = read(value, "it is a place of the journal; start from the newest")?,
            _ => return Err("there is no such filter"),
        }
        Ok(())
    }

    /// The query without its place: what a link, a stream or a bookmark carries.
    pub fn filters(&self) -> String {
        let mut text = String::new();
        let mut put = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                let separator = if text.is_empty() { "" } else { "&" };
                let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
                let _ = write!(text, "{separator}{name}={value}");
            }
        };
        put("kind", self.kind.map(|kind| kind.name().to_owned()));
        let outcome = self.outcome.map(|outcome| if outcome == Outcome::Success { "success" } else { "failure" });
        put("outcome", outcome.map(str::to_owned));
        put("control", self.control.map(|control| control.name().to_owned()));
        put("code", self.code.clone());
        put("person", self.person.map(|person| person.to_string()));
        put("network", self.network.map(|network| network.to_string()));
        put("address", self.address.map(|address| address.to_string()));
        put("session", self.session.map(|session| session.to_string()));
        put("request", self.request.map(|request| request.to_string()));
        put("client", self.client.as_ref().map(|client| client.as_str().to_owned()));
        put("since", self.since.map(when::iso));
        put("until", self.until.map(when::iso));
        text
    }

    /// Whether nothing is narrowed.
    pub fn is_empty(&self) -> bool {
        EventQuery { before: None, ..self.clone() } == EventQuery::default()
    }

    /// Whether the journal's index leads to the events, other than by a kind that most of them have.
    pub(crate) fn is_indexed(&self) -> bool {
        self.person.is_some()
            || self.network.is_some()
            || self.address.is_some()
            || self.session.is_some()
            || self.request.is_some()
            || self.kind.is_some_and(|kind| kind != EventKind::RequestDecided)
    }

    /// The filter of the journal; [`EventQuery::passes`] asks for the rest.
    pub(crate) fn filter(&self, store: &Store) -> JournalFilter {
        JournalFilter {
            kinds: self.kind.into_iter().collect(),
            person: self.person.map(|person| match person {
                PersonKey::Id(id) => store.person_pseudonym(id),
                PersonKey::Pseudonym(pseudonym) => pseudonym,
            }),
            network: self.network,
            address: self.address,
            session: self.session,
            request: self.request,
            client: self.client.clone(),
            outcome: self.outcome,
            since: self.since,
            until: self.until,
            ..JournalFilter::default()
        }
    }

    /// Whether an entry passes what the journal's filter does not know.
    pub(crate) fn passes(&self, plain: &testudo_store::Plain) -> bool {
        self.control.is_none_or(|control| plain.control == Some(control))
            && self.code.as_deref().is_none_or(|code| plain.code.as_deref() == Some(code))
    }
}

impl std::fmt::Display for PersonKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PersonKey::Id(id) => id.fmt(f),
            PersonKey::Pseudonym(pseudonym) => pseudonym.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_come_back_as_they_were() {
        let text = "kind=sign-in&outcome=failure&control=authentication&code=password-wrong\
                    &network=00ff00ff00ff00ff00ff00ff00ff00ff&since=2026-11-29T02%3A10%3A00Z";
        let (query, faults) = EventQuery::parse(text);
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(query.filters(), text);
        assert!(query.is_indexed() && !query.is_empty());
        let (again, _) = EventQuery::parse(&format!("{}&before=77&done=x", query.filters()));
        assert_eq!(again, EventQuery { before: Some(77), ..query });
    }

    #[test]
    fn what_is_no_filter_is_named_and_left_out() {
        let (query, faults) = EventQuery::parse(
            "kind=nonsense&outcome=maybe&person=ada%40example.org&since=yesterday&code=%3Cb%3E&evil=1&control=&kind=sign-in",
        );
        let names: Vec<&str> = faults.iter().map(|fault| fault.name.as_str()).collect();
        assert_eq!(names, ["kind", "outcome", "person", "since", "code", "evil", "kind"]);
        assert!(query.is_empty());
    }
}
