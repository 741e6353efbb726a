//! The admin API over HTTP.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeSet;
use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use serde_json::{Value, json};
use testudo_contract::Contract;
use testudo_core::{Actor, Control, Denial, EventKind, Outcome};
use testudo_identity::{Acr, Session};
use testudo_store::Tx;

use super::OPENAPI;
use super::routes::{BASE, operations};
use crate::LocalOwner;
use crate::testing::{PASSWORD, Testing, body, call, header, send};

async fn owner(house: &Testing, method: &str, path: &str, json: Option<Value>) -> Response<Body> {
    let request = call(method, &format!("{BASE}{path}")).extension(LocalOwner);
    let request = match json {
        Some(json) => request.header("content-type", "application/json").body(Body::from(json.to_string())),
        None => request.body(Body::empty()),
    };
    send(&house.admin, request.unwrap()).await
}

async fn kinds(house: &Testing) -> Vec<EventKind> {
    house.entries().await.into_iter().map(|entry| entry.plain.kind).collect()
}

#[test]
fn the_description_and_the_routes_agree() {
    let contract = Contract::from_openapi("admin-openapi.yaml", OPENAPI).unwrap();
    let described: BTreeSet<_> = contract
        .routes()
        .iter()
        .map(|route| format!("{} {}", route.method.as_ref().unwrap(), route.template))
        .filter(|route| !route.ends_with("/openapi.yaml"))
        .collect();
    let built: BTreeSet<_> = operations()
        .iter()
        .map(|operation| format!("{} {BASE}{}", operation.method.method(), operation.path))
        .collect();
    assert_eq!(described, built);
    assert_eq!(built.len(), 80);
}

#[tokio::test]
async fn nobody_comes_in_without_a_token() {
    let house = Testing::new().await;
    for operation in operations() {
        let method = operation.method.method();
        let path = operation.path.replace(['{', '}'], "");
        let response = send(&house.admin, call(method, &format!("{BASE}{path}")).body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), 401, "{method} {path}");
        assert!(header(&response, "www-authenticate").starts_with("Bearer realm="));
        assert_eq!(header(&response, "content-type"), "application/problem+json");
    }
    let refused = house.entries().await.into_iter().filter(|entry| entry.plain.kind == EventKind::AdminActed);
    assert!(refused.clone().all(|entry| entry.plain.outcome == Outcome::Failure));
    assert_eq!(refused.count(), operations().len(), "each refusal is announced");
    let response = send(&house.admin, call("GET", "/admin/v1/openapi.yaml").body(Body::empty()).unwrap()).await;
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_token_needs_audience_role_and_second_factor() {
    let house = Testing::new().await;
    let as_bearer = async |token: &str, method: &str, path: &str| {
        let request = call(method, &format!("{BASE}{path}")).header("authorization", format!("Bearer {token}"));
        let response = send(&house.admin, request.body(Body::empty()).unwrap()).await;
        let (status, challenge) = (response.status().as_u16(), header(&response, "www-authenticate").to_owned());
        (status, body(response).await["code"].as_str().unwrap_or_default().to_owned(), challenge)
    };
    let cookie = house.sign_in("ada@example.org").await;
    let backend = tokens(&house, cookie.expose(), "wallet-app").await;
    assert_eq!(as_bearer(&backend, "GET", "/people").await.1, "token-wrong-audience");
    let admin = tokens(&house, cookie.expose(), "testudo-admin").await;
    assert_eq!(as_bearer(&admin, "GET", "/people").await.0, 403, "no role");
    let ada = house.identity.person_by_name("ada@example.org").await.unwrap().unwrap().id();
    house.identity.grant_role(ada, "support", &Actor::default(), &house.ctx).await.unwrap();
    let (status, ..) = as_bearer(&admin, "GET", "/people").await;
    assert_eq!(status, 200, "the role counts at once");
    assert_eq!(as_bearer(&admin, "GET", "/config").await.0, 403);
    let (status, _, challenge) = as_bearer(&admin, "DELETE", &format!("/people/{ada}/sessions")).await;
    assert_eq!(status, 401, "a second factor is missing");
    assert!(challenge.contains("insufficient_user_authentication"), "{challenge}");
    house.identity.revoke_person(ada, Actor::default(), "test", &house.ctx).await.unwrap();
    assert_eq!(as_bearer(&admin, "GET", "/people").await.1, "token-revoked");
}

