//! The authorization endpoint: where codes go, and where nothing goes.

use std::time::Duration;

use super::house::*;
use crate::oauth::AuthorizeOutcome;
use crate::session::Acr;

#[tokio::test]
async fn a_code_goes_back_with_state_and_issuer() {
    let house = House::new().await;
    let url = redirect(house.authorize(&query(&[])).await);
    assert!(url.starts_with("http://127.0.0.1:49152/callback?code="));
    assert_eq!(param(&url, "state").unwrap(), "s&t=a te");
    assert_eq!(param(&url, "iss").unwrap(), ISSUER, "RFC 9207 against mix-up");
    assert_eq!(param(&url, "code").unwrap().len(), 43, "256 bits");
    let again = redirect(house.authorize(&query(&[])).await);
    assert_ne!(param(&url, "code"), param(&again, "code"));
}

#[tokio::test]
async fn nothing_is_sent_to_an_address_that_is_not_proven() {
    let house = House::new().await;
    let cases = [
        query(&[("client_id", "")]),
        query(&[("client_id", "nobody")]),
        query(&[("client_id", "bad id")]),
        query(&[("redirect_uri", "")]),
        query(&[("redirect_uri", "https://evil.example/callback")]),
        query(&[("redirect_uri", "http://127.0.0.1:49152/callback/../x")]),
        query(&[("redirect_uri", "http://127.0.0.1:49152/callback?x=1")]),
        query(&[("redirect_uri", "http://localhost:49152/callback")]),
        format!("{}&redirect_uri=https%3A%2F%2Fevil.example", query(&[])),
        format!("{}&client_id=third-party", query(&[])),
        format!("{}&x=%zz", query(&[])),
        format!("{}&x={}", query(&[]), "a".repeat(20_000)),
    ];
    for case in cases {
        let outcome = house.authorize(&case).await;
        assert!(matches!(outcome, AuthorizeOutcome::ErrorPage { .. }), "{case}: {outcome:?}");
    }
}

#[tokio::test]
async fn errors_go_to_the_client_once_it_is_proven() {
    let house = House::new().await;
    let long = "x".repeat(300);
    let cases = [
        (query(&[("response_type", "token")]), "unsupported_response_type"),
        (query(&[("response_type", "code id_token")]), "unsupported_response_type"),
        (query(&[("response_type", "")]), "invalid_request"),
        (query(&[("response_mode", "fragment")]), "invalid_request"),
        (query(&[("code_challenge", "")]), "invalid_request"),
        (query(&[("code_challenge_method", "")]), "invalid_request"),
        (query(&[("code_challenge_method", "plain")]), "invalid_request"),
        (query(&[("code_challenge", "short")]), "invalid_request"),
        (query(&[("scope", "openid root")]), "invalid_scope"),
        (query(&[("scope", "openid  profile")]), "invalid_scope"),
        (query(&[("nonce", &long)]), "invalid_request"),
        (query(&[("prompt", "none login")]), "invalid_request"),
        (query(&[("prompt", "sudo")]), "invalid_request"),
        (query(&[("max_age", "-1")]), "invalid_request"),
        (query(&[("resource", "https://other.example")]), "invalid_target"),
        (query(&[("request", "eyJ")]), "request_not_supported"),
        (query(&[("request_uri", "https://a.example")]), "request_uri_not_supported"),
        (format!("{}&scope=openid", query(&[])), "invalid_request"),
        (format!("{}&nonce=b", query(&[])), "invalid_request"),
        (query(&[("prompt", "none"), ("acr_values", "urn:testudo:acr:2")]), "interaction_required"),
        (query(&[("prompt", "none"), ("client_id", "third-party")]), "consent_required"),
    ];
    for (case, error) in cases {
        let url = redirect(house.authorize(&case).await);
        assert_eq!(param(&url, "error").as_deref(), Some(error), "{case}");
        assert_eq!(param(&url, "iss").unwrap(), ISSUER);
        assert_eq!(param(&url, "state").unwrap(), "s&t=a te");
        assert_eq!(param(&url, "code"), None);
    }
}

