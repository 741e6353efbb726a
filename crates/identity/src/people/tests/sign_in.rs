//! Signing in, the soft lock, and what must not be told apart.

use std::time::Duration;

use testudo_core::{EventKind, Outcome};
use testudo_crypto::password::{HashPool, Params};

use super::{ADA, House, PASSWORD, refused, secret};
use crate::people::hashing::work;
use crate::people::person::Person;
use crate::{Acr, Amr, Identity, SignInOutcome, SignUpOutcome};

#[tokio::test]
async fn a_sign_in_tells_its_story_in_the_journal() {
    let house = House::with_ada().await;
    let session = house.sign_in(" ADA@Example.com ", PASSWORD).await;
    assert_eq!((session.who.acr, session.who.amr.as_slice()), (Acr::Password, [Amr::Pwd].as_slice()));
    assert!(house.is_signed_in(&session.cookie).await);
    assert_eq!(house.story(0).await, ["person.signed-up", "session.started", "sign-in"]);
    let events = house.events().await;
    assert_eq!(events[2].actor.session, Some(session.who.session));
    assert!(events[2].request.is_some() && events[2].peer.is_some());
}

#[tokio::test]
async fn unknown_people_and_wrong_passwords_get_one_answer_for_one_hash_and_one_commit() {
    let house = House::with_ada().await;
    work::take();
    for (username, password, code) in [
        ("nobody@example.com", PASSWORD, "unknown-person"),
        ("not a name", PASSWORD, "unknown-person"),
        ("", "", "unknown-person"),
        (ADA, "not the password", "wrong-password"),
        (ADA, "", "wrong-password"),
    ] {
        let before = house.events().await.len();
        assert!(refused(&house.try_password(username, password).await), "{username}");
        assert_eq!(work::take(), 1, "{username}: exactly one hash");
        assert_eq!(house.story(before).await, [format!("sign-in {code}")]);
    }
    house.sign_in(ADA, PASSWORD).await;
    assert_eq!(work::take(), 1, "a good sign-in does no other work");
}

#[tokio::test]
async fn the_tried_name_is_in_the_sealed_part_only() {
    let house = House::with_ada().await;
    house.try_password("somebody@example.com", "whatever it is").await;
    let events = house.events().await;
    let event = events.last().unwrap();
    assert_eq!(event.personal.get("username").map(String::as_str), Some("somebody@example.com"));
    assert!(event.details.is_empty() && event.target.is_none());
    assert_eq!(event.outcome, Outcome::Failure);
}

#[tokio::test]
async fn five_failures_close_the_account_for_a_while_and_not_for_good() {
    let house = House::with_ada().await;
    for _ in 0..5 {
        assert!(refused(&house.try_password(ADA, "not the password").await));
    }
    work::take();
    let before = house.events().await.len();
    assert!(refused(&house.try_password(ADA, PASSWORD).await), "the right password has to wait too");
    assert_eq!(work::take(), 1, "a closed account costs the same");
    assert_eq!(house.story(before).await, ["sign-in soft-locked"]);
    house.wait(29);
    assert!(refused(&house.try_password(ADA, PASSWORD).await));
    house.wait(1);
    assert!(refused(&house.try_password(ADA, "not the password").await), "the sixth failure");
    house.wait(59);
    assert!(refused(&house.try_password(ADA, PASSWORD).await), "twice as long");
    house.wait(1);
    house.sign_in(ADA, PASSWORD).await;
    assert!(refused(&house.try_password(ADA, "not the password").await));
    house.sign_in(ADA, PASSWORD).await;
}

#[tokio::test]
async fn attempts_while_closed_do_not_make_the_wait_longer() {
    let house = House::with_ada().await;
    for _ in 0..5 {
        house.try_password(ADA, "not the password").await;
    }
    for _ in 0..10 {
        house.try_password(ADA, "not the password").await;
    }
    house.wait(30);
    house.sign_in(ADA, PASSWORD).await;
}

#[tokio::test]
async fn guesses_in_parallel_are_all_counted() {
    let house = House::with_ada().await;
    let guesses = (0..12).map(|_| {
        let (identity, ctx) = (house.identity.clone(), house.ctx());
        tokio::spawn(async move { identity.sign_in(ADA, secret("not the password"), None, &ctx).await })
    });
    for guess in guesses.collect::<Vec<_>>() {
        assert!(refused(&guess.await.unwrap().unwrap()));
    }
    let person = house.identity.person_by_name(ADA).await.unwrap().unwrap();
    assert_eq!(person.failures.failures(), 5, "five are counted, then it is closed");
    assert!(refused(&house.try_password(ADA, PASSWORD).await));
}

