//! The contract in a request's trip: bodies and parameters are what the file says, and a first file is learned from traffic.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use serde_json::{Value, json};
use support::Server;
use support::command::{code, parsed};
use support::upstream::Upstream;

const API: &str = r#"
openapi: 3.1.0
info: {title: Orders, version: "1"}
paths:
  /orders:
    post:
      security: []
      parameters: [{name: dry, in: query, schema: {type: boolean}}]
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [sku, qty]
              properties:
                sku: {type: string, pattern: "^[A-Z0-9-]{3,20}$"}
                qty: {type: integer, minimum: 1, maximum: 99}
                note: {type: string, maxLength: 200}
          multipart/form-data:
            schema: {type: object, properties: {photo: {type: string, contentMediaType: image/png}, note: {type: string}}}
            encoding: {photo: {contentType: image/png}}
      responses: {"200": {description: ok}}
"#;

const JSON: (&str, &str) = ("Content-Type", "application/json");

fn start(upstream: &Upstream, api: &str, more: &str) -> Server {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("api.yaml"), api).unwrap();
    let text = format!("[upstream]\nservers = [\"{}\"]\n[contract]\nopenapi = \"api.yaml\"\n{more}\n", upstream.url());
    std::fs::write(folder.path().join("testudo.toml"), text).unwrap();
    Server::start_in(folder, &[])
}

#[test]
fn a_body_is_what_the_contract_says_or_the_place_is_named() {
    let upstream = Upstream::start();
    let server = start(&upstream, API, "");
    let post = |path: &str, headers: &[(&str, &str)], body: &[u8]| {
        let reply = server.send("POST", path, headers, body);
        let detail = serde_json::from_slice::<Value>(&reply.body).unwrap_or_default()["detail"].to_string();
        (reply.refusal(), detail)
    };
    let ask = |body: Value| post("/orders", &[JSON], body.to_string().as_bytes());
    assert_eq!(ask(json!({ "sku": "AB-1", "qty": 2, "note": "ring twice" })).0.0, 200);
    let before = upstream.requests();
    for (body, code, place) in [
        (json!({ "sku": "AB-1", "qty": "2" }), "wrong-type", "/qty"),
        (json!({ "sku": "AB-1", "qty": 100 }), "out-of-range", "/qty"),
        (json!({ "sku": "ab", "qty": 1 }), "wrong-pattern", "/sku"),
        (json!({ "qty": 1 }), "missing-field", ""),
        (json!({ "sku": "AB-1", "qty": 1, "admin": true }), "unknown-field", ""),
        (json!([]), "wrong-type", ""),
    ] {
        let ((status, said), detail) = ask(body.clone());
        assert_eq!((status, said.as_str()), (400, code), "{body}: {detail}");
        assert!(detail.contains(place) && !detail.contains("100"), "the place and no value: {detail}");
    }
    assert_eq!(post("/orders", &[JSON], b"{\"sku\":\"AB-1\",\"qty\":1,\"qty\":2}").0.1, "repeated-field");
    assert_eq!(post("/orders", &[JSON], b"{\"sku\":").0.0, 400);
    assert_eq!(post("/orders", &[JSON], b"").0.1, "missing-body");
    assert_eq!(post("/orders", &[("Content-Type", "text/csv")], b"a,b").0.0, 415);
    let order = json!({ "sku": "AB-1", "qty": 1 }).to_string();
    assert_eq!(post("/orders?wet=true", &[JSON], order.as_bytes()).0.1, "unknown-parameter");
    assert_eq!(post("/orders?dry=maybe", &[JSON], order.as_bytes()).0.0, 400);
    assert_eq!(post("/orders?dry=true", &[JSON], order.as_bytes()).0.0, 200);
    let form = |photo: &str| {
        format!(
            "--xyz\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n{photo}\r\n\
             --xyz--\r\n"
        )
    };
    let kind = ("Content-Type", "multipart/form-data; boundary=xyz");
    assert_eq!(
        post("/orders", &[kind], form("<html><script>1</script>").as_bytes()).0,
        (400, "content-mismatch".into())
    );
    assert_eq!(upstream.requests(), before + 1, "the backend saw none of what was refused");
    support::attack::wait("the event names the place", || {
        let events = server.events("request.decided");
        events.iter().any(|event| event["details"]["contract"] == "/qty wrong-type").then_some(())
    });
}

