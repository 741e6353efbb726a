//! Who sees how much of what: scopes, consents, treatments, detectors, and mistakes in the rules.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::backend::Answer;
use crate::support::http::{Browser, Person, REDIRECT, Reply, Tokens};
use crate::support::{self, command};
use crate::{API, Fixture, PAN, PASSWORD, SHOWN, card};

#[test]
fn rules_decide_by_scope_and_consent_and_withdrawal_holds_at_once() {
    let fixture = Fixture::start(
        r#"
[[masking.rules]]
classes = ["pan"]
treatment = "partial"
unless = [{ scopes = ["cards:reveal"], consents = ["support"] }]
[[privacy.purposes]]
name = "support"
title = "Help by our staff"
text = "Our staff may look at your cards when you ask for help."
version = "2026-11"
"#,
    );
    let server = &fixture.server;
    for client in ["app", "staff"] {
        let create = ["client", "create", client, "--redirect", REDIRECT, "--first-party"];
        let scopes: &[&str] = if client == "staff" { &["--scope", "cards:reveal"] } else { &[] };
        server.run(&[&create[..], scopes].concat());
    }
    let id = server.create_person("ada@example.org", PASSWORD);
    let mut ada = Person::new("ada@example.org", PASSWORD);
    let plain = server.tokens(&mut ada, "app", "openid");
    let staff = server.tokens(&mut ada, "staff", "openid cards:reveal");
    fixture.backend.answers("/mine", Answer::new("application/json", card(PAN)).header("ETag", "\"v1\""));
    let shown = |tokens: &Tokens| server.get("/mine", tokens).text();
    assert_eq!((shown(&plain), shown(&staff)), (card(SHOWN), card(SHOWN)), "nothing is agreed to");

    let research = || server.get("/research", &staff).refusal();
    assert_eq!(research(), (403, "consent-missing".to_owned()));

    let mut browser = Browser::new(server);
    browser.sign_in(&ada);
    let page = browser.get("/account");
    assert!(page.text().contains("Our staff may look at your cards"), "{}", page.text());
    let agree = |browser: &mut Browser<'_>, page: &Reply, agree: &str| {
        browser.submit("/account/purposes", page, &[("agree", agree)])
    };
    assert_eq!(agree(&mut browser, &page, "yes").header("location"), Some("/account?done=agreed"));
    assert_eq!((shown(&plain), shown(&staff)), (card(SHOWN), card(PAN)), "scope and consent together");
    assert_eq!(research(), (200, String::new()));
    let reply = server.get("/mine", &staff);
    assert_eq!(reply.header("etag"), Some("\"v1\""), "what is plain keeps its tag");
    assert_eq!(reply.header("cache-control"), Some("private"));
    let told = server.as_owner("GET", &format!("/admin/v1/people/{id}/purposes"), None).json();
    assert_eq!(told["items"][0]["purpose"], "support");
    assert!(told["items"][0]["agreed"].is_string(), "{told}");

    let page = browser.get("/account");
    assert!(page.text().contains("Take back"), "{}", page.text());
    assert_eq!(agree(&mut browser, &page, "no").header("location"), Some("/account?done=taken-back"));
    assert_eq!(shown(&staff), card(SHOWN), "the very next answer");
    assert_eq!(research(), (403, "consent-missing".to_owned()));
    // A tag from when it was plain does not say that nothing has changed.
    let bearer = staff.bearer();
    server.send("GET", "/mine", &[("Authorization", &bearer), ("If-None-Match", "\"v1\"")], b"");
    assert!(!fixture.backend.last().contains("if-none-match"), "{}", fixture.backend.last());

    for (kind, expected) in [("consent.given", "2026-11"), ("consent.withdrawn", "2026-11")] {
        let events = server.events(kind);
        let event = events.iter().find(|event| event["details"]["purpose"] == "support").unwrap();
        assert_eq!(event["details"]["version"], expected, "{event}");
    }
    let page = browser.get("/account");
    assert_eq!(agree(&mut browser, &page, "yes").status, 303);
    assert_eq!(shown(&staff), card(PAN));

    // Another text is another question.
    let file = server.folder().join("testudo.toml");
    let text = std::fs::read_to_string(&file).unwrap().replace("2026-11", "2026-12");
    std::fs::write(&file, text).unwrap();
    server.run(&["reload"]);
    assert_eq!(shown(&staff), card(SHOWN), "she has not read the new text");
    assert!(browser.get("/account").text().contains("an earlier text"));
}

