//! A small house for the tests of the routers: a store in memory, gates that ask for their minimum, acts that are
//! performed by the identity server itself.

#![allow(clippy::expect_used, reason = "a test")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use testudo_access::AdminPolicies;
use testudo_core::{
    Action, Actor, Admission, BlockTarget, Clock, Control, ControlSet, Decision, Denial, Disclose, Execute, Issue,
    LimitTarget, Refusal, RequestId, Secret, Timestamp,
};
use testudo_crypto::RootKey;
use testudo_crypto::password::HashPool;
use testudo_identity::{
    ClientForm, Context, Identity, IdentityConfig, Pending, SignInOutcome, SignUpForm, SignUpOutcome,
};
use testudo_store::{Entry, JournalFilter, Store, StoreConfig};
use tower::ServiceExt;

use crate::{
    ActError, Acts, AdminRequest, AdminState, Block, CallFacts, Disclosure, ExportCall, Gates, House, OAuthState,
    ReadOnly, Replay, Reply, TightLimit, admin_router, oauth_router,
};

pub(crate) const ISSUER: &str = "https://id.example.org";
pub(crate) const PASSWORD: &str = "correct horse battery staple";

pub(crate) struct Still(AtomicI64);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.0.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// Gates that join what the top floor would say; both can be told to refuse.
#[derive(Default)]
pub(crate) struct TestGates {
    pub(crate) refuse: Mutex<Option<Decision>>,
}

impl TestGates {
    fn join(&self, decision: Decision) -> Decision {
        let others = Decision::allow_all(ControlSet::of(&[Control::RateLimit, Control::Standing, Control::Audit]));
        let refused = self.refuse.lock().unwrap().clone();
        let joined = decision.and(others);
        refused.map_or(joined.clone(), |refused| joined.and(refused))
    }
}

impl Gates for TestGates {
    fn issue(
        &self,
        pending: Pending,
        decision: Decision,
        _: &CallFacts,
    ) -> Result<Admission<Issue, Pending>, Box<Refusal>> {
        self.join(decision).admit(pending, ControlSet::EMPTY)
    }

    fn execute(
        &self,
        request: AdminRequest,
        decision: Decision,
        _: &CallFacts,
    ) -> Result<Admission<Execute, AdminRequest>, Box<Refusal>> {
        self.join(decision).admit(request, ControlSet::EMPTY)
    }

    fn disclose(
        &self,
        disclosure: Disclosure,
        decision: Decision,
        _: &CallFacts,
    ) -> Result<Admission<Disclose, Disclosure>, Box<Refusal>> {
        self.join(decision).admit(disclosure, ControlSet::EMPTY)
    }
}

pub(crate) struct TestActs(Identity, Context);

impl Acts for TestActs {
    fn perform<'a>(&'a self, action: Action, by: Actor, reason: &'a str) -> Reply<'a, ()> {
        Box::pin(async move {
            let done = match action {
                Action::RevokeSession { session } => self.0.revoke_session(session, by, reason, &self.1).await,
                Action::RevokePerson { person } => self.0.revoke_person(person, by, reason, &self.1).await,
                Action::RevokeFamily { family } => self.0.revoke_family(family, by, reason, &self.1).await,
                Action::LockPerson { person } => {
                    return self
                        .0
                        .lock_person(person, reason, &by, &self.1)
                        .await
                        .map_err(|_| ActError::NotFound("person"));
                }
                Action::ForcePasswordReset { person } => {
                    return self.0.require_reset(person, &by, &self.1).await.map_err(|_| ActError::NotFound("person"));
                }
                Action::Block { ref target, .. } if *target == loopback() => {
                    return Err(ActError::Unconfirmed("it is ourselves".into()));
                }
                Action::Block { .. }
                | Action::Unblock { .. }
                | Action::TightenLimits { .. }
                | Action::RestoreLimits { .. }
                | Action::RestrictRoutes { .. }
                | Action::ReleaseRoutes { .. }
                | Action::RequireStepUp { .. }
                | Action::WaiveStepUp { .. } => Ok(()),
                other => return Err(ActError::Failed(format!("not in this test: {other:?}"))),
            };
            done.map_err(|_| ActError::NotFound("target"))
        })
    }

    fn perform_confirmed<'a>(&'a self, _: Action, _: Actor, _: &'a str) -> Reply<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

fn loopback() -> BlockTarget {
    BlockTarget::Network(ipnet::IpNet::from(std::net::IpAddr::from([127, 0, 0, 1])))
}

pub(crate) struct TestHouse;

impl House for TestHouse {
    fn status(&self) -> Value {
        json!({ "controls": { "waf": { "on": false, "reason": "not built yet" } } })
    }

    fn blocks(&self) -> Vec<Block> {
        let target = BlockTarget::Network("203.0.113.0/24".parse().expect("a network"));
        let (since, until) = (Timestamp::EPOCH, Timestamp::from_seconds(600));
        vec![Block { target, since, until, reason: "a scan".into() }]
    }

    fn risk(&self, person: testudo_core::PersonId) -> Reply<'_, Value> {
        Box::pin(std::future::ready(Ok(json!({ "person": person, "second_factor": true }))))
    }

    fn tightened(&self) -> Vec<TightLimit> {
        let (since, until) = (Timestamp::EPOCH, Timestamp::from_seconds(600));
        vec![TightLimit { target: LimitTarget::Everyone, percent: 20, since, until, reason: "a flood".into() }]
    }

    fn restricted(&self) -> Vec<ReadOnly> {
        let (since, until) = (Timestamp::EPOCH, Timestamp::from_seconds(600));
        vec![ReadOnly { path: "/transfers".into(), since, until, reason: "a theft".into() }]
    }

