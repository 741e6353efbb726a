//! A transaction: one request with its response, phase by phase.
//!
//! Its caller feeds what it learns, in order, and asks after each phase whether something must happen instead of going
//! on. A transaction opens no file and no socket and reads no clock.

mod act;
mod body;
mod evaluate;
mod expand;
mod explain;
mod json;
pub(crate) mod lanes;
mod record;
mod request;
pub(crate) mod state;
mod tape;
mod time;
mod xml;

use std::sync::Arc;

use testudo_core::{Proven, Timestamp};

pub use evaluate::BUDGET_RULE;
pub use explain::{Step, Trace};
pub use record::{Hit, Intervention, Match};
pub use request::RequestLine;
pub use tape::{Difference, Tape};

use self::body::{Body, Taken};
use self::lanes::{Item, Place};
use self::request::until;
use self::state::State;
use self::tape::Call;
use crate::ruleset::RuleSet;
use crate::ruleset::view::Lane;
use crate::seclang::{LimitAction, Mode, Processor, Variable};
use crate::waf::Waf;

/// The id under which a body is refused that is larger than its limit.
pub const LIMIT_RULE: u64 = 199_001;

/// Who talks to whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Connection<'a> {
    /// The peer's address.
    pub client: &'a str,
    /// Its port.
    pub client_port: u16,
    /// Our address.
    pub server: &'a str,
    /// Our port.
    pub server_port: u16,
}

/// What is known to be harmless of a request's head.
#[derive(Clone, Copy, Debug, Default)]
pub struct HarmlessHead<'a> {
    /// The path.
    pub path: bool,
    /// Values in the query, by their place in it, as written.
    pub query: &'a [Proven],
    /// All of the query.
    pub whole_query: bool,
    /// Headers, by name in lower case.
    pub headers: &'a [Arc<str>],
    /// Cookies, by name.
    pub cookies: &'a [Arc<str>],
}

/// The parts of a transaction that are used again.
#[derive(Debug)]
pub(crate) struct Buffers {
    pub(crate) state: State,
    request: Body,
    response: Body,
}

impl Buffers {
    pub(crate) fn new(set: &RuleSet) -> Buffers {
        Buffers { state: State::new(set), request: Body::default(), response: Body::default() }
    }
}

/// One request with its response.
#[derive(Debug)]
pub struct Transaction {
    waf: Arc<Waf>,
    set: Arc<RuleSet>,
    /// Always there until it is dropped.
    buffers: Option<Box<Buffers>>,
    /// What it was told, where that is kept.
    pub(crate) tape: Option<Box<Tape>>,
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(buffers) = self.buffers.take() {
            self.waf.give_back(buffers);
        }
    }
}

impl Transaction {
    pub(crate) fn begin(
        waf: Arc<Waf>,
        set: Arc<RuleSet>,
        mut buffers: Box<Buffers>,
        connection: &Connection<'_>,
        id: &str,
        now: Timestamp,
        profile: Option<usize>,
    ) -> Transaction {
        let state = &mut buffers.state;
        state.begin(&set);
        state.budget = waf.options().budget;
        state.json_in_arguments = waf.options().json_in_arguments;
        state.set(Variable::RemoteAddr, connection.client.as_bytes());
        state.set(Variable::ServerAddr, connection.server.as_bytes());
        for (variable, port) in
            [(Variable::RemotePort, connection.client_port), (Variable::ServerPort, connection.server_port)]
        {
            if set.reads(variable) {
                state.set_number(variable, usize::from(port));
            }
        }
        state.set(Variable::UniqueId, id.as_bytes());
        if set.reads(Variable::WebAppId) {
            state.set(Variable::WebAppId, set.settings.web_app.as_bytes());
        }
        if set.reads(Variable::ModsecBuild) {
            state.set(Variable::ModsecBuild, b"030000");
        }
        tell_time(state, &set, now);
        buffers.request.clear();
        if let Some(profile) = profile.and_then(|number| set.profiles.get(number)) {
            state.mode = profile.mode.unwrap_or(state.mode);
            profile.effects.iter().for_each(|effect| state.apply(&set, effect));
        }
        buffers.request.clear();
        buffers.response.clear();
        Transaction { waf, set, buffers: Some(buffers), tape: None }
    }

