//! A request's trip: one straight function, [`Worker::forward`]. Read it from top to bottom.
//!
//! Every control gives a [`Decision`]; they are joined with `and`, so their order saves work and never changes the
//! verdict. The joined decision admits the request to the one function that forwards, which answers with something owed.
//! What is not built yet (waf, risk, masking, consent) has its place marked and is shown as off by `testudo check`.

mod facts;
mod internal;
mod ledger;
mod outbound;
mod refuse;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use http::{Method, Response, StatusCode};
use testudo_contract::{Found, Head, RouteMatch};
use testudo_core::{Control, ControlSet, Decision, Denial, Fault, Forward, Obligation, Settle};
use testudo_gateway::{
    CloseSignal, ForwardError, Handler, Inbound, Malformed, ResponseBody, Shed, UpstreamBody, Upstreams,
};
use testudo_identity::{Acr, Caller, TokenCache};
use testudo_limits::{CallerFacts, PeerFacts, RouteClass};

use crate::metrics::WorkerMetrics;
use crate::node::Node;
use crate::pipeline::facts::{Known, KnownTokens};
use crate::pipeline::ledger::Ledger;
use crate::snapshot::Snapshot;

pub use facts::Facts;
pub use internal::{RESERVED, is_reserved};

/// The controls that a request must pass on top of the gate's own minimum.
const REQUIRED: ControlSet = ControlSet::EMPTY;

/// One worker of the data plane: everything that a request needs, nothing that blocks.
pub struct Worker {
    node: Arc<Node>,
    metrics: Arc<WorkerMetrics>,
    tokens: RefCell<TokenCache>,
    known: RefCell<KnownTokens>,
    upstreams: RefCell<(u64, Rc<Upstreams>)>,
}

