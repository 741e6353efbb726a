//! Administrators over the network: how the first one enrols, what the admin API asks of a token, and what each role may.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use serde_json::{Value, json};
use support::Server;
use support::http::{ACR_2, Browser, Person, Reply, Tokens};

const OWNER: &str = "owner@example.org";
const PASSWORD: &str = "correct horse battery staple";

/// The token that `up` printed for the first administrator.
fn printed_token(server: &Server) -> Option<String> {
    let at = server.greeting.iter().position(|line| line.contains("/enrol"))?;
    Some(server.greeting[at + 1].trim().to_owned())
}

/// Enrols through the page.
fn enrol(server: &Server, browser: &mut Browser<'_>, token: &str, username: &str) -> Reply {
    let page = browser.get_at(server.admin, "/enrol");
    if page.status != 200 {
        // There is an owner: the page is closed.
        return page;
    }
    let fields = [("token", token), ("username", username), ("password", PASSWORD)];
    browser.submit_at(server.admin, "/enrol", &page, &fields)
}

/// Tokens for the admin API, as the administrators' tools get them.
fn admin_tokens(server: &Server, browser: &mut Browser<'_>, person: &mut Person, acr: Option<&str>) -> Tokens {
    let audience = format!("{}/admin", server.url());
    let mut more = vec![("resource", audience.as_str())];
    more.extend(acr.map(|acr| ("acr_values", acr)));
    browser.tokens(person, "testudo-admin", "openid admin", &more)
}

fn call(server: &Server, method: &str, path: &str, tokens: &Tokens, body: Option<&Value>) -> Reply {
    let bearer = tokens.bearer();
    let mut headers = vec![("Authorization", bearer.as_str())];
    let text = body.map(Value::to_string).unwrap_or_default();
    if body.is_some() {
        headers.push(("Content-Type", "application/json"));
    }
    server.send_admin(method, &format!("/admin/v1{path}"), &headers, text.as_bytes())
}

/// An owner with a second factor and her tokens.
fn owner(server: &Server) -> (Person, Tokens) {
    let token = printed_token(server).expect("no administrator yet");
    let mut browser = Browser::new(server);
    let reply = enrol(server, &mut browser, &token, OWNER);
    assert!(matches!(reply.status, 200 | 303), "{}: {}", reply.status, reply.text());
    let mut person = Person::new(OWNER, PASSWORD);
    let tokens = admin_tokens(server, &mut browser, &mut person, Some(ACR_2));
    assert!(person.totp.is_some(), "administrators need a second factor");
    (person, tokens)
}

#[test]
fn the_first_administrator_enrols_once_and_administers() {
    let mut server = Server::start(&[]);
    let token = printed_token(&server).expect("no administrator yet");
    let wrong = enrol(&server, &mut Browser::new(&server), "not-the-token", "eve@example.org");
    assert!(wrong.status >= 400, "{}", wrong.status);
    let (_, tokens) = owner(&server);
    let again = enrol(&server, &mut Browser::new(&server), &token, "eve@example.org");
    assert!(again.status >= 400, "the token works once: {}", again.status);
    let people = call(&server, "GET", "/people?reveal=true", &tokens, None).json();
    let people = people["items"].as_array().unwrap();
    assert_eq!(people.len(), 1, "{people:?}");
    assert_eq!((&people[0]["username"], &people[0]["roles"]), (&json!(OWNER), &json!(["owner"])));
    assert_eq!(people[0]["second_factor"], true);

    // She does what the commands do.
    let form = json!({ "username": "grace@example.org", "password": "a first password", "roles": ["support"] });
    let made = call(&server, "POST", "/people", &tokens, Some(&form));
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(
        call(&server, "POST", "/keys/signing/rotate", &tokens, Some(&json!({ "rotation": "graceful" }))).status,
        204
    );
    assert_eq!(call(&server, "GET", "/status", &tokens, None).status, 200);
    let by_her = server.events("key.rotated");
    assert!(by_her.iter().any(|event| !event["person"].is_null()), "{by_her:?}");
    let described = server.send_admin("GET", "/admin/v1/openapi.yaml", &[], b"");
    assert_eq!((described.status, described.text().contains("/admin/v1")), (200, true));

    // Now that there is an owner, nobody is invited any more.
    server.halt();
    server.resume();
    assert_eq!(printed_token(&server), None);
    assert!(enrol(&server, &mut Browser::new(&server), &token, "eve@example.org").status >= 400);
    assert_eq!(server.json(&["user", "list"]).as_array().unwrap().len(), 2);
}

