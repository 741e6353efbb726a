//! The gateway's side: what a worker accepts, and how long.

use std::time::Duration;

use testudo_core::{Actor, Timestamp, Verdict};
use testudo_crypto::jose::{Algorithm, KeySet, SigningKey};

use super::house::*;
use crate::oauth::{Authority, Caller, Rotation, TokenCache, challenge};

fn code(authority: &Authority, cache: &mut TokenCache, header: Option<&[u8]>, now: Timestamp) -> String {
    let (caller, decision) = authority.authenticate(cache, header, now);
    assert_eq!(caller.is_some(), decision.verdict() == Verdict::Allow);
    decision.reasons().first().map(|reason| reason.code.to_string()).unwrap_or_default()
}

fn bearer(token: &str) -> Vec<u8> {
    format!("Bearer {token}").into_bytes()
}

#[tokio::test]
async fn a_token_says_who_calls_until_it_expires() {
    let house = House::new().await;
    let (authority, mut cache) = (house.identity.authority().unwrap(), TokenCache::new());
    let header = bearer(house.signed_in_app().await.access_token.expose());
    let now = house.ctx.now;
    for _ in 0..2 {
        let (caller, _) = authority.authenticate(&mut cache, Some(&header), now);
        let caller: &Caller = &caller.unwrap();
        assert_eq!(caller.person, Some(house.ada.person));
        assert_eq!(caller.session, Some(house.ada.session));
        assert!(caller.scopes.contains("accounts:read"));
        assert!(caller.roles.contains("customer"));
    }
    assert_eq!(cache.len(), 1);
    let lower = [b"bearer ", &header[7..]].concat();
    assert_eq!(code(&authority, &mut cache, Some(&lower), now), "");
    let late = now.plus(Duration::from_secs(299));
    assert_eq!(code(&authority, &mut cache, Some(&header), late), "");
    let over = now.plus(Duration::from_mins(5));
    assert_eq!(code(&authority, &mut cache, Some(&header), over), "token-expired");
    assert!(cache.is_empty(), "an expired token leaves the cache");
    assert_eq!(code(&authority, &mut cache, Some(&header), over), "token-expired");
    let early = now.minus(Duration::from_secs(6));
    assert_eq!(code(&authority, &mut TokenCache::new(), Some(&header), early), "token-not-yet-valid");
}

