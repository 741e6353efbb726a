//! A small house for tests: a store in memory, a person who is signed in, two clients, a clock that stands still.

use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;
use testudo_core::{Actor, Clock, ControlSet, Event, EventKind, Gate, Issue, PersonId, Secret, SessionId, Timestamp};
use testudo_crypto::RootKey;
use testudo_crypto::digest::sha256;
use testudo_crypto::password::HashPool;
use testudo_store::{JournalFilter, Store, StoreConfig, Tx};

use crate::oauth::*;
use crate::people::Person;
use crate::session::{Acr, Amr, Session, SessionState, SignedIn};
use crate::{Context, Identity, IdentityConfig};

pub(super) const ISSUER: &str = "https://id.example.org";
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(super) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(super) const CALLBACK: &str = "http://127.0.0.1:49152/callback";

pub(super) struct Still(pub(super) Timestamp);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

pub(super) struct House {
    pub(super) identity: Identity,
    pub(super) ctx: Context,
    pub(super) ada: SignedIn,
    pub(super) service_secret: Secret<String>,
}

impl House {
    pub(super) async fn new() -> House {
        let now = Timestamp::from_seconds(1_790_000_000);
        let store = Store::open(&StoreConfig::memory(), &RootKey::generate(), Arc::new(Still(now))).await.unwrap();
        House::over(store, now).await
    }

    pub(super) async fn over(store: Store, now: Timestamp) -> House {
        let identity = Identity::new(store, HashPool::new(1, 4), IdentityConfig::new(ISSUER).unwrap());
        let request = testudo_core::RequestId::from_bytes([9; 16]);
        let ctx = Context { request, address: "203.0.113.7".parse().unwrap(), user_agent: None, now };
        identity.load_keys(&ctx).await.unwrap();
        identity.ensure_client("wallet-app", ClientForm::wallet_app(), &ctx).await.unwrap();
        let mut other = ClientForm::wallet_app();
        other.first_party = false;
        identity.register_client("third-party".parse().unwrap(), other, Actor::default(), &ctx).await.unwrap();
        let service = ClientForm {
            kind: ClientType::Confidential,
            redirect_uris: vec![],
            post_logout_redirect_uris: vec![],
            grant_types: [GrantType::ClientCredentials].into(),
            ..ClientForm::wallet_app()
        };
        let service =
            identity.register_client("service".parse().unwrap(), service, Actor::default(), &ctx).await.unwrap();
        let ada = sign_in(&identity, "ada@example.org", Acr::Password, &ctx).await;
        House { identity, ctx, ada, service_secret: service.secret.unwrap() }
    }

    pub(super) fn later(&mut self, time: Duration) {
        self.ctx.now = self.ctx.now.plus(time);
    }

    pub(super) async fn authorize(&self, query: &str) -> AuthorizeOutcome {
        self.identity.authorize(query, Some(&self.ada), None, false, &self.ctx).await.unwrap()
    }

    pub(super) async fn code(&self) -> String {
        self.code_for(&query(&[])).await
    }

    pub(super) async fn code_for(&self, query: &str) -> String {
        param(&redirect(self.authorize(query).await), "code").expect("a code")
    }

    pub(super) async fn token(&self, form: &[(&str, &str)]) -> Result<TokenResponse, OAuthError> {
        self.token_as(form, None).await
    }

    pub(super) async fn token_as(
        &self,
        form: &[(&str, &str)],
        authorization: Option<&str>,
    ) -> Result<TokenResponse, OAuthError> {
        let form = encode(form);
        let (pending, decision) =
            self.identity.prepare(&TokenRequest { form: &form, authorization }, &self.ctx).await?;
        let joined = decision.and(testudo_core::Decision::allow_all(Issue::MINIMUM));
        self.identity.issue(joined.admit(pending, ControlSet::EMPTY).unwrap(), &self.ctx).await
    }

    pub(super) async fn exchange(&self, code: &str) -> Result<TokenResponse, OAuthError> {
        self.token(&exchange(code)).await
    }

