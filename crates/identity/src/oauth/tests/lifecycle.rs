//! What happens to tokens afterwards: introspection, revocation, userinfo, logout, rotation of keys.

use std::time::Duration;

use testudo_core::{Actor, EventKind};

use super::house::*;
use crate::oauth::{KeyState, LogoutOutcome, OAuthCode, Rotation, TokenRequest};

#[tokio::test]
async fn introspection_tells_confidential_clients_only() {
    let house = House::new().await;
    let tokens = house.signed_in_app().await;
    let found = house.introspect(tokens.access_token.expose()).await;
    assert_eq!(found["active"], true);
    assert_eq!(found["sub"], house.ada.person.to_string());
    let refresh = refresh_token(&tokens);
    assert_eq!(house.introspect(&refresh).await["active"], false, "another client's refresh token");
    for garbage in ["x", "a.b.c", tokens.id_token.as_ref().unwrap().expose()] {
        assert_eq!(house.introspect(garbage).await, serde_json::json!({ "active": false }));
    }
    let form = encode(&[("client_id", "wallet-app"), ("token", tokens.access_token.expose())]);
    let error =
        house.identity.introspect(&TokenRequest { form: &form, authorization: None }, &house.ctx).await.unwrap_err();
    assert_eq!(error.code, OAuthCode::InvalidClient);
}

#[tokio::test]
async fn revoking_either_token_ends_the_family() {
    for pick in [0, 1] {
        let house = House::new().await;
        let tokens = house.signed_in_app().await;
        let token = [refresh_token(&tokens), tokens.access_token.expose().clone()][pick].clone();
        let revoke = async |client: &str| {
            let form = encode(&[("client_id", client), ("token", &token)]);
            house.identity.revoke(&TokenRequest { form: &form, authorization: None }, &house.ctx).await
        };
        revoke("third-party").await.expect("no error, and no effect");
        assert_eq!(house.introspect(tokens.access_token.expose()).await["active"], true);
        revoke("wallet-app").await.unwrap();
        revoke("wallet-app").await.unwrap();
        assert_eq!(house.introspect(tokens.access_token.expose()).await["active"], false);
        assert_eq!(house.refresh(&refresh_token(&tokens)).await.unwrap_err().reason, "refresh-over");
        assert_eq!(house.events(EventKind::FamilyRevoked).await.len(), 1);
    }
}

#[tokio::test]
async fn userinfo_says_what_the_scopes_allow() {
    let mut house = House::new().await;
    let tokens = house.signed_in_app().await;
    let header = format!("Bearer {}", tokens.access_token.expose());
    let info = house.identity.userinfo(Some(header.as_bytes()), &house.ctx).await.unwrap();
    assert_eq!(info["sub"], house.ada.person.to_string());
    assert_eq!(info["name"], "Ada");
    assert_eq!(info["email"], "ada@example.org");
    let narrow = house.exchange(&house.code_for(&query(&[("scope", "openid")])).await).await.unwrap();
    let narrow = format!("Bearer {}", narrow.access_token.expose());
    let info = house.identity.userinfo(Some(narrow.as_bytes()), &house.ctx).await.unwrap();
    assert_eq!(info.as_object().unwrap().len(), 1);
    let none = house.exchange(&house.code_for(&query(&[("scope", "accounts:read")])).await).await.unwrap();
    assert!(none.id_token.is_none());
    let none = format!("Bearer {}", none.access_token.expose());
    let error = house.identity.userinfo(Some(none.as_bytes()), &house.ctx).await.unwrap_err();
    assert_eq!(error.code, OAuthCode::InsufficientScope);
    let id = format!("Bearer {}", tokens.id_token.as_ref().unwrap().expose());
    for bad in [None, Some(b"Bearer".as_slice()), Some(b"Bearer x.y.z"), Some(id.as_bytes())] {
        assert_eq!(house.identity.userinfo(bad, &house.ctx).await.unwrap_err().code, OAuthCode::InvalidToken);
    }
    house.later(Duration::from_mins(5));
    assert!(house.identity.userinfo(Some(header.as_bytes()), &house.ctx).await.is_err(), "expired");
}