#[test]
fn tokens_and_hashes_are_the_same_for_the_same_value_and_null_and_drop_leave_nothing() {
    let rule = |treatment: &str| format!("[[masking.rules]]\nclasses = [\"pan\"]\ntreatment = \"{treatment}\"\n");
    let body = format!(r#"{{"cards":[{{"a":1,"pan":"{PAN}"}},{{"pan":"{PAN}","b":2}},{{"pan":"5500000000000004"}}]}}"#);
    for (treatment, prefix) in [("hash", "h1_"), ("token", "t1_"), ("null", ""), ("drop", "")] {
        let fixture = Fixture::start(&rule(treatment));
        let reply = fixture.cards(Answer::new("application/json", body.clone()), &[]);
        let shown = reply.json();
        let pans: Vec<&Value> = shown["cards"].as_array().unwrap().iter().map(|card| &card["pan"]).collect();
        match treatment {
            "drop" => assert_eq!(reply.text(), r#"{"cards":[{"a":1},{"b":2},{}]}"#),
            "null" => assert!(pans.iter().all(|pan| pan.is_null()) && reply.text().matches("null").count() == 3),
            _ => {
                assert!(pans[0].as_str().unwrap().starts_with(prefix), "{shown}");
                assert!(pans[0] == pans[1] && pans[0] != pans[2], "{shown}");
            }
        }
    }
}

#[test]
fn unmarked_values_are_found_where_detection_is_on() {
    let fixture = Fixture::start(
        "[masking]\ndetect = true\n[[masking.routes]]\nroute = \"GET /people\"\ndetect = false\notherwise = \"hash\"\n",
    );
    let body = format!(r#"{{"note":"card {PAN} of ada@example.org","n":12}}"#);
    fixture.backend.answers("/open", Answer::new("application/json", body.clone()));
    let reply = fixture.send("GET", "/open", &[("Range", "bytes=0-1")]);
    assert_eq!(reply.text(), format!(r#"{{"note":"card {SHOWN} of a***@e***.org","n":12}}"#));
    assert!(fixture.backend.last().contains("range: bytes=0-1"), "a file may be asked for in parts");
    // What is no JSON passes on a route without marks; JSON that can't be read does not.
    fixture.backend.answers("/open", Answer::new("text/plain", PAN));
    assert_eq!(fixture.send("GET", "/open", &[]).text(), PAN);
    for answer in [
        Answer::new("application/json", format!("\"{PAN}")),
        Answer::new("application/json", PAN).status("206 Partial Content"),
        Answer::new("application/json", PAN).header("Content-Encoding", "zstd"),
    ] {
        fixture.backend.answers("/open", answer);
        assert_eq!(fixture.send("GET", "/open", &[]).refusal(), (502, "mask-unavailable".to_owned()));
    }
    fixture.backend.answers("/people", Answer::new("application/json", r#"{"Ada":"ada@example.org"}"#));
    let shown = fixture.send("GET", "/people", &[]).text();
    assert!(shown.starts_with("{\"h1_") && shown.matches("h1_").count() == 2, "{shown}");
    // Allowed requests come into the journal a moment later.
    let began = Instant::now();
    loop {
        let page = fixture.server.json(&["audit", "list", "--kind", "request.decided", "--limit", "20"]).to_string();
        let said = ["\"masked-unmarked\":\"email 1, pan 1\"", "\"masked\":\"email 1, name 1\""];
        if said.iter().all(|said| page.contains(said)) {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{page}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn check_says_what_is_masked_and_mistakes_have_a_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("testudo.toml");
    std::fs::write(folder.path().join("api.yaml"), API).unwrap();
    let check = |more: &str| {
        let text =
            format!("[upstream]\nservers = [\"http://127.0.0.1:9\"]\n[contract]\nopenapi = \"api.yaml\"\n{more}");
        std::fs::write(&file, text).unwrap();
        support::command_in(folder.path(), &["--format", "json", "check"], "")
    };
    let report = command::parsed(&check(""));
    let masked: Vec<&str> = report["masked"].as_array().unwrap().iter().map(|m| m["route"].as_str().unwrap()).collect();
    assert_eq!(masked, ["GET /cards", "POST /cards", "GET /mine", "GET /people"]);
    let control = |name: &str, report: &Value| {
        report["controls"].as_array().unwrap().iter().find(|control| control["control"] == name).cloned().unwrap()
    };
    assert_eq!(control("masking", &report)["on"], true);
    assert_eq!(control("consent", &report)["on"], false);
    for (more, expected) in [
        ("[masking]\ndetec = true\n", "did you mean `detect`?"),
        ("[[masking.rules]]\nclasses = [\"pam\"]\ntreatment = \"null\"\n", "did you mean `pan`?"),
        ("[[masking.rules]]\nclasses = [\"pan\"]\ntreatment = \"blur\"\n", "unknown variant `blur`"),
        (
            "[[masking.rules]]\nclasses = [\"pan\"]\ntreatment = \"null\"\nunless = [{ consents = [\"ads\"] }]\n",
            "is not a purpose",
        ),
        ("[[masking.routes]]\nroute = \"GET /card\"\notherwise = \"plain\"\n", "did you mean `GET /cards`?"),
    ] {
        let output = check(more);
        let errors = command::errors(&output);
        assert_eq!(command::code(&output), 2, "{errors}");
        assert!(errors.contains(expected), "{errors}");
    }
    let output =
        check("[[masking.rules]]\nclasses = [\"pan\"]\ntreatment = \"null\"\nunless = [{ consents = [\"ads\"] }]\n");
    assert!(command::errors(&output).contains("testudo.toml:8:25"), "{}", command::errors(&output));
}
