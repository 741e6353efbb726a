//! Risk on the running binary: what is usual is learnt from the journal, an unusual way to come needs a second factor
//! where it matters, and policies, alerts, restarts and erasure do what they should.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::time::Duration;

use serde_json::Value;
use support::attack::{call, settled};
use support::http::{ACR_2, Browser, Person, Tokens, form};
use support::shop::{PASSWORD, Shop};
use support::{Server, eventually};

/// Each request is a unit of history, so that a habit of weeks takes seconds. Loopback stands for the proxy before us.
const CONFIG: &str = r#"
[server]
trusted-proxies = ["127.0.0.1/32"]
[risk]
learn-every = "0s"
most-a-day = 255
[response]
enabled = false
[limits]
person = "1000/s burst 4000"
person-route = "1000/s burst 4000"
"#;
const HOME: &str = "198.51.100.7";
const ELSEWHERE: &str = "203.0.113.9";
const APP: &str = "Shop/1.0 (Android 16; Pixel)";
const OTHER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const SCOPE: &str = "openid offline_access orders:read";

/// A habit: the app at home.
fn habit(server: &Server, tokens: &Tokens) {
    for _ in 0..40 {
        assert_eq!(call(server, tokens, "GET", "/orders", HOME, APP).status, 200);
    }
    settled(server);
}

fn risk_of(server: &Server, who: &str) -> Value {
    server.json(&["user", "risk", who])
}

fn ada_with_factor(server: &Server) -> (Person, Tokens) {
    let mut ada = Person::new("ada@example.org", PASSWORD);
    let mut browser = Browser::new(server).from(HOME).called(APP);
    assert_eq!(browser.sign_in(&ada).status, 303);
    assert_eq!(browser.enrol_totp(&mut ada).status, 200);
    let tokens = browser.tokens(&mut ada, "app", SCOPE, &[]);
    (ada, tokens)
}

#[test]
fn an_unusual_way_needs_a_second_factor_and_is_usual_afterwards() {
    let shop = Shop::start(CONFIG);
    let server = &shop.server;
    let (mut ada, tokens) = ada_with_factor(server);
    habit(server, &tokens);
    let known = risk_of(server, "ada@example.org");
    assert_eq!(
        (known["now"]["level"].as_str(), known["second_factor"].as_bool()),
        (Some("low"), Some(true)),
        "{known}"
    );
    let devices: Vec<&str> =
        known["devices"].as_array().unwrap().iter().filter_map(|device| device["device"].as_str()).collect();
    assert!(devices.contains(&"Android"), "{known}");
    assert_eq!(known["hours"].as_array().unwrap().len(), 7);
    assert!(!known.to_string().contains(HOME), "no address is shown");

    // Somebody has her token: he reads, and is noted; to write he would need her second factor.
    assert_eq!(call(server, &tokens, "GET", "/orders", ELSEWHERE, OTHER).status, 200);
    let write = call(server, &tokens, "POST", "/notes", ELSEWHERE, OTHER);
    assert_eq!(write.refusal(), (401, "risk-step-up".into()), "{}", write.text());
    let challenge = write.header("www-authenticate").unwrap();
    assert!(challenge.contains("insufficient_user_authentication") && challenge.contains(ACR_2), "{challenge}");
    assert!(challenge.contains("max_age=300"), "{challenge}");
    assert_eq!(call(server, &tokens, "POST", "/notes", HOME, APP).status, 200, "she herself goes on");
    let body = form(&[
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("refresh_token", tokens.refresh.as_deref().unwrap()),
    ]);
    let away = [("X-Forwarded-For", ELSEWHERE), ("User-Agent", OTHER)];
    assert_eq!(server.token(&body, &away).refusal(), (400, "invalid_grant".into()));
    assert_eq!(server.events("token.refused")[0]["code"], "risk-step-up");
    let reply = server.token(&body, &[("X-Forwarded-For", HOME), ("User-Agent", APP)]);
    assert_eq!(reply.status, 200, "the refresh token was not spent: {}", reply.text());

    let high = |event: &Value| event["details"]["score"].as_str().unwrap().parse::<u8>().unwrap() >= 60;
    let noted = || server.events("risk.noted").into_iter().filter(high).collect::<Vec<_>>();
    eventually("risk.noted", Duration::from_secs(5), || noted().len() >= 2);
    let noted = noted();
    let signals: Vec<&str> = noted.iter().map(|event| event["details"]["signal"].as_str().unwrap()).collect();
    assert!(signals.contains(&"new-network") && signals.contains(&"new-device"), "{signals:?}");
    let requests = server.events("request.decided");
    let risky = |event: &&Value| event["details"]["risk"].is_string();
    assert!(requests.iter().filter(risky).all(|event| event["details"]["risk-reasons"] != ""), "{requests:?}");
    assert_eq!(requests.iter().filter(risky).count(), 2, "what is as always has no risk in its event");
    let latest = &risk_of(server, "ada@example.org")["latest"];
    assert_eq!(latest["reasons"][0]["code"], "new-network", "{latest}");

    // It was her after all, on a journey: she signs in again, with her second factor.
    let mut browser = Browser::new(server).from(ELSEWHERE).called(OTHER);
    let fresh = browser.tokens(&mut ada, "app", SCOPE, &[("acr_values", ACR_2), ("max_age", "300")]);
    assert_eq!(call(server, &fresh, "POST", "/notes", ELSEWHERE, OTHER).status, 200);
    assert_eq!(
        call(server, &tokens, "POST", "/notes", ELSEWHERE, OTHER).status,
        200,
        "the way is usual, not the token"
    );
    settled(server);
    let usual = risk_of(server, "ada@example.org");
    assert!(usual["networks"]["usual"].as_u64() > known["networks"]["usual"].as_u64(), "{usual}");
    let third = call(server, &tokens, "POST", "/notes", "192.0.2.77", "curl/8.5.0");
    assert_eq!(third.refusal(), (401, "risk-step-up".into()), "another way is not");
}

