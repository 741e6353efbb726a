//! The guard that makes every decision leave its event: it is opened with the decision and written when the answer has
//! been sent, or when the caller hangs up before.

use std::borrow::Cow;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use http::StatusCode;
use testudo_contract::Checked;
use testudo_core::{Control, ControlSet, Decision, Event, EventKind, HttpFacts, Lane, Outcome, Reason, Refusal};
use testudo_detection::risk::Level;
use testudo_gateway::{BodyEnd, EndOutcome, Inbound, Malformed, Shed};
use testudo_identity::Caller;
use testudo_limits::InFlight;
use testudo_store::{CommitError, Tx};

use super::Worker;
use super::facts::Facts;
use super::firewall::{self, Flow, Inspection};
use super::mask;
use super::risk::Risk;
use crate::journal::Reserved;
use crate::node::Node;
use crate::standing::StreamTicket;

/// The longest path and user agent that an event keeps.
const MAX_TEXT: usize = 512;

/// The event of one request, until it is written.
pub struct Ledger {
    worker: Rc<Worker>,
    event: Option<Event>,
    started: Instant,
    received: Rc<Cell<u64>>,
    place: Option<Reserved>,
    flight: Option<InFlight>,
    stream: Option<StreamTicket>,
    mask: mask::Report,
    timer: Option<tokio::task::JoinHandle<()>>,
}

impl Ledger {
    pub fn open(
        worker: &Rc<Worker>,
        facts: &Facts,
        inbound: &Inbound,
        caller: Option<&Caller>,
        route: &Arc<str>,
        place: Option<Reserved>,
    ) -> Ledger {
        let mut event = Event::new(EventKind::RequestDecided, facts.now).from(facts.address).during(facts.request);
        if let Some(caller) = caller {
            event.actor = caller.actor();
        }
        let target = inbound.parts.uri.path_and_query().map(http::uri::PathAndQuery::as_str);
        let agent = inbound.parts.headers.get(http::header::USER_AGENT).and_then(|value| value.to_str().ok());
        event.http = Some(HttpFacts {
            method: method(&inbound.parts.method),
            route: Cow::Owned(route.to_string()),
            path: target.map(cut),
            user_agent: agent.map(cut),
            ..HttpFacts::default()
        });
        Ledger {
            worker: Rc::clone(worker),
            event: Some(event),
            started: inbound.started,
            received: inbound.body.received_counter(),
            place,
            flight: None,
            stream: None,
            mask: mask::Report::default(),
            timer: None,
        }
    }

    /// What was thought of how the caller comes, unless that is as always.
    pub fn weighed(&mut self, risk: &Risk) {
        if let (Some(event), Some(assessment)) = (&mut self.event, risk.assessment())
            && assessment.level > Level::Low
        {
            event.details.insert(Cow::Borrowed("risk"), assessment.score.to_string());
            event.details.insert(Cow::Borrowed("risk-reasons"), assessment.codes());
        }
    }

    /// What the firewall found: its rules in plain, what they matched among what is personal.
    pub fn inspected(&mut self, inspection: &Inspection) {
        if let (Some(event), Some(findings)) = (&mut self.event, inspection.found()) {
            findings.tell(event);
        }
    }

    /// What of the contract the request breaks: places and codes, and no values.
    pub fn checked(&mut self, checked: &Checked) {
        let Some(event) = &mut self.event else { return };
        for (name, found) in [("contract", &checked.violations), ("contract-notes", &checked.notes)] {
            let lines: Vec<String> = found.iter().map(|found| format!("{} {}", found.pointer, found.code)).collect();
            if !lines.is_empty() {
                event.details.insert(Cow::Borrowed(name), lines.join("\n"));
            }
        }
    }

    /// The request was refused.
    pub fn refused(&mut self, refusal: &Refusal) {
        self.answers(refusal);
        let reason = refusal.reason();
        self.fail(reason.control, reason.code.clone());
    }

    /// The response was refused.
    pub fn denied(&mut self, decision: &Decision) {
        if let Some(reason) = decision.reasons().first() {
            self.fail(reason.control, reason.code.clone());
        }
    }

    /// What each control answered, so that people can be told why.
    fn answers(&mut self, refusal: &Refusal) {
        let Some(event) = &mut self.event else { return };
        let names = |set: ControlSet| set.iter().map(Control::name).collect::<Vec<_>>().join(" ");
        event.details.insert(Cow::Borrowed("evaluated"), names(refusal.decision().evaluated()));
        if !refusal.missing().is_empty() {
            event.details.insert(Cow::Borrowed("missing"), names(refusal.missing()));
        }
        let codes: Vec<&str> = refusal.decision().reasons().iter().map(|reason| &*reason.code).collect();
        if codes.len() > 1 {
            event.details.insert(Cow::Borrowed("reasons"), codes.join(" "));
        }
    }

    /// It would have been refused, were it not for observe mode.
    pub fn observed(&mut self, refusal: &Refusal) {
        self.answers(refusal);
        if let Some(event) = &mut self.event {
            observed(event, refusal.reason());
        }
    }

    /// An endpoint of our own refused.
    pub fn failed_internally(&mut self, status: StatusCode) {
        let control = if status == StatusCode::UNAUTHORIZED { Control::Authentication } else { Control::Contract };
        self.fail(control, Cow::Borrowed("endpoint-refused"));
    }

    /// The body was refused while it was sent on.
    pub fn refused_in_body(&mut self, flow: &Flow) {
        let flow = flow.borrow();
        if let Some(reason) = flow.decision.reasons().first() {
            self.worker.metrics.refused(reason.control);
        }
        self.checked(&flow.checked);
        self.denied(&flow.decision);
    }

