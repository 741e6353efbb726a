//! The commands that keep people, clients and keys, each with the real binary.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use serde_json::{Value, json};
use support::Server;
use support::command::{code, errors, parsed};
use support::http::{Browser, Person, form};

const PASSWORD: &str = "correct horse battery staple";

#[test]
fn people_come_from_another_system_with_their_passwords() {
    let mut server = Server::start(&[]);
    // bcrypt, cost 4, of "correct horse battery", made by crypt(3).
    let bcrypt = "$2b$04$31cWVoT8MQYlrCnrqwmzX.rf/U44Cb7ZARVrCWnSu9wNV91YQTmqq";
    let file = server.folder().join("people.jsonl");
    let lines = [
        json!({ "username": "ada@example.org", "name": "Ada", "password_hash": bcrypt, "roles": ["customer"] })
            .to_string(),
        String::new(),
        json!({ "username": "bob@example.org", "password_hash": "5f4dcc3b5aa765d61d8327deb882cf99" }).to_string(),
        json!({ "username": "cid@example.org", "password": "in the clear" }).to_string(),
        json!({ "username": "not a name", "password_hash": bcrypt }).to_string(),
    ];
    std::fs::write(&file, lines.join("\n")).unwrap();
    let output = server.command(&["--format", "json", "user", "import", "people.jsonl"]);
    assert_eq!(code(&output), 1, "{}", errors(&output));
    let report = parsed(&output);
    assert_eq!(
        (&report["imported"], &report["known"], &report["refused"]),
        (&json!(1), &json!(0), &json!(3)),
        "{report}"
    );
    let named: Vec<u64> = report["lines"].as_array().unwrap().iter().map(|it| it["line"].as_u64().unwrap()).collect();
    assert_eq!(named, [3, 4, 5], "{report}");
    assert!(!report.to_string().contains("in the clear"));
    // A second run, also without a server, takes what is left and nothing twice.
    server.halt();
    std::fs::write(&file, &lines[0]).unwrap();
    let again = server.json(&["user", "import", "people.jsonl"]);
    assert_eq!((&again["imported"], &again["known"]), (&json!(0), &json!(1)), "{again}");
    server.resume();
    let mut ada = Person::new("ada@example.org", "correct horse battery");
    server.tokens(&mut ada, "wallet-app", "openid");
    assert_eq!(server.json(&["user", "show", "ada@example.org"])["roles"], json!(["customer"]));
    for arguments in [&["user", "import", "nowhere.jsonl"][..], &["user", "import"]] {
        assert_eq!(code(&server.command(arguments)), 2);
    }
}

#[test]
fn a_person_must_choose_another_password_or_show_a_second_factor() {
    let server = Server::start(&[]);
    server.create_person("ada@example.org", PASSWORD);
    let mut ada = Person::new("ada@example.org", PASSWORD);
    let before = server.tokens(&mut ada, "wallet-app", "openid accounts:read");
    server.run(&["user", "require-step-up", "ada@example.org", "--reason", "a new country"]);
    let refused = server.get("/accounts", &before);
    assert_eq!(refused.refusal(), (401, "step-up-required".into()));
    assert!(refused.header("www-authenticate").unwrap().contains("insufficient_user_authentication"));
    let after = Browser::new(&server).tokens(
        &mut ada,
        "wallet-app",
        "openid accounts:read",
        &[("acr_values", support::http::ACR_2)],
    );
    assert_eq!(server.get("/accounts", &after).status, 200);
    server.run(&["user", "require-reset", "ada@example.org", "--reason", "found in a leak"]);
    let reply = Browser::new(&server).sign_in(&ada);
    assert_ne!(reply.header("location"), Some("/account"), "{}", reply.status);
    let output = server.command(&["user", "require-reset", "nobody@example.org", "--reason", "x"]);
    assert_eq!(code(&output), 1, "{}", errors(&output));
}

#[test]
fn a_client_is_changed_in_what_is_named() {
    let server = Server::start(&[]);
    let create = ["client", "create", "app", "--redirect", "http://127.0.0.1/callback", "--scope", "accounts:read"];
    server.run(&create);
    let before = server.json(&["client", "show", "app"])["client"].clone();
    let changed = server.json(&["client", "change", "app", "--cors", "https://app.example", "--first-party", "true"]);
    assert_eq!(changed["client"]["cors_origins"], json!(["https://app.example"]));
    assert_eq!(changed["client"]["first_party"], true);
    for same in ["name", "redirect_uris", "scopes", "grant_types"] {
        assert_eq!(changed["client"][same], before[same], "{same}");
    }
    let redirect = ["client", "change", "app", "--redirect", "org.example.app:/callback", "--scope", "transfers:write"];
    let changed = server.json(&redirect);
    assert_eq!(changed["client"]["redirect_uris"], json!(["org.example.app:/callback"]));
    let scopes = json!(["offline_access", "openid", "profile", "transfers:write"]);
    assert_eq!(changed["client"]["scopes"], scopes);
    for (arguments, status) in [
        (&["client", "change", "app"][..], 2),
        (&["client", "change", "nobody", "--name", "x"], 1),
        (&["client", "change", "app", "--redirect", "http://localhost/"], 1),
    ] {
        let output = server.command(arguments);
        assert_eq!(code(&output), status, "{arguments:?}: {}", errors(&output));
    }
}

