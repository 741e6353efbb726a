//! Passkeys as browsers and attackers use them, against a store in memory and an authenticator in software.

#![allow(clippy::similar_names, reason = "the names are the words of the field")]
#![allow(clippy::unnecessary_wraps, reason = "the shape that its callers expect")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use testudo_core::{Actor, Clock, Event, EventKind, RequestId, Secret, Timestamp};
use testudo_crypto::password::HashPool;
use testudo_crypto::{RootKey, random};
use testudo_identity::{
    Acr, AddPasskeyOutcome, AdminError, Amr, Context, FactorOutcome, Identity, IdentityConfig, NewSession, OWNER,
    PasskeyCeremony, PasskeyFault, PasskeyOrigin, SecondFactorOutcome, SignInOutcome, SignUpForm,
};
use testudo_store::{JournalFilter, Store, StoreConfig};
use testudo_testkit::authenticator::{Authenticator, BACKED_UP, ELIGIBLE, PRESENT, VERIFIED};

const ADA: &str = "ada@example.com";
const BOB: &str = "bob@example.com";
const PASSWORD: &str = "mesa lantern forty-two";
const ORIGIN: &str = "https://id.example.org";
const HOST: &str = "id.example.org";
const START: i64 = 1_800_000_000;

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(START)
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

struct House {
    identity: Identity,
    now: Cell<Timestamp>,
}

impl House {
    async fn build() -> House {
        let store = Store::open(&StoreConfig::memory(), &RootKey::generate(), Arc::new(Fixed)).await.unwrap();
        let identity = Identity::new(store, HashPool::new(2, 64), IdentityConfig::new(ORIGIN).unwrap());
        let house = House { identity, now: Cell::new(Timestamp::from_seconds(START)) };
        for name in [ADA, BOB] {
            let form = SignUpForm { username: name.into(), name: String::new(), password: secret(PASSWORD) };
            house.identity.sign_up(form, &house.ctx()).await.unwrap();
        }
        house
    }

    fn wait(&self, seconds: u64) {
        self.now.set(self.now.get().plus(Duration::from_secs(seconds)));
    }

    fn ctx(&self) -> Context {
        Context {
            request: RequestId::new(self.now.get(), random::array()),
            address: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)),
            user_agent: Some("Mozilla/5.0 (Android 14) Firefox/140.0".into()),
            now: self.now.get(),
        }
    }

    async fn password(&self, name: &str) -> SignInOutcome {
        self.identity.sign_in(name, secret(PASSWORD), None, &self.ctx()).await.unwrap()
    }

    async fn signed_in(&self, name: &str) -> NewSession {
        match self.password(name).await {
            SignInOutcome::SignedIn(session) => session,
            other => panic!("not signed in: {other:?}"),
        }
    }

    async fn add(&self, session: &NewSession, authenticator: &mut Authenticator) -> AddPasskeyOutcome {
        let at = at(ORIGIN);
        let begun = match self.identity.begin_passkey(cookie(session), &at, &self.ctx()).await.unwrap() {
            FactorOutcome::Done(begun) => begun,
            other => panic!("not begun: {other:?}"),
        };
        let answer = authenticator.create(&begun.options).unwrap();
        self.identity.add_passkey(cookie(session), Some(begun.token.expose()), &answer, "", &self.ctx()).await.unwrap()
    }

    /// Somebody with a passkey, and her session.
    async fn with_passkey(&self, name: &str) -> (NewSession, Authenticator) {
        let session = self.signed_in(name).await;
        let mut authenticator = Authenticator::new(ORIGIN, HOST).unwrap();
        match self.add(&session, &mut authenticator).await {
            AddPasskeyOutcome::Added { session, .. } => (session, authenticator),
            other => panic!("not added: {other:?}"),
        }
    }

    async fn begin(&self) -> PasskeyCeremony {
        self.identity.begin_passkey_sign_in(&at(ORIGIN), &self.ctx()).await.unwrap()
    }

    async fn finish(&self, begun: &PasskeyCeremony, answer: &str) -> SignInOutcome {
        self.identity.passkey_sign_in(Some(begun.token.expose()), answer, None, &self.ctx()).await.unwrap()
    }

    async fn sign_in(&self, authenticator: &mut Authenticator) -> SignInOutcome {
        let begun = self.begin().await;
        let answer = authenticator.get(&begun.options).unwrap();
        self.finish(&begun, &answer).await
    }

    async fn events(&self) -> Vec<Event> {
        let store = self.identity.store();
        let entries = store.read_journal(0, 10_000, &JournalFilter::default()).await.unwrap();
        let mut events = Vec::new();
        for entry in &entries {
            events.push(store.open_entry(entry).await.unwrap().event);
        }
        events
    }

    /// The code of the last event of a kind.
    async fn last_code(&self, kind: EventKind) -> Option<String> {
        let events = self.events().await;
        events.iter().rev().find(|event| event.kind == kind)?.code.as_ref().map(ToString::to_string)
    }

    async fn make_owner(&self, name: &str) {
        let person = self.identity.person_by_name(name).await.unwrap().unwrap().id();
        self.identity.grant_role(person, OWNER, &Actor::default(), &self.ctx()).await.unwrap();
    }
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn at(origin: &str) -> PasskeyOrigin {
    PasskeyOrigin::parse(origin).unwrap()
}