    /// It would have been, were it not for observe mode.
    pub fn observed_in_body(&mut self, flow: &Flow) {
        let flow = flow.borrow();
        self.checked(&flow.checked);
        if let (Some(event), Some(reason)) = (&mut self.event, flow.decision.reasons().first()) {
            observed(event, reason);
        }
    }

    /// The upstream failed.
    pub fn failed(&mut self, code: &'static str) {
        if let Some(event) = &mut self.event {
            event.details.insert(Cow::Borrowed("upstream"), code.into());
        }
    }

    fn fail(&mut self, control: Control, code: Cow<'static, str>) {
        if let Some(event) = &mut self.event {
            event.outcome = Outcome::Failure;
            event.control = Some(control);
            event.code = Some(code);
        }
    }

    /// The head of the answer is known. The request stays in flight until the body has ended.
    pub fn answered(&mut self, status: StatusCode, flight: Option<InFlight>) {
        self.flight = flight;
        if let Some(http) = self.event.as_mut().and_then(|event| event.http.as_mut()) {
            http.status = status.as_u16();
        }
    }

    /// The answer is a stream that ends with its session.
    pub fn stream(&mut self, ticket: StreamTicket) {
        self.stream = Some(ticket);
    }

    /// What becomes of the mask of the answer, when one is `owed`.
    pub fn mask(&mut self, owed: bool) -> mask::Report {
        if owed {
            self.mask = mask::Report::new();
        }
        self.mask.clone()
    }

    /// What ends the stream with its token.
    pub fn timer(&mut self, timer: tokio::task::JoinHandle<()>) {
        self.timer = Some(timer);
    }

    /// The body has ended.
    pub fn close(mut self, end: &BodyEnd) {
        if end.outcome == EndOutcome::Aborted(mask::UNAVAILABLE) {
            self.fail(Control::Masking, Cow::Borrowed(mask::UNAVAILABLE));
            self.worker.metrics.refused(Control::Masking);
        }
        if let Some(event) = &mut self.event {
            if let Some(http) = &mut event.http {
                http.bytes_out = end.bytes;
            }
            let how = match &end.outcome {
                EndOutcome::Complete => None,
                EndOutcome::Aborted(code) => Some((*code).to_owned()),
                EndOutcome::HungUp => Some("hung-up".to_owned()),
            };
            if let Some(how) = how {
                event.details.insert(Cow::Borrowed("ended"), how);
            }
        }
        self.write();
    }

    /// Writes a refusal at once: in the lane that its event asks for.
    pub async fn commit(mut self) -> Result<(), CommitError> {
        let Some(mut event) = self.take() else { return Ok(()) };
        self.worker.count(&event);
        // A refusal for exceeding a limit must not itself cost a commit: it is folded like those of strangers.
        if event.lane() == Lane::Must && event.control != Some(Control::RateLimit) {
            event.at = self.worker.node.clock.now();
            let mut tx = Tx::new();
            tx.event(event);
            return self.worker.node.store.commit(tx).await.map(drop);
        }
        self.worker.node.store.append(event).map_err(|_| CommitError::Full)
    }

    fn take(&mut self) -> Option<Event> {
        let mut event = self.event.take()?;
        if let Some(http) = &mut event.http {
            http.bytes_in = self.received.get();
            http.micros = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        }
        event.details.extend(self.mask.details().into_iter().map(|(name, text)| (Cow::Borrowed(name), text)));
        Some(event)
    }

    fn write(&mut self) {
        if let Some(event) = self.take() {
            self.worker.count(&event);
            // The place was reserved before the request was forwarded.
            let node = &self.worker.node;
            node.journal.write(&node.store, event, self.place.take());
        }
        if let Some(timer) = self.timer.take() {
            timer.abort();
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        if let Some(event) = &mut self.event {
            event.details.insert(Cow::Borrowed("ended"), "hung-up".into());
        }
        self.write();
    }
}

impl Worker {
    fn count(&self, event: &Event) {
        if let Some(http) = &event.http {
            self.metrics.request(http.status, http.micros, http.bytes_in, http.bytes_out);
        }
    }
}

fn method(method: &http::Method) -> Cow<'static, str> {
    for known in ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] {
        if method.as_str() == known {
            return Cow::Borrowed(known);
        }
    }
    // What is no word of a protocol may be anything, and stands in the plain part.
    let text = method.as_str();
    let word = text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
    if word { Cow::Owned(text.to_owned()) } else { Cow::Borrowed("OTHER") }
}

fn observed(event: &mut Event, reason: &Reason) {
    event.control = Some(reason.control);
    event.code = Some(reason.code.clone());
    event.details.insert(Cow::Borrowed("observed"), "would have been refused".into());
}

fn cut(text: &str) -> String {
    // Seldom is any that long.
    if text.len() <= MAX_TEXT { text.to_owned() } else { text.chars().take(MAX_TEXT).collect() }
}

/// Bytes came in that are no request.
pub fn malformed(node: &Node, report: &Malformed) {
    let mut event = Event::new(EventKind::RequestMalformed, node.clock.now())
        .failed(Control::Transport, report.code.as_str())
        .from(report.peer.ip());
    firewall::malformed(&node.snapshot(), report, &mut event);
    append(node, event);
}

/// A connection was refused or closed by a limit.
pub fn shed(node: &Node, report: &Shed) {
    let event = Event::new(EventKind::RequestMalformed, node.clock.now())
        .failed(Control::RateLimit, report.why.code())
        .from(report.peer.ip());
    append(node, event);
}

fn append(node: &Node, event: Event) {
    if node.store.append(event).is_err() {
        node.journal.lost();
    }
}