    fn with<T>(&mut self, run: impl FnOnce(&mut Buffers, &RuleSet) -> T) -> Option<T> {
        let set = &*self.set;
        self.buffers.as_deref_mut().map(|buffers| run(buffers, set))
    }

    /// Keeps what it was told, where that is asked for.
    #[inline]
    fn keep(&mut self, call: impl FnOnce() -> Call) {
        if let Some(tape) = &mut self.tape {
            tape.push(call());
        }
    }

    fn phase(&mut self, number: u8) -> Option<&Intervention> {
        self.with(|buffers, set| {
            if buffers.state.intervention.is_none() {
                buffers.state.run(set, number);
            }
        });
        self.intervention()
    }

    /// Takes the first line of the request.
    pub fn request_line(&mut self, line: &RequestLine<'_>) {
        self.keep(|| Call::line(line));
        self.with(|buffers, set| buffers.state.request_line(set, line));
    }

    /// Takes a header of the request; what repeats is taken again.
    pub fn request_header(&mut self, name: &[u8], value: &[u8]) {
        self.keep(|| Call::Header(name.into(), value.into(), false));
        self.with(|buffers, set| buffers.state.request_header(set, name, value));
    }

    /// Takes a header whose value is known to be harmless: rules about attacks (with a tag `attack-...`) don't look at it,
    /// all others do.
    pub fn request_header_proven(&mut self, name: &[u8], value: &[u8]) {
        self.keep(|| Call::Header(name.into(), value.into(), true));
        self.with(|buffers, set| {
            buffers.state.request_header(set, name, value);
            buffers.state.lanes.prove_last(Variable::RequestHeaders);
        });
    }

    /// The head of the request is complete: phase 1.
    pub fn request_head(&mut self) -> Option<&Intervention> {
        self.keep(|| Call::Head);
        self.phase(1)
    }

    /// What reads the request's body, as far as its head says; nothing reads other types than those that rules name.
    pub fn processor(&self) -> Option<Processor> {
        self.buffers.as_deref().and_then(|buffers| buffers.state.processor)
    }

    /// These parts of the head are known to be harmless from now on: as in [`Self::request_header_proven`].
    pub fn prove_head(&mut self, head: &HarmlessHead<'_>) {
        self.keep(|| Call::prove_head(head));
        self.with(|buffers, _| {
            let State { lanes, values, .. } = &mut buffers.state;
            lanes.prove(Variable::ArgsGet, &places(head.query), false);
            let is_one = |names: &[Arc<str>], name| names.iter().any(|one| one.as_bytes() == values.get(name));
            if !head.headers.is_empty() {
                lanes.prove_named(Variable::RequestHeaders, |item| is_one(head.headers, item.lower));
            }
            if !head.cookies.is_empty() {
                lanes.prove_named(Variable::RequestCookies, |item| is_one(head.cookies, item.name));
            }
            if head.whole_query {
                lanes.prove_named(Variable::QueryString, |_| true);
            }
            if head.path {
                lanes.prove_named(Variable::RequestFilename, |_| true);
                lanes.prove_named(Variable::RequestBasename, |_| true);
            }
            if head.path && head.whole_query {
                // The target may say more: another host, or a fragment.
                let is_plain = |item: &Item| {
                    let target = values.get(item.value);
                    target.first() == Some(&b'/') && memchr::memchr(b'#', target).is_none()
                };
                lanes.prove_named(Variable::RequestUri, is_plain);
                lanes.prove_named(Variable::RequestUriRaw, is_plain);
            }
        });
    }

    /// Of the body, whose readers are yet to come to its end, these values are known to be harmless, and so are the names
    /// in it or not, if it is JSON. Spans are counted from its first byte: strings of JSON with their quotes, values of
    /// forms as written, data of parts. Of files with these names it is known that their form is harmless: rules about
    /// attacks that only ask for a form (which are negated) don't look at them, those that look for something do.
    pub fn prove_body(&mut self, proven: &[Proven], names: bool, files: &[Box<[u8]>]) {
        self.keep(|| Call::ProveBody(proven.into(), names, files.into()));
        self.with(|buffers, _| {
            buffers.state.proven = places(proven);
            buffers.state.names_proven = names;
            buffers.state.formed_files = files.to_vec();
        });
    }