#[tokio::test]
async fn what_is_no_token_of_ours_is_refused() {
    let house = House::new().await;
    let tokens = house.signed_in_app().await;
    let authority = house.identity.authority().unwrap();
    let access = tokens.access_token.expose();
    let tampered = {
        let mut parts: Vec<_> = access.split('.').map(str::to_owned).collect();
        let last = if parts[2].starts_with('A') { "B" } else { "A" };
        parts[2].replace_range(..1, last);
        parts.join(".")
    };
    let huge = "a".repeat(9_000);
    let cases: Vec<(Option<Vec<u8>>, &str)> = vec![
        (None, "token-missing"),
        (Some(vec![]), "token-malformed"),
        (Some(b"Basic YTpi".to_vec()), "token-malformed"),
        (Some(b"Bearer ".to_vec()), "token-malformed"),
        (Some(b"Bearer a b".to_vec()), "token-malformed"),
        (Some(bearer("x")), "token-malformed"),
        (Some(bearer(&huge)), "token-malformed"),
        (Some(bearer(tokens.id_token.as_ref().unwrap().expose())), "token-malformed"),
        (Some(bearer(tokens.refresh_token.as_ref().unwrap().expose())), "token-malformed"),
        (Some(bearer(&tampered)), "token-signature"),
    ];
    let mut cache = TokenCache::new();
    for (header, expected) in &cases {
        for _ in 0..2 {
            assert_eq!(code(&authority, &mut cache, header.as_deref(), house.ctx.now), *expected);
        }
    }
    assert!(cache.is_empty());
    let admin = house.identity.authority_for("https://id.example.org/admin").unwrap();
    assert_eq!(code(&admin, &mut TokenCache::new(), Some(&bearer(access)), house.ctx.now), "token-wrong-audience");
    let elsewhere = Authority::new(house.identity.keys().unwrap().set.clone(), "https://other.example", ISSUER);
    assert_eq!(code(&elsewhere, &mut TokenCache::new(), Some(&bearer(access)), house.ctx.now), "token-wrong-issuer");
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    let forged = stranger.sign("at+jwt", br#"{"iss":"https://id.example.org"}"#);
    assert_eq!(code(&authority, &mut cache, Some(&bearer(&forged)), house.ctx.now), "token-key-unknown");
}

#[tokio::test]
async fn claims_must_agree() {
    let house = House::new().await;
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let authority = Authority::new(KeySet::new(vec![key.public()]).unwrap().into(), ISSUER, ISSUER);
    let tokens = house.signed_in_app().await;
    let good = claims(tokens.access_token.expose());
    let try_with = |change: &dyn Fn(&mut serde_json::Map<String, serde_json::Value>)| {
        let mut claims = good.as_object().unwrap().clone();
        change(&mut claims);
        let token = key.sign("at+jwt", &serde_json::to_vec(&claims).unwrap());
        code(&authority, &mut TokenCache::new(), Some(&bearer(&token)), house.ctx.now)
    };
    assert_eq!(try_with(&|_| {}), "");
    assert_eq!(
        try_with(&|c| {
            c.remove("sid");
        }),
        "token-claims",
        "a person's token can be revoked"
    );
    assert_eq!(
        try_with(&|c| {
            c.remove("fam");
        }),
        "token-claims"
    );
    assert_eq!(
        try_with(&|c| {
            c.insert("sub".into(), "wallet-app".into());
        }),
        "token-claims",
        "a client is no person"
    );
    assert_eq!(
        try_with(&|c| {
            c.insert("sub".into(), "root".into());
        }),
        "token-claims"
    );
    assert_eq!(
        try_with(&|c| {
            c.insert("aud".into(), serde_json::json!([ISSUER]));
        }),
        "token-claims"
    );
    assert_eq!(
        try_with(&|c| {
            c.remove("exp");
        }),
        "token-claims"
    );
    assert_eq!(
        try_with(&|c| {
            c.insert("exp".into(), 1.into());
        }),
        "token-claims"
    );
}

#[tokio::test]
async fn a_new_snapshot_of_keys_takes_effect_at_once() {
    let house = House::new().await;
    let header = bearer(house.signed_in_app().await.access_token.expose());
    let (old, mut cache) = (house.identity.authority().unwrap(), TokenCache::new());
    assert_eq!(code(&old, &mut cache, Some(&header), house.ctx.now), "");
    house.identity.rotate_signing_key(Rotation::Graceful, Actor::default(), &house.ctx).await.unwrap();
    let graceful = house.identity.authority().unwrap();
    assert_eq!(code(&graceful, &mut cache, Some(&header), house.ctx.now), "");
    house.identity.rotate_signing_key(Rotation::Compromised, Actor::default(), &house.ctx).await.unwrap();
    let strict = house.identity.authority().unwrap();
    assert_eq!(code(&strict, &mut cache, Some(&header), house.ctx.now), "token-key-unknown", "though it was cached");
}

#[tokio::test]
async fn garbage_never_drives_out_good_tokens() {
    let house = House::new().await;
    let (authority, mut cache) = (house.identity.authority().unwrap(), TokenCache::new());
    let header = bearer(house.signed_in_app().await.access_token.expose());
    assert_eq!(code(&authority, &mut cache, Some(&header), house.ctx.now), "");
    for number in 0..10_000 {
        code(&authority, &mut cache, Some(&bearer(&format!("garbage{number}"))), house.ctx.now);
    }
    assert_eq!(cache.len(), 1);
}

#[test]
fn challenges_say_what_is_wrong() {
    let authority = Authority::new(KeySet::new(vec![]).unwrap().into(), ISSUER, ISSUER);
    let say = |header: Option<&[u8]>| {
        let (_, decision) = authority.authenticate(&mut TokenCache::new(), header, Timestamp::EPOCH);
        challenge(decision.reasons().first().unwrap(), decision.obligations(), "accounts:read")
    };
    assert_eq!(say(None), "Bearer realm=\"testudo\", scope=\"accounts:read\"");
    assert!(
        say(Some(b"Bearer x")).starts_with("Bearer realm=\"testudo\", error=\"invalid_token\", error_description=\"")
    );
}
