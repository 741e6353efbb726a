//! The firewall's part in a request's trip: its head is judged first, its body when everything else allows it, and then
//! what the backend answers.

mod answer;
mod broken;
mod head;
mod secrets;
mod stream;

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use testudo_contract::{Checked, Found, ProvenHead, Uploads};
use testudo_core::{Control, ControlSet, Decision, Denial, Event, RequestId};
use testudo_gateway::{Inbound, InboundBody};
use testudo_waf::seclang::Processor;
use testudo_waf::{Connection, HarmlessHead, Intervention, Opening, RequestLine, Transaction, Waf};

use self::stream::Stream;
use super::decode::Undo;
use super::facts::Facts;
use crate::config::FirewallMode;
use crate::firewall::routes::Judging;
use crate::firewall::{Firewall, found};
use crate::snapshot::Snapshot;

pub use self::broken::malformed;
pub use self::secrets::without_secrets;
pub use self::stream::Flow;

/// The code of a request that looks like an attack.
pub const SUSPECTED: &str = "attack-suspected";
/// Matches that an event names, and of which it tells more.
const MOST: usize = 32;
const MOST_TOLD: usize = 8;

/// Requests of this node that keep their tables, of some ten KiB, while the backend thinks. Those beyond get new ones for
/// its answer.
const MOST_RESTING: usize = 512;

/// One request before the firewall; nothing where it is off.
pub struct Inspection {
    shared: Option<Shared>,
    judging: Option<Judging>,
    /// Its tables were given back when the request had been judged.
    rested: bool,
    seat: Option<Seat>,
}

