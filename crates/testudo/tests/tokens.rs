//! Tokens from their issue to their end, through the pages and endpoints of the running binary: what ends one is felt by
//! the very next request at the gateway.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::time::Duration;

use support::Server;
use support::http::{Browser, Person, REDIRECT, Reply, Tokens, form, tokens};

const PASSWORD: &str = "correct horse battery staple";
/// A little longer than a replaced refresh token is forgiven.
const GRACE: Duration = Duration::from_millis(10_500);
const SCOPE: &str = "openid profile offline_access accounts:read";

fn refresh(server: &Server, token: &str) -> Reply {
    server.token(&form(&[("grant_type", "refresh_token"), ("client_id", "wallet-app"), ("refresh_token", token)]), &[])
}

fn alive(server: &Server, tokens: &Tokens) -> bool {
    let status = server.get("/accounts", tokens).status;
    assert!(matches!(status, 200 | 401), "{status}");
    status == 200
}

/// Ada, who has made her account herself through the page.
fn ada(server: &Server) -> Person {
    let mut browser = Browser::new(server);
    let page = browser.get("/sign-up");
    let fields = [("username", "ada@example.org"), ("name", "Ada"), ("password", PASSWORD)];
    assert_eq!(browser.submit("/sign-up", &page, &fields).status, 303);
    Person::new("ada@example.org", PASSWORD)
}

#[test]
fn a_refresh_token_that_is_used_again_ends_the_family() {
    // Without playbooks: they would end the other sessions, too.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("testudo.toml"), "[response]\nenabled = false\n").unwrap();
    let server = Server::start_in(folder, &[]);
    let mut ada = ada(&server);
    let first = server.tokens(&mut ada, "wallet-app", SCOPE);
    let other = server.tokens(&mut ada, "wallet-app", SCOPE);
    let second = tokens(&refresh(&server, first.refresh.as_deref().unwrap()));
    let third = tokens(&refresh(&server, second.refresh.as_deref().unwrap()));
    assert!(alive(&server, &third));
    // For ten seconds it may be a lost answer or a slow network: refused, and nobody is punished.
    assert_eq!(refresh(&server, first.refresh.as_deref().unwrap()).refusal(), (400, "invalid_grant".into()));
    assert!(alive(&server, &third));
    std::thread::sleep(GRACE);
    let reused = refresh(&server, first.refresh.as_deref().unwrap());
    assert_eq!(reused.refusal(), (400, "invalid_grant".into()));
    assert!(!alive(&server, &third), "nobody knows who the thief is");
    assert_eq!(refresh(&server, third.refresh.as_deref().unwrap()).status, 400);
    assert!(alive(&server, &other), "another sign-in is not touched");
    assert_eq!(server.events("refresh.reused").len(), 1);
}

#[test]
fn a_code_is_good_once_and_only_for_its_verifier() {
    let server = Server::start(&[]);
    let mut ada = ada(&server);
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let query = form(&[
        ("client_id", "wallet-app"),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("scope", SCOPE),
        ("state", "a-state"),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
    ]);
    let mut browser = Browser::new(&server);
    let mut code = || {
        let answer = browser.authorize(&query, &mut ada);
        assert_eq!((answer["state"].as_str(), answer["iss"].as_str()), ("a-state", server.url().as_str()));
        answer["code"].clone()
    };
    let exchange = |code: &str, verifier: &str, redirect: &str| {
        server.token(
            &form(&[
                ("grant_type", "authorization_code"),
                ("client_id", "wallet-app"),
                ("redirect_uri", redirect),
                ("code", code),
                ("code_verifier", verifier),
            ]),
            &[],
        )
    };
    let wrong = "another-verifier-that-is-long-enough-to-be-one-0000";
    assert_eq!(exchange(&code(), wrong, REDIRECT).refusal(), (400, "invalid_grant".into()));
    assert_eq!(exchange(&code(), verifier, "http://127.0.0.1:10/callback").refusal(), (400, "invalid_grant".into()));
    let once = code();
    let reply = exchange(&once, verifier, REDIRECT);
    assert_eq!((reply.status, reply.header("cache-control")), (200, Some("no-store")));
    let given = tokens(&reply);
    assert!(alive(&server, &given));
    assert_eq!(exchange(&once, verifier, REDIRECT).refusal(), (400, "invalid_grant".into()));
    assert!(!alive(&server, &given), "what the code gave ends when it comes again");
    // Only S256, and only registered addresses.
    let plain = query.replace("S256", "plain");
    assert_eq!(browser.authorize(&plain, &mut ada)["error"], "invalid_request");
    let evil = query.replace("127.0.0.1", "evil.example");
    let page = browser.get(&format!("/authorize?{evil}"));
    assert_eq!((page.status, page.header("location")), (400, None));
}