    fn backup(&self, _: Actor) -> Reply<'_, Value> {
        Box::pin(async { Ok(json!({})) })
    }

    fn check_rules(&self, replay: &Replay) -> Result<(), ActError> {
        match replay.rules.first() {
            Some(file) if file.text.is_empty() => Err(ActError::Refused(format!("{}:1: there is no rule", file.name))),
            _ => Ok(()),
        }
    }

    fn replay(&self, replay: Replay, progress: Arc<std::sync::atomic::AtomicU64>) -> Reply<'_, Value> {
        progress.store(3, Ordering::Relaxed);
        Box::pin(std::future::ready(Ok(json!({ "state": "done", "since": replay.since, "rules": replay.rules.len() }))))
    }

    fn checkpoint_file(&self) -> Option<PathBuf> {
        None
    }

    fn config(&self) -> Value {
        json!({})
    }

    fn reload(&self, _: Actor) -> Reply<'_, Value> {
        Box::pin(async { Err(ActError::Refused("line 3: unknown key `lissten`; did you mean `listen`?".into())) })
    }

    fn rotate_ring<'a>(&'a self, purpose: &'a str, _: Actor) -> Reply<'a, Value> {
        Box::pin(async move { Ok(json!({ "purpose": purpose })) })
    }

    fn exports(&self, call: ExportCall, _: Actor) -> Reply<'_, Value> {
        Box::pin(async move {
            match call {
                ExportCall::List => Ok(json!({ "head": 7, "items": [{ "name": "siem", "place": 5, "waiting": 2 }] })),
                ExportCall::Resend { name, from } if name == "siem" => Ok(json!({ "name": name, "place": from })),
                ExportCall::Test { name } | ExportCall::Forget { name } if name == "siem" => {
                    Ok(json!({ "name": name }))
                }
                _ => Err(ActError::NotFound("export")),
            }
        })
    }
}

pub(crate) struct Testing {
    pub(crate) identity: Identity,
    pub(crate) gates: Arc<TestGates>,
    pub(crate) ctx: Context,
    pub(crate) oauth: Router,
    pub(crate) admin: Router,
}

impl Testing {
    pub(crate) async fn new() -> Testing {
        let clock: Arc<dyn Clock> = Arc::new(Still(AtomicI64::new(1_790_000_000)));
        let root = RootKey::generate();
        let store = Store::open(&StoreConfig::memory(), &root, Arc::clone(&clock)).await.unwrap();
        let identity = Identity::new(store, HashPool::new(1, 16), IdentityConfig::new(ISSUER).unwrap());
        let ctx = Context {
            request: RequestId::from_bytes([7; 16]),
            address: "203.0.113.7".parse().unwrap(),
            user_agent: None,
            now: clock.now(),
        };
        identity.load_keys(&ctx).await.unwrap();
        let mut wallet = ClientForm::wallet_app();
        wallet.cors_origins.insert("https://app.example.org".into());
        identity.ensure_client("wallet-app", wallet, &ctx).await.unwrap();
        let admin = ClientForm::testudo_admin(&format!("{ISSUER}/admin"));
        identity.ensure_client("testudo-admin", admin, &ctx).await.unwrap();
        let gates = Arc::new(TestGates::default());
        let oauth = oauth_router(OAuthState {
            identity: identity.clone(),
            gates: Arc::clone(&gates) as Arc<dyn Gates>,
            clock: Arc::clone(&clock),
        });
        let admin = admin_router(AdminState::new(
            identity.clone(),
            Arc::new(AdminPolicies::embedded().unwrap()),
            Arc::clone(&gates) as Arc<dyn Gates>,
            Arc::new(TestActs(identity.clone(), ctx.clone())),
            Arc::new(TestHouse),
            clock,
        ));
        Testing { identity, gates, ctx, oauth, admin }
    }

    pub(crate) fn refuse(&self, control: Control, denial: Denial, code: &'static str) {
        *self.gates.refuse.lock().unwrap() = Some(Decision::deny(control, denial, code, "refused by the test"));
    }

    /// Somebody with an account; her session cookie.
    pub(crate) async fn sign_in(&self, username: &str) -> Secret<String> {
        let form = SignUpForm { username: username.into(), name: "Ada".into(), password: Secret::new(PASSWORD.into()) };
        assert_eq!(self.identity.sign_up(form, &self.ctx).await.unwrap(), SignUpOutcome::Done);
        let outcome = self.identity.sign_in(username, Secret::new(PASSWORD.into()), None, &self.ctx).await.unwrap();
        match outcome {
            SignInOutcome::SignedIn(session) => session.cookie,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn entries(&self) -> Vec<Entry> {
        self.identity.store().flush().await;
        self.identity.store().read_journal(0, 1000, &JournalFilter::default()).await.unwrap()
    }
}

pub(crate) fn call(method: &str, uri: &str) -> axum::http::request::Builder {
    let facts = CallFacts {
        request: RequestId::from_bytes([7; 16]),
        address: "203.0.113.7".parse().unwrap(),
        peer: "203.0.113.7".parse().unwrap(),
    };
    Request::builder().method(method).uri(uri).extension(facts)
}

pub(crate) async fn send(router: &Router, request: Request<Body>) -> Response<Body> {
    router.clone().oneshot(request).await.unwrap()
}

pub(crate) async fn body(response: Response<Body>) -> Value {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap_or(Value::Null)
}

pub(crate) fn header<'a>(response: &'a Response<Body>, name: &str) -> &'a str {
    response.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}