#[tokio::test]
async fn logout_needs_a_hint_or_her_word() {
    let house = House::new().await;
    let tokens = house.signed_in_app().await;
    let end = async |query: &str, confirmed| {
        house.identity.end_session(query, Some(&house.ada), confirmed, &house.ctx).await.unwrap()
    };
    assert!(matches!(end("", false).await, LogoutOutcome::Confirm { .. }));
    let evil = encode(&[("client_id", "wallet-app"), ("post_logout_redirect_uri", "https://evil.example/")]);
    assert!(matches!(end(&evil, true).await, LogoutOutcome::ErrorPage { .. }));
    let nobodys = encode(&[("post_logout_redirect_uri", "http://127.0.0.1/signed-out")]);
    assert!(matches!(end(&nobodys, true).await, LogoutOutcome::ErrorPage { .. }), "whose address is it?");
    let hint = tokens.id_token.as_ref().unwrap().expose().as_str();
    let mixed = encode(&[("id_token_hint", hint), ("client_id", "third-party")]);
    assert!(matches!(end(&mixed, false).await, LogoutOutcome::ErrorPage { .. }));
    let access = encode(&[("id_token_hint", tokens.access_token.expose())]);
    assert!(matches!(end(&access, false).await, LogoutOutcome::Confirm { .. }), "an access token is no hint");
    assert_eq!(house.introspect(tokens.access_token.expose()).await["active"], true, "nothing ended so far");
    let good = encode(&[
        ("id_token_hint", hint),
        ("post_logout_redirect_uri", "http://127.0.0.1:5000/signed-out"),
        ("state", "bye"),
    ]);
    match end(&good, false).await {
        LogoutOutcome::Redirect(url) => assert_eq!(url, "http://127.0.0.1:5000/signed-out?state=bye"),
        other => panic!("{other:?}"),
    }
    assert_eq!(house.introspect(tokens.access_token.expose()).await["active"], false);
    assert_eq!(house.events(EventKind::SessionRevoked).await.len(), 1);
}

#[tokio::test]
async fn keys_rotate_without_breaking_tokens() {
    let mut house = House::new().await;
    let states = |house: &House| {
        let mut states: Vec<_> = house.identity.signing_keys().into_iter().map(|key| key.state).collect();
        states.sort_by_key(|state| format!("{state:?}"));
        states
    };
    assert_eq!(states(&house), [KeyState::Current, KeyState::Next]);
    let next = house.identity.signing_keys().into_iter().find(|key| key.state == KeyState::Next).unwrap();
    let tokens = house.signed_in_app().await;
    let kid = house.identity.rotate_signing_key(Rotation::Graceful, Actor::default(), &house.ctx).await.unwrap();
    assert_eq!(kid, next.kid, "it was published ahead");
    assert_eq!(states(&house), [KeyState::Current, KeyState::Next, KeyState::Retired]);
    assert_eq!(house.identity.jwks().unwrap()["keys"].as_array().unwrap().len(), 3);
    assert_eq!(house.introspect(tokens.access_token.expose()).await["active"], true);
    house.later(Duration::from_secs(3600 + 301));
    assert!(house.identity.maintain_keys(&house.ctx).await.unwrap());
    assert_eq!(states(&house), [KeyState::Current, KeyState::Next], "the old one is gone with its tokens");
    house.identity.rotate_signing_key(Rotation::Compromised, Actor::default(), &house.ctx).await.unwrap();
    assert!(house.identity.signing_keys().iter().all(|key| key.kid != kid && key.created == house.ctx.now));
    assert_eq!(house.events(EventKind::KeyRotated).await.len(), 4);
}

#[tokio::test]
async fn keys_rotate_by_themselves() {
    let mut house = House::new().await;
    assert!(!house.identity.maintain_keys(&house.ctx).await.unwrap());
    let before = house.identity.jwks().unwrap();
    house.later(Duration::from_hours(30 * 24));
    assert!(house.identity.maintain_keys(&house.ctx).await.unwrap());
    assert_ne!(before, house.identity.jwks().unwrap());
    assert!(!house.identity.maintain_keys(&house.ctx).await.unwrap());
}

#[tokio::test]
async fn another_node_finds_the_same_keys() {
    let house = House::new().await;
    let other = crate::Identity::new(
        house.identity.store.clone(),
        testudo_crypto::password::HashPool::new(1, 1),
        house.identity.config().clone(),
    );
    assert!(other.jwks().is_err(), "not loaded");
    other.load_keys(&house.ctx).await.unwrap();
    assert_eq!(other.jwks().unwrap(), house.identity.jwks().unwrap());
}
