//! The firewall's part in a request's trip: its head is judged first, its body when everything else allows it, and then
//! what the backend answers.

mod answer;
mod broken;
mod decode;
mod head;
mod secrets;
mod stream;

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use testudo_contract::Found;
use testudo_core::{Control, ControlSet, Decision, Denial, Event};
use testudo_gateway::{BodyError, Collected, Inbound, InboundBody};
use testudo_waf::seclang::Processor;
use testudo_waf::{Connection, Intervention, RequestLine, Transaction};

use self::decode::{Undo, Unread};
use self::stream::Stream;
use super::facts::Facts;
use crate::config::FirewallMode;
use crate::firewall::{Firewall, found};
use crate::snapshot::Snapshot;

pub use self::broken::malformed;
pub use self::secrets::without_secrets;

/// The code of a request that looks like an attack.
pub const SUSPECTED: &str = "attack-suspected";
/// The most bytes of a body that are held.
const HELD: usize = 256 * 1024;
/// Matches that an event names, and of which it tells more.
const MOST: usize = 32;
const MOST_TOLD: usize = 8;

/// One request before the firewall; nothing where it is off.
pub struct Inspection(Option<Shared>);

/// Whoever looks at a body that flows looks at the same transaction.
type Shared = Rc<RefCell<Transaction>>;

impl Inspection {
    /// Judges the head.
    pub fn open(snapshot: &Snapshot, facts: &Facts, inbound: &Inbound) -> (Inspection, Decision) {
        let Some(Firewall { waf, .. }) = &snapshot.firewall else { return (Inspection(None), Decision::default()) };
        let (client, server) = (facts.address.to_string(), inbound.conn.local.ip().to_string());
        let connection = Connection {
            client: &client,
            client_port: inbound.conn.peer.port(),
            server: &server,
            server_port: inbound.conn.local.port(),
        };
        let parts = &inbound.parts;
        let mut transaction = waf.open(&connection, &facts.request.to_string(), facts.now);
        if let Some(raw) = &inbound.raw_head {
            head::read(&mut transaction, raw);
        } else {
            let target = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).as_bytes();
            let method = parts.method.as_str().as_bytes();
            transaction.request_line(&RequestLine { method, target, protocol: b"HTTP/2.0", raw: None });
            for (name, value) in &parts.headers {
                transaction.request_header(name.as_str().as_bytes(), value.as_bytes());
            }
        }
        let decision = match transaction.request_head() {
            Some(intervention) => judged(intervention),
            None => Decision::default(),
        };
        (Inspection(Some(Rc::new(RefCell::new(transaction)))), decision)
    }

    /// Judges the body. One that is small enough is judged whole, and then is as it was before; only now it is known that
    /// nothing was found. A longer one is judged as it flows, and its end is held back until that is done.
    pub async fn body(
        &mut self,
        snapshot: &Snapshot,
        found: Option<&Found<'_>>,
        headers: &HeaderMap,
        body: &mut InboundBody,
    ) -> Decision {
        let (Some(shared), Some(firewall)) = (&self.0, &snapshot.firewall) else { return Decision::default() };
        if shared.borrow().intervention().is_some() {
            return Decision::allow(Control::Waf);
        }
        let processor = shared.borrow().processor();
        // What is read as it flows may be as long as its route takes. What must be held to be read may not, unless the
        // route says so itself: callers can't choose to pass unread by what they say of their body.
        let flows = matches!(processor, None | Some(Processor::Multipart));
        let unread = snapshot.config.waf.mode == FirewallMode::Detect
            || found.and_then(|found| found.route.rules.max_body).is_some_and(|most| most > HELD as u64);
        let longer = body.declared().is_some_and(|declared| declared > HELD as u64);
        let mut undo = match Undo::of(headers) {
            Ok(undo) => undo,
            Err(unread) => return unread.decision(),
        };
        let read = match () {
            () if is_grpc(headers) && (unread || snapshot.speaks_grpc()) => Ok(Collected::Whole(Bytes::new())),
            () if longer => Ok(Collected::TooLarge(Bytes::new())),
            () => body.read_up_to(HELD).await,
        };
        match read {
            Ok(Collected::Whole(bytes)) => {
                let mut transaction = shared.borrow_mut();
                let fed = if bytes.is_empty() { Ok(()) } else { undo.feed(&mut transaction, &bytes) };
                if let Err(unread) = fed.and_then(|()| undo.finish(bytes.is_empty())) {
                    return unread.decision();
                }
                put_back(body, bytes);
            }
            Ok(Collected::TooLarge(bytes)) => {
                put_back(body, bytes);
                if flows && undo.flows() {
                    let limit = firewall.waf.rules().settings().request_no_files_limit;
                    body.watch(Stream::new(Rc::clone(shared), undo, processor, limit));
                    return Decision::allow(Control::Waf);
                }
                if !undo.flows() {
                    return Unread::Coding.decision();
                }
                if !unread {
                    return too_large();
                }
            }
            Err(error) => return broken(&error),
        }
        match shared.borrow_mut().request_end() {
            Some(intervention) => judged(intervention),
            None => Decision::allow(Control::Waf),
        }
    }

    /// Judges a body that is in memory, as the server's own endpoints have it.
    pub fn whole(&self, body: &[u8]) -> Decision {
        let Some(shared) = &self.0 else { return Decision::default() };
        let mut transaction = shared.borrow_mut();
        if transaction.intervention().is_some() {
            return Decision::allow(Control::Waf);
        }
        if !body.is_empty() {
            transaction.request_body(body);
        }
        match transaction.request_end() {
            Some(intervention) => judged(intervention),
            None => Decision::allow(Control::Waf),
        }
    }

    /// Nothing more will be judged: rules that only sum up run, and the log gets its lines.
    pub fn finish(&self, snapshot: &Snapshot) {
        let (Some(shared), Some(firewall)) = (&self.0, &snapshot.firewall) else { return };
        let mut transaction = shared.borrow_mut();
        transaction.finish();
        if let Some(log) = &firewall.log {
            log.append(&transaction.log_lines());
        }
    }

    /// What an event says about it.
    pub fn found(&self) -> Option<Findings> {
        findings(&mut self.0.as_ref()?.borrow_mut())
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
    let (refused, matches) = (transaction.intervention().is_some(), transaction.matches());
    let ids: Vec<String> = matches.iter().take(MOST).map(|found| found.id.to_string()).collect();
    let (mut plain, mut sealed) = (vec![("waf-rules".into(), ids.join(" "))], Vec::new());
    // Rules that only sum up say nothing of their own.
    let telling = matches.iter().filter(|found| found.severity.is_some() && !found.variable.starts_with("TX:"));
    for found in telling.take(MOST_TOLD) {
        let weight = found::score(found).map(|score| format!(", +{score}")).unwrap_or_default();
        let severity = found::severity(found).unwrap_or_default();
        plain.push((format!("waf-{}", found.id).into(), format!("{} ({severity}{weight})", found.msg)));
        let value = String::from_utf8_lossy(&found.value);
        sealed.push((format!("waf-{}", found.id).into(), format!("{} = {value}", found.variable)));
    }
    if let (Some(score), Some(threshold)) = scores {
        plain.push(("waf-score".into(), format!("{score}, refused from {threshold} on")));
        let lines = if refused { found::fewest(matches, score, threshold) } else { Vec::new() };
        if !lines.is_empty() {
            sealed.push(("waf-exclusion".into(), lines.join("\n")));
        }
    }
    Some(Findings { plain, sealed })
}

