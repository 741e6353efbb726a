//! Refresh: one chain, whatever gets lost or stolen.

use std::collections::BTreeSet;
use std::time::Duration;

use testudo_core::{Actor, EventKind, FamilyId};
use testudo_crypto::random;
use testudo_store::Tx;

use super::house::*;
use crate::oauth::issue::MOST_FAMILIES;
use crate::oauth::{Family, OAuthCode};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn each_refresh_replaces_the_token() {
    let mut house = House::new().await;
    let first = house.signed_in_app().await;
    house.later(60 * SECOND);
    let second = house.refresh(&refresh_token(&first)).await.unwrap();
    assert_ne!(refresh_token(&first), refresh_token(&second));
    let (one, two) = (claims(first.access_token.expose()), claims(second.access_token.expose()));
    assert_eq!(one["fam"], two["fam"]);
    assert_ne!(one["jti"], two["jti"]);
    assert_eq!(two["auth_time"], one["auth_time"], "a refresh is no sign-in");
    let id = claims(second.id_token.as_ref().unwrap().expose());
    assert_eq!(id.get("nonce"), None);
    assert_eq!(house.events(EventKind::TokenRefreshed).await.len(), 1);
}

#[tokio::test]
async fn a_lost_answer_logs_nobody_out() {
    let mut house = House::new().await;
    let first = refresh_token(&house.signed_in_app().await);
    let lost = refresh_token(&house.refresh(&first).await.unwrap());
    house.later(10 * SECOND);
    let again = refresh_token(&house.refresh(&first).await.unwrap());
    assert_eq!(lost, again, "the same successor, not a second chain");
    house.later(SECOND);
    house.refresh(&again).await.unwrap();
    assert!(house.events(EventKind::RefreshReused).await.is_empty());
}

#[tokio::test]
async fn a_late_duplicate_is_refused_and_nobody_is_logged_out() {
    let mut house = House::new().await;
    let first = refresh_token(&house.signed_in_app().await);
    let second = refresh_token(&house.refresh(&first).await.unwrap());
    let third = refresh_token(&house.refresh(&second).await.unwrap());
    house.later(2 * SECOND);
    assert_eq!(house.refresh(&first).await.unwrap_err().reason, "refresh-late");
    house.refresh(&third).await.unwrap();
}

#[tokio::test]
async fn a_stolen_old_token_ends_the_family() {
    let mut house = House::new().await;
    let tokens = house.signed_in_app().await;
    let first = refresh_token(&tokens);
    let second = refresh_token(&house.refresh(&first).await.unwrap());
    house.later(11 * SECOND);
    let error = house.refresh(&first).await.unwrap_err();
    assert_eq!((error.code, &*error.reason), (OAuthCode::InvalidGrant, "refresh-reused"));
    assert_eq!(
        house.refresh(&second).await.unwrap_err().reason,
        "refresh-over",
        "the thief's or the owner's, both end"
    );
    assert_eq!(house.introspect(tokens.access_token.expose()).await["active"], false);
    assert_eq!(house.events(EventKind::RefreshReused).await.len(), 1);
    assert_eq!(house.events(EventKind::FamilyRevoked).await.len(), 1);
    assert_eq!(house.refresh(&first).await.unwrap_err().reason, "refresh-over");
    assert_eq!(house.events(EventKind::RefreshReused).await.len(), 1, "it is announced once");
}

#[tokio::test]
async fn sixteen_refreshes_at_once_make_one_chain() {
    let house = House::new().await;
    let first = refresh_token(&house.signed_in_app().await);
    let house = std::sync::Arc::new(house);
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (house, first) = (std::sync::Arc::clone(&house), first.clone());
            tokio::spawn(async move { house.refresh(&first).await.map(|tokens| refresh_token(&tokens)) })
        })
        .collect();
    let mut successors = BTreeSet::new();
    for task in tasks {
        successors.insert(task.await.unwrap().expect("nobody is logged out"));
    }
    assert_eq!(successors.len(), 1, "exactly one successor");
    let families = house.identity.list_families(house.ada.person).await.unwrap();
    assert_eq!(families.len(), 1);
    assert_eq!(families[0].generation, 2);
    house.refresh(successors.first().unwrap()).await.unwrap();
}

#[tokio::test]
async fn what_is_not_the_clients_own_is_refused_and_ends_nothing() {
    let house = House::new().await;
    let token = refresh_token(&house.signed_in_app().await);
    let as_other = [("grant_type", "refresh_token"), ("client_id", "third-party"), ("refresh_token", token.as_str())];
    assert_eq!(house.token(&as_other).await.unwrap_err().reason, "refresh-unknown");
    for bad in ["", "trt_", "trt_AAAA", &token[..70], &format!("{token}A"), &token.to_uppercase(), "x"] {
        let error = house.refresh(bad).await.unwrap_err();
        assert!(matches!(&*error.reason, "refresh-unknown" | "parameter-missing"), "{bad}");
    }
    house.refresh(&token).await.expect("none of this ended it");
}

#[tokio::test]
async fn scopes_narrow_and_never_widen() {
    let house = House::new().await;
    let token = refresh_token(&house.signed_in_app().await);
    let with = |token: &str, scope: &'static str| {
        let token: &'static str = Box::leak(token.to_owned().into_boxed_str());
        [refresh(token), vec![("scope", scope)]].concat()
    };
    for wide in ["openid transfers:write", "openid  profile"] {
        assert_eq!(house.token(&with(&token, wide)).await.unwrap_err().reason, "scope-widened");
    }
    let narrow = house.token(&with(&token, "accounts:read")).await.unwrap();
    assert_eq!(claims(narrow.access_token.expose())["scope"], "accounts:read");
    assert!(narrow.id_token.is_none(), "without openid there is no ID token");
    let full = house.refresh(&refresh_token(&narrow)).await.unwrap();
    assert_eq!(full.scope, "accounts:read email openid profile", "the grant itself stays");
}

