//! A request's trip: one straight function, [`Worker::forward`]. Read it from top to bottom.
//!
//! Every control gives a [`Decision`]; they are joined with `and`, so their order saves work and never changes the
//! verdict. The joined decision admits the request to the one function that forwards, which answers with something owed.
//! What is not built yet (device binding) has its place marked and is shown as off by `testudo check`.

#![expect(clippy::too_many_arguments, reason = "the facts of a request, each of another kind")]

mod body;
mod decode;
mod facts;
mod firewall;
mod internal;
mod ledger;
mod lesson;
mod mask;
mod outbound;
mod refuse;
mod risk;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use http::{Method, Response, StatusCode};
use testudo_contract::{Checked, Found, Head, RouteMatch};
use testudo_core::{Control, Decision, Denial, Forward, Obligation};
use testudo_gateway::{
    BodyError, CloseSignal, ForwardError, Handler, Inbound, Malformed, ResponseBody, Shed, Upstreams,
};
use testudo_identity::{Acr, Caller, TokenCache};
use testudo_limits::{CallerFacts, PeerFacts, RouteClass};

use crate::metrics::WorkerMetrics;
use crate::node::Node;
use crate::pipeline::facts::{Known, KnownTokens};
use crate::pipeline::firewall::Flow;
use crate::pipeline::ledger::Ledger;
use crate::pipeline::lesson::Lesson;
use crate::risk::Places;
use crate::snapshot::Snapshot;
use crate::standing::OpenStream;

pub use facts::Facts;
pub(crate) use internal::door;
pub use internal::{RESERVED, is_reserved};
pub use risk::Risk;

/// One worker of the data plane: everything that a request needs, nothing that blocks.
pub struct Worker {
    node: Arc<Node>,
    metrics: Arc<WorkerMetrics>,
    tokens: RefCell<TokenCache>,
    known: RefCell<KnownTokens>,
    upstreams: RefCell<(u64, Rc<Upstreams>)>,
    places: RefCell<Places>,
}

impl Worker {
    /// Made on the worker's own thread.
    pub fn new(node: Arc<Node>, metrics: Arc<WorkerMetrics>) -> Rc<Worker> {
        let snapshot = node.snapshot();
        let upstreams = (snapshot.generation, Upstreams::new(snapshot.upstreams.clone()));
        Rc::new(Worker {
            places: RefCell::new(Places::new(&node.store)),
            node,
            metrics,
            tokens: RefCell::default(),
            known: RefCell::default(),
            upstreams: RefCell::new(upstreams),
        })
    }

    /// The pool under this snapshot; a new one after a reload.
    fn upstreams(&self, snapshot: &Snapshot) -> Rc<Upstreams> {
        let mut current = self.upstreams.borrow_mut();
        if current.0 != snapshot.generation {
            *current = (snapshot.generation, Upstreams::new(snapshot.upstreams.clone()));
        }
        Rc::clone(&current.1)
    }