#[tokio::test]
async fn a_second_factor_opens_and_a_fresh_one_opens_more() {
    let house = Testing::new().await;
    let cookie = house.sign_in("ada@example.org").await;
    let signed_in = house.identity.browser(Some(cookie.expose()), &house.ctx).await.unwrap().unwrap();
    house.identity.grant_role(signed_in.person, "owner", &Actor::default(), &house.ctx).await.unwrap();
    let other = house.sign_in("bea@example.org").await;
    let bea = house.identity.browser(Some(other.expose()), &house.ctx).await.unwrap().unwrap();
    for (age, fresh) in [(900, false), (60, true)] {
        strengthen_ago(&house, signed_in.session, age).await;
        let token = tokens(&house, cookie.expose(), "testudo-admin").await;
        let ask = async |method: &str, path: String| {
            let request = call(method, &format!("{BASE}{path}")).header("authorization", format!("Bearer {token}"));
            send(&house.admin, request.body(Body::empty()).unwrap()).await.status().as_u16()
        };
        assert_eq!(ask("DELETE", format!("/people/{}/sessions", bea.person)).await, 204);
        let grave = if fresh { 204 } else { 401 };
        assert_eq!(ask("PUT", format!("/people/{}/roles/auditor", bea.person)).await, grave, "{age}");
        assert_eq!(ask("PUT", format!("/people/{}/roles/customer", bea.person)).await, 204, "the app's own role");
        let revealed = ask("GET", "/people?reveal=true".into()).await;
        assert_eq!(revealed, 200);
    }
    let acted = house.entries().await.into_iter().filter(|entry| entry.plain.kind == EventKind::PersonRevoked);
    let pseudonym = house.identity.store().person_pseudonym(signed_in.person);
    assert!(acted.into_iter().all(|entry| entry.plain.person == Some(pseudonym)), "who did it is written down");
}

async fn strengthen(house: &Testing, session: testudo_core::SessionId) {
    strengthen_ago(house, session, 0).await;
}

/// Gives a session a second factor that was shown so many seconds ago.
async fn strengthen_ago(house: &Testing, session: testudo_core::SessionId, age: u64) {
    let store = house.identity.store();
    let mut session = store.get::<Session>(session).await.unwrap().unwrap();
    session.document.acr = Acr::SecondFactor;
    session.document.auth_time = house.ctx.now.minus(Duration::from_secs(age));
    let mut tx = Tx::new();
    tx.update(&session.document, session.version);
    tx.event(house.ctx.event(EventKind::StepUpDone));
    store.commit(tx).await.unwrap();
}