#[test]
fn long_uploads_are_judged_as_they_flow() {
    let upstream = Upstream::start();
    let upload = |photo: &[u8], name: &str| {
        let head = format!(
            "--xyz\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n"
        );
        let mut body = [head.as_bytes(), photo].concat();
        body.resize(700_000, b' ');
        body.extend_from_slice(b"\r\n--xyz--\r\n");
        body
    };
    let png = b"\x89PNG\r\n\x1a\n";
    let kind = ("Content-Type", "multipart/form-data; boundary=xyz");
    for firewall in ["", "[waf]\nmode = \"off\""] {
        let server = start(&upstream, API, firewall);
        let post = |kind, body: &[u8]| server.send("POST", "/orders", &[kind], body).refusal();
        assert_eq!(post(kind, &upload(png, "photo")).0, 200, "{firewall}");
        let whole = upstream.whole_requests();
        for (kind, body, refused) in [
            (kind, upload(b"<html><script>1</script>", "photo"), (415, "content-mismatch")),
            (kind, upload(png, "other"), (400, "unknown-field")),
            (("Content-Type", "image/png"), png.repeat(90_000), (415, "wrong-media-type")),
            (("Content-Type", "multipart/form-data"), upload(png, "photo"), (400, "malformed")),
        ] {
            let (status, code) = post(kind, &body);
            assert_eq!((status, code.as_str()), refused, "{firewall} {kind:?}");
        }
        assert_eq!(upstream.whole_requests(), whole, "the backend never got the whole of what was refused");
        support::attack::wait("the event names the place", || {
            let events = server.events("request.decided");
            events.iter().any(|event| event["details"]["contract"] == "/photo content-mismatch").then_some(())
        });
    }
    let server = start(&upstream, API, "[server]\nobserve = true");
    let reply = server.send("POST", "/orders", &[kind], &upload(b"<html><script>1</script>", "photo"));
    assert_eq!(reply.refusal().0, 200, "observe mode reports it only");
    support::attack::wait("the event says that it would have been refused", || {
        let events = server.events("request.decided");
        let told = |event: &Value| {
            event["details"]["observed"].is_string()
                && event["code"] == "content-mismatch"
                && event["control"] == "contract"
        };
        events.iter().any(told).then_some(())
    });
}

#[test]
fn what_is_not_named_can_be_reported_instead() {
    let upstream = Upstream::start();
    let server = start(&upstream, API, "unknown = \"report\"");
    let order = json!({ "sku": "AB-1", "qty": 1, "colour": "red" }).to_string();
    assert_eq!(server.send("POST", "/orders", &[JSON], order.as_bytes()).status, 200);
    let wrong = json!({ "sku": "AB-1", "qty": "1" }).to_string();
    assert_eq!(server.send("POST", "/orders", &[JSON], wrong.as_bytes()).status, 400, "what is named is held to");
    support::attack::wait("the event has it", || {
        let events = server.events("request.decided");
        let noted = |event: &Value| {
            event["details"]["contract-notes"].as_str().is_some_and(|text| text.contains("unknown-field"))
        };
        events.iter().any(noted).then_some(())
    });
}

#[test]
fn a_route_may_ask_for_a_token_against_other_sites() {
    let upstream = Upstream::start();
    let api = API.replace("      security: []\n", "      security: []\n      x-testudo: {csrf-token: true}\n");
    let server = start(&upstream, &api, "");
    let order = json!({ "sku": "AB-1", "qty": 1 }).to_string();
    let token = "0123456789abcdefghij";
    let cookie = format!("session=1; csrf-token={token}");
    let post = |headers: &[(&str, &str)]| {
        let all: Vec<(&str, &str)> = std::iter::once(JSON).chain(headers.iter().copied()).collect();
        server.send("POST", "/orders", &all, order.as_bytes()).refusal()
    };
    assert_eq!(post(&[("Cookie", &cookie)]), (403, "csrf-token-missing".to_owned()));
    assert_eq!(post(&[("Cookie", &cookie), ("X-CSRF-Token", "another-token-of-20-")]).0, 403);
    assert_eq!(post(&[("Cookie", &cookie), ("X-CSRF-Token", token)]).0, 200);
    assert_eq!(post(&[]).0, 200, "without cookies there is nothing to abuse");
}