    /// The trip of a request to the upstream.
    #[expect(clippy::too_many_lines, reason = "the trip is one straight function, to be read from top to bottom")]
    async fn forward(
        self: Rc<Self>,
        snapshot: Arc<Snapshot>,
        facts: Facts,
        mut inbound: Inbound,
    ) -> Response<ResponseBody> {
        let node = &*self.node;

        // Who knocks: limits by address and subnet, blocked peers.
        let peer = snapshot.limiter.admit_peer(&PeerFacts { address: facts.address, now_ns: facts.now_ns });
        let mut decision = Decision::allow(Control::Transport)
            .and(peer.decision)
            .and(node.standing.check_peer(facts.address, facts.now));
        let mut rate = peer.rate;

        // Does its head look like an attack? How that is judged may be a matter of the route.
        let contract = &snapshot.contract;
        let (method, path) = (&inbound.parts.method, inbound.parts.uri.path());
        let matched = contract.route(method, path);
        let found = if let RouteMatch::Found(found) = &matched { Some(found) } else { None };
        let (mut inspection, inspected) = firewall::Inspection::open(&snapshot, &facts, &inbound, found);
        decision = decision.and(inspected);

        // What is asked for: the route and its parameters. A CORS preflight carries no token and ends here.
        if let Some(matched) = contract.preflight(method, &inbound.parts.headers, path) {
            let known = testudo_contract::decide_route(&matched);
            return self.preflight(&snapshot, &facts, &decision.and(known), &inbound);
        }
        decision = decision.and(testudo_contract::decide_route(&matched));
        let options = snapshot.config.contract.options();
        let head = Head { method, path, query: inbound.parts.uri.query(), headers: &inbound.parts.headers };
        let mut checked = Checked::default();
        if let Some(found) = found {
            let (parameters, proven) = contract.inspect_parameters(found, &head, options);
            inspection.prove(&proven);
            decision = decision.and(parameters.decision());
            checked = parameters;
        }
        // Or did another site make the browser send it?
        let token = found.is_some_and(|found| found.route.rules.csrf_token);
        let own = |origin: &str| snapshot.is_own_origin(origin);
        decision = decision.and(testudo_contract::csrf::decide(method, &inbound.parts.headers, token, own));
        decision = decision.and(body_size(&snapshot, found, inbound.body.declared()));
        // May it be written now?
        if let Some(found) = found {
            let (template, headers) = (&found.route.template, &inbound.parts.headers);
            decision = decision.and(node.standing.check_route(template, path, method, headers, facts.now));
        }

        // Who calls: the token, unless the route is public.
        let mut caller = None;
        if proceed(&decision, &snapshot) {
            let (who, authenticated) = self.authenticate(found, &facts, &inbound);
            decision = decision.and(authenticated);
            caller = who;
        }
        let known = caller.as_deref().map(|caller| self.known.borrow_mut().of(&node.store, caller));

        // How much lately: person, client, device, route.
        let mut flight = None;
        if proceed(&decision, &snapshot) {
            let answer = snapshot.limiter.admit_caller(&CallerFacts {
                address: facts.address,
                person: caller.as_deref().and_then(|caller| caller.person),
                client: caller.as_deref().map(|caller| &caller.client),
                device: None,
                route: found.map(|found| found.route.id.0),
                template: found.map(|found| &*found.route.template),
                class: found.map_or_else(RouteClass::default, |found| snapshot.class_of(found.route.id)),
                now_ns: facts.now_ns,
            });
            decision = decision.and(answer.decision);
            rate = match (rate, answer.rate) {
                (Some(peer), Some(caller)) => Some(peer.tighter(caller)),
                (peer, caller) => peer.or(caller),
            };
            match snapshot.limiter.enter(facts.address, caller.as_deref().and_then(|caller| caller.person)) {
                Ok(place) => flight = Some(place),
                Err(answer) => decision = decision.and(answer.decision),
            }
        }

        // In good standing: nothing revoked, suspended, or owed.
        decision = decision.and(match &known {
            Some(known) => node.standing.check(&known.standing, facts.monotonic),
            None => node.standing.check_anonymous(facts.monotonic),
        });

        // How unusual is it that she comes this way?
        let mut weighed = Risk::Nobody;
        if proceed(&decision, &snapshot) {
            let (caller, known) = (caller.as_deref(), known.as_deref());
            weighed = risk::weigh(node, &snapshot, &self.places, caller, known, &facts, &inbound.parts.headers).await;
            decision = decision.and(weighed.decide(&snapshot, !method.is_safe()));
        }

        // What the caller may do: scopes, strength of the sign-in, policies.
        if proceed(&decision, &snapshot) {
            let (caller, known) = (caller.as_deref(), known.as_deref());
            decision = decision.and(self.authorize(&snapshot, found, method, caller, known, &facts, &weighed));
        }

        // How much of the answer the caller may see.
        let consents = known.as_ref().map_or_else(Vec::new, |known| {
            node.standing.consents(known.standing.person.as_ref(), &snapshot.config.privacy.purposes)
        });
        let trust = mask::Trust { consents: &consents, device: weighed.trust(), risk: weighed.score() };
        let owing = mask::plan(&snapshot, found, caller.as_deref(), &trust);
        if let Some(owing) = &owing {
            decision = decision.and(owing.decide());
        }
        decision = decision.and(mask::consent(found, &consents));
        let required =
            risk::required(&snapshot).union(mask::required(owing.as_ref(), found)).union(inspection.required());

        // A body that announced no length is held to the same limit while it flows.
        if !snapshot.config.server.observe {
            inbound.body.limit(snapshot.max_body(found));
        }

        // Is its body what the contract says, and does it look like an attack? It is read for nobody who is refused anyway.
        let (mut lesson, mut flow) = (None, None);
        if proceed(&decision, &snapshot) {
            let judged = body::judge(&snapshot, found, &inspection, &inbound.parts.headers, &mut inbound.body);
            let judged = Box::pin(judged).await;
            decision = decision.and(judged.decision);
            checked.join(judged.checked);
            flow = judged.flow;
            lesson = Lesson::begin(&snapshot, &inbound, caller.is_some(), judged.plain);
        }

        // The journal must be able to take the event, or nothing is forwarded.
        let place = match node.journal.reserve(&self.node.store) {
            Some(place) => {
                decision = decision.and(Decision::allow(Control::Audit));
                Some(place)
            }
            None => None,
        };

        let route = found.map_or_else(|| "-".into(), |found| Arc::clone(&found.route.template));
        let websocket = found.is_some_and(|found| found.route.rules.websocket || contract.is_open());
        let writes = (websocket && inbound.parts.headers.contains_key(http::header::UPGRADE))
            .then(|| (Arc::clone(&route), inbound.parts.uri.path().into()));
        let mut ledger = Ledger::open(&self, &facts, &inbound, caller.as_deref(), &route, place);
        ledger.weighed(&weighed);
        ledger.inspected(&inspection);
        ledger.checked(&checked);
        let client = mask::Client::of(&inbound.parts);
        let (mut outbound, client_origin) = outbound::prepare(&snapshot, &facts, caller.as_deref(), inbound, websocket);
        mask::ask(owing.as_ref(), &mut outbound);
        inspection.ask(&snapshot, &mut outbound);

        let admission = if snapshot.config.server.observe {
            let (admission, refusal) = decision.admit_observed(outbound, required);
            if let Some(refusal) = refusal {
                self.metrics.observed();
                ledger.observed(&refusal);
            }
            admission
        } else {
            match decision.admit::<Forward, _>(outbound, required) {
                Ok(admission) => admission,
                Err(refusal) => {
                    inspection.finish(&snapshot, facts.request);
                    // Boxed: what is rare takes no room in the future of every request.
                    return Box::pin(self.refuse(&snapshot, ledger, &facts, *refusal, rate, client_origin)).await;
                }
            }
        };

        inspection.rest(&snapshot, facts.request);
        let upstreams = self.upstreams(&snapshot);
        let owed = match Box::pin(upstreams.forward(admission)).await {
            Ok(owed) => owed,
            Err(error) => {
                inspection.finish(&snapshot, facts.request);
                ledger.inspected(&inspection);
                return failed(&snapshot, ledger, &facts, &error, flow.as_ref());
            }
        };
        if let Some(flow) = flow.as_ref().filter(|flow| flow.borrow().decision.is_denied()) {
            self.metrics.observed();
            ledger.observed_in_body(flow);
        }
        let report = ledger.mask(owing.is_some());
        let fulfil = mask::Fulfil { owing, snapshot: &snapshot, client, request: facts.request, report: &report };
        let (settled, denied) = owed.settle(fulfil);
        let (mut response, settled) = Box::pin(settled.begin(denied)).await;
        if settled.is_denied() {
            self.metrics.refused(Control::Masking);
            ledger.denied(&settled);
        }
        // Does the answer show what it should not?
        if snapshot.firewall.is_some() {
            let (judged, leak) = Box::pin(inspection.answer(&snapshot, &facts, response)).await;
            response = judged;
            inspection.finish(&snapshot, facts.request);
            ledger.inspected(&inspection);
            if leak.is_denied() {
                self.metrics.refused(Control::Waf);
                ledger.denied(&leak);
            }
        }
        outbound::finish(&snapshot, &facts, caller.as_deref(), client_origin.as_ref(), rate, response.headers_mut());

        // Streams end with the session or the token, and when their network is blocked.
        let signal = outbound::is_stream(&response).then(|| {
            let signal = CloseSignal::new();
            let caller_facts = known.as_ref().map(|known| known.standing.clone());
            let stream = OpenStream { caller: caller_facts, address: facts.address, writes };
            ledger.stream(node.standing.streams().open(stream, signal.clone()));
            // What it stands on may have ended while the upstream thought; from here on the signal tells.
            let monotonic = node.clock.monotonic();
            let standing = known.as_ref().map(|known| node.standing.check(&known.standing, monotonic));
            let standing = standing.unwrap_or_default().and(node.standing.check_peer(facts.address, node.clock.now()));
            if standing.is_denied() && !snapshot.config.server.observe {
                signal.close("session-ended");
            }
            if let Some(caller) = &caller {
                let left = caller.expires.since(facts.now);
                let expired = signal.clone();
                ledger.timer(tokio::task::spawn_local(async move {
                    tokio::time::sleep(left).await;
                    expired.close("token-expired");
                }));
            }
            signal
        });
        if let (Some(lesson), Some(learning)) = (lesson, &snapshot.learning) {
            lesson.learn(learning, response.status());
        }
        ledger.answered(response.status(), flight);
        response.map(|body| {
            let body = match signal {
                Some(signal) => body.until(signal),
                None => body,
            };
            body.on_end(move |end| ledger.close(&end))
        })
    }

