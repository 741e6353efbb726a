//! What only the top floor can join, as the traits that `api` defines; and the routers that are made of it.

#![expect(clippy::match_same_arms, reason = "each arm is a row of a table")]

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Weak};

use axum::middleware::map_response;
use axum::response::Response;
use axum::{Extension, Router};
use http::StatusCode;
use serde_json::{Value, json};
use testudo_api::{
    ActError, Acts, AdminRequest, AdminState, Block, CallFacts, Disclosure, ErrorPage, ExportCall, Gates, House,
    LocalOwner, OAuthState, ReadOnly, Replay, Reply, TightLimit, Weighed,
};
use testudo_core::{
    Action, Actor, Admission, BlockTarget, Control, ControlSet, Decision, Disclose, Event, EventKind, Execute, Fault,
    Issue, PersonId, Refusal, Timestamp,
};
use testudo_crypto::Purpose;
use testudo_identity::{Acr, Context, Identity, Pending};
use testudo_limits::{CallerFacts, RouteClass};
use testudo_web::Web;

use crate::actions::ActionError;
use crate::exports::PlaceError;
use crate::node::Node;
use crate::standing::{Held, HeldLimit, RoutePath, StandingFacts};

/// The list of the erased in a backup.
const ERASED: &str = "erased.jsonl";

/// The rooms of a node. Weak, since the node holds the routers that hold this.
pub struct Rooms(Weak<Node>);

/// The OAuth endpoints and the sign-in pages.
pub fn public_router(node: &Arc<Node>, identity: &Identity) -> Router {
    let rooms = Arc::new(Rooms(Arc::downgrade(node)));
    let oauth = OAuthState { identity: identity.clone(), gates: rooms, clock: Arc::clone(&node.clock) };
    let web = Web::new(identity.clone(), []);
    let pages = web.clone();
    let told = move |response: Response| {
        // What an endpoint tells a person, she reads as a page.
        let page = response.extensions().get::<ErrorPage>().cloned();
        let response =
            page.map_or(response, |page| testudo_web::error_page(&pages, StatusCode::BAD_REQUEST, &page.text));
        std::future::ready(response)
    };
    testudo_api::oauth_router(oauth).layer(map_response(told)).merge(testudo_web::router(web))
}

/// The admin API.
pub fn admin_router(node: &Arc<Node>) -> Router {
    let rooms = Arc::new(Rooms(Arc::downgrade(node)));
    let state = AdminState::new(
        (*node.identity()).clone(),
        Arc::clone(&node.admin_policies),
        rooms.clone(),
        rooms.clone(),
        rooms.clone(),
        Arc::clone(&node.clock),
    );
    testudo_api::admin_router(state.with_desk(rooms))
}

impl Node {
    /// The admin API for who owns the data folder: commands, over the socket or in process.
    pub fn owner_router(self: &Arc<Node>) -> Router {
        let node = Arc::downgrade(self);
        admin_router(self).layer(Extension(LocalOwner)).layer(axum::middleware::from_fn(
            move |mut request: axum::extract::Request, next: axum::middleware::Next| {
                let node = node.upgrade();
                async move {
                    let changes = !request.method().is_safe();
                    if let Some(node) = &node {
                        let context = node.context();
                        let facts =
                            CallFacts { request: context.request, address: context.address, peer: context.address };
                        request.extensions_mut().insert(facts);
                        request.extensions_mut().insert(context);
                    }
                    let response = next.run(request).await;
                    if let Some(node) = node.filter(|_| changes) {
                        // What was ended by this is ended before the answer says so.
                        node.settled().await;
                    }
                    response
                }
            },
        ))
    }
}

impl Rooms {
    pub(crate) fn node(&self) -> Result<Arc<Node>, ActError> {
        self.0.upgrade().ok_or_else(|| ActError::Unavailable("the server is stopping".into()))
    }
}