impl Worker {
    /// Made on the worker's own thread.
    pub fn new(node: Arc<Node>, metrics: Arc<WorkerMetrics>) -> Rc<Worker> {
        let snapshot = node.snapshot();
        let upstreams = (snapshot.generation, Upstreams::new(snapshot.upstreams.clone()));
        Rc::new(Worker {
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

        // The waf's first phase has its place here.

        // What is asked for: the route and its parameters. A CORS preflight carries no token and ends here.
        let contract = &snapshot.contract;
        let (method, path) = (&inbound.parts.method, inbound.parts.uri.path());
        if let Some(matched) = contract.preflight(method, &inbound.parts.headers, path) {
            let known = testudo_contract::decide_route(&matched);
            return self.preflight(&snapshot, &facts, &decision.and(known), &inbound);
        }
        let (matched, known) = contract.check_head(&Head {
            method,
            path,
            query: inbound.parts.uri.query(),
            headers: &inbound.parts.headers,
        });
        decision = decision.and(known);
        let found = if let RouteMatch::Found(found) = &matched { Some(found) } else { None };
        decision = decision.and(body_size(&snapshot, found, inbound.body.declared()));

        // Who calls: the token, unless the route is public.
        let mut caller = None;
        if proceed(&decision, &snapshot) {
            let (who, authenticated) = self.authenticate(found, &facts, &inbound);
            decision = decision.and(authenticated);
            caller = who;
        }
        let known = caller.as_deref().map(|caller| self.known.borrow_mut().of(&node.store, caller)).transpose();
        let known = known.unwrap_or_else(|_| {
            // Standing and policies can't be asked about somebody who has no form for them.
            caller = None;
            decision = std::mem::take(&mut decision).and(Decision::fault(Control::Authentication, Fault::Bug));
            None
        });

        // How much lately: person, client, device, route.
        let mut flight = None;
        if proceed(&decision, &snapshot) {
            let answer = snapshot.limiter.admit_caller(&CallerFacts {
                address: facts.address,
                person: caller.as_deref().and_then(|caller| caller.person),
                client: caller.as_deref().map(|caller| &caller.client),
                device: None,
                route: found.map(|found| found.route.id.0),
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

        // Risk has its place here. Then what the caller may do: scopes, strength of the sign-in, policies.
        if proceed(&decision, &snapshot) {
            decision =
                decision.and(self.authorize(&snapshot, found, method, caller.as_deref(), known.as_deref(), &facts));
        }

        // The contract's and the waf's body phases, and the consent plan, have their places here.

        // The journal must be able to take the event, or nothing is forwarded.
        let place = match node.journal.reserve(&self.node.store) {
            Some(place) => {
                decision = decision.and(Decision::allow(Control::Audit));
                Some(place)
            }
            None => None,
        };

        // A body that announced no length is held to the same limit while it flows.
        if !snapshot.config.server.observe {
            inbound.body.limit(snapshot.max_body(found));
        }
        let route = found.map_or_else(|| "-".into(), |found| Arc::clone(&found.route.template));
        let websocket = found.is_some_and(|found| found.route.rules.websocket || contract.is_open());
        let mut ledger = Ledger::open(&self, &facts, &inbound, caller.as_deref(), &route, place);
        let (outbound, client_origin) = outbound::prepare(&snapshot, &facts, caller.as_deref(), inbound, websocket);

        let admission = if snapshot.config.server.observe {
            let (admission, refusal) = decision.admit_observed(outbound, REQUIRED);
            if let Some(refusal) = refusal {
                self.metrics.observed();
                ledger.observed(&refusal);
            }
            admission
        } else {
            match decision.admit::<Forward, _>(outbound, REQUIRED) {
                Ok(admission) => admission,
                Err(refusal) => return self.refuse(&snapshot, ledger, &facts, *refusal, rate, client_origin).await,
            }
        };

        let upstreams = self.upstreams(&snapshot);
        let owed = match Box::pin(upstreams.forward(admission)).await {
            Ok(owed) => owed,
            Err(error) => return failed(&snapshot, ledger, &facts, &error),
        };
        let (mut response, settled) = owed.settle(Fulfil);
        if settled.is_denied() {
            ledger.denied(&settled);
        }
        outbound::finish(&snapshot, &facts, caller.as_deref(), client_origin.as_ref(), rate, response.headers_mut());

        // Streams end with the session or the token.
        let signal = match (&known, &caller) {
            (Some(known), Some(caller)) if outbound::is_stream(&response) => {
                let signal = CloseSignal::new();
                ledger.stream(node.standing.streams().open(known.standing.clone(), signal.clone()));
                // The session may have ended while the upstream thought; from here on the signal tells.
                let standing = node.standing.check(&known.standing, node.clock.monotonic());
                if standing.is_denied() && !snapshot.config.server.observe {
                    signal.close("session-ended");
                }
                let left = caller.expires.since(facts.now);
                let expired = signal.clone();
                ledger.timer(tokio::task::spawn_local(async move {
                    tokio::time::sleep(left).await;
                    expired.close("token-expired");
                }));
                Some(signal)
            }
            _ => None,
        };
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
        snapshot.authorize(found, method, caller, principal, facts)
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

/// Fulfils what is owed on a response. Masking is not built yet, so that a mask that is owed can't be given: the
/// response is then withheld.
struct Fulfil;

impl Settle<Response<UpstreamBody>> for Fulfil {
    type Settled = Response<ResponseBody>;

    fn settle(
        self,
        response: Response<UpstreamBody>,
        obligations: &std::collections::BTreeSet<Obligation>,
    ) -> (Response<ResponseBody>, Decision) {
        if obligations.iter().any(|obligation| matches!(obligation, Obligation::Mask(_))) {
            let mut withheld = Response::new(ResponseBody::empty());
            *withheld.status_mut() = StatusCode::BAD_GATEWAY;
            let denied = Decision::deny(
                Control::Masking,
                Denial::Unavailable,
                "mask-unavailable",
                "the response holds fields that must be masked, and masking is off",
            );
            return (withheld, denied);
        }
        (response.map(ResponseBody::from), Decision::default())
    }
}

fn failed(snapshot: &Snapshot, mut ledger: Ledger, facts: &Facts, error: &ForwardError) -> Response<ResponseBody> {
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