    fn authenticate(
        &self,
        found: Option<&Found<'_>>,
        facts: &Facts,
        inbound: &Inbound,
    ) -> (Option<Arc<Caller>>, Decision) {
        let mut values = inbound.parts.headers.get_all(http::header::AUTHORIZATION).iter();
        let authorization = values.next().map(http::HeaderValue::as_bytes);
        let public = found.is_some_and(|found| found.route.is_public());
        let optional = found.is_some_and(|found| found.route.is_token_optional());
        if values.next().is_some() {
            let twice = Decision::deny(
                Control::Authentication,
                Denial::Malformed,
                "authorization-twice",
                "the request has two Authorization headers; send one",
            );
            return (None, twice);
        }
        if authorization.is_none() && (public || optional) {
            return (None, Decision::allow(Control::Authentication));
        }
        let authority = self.node.authority.load();
        let (caller, decision) = authority.authenticate(&mut self.tokens.borrow_mut(), authorization, facts.now);
        if public && decision.is_denied() {
            // A public route is open to everybody, whatever else they carry.
            return (None, Decision::allow(Control::Authentication));
        }
        (caller, decision)
    }

    fn authorize(
        &self,
        snapshot: &Snapshot,
        found: Option<&Found<'_>>,
        method: &Method,
        caller: Option<&Caller>,
        known: Option<&Known>,
        facts: &Facts,
        weighed: &Risk,
    ) -> Decision {
        let Some(found) = found else { return Decision::default() };
        if let Some(caller) = caller {
            if !found.route.scopes_suffice(|scope| caller.scopes.contains(scope)) {
                return Decision::deny(
                    Control::Authorization,
                    Denial::Forbidden,
                    "scope-missing",
                    "the access token lacks a scope that this route needs; ask for it at sign-in",
                );
            }
            let roles = &found.route.rules.roles;
            if !roles.is_empty() && !caller.roles.iter().any(|role| roles.contains(role.as_str())) {
                return Decision::deny(
                    Control::Authorization,
                    Denial::Forbidden,
                    "role-missing",
                    "this route is for people with a role that the account does not have",
                );
            }
            let level = caller.acr.map_or(0, Acr::level);
            if found.route.rules.acr.is_some_and(|needed| level < needed) {
                return Decision::challenge(
                    Control::Mfa,
                    Denial::StepUp,
                    "second-factor-required",
                    "this route needs a sign-in with a second factor",
                )
                .oblige(Obligation::StepUp(Acr::SecondFactor.as_str().into()));
            }
        }
        let tokens = self.known.borrow();
        let principal = known.map_or_else(|| tokens.stranger(), |known| &known.principal);
        snapshot.authorize(found, method, caller, principal, facts, weighed)
    }
}

