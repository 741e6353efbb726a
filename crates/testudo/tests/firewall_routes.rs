//! Settings of routes: `[[waf.routes]]`, from the configuration to what a request meets, and what commands tell of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use support::Server;
use support::command::{code, errors, parsed};
use support::upstream::Upstream;

const RULES: &str = r#"
SecRule ARGS "@rx (?i)union\s+select" "id:1001,phase:2,deny,status:403,t:none,t:urlDecodeUni,t:lowercase,\
    severity:CRITICAL,tag:'attack-sqli',msg:'SQL injection'"
SecRule ARGS "@contains <script" "id:1002,phase:2,deny,status:403,t:none,t:lowercase,severity:CRITICAL,tag:'attack-xss',\
    msg:'Script'"
SecRule REQUEST_COOKIES "@contains drop table" "id:1003,phase:2,deny,status:403,severity:CRITICAL,tag:'attack-sqli',\
    msg:'SQL injection in a cookie'"
"#;

const API: &str = r#"
openapi: 3.1.0
info: {title: Notes, version: "1"}
security: []
paths:
  /notes:
    post:
      operationId: createNote
      requestBody: {content: {application/json: {schema: {type: object, properties: {text: {type: string}, title: {type: string}}}}}}
      responses: {"200": {description: ok}}
  /notes/{id}:
    parameters:
      - {name: id, in: path, required: true, schema: {type: string}}
      - {name: q, in: query, schema: {type: string}}
    get: {operationId: readNote, responses: {"200": {description: ok}}}
    delete: {operationId: deleteNote, responses: {"200": {description: ok}}}
  /search:
    get:
      parameters: [{name: q, in: query, schema: {type: string}}]
      responses: {"200": {description: ok}}
"#;

const ROUTES: &str = r#"
[[waf.routes]]
operation = "createNote"
exclude = [{ rules = [1001, "attack-xss"], target = "ARGS:json.text" }]

[[waf.routes]]
route = "* /notes/{id}"
mode = "detect"

[[waf.routes]]
route = "DELETE /notes/{id}"
mode = "off"
"#;

const JSON: (&str, &str) = ("Content-Type", "application/json");

fn config(upstream: &Upstream, more: &str) -> String {
    format!(
        "[upstream]\nservers = [\"{}\"]\n[contract]\nopenapi = \"api.yaml\"\n[waf]\nrules = [\"rules.conf\"]\n{more}\n",
        upstream.url()
    )
}

fn folder(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rules.conf"), RULES).unwrap();
    std::fs::write(folder.path().join("api.yaml"), API).unwrap();
    std::fs::write(folder.path().join("testudo.toml"), text).unwrap();
    folder
}

fn post(server: &Server, field: &str, text: &str) -> u16 {
    server.send("POST", "/notes", &[JSON], json!({ field: text }).to_string().as_bytes()).status
}

fn get(server: &Server, path: &str) -> u16 {
    server.send("GET", path, &[], b"").status
}

const ATTACK: &str = "union%20select";

#[test]
fn a_route_has_its_own_mode_and_exclusions() {
    let upstream = Upstream::start();
    let server = Server::start_in(folder(&config(&upstream, ROUTES)), &[]);
    assert!(server.greeting.iter().any(|line| line.contains("3 routes have settings")), "{:?}", server.greeting);
    for text in ["union select", "<Script>"] {
        assert_eq!(post(&server, "text", text), 200, "{text}: left out here");
        assert_eq!(post(&server, "title", text), 403, "{text}: and not there");
    }
    assert_eq!(get(&server, &format!("/search?q={ATTACK}")), 403, "nor on another route");
    let reply = server.send("POST", "/notes", &[JSON, ("Cookie", "a=drop table")], b"{\"text\":\"a\"}");
    assert_eq!(reply.status, 403, "other rules still look");
    assert_eq!(get(&server, &format!("/notes/7?q={ATTACK}")), 200, "it only reports");
    assert_eq!(server.send("DELETE", &format!("/notes/7?q={ATTACK}"), &[], b"").status, 200, "it does not look");
    assert_eq!(get(&server, &format!("/%6eotes/7?q={ATTACK}")), 200, "however the path is written");
    assert_eq!(get(&server, &format!("/notes/7/more?q={ATTACK}")), 404, "what is no route has no settings");

    support::attack::wait("the event of the route that reports", || {
        let events = server.events("request.decided");
        let of = |method: &str| {
            events.iter().find(|event| event["http"]["route"] == "/notes/{id}" && event["http"]["method"] == method)
        };
        let (reported, silent) = (of("GET")?, of("DELETE")?);
        assert_eq!(silent["details"]["waf-rules"], json!(null));
        (reported["details"]["waf-rules"] == "1001" && reported["details"]["waf-mode"] == "detect").then_some(())
    });

    let told = server.json(&["check"])["firewall"]["routes"].clone();
    assert_eq!(
        told[0],
        json!({ "route": "createNote", "says": "block, 1001 attack-xss not asked about ARGS:json.text" })
    );
    assert_eq!(told[2]["says"], "off");
    let observed = server.json(&["check", "--observe"]);
    assert!(observed["firewall"]["routes"][0]["says"].as_str().unwrap().contains("observe mode"), "{observed}");
}

