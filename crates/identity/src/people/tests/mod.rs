//! Behaviour of the people side, against a store in memory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod accounts;
mod administration;
mod factors;
mod sign_in;

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use testudo_core::{Clock, Event, EventKind, Outcome, RequestId, Secret, Timestamp};
use testudo_crypto::password::HashPool;
use testudo_crypto::{RootKey, random};
use testudo_store::{JournalFilter, Store, StoreConfig};

use super::browser::NewSession;
use super::factors::TotpEnrolment;
use super::{ConfirmOutcome, FactorOutcome, RecoveryCode, SignInOutcome, SignUpForm, SignUpOutcome};
use crate::{Context, Identity, IdentityConfig};

pub(super) const ADA: &str = "ada@example.com";
pub(super) const PASSWORD: &str = "mesa lantern forty-two";

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000)
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// An authority over a store in memory, with a clock that the test moves.
pub(super) struct House {
    pub(super) identity: Identity,
    now: Cell<Timestamp>,
}

impl House {
    pub(super) async fn build() -> House {
        let store = Store::open(&StoreConfig::memory(), &RootKey::generate(), Arc::new(Fixed)).await.unwrap();
        let config = IdentityConfig::new("https://id.example.org").unwrap();
        let identity = Identity::new(store, HashPool::new(2, 64), config);
        House { identity, now: Cell::new(Timestamp::from_seconds(1_800_000_000)) }
    }

    /// One with Ada in it.
    pub(super) async fn with_ada() -> House {
        let house = House::build().await;
        let outcome = house.sign_up(ADA, PASSWORD).await;
        assert_eq!(outcome, SignUpOutcome::Done);
        house
    }

    pub(super) fn wait(&self, seconds: u64) {
        self.now.set(self.now.get().plus(Duration::from_secs(seconds)));
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now.get()
    }

    pub(super) fn ctx(&self) -> Context {
        Context {
            request: RequestId::new(self.now(), random::array()),
            address: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)),
            user_agent: Some("Mozilla/5.0 (Android 14) Firefox/140.0".into()),
            now: self.now(),
        }
    }

    pub(super) async fn sign_up(&self, username: &str, password: &str) -> SignUpOutcome {
        let form = SignUpForm { username: username.into(), name: "Ada".into(), password: secret(password) };
        self.identity.sign_up(form, &self.ctx()).await.unwrap()
    }

    pub(super) async fn try_password(&self, username: &str, password: &str) -> SignInOutcome {
        self.identity.sign_in(username, secret(password), None, &self.ctx()).await.unwrap()
    }

    pub(super) async fn try_from(&self, known: &Secret<String>, password: &str) -> SignInOutcome {
        let mark = Some(known.expose().as_str());
        self.identity.sign_in(ADA, secret(password), mark, &self.ctx()).await.unwrap()
    }

    pub(super) async fn sign_in(&self, username: &str, password: &str) -> NewSession {
        match self.try_password(username, password).await {
            SignInOutcome::SignedIn(session) => session,
            other => panic!("not signed in: {other:?}"),
        }
    }

    /// Ada signs in and puts an app on her account: her session, the app's secret and the recovery codes.
    pub(super) async fn enrol_app(&self) -> (NewSession, String, Vec<RecoveryCode>) {
        let session = self.sign_in(ADA, PASSWORD).await;
        let enrolment = self.begin(&session).await;
        let app = enrolment.secret.expose().clone();
        let code = self.code(&app);
        let cookie = Some(session.cookie.expose().as_str());
        match self.identity.confirm_totp(cookie, &code, &self.ctx()).await.unwrap() {
            ConfirmOutcome::Enrolled { session, codes } => {
                self.wait(60);
                (session, app, codes)
            }
            other => panic!("not enrolled: {other:?}"),
        }
    }

    pub(super) async fn begin(&self, session: &NewSession) -> TotpEnrolment {
        match self.identity.begin_totp(&session.who, &self.ctx()).await.unwrap() {
            FactorOutcome::Done(enrolment) => enrolment,
            other => panic!("not begun: {other:?}"),
        }
    }

    /// What the app shows now.
    pub(super) fn code(&self, app: &str) -> String {
        super::factors::code_for(app, self.now())
    }

    pub(super) async fn half_way(&self) -> Secret<String> {
        match self.try_password(ADA, PASSWORD).await {
            SignInOutcome::SecondFactorDue(pending) => pending,
            other => panic!("no second factor due: {other:?}"),
        }
    }

    pub(super) async fn is_signed_in(&self, cookie: &Secret<String>) -> bool {
        self.identity.browser(Some(cookie.expose()), &self.ctx()).await.unwrap().is_some()
    }

    /// The events so far, opened.
    pub(super) async fn events(&self) -> Vec<Event> {
        let store = self.identity.store();
        let entries = store.read_journal(0, 10_000, &JournalFilter::default()).await.unwrap();
        let mut events = Vec::new();
        for entry in &entries {
            events.push(store.open_entry(entry).await.unwrap().event);
        }
        events
    }

    /// Kind, outcome and code of the events since the last `skip`.
    pub(super) async fn story(&self, skip: usize) -> Vec<String> {
        let line = |event: &Event| match (&event.code, event.outcome) {
            (Some(code), _) => format!("{} {code}", event.kind),
            (None, Outcome::Success) => event.kind.to_string(),
            (None, Outcome::Failure) => format!("{} failed", event.kind),
        };
        self.events().await.iter().skip(skip).map(line).collect()
    }

    pub(super) async fn count(&self, kind: EventKind) -> usize {
        self.events().await.iter().filter(|event| event.kind == kind).count()
    }
}

pub(super) fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

pub(super) fn refused(outcome: &SignInOutcome) -> bool {
    matches!(outcome, SignInOutcome::Refused)
}