    /// Takes a chunk of the request's body.
    pub fn request_body(&mut self, chunk: &[u8]) -> Option<&Intervention> {
        self.keep(|| Call::Body(chunk.into()));
        self.with(|buffers, set| {
            if buffers.state.intervention.is_none()
                && buffers.request.request_chunk(&mut buffers.state, set, chunk) == Taken::TooLarge
            {
                refuse_for_size(&mut buffers.state, 2);
            }
        });
        self.intervention()
    }

    /// The request's body is complete, or there is none: phase 2.
    pub fn request_end(&mut self) -> Option<&Intervention> {
        self.keep(|| Call::End);
        self.with(|buffers, set| {
            if buffers.state.intervention.is_none() && buffers.state.mode != Mode::Off {
                buffers.request.request_end(&mut buffers.state, set);
            }
        });
        self.phase(2)
    }

    /// Takes status and protocol of the response.
    pub fn response_line(&mut self, status: u16, protocol: &[u8]) {
        self.keep(|| Call::ResponseLine(status, protocol.into()));
        self.with(|buffers, set| {
            buffers.state.set_number(Variable::ResponseStatus, usize::from(status));
            buffers.state.set(Variable::ResponseProtocol, protocol);
            if set.reads(Variable::StatusLine) {
                let line = [protocol, status.to_string().as_bytes()].join(&b' ');
                buffers.state.set(Variable::StatusLine, &line);
            }
        });
    }

    /// Takes a header of the response.
    pub fn response_header(&mut self, name: &[u8], value: &[u8]) {
        self.keep(|| Call::ResponseHeader(name.into(), value.into()));
        self.with(|buffers, set| {
            buffers.state.add(set, Lane::of(Variable::ResponseHeaders), name, value);
            if name.eq_ignore_ascii_case(b"content-type") {
                let kind = until(value, b';').trim_ascii().to_ascii_lowercase();
                buffers.state.set(Variable::ResponseContentType, &kind);
            }
        });
    }

    /// The head of the response is complete: phase 3.
    pub fn response_head(&mut self) -> Option<&Intervention> {
        self.keep(|| Call::ResponseHead);
        self.phase(3)
    }

    /// Whether the response's body is looked at.
    pub fn reads_response(&mut self) -> bool {
        let reads = self.with(|buffers, set| {
            let state = &buffers.state;
            let kind = state.lanes.of(Variable::ResponseContentType).first().map(|item| state.values.get(item.value));
            let kind = std::str::from_utf8(kind.unwrap_or_default()).unwrap_or_default();
            let types = &set.settings.response_types;
            state.response_body && state.mode != Mode::Off && (types.is_empty() || types.contains(kind))
        });
        reads.unwrap_or(false)
    }

    /// Takes a chunk of the response's body.
    pub fn response_body(&mut self, chunk: &[u8]) -> Option<&Intervention> {
        self.keep(|| Call::ResponseBody(chunk.into()));
        if self.reads_response() {
            self.with(|buffers, set| {
                let state = &mut buffers.state;
                let body = &mut buffers.response;
                let room = state.response_limit.saturating_sub(body.held.len() as u64);
                let room = usize::try_from(room).unwrap_or(usize::MAX);
                body.len = body.len.saturating_add(chunk.len() as u64);
                let within = chunk.get(..room).unwrap_or(chunk);
                if within.len() < chunk.len() {
                    state.set(Variable::OutboundDataError, b"1");
                    if set.settings.response_limit_action == LimitAction::Reject && state.intervention.is_none() {
                        refuse_for_size(state, 4);
                        return;
                    }
                }
                body.held.extend_from_slice(within);
            });
        }
        self.intervention()
    }

    /// The response's body is complete, or there is none: phase 4.
    pub fn response_end(&mut self) -> Option<&Intervention> {
        self.keep(|| Call::ResponseEnd);
        if !self.reads_response() {
            return self.intervention();
        }
        self.with(|buffers, _| {
            let (state, body) = (&mut buffers.state, &buffers.response);
            state.set_default(Variable::OutboundDataError, b"0");
            state.set(Variable::ResponseBody, &body.held);
            state.set_number(Variable::ResponseContentLength, body.held.len());
        });
        self.phase(4)
    }