/// The controls that must answer because of it.
pub fn required(snapshot: &Snapshot) -> ControlSet {
    if snapshot.firewall.is_some() { ControlSet::of(&[Control::Waf]) } else { ControlSet::EMPTY }
}

/// Messages of gRPC may wait for answers to those before, so none can be held back.
fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.starts_with(b"application/grpc"))
}

fn put_back(body: &mut InboundBody, bytes: Bytes) {
    if !bytes.is_empty() {
        let rest = std::mem::replace(body, InboundBody::empty());
        *body = InboundBody::replay(bytes, rest);
    }
}

fn judged(intervention: &Intervention) -> Decision {
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

/// What to answer when a body was refused while it was sent on, by the code of why.
pub fn broken_off(code: &str) -> (StatusCode, &'static str) {
    let unread = Unread::ALL.into_iter().find(|unread| unread.code() == code);
    unread.map_or(
        (
            StatusCode::FORBIDDEN,
            "the firewall takes this request's body for an attack; if it is none, tell the operators the request's id",
        ),
        Unread::answer,
    )
}

fn too_large() -> Decision {
    Decision::deny(
        Control::Waf,
        Denial::TooLarge,
        "body-too-large-to-inspect",
        "the request body is larger than the 256 KiB of such a body that the firewall reads, and this route allows no more",
    )
}

fn broken(error: &BodyError) -> Decision {
    if matches!(error, BodyError::TooLarge) {
        let text = "the request body is larger than this route takes";
        return Decision::deny(Control::Contract, Denial::TooLarge, "body-too-large", text);
    }
    let text = "the request body was cut off or came too slowly";
    Decision::deny(Control::Waf, Denial::Malformed, "body-incomplete", text)
}