#[test]
fn what_is_not_there_is_named_at_its_line_with_the_nearest() {
    let upstream = Upstream::start();
    for (entry, line, expected) in [
        ("route = \"POST /note\"\nmode = \"off\"", 11, "did you mean `POST /notes`?"),
        ("operation = \"createNotes\"\nmode = \"off\"", 11, "did you mean `createNote`?"),
        ("route = \"POST /notes\"\nexclude = [{ rules = [1011] }]", 12, "did you mean 1001?"),
        ("route = \"POST /notes\"\nexclude = [{ rules = [\"attack-sql\"] }]", 12, "did you mean \"attack-sqli\"?"),
        ("route = \"POST /notes\"\nexclude = [{ rules = [1001], target = \"ARG:a\" }]", 12, "did you mean `ARGS`?"),
        ("route = \"POST /notes\"\nparanoia = 2", 12, "no levels"),
        ("route = \"POST /notes\"\nmodes = \"off\"", 12, "did you mean `mode`?"),
        ("route = \"POST /notes\"\nmode = \"of\"", 12, "did you mean `off`?"),
        ("route = \"/notes\"\nmode = \"off\"", 11, "METHOD TEMPLATE"),
    ] {
        // A first entry that is right, so that the second is found.
        let first = "[[waf.routes]]\nroute = \"GET /search\"\nmode = \"detect\"\n";
        let text = config(&upstream, &format!("{first}[[waf.routes]]\n{entry}"));
        let folder = folder(&text);
        let output = support::command_in(folder.path(), &["check"], "");
        let said = errors(&output);
        assert_eq!(code(&output), 2, "{entry}: {said}");
        let place = format!("testudo.toml:{line}:");
        assert!(said.contains(expected) && said.contains(&place), "{entry}: {place} {said}");
    }
}

#[test]
fn a_reload_puts_routes_in_force_and_drops_no_request() {
    let upstream = Upstream::start();
    let server = Server::start_in(folder(&config(&upstream, "")), &[]);
    assert_eq!(post(&server, "text", "union select"), 403);
    let stop = Arc::new(AtomicBool::new(false));
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut sent = 0;
            while !stop.load(Ordering::SeqCst) {
                assert_eq!(post(&server, "text", "a harmless note"), 200, "request {sent}");
                sent += 1;
            }
            sent
        });
        for more in [ROUTES, "", ROUTES] {
            std::fs::write(server.folder().join("testudo.toml"), config(&upstream, more)).unwrap();
            server.signal("HUP");
            let expected = if more.is_empty() { 403 } else { 200 };
            support::attack::wait("the reload", || (post(&server, "text", "union select") == expected).then_some(()));
        }
        // What is wrong leaves everything as it is.
        let wrong = ROUTES.replace("createNote", "createNotes");
        std::fs::write(server.folder().join("testudo.toml"), config(&upstream, &wrong)).unwrap();
        let output = server.command(&["reload"]);
        assert!(errors(&output).contains("waf.routes[0].operation"), "{}", errors(&output));
        assert_eq!(post(&server, "text", "union select"), 200);
        stop.store(true, Ordering::SeqCst);
        assert!(sender.join().unwrap() > 0);
    });
}