#[test]
fn a_client_of_an_old_name_brings_no_token_back() {
    let server = Server::start(&[]);
    server.create_person("ada@example.org", PASSWORD);
    let mut ada = Person::new("ada@example.org", PASSWORD);
    let create = ["client", "create", "app", "--redirect", "http://127.0.0.1/callback", "--first-party"];
    let create = [&create[..], &["--scope", "accounts:read"]].concat();
    server.run(&create);
    let old = server.tokens(&mut ada, "app", "openid accounts:read offline_access");
    assert_eq!(server.get("/accounts", &old).status, 200);
    server.run(&["client", "remove", "app", "--yes"]);
    assert_eq!(server.get("/accounts", &old).refusal(), (401, "client-disabled".into()));
    // Tokens say to the second when they were issued.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    server.run(&create);
    assert_eq!(server.get("/accounts", &old).refusal(), (401, "client-disabled".into()));
    let refresh = old.refresh.as_deref().unwrap();
    let body = form(&[("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", refresh)]);
    assert_eq!(server.token(&body, &[]).refusal(), (400, "invalid_grant".into()));
    let new = server.tokens(&mut ada, "app", "openid accounts:read");
    assert_eq!(server.get("/accounts", &new).status, 200);
}

#[test]
fn the_sign_ins_of_apps_are_listed_with_their_sessions() {
    let server = Server::start(&[]);
    server.create_person("ada@example.org", PASSWORD);
    let mut ada = Person::new("ada@example.org", PASSWORD);
    let tokens = server.tokens(&mut ada, "wallet-app", "openid accounts:read offline_access");
    let listed = server.json(&["session", "list", "ada@example.org"]);
    let family = &listed["families"][0];
    assert_eq!((&family["client"], &family["session"]), (&json!("wallet-app"), &listed["items"][0]["id"]), "{listed}");
    let id = family["id"].as_str().unwrap();
    assert!(server.run(&["session", "list", "ada@example.org"]).contains(id));
    server.run(&["session", "revoke", id]);
    assert_eq!(server.get("/accounts", &tokens).refusal(), (401, "family-revoked".into()));
}

#[test]
fn signing_keys_rotate_and_leaked_ones_are_refused() {
    let server = Server::start(&[]);
    server.create_person("ada@example.org", PASSWORD);
    let mut ada = Person::new("ada@example.org", PASSWORD);
    let kid = |token: &str| {
        let head = data_encoding::BASE64URL_NOPAD.decode(token.split('.').next().unwrap().as_bytes()).unwrap();
        serde_json::from_slice::<Value>(&head).unwrap()["kid"].as_str().unwrap().to_owned()
    };
    let jwks = || {
        let set = server.send("GET", "/jwks", &[], b"").json();
        let kids = set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned());
        kids.collect::<Vec<String>>()
    };
    let old = server.tokens(&mut ada, "wallet-app", "openid accounts:read");
    server.run(&["keys", "rotate"]);
    assert_eq!(server.get("/accounts", &old).status, 200, "an old key's tokens are still good");
    let new = server.tokens(&mut ada, "wallet-app", "openid accounts:read");
    assert_eq!(server.get("/accounts", &new).status, 200);
    let listed = server.json(&["keys", "list"]);
    let listed = listed["signing"].as_array().unwrap();
    assert!(listed.len() >= 2, "{listed:?}");
    let known = jwks();
    for token in [&old, &new] {
        assert!(known.contains(&kid(&token.access)), "{known:?}");
    }
    server.run(&["keys", "rotate", "--compromised"]);
    assert_eq!(server.get("/accounts", &new).status, 401, "the leaked key's tokens are refused at the next request");
    let last = server.tokens(&mut ada, "wallet-app", "openid accounts:read");
    assert_eq!(server.get("/accounts", &last).status, 200);
    assert_ne!(kid(&new.access), kid(&last.access));
    assert!(!jwks().contains(&kid(&new.access)));
    assert!(server.events("key.rotated").len() >= 2);
}

#[test]
fn purposes_of_the_ring_rotate_and_what_was_sealed_still_opens() {
    let mut server = Server::start(&[]);
    let id = server.create_person("ada@example.org", PASSWORD);
    for purpose in ["records", "person-keys", "journal"] {
        let versions = server.json(&["keys", "rotate", purpose]);
        assert_eq!(versions["versions"].as_array().unwrap().len(), 2, "{versions}");
    }
    for purpose in ["blind-index", "nonsense"] {
        let output = server.command(&["keys", "rotate", purpose]);
        assert_eq!(code(&output), 1, "{purpose}: {}", errors(&output));
    }
    let output = server.command(&["keys", "rotate", "records", "--compromised"]);
    assert_eq!(code(&output), 2, "{}", errors(&output));
    let listed = server.json(&["keys", "list"]);
    let ring = listed["ring"].as_array().unwrap();
    let of = |purpose: &str| ring.iter().find(|key| key["purpose"] == purpose).unwrap();
    assert_eq!((&of("records")["version"], &of("records")["rotates"]), (&json!(2), &json!(true)));
    assert_eq!((&of("blind-index")["version"], &of("blind-index")["rotates"]), (&json!(1), &json!(false)));
    let shown = server.run(&["keys", "list"]);
    assert!(shown.contains("SIGNING KEY") && shown.contains("PURPOSE OF THE RING"), "{shown}");
    assert_eq!(server.json(&["user", "show", &id, "--reveal"])["username"], "ada@example.org");
    server.halt();
    assert_eq!(server.json(&["user", "show", &id, "--reveal"])["username"], "ada@example.org");
    assert_eq!(server.json(&["keys", "rotate", "records"])["versions"].as_array().unwrap().len(), 3);
    server.resume();
    let mut ada = Person::new("ada@example.org", PASSWORD);
    server.tokens(&mut ada, "wallet-app", "openid");
    assert_eq!(code(&server.command(&["audit", "verify"])), 0);
}
