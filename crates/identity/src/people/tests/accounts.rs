//! Changing passwords.

use super::{ADA, House, PASSWORD, refused, secret};
use crate::{NewPasswordOutcome, PasswordFault, SignInOutcome};

const NEW: &str = "quiet rivers carry boats";

#[tokio::test]
async fn a_new_password_ends_the_other_sessions_and_keeps_this_one() {
    let house = House::with_ada().await;
    let here = house.sign_in(ADA, PASSWORD).await;
    let there = house.sign_in(ADA, PASSWORD).await;
    let cookie = Some(here.cookie.expose().as_str());
    let before = house.events().await.len();
    let outcome = house.identity.change_password(cookie, secret(PASSWORD), secret(NEW), &house.ctx()).await.unwrap();
    let NewPasswordOutcome::Changed(session) = outcome else { panic!("not changed: {outcome:?}") };
    assert_eq!(house.story(before).await, ["session.revoked", "password.changed"]);
    assert_eq!(session.who.session, here.who.session);
    assert!(house.is_signed_in(&session.cookie).await);
    assert!(!house.is_signed_in(&here.cookie).await);
    assert!(!house.is_signed_in(&there.cookie).await);
    assert!(refused(&house.try_password(ADA, PASSWORD).await));
    house.sign_in(ADA, NEW).await;
}

#[tokio::test]
async fn the_current_password_is_needed_and_the_new_one_must_be_good() {
    let house = House::with_ada().await;
    let here = house.sign_in(ADA, PASSWORD).await;
    let cookie = Some(here.cookie.expose().as_str());
    let change = |current: &'static str, new: &'static str| {
        let (identity, ctx) = (house.identity.clone(), house.ctx());
        async move { identity.change_password(cookie, secret(current), secret(new), &ctx).await.unwrap() }
    };
    assert!(matches!(change(PASSWORD, "short").await, NewPasswordOutcome::Invalid(PasswordFault::TooShort)));
    assert!(matches!(change(PASSWORD, PASSWORD).await, NewPasswordOutcome::Invalid(PasswordFault::Unchanged)));
    for _ in 0..5 {
        assert!(matches!(change("not the password", NEW).await, NewPasswordOutcome::Refused));
    }
    assert!(
        matches!(change(PASSWORD, NEW).await, NewPasswordOutcome::Refused),
        "a thief of the session can't guess on"
    );
    house.wait(30);
    assert!(matches!(change(PASSWORD, NEW).await, NewPasswordOutcome::Changed(_)));
    assert!(matches!(change(NEW, PASSWORD).await, NewPasswordOutcome::Expired), "the old cookie");
}

#[tokio::test]
async fn a_new_password_makes_all_browsers_strangers() {
    let house = House::with_ada().await;
    let here = house.sign_in(ADA, PASSWORD).await;
    house.wait(1);
    let cookie = Some(here.cookie.expose().as_str());
    house.identity.change_password(cookie, secret(PASSWORD), secret(NEW), &house.ctx()).await.unwrap();
    for _ in 0..5 {
        house.try_password(ADA, "not the password").await;
    }
    assert!(refused(&house.try_from(&here.known, NEW).await));
    house.wait(30);
    assert!(matches!(house.try_password(ADA, NEW).await, SignInOutcome::SignedIn(_)));
}

#[tokio::test]
async fn the_oldest_of_too_many_sessions_end() {
    let house = House::with_ada().await;
    let first = house.sign_in(ADA, PASSWORD).await;
    let person = house.identity.person_by_name(ADA).await.unwrap().unwrap();
    for _ in 0..250 {
        house.wait(1);
        let mut tx = testudo_store::Tx::new();
        house.identity.start_session(&mut tx, &person, vec![crate::Amr::Pwd], &house.ctx());
        house.identity.store().commit(tx).await.unwrap();
    }
    house.wait(1);
    let last = house.sign_in(ADA, PASSWORD).await;
    house.identity.trim_sessions(person.id(), &house.ctx()).await.unwrap();
    assert!(!house.is_signed_in(&first.cookie).await);
    assert!(house.is_signed_in(&last.cookie).await);
    assert_eq!(house.identity.own_sessions(&last.who, &house.ctx()).await.unwrap().len(), 200);
    house.identity.trim_sessions(person.id(), &house.ctx()).await.unwrap();
    assert_eq!(house.identity.list_sessions(person.id()).await.unwrap().len(), 200, "those that ended are forgotten");
}

#[tokio::test]
async fn devices_are_kinds_of_browsers_with_their_sessions() {
    let house = House::with_ada().await;
    let first = house.sign_in(ADA, PASSWORD).await;
    house.wait(60);
    let second = house.sign_in(ADA, PASSWORD).await;
    let mut ctx = house.ctx();
    ctx.user_agent = Some("curl/8.5 <script>".into());
    let SignInOutcome::SignedIn(other) = house.identity.sign_in(ADA, secret(PASSWORD), None, &ctx).await.unwrap()
    else {
        panic!("not signed in")
    };
    let admin = house.identity.at_admin_address();
    let SignInOutcome::SignedIn(_) = admin.sign_in(ADA, secret(PASSWORD), None, &house.ctx()).await.unwrap() else {
        panic!("not signed in")
    };
    let ada = first.who.person;
    let devices = house.identity.devices(ada, &house.ctx()).await.unwrap();
    let mut seen: Vec<_> = devices
        .iter()
        .map(|it| (it.browser.as_str(), it.entrance == crate::Entrance::Admin, it.sessions.len()))
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, [("Firefox on Android", false, 2), ("Firefox on Android", true, 1), ("curl", false, 1)]);
    let phone = devices.iter().find(|it| it.sessions.contains(&second.who.session)).unwrap();
    assert!(phone.sessions.contains(&first.who.session) && phone.first_seen < phone.last_seen);
    let by = testudo_core::Actor::default();
    let bob = testudo_core::PersonId::from_bytes([9; 16]);
    assert_eq!(house.identity.end_device(bob, phone, &by, "lost", &house.ctx()).await.unwrap(), 0, "not his");
    assert_eq!(house.identity.end_device(ada, phone, &by, "lost", &house.ctx()).await.unwrap(), 2);
    assert!(!house.is_signed_in(&first.cookie).await && !house.is_signed_in(&second.cookie).await);
    assert!(house.is_signed_in(&other.cookie).await);
    assert_eq!(house.identity.devices(ada, &house.ctx()).await.unwrap().len(), 2);
}