impl Gates for Rooms {
    fn weigh<'a>(&'a self, pending: &'a Pending, ctx: &'a Context) -> Weighed<'a> {
        Box::pin(async move {
            match self.0.upgrade() {
                Some(node) => crate::risk::weigh_tokens(&node, pending, ctx).await,
                None => Decision::fault(Control::Risk, Fault::Dependency),
            }
        })
    }

    fn owes_second_factor(&self, person: PersonId) -> Option<Timestamp> {
        let node = self.0.upgrade()?;
        node.standing.owes_step_up(node.store.person_pseudonym(person))
    }

    fn issue(
        &self,
        pending: Pending,
        decision: Decision,
        facts: &CallFacts,
    ) -> Result<Admission<Issue, Pending>, Box<Refusal>> {
        let Some(node) = self.0.upgrade() else {
            return decision
                .and(Decision::fault(Control::Standing, Fault::Dependency))
                .admit(pending, ControlSet::EMPTY);
        };
        let limiter = node.try_snapshot().map_or_else(|| Arc::clone(&node.limits), |s| Arc::clone(&s.limiter));
        let limits = limiter.admit_caller(&CallerFacts {
            address: facts.address,
            person: pending.person(),
            client: Some(pending.client()),
            device: None,
            route: None,
            template: None,
            class: RouteClass::default(),
            now_ns: u64::try_from(node.clock.monotonic().as_nanos()).unwrap_or(u64::MAX),
        });
        let now = node.clock.now();
        let standing = node.standing.check(
            &StandingFacts {
                person: pending.person().map(|person| node.store.person_pseudonym(person)),
                session: pending.session(),
                family: pending.family(),
                client: pending.client().clone(),
                build: None,
                issued: pending.since().unwrap_or(now),
                auth_time: pending.auth_time().unwrap_or(Timestamp::EPOCH),
                second_factor: pending.acr() == Some(Acr::SecondFactor),
            },
            node.clock.monotonic(),
        );
        let limits = observed(&node, limits.decision, facts);
        let required = crate::risk::required_of_tokens(&node, &pending);
        decision.and(limits).and(standing).and(audit(&node)).admit(pending, required)
    }

    fn execute(
        &self,
        request: AdminRequest,
        decision: Decision,
        _: &CallFacts,
    ) -> Result<Admission<Execute, AdminRequest>, Box<Refusal>> {
        let audit =
            self.0.upgrade().map_or_else(|| Decision::fault(Control::Audit, Fault::Dependency), |node| audit(&node));
        decision.and(audit).admit(request, ControlSet::EMPTY)
    }

    fn disclose(
        &self,
        disclosure: Disclosure,
        decision: Decision,
        _: &CallFacts,
    ) -> Result<Admission<Disclose, Disclosure>, Box<Refusal>> {
        let audit =
            self.0.upgrade().map_or_else(|| Decision::fault(Control::Audit, Fault::Dependency), |node| audit(&node));
        decision.and(audit).admit(disclosure, ControlSet::EMPTY)
    }
}

/// What the limits say of tokens. In observe mode a used-up one is reported, and the tokens are made; all else that
/// stands before tokens is asked as ever, since they outlive the mode.
fn observed(node: &Node, limits: Decision, facts: &CallFacts) -> Decision {
    let observe = node.config().server.observe;
    let Some(reason) = limits.reasons().first().filter(|_| observe && limits.is_denied()).cloned() else {
        return limits;
    };
    let event = Event::new(EventKind::RequestDecided, node.clock.now()).from(facts.address).during(facts.request);
    let mut event = event.on("tokens").detail("observed", "would have been refused");
    event.control = Some(reason.control);
    event.code = Some(reason.code);
    if node.store.append(event).is_err() {
        node.journal.lost();
    }
    if let Some(metrics) = node.metrics.first() {
        metrics.observed();
    }
    Decision::allow(Control::RateLimit)
}

/// The bit of the journal: it takes entries.
fn audit(node: &Node) -> Decision {
    if node.store.status().stalled {
        Decision::fault(Control::Audit, Fault::Dependency)
    } else {
        Decision::allow(Control::Audit)
    }
}

impl Acts for Rooms {
    fn perform<'a>(&'a self, action: Action, by: Actor, reason: &'a str) -> Reply<'a, ()> {
        Box::pin(async move {
            let node = self.node()?;
            node.perform(action, &by, reason, &node.context()).await.map_err(refused)
        })
    }

    fn perform_confirmed<'a>(&'a self, action: Action, by: Actor, reason: &'a str) -> Reply<'a, ()> {
        Box::pin(async move {
            let node = self.node()?;
            node.perform_confirmed(action, &by, reason, &node.context()).await.map_err(refused)
        })
    }
}

pub(crate) fn refused(error: ActionError) -> ActError {
    use testudo_identity::{AdminError, IdentityError};
    match error {
        ActionError::Unsupported(text) => ActError::Refused(text.into()),
        ActionError::Refused(text) => ActError::Refused(text),
        ActionError::Unconfirmed(text) => ActError::Unconfirmed(text),
        ActionError::NotFound(what) => ActError::NotFound(what),
        ActionError::Unavailable(text) => ActError::Unavailable(text),
        ActionError::Admin(AdminError::NoSuchPerson) => ActError::NotFound("person"),
        ActionError::Identity(IdentityError::NotFound(what)) => ActError::NotFound(what),
        ActionError::Identity(error) | ActionError::Admin(AdminError::Identity(error)) => {
            unavailable(error.fault(), &error)
        }
        ActionError::Admin(error) => ActError::Refused(error.to_string()),
        ActionError::Commit(error) => unavailable(error.fault(), &error),
    }
}

fn unavailable(fault: Fault, error: &dyn std::fmt::Display) -> ActError {
    match fault {
        Fault::Client => ActError::Conflict,
        Fault::Bug => ActError::Failed(error.to_string()),
        Fault::Peer | Fault::Dependency => ActError::Unavailable(error.to_string()),
    }
}

impl House for Rooms {
    fn status(&self) -> Value {
        match self.0.upgrade() {
            Some(node) => crate::status::status(&node),
            None => json!({ "state": "stopping" }),
        }
    }