    /// The transaction ends: phase 5, which can intervene no more.
    pub fn finish(&mut self) {
        self.keep(|| Call::Finish);
        self.with(|buffers, set| buffers.state.run(set, 5));
    }

    /// What must happen instead of going on.
    pub fn intervention(&self) -> Option<&Intervention> {
        self.buffers.as_deref().and_then(|buffers| buffers.state.intervention.as_ref())
    }

    /// The rules that matched so far and are to be logged, in order.
    pub fn matches(&self) -> &[Match] {
        self.buffers.as_deref().map_or(&[], |buffers| &buffers.state.matches)
    }

    /// Bytes that were looked at so far, with a weight for how.
    pub fn work(&self) -> u64 {
        self.buffers.as_deref().map_or(0, |buffers| buffers.state.values.work)
    }

    /// A member of `TX`, such as `blocking_inbound_anomaly_score`.
    pub fn tx(&mut self, name: &str) -> Option<Vec<u8>> {
        let name = name.to_ascii_lowercase();
        self.with(|buffers, set| {
            let slot = set.slots.get(name.as_bytes())?;
            let member = buffers.state.tx.get(*slot).copied()?;
            let text = buffers.state.member_text(member)?;
            Some(buffers.state.values.get(text).to_vec())
        })
        .flatten()
    }

    /// The lines that `ModSecurity` would log for the matches.
    pub fn log_lines(&self) -> Vec<String> {
        let Some(buffers) = self.buffers.as_deref() else { return Vec::new() };
        let state = &buffers.state;
        let text = |variable| {
            let value = state.lanes.of(variable).first().map(|item| state.values.get(item.value));
            String::from_utf8_lossy(value.unwrap_or_default()).into_owned()
        };
        let place = crate::audit::Place {
            client: text(Variable::RemoteAddr),
            server: text(Variable::ServerAddr),
            host: text(Variable::ServerName),
            uri: text(Variable::RequestFilename),
            unique_id: text(Variable::UniqueId),
        };
        state.matches.iter().map(|found| crate::audit::line(found, &place)).collect()
    }
}

/// Places of values, in order.
fn places(proven: &[Proven]) -> Vec<Place> {
    let mut places: Vec<Place> = proven.iter().filter_map(|proven| lanes::place(proven.span)).collect();
    places.sort_unstable();
    places
}

fn refuse_for_size(state: &mut State, phase: u8) {
    let refused = (state.mode == Mode::On).then_some(413);
    let msg = "The body is larger than its limit";
    state.matches.push(Match::of_engine(LIMIT_RULE, phase, msg, Vec::new(), 4, refused));
    if let Some(status) = refused {
        state.intervention = Some(Intervention::Deny { rule: LIMIT_RULE, status });
    }
}

fn tell_time(state: &mut State, set: &RuleSet, now: Timestamp) {
    let variables = [
        Variable::Time,
        Variable::TimeDay,
        Variable::TimeEpoch,
        Variable::TimeHour,
        Variable::TimeMin,
        Variable::TimeMon,
        Variable::TimeSec,
        Variable::TimeWday,
        Variable::TimeYear,
        Variable::Duration,
    ];
    if !variables.into_iter().any(|variable| set.reads(variable)) {
        return;
    }
    let parts = time::Parts::of(now.seconds());
    for variable in variables {
        let text = match variable {
            Variable::Time => format!("{:02}:{:02}:{:02}", parts.hour, parts.minute, parts.second),
            Variable::TimeDay => parts.day.to_string(),
            Variable::TimeEpoch => now.seconds().to_string(),
            Variable::TimeHour => parts.hour.to_string(),
            Variable::TimeMin => parts.minute.to_string(),
            Variable::TimeMon => (parts.month - 1).to_string(),
            Variable::TimeSec => parts.second.to_string(),
            Variable::TimeWday => parts.weekday.to_string(),
            Variable::TimeYear => parts.year.to_string(),
            _ => "0".to_owned(),
        };
        state.set(variable, text.as_bytes());
    }
}