#[test]
fn without_a_contract_routes_are_paths() {
    let upstream = Upstream::start();
    let text = config(
        &upstream,
        "[[waf.routes]]\nroute = \"* /app/raw/*\"\nmode = \"off\"\n\
         [[waf.routes]]\nroute = \"POST /app/notes\"\nexclude = [{ rules = [1001], target = \"ARGS:json.text\" }]\n",
    )
    .replace("openapi = \"api.yaml\"", "public = [\"/app/*\"]");
    let server = Server::start_in(folder(&text), &[]);
    let send = |method: &str, path: &str| server.send(method, path, &[JSON], br#"{"text":"union select"}"#).status;
    assert_eq!((send("POST", "/app/raw/a"), send("POST", "/app/notes"), send("POST", "/app/other")), (200, 200, 403));
    assert_eq!((send("PUT", "/app/notes"), send("POST", "/app/raw")), (403, 403));
}

#[test]
fn levels_are_those_of_the_route() {
    let upstream = Upstream::start();
    let text = format!(
        "[upstream]\nservers = [\"{}\"]\n[contract]\npublic = [\"/app/*\"]\n[waf]\nrules = [\"built-in\"]\n\
         [[waf.routes]]\nroute = \"* /app/patient\"\nthreshold = 1000\n",
        upstream.url()
    );
    let server = Server::start_in(folder(&text), &[]);
    let attack = "?q=1'%20UNION%20SELECT%20username,password%20FROM%20users--";
    assert_eq!(get(&server, &format!("/app/search{attack}")), 403);
    assert_eq!(get(&server, &format!("/app/patient{attack}")), 200);
    let general = text.replace("[waf]\n", "[waf]\nthreshold = 1000\n");
    std::fs::write(server.folder().join("testudo.toml"), general).unwrap();
    server.run(&["reload"]);
    assert_eq!(get(&server, &format!("/app/search{attack}")), 200, "and that of all others is said once");
}

#[test]
fn routes_have_levels_of_the_core_rule_set() {
    if !std::path::Path::new("/etc/modsecurity/crs/crs-setup.conf").is_file() {
        support::skip("TESTUDO_REQUIRE_DEBIAN_CRS", "Debian's package `modsecurity-crs` is not installed");
        return;
    }
    let upstream = Upstream::start();
    let text = format!(
        "[upstream]\nservers = [\"{}\"]\n[contract]\npublic = [\"/app/*\"]\n[waf]\nparanoia = 1\n\
         [[waf.routes]]\nroute = \"* /app/strict\"\nparanoia = 4\n\
         [[waf.routes]]\nroute = \"* /app/patient\"\nparanoia = 4\nthreshold = 1000\n",
        upstream.url()
    );
    let server = Server::start_in(folder(&text), &[]);
    let app = [("User-Agent", "ShopApp/4.2.1 (iPhone; iOS 18.1)"), ("Accept", "application/json")];
    let send = |path: &str| server.send("GET", path, &app, b"").status;
    // Signs that only level 4 refuses (920273).
    let statuses = |query: &str| ["search", "strict", "patient"].map(|path| send(&format!("/app/{path}?q={query}")));
    assert_eq!(statuses("plain"), [200, 200, 200]);
    assert_eq!(statuses("price%24%24%7Ctax"), [200, 403, 200]);
    assert_eq!(statuses("1'%20UNION%20SELECT%20username,password%20FROM%20users--"), [403, 403, 200]);
}

#[test]
fn json_in_arguments_and_cookies_is_read_when_asked_for() {
    let upstream = Upstream::start();
    // As written it holds no attack; the reader of JSON finds one.
    let filter = "/search?q=%7B%22a%22%3A%22union%5Cu0020select%22%7D";
    let cookie = ("Cookie", "prefs={\"a\":\"drop\\u0020table\"}");
    let server = Server::start_in(folder(&config(&upstream, "")), &[]);
    let of = |server: &Server| (get(server, filter), server.send("GET", "/search", &[cookie], b"").status);
    assert_eq!(of(&server), (200, 200));
    std::fs::write(server.folder().join("testudo.toml"), config(&upstream, "json-in-arguments = true")).unwrap();
    server.run(&["reload"]);
    assert_eq!(of(&server), (403, 403));
}

#[test]
fn explain_tells_the_steps_the_route_and_an_exclusion_for_it_alone() {
    let upstream = Upstream::start();
    let server = Server::start_in(folder(&config(&upstream, ROUTES)), &[]);
    let write = |text: &str| std::fs::write(server.folder().join("request.txt"), text).unwrap();
    let explain = || server.command(&["--format", "json", "waf", "explain", "request.txt"]);
    write("POST /notes HTTP/1.1\nHost: a.example\nContent-Type: application/json\n\n{\"title\":\"1%27 UNION Select\"}");
    let output = explain();
    assert_eq!(code(&output), 1, "{}", errors(&output));
    let answer = parsed(&output);
    assert_eq!(answer["route"], json!({ "name": "createNote", "entry": 1, "mode": "block" }));
    let hit = &answer["matches"][0]["hits"][0];
    assert_eq!((&hit["variable"], &hit["sent"]), (&json!("ARGS:json.title"), &json!("1%27 UNION Select")));
    assert_eq!(
        hit["steps"],
        json!([
            { "name": "urlDecodeUni", "output": "1' UNION Select" },
            { "name": "lowercase", "output": "1' union select" },
        ])
    );
    let human = String::from_utf8(server.command(&["waf", "explain", "request.txt"]).stdout).unwrap();
    for expected in [
        "Route createNote: entry 1 of `waf.routes` is heeded",
        "ARGS:json.title = 1%27 UNION Select",
        "urlDecodeUni → 1' UNION Select",
        "SecRuleUpdateTargetById 1001 \"!ARGS:json.title\"",
    ] {
        assert!(human.contains(expected), "{expected}: {human}");
    }

    // What is proposed for the route is an entry that works.
    write(&format!("GET /search?q={ATTACK} HTTP/1.1\nHost: a.example\n\n"));
    let proposed = parsed(&explain())["route_exclusions"].as_str().unwrap().to_owned();
    assert!(proposed.contains("route = \"GET /search\""), "{proposed}");
    std::fs::write(server.folder().join("testudo.toml"), config(&upstream, &proposed)).unwrap();
    server.run(&["reload"]);
    assert_eq!(code(&explain()), 0);
    assert_eq!(get(&server, &format!("/search?q={ATTACK}")), 200);
    assert_eq!(post(&server, "text", "union select"), 403, "it is for that route alone");

    // A route that reports, and one that does not look.
    std::fs::write(server.folder().join("testudo.toml"), config(&upstream, ROUTES)).unwrap();
    write(&format!("GET /notes/7?q={ATTACK} HTTP/1.1\nHost: a.example\n\n"));
    let output = explain();
    assert_eq!((code(&output), &parsed(&output)["reports_only"]), (1, &json!(true)));
    write(&format!("DELETE /notes/7?q={ATTACK} HTTP/1.1\nHost: a.example\n\n"));
    assert_eq!(code(&explain()), 0);
}

/// The same is sealed in the event, for who may reveal it.
#[test]
fn the_event_of_a_refused_request_has_the_steps_sealed() {
    let upstream = Upstream::start();
    let server = Server::start_in(folder(&config(&upstream, "")), &[]);
    let reply = server.send("GET", "/search?q=1%2527%20UNION%20Select", &[], b"");
    let request = reply.header("testudo-request").unwrap().to_owned();
    assert_eq!(reply.status, 403);
    let list = |more: &[&str]| {
        let arguments = [&["audit", "list", "--request", &request], more].concat();
        server.json(&arguments).to_string()
    };
    support::attack::wait("the event", || list(&[]).contains("1001").then_some(()));
    assert!(!list(&[]).contains("urlDecodeUni"), "values and what became of them are sealed");
    let revealed = list(&["--reveal"]);
    for expected in ["ARGS:q = 1%27 UNION Select", "urlDecodeUni → 1' UNION Select", "lowercase → 1' union select"]
    {
        assert!(revealed.contains(expected), "{expected}: {revealed}");
    }
}