fn cookie(session: &NewSession) -> Option<&str> {
    Some(session.cookie.expose())
}

#[tokio::test]
async fn a_passkey_signs_in_without_a_name_and_is_two_factors() {
    let house = House::build().await;
    let (_, mut authenticator) = house.with_passkey(ADA).await;
    let SignInOutcome::SignedIn(session) = house.sign_in(&mut authenticator).await else { panic!("not signed in") };
    let ada = house.identity.person_by_name(ADA).await.unwrap().unwrap();
    assert_eq!((session.who.person, session.who.acr), (ada.id(), Acr::SecondFactor));
    assert_eq!(session.who.amr, [Amr::Pop, Amr::Mfa]);
    assert!(session.who.has_fresh_factor(house.now.get()));
    let passkeys = house.identity.passkeys(ada.id()).await.unwrap();
    assert_eq!((passkeys.len(), passkeys[0].host.as_str(), passkeys[0].synced), (1, HOST, false));
    assert_eq!((passkeys[0].name.as_str(), passkeys[0].used), ("Passkey, Firefox on Android", Some(house.now.get())));
    let event = house.events().await.into_iter().rev().find(|event| event.kind == EventKind::SignIn).unwrap();
    assert_eq!(event.details.get("kind").map(|kind| kind.clone().replace('"', "")).as_deref(), Some("passkey"));
    // A password alone is not enough any more.
    assert!(matches!(house.password(ADA).await, SignInOutcome::SecondFactorDue(_)));
}

#[tokio::test]
async fn the_options_tell_nothing_about_accounts() {
    let house = House::build().await;
    house.with_passkey(ADA).await;
    let shape = |begun: &PasskeyCeremony| {
        let mut options: Value = serde_json::from_str(&begun.options).unwrap();
        let challenge = options["publicKey"]["challenge"].take();
        assert!(challenge.as_str().unwrap().len() >= 43, "256 bits: {challenge}");
        options
    };
    let (one, other) = (house.begin().await, house.begin().await);
    assert_ne!(one.token, other.token);
    assert_eq!(shape(&one), shape(&other));
    let options = shape(&one);
    assert_eq!(options["publicKey"]["allowCredentials"], serde_json::json!([]));
    assert_eq!(options["publicKey"]["userVerification"], "required");
    assert_eq!(options["publicKey"]["rpId"], HOST);
    assert!(options.get("mediation").is_none());
}