#[test]
fn a_first_contract_is_learned_while_the_server_runs_and_holds_what_it_learned() {
    let upstream = Upstream::start();
    let folder = tempfile::tempdir().unwrap();
    let config = |more: &str| format!("[upstream]\nservers = [\"{}\"]\n[contract]\n{more}\n", upstream.url());
    let text = config("public = [\"/shop/*\"]\nlearn = \"learned.json\"");
    std::fs::write(folder.path().join("testudo.toml"), text).unwrap();
    let mut server = Server::start_in(folder, &[]);
    let requests: Vec<(&str, String, Value)> = (1..30)
        .flat_map(|number| {
            [
                ("GET", format!("/shop/items/{number}?sort=price"), Value::Null),
                ("POST", "/shop/orders".to_owned(), json!({ "sku": format!("SKU-{number}"), "qty": number % 5 + 1 })),
            ]
        })
        .collect();
    let send = |server: &Server, (method, path, body): &(&str, String, Value)| {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let headers = if body.is_empty() { &[][..] } else { &[JSON] };
        server.send(method, path, headers, body.as_bytes()).refusal()
    };
    for request in &requests {
        assert_eq!(send(&server, request).0, 200);
    }
    server.halt();
    let learned = std::fs::read_to_string(server.folder().join("learned.json")).unwrap();
    assert!(!learned.contains("SKU-7"), "values are not written down");
    std::fs::write(server.folder().join("testudo.toml"), config("openapi = \"learned.json\"")).unwrap();
    server.resume();
    for request in &requests {
        assert_eq!(send(&server, request), (200, String::new()), "{request:?}");
    }
    assert_eq!(send(&server, &("GET", "/shop/admin".to_owned(), Value::Null)).0, 404);
    let more = ("POST", "/shop/orders".to_owned(), json!({ "sku": "SKU-1", "qty": 1, "price": 0 }));
    assert_eq!(send(&server, &more).1, "unknown-field");

    let both = config("openapi = \"learned.json\"\nlearn = \"other.json\"");
    std::fs::write(server.folder().join("testudo.toml"), both).unwrap();
    assert_eq!(code(&server.command(&["check"])), 2);
}

#[test]
fn recordings_are_learned_from_and_versions_compared() {
    let folder = tempfile::tempdir().unwrap();
    let entry = |method: &str, path: &str, body: Option<Value>, status: u16| {
        let data = body.map(|body| json!({ "mimeType": "application/json", "text": body.to_string() }));
        json!({
            "request": { "method": method, "url": format!("https://api.example.org{path}"),
                         "headers": [{ "name": "Authorization", "value": "Bearer x" }], "postData": data },
            "response": { "status": status },
        })
    };
    let recording = json!({ "log": { "entries": [
        entry("GET", "/v1/accounts/17", None, 200),
        entry("GET", "/v1/accounts/18", None, 200),
        entry("POST", "/v1/transfers", Some(json!({ "to": "NL01", "cents": 5 })), 201),
        entry("GET", "/v1/nothing", None, 404),
    ] } });
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    file("session.har", &recording.to_string());
    let run = |arguments: &[&str]| support::command_in(folder.path(), arguments, "");
    let output = run(&[
        "--format",
        "json",
        "contract",
        "learn",
        "session.har",
        "--host",
        "api.example.org",
        "--out",
        "api.json",
    ]);
    assert_eq!(code(&output), 0, "{}", support::command::errors(&output));
    let answer = parsed(&output);
    assert_eq!((&answer["learned"], &answer["skipped"], &answer["routes"]), (&json!(3), &json!(1), &json!(2)));
    let other = run(&["contract", "learn", "session.har", "--host", "other.example.org"]);
    assert_eq!(code(&other), 2, "nothing is learned from nothing");

    file("old.yaml", API);
    file(
        "new.yaml",
        &API.replace("maximum: 99", "maximum: 999")
            .replace("  /orders:\n", "  /admin:\n    get: {responses: {\"200\": {description: ok}}}\n  /orders:\n"),
    );
    let output = run(&["contract", "diff", "old.yaml", "new.yaml"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(code(&output), 0);
    assert!(text.contains("opens GET /admin") && text.contains("qty"), "{text}");
    assert_eq!(code(&run(&["contract", "diff", "old.yaml", "new.yaml", "--fail-on", "opens"])), 1);
    assert_eq!(code(&run(&["contract", "diff", "new.yaml", "old.yaml", "--fail-on", "opens"])), 0);
    assert_eq!(code(&run(&["contract", "diff", "old.yaml", "old.yaml", "--fail-on", "any"])), 0);
    assert_eq!(code(&run(&["contract", "diff", "old.yaml", "session.har"])), 2);
}
