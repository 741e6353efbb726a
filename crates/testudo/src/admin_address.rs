//! The admin address: health, metrics, the admin API and the enrolment page. Its own listener, never the gateway's.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{Method, Request, Response, StatusCode, header};
use testudo_api::CallFacts;
use testudo_core::{ControlSet, Event, EventKind, Obligation, Outcome, Refusal, RequestId};
use testudo_crypto::random;
use testudo_gateway::{Collected, CountersHandle, Handler, Inbound, ResponseBody};
use testudo_identity::Context;
use testudo_limits::{Door, PeerFacts};
use testudo_web::Web;
use tower::ServiceExt as _;

use crate::console::pulse::Pulse;
use crate::metrics::{self, metric};
use crate::node::Node;

/// The largest body of an admin request.
const MAX_BODY: usize = 1024 * 1024;

/// What the admin address answers.
#[derive(Clone)]
pub struct AdminAddress {
    node: Arc<Node>,
    api: Router,
    pages: Router,
    gateway: CountersHandle,
}

struct AdminWorker(AdminAddress);

impl AdminAddress {
    /// Over a node; `gateway` counts the data plane's connections, `pulse` what the console's pictures show.
    pub fn new(node: &Arc<Node>, gateway: CountersHandle, pulse: Arc<Pulse>) -> AdminAddress {
        let own = node.config().admin_origins();
        let web = Web::admin(&node.identity(), own);
        let pages = testudo_web::console_router(crate::console::console(node, web, pulse));
        AdminAddress { node: Arc::clone(node), api: crate::rooms::admin_router(node), pages, gateway }
    }

    /// Made on the worker's own thread.
    pub fn worker(&self) -> Rc<impl Handler + use<>> {
        Rc::new(AdminWorker(self.clone()))
    }

    #[expect(clippy::cast_precision_loss, reason = "Prometheus counts in floating point")]
    fn metrics(&self) -> String {
        let mut text = String::with_capacity(16 * 1024);
        metrics::render(&mut text, &self.node.metrics);
        let store = self.node.store.status();
        let lag = self.node.standing.lag(self.node.clock.monotonic());
        let counters = self.gateway.read();
        for (name, kind, help, value) in [
            ("testudo_journal_entries", "counter", "Entries in the journal.", store.size as f64),
            ("testudo_journal_waiting", "gauge", "Events that wait to be written.", store.waiting as f64),
            (
                "testudo_journal_lost_total",
                "counter",
                "Events that could not be written.",
                self.node.journal.lost_count() as f64,
            ),
            (
                "testudo_standing_lag_seconds",
                "gauge",
                "Since the tail last reported.",
                lag.map_or(f64::INFINITY, |lag| lag.as_secs_f64()),
            ),
            ("testudo_streams_open", "gauge", "Open streams.", self.node.standing.streams().count() as f64),
            ("testudo_connections_open", "gauge", "Open connections of the gateway.", counters.connections_open as f64),
            (
                "testudo_connections_total",
                "counter",
                "Accepted connections of the gateway.",
                counters.connections as f64,
            ),
            ("testudo_shed_total", "counter", "Connections refused or closed by a limit.", counters.shed as f64),
            ("testudo_handshakes_total", "counter", "TLS handshakes completed.", counters.handshakes as f64),
            (
                "testudo_handshakes_failed_total",
                "counter",
                "TLS handshakes that failed or were too slow.",
                counters.handshakes_failed as f64,
            ),
            ("testudo_requests_open", "gauge", "Requests of the gateway in work.", counters.requests_open as f64),
        ] {
            metric(&mut text, name, kind, help, &[(String::new(), value)]);
        }
        let held: Vec<_> = self
            .node
            .standing
            .counts()
            .into_iter()
            .map(|(what, n)| (format!("{{what=\"{what}\"}}"), n as f64))
            .collect();
        metric(&mut text, "testudo_standing_held", "gauge", "What standing holds.", &held);
        let observe = f64::from(u8::from(self.node.config().server.observe));
        let meaning = "1 when refusals are reported and not made.";
        metric(&mut text, "testudo_observe", "gauge", meaning, &[(String::new(), observe)]);
        if let Some(check) = self.node.shortcuts.get() {
            metrics::shortcuts(&mut text, check.counts());
        }
        self.node.exports.metrics(&mut text, store.size);
        text
    }

    /// Ready when the journal can be written and standing is fresh.
    fn ready(&self) -> Result<(), &'static str> {
        if self.node.store.status().stalled {
            return Err("the journal can't be written");
        }
        match self.node.standing.lag(self.node.clock.monotonic()) {
            Some(lag) if lag <= crate::standing::STALE_AFTER => Ok(()),
            _ => Err("standing is stale: the journal can't be read"),
        }
    }
}