#[tokio::test]
async fn a_new_passkey_is_discoverable_verifies_its_user_and_brings_recovery_codes() {
    let house = House::build().await;
    let session = house.signed_in(ADA).await;
    let begun = house.identity.begin_passkey(cookie(&session), &at(ORIGIN), &house.ctx()).await.unwrap();
    let FactorOutcome::Done(begun) = begun else { panic!("not begun") };
    let options: Value = serde_json::from_str(&begun.options).unwrap();
    let selection = &options["publicKey"]["authenticatorSelection"];
    assert_eq!((&selection["residentKey"], &selection["userVerification"]), (&"required".into(), &"required".into()));
    assert_eq!(options["publicKey"]["attestation"], "none");
    let mut first = Authenticator::new(ORIGIN, HOST).unwrap();
    first.flags |= ELIGIBLE | BACKED_UP;
    let AddPasskeyOutcome::Added { session, codes } = house.add(&session, &mut first).await else { panic!("no") };
    assert_eq!(codes.len(), 10, "the first second factor");
    assert_eq!((session.who.acr, session.who.has_fresh_factor(house.now.get())), (Acr::SecondFactor, true));
    house.wait(1);
    let mut second = Authenticator::new(ORIGIN, HOST).unwrap();
    let AddPasskeyOutcome::Added { session, codes: more } = house.add(&session, &mut second).await else {
        panic!("no")
    };
    assert!(more.is_empty(), "she has codes");
    let passkeys = house.identity.passkeys(session.who.person).await.unwrap();
    assert_eq!(passkeys.iter().map(|passkey| passkey.synced).collect::<Vec<_>>(), [true, false]);
    let outcome = house.add(&session, &mut first).await;
    assert!(matches!(outcome, AddPasskeyOutcome::Refused(_)), "the same one twice: {outcome:?}");
    // A recovery code still replaces the passkey.
    let SignInOutcome::SecondFactorDue(pending) = house.password(ADA).await else { panic!("no factor due") };
    let done = house.identity.second_factor(pending.expose(), codes[0].expose(), &house.ctx()).await.unwrap();
    assert!(matches!(done, SecondFactorOutcome::SignedIn(_)));
}

#[tokio::test]
async fn what_is_wrong_with_an_assertion_is_refused_and_named() {
    type Spoil = fn(&mut Authenticator);
    let cases: &[(&str, Spoil)] = &[
        ("passkey-origin", |it| it.origin = "https://evil.example.org".into()),
        ("passkey-origin", |it| it.origin = "https://id.example.org.evil.org".into()),
        ("passkey-origin", |it| it.origin = "https://id.example.org:8444".into()),
        ("passkey-origin", |it| it.origin = "http://id.example.org".into()),
        ("passkey-relying-party", |it| it.relying_party = "example.org".into()),
        ("passkey-challenge", |it| it.challenge = Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into())),
        ("passkey-unverified", |it| it.flags = PRESENT),
        ("passkey-unverified", |it| it.flags = VERIFIED),
        ("passkey-backup", |it| it.flags = PRESENT | VERIFIED | ELIGIBLE),
        ("passkey-foreign", |it| it.handle = Some(vec![7; 16])),
        ("passkey-foreign", |it| it.handle = None),
        ("passkey-unknown", |it| it.id = vec![7; 32]),
        ("passkey-signature", |it| {
            let handle = it.handle.take();
            let other = Authenticator::new(ORIGIN, HOST).unwrap();
            let id = std::mem::replace(it, other).id;
            (it.id, it.handle) = (id, handle);
        }),
    ];
    for (code, spoil) in cases {
        let house = House::build().await;
        let (_, mut authenticator) = house.with_passkey(ADA).await;
        spoil(&mut authenticator);
        assert!(matches!(house.sign_in(&mut authenticator).await, SignInOutcome::Refused), "{code}");
        assert_eq!(house.last_code(EventKind::SignIn).await.as_deref(), Some(*code));
    }
    let house = House::build().await;
    let (_, mut authenticator) = house.with_passkey(ADA).await;
    authenticator.cross_origin = Some(true);
    assert!(matches!(house.sign_in(&mut authenticator).await, SignInOutcome::Refused));
    assert_eq!(house.last_code(EventKind::SignIn).await.as_deref(), Some("passkey-origin"));
    authenticator.cross_origin = None;
    assert!(
        matches!(house.sign_in(&mut authenticator).await, SignInOutcome::SignedIn(_)),
        "older browsers say nothing"
    );
}

