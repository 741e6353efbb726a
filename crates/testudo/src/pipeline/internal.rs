//! The paths that the server answers itself: OAuth endpoints and sign-in pages. They run through the same controls
//! (limits, blocks, strict counters for guessers), are journalled the same way, and are then called in process. In observe
//! mode these controls report here as they do for the backend; what an endpoint refuses by itself stays refused.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use axum::body::Body;
use http::{Method, Request, Response, StatusCode, header};
use testudo_api::CallFacts;
use testudo_contract::Checked;
use testudo_core::{Control, ControlSet, Decision, Denial};
use testudo_gateway::{Collected, Inbound, ResponseBody};
use testudo_identity::Context;
use testudo_limits::{Door, PeerFacts};
use tower::ServiceExt as _;

use super::facts::Facts;
use super::ledger::Ledger;
use super::{Worker, firewall, outbound, refuse};
use crate::snapshot::Snapshot;

/// The OAuth endpoints.
const OAUTH: &[&str] = &[
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/authorize",
    "/token",
    "/revoke",
    "/introspect",
    "/userinfo",
    "/jwks",
    "/logout",
];

/// The paths that the server answers itself when sign-in has no host of its own: OAuth endpoints and pages.
pub static RESERVED: LazyLock<HashSet<String>> =
    LazyLock::new(|| OAUTH.iter().map(|path| (*path).to_owned()).chain(testudo_web::public_paths()).collect());

/// What must have answered before an endpoint is called. It authenticates by itself, and the gate that issues asks for
/// that, and for these again.
const BEFORE: ControlSet = ControlSet::of(&[Control::RateLimit, Control::Standing, Control::Audit]);

/// Forms are small.
const MAX_FORM: usize = 64 * 1024;

/// Whether the server answers a path itself.
pub fn is_reserved(path: &str) -> bool {
    RESERVED.contains(path)
}

/// The strict counter that a request to an internal path falls under.
pub(crate) fn door(method: &Method, path: &str) -> Option<Door> {
    match path {
        _ if method != Method::POST => None,
        "/sign-in"
        | "/sign-in/factor"
        | "/sign-in/factor/passkey"
        | "/sign-in/passkey"
        | "/sign-in/password"
        | "/confirm"
        | "/confirm/passkey" => Some(Door::SignIn),
        "/sign-up" => Some(Door::SignUp),
        "/token" => Some(Door::Token),
        _ => None,
    }
}