#[tokio::test]
async fn a_known_browser_does_not_wait_for_strangers() {
    let house = House::with_ada().await;
    house.sign_up("eve@example.com", PASSWORD).await;
    let eve = house.sign_in("eve@example.com", PASSWORD).await;
    let session = house.sign_in(ADA, PASSWORD).await;
    for _ in 0..8 {
        house.try_password(ADA, "not the password").await;
    }
    assert!(refused(&house.try_password(ADA, PASSWORD).await));
    assert!(matches!(house.try_from(&session.known, PASSWORD).await, SignInOutcome::SignedIn(_)));
    assert!(refused(&house.try_password(ADA, PASSWORD).await), "strangers still wait");
    assert!(refused(&house.try_from(&eve.known, PASSWORD).await), "the mark of somebody else is none");
    let forged = session.known.expose().replacen('1', "2", 1);
    assert!(refused(&house.try_from(&secret(&forged), PASSWORD).await), "nor is one with another end");
    for _ in 0..5 {
        house.try_from(&session.known, "not the password").await;
    }
    assert!(refused(&house.try_from(&session.known, PASSWORD).await), "its own failures count");
    house.wait(30);
    assert!(matches!(house.try_from(&session.known, PASSWORD).await, SignInOutcome::SignedIn(_)));
}

#[tokio::test]
async fn a_hash_of_another_cost_is_renewed_once() {
    let house = House::with_ada().await;
    let before = phc(&house).await;
    let stronger = Params { passes: 3, ..Params::FLOOR };
    house.identity.pool.set_params(stronger);
    work::take();
    house.sign_in(ADA, PASSWORD).await;
    assert_eq!(work::take(), 2);
    let renewed = phc(&house).await;
    assert!(before.contains("t=2") && renewed.contains("t=3"), "{before} {renewed}");
    house.sign_in(ADA, PASSWORD).await;
    assert_eq!(work::take(), 1);
    assert_eq!(phc(&house).await, renewed);
}

#[tokio::test]
async fn known_and_unknown_people_cost_the_same_whenever_the_account_was_made() {
    let house = House::with_ada().await;
    let measured = Params { memory_kib: 20_480, passes: 3, lanes: 1 };
    let target = Duration::from_millis(100);
    assert_eq!(house.identity.load_hash_cost().await.unwrap(), None);
    house.identity.keep_hash_cost(measured, target, &house.ctx()).await.unwrap();
    assert_eq!(house.sign_up("eve@example.com", PASSWORD).await, SignUpOutcome::Done);
    let cost = async |name: &str| {
        let before = house.identity.pool.work();
        assert!(refused(&house.try_password(name, "not the password").await), "{name}");
        house.identity.pool.work() - before
    };
    assert_eq!(cost("nobody@example.com").await, measured.work());
    assert_eq!(cost("eve@example.com").await, measured.work(), "made after the measurement");
    assert_eq!(cost(ADA).await, measured.work(), "made before it");
    house.sign_in(ADA, PASSWORD).await;
    assert!(phc(&house).await.contains("m=20480,t=3,p=1"));
    assert_eq!(cost(ADA).await, measured.work(), "hashed anew");
}

#[tokio::test]
async fn every_node_and_command_hashes_at_the_cost_that_was_kept_first() {
    let house = House::build().await;
    let pool = HashPool::new(1, 4);
    let other = Identity::new(house.identity.store().clone(), pool.clone(), house.identity.config().clone());
    let (first, second) = (Params { passes: 3, ..Params::FLOOR }, Params { passes: 4, ..Params::FLOOR });
    let (target, longer) = (Duration::from_millis(100), Duration::from_millis(200));
    house.identity.keep_hash_cost(first, target, &house.ctx()).await.unwrap();
    other.keep_hash_cost(second, target, &house.ctx()).await.unwrap();
    assert_eq!(pool.params(), first, "a measurement for the same target changes nothing");
    other.keep_hash_cost(second, longer, &house.ctx()).await.unwrap();
    assert_eq!(house.identity.load_hash_cost().await.unwrap(), Some(longer));
    assert_eq!((house.identity.pool.params(), pool.params()), (second, second));
}

async fn phc(house: &House) -> String {
    let person: Person = house.identity.person_by_name(ADA).await.unwrap().unwrap();
    person.password.unwrap().phc.expose().clone()
}

#[tokio::test]
async fn sessions_end_by_idleness_age_and_sign_out() {
    let house = House::with_ada().await;
    let (idle, absolute) = (12 * 3600, 30 * 24 * 3600);
    let session = house.sign_in(ADA, PASSWORD).await;
    house.wait(idle - 1);
    assert!(house.is_signed_in(&session.cookie).await, "use keeps it alive");
    house.wait(idle - 1);
    assert!(house.is_signed_in(&session.cookie).await);
    house.wait(idle);
    assert!(!house.is_signed_in(&session.cookie).await, "idle for too long");

    let session = house.sign_in(ADA, PASSWORD).await;
    for _ in 0..=absolute / (idle - 1) {
        house.wait(idle - 1);
        house.is_signed_in(&session.cookie).await;
    }
    assert!(!house.is_signed_in(&session.cookie).await, "too old");

    let session = house.sign_in(ADA, PASSWORD).await;
    let before = house.events().await.len();
    let out = house.identity.sign_out(Some(session.cookie.expose()), &house.ctx()).await.unwrap();
    assert_eq!(out.map(|who| who.session), Some(session.who.session));
    assert!(!house.is_signed_in(&session.cookie).await);
    assert_eq!(house.story(before).await, ["session.revoked", "sign-out"]);
    assert!(house.identity.sign_out(Some(session.cookie.expose()), &house.ctx()).await.unwrap().is_none());
}