#[tokio::test]
async fn what_is_wrong_with_an_attestation_is_refused_and_named() {
    type Spoil = fn(&mut Authenticator);
    let cases: &[(PasskeyFault, Spoil)] = &[
        (PasskeyFault::Origin, |it| it.origin = "https://evil.example.org".into()),
        (PasskeyFault::Origin, |it| it.cross_origin = Some(true)),
        (PasskeyFault::RelyingParty, |it| it.relying_party = "example.org".into()),
        (PasskeyFault::Challenge, |it| it.challenge = Some("AAAA".into())),
        (PasskeyFault::Unverified, |it| it.flags = PRESENT),
        (PasskeyFault::Malformed, |it| it.id = Vec::new()),
    ];
    let house = House::build().await;
    let session = house.signed_in(ADA).await;
    for (expected, spoil) in cases {
        let mut authenticator = Authenticator::new(ORIGIN, HOST).unwrap();
        spoil(&mut authenticator);
        let outcome = house.add(&session, &mut authenticator).await;
        assert!(
            matches!(outcome, AddPasskeyOutcome::Refused(fault) if fault == *expected),
            "{expected:?}: {outcome:?}"
        );
        assert_eq!(house.last_code(EventKind::FactorEnrolled).await.as_deref(), Some(expected.code()));
    }
    assert!(house.identity.passkeys(session.who.person).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_challenge_is_answered_once_in_time_and_for_what_it_was_made() {
    let house = House::build().await;
    let (session, mut authenticator) = house.with_passkey(ADA).await;
    let expired = async || house.last_code(EventKind::SignIn).await.as_deref() == Some("passkey-expired");
    let begun = house.begin().await;
    let answer = authenticator.get(&begun.options).unwrap();
    assert!(matches!(house.finish(&begun, &answer).await, SignInOutcome::SignedIn(_)));
    assert!(matches!(house.finish(&begun, &answer).await, SignInOutcome::Refused) && expired().await, "replayed");
    // A wrong answer spends it as well.
    let begun = house.begin().await;
    assert!(matches!(house.finish(&begun, "{}").await, SignInOutcome::Refused));
    let answer = authenticator.get(&begun.options).unwrap();
    assert!(matches!(house.finish(&begun, &answer).await, SignInOutcome::Refused) && expired().await);
    // Too late, and in another browser.
    let begun = house.begin().await;
    let answer = authenticator.get(&begun.options).unwrap();
    house.wait(300);
    assert!(matches!(house.finish(&begun, &answer).await, SignInOutcome::Refused) && expired().await);
    let (begun, other) = (house.begin().await, house.begin().await);
    let answer = authenticator.get(&begun.options).unwrap();
    assert!(matches!(house.finish(&other, &answer).await, SignInOutcome::Refused));
    assert_eq!(house.last_code(EventKind::SignIn).await.as_deref(), Some("passkey-challenge"));
    let none = house.identity.passkey_sign_in(None, &answer, None, &house.ctx()).await.unwrap();
    assert!(matches!(none, SignInOutcome::Refused) && expired().await);
    // One that was begun to confirm signs nobody in.
    let begun = house.identity.begin_passkey_confirmation(cookie(&session), &at(ORIGIN), &house.ctx()).await.unwrap();
    let begun = begun.unwrap();
    let answer = authenticator.get(&begun.options).unwrap();
    assert!(matches!(house.finish(&begun, &answer).await, SignInOutcome::Refused) && expired().await);
}

#[tokio::test]
async fn of_two_answers_to_one_challenge_one_wins() {
    let house = House::build().await;
    let (_, mut authenticator) = house.with_passkey(ADA).await;
    let begun = house.begin().await;
    let answer = authenticator.get(&begun.options).unwrap();
    let (one, other) = tokio::join!(house.finish(&begun, &answer), house.finish(&begun, &answer));
    let won = [one, other].iter().filter(|outcome| matches!(outcome, SignInOutcome::SignedIn(_))).count();
    assert_eq!(won, 1);
}

#[tokio::test]
async fn a_counter_that_does_not_go_up_is_refused() {
    let house = House::build().await;
    let session = house.signed_in(ADA).await;
    let mut authenticator = Authenticator::new(ORIGIN, HOST).unwrap();
    authenticator.counter = 5;
    assert!(matches!(house.add(&session, &mut authenticator).await, AddPasskeyOutcome::Added { .. }));
    assert!(matches!(house.sign_in(&mut authenticator).await, SignInOutcome::SignedIn(_)));
    for counter in [1, 5] {
        authenticator.counter = counter;
        assert!(matches!(house.sign_in(&mut authenticator).await, SignInOutcome::Refused), "{counter}");
        assert_eq!(house.last_code(EventKind::SignIn).await.as_deref(), Some("passkey-counter"));
    }
    authenticator.counter = 9;
    assert!(matches!(house.sign_in(&mut authenticator).await, SignInOutcome::SignedIn(_)));
}

#[tokio::test]
async fn a_passkey_completes_a_sign_in_of_its_own_person_only() {
    let house = House::build().await;
    let (_, mut adas) = house.with_passkey(ADA).await;
    let (_, mut bobs) = house.with_passkey(BOB).await;
    let SignInOutcome::SecondFactorDue(pending) = house.password(ADA).await else { panic!("no factor due") };
    let begin = async || {
        house.identity.begin_passkey_factor(pending.expose(), &at(ORIGIN), &house.ctx()).await.unwrap().unwrap()
    };
    let finish = async |begun: &PasskeyCeremony, answer: &str| {
        let token = Some(begun.token.expose().as_str());
        house.identity.passkey_factor(pending.expose(), token, answer, &house.ctx()).await.unwrap()
    };
    let begun = begin().await;
    let options: Value = serde_json::from_str(&begun.options).unwrap();
    let id = data_encoding::BASE64URL_NOPAD.encode(&adas.id);
    assert_eq!(options["publicKey"]["allowCredentials"], serde_json::json!([{ "type": "public-key", "id": id }]));
    let wrong = finish(&begun, &bobs.get(&begun.options).unwrap()).await;
    assert!(matches!(wrong, SecondFactorOutcome::Refused));
    assert_eq!(house.last_code(EventKind::SecondFactor).await.as_deref(), Some("passkey-foreign"));
    let begun = begin().await;
    let SecondFactorOutcome::SignedIn(session) = finish(&begun, &adas.get(&begun.options).unwrap()).await else {
        panic!("not signed in")
    };
    assert_eq!(session.who.amr, [Amr::Pwd, Amr::Pop, Amr::Mfa]);
    let over = finish(&begun, &adas.get(&begun.options).unwrap()).await;
    assert!(matches!(over, SecondFactorOutcome::Expired));
}

#[tokio::test]
async fn a_fresh_factor_renews_the_session_without_a_new_sign_in() {
    let house = House::build().await;
    let (session, mut authenticator) = house.with_passkey(ADA).await;
    house.wait(601);
    let old = house.identity.browser(cookie(&session), &house.ctx()).await.unwrap().unwrap();
    assert!(!old.has_fresh_factor(house.now.get()));
    let at = at(ORIGIN);
    let begin = async || house.identity.begin_passkey_confirmation(cookie(&session), &at, &house.ctx()).await.unwrap();
    let begun = begin().await.unwrap();
    let finish = async |begun: &PasskeyCeremony, answer: &str| {
        let token = Some(begun.token.expose().as_str());
        house.identity.confirm_with_passkey(cookie(&session), token, answer, &house.ctx()).await.unwrap()
    };
    assert!(matches!(finish(&begun, "nonsense").await, SecondFactorOutcome::Refused));
    let begun = begin().await.unwrap();
    let before = house.events().await.len();
    let answer = authenticator.get(&begun.options).unwrap();
    let SecondFactorOutcome::SignedIn(renewed) = finish(&begun, &answer).await else { panic!("not renewed") };
    assert_eq!(renewed.who.session, session.who.session);
    assert_eq!(renewed.who.factor_age(house.now.get()), Some(Duration::ZERO));
    let kinds: Vec<_> = house.events().await.iter().skip(before).map(|event| event.kind.to_string()).collect();
    assert_eq!(kinds, ["second-factor", "step-up.done"]);
    assert!(house.identity.browser(cookie(&session), &house.ctx()).await.unwrap().is_none(), "a new cookie");
    // Bob has none, and a stranger no session.
    let bob = house.signed_in(BOB).await;
    let none = house.identity.begin_passkey_confirmation(cookie(&bob), &at, &house.ctx()).await.unwrap();
    assert!(none.is_none());
    assert!(house.identity.begin_passkey_confirmation(Some("abc"), &at, &house.ctx()).await.unwrap().is_none());
}

#[tokio::test]
async fn adding_needs_a_fresh_sign_in_or_a_fresh_factor() {
    let house = House::build().await;
    let at = at(ORIGIN);
    let session = house.signed_in(ADA).await;
    let thief = house.signed_in(ADA).await;
    house.wait(15 * 60 + 1);
    let late = house.identity.begin_passkey(cookie(&session), &at, &house.ctx()).await.unwrap();
    assert!(matches!(late, FactorOutcome::SignInAgain));
    let (session, mut authenticator) = house.with_passkey(ADA).await;
    // A session that never showed a factor can't add one now, by passkey or app.
    let refused = house.identity.begin_passkey(cookie(&thief), &at, &house.ctx()).await.unwrap();
    assert!(matches!(refused, FactorOutcome::ConfirmFirst));
    let refused = house.identity.begin_totp(&thief.who, &house.ctx()).await.unwrap();
    assert!(matches!(refused, FactorOutcome::ConfirmFirst));
    house.wait(601);
    let refused = house.identity.begin_passkey(cookie(&session), &at, &house.ctx()).await.unwrap();
    assert!(matches!(refused, FactorOutcome::ConfirmFirst), "ten minutes later");
    let SignInOutcome::SignedIn(fresh) = house.sign_in(&mut authenticator).await else { panic!("not signed in") };
    let begun = house.identity.begin_passkey(cookie(&fresh), &at, &house.ctx()).await.unwrap();
    assert!(matches!(begun, FactorOutcome::Done(_)));
    // Ten are enough.
    let mut session = fresh;
    for n in 2..=10 {
        let mut more = Authenticator::new(ORIGIN, HOST).unwrap();
        match house.add(&session, &mut more).await {
            AddPasskeyOutcome::Added { session: raised, .. } => session = raised,
            other => panic!("{n}: {other:?}"),
        }
    }
    let full = house.identity.begin_passkey(cookie(&session), &at, &house.ctx()).await.unwrap();
    assert!(matches!(full, FactorOutcome::NotApplicable));
}

#[tokio::test]
async fn removing_needs_a_fresh_factor_and_an_administrator_keeps_one() {
    let house = House::build().await;
    let (session, mut authenticator) = house.with_passkey(ADA).await;
    let passkey = house.identity.passkeys(session.who.person).await.unwrap()[0].id;
    house.identity.rename_passkey(&session.who, passkey, "  My key ", &house.ctx()).await.unwrap();
    assert_eq!(house.identity.passkeys(session.who.person).await.unwrap()[0].name, "My key");
    assert!(house.identity.rename_passkey(&session.who, passkey, "a\u{7}", &house.ctx()).await.is_err());
    let (bob, _) = house.with_passkey(BOB).await;
    assert!(house.identity.rename_passkey(&bob.who, passkey, "mine", &house.ctx()).await.is_err());
    let foreign = house.identity.remove_passkey(&bob.who, passkey, &house.ctx()).await.unwrap();
    assert!(matches!(foreign, FactorOutcome::NotApplicable));
    house.make_owner(ADA).await;
    let last = house.identity.remove_passkey(&session.who, passkey, &house.ctx()).await.unwrap();
    assert!(matches!(last, FactorOutcome::LastOfAdministrator));
    let by = Actor::default();
    let last = house.identity.admin_remove_passkey(session.who.person, passkey, &by, &house.ctx()).await;
    assert!(matches!(last, Err(AdminError::LastFactor)), "{last:?}");
    let mut second = Authenticator::new(ORIGIN, HOST).unwrap();
    let AddPasskeyOutcome::Added { session, .. } = house.add(&session, &mut second).await else { panic!("not added") };
    house.wait(601);
    let stale = house.identity.browser(cookie(&session), &house.ctx()).await.unwrap().unwrap();
    let stale = house.identity.remove_passkey(&stale, passkey, &house.ctx()).await.unwrap();
    assert!(matches!(stale, FactorOutcome::ConfirmFirst));
    let SignInOutcome::SignedIn(fresh) = house.sign_in(&mut authenticator).await else { panic!("not signed in") };
    let done = house.identity.remove_passkey(&fresh.who, passkey, &house.ctx()).await.unwrap();
    assert!(matches!(done, FactorOutcome::Done(())));
    assert!(matches!(house.sign_in(&mut authenticator).await, SignInOutcome::Refused), "it is gone");
    assert_eq!(house.last_code(EventKind::SignIn).await.as_deref(), Some("passkey-unknown"));
    assert!(matches!(house.sign_in(&mut second).await, SignInOutcome::SignedIn(_)));
    // An administrator takes all factors of somebody who lost them: the passkeys go with them.
    house.identity.remove_factors(fresh.who.person, &by, &house.ctx()).await.unwrap();
    assert!(house.identity.passkeys(fresh.who.person).await.unwrap().is_empty());
    assert!(matches!(house.sign_in(&mut second).await, SignInOutcome::Refused));
    house.signed_in(ADA).await;
}

#[tokio::test]
async fn locks_count_for_passkeys_too() {
    let house = House::build().await;
    let (_, mut authenticator) = house.with_passkey(ADA).await;
    let ada = house.identity.person_by_name(ADA).await.unwrap().unwrap().id();
    let origin = std::mem::replace(&mut authenticator.origin, "https://evil.example.org".into());
    for _ in 0..5 {
        assert!(matches!(house.sign_in(&mut authenticator).await, SignInOutcome::Refused));
    }
    authenticator.origin = origin;
    assert!(matches!(house.sign_in(&mut authenticator).await, SignInOutcome::Refused));
    assert_eq!(house.last_code(EventKind::SignIn).await.as_deref(), Some("soft-locked"));
    house.wait(30);
    assert!(matches!(house.sign_in(&mut authenticator).await, SignInOutcome::SignedIn(_)));
    house.identity.lock_person(ada, "lost phone", &Actor::default(), &house.ctx()).await.unwrap();
    assert!(matches!(house.sign_in(&mut authenticator).await, SignInOutcome::Refused));
    assert_eq!(house.last_code(EventKind::SignIn).await.as_deref(), Some("person-locked"));
    house.identity.unlock_person(ada, &Actor::default(), &house.ctx()).await.unwrap();
    house.identity.require_reset(ada, &Actor::default(), &house.ctx()).await.unwrap();
    assert!(matches!(house.sign_in(&mut authenticator).await, SignInOutcome::NewPasswordDue(_)));
    house.identity.erase_person(ada, &Actor::default(), &house.ctx()).await.unwrap();
    assert!(matches!(house.sign_in(&mut authenticator).await, SignInOutcome::Refused));
    assert_eq!(house.last_code(EventKind::SignIn).await.as_deref(), Some("passkey-unknown"));
}

#[tokio::test]
async fn a_passkey_of_one_host_does_not_work_at_another() {
    let house = House::build().await;
    let (_, mut authenticator) = house.with_passkey(ADA).await;
    let admin = at("https://admin.example.org");
    let begun = house.identity.begin_passkey_sign_in(&admin, &house.ctx()).await.unwrap();
    assert!(begun.options.contains("\"rpId\":\"admin.example.org\""));
    // Even where the browser plays along.
    authenticator.origin = admin.as_str().into();
    authenticator.relying_party = admin.relying_party().into();
    let answer = authenticator.get(&begun.options).unwrap();
    assert!(matches!(house.finish(&begun, &answer).await, SignInOutcome::Refused));
    assert_eq!(house.last_code(EventKind::SignIn).await.as_deref(), Some("passkey-relying-party"));
}

#[tokio::test]
async fn sessions_of_the_admin_address_are_its_own_and_short() {
    let house = House::build().await;
    let (_, mut authenticator) = house.with_passkey(ADA).await;
    let admin = house.identity.at_admin_address();
    let sign_in = async |authenticator: &mut Authenticator| {
        let begun = admin.begin_passkey_sign_in(&at(ORIGIN), &house.ctx()).await.unwrap();
        let answer = authenticator.get(&begun.options).unwrap();
        let token = Some(begun.token.expose().as_str());
        match admin.passkey_sign_in(token, &answer, None, &house.ctx()).await.unwrap() {
            SignInOutcome::SignedIn(session) => session,
            other => panic!("not signed in: {other:?}"),
        }
    };
    let here = sign_in(&mut authenticator).await;
    let SignInOutcome::SignedIn(public) = house.sign_in(&mut authenticator).await else { panic!("not signed in") };
    assert!(admin.browser(cookie(&here), &house.ctx()).await.unwrap().is_some());
    assert!(house.identity.browser(cookie(&here), &house.ctx()).await.unwrap().is_none());
    assert!(admin.browser(cookie(&public), &house.ctx()).await.unwrap().is_none());
    house.wait(1800);
    assert!(admin.browser(cookie(&here), &house.ctx()).await.unwrap().is_none(), "idle for half an hour");
    assert!(house.identity.browser(cookie(&public), &house.ctx()).await.unwrap().is_some());
    let here = sign_in(&mut authenticator).await;
    for _ in 0..31 {
        house.wait(15 * 60);
        assert!(admin.browser(cookie(&here), &house.ctx()).await.unwrap().is_some());
    }
    house.wait(15 * 60);
    assert!(admin.browser(cookie(&here), &house.ctx()).await.unwrap().is_none(), "eight hours at most");
}
