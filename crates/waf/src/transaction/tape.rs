//! What a transaction was told, so that another can be told the same: with it, the answer of a rule set with shortcuts is
//! compared to that of the same rules without.

use std::collections::BTreeSet;
use std::sync::Arc;

use testudo_core::{Proven, Timestamp};

use super::{BUDGET_RULE, Connection, HarmlessHead, Intervention, Match, RequestLine, Transaction};
use crate::waf::{Opening, Waf};

/// The most bytes that are kept of a transaction; one that is told more is not compared.
const MOST: usize = 1 << 20;
/// What each call takes beside its bytes.
const CALL: usize = 64;

/// All that one transaction was told.
#[derive(Debug)]
pub struct Tape {
    client: (Box<str>, u16),
    server: (Box<str>, u16),
    id: Box<str>,
    now: Timestamp,
    profile: Option<usize>,
    calls: Vec<Call>,
    left: usize,
    full: bool,
    /// What came of it.
    matches: Vec<Match>,
    intervention: Option<Intervention>,
}

/// One call of a transaction.
#[derive(Debug)]
pub(super) enum Call {
    Line {
        method: Box<[u8]>,
        target: Box<[u8]>,
        protocol: Box<[u8]>,
        raw: Option<Box<[u8]>>,
    },
    /// With whether its value is proven.
    Header(Box<[u8]>, Box<[u8]>, bool),
    Head,
    ProveHead {
        path: bool,
        query: Box<[Proven]>,
        whole_query: bool,
        headers: Box<[Arc<str>]>,
        cookies: Box<[Arc<str>]>,
    },
    /// With whether names are proven, and names of files.
    ProveBody(Box<[Proven]>, bool, Box<[Box<[u8]>]>),
    Body(Box<[u8]>),
    End,
    ResponseLine(u16, Box<[u8]>),
    ResponseHeader(Box<[u8]>, Box<[u8]>),
    ResponseHead,
    ResponseBody(Box<[u8]>),
    ResponseEnd,
    Finish,
}

/// How another rule set answered the same.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Difference {
    /// Rules that only the other asked matched, or matched elsewhere.
    pub missed: BTreeSet<u64>,
    /// Rules that only the first asked matched, or matched elsewhere.
    pub extra: BTreeSet<u64>,
    /// Whether one refuses what the other lets pass, or by another rule.
    pub decision: bool,
}

impl Tape {
    pub(crate) fn new(connection: &Connection<'_>, id: &str, now: Timestamp, profile: Option<usize>) -> Tape {
        Tape {
            client: (connection.client.into(), connection.client_port),
            server: (connection.server.into(), connection.server_port),
            id: id.into(),
            now,
            profile,
            calls: Vec::new(),
            left: MOST,
            full: false,
            matches: Vec::new(),
            intervention: None,
        }
    }

    pub(super) fn push(&mut self, call: Call) {
        match self.left.checked_sub(call.size()) {
            Some(left) if !self.full => {
                self.left = left;
                self.calls.push(call);
            }
            _ => {
                self.full = true;
                self.calls = Vec::new();
            }
        }
    }

    /// Tells another rule set the same.
    pub fn replay(&self, waf: &Arc<Waf>) -> Transaction {
        let connection = Connection {
            client: &self.client.0,
            client_port: self.client.1,
            server: &self.server.0,
            server_port: self.server.1,
        };
        let opening = Opening { profile: self.profile, taped: false };
        let mut transaction = waf.open_with(&connection, &self.id, self.now, opening);
        self.calls.iter().for_each(|call| call.tell(&mut transaction));
        transaction
    }

