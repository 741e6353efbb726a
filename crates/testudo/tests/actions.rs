//! Every action through the running binary: performed, felt by the very next request, performed again without a change,
//! undone, and no longer felt. And all of it the same after a crash.

#![allow(clippy::needless_pass_by_value, reason = "what is handed over is done with")]
#![allow(clippy::similar_names, reason = "the names are the words of the field")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use serde_json::{Value, json};
use support::Server;
use support::command::{code, errors};
use support::http::{ACR_2, Browser, Http, Person, Reply, Tokens, read_reply, request};
use support::shop::{PASSWORD, Shop};

const PROXY: &str = "[server]\nworkers = 2\ntrusted-proxies = [\"127.0.0.1/32\"]\n";

fn from(server: &Server, address: &str, method: &str, path: &str, tokens: Option<&Tokens>) -> Reply {
    let bearer = tokens.map(Tokens::bearer);
    let mut headers = vec![("X-Forwarded-For", address)];
    headers.extend(bearer.as_deref().map(|bearer| ("Authorization", bearer)));
    server.send(method, path, &headers, b"")
}

fn owner(server: &Server, method: &str, path: &str, body: Option<Value>) -> u16 {
    let reply = server.as_owner(method, &format!("/admin/v1{path}"), body.as_ref());
    assert!(reply.status != 500, "{}", reply.text());
    reply.status
}

/// The events of a kind.
fn count(server: &Server, kind: &str) -> usize {
    server.events(kind).len()
}