async fn tokens(house: &Testing, cookie: &str, client: &str) -> String {
    let signed_in = house.identity.browser(Some(cookie), &house.ctx).await.unwrap();
    let query = format!(
        "response_type=code&client_id={client}&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcallback&scope=openid\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
    );
    let outcome = house.identity.authorize(&query, signed_in.as_ref(), None, false, &house.ctx).await.unwrap();
    let testudo_identity::AuthorizeOutcome::Redirect(url) = outcome else { panic!("{outcome:?}") };
    let code = url.split_once("code=").unwrap().1.split('&').next().unwrap();
    let form = format!(
        "grant_type=authorization_code&client_id={client}&code={code}&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcallback\
         &code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    );
    let request = call("POST", "/token").header("content-type", "application/x-www-form-urlencoded");
    let response = send(&house.oauth, request.body(Body::from(form)).unwrap()).await;
    body(response).await["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn people_are_made_masked_revealed_and_erased() {
    let house = Testing::new().await;
    let new = json!({ "username": "bea@example.org", "name": "Bea", "password": PASSWORD, "roles": ["owner"] });
    let response = owner(&house, "POST", "/people", Some(new.clone())).await;
    assert_eq!(response.status(), 201);
    let bea = body(response).await["id"].as_str().unwrap().to_owned();
    assert_eq!(owner(&house, "POST", "/people", Some(new)).await.status(), 409);
    let list = body(owner(&house, "GET", "/people", None).await).await;
    assert_eq!(list["items"][0]["username"], "b***@e…");
    assert_eq!(list["items"][0]["name"], "B***");
    assert!(!kinds(&house).await.contains(&EventKind::Disclosed));
    let shown = body(owner(&house, "GET", &format!("/people/{bea}?reveal=true"), None).await).await;
    assert_eq!(shown["username"], "bea@example.org");
    assert!(kinds(&house).await.contains(&EventKind::Disclosed), "what was shown is written down");
    let found = body(owner(&house, "GET", "/people?username=BEA@example.org", None).await).await;
    assert_eq!(found["items"].as_array().unwrap().len(), 1);

    let response = owner(&house, "DELETE", &format!("/people/{bea}"), None).await;
    assert_eq!(body(response).await["code"], "last-owner");
    let hash = "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.";
    for (odd, status) in [
        (json!({ "username": "dot@example.org" }), 400),
        (json!({ "username": "dot@example.org", "password": PASSWORD, "password_hash": hash }), 400),
        (json!({ "username": "dot@example.org", "password_hash": hash, "temporary": true }), 400),
        (json!({ "username": "dot@example.org", "password_hash": "md5" }), 422),
        (json!({ "username": "dot@example.org", "password_hash": hash, "roles": ["customer"] }), 201),
        (json!({ "username": "dot@example.org", "password_hash": hash }), 409),
    ] {
        assert_eq!(owner(&house, "POST", "/people", Some(odd.clone())).await.status(), status, "{odd}");
    }
    let plain = json!({ "username": "cid@example.org", "password": PASSWORD });
    let cid = body(owner(&house, "POST", "/people", Some(plain)).await).await["id"].as_str().unwrap().to_owned();
    for (method, path, json, status) in [
        ("POST", "lock", Some(json!({ "reason": "lost phone" })), 204),
        ("POST", "lock", Some(json!({ "reason": "" })), 400),
        ("POST", "lock", Some(json!({})), 400),
        ("POST", "unlock", None, 204),
        ("POST", "require-reset", Some(json!({ "reason": "leaked" })), 204),
        ("POST", "require-step-up", Some(json!({ "reason": "new country" })), 204),
        ("PUT", "roles/auditor", None, 204),
        ("DELETE", "roles/auditor", None, 204),
        ("PUT", "roles/Not-A-Role", None, 422),
        ("PUT", "password", Some(json!({ "password": "a whole new password 7" })), 204),
        ("PUT", "password", Some(json!({ "password": "short" })), 422),
        ("DELETE", "factors", None, 204),
        ("GET", "sessions", None, 200),
        ("GET", "families", None, 200),
        ("DELETE", "sessions", None, 204),
    ] {
        let response = owner(&house, method, &format!("/people/{cid}/{path}"), json).await;
        assert_eq!(response.status(), status, "{method} {path}");
    }
    assert_eq!(owner(&house, "DELETE", &format!("/people/{cid}"), None).await.status(), 204);
    assert_eq!(owner(&house, "GET", &format!("/people/{cid}"), None).await.status(), 404);
    assert_eq!(owner(&house, "GET", "/people/per_x", None).await.status(), 400);
    let written = kinds(&house).await;
    for kind in [
        EventKind::PersonCreated,
        EventKind::PersonLocked,
        EventKind::PersonUnlocked,
        EventKind::RoleGranted,
        EventKind::RoleRevoked,
        EventKind::PasswordChanged,
        EventKind::PersonRevoked,
        EventKind::PersonErased,
    ] {
        assert!(written.contains(&kind), "{kind}");
    }
}

#[tokio::test]
async fn clients_are_registered_changed_and_removed() {
    let house = Testing::new().await;
    let form = json!({ "name": "Reports", "type": "confidential", "grant_types": ["client_credentials"], "scopes": ["accounts:read"] });
    let new = json!({ "id": "reports", "client": form });
    let response = owner(&house, "POST", "/clients", Some(new.clone())).await;
    assert_eq!(response.status(), 201);
    let secret = body(response).await["secret"].as_str().unwrap().to_owned();
    assert_eq!(owner(&house, "POST", "/clients", Some(new)).await.status(), 409);
    let shown = body(owner(&house, "GET", "/clients/reports", None).await).await;
    assert_eq!(shown["client"]["name"], "Reports");
    assert!(!shown.to_string().contains("secret"), "the secret is shown once");
    let rotated = body(owner(&house, "POST", "/clients/reports/secret", None).await).await;
    assert_ne!(rotated["secret"], secret);
    let mut changed = form.clone();
    changed["name"] = "Monthly reports".into();
    assert_eq!(owner(&house, "PUT", "/clients/reports", Some(changed)).await.status(), 200);
    let mut other = form;
    other["unknown"] = 1.into();
    assert_eq!(owner(&house, "PUT", "/clients/reports", Some(other)).await.status(), 400);
    let bad = json!({ "id": "bad", "client": { "name": "x", "type": "public", "grant_types": ["authorization_code"], "redirect_uris": ["http://localhost/"] } });
    let response = owner(&house, "POST", "/clients", Some(bad)).await;
    assert_eq!(response.status(), 422);
    assert!(body(response).await["detail"].as_str().unwrap().contains("127.0.0.1"), "it says what to do");
    assert_eq!(body(owner(&house, "GET", "/clients", None).await).await["items"].as_array().unwrap().len(), 3);
    assert_eq!(owner(&house, "DELETE", "/clients/reports", None).await.status(), 204);
    assert_eq!(owner(&house, "GET", "/clients/reports", None).await.status(), 404);
}

#[tokio::test]
async fn the_log_is_read_proven_and_verified() {
    let house = Testing::new().await;
    house.sign_in("ada@example.org").await;
    let entries = body(owner(&house, "GET", "/audit/entries?kind=sign-in,session.started", None).await).await;
    assert_eq!(entries["items"].as_array().unwrap().len(), 2);
    assert!(!entries.to_string().contains("203.0.113.7"), "addresses are pseudonyms");
    let opened = body(owner(&house, "GET", "/audit/entries?kind=sign-in&reveal=true", None).await).await;
    assert!(opened.to_string().contains("203.0.113.7"));
    let newest = body(owner(&house, "GET", "/audit/entries?newest_first=true&limit=1", None).await).await;
    assert_eq!(newest["items"][0]["event"]["kind"], "data.disclosed");
    for bad in ["limit=0", "kind=nonsense", "unknown=1", "person=x"] {
        assert_eq!(owner(&house, "GET", &format!("/audit/entries?{bad}"), None).await.status(), 400, "{bad}");
    }
    let checkpoint = body(owner(&house, "GET", "/audit/checkpoint", None).await).await;
    let size = checkpoint["size"].as_u64().unwrap();
    let proof = body(owner(&house, "GET", &format!("/audit/proofs/inclusion?seq=0&size={size}"), None).await).await;
    assert_eq!(proof["root"], checkpoint["root"]);
    let proof = body(owner(&house, "GET", &format!("/audit/proofs/consistency?old=1&new={size}"), None).await).await;
    assert_eq!(proof["new_root"], checkpoint["root"]);
    let wrong = format!("/audit/proofs/inclusion?seq={size}&size={size}");
    assert_eq!(owner(&house, "GET", &wrong, None).await.status(), 422);
    let started = owner(&house, "POST", "/audit/verifications", None).await;
    assert_eq!(started.status(), 202);
    let id = body(started).await["id"].as_u64().unwrap();
    let report = loop {
        let report = body(owner(&house, "GET", &format!("/audit/verifications/{id}"), None).await).await;
        if report["state"] != "running" {
            break report;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(report["sound"], true, "{report}");
    assert_eq!(owner(&house, "GET", "/audit/verifications/99", None).await.status(), 404);
}

#[tokio::test]
async fn a_replay_is_a_job_and_mistakes_in_rules_are_told_at_once() {
    let house = Testing::new().await;
    let wrong = json!({ "since": 0, "rules": [{ "name": "mine.yml", "text": "" }] });
    let refused = owner(&house, "POST", "/detection/replays", Some(wrong)).await;
    assert_eq!(refused.status(), 422);
    assert!(body(refused).await["detail"].as_str().unwrap().starts_with("mine.yml:1:"));
    let right = json!({ "since": 5, "pack": true, "rules": [{ "name": "mine.yml", "text": "title: a" }] });
    let started = owner(&house, "POST", "/detection/replays", Some(right)).await;
    assert_eq!(started.status(), 202);
    let id = body(started).await["id"].as_u64().unwrap();
    let report = loop {
        let report = body(owner(&house, "GET", &format!("/detection/replays/{id}"), None).await).await;
        if report["state"] != "running" {
            break report;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((&report["state"], &report["rules"]), (&json!("done"), &json!(1)));
    assert_eq!(owner(&house, "GET", "/detection/replays/99", None).await.status(), 404);
}

#[tokio::test]
async fn the_gate_and_the_input_are_strict() {
    let house = Testing::new().await;
    let block = json!({ "target": { "network": "203.0.113.0/24" }, "seconds": 60, "reason": "scan" });
    assert_eq!(owner(&house, "POST", "/blocks", Some(block.clone())).await.status(), 204);
    assert_eq!(owner(&house, "DELETE", "/blocks?network=203.0.113.0/24", None).await.status(), 204);
    assert_eq!(owner(&house, "DELETE", "/blocks?network=203.0.113.0/99", None).await.status(), 400);
    assert_eq!(owner(&house, "DELETE", "/blocks", None).await.status(), 400);
    assert_eq!(owner(&house, "DELETE", "/blocks?network=198.51.100.0/24", None).await.status(), 404);
    let own = json!({ "target": { "network": "127.0.0.1/32" }, "seconds": 60, "reason": "scan" });
    assert_eq!(owner(&house, "POST", "/blocks", Some(own)).await.status(), 409);
    let own = json!({ "target": { "network": "127.0.0.1/32" }, "seconds": 60, "reason": "scan", "confirmed": true });
    assert_eq!(owner(&house, "POST", "/blocks", Some(own)).await.status(), 204);
    for (target, seconds, status) in [
        (json!("everyone"), 60, 204),
        (json!({ "network": "203.0.113.0/24" }), 60, 204),
        (json!({ "route": "/transfers" }), 60, 204),
        (json!("nobody"), 60, 400),
        (json!("everyone"), 0, 400),
    ] {
        let tight = json!({ "target": target, "percent": 20, "seconds": seconds, "reason": "flood" });
        assert_eq!(owner(&house, "POST", "/limits/tightened", Some(tight)).await.status(), status, "{target}");
    }
    for (query, status) in [
        ("?everyone=true", 204),
        ("", 400),
        ("?everyone=true&route=/a", 400),
        ("?network=203.0.113.0/24", 404),
        ("?network=x", 400),
        ("?route=/transfers", 404),
    ] {
        let path = format!("/limits/tightened{query}");
        assert_eq!(owner(&house, "DELETE", &path, None).await.status(), status, "{query}");
    }
    let held = json!({ "path": "/transfers", "seconds": 60, "reason": "theft" });
    assert_eq!(owner(&house, "POST", "/routes/restricted", Some(held)).await.status(), 204);
    assert_eq!(owner(&house, "DELETE", "/routes/restricted?path=/transfers/", None).await.status(), 204);
    assert_eq!(owner(&house, "DELETE", "/routes/restricted?path=/other", None).await.status(), 404);
    for (path, member) in [("/blocks", "target"), ("/limits/tightened", "percent"), ("/routes/restricted", "path")] {
        let page = body(owner(&house, "GET", path, None).await).await;
        assert!(!page["items"][0][member].is_null() && page["items"][0]["until"].is_string(), "{page}");
    }
    let response = owner(&house, "POST", "/config/reload", None).await;
    assert_eq!(response.status(), 422);
    assert!(body(response).await["detail"].as_str().unwrap().contains("line 3"));
    let twice = call("POST", "/admin/v1/blocks").extension(LocalOwner).header("content-type", "application/json");
    let twice = twice.body(Body::from(r#"{"seconds":1,"seconds":2}"#)).unwrap();
    assert_eq!(send(&house.admin, twice).await.status(), 400);
    let text = call("POST", "/admin/v1/blocks").extension(LocalOwner).header("content-type", "text/plain");
    assert_eq!(send(&house.admin, text.body(Body::from("{}")).unwrap()).await.status(), 415);
    assert_eq!(owner(&house, "GET", "/nowhere", None).await.status(), 404);
    assert_eq!(owner(&house, "PATCH", "/blocks", None).await.status(), 405);
    house.refuse(Control::Audit, Denial::Unavailable, "journal-full");
    let response = owner(&house, "POST", "/blocks", Some(block)).await;
    assert_eq!(response.status(), 503);
    assert_eq!(body(response).await["code"], "journal-full");
    let last = house.entries().await.pop().unwrap();
    assert_eq!((last.plain.kind, last.plain.code.as_deref()), (EventKind::AdminActed, Some("journal-full")));
    assert_eq!(owner(&house, "GET", "/status", None).await.status(), 200, "reading passes no such gate");
}

#[tokio::test]
async fn nothing_personal_is_shown_in_full_but_through_the_gate() {
    let house = Testing::new().await;
    house.sign_in("ada@example.org").await;
    let ada = house.identity.person_by_name("ada@example.org").await.unwrap().unwrap().id();
    let reveals = [
        ("people", "/people?".to_owned(), "ada@example.org"),
        ("people", "/people?username=ada@example.org&".to_owned(), "ada@example.org"),
        ("person", format!("/people/{ada}?"), "ada@example.org"),
        ("sessions", format!("/people/{ada}/sessions?"), "203.0.113.7"),
        ("audit-entries", "/audit/entries?kind=sign-in&".to_owned(), "203.0.113.7"),
    ];
    let disclosures = async |outcome: Outcome| {
        let entries = house.entries().await;
        entries
            .into_iter()
            .map(|entry| entry.plain)
            .filter(move |it| it.kind == EventKind::Disclosed && it.outcome == outcome)
    };
    for (what, path, secret) in &reveals {
        let masked = owner(&house, "GET", path, None).await;
        assert_eq!((masked.status().as_u16(), header(&masked, "cache-control")), (200, "no-store"));
        assert!(!body(masked).await.to_string().contains(secret), "{path}");
        let before = disclosures(Outcome::Success).await.count();
        let shown = owner(&house, "GET", &format!("{path}reveal=true"), None).await;
        assert_eq!((shown.status().as_u16(), header(&shown, "cache-control")), (200, "no-store"));
        assert!(body(shown).await.to_string().contains(secret), "{path}");
        let last = disclosures(Outcome::Success).await.next_back().unwrap();
        assert_eq!(disclosures(Outcome::Success).await.count(), before + 1);
        assert_eq!((last.target.as_deref(), last.details["records"].as_str()), (Some(*what), "1"));
    }
    // The gate is asked for each of them: what it refuses is not shown, and the refusal is written down.
    house.refuse(Control::Audit, Denial::Unavailable, "journal-full");
    for (what, path, secret) in &reveals {
        let refused = owner(&house, "GET", &format!("{path}reveal=true"), None).await;
        assert_eq!(refused.status(), 503, "{path}");
        let text = body(refused).await.to_string();
        assert!(text.contains("journal-full") && !text.contains(secret), "{text}");
        let last = disclosures(Outcome::Failure).await.next_back().unwrap();
        assert_eq!((last.target.as_deref(), last.code.as_deref()), (Some(*what), Some("journal-full")));
        assert_eq!(owner(&house, "GET", path, None).await.status(), 200, "masked, it passes no such gate");
    }
}

#[tokio::test]
async fn who_may_not_reveal_sees_masks_only() {
    let house = Testing::new().await;
    let cookie = house.sign_in("ada@example.org").await;
    let ada = house.identity.browser(Some(cookie.expose()), &house.ctx).await.unwrap().unwrap();
    house.identity.grant_role(ada.person, "support", &Actor::default(), &house.ctx).await.unwrap();
    strengthen(&house, ada.session).await;
    let token = tokens(&house, cookie.expose(), "testudo-admin").await;
    let ask = async |method: &str, path: &str| {
        let request = call(method, &format!("{BASE}{path}")).header("authorization", format!("Bearer {token}"));
        let request = request.header("content-type", "application/json").body(Body::from("{}")).unwrap();
        let response = send(&house.admin, request).await;
        (response.status().as_u16(), body(response).await)
    };
    let (status, people) = ask("GET", "/people").await;
    assert_eq!((status, &people["items"][0]["username"]), (200, &json!("a***@e…")));
    let (status, refused) = ask("GET", "/people?reveal=true").await;
    assert_eq!((status, &refused["code"]), (403, &json!("policy-denied")));
    assert!(!kinds(&house).await.contains(&EventKind::Disclosed));
    let last = house.entries().await.pop().unwrap().plain;
    assert_eq!((last.kind, last.outcome), (EventKind::AdminActed, Outcome::Failure));
    assert_eq!(ask("POST", "/enrolments").await.0, 403, "nor may she make an owner");
}

#[tokio::test]
async fn a_lost_enrolment_token_is_renewed() {
    let house = Testing::new().await;
    let first = owner(&house, "POST", "/enrolments", Some(json!({}))).await;
    assert_eq!((first.status().as_u16(), header(&first, "cache-control")), (201, "no-store"));
    let lost = body(first).await["token"].as_str().unwrap().to_owned();
    let renewed = body(owner(&house, "POST", "/enrolments", Some(json!({}))).await).await;
    assert!(renewed["expires"].as_str().unwrap().ends_with('Z'), "{renewed}");
    let form = || testudo_identity::SignUpForm {
        username: "root@example.org".into(),
        name: String::new(),
        password: testudo_core::Secret::new(PASSWORD.into()),
    };
    let enrol = async |token: &str| house.identity.enrol(token, form(), &house.ctx).await.unwrap();
    assert!(matches!(enrol(&lost).await, testudo_identity::EnrolOutcome::Refused));
    let renewed = renewed["token"].as_str().unwrap();
    assert!(matches!(enrol(renewed).await, testudo_identity::EnrolOutcome::Enrolled(_)));
    let late = owner(&house, "POST", "/enrolments", Some(json!({}))).await;
    assert_eq!(late.status(), 409);
    assert_eq!(body(late).await["code"], "owner-exists");
    let beside = owner(&house, "POST", "/enrolments", Some(json!({ "beside_owners": true }))).await;
    assert_eq!(beside.status(), 201);
    let acted = house
        .entries()
        .await
        .into_iter()
        .filter(|entry| entry.plain.details.get("act").is_some_and(|act| act == "enrolment-token-made"));
    assert_eq!(acted.count(), 3);
}