#[tokio::test]
async fn a_family_ends_idle_and_absolutely() {
    let mut house = House::new().await;
    let token = refresh_token(&house.signed_in_app().await);
    house.later(30 * 86_400 * SECOND);
    assert_eq!(house.refresh(&token).await.unwrap_err().reason, "refresh-over");

    let mut house = House::new().await;
    let mut token = refresh_token(&house.signed_in_app().await);
    for _ in 0..4 {
        house.later(20 * 86_400 * SECOND);
        token = refresh_token(&house.refresh(&token).await.unwrap());
    }
    house.later(10 * 86_400 * SECOND);
    assert_eq!(house.refresh(&token).await.unwrap_err().reason, "refresh-over");
}

#[tokio::test]
async fn roles_in_families_follow_the_person() {
    let house = House::new().await;
    let token = refresh_token(&house.signed_in_app().await);
    let code = house.code().await;
    let mut tx = Tx::new();
    house.identity.stage_roles(&mut tx, house.ada.person, &BTreeSet::from(["gold".to_owned()])).await.unwrap();
    tx.event(house.ctx.event(EventKind::RoleGranted).to(house.ada.person));
    house.identity.store.commit(tx).await.unwrap();
    let tokens = house.refresh(&token).await.unwrap();
    assert_eq!(claims(tokens.access_token.expose())["roles"], serde_json::json!(["gold"]));
    house.exchange(&code).await.expect("a code that waits is not lost");
}

#[tokio::test]
async fn ending_a_session_ends_its_families_only() {
    let house = House::new().await;
    let mine = refresh_token(&house.signed_in_app().await);
    let other = sign_in(&house.identity, "eve@example.org", crate::Acr::Password, &house.ctx).await;
    let outcome = house.identity.authorize(&query(&[]), Some(&other), None, false, &house.ctx).await.unwrap();
    let theirs = house.exchange(&param(&redirect(outcome), "code").unwrap()).await.unwrap();
    house.identity.revoke_session(house.ada.session, Actor::default(), "test", &house.ctx).await.unwrap();
    house.identity.revoke_session(house.ada.session, Actor::default(), "test", &house.ctx).await.unwrap();
    assert_eq!(house.events(EventKind::SessionRevoked).await.len(), 1, "announced once");
    assert_eq!(house.refresh(&mine).await.unwrap_err().reason, "refresh-over");
    house.refresh(&refresh_token(&theirs)).await.unwrap();
    house.identity.revoke_person(other.person, Actor::default(), "test", &house.ctx).await.unwrap();
    assert!(house.identity.list_sessions(other.person).await.unwrap().is_empty());
    assert!(house.identity.list_families(other.person).await.unwrap().is_empty());
    let session = house.identity.find_session(other.session).await.unwrap().unwrap();
    assert_eq!(session.state, crate::SessionState::Revoked);
}

#[tokio::test]
async fn refreshes_need_one_read_and_one_commit() {
    let house = House::new().await;
    let mut token = refresh_token(&house.signed_in_app().await);
    let before = house.identity.store.status().size;
    for _ in 0..50 {
        token = refresh_token(&house.refresh(&token).await.unwrap());
    }
    assert_eq!(house.identity.store.status().size - before, 50, "one event each");
    let unknown = FamilyId::new(house.ctx.now, random::array());
    assert!(house.identity.store.get::<Family>(unknown).await.unwrap().is_none());
}

#[tokio::test]
async fn a_person_has_a_bounded_number_of_families() {
    let mut house = House::new().await;
    let first = refresh_token(&house.signed_in_app().await);
    for _ in 0..MOST_FAMILIES {
        house.later(Duration::from_millis(1));
        house.signed_in_app().await;
    }
    assert_eq!(house.identity.list_families(house.ada.person).await.unwrap().len(), MOST_FAMILIES);
    assert_eq!(house.refresh(&first).await.unwrap_err().reason, "refresh-over", "the oldest made room");
    assert_eq!(house.events(EventKind::FamilyRevoked).await.len(), 1);
}

/// A phone on a bad network: one answer in ten is lost, one request in twenty arrives twice. Whatever the order, nobody
/// is logged out, and no second chain begins.
#[tokio::test]
async fn a_bad_network_logs_nobody_out() {
    let mut house = House::new().await;
    let mut token = refresh_token(&house.signed_in_app().await);
    let (mut dice, mut lost, mut doubled) = (0x2545_f491_4f6c_dd1d_u64, 0, 0);
    let mut roll = |sides: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % sides
    };
    for _ in 0..2_000 {
        house.later(Duration::from_millis(500 + roll(240_000)));
        let answer = refresh_token(&house.refresh(&token).await.expect("nobody is logged out"));
        if roll(20) == 0 {
            doubled += 1;
            house.later(Duration::from_millis(roll(9_000)));
            assert_eq!(refresh_token(&house.refresh(&token).await.unwrap()), answer, "one chain");
        }
        if roll(10) == 0 {
            lost += 1;
            house.later(Duration::from_millis(roll(900)));
            assert_eq!(refresh_token(&house.refresh(&token).await.unwrap()), answer, "the answer is repeated");
        }
        token = answer;
    }
    assert!(lost > 150 && doubled > 70, "{lost} lost, {doubled} doubled");
    assert!(house.events(EventKind::RefreshReused).await.is_empty());
}