#[test]
fn policies_ask_for_risk_and_devices() {
    let shop = Shop::start(CONFIG);
    let server = &shop.server;
    let policy = r#"
@id("risky")
@text("not from there")
forbid (principal, action == Action::"GET", resource in Path::"/orders") when { context.risk > 70 };
@id("own-devices")
forbid (principal is Person, action == Action::"GET", resource in Path::"/items/{id}") unless { context.device_known };
"#;
    std::fs::write(server.folder().join("policy.cedar"), policy).unwrap();
    server.run(&["reload"]);
    // She has no second factor, so that nothing but the policies stands in the way.
    let tokens = shop.ada(SCOPE);
    habit(server, &tokens);
    assert_eq!(call(server, &tokens, "GET", "/items/1", HOME, APP).status, 200);
    let reply = call(server, &tokens, "GET", "/items/1", HOME, OTHER);
    assert_eq!(reply.refusal(), (403, "policy-denied".into()), "{}", reply.text());
    let reply = call(server, &tokens, "GET", "/orders", ELSEWHERE, OTHER);
    assert_eq!(reply.refusal(), (403, "policy-denied".into()), "{}", reply.text());
    assert!(reply.text().contains("`risky` forbids this: not from there"), "{}", reply.text());
    assert_eq!(call(server, &tokens, "GET", "/orders", HOME, APP).status, 200);
    // Without a factor nobody is asked for one: she could not show it.
    assert_eq!(call(server, &tokens, "POST", "/notes", ELSEWHERE, OTHER).status, 200);
}

#[test]
fn an_alert_about_a_network_raises_what_comes_from_there() {
    let shop = Shop::start(CONFIG);
    let server = &shop.server;
    let tokens = shop.ada(SCOPE);
    habit(server, &tokens);
    let score = || {
        let reply = call(server, &tokens, "GET", "/orders", "192.0.2.200", APP);
        assert_eq!(reply.status, 200, "{}", reply.text());
        let request = reply.header("testudo-request").unwrap().to_owned();
        let mut found = None;
        eventually("the event", Duration::from_secs(5), || {
            let requests = server.events("request.decided");
            found = requests.into_iter().find(|event| event["request"] == *request);
            found.is_some()
        });
        let event = found.unwrap();
        let score = event["details"]["risk"].as_str().map_or(0, |score| score.parse::<u8>().unwrap());
        (score, event["details"]["risk-reasons"].as_str().unwrap_or_default().to_owned())
    };
    let (before, _) = score();
    for number in 1..=24 {
        let mut stranger = Browser::new(server).from(&format!("192.0.2.{number}"));
        stranger.sign_in(&Person::new(&format!("victim{number}@example.org"), "a wrong password"));
    }
    eventually("an alert", Duration::from_secs(10), || {
        server.events("alert.raised").iter().any(|event| event["target"] == "testudo-credential-stuffing")
    });
    settled(server);
    let (after, reasons) = score();
    assert!(after >= before + 30, "{before} then {after}: {reasons}");
    assert!(reasons.contains("network-alert"), "{reasons}");
    assert_eq!(call(server, &tokens, "POST", "/notes", HOME, APP).status, 200, "at home nothing changed");
}

#[test]
fn what_is_usual_outlives_a_crash_and_ends_with_the_person() {
    let mut shop = Shop::start(CONFIG);
    let (_, tokens) = ada_with_factor(&shop.server);
    habit(&shop.server, &tokens);
    let before = risk_of(&shop.server, "ada@example.org");
    shop.server.crash_and_restart();
    let server = &shop.server;
    let after = risk_of(server, "ada@example.org");
    for part in ["since", "networks", "devices", "clients", "hours", "second_factor"] {
        assert_eq!(before[part], after[part], "{part}");
    }
    let write = call(server, &tokens, "POST", "/notes", ELSEWHERE, OTHER);
    assert_eq!(write.refusal(), (401, "risk-step-up".into()), "{}", write.text());
    settled(server);

    let people = || server.as_owner("GET", "/admin/v1/status", None).json()["risk"]["people"].as_u64().unwrap();
    assert_eq!(people(), 1);
    let id = server.json(&["user", "list"])[0]["id"].as_str().unwrap().to_owned();
    server.run(&["user", "erase", "ada@example.org", "--yes"]);
    eventually("the profile is gone", Duration::from_secs(5), || people() == 0);
    assert_eq!(server.as_owner("GET", &format!("/admin/v1/people/{id}/risk"), None).status, 404);
    shop.server.crash_and_restart();
    settled(&shop.server);
    let status = shop.server.as_owner("GET", "/admin/v1/status", None).json();
    assert_eq!(status["risk"]["people"], 0, "nor does it come back: {status}");
}

#[test]
fn risk_that_is_off_says_so() {
    let shop = Shop::start("[risk]\nenabled = false");
    let server = &shop.server;
    let tokens = shop.ada(SCOPE);
    assert_eq!(call(server, &tokens, "POST", "/notes", HOME, APP).status, 200);
    let text = String::from_utf8(server.command(&["check"]).stdout).unwrap();
    let line = text.lines().find(|line| line.contains("risk")).unwrap();
    assert!(line.contains("off") && line.contains("risk.enabled"), "{line}");
    let refused = server.command(&["check"]);
    assert!(refused.status.success());
    std::fs::write(server.folder().join("testudo.toml"), "[risk]\nhigh = 20\n").unwrap();
    let refused = server.command(&["check"]);
    let text = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{text}");
    assert!(text.contains("risk.high") && text.contains("must rise"), "{text}");
}