fn holds(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

impl Worker {
    /// The trip of a request to an OAuth endpoint or a page.
    #[expect(clippy::too_many_lines, reason = "the trip is one straight function, to be read from top to bottom")]
    pub(super) async fn internal(
        self: Rc<Self>,
        snapshot: Arc<Snapshot>,
        facts: Facts,
        mut inbound: Inbound,
    ) -> Response<ResponseBody> {
        let peer = PeerFacts { address: facts.address, now_ns: facts.now_ns };
        let answer = snapshot.limiter.admit_peer(&peer);
        let mut rate = answer.rate;
        let mut decision = answer
            .decision
            .and(self.node.standing.check_peer(facts.address, facts.now))
            .and(self.node.standing.check_anonymous(facts.monotonic));
        let (inspection, inspected) = firewall::Inspection::open_own(&snapshot, &facts, &inbound);
        decision = decision.and(inspected);
        let door = door(&inbound.parts.method, inbound.parts.uri.path());
        let observe = snapshot.config.server.observe;
        if let Some(door) = door
            && (observe || !decision.is_denied())
        {
            let strict = snapshot.limiter.admit_door(door, &peer);
            decision = decision.and(strict.decision);
            rate = match (rate, strict.rate) {
                (Some(general), Some(strict)) => Some(general.tighter(strict)),
                (general, strict) => general.or(strict),
            };
        }
        let place = self.node.journal.reserve(&self.node.store);
        if place.is_some() {
            decision = decision.and(Decision::allow(Control::Audit));
        }
        // On a host of its own any path may be asked for, and what strangers write there is no route.
        let path = inbound.parts.uri.path();
        let route: Arc<str> = if is_reserved(path) { path.into() } else { "-".into() };
        let mut ledger = Ledger::open(&self, &facts, &inbound, None, &route, place);
        let body = match inbound.body.read_up_to(MAX_FORM).await {
            Ok(Collected::Whole(bytes)) => Some(bytes),
            Ok(Collected::TooLarge(_)) => {
                let text = "forms have at most 64 KiB";
                decision = decision.and(Decision::deny(Control::Contract, Denial::TooLarge, "body-too-large", text));
                None
            }
            Err(error) => {
                decision = decision.and(Decision::deny(
                    Control::Transport,
                    Denial::Malformed,
                    error.code(),
                    "the request body was cut off or came too slowly",
                ));
                None
            }
        };
        if let Some(body) = &body
            && (observe || !decision.is_denied())
        {
            decision = decision
                .and(inspection.whole(&firewall::without_secrets(&inbound.parts.headers, body), &Checked::default()));
        }
        inspection.finish(&snapshot, facts.request);
        ledger.inspected(&inspection);
        let refusal = decision.demand(BEFORE.union(inspection.required())).err();
        let observed = refusal.is_some();
        if let Some(refusal) = refusal {
            // Without its body there is nothing to call the endpoint with, in observe mode too.
            if !observe || body.is_none() {
                return self.refuse(&snapshot, ledger, &facts, *refusal, rate, None).await;
            }
            self.metrics.observed();
            ledger.observed(&refusal);
        }
        let body = body.unwrap_or_default();

        let unsafe_method = !inbound.parts.method.is_safe();
        let code_grant = door == Some(Door::Token) && holds(&body, b"authorization_code");
        let agent = inbound.parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let user_agent = agent.map(|agent| agent.chars().take(256).collect());
        let mut request = Request::from_parts(inbound.parts, Body::from(body));
        request.extensions_mut().insert(CallFacts {
            request: facts.request,
            address: facts.address,
            peer: inbound.conn.peer.ip(),
        });
        request.extensions_mut().insert(Context {
            request: facts.request,
            address: facts.address,
            user_agent,
            now: facts.now,
        });
        let Ok(response) = snapshot.internal.clone().oneshot(request).await;
        if unsafe_method && !(door == Some(Door::Token) && response.status().is_success()) {
            // What was ended by this, such as a family whose token came twice, is ended before the answer says so.
            self.node.settled().await;
        }
        if snapshot.config.risk.enabled && unsafe_method && (door != Some(Door::Token) || code_grant) {
            // A second factor that was just shown is known at the next request.
            self.node.risk.settled(&self.node.store).await;
        }
        if let Some(door) = door {
            match response.status() {
                status if status.is_success() && door == Door::Token => snapshot.limiter.note_success(door, &peer),
                status if status.is_redirection() => snapshot.limiter.note_success(door, &peer),
                StatusCode::SERVICE_UNAVAILABLE => {}
                _ => {
                    snapshot.limiter.note_failure(door, &peer);
                }
            }
        }
        if !response.headers().contains_key(header::CONTENT_TYPE) && response.status() == StatusCode::NOT_FOUND {
            let response =
                refuse::problem(StatusCode::NOT_FOUND, "no-such-path", "there is nothing here", facts.request);
            return Worker::deliver(&snapshot, &facts, ledger, rate, response);
        }
        // What the endpoint itself refused is refused; what was reported before it stays readable in the event.
        if response.status().is_client_error() && !observed {
            ledger.failed_internally(response.status());
        }
        Worker::deliver(&snapshot, &facts, ledger, rate, response.map(ResponseBody::boxed))
    }

    fn deliver(
        snapshot: &Snapshot,
        facts: &Facts,
        mut ledger: Ledger,
        rate: Option<testudo_limits::RateState>,
        mut response: Response<ResponseBody>,
    ) -> Response<ResponseBody> {
        outbound::finish(snapshot, facts, None, None, rate, response.headers_mut());
        ledger.answered(response.status(), None);
        response.map(|body| body.on_end(move |end| ledger.close(&end)))
    }

    /// Answers a CORS preflight.
    pub(super) fn preflight(
        self: Rc<Self>,
        snapshot: &Snapshot,
        facts: &Facts,
        decision: &Decision,
        inbound: &Inbound,
    ) -> Response<ResponseBody> {
        let mut ledger = Ledger::open(&self, facts, inbound, None, &Arc::from("-"), None);
        let rules = outbound::preflight_rules(snapshot, &inbound.parts.headers);
        let refusal = decision.clone().demand(ControlSet::EMPTY).err();
        let observe = snapshot.config.server.observe;
        if let Some(refusal) = refusal.as_ref().filter(|_| observe) {
            self.metrics.observed();
            ledger.observed(refusal);
        }
        let mut response = match testudo_gateway::cors::preflight(&rules, &inbound.parts) {
            Some(response) if observe || refusal.is_none() => response.map(|()| ResponseBody::empty()),
            _ => {
                ledger.denied(decision);
                let text = "this origin or method is not allowed; add the origin to the client with `testudo client`";
                refuse::problem(StatusCode::FORBIDDEN, "cors-refused", text, facts.request)
            }
        };
        outbound::finish(snapshot, facts, None, None, None, response.headers_mut());
        ledger.answered(response.status(), None);
        response.map(|body| body.on_end(move |end| ledger.close(&end)))
    }
}