#[test]
fn signing_out_and_revoking_hold_for_the_next_request() {
    let server = Server::start(&[]);
    let mut ada = ada(&server);
    let mut browser = Browser::new(&server);
    let first = browser.tokens(&mut ada, "wallet-app", SCOPE, &[]);
    assert!(alive(&server, &first));
    let userinfo = server.get("/userinfo", &first).json();
    assert_eq!((userinfo["name"].as_str(), userinfo["sub"].is_string()), (Some("Ada"), true), "{userinfo}");
    let page = browser.get("/account");
    assert_eq!(browser.submit("/sign-out", &page, &[]).status, 303);
    assert!(!alive(&server, &first), "her sign-out ends what it began");
    assert_eq!(server.get("/userinfo", &first).status, 401);

    let second = server.tokens(&mut ada, "wallet-app", SCOPE);
    let body = form(&[("client_id", "wallet-app"), ("token", second.refresh.as_deref().unwrap())]);
    let kind = [("Content-Type", "application/x-www-form-urlencoded")];
    assert!(alive(&server, &second));
    assert_eq!(server.send("POST", "/revoke", &kind, body.as_bytes()).status, 200);
    assert!(!alive(&server, &second), "the client's own revocation");

    let mut browser = Browser::new(&server);
    let third = browser.tokens(&mut ada, "wallet-app", SCOPE, &[]);
    let fourth = server.tokens(&mut ada, "wallet-app", SCOPE);
    let page = browser.get("/account");
    assert_eq!(browser.submit("/account/sign-out-everywhere", &page, &[]).status, 303);
    assert!(!alive(&server, &third) && !alive(&server, &fourth), "everywhere is everywhere");
}

#[test]
fn an_account_locks_softly_and_nobody_learns_whether_it_exists() {
    let server = Server::start(&[]);
    let ada = ada(&server);
    let mut browser = Browser::new(&server);
    let mut page = |username: &str, password: &str| {
        let reply = browser.sign_in(&Person::new(username, password));
        let text = reply.text().replace(username, "<name>");
        // The form's own secret differs from page to page.
        let parts: Vec<&str> = text.split("name=\"csrf\" value=\"").collect();
        let without: Vec<&str> = parts.iter().skip(1).map(|part| part.split_once('"').unwrap().1).collect();
        (reply.status, format!("{}{}", parts[0], without.concat()))
    };
    let known = page("ada@example.org", "a wrong password");
    let unknown = page("eve@example.org", "a wrong password");
    assert_eq!(known, unknown);
    for _ in 0..5 {
        page("ada@example.org", "a wrong password");
    }
    let locked = page("ada@example.org", PASSWORD);
    assert_eq!(known, locked, "the right password of a locked account looks like a wrong one");
    let failures = server.json(&["audit", "list", "--kind", "sign-in", "--outcome", "failure"]);
    assert!(failures["items"].as_array().unwrap().len() >= 7, "{failures}");
    assert!(!failures.to_string().contains(&ada.username));
}

#[test]
fn an_app_whose_consent_is_withdrawn_is_refused_at_the_next_request() {
    let server = Server::start(&[]);
    let mut ada = ada(&server);
    let create = ["client", "create", "planner", "--name", "Budget Planner", "--redirect", "http://127.0.0.1/callback"];
    server.run(&[&create[..], &["--scope", "accounts:read"]].concat());
    let mut browser = Browser::new(&server);
    let theirs = browser.tokens(&mut ada, "planner", SCOPE, &[]);
    let own = browser.tokens(&mut ada, "wallet-app", SCOPE, &[]);
    assert!(alive(&server, &theirs) && alive(&server, &own));

    let page = browser.get("/account");
    let text = page.text();
    for shown in
        ["Budget Planner", "use `accounts:read`", "stay connected when you are not using it", "signed in, last used"]
    {
        assert!(text.contains(shown), "{shown} in {text}");
    }
    // The form of the first app of the list, with its button and nothing filled in.
    let done = browser.submit("/account/apps/end", &page, &[]);
    assert_eq!((done.status, done.header("location")), (303, Some("/account?done=access-ended")), "{}", done.text());
    assert_eq!(server.get("/accounts", &theirs).refusal(), (401, "family-revoked".into()));
    let body = [("grant_type", "refresh_token"), ("client_id", "planner")];
    let body = form(&[&body[..], &[("refresh_token", theirs.refresh.as_deref().unwrap())]].concat());
    assert_eq!(server.token(&body, &[]).refusal(), (400, "invalid_grant".into()));
    assert!(alive(&server, &own), "the other app goes on, and so does she");
    assert!(!browser.get("/account").text().contains("Budget Planner"));
    let withdrawn = server.events("consent.withdrawn");
    assert_eq!((withdrawn.len(), withdrawn[0]["client"].as_str()), (1, Some("planner")), "{withdrawn:?}");
    // It may ask again, and she is asked: without her word there is no code.
    assert!(alive(&server, &browser.tokens(&mut ada, "planner", SCOPE, &[])));
    assert_eq!(server.events("consent.given").len(), 2);
}