    fn blocks(&self) -> Vec<Block> {
        let Some(node) = self.0.upgrade() else { return Vec::new() };
        let block = |(network, held): (_, Held)| Block {
            target: BlockTarget::Network(network),
            since: held.since,
            until: held.until,
            reason: held.reason,
        };
        node.standing.blocks().into_iter().map(block).collect()
    }

    fn tightened(&self) -> Vec<TightLimit> {
        let Some(node) = self.0.upgrade() else { return Vec::new() };
        let limit = |HeldLimit { target, percent, held }| TightLimit {
            target,
            percent,
            since: held.since,
            until: held.until,
            reason: held.reason,
        };
        node.standing.tightened().into_iter().map(limit).collect()
    }

    fn restricted(&self) -> Vec<ReadOnly> {
        let Some(node) = self.0.upgrade() else { return Vec::new() };
        let route = |(path, held): (RoutePath, Held)| ReadOnly {
            path: path.into(),
            since: held.since,
            until: held.until,
            reason: held.reason,
        };
        node.standing.restricted().into_iter().map(route).collect()
    }

    fn risk(&self, person: PersonId) -> Reply<'_, Value> {
        Box::pin(async move {
            let node = self.node()?;
            node.risk_of(person).await.map_err(|error| unavailable(error.fault(), &error))
        })
    }

    fn backup(&self, _: Actor) -> Reply<'_, Value> {
        Box::pin(async move {
            let node = self.node()?;
            let name = node.clock.now().to_string().replace([':', '.'], "-");
            let folder = node.data.path().join("backups").join(name);
            let manifest =
                node.store.backup(&folder).await.map_err(|error| ActError::Unavailable(error.to_string()))?;
            // Whom a restore of an older backup must erase again.
            let unavailable = |error: &dyn std::fmt::Display| ActError::Unavailable(error.to_string());
            let erased = node.store.erased().await.map_err(|error| unavailable(&error))?;
            let list = folder.join(ERASED);
            tokio::fs::write(&list, testudo_store::erased_to_lines(&erased))
                .await
                .map_err(|error| unavailable(&error))?;
            let mut answer = serde_json::to_value(&manifest).unwrap_or_default();
            if let Some(answer) = answer.as_object_mut() {
                answer.insert("folder".into(), json!(folder));
            }
            Ok(answer)
        })
    }

    fn check_rules(&self, replay: &Replay) -> Result<(), ActError> {
        crate::watch::replay::compile(replay).map(drop)
    }

    fn replay(&self, replay: Replay, progress: Arc<AtomicU64>) -> Reply<'_, Value> {
        Box::pin(async move { crate::watch::replay::run(&*self.node()?, &replay, progress).await })
    }

    fn checkpoint_file(&self) -> Option<PathBuf> {
        self.0.upgrade().map(|node| node.data.checkpoints(&node.config()))
    }

    fn config(&self) -> Value {
        self.0.upgrade().map_or(Value::Null, |node| serde_json::to_value(&*node.config()).unwrap_or_default())
    }

    fn reload(&self, _: Actor) -> Reply<'_, Value> {
        Box::pin(async move {
            let node = self.node()?;
            node.ask_reload().await.map_err(ActError::Refused)?;
            Ok(json!({ "generation": node.try_snapshot().map(|snapshot| snapshot.generation) }))
        })
    }

    fn exports(&self, call: ExportCall, by: Actor) -> Reply<'_, Value> {
        Box::pin(async move {
            let node = self.node()?;
            let answer = match call {
                ExportCall::List => node.exports.list(&node).await,
                ExportCall::Test { name } => node.exports.test(&node, &name).await,
                ExportCall::Resend { name, from } => node.exports.resend(&node, &name, from, &by).await,
                ExportCall::Forget { name } => node.exports.forget(&node, &name, &by).await,
            };
            answer.map_err(|error| match error {
                PlaceError::Unknown => ActError::NotFound("export"),
                PlaceError::Refused(text) => ActError::Refused(text),
                error @ (PlaceError::Failed(_) | PlaceError::Read(_)) => ActError::Unavailable(error.to_string()),
                PlaceError::Commit(error) => unavailable(error.fault(), &error),
            })
        })
    }

    fn rotate_ring<'a>(&'a self, purpose: &'a str, _: Actor) -> Reply<'a, Value> {
        Box::pin(async move {
            let node = self.node()?;
            let known = Purpose::ALL.iter().copied().find(|known| known.name() == purpose);
            let purpose = known.ok_or(ActError::NotFound("purpose"))?;
            let root = node
                .data
                .unlock(&node.config(), crate::commands::root_key_from_environment())
                .map_err(|error| ActError::Unavailable(error.to_string()))?;
            let rotated = node.store.rotate_keys(purpose, &root).await;
            rotated.map_err(|error| ActError::Refused(error.to_string()))?;
            let versions = node.store.ring().history(purpose);
            Ok(json!({ "purpose": purpose.name(), "versions": versions }))
        })
    }
}