#[test]
fn a_lost_enrolment_token_is_renewed_on_the_command_line() {
    let mut server = Server::start(&[]);
    let lost = printed_token(&server).expect("no administrator yet");
    let text = server.run(&["user", "enrol"]);
    assert!(text.contains(&format!("https://localhost:{}/enrol", server.admin.port())), "{text}");
    let renewed = text.lines().nth(1).unwrap().trim().to_owned();
    assert!(enrol(&server, &mut Browser::new(&server), &lost, OWNER).status >= 400, "the lost one is void");
    let reply = enrol(&server, &mut Browser::new(&server), &renewed, OWNER);
    assert_eq!(reply.status, 303, "{}", reply.text());
    // There is an owner now: only who says so gets another token, with and without a server.
    for running in [true, false] {
        if !running {
            server.halt();
        }
        let refused = server.command(&["user", "enrol"]);
        let errors = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{errors}");
        assert!(errors.contains("add `--beside-owners`"), "{errors}");
    }
    let made = server.json(&["user", "enrol", "--beside-owners"]);
    server.resume();
    assert_eq!(printed_token(&server), None);
    let reply = enrol(&server, &mut Browser::new(&server), made["token"].as_str().unwrap(), "second@example.org");
    assert_eq!(reply.status, 303, "{}", reply.text());
    let owners = server.json(&["user", "list", "--reveal"]);
    let owners = owners.as_array().unwrap().iter().filter(|person| person["roles"] == json!(["owner"]));
    assert_eq!(owners.count(), 2);
    let made = server.events("admin.acted").into_iter().filter(|it| it["details"]["act"] == "enrolment-token-made");
    assert!(made.count() >= 3);
}

#[test]
fn the_admin_api_asks_for_its_own_audience_and_is_not_on_the_gateway() {
    let server = Server::start(&[]);
    let (mut person, tokens) = owner(&server);
    let reply = server.send_admin("GET", "/admin/v1/people", &[], b"");
    assert_eq!(reply.status, 401);
    assert!(reply.header("www-authenticate").unwrap().starts_with("Bearer"));
    // A token for the app's backend, of the very same owner.
    let app = server.tokens(&mut person, "wallet-app", "openid accounts:read");
    assert_eq!(server.get("/accounts", &app).status, 200);
    assert_eq!(call(&server, "GET", "/people", &app, None).status, 401);
    // And the admin token is none for the backend.
    assert_eq!(server.get("/accounts", &tokens).status, 401);
    for path in ["/admin/v1/people", "/admin/v1/openapi.yaml", "/enrol"] {
        let reply = server.send("GET", path, &[("Authorization", &tokens.bearer())], b"");
        assert_eq!(reply.status, 404, "{path} on the gateway: {}", reply.text());
    }
    // Another client may not even ask for the audience.
    let query = support::http::form(&[
        ("client_id", "wallet-app"),
        ("redirect_uri", support::http::REDIRECT),
        ("response_type", "code"),
        ("scope", "openid"),
        ("resource", &format!("{}/admin", server.url())),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
    ]);
    let answer = Browser::new(&server).authorize(&query, &mut person);
    assert_eq!(answer["error"], "invalid_target");
    // What ends her session ends her power.
    assert_eq!(call(&server, "GET", "/people", &tokens, None).status, 200);
    server.run(&["session", "revoke", OWNER]);
    assert_eq!(call(&server, "GET", "/people", &tokens, None).refusal(), (401, "token-revoked".into()));
}

