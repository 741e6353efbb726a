//! The token endpoint: codes and client credentials.

use std::time::Duration;

use data_encoding::BASE64;
use testudo_core::{Actor, EventKind};
use testudo_store::Tx;

use super::house::*;
use crate::oauth::{ClientState, OAuthCode};
use crate::people::{Person, PersonState};

#[tokio::test]
async fn a_code_gives_tokens() {
    let house = House::new().await;
    let tokens = house.signed_in_app().await;
    let access = claims(tokens.access_token.expose());
    assert_eq!(access["iss"], ISSUER);
    assert_eq!(access["aud"], ISSUER);
    assert_eq!(access["sub"], house.ada.person.to_string());
    assert_eq!(access["sid"], house.ada.session.to_string());
    assert_eq!(access["client_id"], "wallet-app");
    assert_eq!(access["scope"], "accounts:read email openid profile");
    assert_eq!(access["roles"][0], "customer");
    assert_eq!(access["exp"].as_i64().unwrap() - access["iat"].as_i64().unwrap(), 300);
    let id = claims(tokens.id_token.as_ref().unwrap().expose());
    assert_eq!(id["aud"], "wallet-app");
    assert_eq!(id["nonce"], "n-1");
    assert_eq!(id["amr"][0], "pwd");
    assert_eq!(id["at_hash"], half_hash(tokens.access_token.expose()));
    assert_eq!(tokens.to_json()["token_type"], "Bearer");
    let issued = house.events(EventKind::TokenIssued).await;
    assert_eq!(issued.len(), 1);
    assert_eq!(issued[0].actor.person, Some(house.ada.person));
}

#[tokio::test]
async fn what_does_not_fit_the_code_is_refused() {
    let house = House::new().await;
    let cases: &[(&str, &str, &str)] = &[
        ("redirect_uri", "http://127.0.0.1:49153/callback", "redirect-mismatch"),
        ("redirect_uri", "", "redirect-mismatch"),
        ("code_verifier", "", "parameter-missing"),
        ("code_verifier", CHALLENGE, "pkce-mismatch"),
        ("code_verifier", "dBjftJeZ4CVP", "pkce-mismatch"),
        ("client_id", "third-party", "code-unknown"),
        ("client_id", "nobody", "client-authentication"),
        ("client_id", "", "client-authentication"),
        ("code", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "code-unknown"),
        ("code", "", "parameter-missing"),
        ("grant_type", "password", "grant-unsupported"),
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code", "grant-unsupported"),
        ("grant_type", "client_credentials", "grant-not-allowed"),
        ("resource", "https://other.example", "resource-mismatch"),
        ("client_secret", "x", "client-authentication"),
    ];
    let code = house.code().await;
    for (name, value, reason) in cases {
        let mut form = exchange(&code);
        form.retain(|(known, _)| known != name);
        form.push((name, value));
        let error = house.token(&form).await.unwrap_err();
        assert_eq!(error.reason, *reason, "{name}={value}");
    }
    let twice = [exchange(&code), vec![("code", code.as_str())]].concat();
    assert_eq!(house.token(&twice).await.unwrap_err().reason, "parameter-repeated");
    assert_eq!(house.events(EventKind::TokenRefused).await.len(), cases.len() + 1, "each refusal is announced");
    house.exchange(&code).await.expect("none of this used the code up");
}

#[tokio::test]
async fn a_code_lives_a_minute() {
    let mut house = House::new().await;
    let code = house.code().await;
    house.later(Duration::from_secs(61));
    assert_eq!(house.exchange(&code).await.unwrap_err().reason, "code-unknown");
}

#[tokio::test]
async fn a_second_use_of_a_code_ends_what_the_first_gave() {
    let house = House::new().await;
    let code = house.code().await;
    let tokens = house.exchange(&code).await.unwrap();
    assert_eq!(house.introspect(tokens.access_token.expose()).await["active"], true);
    let error = house.exchange(&code).await.unwrap_err();
    assert_eq!((error.code, &*error.reason), (OAuthCode::InvalidGrant, "code-reused"));
    assert_eq!(house.refresh(&refresh_token(&tokens)).await.unwrap_err().reason, "refresh-over");
    assert_eq!(house.introspect(tokens.access_token.expose()).await["active"], false);
    assert_eq!(house.events(EventKind::CodeReused).await.len(), 1);
    assert_eq!(house.events(EventKind::FamilyRevoked).await.len(), 1);
}