    /// What differs when another rule set is told the same; nothing when one of them came to the end of its budget, for then
    /// neither answer is whole.
    pub fn compare(&self, waf: &Arc<Waf>) -> Option<Difference> {
        let other = self.replay(waf);
        let whole = |matches: &[Match]| matches.iter().all(|found| found.id != BUDGET_RULE);
        if !whole(&self.matches) || !whole(other.matches()) {
            return None;
        }
        let only = |these: &[Match], those: &[Match]| {
            these.iter().filter(|found| !those.contains(found)).map(|found| found.id).collect()
        };
        Some(Difference {
            missed: only(other.matches(), &self.matches),
            extra: only(&self.matches, other.matches()),
            decision: other.intervention() != self.intervention.as_ref(),
        })
    }
}

impl Difference {
    /// Whether the answers are the same.
    pub fn is_none(&self) -> bool {
        *self == Difference::default()
    }
}

impl Transaction {
    /// Whether what it is told is kept.
    pub fn is_taped(&self) -> bool {
        self.tape.is_some()
    }

    /// What it was told, with what came of it so far; nothing where that was not kept, or was too much.
    pub fn take_tape(&mut self) -> Option<Tape> {
        let mut tape = *self.tape.take()?;
        tape.matches = self.matches().to_vec();
        tape.intervention = self.intervention().cloned();
        (!tape.full).then_some(tape)
    }
}

impl Call {
    pub(super) fn line(line: &RequestLine<'_>) -> Call {
        let RequestLine { method, target, protocol, raw } = *line;
        Call::Line { method: method.into(), target: target.into(), protocol: protocol.into(), raw: raw.map(Into::into) }
    }

    pub(super) fn prove_head(head: &HarmlessHead<'_>) -> Call {
        Call::ProveHead {
            path: head.path,
            query: head.query.into(),
            whole_query: head.whole_query,
            headers: head.headers.into(),
            cookies: head.cookies.into(),
        }
    }

    fn size(&self) -> usize {
        CALL + match self {
            Call::Line { method, target, protocol, raw } => {
                method.len() + target.len() + protocol.len() + raw.as_ref().map_or(0, |raw| raw.len())
            }
            Call::Header(name, value, _) | Call::ResponseHeader(name, value) => name.len() + value.len(),
            Call::ProveHead { query, headers, cookies, .. } => {
                size_of_val::<[Proven]>(query) + (headers.len() + cookies.len()) * size_of::<Arc<str>>()
            }
            Call::ProveBody(proven, _, files) => {
                size_of_val::<[Proven]>(proven) + files.iter().map(|name| CALL + name.len()).sum::<usize>()
            }
            Call::Body(bytes) | Call::ResponseBody(bytes) | Call::ResponseLine(_, bytes) => bytes.len(),
            Call::Head | Call::End | Call::ResponseHead | Call::ResponseEnd | Call::Finish => 0,
        }
    }

    fn tell(&self, transaction: &mut Transaction) {
        match self {
            Call::Line { method, target, protocol, raw } => {
                transaction.request_line(&RequestLine { method, target, protocol, raw: raw.as_deref() });
            }
            Call::Header(name, value, true) => transaction.request_header_proven(name, value),
            Call::Header(name, value, false) => transaction.request_header(name, value),
            Call::Head => _ = transaction.request_head(),
            Call::ProveHead { path, query, whole_query, headers, cookies } => {
                let (path, whole_query) = (*path, *whole_query);
                transaction.prove_head(&HarmlessHead { path, query, whole_query, headers, cookies });
            }
            Call::ProveBody(proven, names, files) => transaction.prove_body(proven, *names, files),
            Call::Body(bytes) => _ = transaction.request_body(bytes),
            Call::End => _ = transaction.request_end(),
            Call::ResponseLine(status, protocol) => transaction.response_line(*status, protocol),
            Call::ResponseHeader(name, value) => transaction.response_header(name, value),
            Call::ResponseHead => _ = transaction.response_head(),
            Call::ResponseBody(bytes) => _ = transaction.response_body(bytes),
            Call::ResponseEnd => _ = transaction.response_end(),
            Call::Finish => transaction.finish(),
        }
    }
}