#[tokio::test]
async fn who_is_not_signed_in_signs_in_first() {
    let house = House::new().await;
    let ask = async |query: &str| house.identity.authorize(query, None, None, false, &house.ctx).await.unwrap();
    match ask(&query(&[("login_hint", "ada@example.org")])).await {
        AuthorizeOutcome::SignInNeeded { resume, login_hint, client, .. } => {
            assert_eq!(login_hint.as_deref(), Some("ada@example.org"));
            assert_eq!(client.name, "Wallet");
            assert!(redirect(house.authorize(&resume).await).contains("code="));
        }
        other => panic!("{other:?}"),
    }
    let url = redirect(ask(&query(&[("prompt", "none")])).await);
    assert_eq!(param(&url, "error").unwrap(), "login_required");
}

#[tokio::test]
async fn a_new_sign_in_is_asked_for_once() {
    let mut house = House::new().await;
    for demand in [("prompt", "login"), ("max_age", "0")] {
        house.later(Duration::from_mins(1));
        let resume = match house.authorize(&query(&[demand])).await {
            AuthorizeOutcome::SignInNeeded { resume, .. } => resume,
            other => panic!("{other:?}"),
        };
        let outcome = house.authorize(&resume).await;
        assert!(matches!(outcome, AuthorizeOutcome::SignInNeeded { .. }), "the old sign-in does not do");
        house.later(Duration::from_secs(5));
        house.ada.auth_time = house.ctx.now;
        assert!(redirect(house.authorize(&resume).await).contains("code="));
    }
    house.later(Duration::from_secs(100));
    assert!(matches!(house.authorize(&query(&[("max_age", "99")])).await, AuthorizeOutcome::SignInNeeded { .. }));
    assert!(redirect(house.authorize(&query(&[("max_age", "101")])).await).contains("code="));
}

#[tokio::test]
async fn a_second_factor_that_is_owed_is_asked_for_unless_it_was_shown_since() {
    let mut house = House::new().await;
    let owed = Some(house.ctx.now);
    let ask = async |house: &House| {
        house.identity.authorize(&query(&[]), Some(&house.ada), owed, false, &house.ctx).await.unwrap()
    };
    assert!(matches!(ask(&house).await, AuthorizeOutcome::StepUpNeeded { acr: Acr::SecondFactor, .. }));
    house.ada.acr = Acr::SecondFactor;
    house.ada.factor_time = owed;
    assert!(matches!(ask(&house).await, AuthorizeOutcome::StepUpNeeded { .. }), "that was before");
    let silent = query(&[("prompt", "none")]);
    let url = redirect(house.identity.authorize(&silent, Some(&house.ada), owed, false, &house.ctx).await.unwrap());
    assert_eq!(param(&url, "error").unwrap(), "interaction_required");
    house.later(Duration::from_secs(1));
    house.ada.factor_time = Some(house.ctx.now);
    assert!(redirect(ask(&house).await).contains("code="));
}

#[tokio::test]
async fn a_second_factor_is_asked_for() {
    let mut house = House::new().await;
    let stronger = query(&[("acr_values", "urn:testudo:acr:2")]);
    match house.authorize(&stronger).await {
        AuthorizeOutcome::StepUpNeeded { acr, .. } => assert_eq!(acr, Acr::SecondFactor),
        other => panic!("{other:?}"),
    }
    house.ada.acr = Acr::SecondFactor;
    let tokens = house.exchange(&house.code_for(&stronger).await).await.unwrap();
    assert_eq!(claims(tokens.access_token.expose())["acr"], "urn:testudo:acr:2");
}

#[tokio::test]
async fn consent_is_asked_once_for_the_same_scopes() {
    let house = House::new().await;
    let third = query(&[("client_id", "third-party")]);
    match house.authorize(&third).await {
        AuthorizeOutcome::ConsentNeeded { scopes, .. } => {
            assert_eq!(scopes.to_string(), "accounts:read email openid profile");
        }
        other => panic!("{other:?}"),
    }
    let refused = house.identity.authorize_refused(&third, &house.ada, &house.ctx).await.unwrap();
    assert_eq!(param(&redirect(refused), "error").unwrap(), "access_denied");
    let given = house.identity.authorize(&third, Some(&house.ada), None, true, &house.ctx).await.unwrap();
    assert!(redirect(given).contains("code="));
    assert!(redirect(house.authorize(&third).await).contains("code="), "remembered");
    let more = query(&[("client_id", "third-party"), ("scope", "openid transfers:write")]);
    assert!(matches!(house.authorize(&more).await, AuthorizeOutcome::ConsentNeeded { .. }));
    let again = query(&[("client_id", "third-party"), ("prompt", "consent")]);
    assert!(matches!(house.authorize(&again).await, AuthorizeOutcome::ConsentNeeded { .. }));
}