fn text(status: StatusCode, kind: &'static str, body: impl Into<String>) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::from(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response
}

/// Whether a request could guess something: a password, a code, an enrolment token, a token of the admin API. What an
/// administrator does once she is in is not counted as guessing.
fn guesses(method: &Method, path: &str) -> bool {
    let guessable = path == "/enrol" || path.starts_with("/admin/");
    (*method == Method::POST && guessable) || crate::pipeline::door(method, path) == Some(Door::SignIn)
}

/// Writes down what a limit refused, or would have. In groups, as all that costs a stranger nothing.
fn report(node: &Node, event: Event, refusal: &Refusal, observe: bool) {
    let reason = refusal.reason();
    let event = event.failed(reason.control, reason.code.clone());
    let event = if observe {
        if let Some(metrics) = node.metrics.first() {
            metrics.observed();
        }
        Event { outcome: Outcome::Success, ..event.detail("observed", "would have been refused") }
    } else {
        event
    };
    if node.store.append(event).is_err() {
        node.journal.lost();
    }
}

fn too_many(refusal: &Refusal) -> Response<ResponseBody> {
    let plain = "text/plain; charset=utf-8";
    let mut response = text(StatusCode::TOO_MANY_REQUESTS, plain, "too many requests; try again later\n");
    for obligation in refusal.decision().obligations() {
        if let Obligation::RetryAfter(seconds) = obligation {
            response.headers_mut().insert(header::RETRY_AFTER, http::HeaderValue::from(*seconds));
        }
    }
    response
}

impl Handler for AdminWorker {
    /// Every answer carries what protects browsers, and says that nothing is protected in observe mode.
    async fn handle(self: Rc<Self>, inbound: Inbound) -> Response<ResponseBody> {
        let https = inbound.conn.tls.is_some();
        let mut response = self.answer(inbound).await;
        let snapshot = self.0.node.snapshot();
        snapshot.security_headers.apply(response.headers_mut(), https);
        if snapshot.config.server.observe {
            response.headers_mut().insert("testudo-observe", http::HeaderValue::from_static("on"));
        }
        response
    }
}

impl AdminWorker {
    async fn answer(&self, mut inbound: Inbound) -> Response<ResponseBody> {
        let AdminAddress { node, api: admin_api, pages, .. } = &self.0;
        let plain = "text/plain; charset=utf-8";
        match (&inbound.parts.method, inbound.parts.uri.path()) {
            (&Method::GET | &Method::HEAD, "/livez") => return text(StatusCode::OK, plain, "alive\n"),
            (&Method::GET | &Method::HEAD, "/readyz") => {
                return match self.0.ready() {
                    Ok(()) => text(StatusCode::OK, plain, "ready\n"),
                    Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, plain, format!("not ready: {why}\n")),
                };
            }
            (&Method::GET, "/metrics") => {
                return text(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", self.0.metrics());
            }
            _ => {}
        }
        let address: IpAddr = inbound.conn.peer.ip();
        let now_ns = u64::try_from(node.clock.monotonic().as_nanos()).unwrap_or(u64::MAX);
        let peer = PeerFacts { address, now_ns };
        let limiter = &node.snapshot().limiter;
        let mut verdict = limiter.admit_peer(&peer).decision;
        if guesses(&inbound.parts.method, inbound.parts.uri.path()) {
            verdict = verdict.and(limiter.admit_door(Door::SignIn, &peer).decision);
        }
        let now = node.clock.now();
        let request_id = RequestId::new(now, random::array());
        let observe = node.config().server.observe;
        if let Err(refusal) = verdict.demand(ControlSet::EMPTY) {
            let event = Event::new(EventKind::RequestDecided, now).from(address).during(request_id).on("admin-address");
            report(node, event, &refusal, observe);
            if !observe {
                return too_many(&refusal);
            }
        }
        let body = match inbound.body.read_up_to(MAX_BODY).await {
            Ok(Collected::Whole(bytes)) => bytes,
            Ok(Collected::TooLarge(_)) => return text(StatusCode::PAYLOAD_TOO_LARGE, plain, "at most 1 MiB\n"),
            Err(_) => return text(StatusCode::BAD_REQUEST, plain, "the body was cut off\n"),
        };
        let agent = inbound.parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let user_agent = agent.map(|agent| agent.chars().take(256).collect());
        let mut request = Request::from_parts(inbound.parts, Body::from(body));
        request.extensions_mut().insert(CallFacts { request: request_id, address, peer: address });
        request.extensions_mut().insert(Context { request: request_id, address, user_agent, now });
        let unsafe_method = !request.method().is_safe();
        let router = if request.uri().path().starts_with("/admin/") { admin_api } else { pages };
        let Ok(response) = router.clone().oneshot(request).await;
        if unsafe_method {
            node.settled().await;
        }
        response.map(ResponseBody::boxed)
    }
}