/// One of those that keep their tables.
struct Seat(Arc<AtomicUsize>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whoever looks at a body that flows looks at the same transaction.
type Shared = Rc<RefCell<Transaction>>;

impl Inspection {
    /// Judges the head of a request to the backend.
    pub fn open(
        snapshot: &Snapshot,
        facts: &Facts,
        inbound: &Inbound,
        found: Option<&Found<'_>>,
    ) -> (Inspection, Decision) {
        let (method, path) = (&inbound.parts.method, inbound.parts.uri.path());
        let judging = snapshot.firewall.as_ref().map(|firewall| firewall.routes.judging(found, method, path));
        Inspection::begin(snapshot, facts, inbound, judging, |transaction| {
            let (method, uri) = (inbound.parts.method.as_str().as_bytes(), &inbound.parts.uri);
            if let Some(raw) = &inbound.raw_head {
                head::read(transaction, raw);
                return;
            }
            let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).as_bytes();
            transaction.request_line(&RequestLine { method, target, protocol: b"HTTP/2.0", raw: None });
            headers(transaction, inbound);
        })
    }

    /// Judges the head of a request to an endpoint of our own.
    pub fn open_own(snapshot: &Snapshot, facts: &Facts, inbound: &Inbound) -> (Inspection, Decision) {
        let judging = snapshot.firewall.as_ref().map(|firewall| firewall.routes.general());
        Inspection::begin(snapshot, facts, inbound, judging, |transaction| {
            let (method, uri) = (inbound.parts.method.as_str().as_bytes(), &inbound.parts.uri);
            let target = secrets::target(uri.path(), uri.query());
            let protocol: &[u8] = if inbound.raw_head.is_some() { b"HTTP/1.1" } else { b"HTTP/2.0" };
            transaction.request_line(&RequestLine { method, target: &target, protocol, raw: None });
            headers(transaction, inbound);
        })
    }

    fn begin(
        snapshot: &Snapshot,
        facts: &Facts,
        inbound: &Inbound,
        judging: Option<Judging>,
        tell: impl FnOnce(&mut Transaction),
    ) -> (Inspection, Decision) {
        let judging = judging.filter(|judging| judging.mode != FirewallMode::Off);
        let (Some(firewall), Some(judged)) = (&snapshot.firewall, judging) else {
            return (Inspection { shared: None, judging: None, rested: false, seat: None }, Decision::default());
        };
        let (client, server) = (facts.address.to_string(), inbound.conn.local.ip().to_string());
        let connection = Connection {
            client: &client,
            client_port: inbound.conn.peer.port(),
            server: &server,
            server_port: inbound.conn.local.port(),
        };
        let id = facts.request.to_string();
        let opening = Opening { profile: judged.profile, taped: firewall.is_checked(&id) };
        let mut transaction = firewall.waf_of(judged).open_with(&connection, &id, facts.now, opening);
        tell(&mut transaction);
        let decision = match transaction.request_head() {
            Some(intervention) => refusal(intervention),
            None => Decision::default(),
        };
        let shared = Some(Rc::new(RefCell::new(transaction)));
        (Inspection { shared, judging, rested: false, seat: None }, decision)
    }

    /// Whether the body changes nothing any more: the firewall is off, or refuses already.
    pub fn is_settled(&self) -> bool {
        self.shared.as_ref().is_none_or(|shared| shared.borrow().intervention().is_some())
    }

    /// What it says when it is settled.
    pub fn settled(&self) -> Decision {
        if self.shared.is_some() { Decision::allow(Control::Waf) } else { Decision::default() }
    }

    /// Whether it only writes down what it finds, or does not look at all.
    pub fn refuses_nothing(&self) -> bool {
        self.judging.is_some_and(|judging| judging.mode == FirewallMode::Detect)
    }

    /// The controls that must answer because of it.
    pub fn required(&self) -> ControlSet {
        if self.judging.is_some() { ControlSet::of(&[Control::Waf]) } else { ControlSet::EMPTY }
    }

    /// Whether the body is read as it comes, so that it may be longer than what is held.
    pub fn flows(&self) -> bool {
        !self.is_settled()
            && self
                .shared
                .as_ref()
                .is_some_and(|shared| matches!(shared.borrow().processor(), None | Some(Processor::Multipart)))
    }

    /// The contract proves parts of the head harmless.
    pub fn prove(&self, head: &ProvenHead) {
        if let Some(shared) = &self.shared {
            let ProvenHead { path, query, whole_query, headers, cookies } = head;
            let harmless = HarmlessHead { path: *path, query, whole_query: *whole_query, headers, cookies };
            shared.borrow_mut().prove_head(&harmless);
        }
    }

    /// Judges a body that is in memory, without its content coding. The contract proves parts of it harmless.
    pub fn whole(&self, body: &[u8], checked: &Checked) -> Decision {
        let Some(shared) = self.shared.as_ref().filter(|_| !self.is_settled()) else { return self.settled() };
        let mut transaction = shared.borrow_mut();
        transaction.prove_body(&checked.proven, checked.names_proven, &checked.file_names);
        if !body.is_empty() {
            transaction.request_body(body);
        }
        match transaction.request_end() {
            Some(intervention) => refusal(intervention),
            None => Decision::allow(Control::Waf),
        }
    }

    /// Judges a body while it is sent on; the contract judges its files.
    pub fn watch(&self, snapshot: &Snapshot, uploads: Option<Uploads>, undo: Undo, body: &mut InboundBody) -> Flow {
        let shared = self.shared.as_ref().filter(|_| !self.is_settled()).map(Rc::clone);
        let rules = snapshot.firewall.as_ref().map(|firewall| self.rules(firewall).rules());
        let limit = rules.map_or(0, |rules| rules.settings().request_no_files_limit);
        let stream = Stream::new(shared, uploads, undo, limit, snapshot.config.server.observe);
        let flow = stream.flow();
        body.watch(stream);
        flow
    }

    /// The request goes to the backend. Where many wait for theirs, it gives its tables back.
    pub fn rest(&mut self, snapshot: &Snapshot, request: RequestId) {
        let (Some(shared), Some(firewall)) = (&self.shared, &snapshot.firewall) else { return };
        if firewall.resting.fetch_add(1, Ordering::Relaxed) < MOST_RESTING {
            self.seat = Some(Seat(Arc::clone(&firewall.resting)));
            return;
        }
        firewall.resting.fetch_sub(1, Ordering::Relaxed);
        // A body that flows is judged by the same.
        if Rc::strong_count(shared) == 1 {
            self.finish(snapshot, request);
            (self.shared, self.rested) = (None, true);
        }
    }

    fn rules<'f>(&self, firewall: &'f Firewall) -> &'f Arc<Waf> {
        self.judging.map_or(&firewall.waf, |judging| firewall.waf_of(judging))
    }

    /// Nothing more will be judged: rules that only sum up run, and the log gets its lines.
    pub fn finish(&self, snapshot: &Snapshot, request: RequestId) {
        let (Some(shared), Some(firewall)) = (&self.shared, &snapshot.firewall) else { return };
        let mut transaction = shared.borrow_mut();
        transaction.finish();
        if let Some(log) = &firewall.log {
            log.append(&transaction.log_lines());
        }
        if let Some(judging) = self.judging.filter(|_| transaction.is_taped()) {
            firewall.check_again(judging, transaction.take_tape(), request);
        }
    }

    /// What an event says about it.
    pub fn found(&self) -> Option<Findings> {
        let mut found = findings(&mut self.shared.as_ref()?.borrow_mut())?;
        if self.refuses_nothing() {
            found.plain.push(("waf-mode".into(), FirewallMode::Detect.name().into()));
        }
        Some(found)
    }
}