#[tokio::test]
async fn of_two_exchanges_at_once_none_survives() {
    let house = House::new().await;
    let code = house.code().await;
    let (one, two) = tokio::join!(house.exchange(&code), house.exchange(&code));
    let won: Vec<_> = [one, two].into_iter().filter_map(Result::ok).collect();
    assert_eq!(won.len(), 1, "one code, one family");
    assert!(house.refresh(&refresh_token(&won[0])).await.is_err(), "and the reuse ended it");
}

#[tokio::test]
async fn nothing_is_issued_after_the_session_or_the_person_ended() {
    let house = House::new().await;
    let code = house.code().await;
    house.identity.revoke_session(house.ada.session, Actor::default(), "test", &house.ctx).await.unwrap();
    assert_eq!(house.exchange(&code).await.unwrap_err().reason, "session-over");

    let house = House::new().await;
    let code = house.code().await;
    let mut person = house.identity.store.get::<Person>(house.ada.person).await.unwrap().unwrap();
    person.document.state = PersonState::Locked;
    let mut tx = Tx::new();
    tx.update(&person.document, person.version);
    tx.event(house.ctx.event(EventKind::PersonLocked).to(house.ada.person));
    house.identity.store.commit(tx).await.unwrap();
    assert_eq!(house.exchange(&code).await.unwrap_err().reason, "session-over");
}

#[tokio::test]
async fn a_service_gets_tokens_for_itself() {
    let house = House::new().await;
    let secret = house.service_secret.expose().clone();
    let form = [("grant_type", "client_credentials"), ("scope", "accounts:read")];
    let basic = |secret: &str| format!("Basic {}", BASE64.encode(format!("service:{secret}").as_bytes()));
    let tokens = house.token_as(&form, Some(&basic(&secret))).await.unwrap();
    let access = claims(tokens.access_token.expose());
    assert_eq!(access["sub"], "service");
    assert_eq!(access.get("sid"), None);
    assert!(tokens.refresh_token.is_none() && tokens.id_token.is_none());
    let posted = [&form[..], &[("client_id", "service"), ("client_secret", &secret)]].concat();
    house.token(&posted).await.unwrap();
    for bad in [basic("wrong"), "Basic !!".into(), "Bearer x".into(), String::new()] {
        assert_eq!(house.token_as(&form, Some(&bad)).await.unwrap_err().code, OAuthCode::InvalidClient, "{bad}");
    }
    assert_eq!(house.token_as(&posted, Some(&basic(&secret))).await.unwrap_err().reason, "client-twice");
    let about_people = [("grant_type", "client_credentials"), ("scope", "openid")];
    assert_eq!(house.token_as(&about_people, Some(&basic(&secret))).await.unwrap_err().code, OAuthCode::InvalidScope);
}

#[tokio::test]
async fn a_disabled_client_gets_nothing_at_once() {
    let house = House::new().await;
    let tokens = house.signed_in_app().await;
    let id = "wallet-app".parse().unwrap();
    house.identity.set_client_state(&id, ClientState::Disabled, Actor::default(), &house.ctx).await.unwrap();
    assert_eq!(house.refresh(&refresh_token(&tokens)).await.unwrap_err().code, OAuthCode::InvalidClient);
    assert_eq!(house.introspect(tokens.access_token.expose()).await["active"], false);
    house.identity.set_client_state(&id, ClientState::Enabled, Actor::default(), &house.ctx).await.unwrap();
    house.refresh(&refresh_token(&tokens)).await.unwrap();
}

#[tokio::test]
async fn a_rotated_secret_is_void_at_once() {
    let house = House::new().await;
    let id = "service".parse().unwrap();
    let new = house.identity.rotate_client_secret(&id, Actor::default(), &house.ctx).await.unwrap().secret.unwrap();
    let form = |secret: &'static str| {
        [("grant_type", "client_credentials"), ("client_id", "service"), ("client_secret", secret)]
    };
    let old: &'static str = Box::leak(house.service_secret.expose().clone().into_boxed_str());
    assert_eq!(house.token(&form(old)).await.unwrap_err().code, OAuthCode::InvalidClient);
    let new: &'static str = Box::leak(new.expose().clone().into_boxed_str());
    house.token(&form(new)).await.unwrap();
}