#[tokio::test]
async fn cookies_that_are_none_of_ours_sign_nobody_in() {
    let house = House::with_ada().await;
    let long = "a".repeat(10_000);
    for cookie in [None, Some(""), Some("abc"), Some(long.as_str())] {
        assert!(house.identity.browser(cookie, &house.ctx()).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn sign_out_everywhere_ends_every_session() {
    let house = House::with_ada().await;
    let one = house.sign_in(ADA, PASSWORD).await;
    let other = house.sign_in(ADA, PASSWORD).await;
    assert_eq!(house.identity.own_sessions(&one.who, &house.ctx()).await.unwrap().len(), 2);
    house.identity.sign_out_everywhere(&one.who, &house.ctx()).await.unwrap();
    assert!(!house.is_signed_in(&one.cookie).await);
    assert!(!house.is_signed_in(&other.cookie).await);
    assert_eq!(house.count(EventKind::PersonRevoked).await, 1);
    house.sign_in(ADA, PASSWORD).await;
}

#[tokio::test]
async fn people_end_their_own_sessions_only() {
    let house = House::with_ada().await;
    house.sign_up("eve@example.com", PASSWORD).await;
    let ada = house.sign_in(ADA, PASSWORD).await;
    let other = house.sign_in(ADA, PASSWORD).await;
    let eve = house.sign_in("eve@example.com", PASSWORD).await;
    let stolen = house.identity.end_own_session(&eve.who, ada.who.session, &house.ctx()).await;
    assert!(stolen.is_err());
    house.identity.end_own_session(&ada.who, other.who.session, &house.ctx()).await.unwrap();
    assert!(house.is_signed_in(&ada.cookie).await);
    assert!(!house.is_signed_in(&other.cookie).await);
    let views = house.identity.own_sessions(&ada.who, &house.ctx()).await.unwrap();
    assert_eq!(views.len(), 1);
    assert!(views[0].current);
    assert_eq!(views[0].browser, "Firefox on Android");
}

#[tokio::test]
async fn sign_up_says_the_same_for_a_taken_name() {
    let house = House::with_ada().await;
    work::take();
    let before = house.events().await.len();
    assert_eq!(house.sign_up("new@example.com", PASSWORD).await, SignUpOutcome::Done);
    assert_eq!(work::take(), 1);
    assert_eq!(house.sign_up(ADA, "another password of mine").await, SignUpOutcome::Done);
    assert_eq!(work::take(), 1);
    assert_eq!(house.story(before).await, ["person.signed-up", "person.signed-up name-taken"]);
    assert!(refused(&house.try_password(ADA, "another password of mine").await), "nothing changed for her");
    house.sign_in(ADA, PASSWORD).await;
}

#[tokio::test]
async fn two_sign_ups_of_one_name_at_once_make_one_account() {
    let house = House::build().await;
    let (one, other) = tokio::join!(house.sign_up(ADA, PASSWORD), house.sign_up(ADA, "another password of mine"));
    assert_eq!((one, other), (SignUpOutcome::Done, SignUpOutcome::Done));
    let first = !refused(&house.try_password(ADA, PASSWORD).await);
    let second = !refused(&house.try_password(ADA, "another password of mine").await);
    assert!(first ^ second, "one of them owns the name");
}

#[tokio::test]
async fn bad_forms_are_told_in_full_and_a_closed_door_is_closed() {
    let house = House::build().await;
    let SignUpOutcome::Invalid(faults) = house.sign_up("not a name", PASSWORD).await else { panic!("accepted") };
    assert_eq!(faults.len(), 1);
    let SignUpOutcome::Invalid(faults) = house.sign_up(ADA, "password123").await else { panic!("accepted") };
    assert_eq!(
        faults[0].to_string(),
        "this password is one of those that attackers try first; choose something of your own"
    );
    assert!(house.events().await.is_empty());
    let mut config = house.identity.config().clone();
    config.sign_up = false;
    let closed = house.identity.with_config(config);
    let form = crate::SignUpForm { username: ADA.into(), name: String::new(), password: secret(PASSWORD) };
    assert_eq!(closed.sign_up(form, &house.ctx()).await.unwrap(), SignUpOutcome::Closed);
}