fn headers(transaction: &mut Transaction, inbound: &Inbound) {
    for (name, value) in &inbound.parts.headers {
        head::header(transaction, name.as_str().as_bytes(), value.as_bytes());
    }
}

/// What an event says about what the firewall found in a request.
pub struct Findings {
    /// Facts for everybody: the rules, how grave each is and what it says, and the score.
    pub plain: Vec<(Cow<'static, str>, String)>,
    /// What they matched, and what would exclude that.
    pub sealed: Vec<(Cow<'static, str>, String)>,
}

impl Findings {
    /// Puts them into an event.
    pub fn tell(self, event: &mut Event) {
        event.details.extend(self.plain);
        event.personal.extend(self.sealed);
    }
}

fn findings(transaction: &mut Transaction) -> Option<Findings> {
    if transaction.matches().is_empty() {
        return None;
    }
    let scores = found::scores(transaction);
    let transaction = &*transaction;
    let (refused, matches) = (transaction.intervention().is_some(), transaction.matches());
    let ids: Vec<String> = matches.iter().take(MOST).map(|found| found.id.to_string()).collect();
    let (mut plain, mut sealed) = (vec![("waf-rules".into(), ids.join(" "))], Vec::new());
    // Rules that only sum up say nothing of their own.
    let telling = matches.iter().filter(|found| found.severity.is_some() && !found.variable.starts_with("TX:"));
    for found in telling.take(MOST_TOLD) {
        let weight = found::score(found).map(|score| format!(", +{score}")).unwrap_or_default();
        let severity = found::severity(found).unwrap_or_default();
        plain.push((format!("waf-{}", found.id).into(), format!("{} ({severity}{weight})", found.msg)));
        let value: Vec<String> = found::told(transaction, found).iter().flat_map(found::Told::lines).collect();
        let value = value.join("\n");
        sealed.push((format!("waf-{}", found.id).into(), value));
    }
    if let (Some(score), Some(threshold)) = scores {
        plain.push(("waf-score".into(), format!("{score}, refused from {threshold} on")));
        let lines = if refused { found::fewest(matches, score, threshold) } else { Vec::new() };
        let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        if !lines.is_empty() {
            sealed.push(("waf-exclusion".into(), lines.join("\n")));
        }
    }
    Some(Findings { plain, sealed })
}

fn refusal(intervention: &Intervention) -> Decision {
    let denial = match intervention.status() {
        400 => Denial::Malformed,
        413 => Denial::TooLarge,
        _ => Denial::Forbidden,
    };
    let text = format!(
        "the firewall takes this request for an attack (rule {}); if it is none, tell the operators the request's id",
        intervention.rule()
    );
    Decision::deny(Control::Waf, denial, SUSPECTED, text)
}