    pub(super) async fn signed_in_app(&self) -> TokenResponse {
        self.exchange(&self.code().await).await.unwrap()
    }

    pub(super) async fn refresh(&self, token: &str) -> Result<TokenResponse, OAuthError> {
        self.token(&refresh(token)).await
    }

    pub(super) async fn introspect(&self, token: &str) -> Value {
        let form =
            encode(&[("client_id", "service"), ("client_secret", self.service_secret.expose()), ("token", token)]);
        self.identity.introspect(&TokenRequest { form: &form, authorization: None }, &self.ctx).await.unwrap()
    }

    pub(super) async fn events(&self, kind: EventKind) -> Vec<Event> {
        self.identity.store.flush().await;
        let filter = JournalFilter { kinds: vec![kind], ..JournalFilter::default() };
        let entries = self.identity.store.read_journal(0, 1000, &filter).await.unwrap();
        let mut events = Vec::new();
        for entry in entries {
            events.push(self.identity.store.open_entry(&entry).await.unwrap().event);
        }
        events
    }
}

pub(super) async fn sign_in(identity: &Identity, name: &str, acr: Acr, ctx: &Context) -> SignedIn {
    let person = PersonId::new(ctx.now, testudo_crypto::random::array());
    let mut record = Person::new(person, name.parse().unwrap(), "Ada".into(), ctx.now);
    record.roles.insert("customer".into());
    let session = Session {
        id: SessionId::new(ctx.now, testudo_crypto::random::array()),
        person,
        cookie: testudo_crypto::random::array(),
        created: ctx.now,
        seen: ctx.now,
        ends: ctx.now.plus(Duration::from_hours(30 * 24)),
        auth_time: ctx.now,
        acr,
        amr: vec![Amr::Pwd],
        state: SessionState::Active,
        address: None,
        user_agent: None,
        epoch: record.epoch,
        entrance: crate::Entrance::Public,
        factor_time: None,
    };
    let mut tx = Tx::new();
    tx.create_person(person);
    tx.insert(&record);
    tx.insert(&session);
    tx.event(ctx.event(EventKind::SignedUp).to(person));
    identity.store.commit(tx).await.unwrap();
    SignedIn {
        person: session.person,
        session: session.id,
        auth_time: session.auth_time,
        acr: session.acr,
        amr: session.amr.clone(),
        roles: record.roles.clone(),
        entrance: session.entrance,
        factor_time: session.factor_time,
    }
}

pub(super) fn encode(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// A good query with some parameters changed; an empty value takes one away.
pub(super) fn query(changes: &[(&str, &str)]) -> String {
    let mut pairs = vec![
        ("response_type", "code"),
        ("client_id", "wallet-app"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid profile email accounts:read"),
        ("state", "s&t=a te"),
        ("nonce", "n-1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in changes {
        pairs.retain(|(known, _)| known != name);
        pairs.push((name, value));
    }
    pairs.retain(|(_, value)| !value.is_empty());
    encode(&pairs)
}

pub(super) fn exchange(code: &str) -> Vec<(&'static str, &str)> {
    vec![
        ("grant_type", "authorization_code"),
        ("client_id", "wallet-app"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ]
}

pub(super) fn refresh(token: &str) -> Vec<(&'static str, &str)> {
    vec![("grant_type", "refresh_token"), ("client_id", "wallet-app"), ("refresh_token", token)]
}

pub(super) fn redirect(outcome: AuthorizeOutcome) -> String {
    match outcome {
        AuthorizeOutcome::Redirect(url) => url,
        other => panic!("no redirect but {other:?}"),
    }
}

pub(super) fn param(url: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(url).unwrap();
    url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

pub(super) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap()).unwrap()
}

pub(super) fn refresh_token(response: &TokenResponse) -> String {
    response.refresh_token.as_ref().unwrap().expose().clone()
}

pub(super) fn half_hash(text: &str) -> String {
    BASE64URL_NOPAD.encode(&sha256(text.as_bytes())[..16])
}