/// Whether asking more controls can still change the answer. In observe mode all are asked, so that all is reported.
fn proceed(decision: &Decision, snapshot: &Snapshot) -> bool {
    snapshot.config.server.observe || !decision.is_denied()
}

fn body_size(snapshot: &Snapshot, found: Option<&Found<'_>>, declared: Option<u64>) -> Decision {
    let most = snapshot.max_body(found);
    if declared.is_some_and(|declared| declared > most) {
        return Decision::deny(
            Control::Contract,
            Denial::TooLarge,
            "body-too-large",
            format!("the request body is larger than the {most} bytes that this route takes"),
        );
    }
    Decision::default()
}

fn failed(
    snapshot: &Snapshot,
    mut ledger: Ledger,
    facts: &Facts,
    error: &ForwardError,
    flow: Option<&Flow>,
) -> Response<ResponseBody> {
    if let (ForwardError::Caller(BodyError::Refused(_)), Some(flow)) = (error, flow) {
        return broken_off(snapshot, ledger, facts, flow);
    }
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_GATEWAY);
    let text = match status {
        StatusCode::GATEWAY_TIMEOUT => "the backend did not answer in time; try again later",
        StatusCode::SERVICE_UNAVAILABLE => "as many requests as may be are under way to the backend; try again later",
        StatusCode::PAYLOAD_TOO_LARGE => "the request body is larger than this route takes",
        _ if status.is_client_error() => "the request body was cut off or came too slowly",
        _ => "the backend gave no usable answer; try again later",
    };
    ledger.failed(error.code());
    ledger.answered(status, None);
    let mut response = refuse::problem(status, error.code(), text, facts.request);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(http::header::RETRY_AFTER, http::HeaderValue::from_static("1"));
    }
    outbound::finish(snapshot, facts, None, None, None, response.headers_mut());
    response.map(|body| body.on_end(move |end| ledger.close(&end)))
}