/// What an action does and takes back: both twice, so that the second time changes nothing.
struct Case<'a> {
    name: &'a str,
    /// Method, path and body of the action, and of its undo.
    act: (&'a str, String, Option<Value>),
    undo: (&'a str, String, Option<Value>),
    /// The kinds of events that announce them.
    kinds: (&'a str, &'a str),
    /// The code of the refusal while it is in force.
    refusal: (u16, &'a str),
    /// The status of an undo when there is nothing to undo.
    again: u16,
}

#[test]
fn each_action_is_felt_by_the_next_request_and_undone_by_its_undo() {
    // Neither limits nor incidents are what is tried.
    let wide = "[response]\nenabled = false\n[limits]\nperson = \"1000/s\"\nperson-route = \"1000/s\"\n";
    let shop = Shop::start(&format!("{PROXY}{wide}"));
    let server = &shop.server;
    let ada = server.json(&["user", "list"])[0]["id"].as_str().unwrap().to_owned();
    let because = json!({ "reason": "a test" });
    let held = |more: Value| {
        let mut body = json!({ "seconds": 600, "reason": "a test" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Some(body)
    };
    let person = |what: &str| ("POST", format!("/people/{ada}/{what}"), Some(because.clone()));
    let cases = [
        Case {
            name: "block",
            act: ("POST", "/blocks".into(), held(json!({ "target": { "network": "203.0.113.0/24" } }))),
            undo: ("DELETE", "/blocks?network=203.0.113.0/24".into(), None),
            kinds: ("peer.blocked", "peer.unblocked"),
            refusal: (403, "peer-blocked"),
            again: 404,
        },
        Case {
            name: "restrict-routes",
            act: ("POST", "/routes/restricted".into(), held(json!({ "path": "/items" }))),
            undo: ("DELETE", "/routes/restricted?path=/items".into(), None),
            kinds: ("routes.restricted", "routes.released"),
            refusal: (503, "route-read-only"),
            again: 404,
        },
        Case {
            name: "require-step-up",
            act: person("require-step-up"),
            undo: person("waive-step-up"),
            kinds: ("step-up.required", "step-up.waived"),
            refusal: (401, "step-up-required"),
            again: 204,
        },
        Case {
            name: "disable-client",
            act: ("POST", "/clients/app/disable".into(), None),
            undo: ("POST", "/clients/app/enable".into(), None),
            kinds: ("client.disabled", "client.enabled"),
            refusal: (401, "client-disabled"),
            again: 204,
        },
    ];
    for case in cases {
        let tokens = shop.ada("openid");
        // One request on each of many connections: the workers share them.
        let write = || (0..6).map(|_| from(server, "203.0.113.7", "PUT", "/items/1", Some(&tokens)).refusal());
        let done = |(method, path, body): &(&str, String, Option<Value>)| owner(server, method, path, body.clone());
        let name = case.name;
        assert!(write().all(|(status, _)| status == 200), "{name}: before");
        assert_eq!(done(&case.act), 204, "{name}");
        assert!(write().all(|refusal| refusal == (case.refusal.0, case.refusal.1.to_owned())), "{name}: in force");
        assert_eq!(done(&case.act), 204, "{name}: again");
        if name != "require-step-up" {
            assert_eq!(from(server, "198.51.100.1", "GET", "/public", None).status, 200, "{name}: nobody else");
        }
        assert_eq!(done(&case.undo), 204, "{name}: undone");
        assert!(write().all(|(status, _)| status == 200), "{name}: no longer felt");
        assert_eq!(done(&case.undo), case.again, "{name}: undone again");
        assert_eq!(count(server, case.kinds.1), 1, "{name}");
        let most = if name == "require-step-up" { 2 } else { 1 };
        assert!(count(server, case.kinds.0) <= most, "{name}");
    }
}

#[test]
fn tightened_limits_hold_for_whom_they_are_meant() {
    let limits = "[limits]\naddress = \"60/min\"\nperson = \"30/min\"\nperson-route = \"20/min\"\n";
    let shop = Shop::start(&format!("{PROXY}{limits}"));
    let server = &shop.server;
    let passes = |address: &str, path: &str| {
        (0..80).take_while(|_| from(server, address, "GET", path, None).status == 200).count()
    };
    let tighten = |target: Value, percent: u8| {
        let body = json!({ "target": target, "percent": percent, "seconds": 600, "reason": "a test" });
        owner(server, "POST", "/limits/tightened", Some(body))
    };
    assert_eq!(tighten(json!({ "network": "203.0.113.0/24" }), 10), 204);
    assert_eq!(tighten(json!({ "network": "203.0.113.0/24" }), 10), 204);
    assert_eq!(count(server, "limits.tightened"), 1, "the second time changes nothing");
    // A tenth of sixty is six, whatever the connection and the worker; a second gives none.
    let some = passes("203.0.113.7", "/public");
    assert!((6..=7).contains(&some), "{some}");
    let refused = from(server, "203.0.113.7", "GET", "/public", None);
    assert_eq!(refused.refusal(), (429, "limit-address".into()));
    assert!(refused.text().contains("only 10 %"), "{}", refused.text());
    assert!(refused.header("retry-after").is_some());
    assert_eq!(from(server, "198.51.100.7", "GET", "/public", None).status, 200);
    assert_eq!(owner(server, "DELETE", "/limits/tightened?network=203.0.113.0/24", None), 204);
    assert!(passes("203.0.113.8", "/public") > 30);

    // A route's own limit, by its template.
    assert_eq!(tighten(json!({ "route": "/items/{id}" }), 10), 204);
    assert_eq!(tighten(json!({ "route": "/nowhere" }), 10), 422);
    let tokens = shop.ada("openid");
    let passed = (0..20).filter(|_| from(server, "198.51.100.9", "GET", "/items/1", Some(&tokens)).status == 200);
    let passed = passed.count();
    assert!((2..=3).contains(&passed), "a tenth of twenty: {passed}");
    assert_eq!(owner(server, "DELETE", "/limits/tightened?route=/items/%7Bid%7D", None), 204);

    // Everyone's.
    assert_eq!(tighten(json!("everyone"), 5), 204);
    let some = passes("198.51.100.77", "/public");
    assert!((3..=4).contains(&some), "{some}");
    assert_eq!(owner(server, "DELETE", "/limits/tightened?everyone=true", None), 204);
    assert_eq!(owner(server, "DELETE", "/limits/tightened?everyone=true", None), 404);
    assert!(passes("198.51.100.78", "/public") > 30);
    for (percent, seconds) in [(0, 600), (100, 600), (10, 0)] {
        let body = json!({ "target": "everyone", "percent": percent, "seconds": seconds, "reason": "a test" });
        assert!(matches!(owner(server, "POST", "/limits/tightened", Some(body)), 400 | 422), "{percent} {seconds}");
    }
}

#[test]
fn locks_and_resets_are_felt_at_the_door_and_taken_back() {
    let shop = Shop::start("");
    let server = &shop.server;
    let ada = server.json(&["user", "list"])[0]["id"].as_str().unwrap().to_owned();
    let because = Some(json!({ "reason": "a test" }));
    let door = || {
        let reply = Browser::new(server).sign_in(&Person::new("ada@example.org", PASSWORD));
        (reply.status, reply.header("location").unwrap_or_default().to_owned())
    };
    let tokens = shop.ada("openid");
    assert_eq!(owner(server, "POST", &format!("/people/{ada}/lock"), because.clone()), 204);
    assert_eq!(owner(server, "POST", &format!("/people/{ada}/lock"), because.clone()), 204);
    assert_eq!(count(server, "person.locked"), 1);
    assert_eq!(server.get("/items/1", &tokens).refusal(), (401, "person-locked".into()));
    assert_ne!(door().0, 303);
    assert_eq!(owner(server, "POST", &format!("/people/{ada}/unlock"), None), 204);
    assert_eq!(door().0, 303);

    assert_eq!(owner(server, "POST", &format!("/people/{ada}/require-reset"), because.clone()), 204);
    let (status, location) = door();
    assert!(status == 303 && location.contains("password"), "{location}");
    assert_eq!(owner(server, "POST", &format!("/people/{ada}/waive-reset"), because.clone()), 204);
    let (status, location) = door();
    assert!(status == 303 && !location.contains("/sign-in"), "{location}");
    assert_eq!(owner(server, "POST", &format!("/people/{ada}/waive-reset"), because.clone()), 204, "again");

    // Sessions, families and people: what ended has ended, and ending it again is no error.
    assert_eq!(owner(server, "DELETE", &format!("/people/{ada}/sessions"), None), 204);
    let tokens = shop.ada("openid offline_access");
    let session = server.session_of("ada@example.org");
    for _ in 0..2 {
        assert_eq!(owner(server, "DELETE", &format!("/sessions/{session}"), None), 204);
        assert_eq!(server.get("/items/1", &tokens).status, 401);
    }
    let tokens = shop.ada("openid offline_access");
    assert_eq!(owner(server, "DELETE", &format!("/people/{ada}/sessions"), None), 204);
    assert_eq!(server.get("/items/1", &tokens).refusal(), (401, "person-revoked".into()));

    // Nobody is acted on who is not there.
    server.run(&["user", "erase", &ada, "--yes"]);
    for what in ["lock", "require-reset", "require-step-up", "waive-reset", "waive-step-up"] {
        assert_eq!(owner(server, "POST", &format!("/people/{ada}/{what}"), because.clone()), 404, "{what}");
    }
    assert_eq!(owner(server, "DELETE", &format!("/people/{ada}/sessions"), None), 404);
}

#[test]
fn routes_that_may_only_be_read_can_be_read_and_nothing_else() {
    let shop = Shop::start(PROXY);
    let server = &shop.server;
    let tokens = shop.ada("openid");
    let bearer = tokens.bearer();
    server.run(&["routes", "restrict", "/items", "--for", "10m", "--reason", "a theft"]);
    let refused = server.send("PUT", "/items/1", &[("Authorization", &bearer)], b"");
    assert_eq!(refused.refusal(), (503, "route-read-only".into()));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((590..=601).contains(&wait), "{wait}");
    assert_eq!(server.get("/items/1", &tokens).status, 200);
    // Who says in a header that it is a write is taken at her word.
    for name in ["X-HTTP-Method-Override", "x-http-method", "X-Method-Override"] {
        let reply = server.send("GET", "/items/1", &[("Authorization", &bearer), (name, "PUT")], b"");
        assert_eq!(reply.refusal(), (503, "route-read-only".into()), "{name}");
    }
    // However the path is written.
    let reply = server.send("PUT", "/%69tems/1", &[("Authorization", &bearer)], b"");
    assert_eq!(reply.refusal(), (503, "route-read-only".into()));
    // Other routes are as ever.
    assert_ne!(server.send("POST", "/notes", &[("Authorization", &bearer)], b"x").refusal().1, "route-read-only");
    let listed = server.json(&["routes", "list"]);
    assert_eq!((&listed["items"][0]["path"], &listed["items"][0]["reason"]), (&json!("/items"), &json!("a theft")));
    server.run(&["routes", "restrict", "/", "--for", "5m", "--reason", "all of it"]);
    let reply = server.send("POST", "/notes", &[("Authorization", &bearer)], b"x");
    assert_eq!(reply.refusal(), (503, "route-read-only".into()));
    // People can still sign in.
    assert!(!shop.ada("openid").access.is_empty());
    server.run(&["routes", "release", "/items"]);
    server.run(&["routes", "release", "/"]);
    assert_eq!(server.send("PUT", "/items/1", &[("Authorization", &bearer)], b"").status, 200);
    for (path, status) in [("/nowhere", 1), ("items", 1), ("/people/ada@example.org", 1)] {
        let output = server.command(&["routes", "restrict", path, "--for", "5m", "--reason", "x"]);
        assert_eq!(code(&output), status, "{path}: {}", errors(&output));
    }
}

#[test]
fn nobody_blocks_the_proxy_or_this_machine_without_meaning_it() {
    let shop = Shop::start("[server]\ntrusted-proxies = [\"127.0.0.1/32\", \"192.0.2.0/28\"]\n");
    let server = &shop.server;
    for network in ["127.0.0.1", "127.0.0.0/8", "::1", "192.0.2.3", "192.0.2.0/24", "::ffff:127.0.0.1", "0.0.0.0/1"] {
        let arguments = ["block", "add", network, "--for", "10m", "--reason", "a slip"];
        let output = server.command(&arguments);
        assert_eq!(code(&output), 1, "{network}");
        assert!(errors(&output).contains("--force"), "{network}: {}", errors(&output));
    }
    assert_eq!(server.json(&["block", "list"])["items"], json!([]));
    let text = server.run(&["block", "add", "203.0.113.7", "--for", "10m", "--reason", "a scan"]);
    assert!(text.contains("blocked for 10m"), "{text}");
    assert_eq!(from(server, "203.0.113.7", "GET", "/public", None).status, 403);
    assert_eq!(from(server, "203.0.113.8", "GET", "/public", None).status, 200);
    server.run(&["block", "add", "192.0.2.3", "--for", "10m", "--reason", "meant", "--force"]);
    let listed = server.json(&["block", "list"]);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2, "{listed}");
    assert_eq!(listed["items"][0]["reason"], "a scan");
    server.run(&["block", "remove", "203.0.113.7"]);
    assert_eq!(from(server, "203.0.113.7", "GET", "/public", None).status, 200);
    assert_eq!(code(&server.command(&["block", "remove", "203.0.113.7"])), 1, "there is none");
    assert_eq!(code(&server.command(&["block", "add", "nonsense", "--for", "10m", "--reason", "x"])), 2);
    assert_eq!(code(&server.command(&["block", "add", "203.0.113.7", "--for", "0s", "--reason", "x"])), 1);
    assert_eq!(code(&server.command(&["limits", "tighten", "--percent", "10", "--for", "1m", "--reason", "x"])), 2);
    // A device can't be told from another yet, and that is said.
    let device = json!({ "target": { "device": "dev_01m859aw8vrn8rdcr5kc2829qy" }, "seconds": 60, "reason": "x" });
    let reply = server.as_owner("POST", "/admin/v1/blocks", Some(&device));
    assert_eq!(reply.status, 422, "{}", reply.text());
}

#[test]
fn what_holds_for_a_time_is_the_same_after_a_crash_and_ends_by_itself() {
    let mut shop = Shop::start(PROXY);
    let server = &shop.server;
    server.run(&["block", "add", "203.0.113.0/24", "--for", "10m", "--reason", "a scan"]);
    server.run(&["block", "add", "198.51.100.0/24", "--for", "4s", "--reason", "short"]);
    server.run(&["limits", "tighten", "--network", "192.0.2.0/24", "--percent", "1", "--for", "10m", "--reason", "x"]);
    server.run(&["limits", "tighten", "--everyone", "--percent", "50", "--for", "3s", "--reason", "short"]);
    server.run(&["routes", "restrict", "/items", "--for", "10m", "--reason", "a theft"]);
    let held = |server: &Server| {
        [server.json(&["block", "list"]), server.json(&["limits", "list"]), server.json(&["routes", "list"])]
    };
    let before = held(server);
    assert_eq!(before[0]["items"].as_array().unwrap().len(), 2);
    shop.server.crash_and_restart();
    let server = &shop.server;
    assert_eq!(held(server), before);
    assert_eq!(from(server, "203.0.113.7", "GET", "/public", None).status, 403);
    let tokens = shop.ada("openid");
    assert_eq!(from(server, "192.0.3.1", "PUT", "/items/1", Some(&tokens)).refusal().1, "route-read-only");
    let passed = (0..10).filter(|_| from(server, "192.0.2.1", "GET", "/public", None).status == 200).count();
    assert!((4..=5).contains(&passed), "a hundredth of the burst of 400: {passed}");
    support::eventually("the short block is over", std::time::Duration::from_secs(10), || {
        from(server, "198.51.100.7", "GET", "/public", None).status == 200
    });
    // An undo of what is over does nothing, and is no error of the action itself.
    assert!(matches!(owner(server, "DELETE", "/limits/tightened?everyone=true", None), 204 | 404));
    assert_eq!(from(server, "203.0.113.7", "GET", "/public", None).status, 403, "the long one is not");
}

#[test]
fn a_block_and_a_restriction_end_open_streams() {
    let shop = Shop::start(PROXY);
    let server = &shop.server;
    let tokens = shop.ada("openid");
    let http = Http::new(&server.ca());
    // A stream of the backend on a public route would need one in the contract: what the shop has is enough to see that a
    // connection that is kept is refused too.
    let mut stream = http.open(server.gateway);
    let bearer = tokens.bearer();
    let headers = [("Authorization", bearer.as_str()), ("X-Forwarded-For", "203.0.113.7")];
    let send = |stream: &mut support::http::Tls| {
        use std::io::Write as _;
        stream.write_all(&request(server.gateway, "GET", "/items/1", &headers, b"", false)).unwrap();
        stream.flush().unwrap();
        read_reply(stream).status
    };
    assert_eq!(send(&mut stream), 200);
    server.run(&["block", "add", "203.0.113.7", "--for", "10m", "--reason", "a scan"]);
    assert_eq!(send(&mut stream), 403, "on the same connection");
    server.run(&["block", "remove", "203.0.113.7"]);
    assert_eq!(send(&mut stream), 200);
    assert!(
        Browser::new(server)
            .tokens(&mut Person::new("ada@example.org", PASSWORD), "app", "openid", &[("acr_values", ACR_2)])
            .lifetime
            > 0
    );
}