#[test]
fn support_may_not_rotate_keys_and_the_attempt_is_in_the_journal() {
    let server = Server::start(&[]);
    owner(&server);
    let id = server.create_person("grace@example.org", PASSWORD);
    server.run(&["user", "grant", "grace@example.org", "support"]);
    let mut grace = Person::new("grace@example.org", PASSWORD);
    let tokens = admin_tokens(&server, &mut Browser::new(&server), &mut grace, Some(ACR_2));
    assert_eq!(call(&server, "GET", "/people", &tokens, None).status, 200, "what support is for");
    let rotate = json!({ "rotation": "graceful" });
    let rotations = server.events("key.rotated").len();
    for (method, path, body) in [
        ("POST", "/keys/signing/rotate", Some(&rotate)),
        ("GET", "/audit/entries", None),
        ("POST", "/backups", None),
        ("GET", "/config", None),
        ("PUT", &*format!("/people/{id}/roles/owner"), None),
        ("GET", "/people?reveal=true", None),
    ] {
        let reply = call(&server, method, path, &tokens, body);
        assert_eq!(reply.status, 403, "{method} {path}: {}", reply.text());
    }
    let acts = server.events("admin.acted");
    let refused = |operation: &str| {
        acts.iter()
            .any(|event| event["outcome"] == "failure" && event["target"] == operation && !event["person"].is_null())
    };
    assert!(refused("POST /keys/signing/rotate") && refused("POST /backups"), "{acts:?}");
    assert_eq!(server.events("key.rotated").len(), rotations, "nothing was rotated");
    // Her role is asked anew at each call, not read from her token.
    server.run(&["user", "revoke", "grace@example.org", "support"]);
    assert_eq!(call(&server, "GET", "/people", &tokens, None).status, 403);
}

#[test]
fn a_password_alone_is_asked_for_the_second_factor() {
    let server = Server::start(&[]);
    owner(&server);
    server.create_person("sam@example.org", PASSWORD);
    server.run(&["user", "grant", "sam@example.org", "security"]);
    let mut sam = Person::new("sam@example.org", PASSWORD);
    let mut browser = Browser::new(&server);
    let weak = admin_tokens(&server, &mut browser, &mut sam, None);
    let lock = json!({ "reason": "test" });
    let victim = server.create_person("ada@example.org", PASSWORD);
    let path = format!("/people/{victim}/lock");
    let rotate = json!({ "rotation": "graceful" });
    if sam.totp.is_none() {
        for (path, body) in [(path.as_str(), &lock), ("/keys/signing/rotate", &rotate)] {
            let reply = call(&server, "POST", path, &weak, Some(body));
            assert_eq!(reply.status, 401, "{path}: {}", reply.text());
            let challenge = reply.header("www-authenticate").unwrap();
            assert!(challenge.contains("insufficient_user_authentication"), "{challenge}");
            assert!(challenge.contains(&format!("acr_values=\"{ACR_2}\"")), "{challenge}");
        }
        assert_eq!(server.json(&["user", "show", "ada@example.org"])["state"], "active");
    }
    let strong = admin_tokens(&server, &mut browser, &mut sam, Some(ACR_2));
    let reply = call(&server, "POST", &path, &strong, Some(&lock));
    assert_eq!(reply.status, 204, "{}", reply.text());
    assert_eq!(call(&server, "POST", "/keys/signing/rotate", &strong, Some(&rotate)).status, 204);
    assert_eq!(server.json(&["user", "show", "ada@example.org"])["state"], "locked");
}

#[test]
fn the_last_owner_stays() {
    let server = Server::start(&[]);
    owner(&server);
    for arguments in [
        &["user", "revoke", OWNER, "owner"][..],
        &["user", "erase", OWNER, "--yes"],
        &["user", "lock", OWNER, "--reason", "test"],
    ] {
        let output = server.command(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(server.json(&["user", "show", OWNER])["roles"], json!(["owner"]));
}