/// The body was refused while it was sent on.
fn broken_off(snapshot: &Snapshot, mut ledger: Ledger, facts: &Facts, flow: &Flow) -> Response<ResponseBody> {
    ledger.refused_in_body(flow);
    let mut response = refuse::refusal(&flow.borrow().decision, facts.request);
    ledger.answered(response.status(), None);
    outbound::finish(snapshot, facts, None, None, None, response.headers_mut());
    response.map(|body| body.on_end(move |end| ledger.close(&end)))
}

impl Handler for Worker {
    async fn handle(self: Rc<Self>, inbound: Inbound) -> Response<ResponseBody> {
        let snapshot = self.node.snapshot();
        let facts = Facts::read(&self.node, &snapshot, &inbound);
        if snapshot.is_internal(facts.host.as_deref(), inbound.parts.uri.path()) {
            Box::pin(self.internal(snapshot, facts, inbound)).await
        } else {
            // Boxed: a future that awaits another holds room for it twice, and is copied when it is made.
            Box::pin(self.forward(snapshot, facts, inbound)).await
        }
    }

    fn malformed(&self, report: &Malformed) {
        self.metrics.malformed();
        ledger::malformed(&self.node, report);
    }

    fn shed(&self, report: &Shed) {
        ledger::shed(&self.node, report);
    }
}
