//! The controls of a request's trip, seen from both ends: what callers are answered, and what the backend gets to see.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

mod support;

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use support::Server;
use support::http::{ACR_2, Browser, Http, Person, Reply, read_reply, request};
use support::shop::{PASSWORD, Shop};
use support::upstream::{Upstream, saw, saw_names};

#[test]
fn identity_headers_are_ours_alone() {
    let shop = Shop::start("");
    let id = shop.server.json(&["user", "list"])[0]["id"].as_str().unwrap().to_owned();
    let tokens = shop.ada("openid orders:read");
    let claims = [
        ("Authorization", tokens.bearer()),
        ("Testudo-Person", "per_evil".into()),
        ("testudo_person", "per_evil".into()),
        ("TESTUDO-ACR", "urn:testudo:acr:2".into()),
        ("Testudo_Client", "evil".into()),
        ("Testudo-Roles", "owner".into()),
        ("Testudo-Anything", "evil".into()),
        ("X-Forwarded-For", "203.0.113.7".into()),
        ("X-Forwarded-Host", "evil.example".into()),
        ("X-Forwarded-Proto", "http".into()),
        ("X_Forwarded_For", "203.0.113.7".into()),
        ("Forwarded", "for=203.0.113.7".into()),
        ("X-Real-IP", "203.0.113.7".into()),
        ("Keep-Alive", "timeout=5".into()),
        ("X-Own", "kept".into()),
    ];
    let claims: Vec<(&str, &str)> = claims.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let reply = shop.server.send("GET", "/orders?page=2", &claims, b"");
    assert_eq!(reply.status, 200, "{}", reply.text());
    let seen = reply.json();
    assert_eq!(seen["line"], "GET /orders?page=2 HTTP/1.1");
    assert_eq!(saw(&seen, "testudo-person"), [id]);
    assert_eq!(saw(&seen, "testudo-client"), ["app"]);
    assert_eq!(saw(&seen, "testudo-scopes"), ["openid orders:read"]);
    assert_eq!(saw(&seen, "testudo-acr"), ["urn:testudo:acr:1"]);
    assert_eq!(saw(&seen, "testudo-request"), [reply.header("testudo-request").unwrap()]);
    assert_eq!(saw(&seen, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(saw(&seen, "x-forwarded-proto"), ["https"]);
    assert_eq!(saw(&seen, "x-forwarded-host"), [format!("localhost:{}", shop.server.gateway.port())]);
    assert_eq!(saw(&seen, "x-own"), ["kept"]);
    assert!(!seen.to_string().contains("evil") && !seen.to_string().contains("203.0.113.7"), "{seen}");
    let names = saw_names(&seen);
    for gone in ["authorization", "testudo-roles", "forwarded", "x-real-ip", "keep-alive"] {
        assert!(!names.iter().any(|name| name == gone), "{gone} in {names:?}");
    }
    // Nor does the backend speak in our name to callers.
    assert_eq!(reply.header("testudo-person"), None);
    assert_eq!((reply.header("x-hop"), reply.header("x-content-type-options")), (None, Some("nosniff")));
    assert!(reply.header("strict-transport-security").is_some());

    // Roles go along, and on a public route nobody is named but who has shown a token.
    shop.server.run(&["user", "grant", "ada@example.org", "clerk"]);
    let clerk = shop.ada("openid");
    let seen = shop.server.get("/staff", &clerk).json();
    assert_eq!(saw(&seen, "testudo-roles"), ["clerk"]);
    let seen = shop.server.send("GET", "/public", &[("Testudo-Person", "per_evil")], b"").json();
    assert!(!saw_names(&seen).iter().any(|name| name.starts_with("testudo-") && name != "testudo-request"), "{seen}");
    // W3C trace context: the caller's trace goes on, with a span of our own.
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let seen = shop.server.send("GET", "/public", &[("traceparent", parent)], b"").json();
    let child = &saw(&seen, "traceparent")[0];
    assert!(child.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && child != parent, "{child}");
}

#[test]
fn the_contract_decides_routes_methods_and_parameters() {
    let shop = Shop::start("");
    let tokens = shop.ada("openid");
    let before = shop.upstream.requests();
    let refusal = |method: &str, path: &str| {
        let reply = shop.server.send(method, path, &[("Authorization", &tokens.bearer())], b"");
        (reply.status, reply.header("allow").map(str::to_owned), reply.refusal().1)
    };
    assert_eq!(refusal("GET", "/nowhere").0, 404);
    assert_eq!(refusal("GET", "/items").0, 404);
    let (status, allow, _) = refusal("DELETE", "/items/1");
    assert_eq!(status, 405);
    let allow = allow.expect("Allow names what there is");
    assert!(allow.contains("GET") && allow.contains("PUT") && !allow.contains("DELETE"), "{allow}");
    assert_eq!(refusal("GET", "/items/zero").0, 400);
    assert_eq!(refusal("GET", "/items/0").0, 400);
    assert_eq!(refusal("GET", "/items/1?limit=101").0, 400);
    assert_eq!(refusal("GET", "/items/1/../../staff").0, 403, "the firewall says so first");
    assert_eq!(shop.upstream.requests(), before, "the backend saw none of it");
    assert_eq!(refusal("GET", "/items/1?limit=100").0, 200);
    // Who has no token learns of the token first, whatever the parameters.
    assert_eq!(shop.server.send("GET", "/items/1", &[], b"").refusal(), (401, "token-missing".into()));
    assert_eq!(shop.server.send("GET", "/public", &[], b"").status, 200);
}

#[test]
fn without_a_file_every_path_but_the_public_ones_needs_a_token() {
    let upstream = Upstream::start();
    let server = Server::start(&["--upstream", &upstream.url(), "--public", "/health", "--public", "/assets/*"]);
    for (path, status) in [
        ("/health", 200),
        ("/assets/a.css", 200),
        ("/assets/a/b.css", 200),
        ("/healthy", 401),
        ("/health/x", 401),
        ("/assets", 401),
        ("/", 401),
        ("/assets/../admin", 403),
    ] {
        let reply = server.send("GET", path, &[], b"");
        assert_eq!(reply.status, status, "{path}: {}", reply.text());
    }
    let check = server.json(&["check", "--upstream", &upstream.url(), "--public", "/health"]);
    assert!(check["public"].to_string().contains("/health"), "{check}");
}

#[test]
fn scopes_roles_policies_and_strength_decide() {
    let shop = Shop::start("");
    let server = &shop.server;
    let plain = shop.ada("openid");
    let reply = server.get("/orders", &plain);
    assert_eq!(reply.refusal(), (403, "scope-missing".into()));
    assert!(reply.header("www-authenticate").unwrap().contains("insufficient_scope"));
    assert_eq!(server.get("/orders", &shop.ada("openid orders:read")).status, 200);
    assert_eq!(server.get("/staff", &plain).refusal(), (403, "role-missing".into()));

    let reply = server.send(
        "POST",
        "/refunds",
        &[("Authorization", &plain.bearer()), ("Content-Type", "application/json")],
        b"{}",
    );
    assert_eq!(reply.refusal(), (403, "policy-denied".into()));
    let text = reply.text();
    assert!(text.contains("no-refunds") && text.contains("refunds are made at the counter"), "{text}");

    // A route that needs a second factor says so; the client signs in again as it is told, and passes.
    let reply = server.get("/vault", &plain);
    assert_eq!(reply.status, 401);
    let challenge = reply.header("www-authenticate").unwrap();
    assert!(challenge.contains("insufficient_user_authentication"), "{challenge}");
    assert!(challenge.contains(&format!("acr_values=\"{ACR_2}\"")), "{challenge}");
    let mut ada = Person::new("ada@example.org", PASSWORD);
    let mut browser = Browser::new(server);
    let strong = browser.tokens(&mut ada, "app", "openid", &[("acr_values", ACR_2)]);
    assert!(ada.totp.is_some(), "she had none, so that she had to add one");
    let seen = server.get("/vault", &strong).json();
    assert_eq!(saw(&seen, "testudo-acr"), [ACR_2]);
    assert_eq!(server.get("/vault", &plain).status, 401, "the old token is as weak as before");
    // From now on her sign-in asks for it, in any browser.
    let again = server.tokens(&mut ada, "app", "openid");
    assert_eq!(server.get("/vault", &again).status, 200);
    // A code is accepted once.
    let mut browser = Browser::new(server);
    let mut copy = ada.clone();
    let code = copy.totp.as_mut().unwrap().code();
    assert_eq!(
        browser.sign_in(&ada).header("location").map(|to| to.split('?').next().unwrap()),
        Some("/sign-in/factor")
    );
    let page = browser.get("/sign-in/factor");
    assert_eq!(browser.submit("/sign-in/factor", &page, &[("code", &code)]).status, 303);
    let mut other = Browser::new(server);
    other.sign_in(&ada);
    let page = other.get("/sign-in/factor");
    assert_ne!(other.submit("/sign-in/factor", &page, &[("code", &code)]).status, 303, "the same code again");
}

#[test]
fn limits_say_when_to_come_back() {
    let shop = Shop::start("[limits]\nperson = \"1/min burst 5\"\n");
    let tokens = shop.ada("openid");
    let mut replies: Vec<Reply> = (0..8).map(|_| shop.server.get("/items/1", &tokens)).collect();
    let refused: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 429).collect();
    assert!(
        replies[0].status == 200 && refused.len() >= 3,
        "{:?}",
        replies.iter().map(|r| r.status).collect::<Vec<_>>()
    );
    let last = refused.last().unwrap();
    let wait: u64 = last.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=600).contains(&wait), "{wait}");
    assert!(last.header("ratelimit").unwrap().contains("r=0"), "{:?}", last.headers);
    assert!(last.header("ratelimit-policy").is_some());
    assert!(replies.remove(0).header("ratelimit").is_some(), "also while there is room");
    // Others are not held back.
    shop.server.create_person("bob@example.org", PASSWORD);
    let bob = shop.server.tokens(&mut Person::new("bob@example.org", PASSWORD), "app", "openid");
    assert_eq!(shop.server.get("/items/1", &bob).status, 200);
}

#[test]
fn whoever_guesses_passwords_has_to_wait() {
    let shop = Shop::start("");
    let mut browser = Browser::new(&shop.server);
    let mut statuses = Vec::new();
    let mut wait = None;
    // Each for another account, so that no account's own lock is what is seen.
    for number in 0..16 {
        let reply = browser.sign_in(&Person::new(&format!("guess{number}@example.org"), "a wrong password"));
        statuses.push(reply.status);
        if reply.status == 429 {
            wait = reply.header("retry-after").map(|seconds| seconds.parse::<u64>().unwrap());
            break;
        }
    }
    let wait = wait.unwrap_or_else(|| panic!("nobody had to wait: {statuses:?}"));
    assert!((1..=900).contains(&wait), "{wait}");
    assert!(statuses.len() > 5, "a few mistakes are human: {statuses:?}");
    // The API itself is not closed for the address.
    assert_eq!(shop.server.send("GET", "/public", &[], b"").status, 200);
}

#[test]
fn a_block_holds_for_the_next_request_and_only_named_proxies_are_believed() {
    let shop = Shop::start("[server]\ntrusted-proxies = [\"127.0.0.1/32\"]\n");
    let server = &shop.server;
    let from = |address: &str| server.send("GET", "/public", &[("X-Forwarded-For", address)], b"");
    assert_eq!(from("203.0.113.7").status, 200);
    assert_eq!(saw(&from("203.0.113.7").json(), "x-forwarded-for"), ["203.0.113.7, 127.0.0.1"]);
    let block = json!({ "target": { "network": "203.0.113.0/24" }, "seconds": 600, "reason": "scanning" });
    assert_eq!(server.as_owner("POST", "/admin/v1/blocks", Some(&block)).status, 204);
    let refused = from("203.0.113.7");
    assert_eq!(refused.refusal(), (403, "peer-blocked".into()));
    assert!(refused.header("retry-after").is_some());
    assert_eq!(from("203.0.114.7").status, 200);
    // The hop that the proxy added is what counts, not what the caller wrote before it.
    assert_eq!(from("198.51.100.1, 203.0.113.9").status, 403);
    assert_eq!(from("203.0.113.9, 198.51.100.1").status, 200);
    let listed = server.as_owner("GET", "/admin/v1/blocks", None).json();
    assert_eq!(listed["items"][0]["target"]["network"], "203.0.113.0/24", "{listed}");
    assert_eq!(server.as_owner("DELETE", "/admin/v1/blocks?network=203.0.113.0/24", None).status, 204);
    assert_eq!(from("203.0.113.7").status, 200);

    // For a stranger's word nobody is blocked or let in.
    let other = Shop::start("");
    assert_eq!(other.server.as_owner("POST", "/admin/v1/blocks", Some(&block)).status, 204);
    let reply = other.server.send("GET", "/public", &[("X-Forwarded-For", "203.0.113.7")], b"");
    assert_eq!((reply.status, saw(&reply.json(), "x-forwarded-for")), (200, vec!["127.0.0.1".to_owned()]));
    let own = json!({ "target": { "network": "127.0.0.0/8" }, "seconds": 600, "reason": "test", "confirmed": true });
    assert_eq!(other.server.as_owner("POST", "/admin/v1/blocks", Some(&own)).status, 204);
    let reply = other.server.send("GET", "/public", &[("X-Forwarded-For", "198.51.100.1")], b"");
    assert_eq!(reply.refusal(), (403, "peer-blocked".into()));
    assert_eq!(other.server.send("GET", "/sign-in", &[], b"").status, 403, "nor the pages");
}

#[test]
fn a_backend_that_is_down_is_502_that_is_late_504_and_our_own_queue_503() {
    // Down, before and after the health check has noticed.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("testudo.toml"), "[upstream]\nhealth-path = \"/health\"\n").unwrap();
    let nobody = format!("http://{}", support::free_address());
    let server = Server::start_in(folder, &["--upstream", &nobody, "--public", "/public"]);
    let mut codes = std::collections::BTreeSet::new();
    support::eventually("the health check has noticed", std::time::Duration::from_secs(30), || {
        let reply = server.send("GET", "/public", &[], b"");
        assert_eq!((reply.status, reply.header("retry-after")), (502, None), "{}", reply.text());
        codes.insert(reply.refusal().1);
        codes.contains("upstream-unavailable")
    });

    // Late: it takes connections and says nothing. Who finds the only place taken is told by us to come back.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let few = "[server]\nworkers = 1\n[upstream]\nmax-in-flight = 1\nhead-timeout = \"4s\"\n";
    std::fs::write(folder.path().join("testudo.toml"), few).unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let server = Server::start_in(folder, &["--upstream", &url, "--public", "/public"]);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| server.send("GET", "/public", &[], b""));
        std::thread::sleep(std::time::Duration::from_millis(500));
        let second = server.send("GET", "/public", &[], b"");
        assert_eq!(second.refusal(), (503, "upstream-queue-timeout".into()));
        assert_eq!(second.header("retry-after"), Some("1"));
        let first = first.join().unwrap();
        assert_eq!((first.refusal(), first.header("retry-after")), ((504, "upstream-timeout".into()), None));
    });
}

#[test]
fn a_flood_of_sources_does_not_grow_the_memory() {
    // `TESTUDO_FLOOD=1000000` is the number of the plan; fewer show the same in the time of a test, since the table is
    // as small: each source is in debt for half an hour after its first request, so that it is full soon, and those who
    // come then count as their /56, their /48, and at last together with others of their /32.
    let total: u64 = std::env::var("TESTUDO_FLOOD").ok().and_then(|text| text.parse().ok()).unwrap_or(60_000);
    let table = "[limits]\nslots = 16384\naddress = \"2/h burst 1\"\nsubnet = \"off\"\nroute = \"off\"\n";
    let limits = format!("{table}[limits.in-flight]\nqueue-delay-ms = 10000\n");
    let shop = Shop::start(&format!("[server]\ntrusted-proxies = [\"127.0.0.1/32\"]\n{limits}"));
    let server = &shop.server;
    let (waiting, busy) = (AtomicU64::new(0), AtomicU64::new(0));
    let flood = |from: u64, to: u64| {
        let (threads, waiting, busy) = (4, &waiting, &busy);
        std::thread::scope(|scope| {
            for thread in 0..threads {
                scope.spawn(move || {
                    let numbers: Vec<u64> = (from + thread..to).step_by(usize::try_from(threads).unwrap()).collect();
                    // A connection is closed after some thousand requests.
                    for connection in numbers.chunks(1024) {
                        let mut stream = Http::new(&server.ca()).open(server.gateway);
                        for batch in connection.chunks(64) {
                            let mut bytes = Vec::new();
                            for number in batch {
                                let (operator, site) = (number >> 20, number >> 4 & 0xffff);
                                let household = (number >> 2 & 3) << 8 | number & 3;
                                let source = format!("2001:{operator:x}:{site:x}:{household:x}::1");
                                let from = [("X-Forwarded-For", source.as_str())];
                                bytes.extend(request(server.gateway, "GET", "/nowhere", &from, b"", false));
                            }
                            stream.write_all(&bytes).unwrap();
                            for _ in batch {
                                match read_reply(&mut stream).status {
                                    404 => {}
                                    429 => drop(waiting.fetch_add(1, Ordering::Relaxed)),
                                    // A machine that does other things may fall behind with the journal.
                                    503 => drop(busy.fetch_add(1, Ordering::Relaxed)),
                                    status => panic!("{status}"),
                                }
                            }
                        }
                    }
                });
            }
        });
    };
    // The first flood fills what is filled once: caches of the store, the queue of the journal, the allocator.
    flood(0, total);
    std::thread::sleep(std::time::Duration::from_secs(1));
    // What the allocator holds goes up and down; what is kept for each source grows with every flood.
    let (mut all, mut growths) = (total, Vec::new());
    while growths.len() < 3 && growths.iter().all(|(before, after)| *after >= before + 16 * 1024) {
        let before = server.memory_kib();
        flood(all, all + total / 2);
        all += total / 2;
        std::thread::sleep(std::time::Duration::from_secs(1));
        growths.push((before, server.memory_kib()));
    }
    eprintln!("{total} sources, then half as many others each time, KiB before and after: {growths:?}");
    assert!(growths.iter().any(|(before, after)| *after < before + 16 * 1024), "it grew each time: {growths:?}");
    let after = server.memory_kib();
    assert!(after < 256 * 1024, "{after} KiB");
    // Nobody asked twice: who had to wait had no place of its own any more.
    let waiting = waiting.into_inner();
    let busy = busy.into_inner();
    assert!(busy < all / 50, "{busy} of {all} were refused for want of the journal");
    assert!(waiting > all / 4, "the table was not full: {waiting} of {all} had to wait");
    assert!(all - waiting > 10_000, "{waiting} of {all} had to wait, also while there was room");
    // The flood came from one operator; those of others are served.
    let from = |number: u64| {
        let source = format!("2a02:{number:x}:1::1");
        server.send("GET", "/nowhere", &[("X-Forwarded-For", &source)], b"").status
    };
    let let_in = (0..40).filter(|number| from(*number) == 404).count();
    assert!(let_in > 30, "{let_in} of 40 from elsewhere");
}

#[test]
fn pages_of_a_clients_origins_may_call_and_no_others() {
    let shop = Shop::start("");
    let server = &shop.server;
    let redirect = "http://127.0.0.1/callback";
    server.run(&[
        "client",
        "create",
        "other",
        "--redirect",
        redirect,
        "--first-party",
        "--cors",
        "https://other.example",
    ]);
    let preflight = |origin: &str, method: &str, path: &str| {
        let headers = [
            ("Origin", origin),
            ("Access-Control-Request-Method", method),
            ("Access-Control-Request-Headers", "authorization, content-type"),
        ];
        server.send("OPTIONS", path, &headers, b"")
    };
    let allowed = |reply: &Reply| reply.header("access-control-allow-origin").map(str::to_owned);
    for method in ["GET", "PUT"] {
        let reply = preflight("https://app.example", method, "/items/1");
        assert_eq!((reply.status, allowed(&reply).as_deref()), (204, Some("https://app.example")), "{method}");
        let headers = reply.header("access-control-allow-headers").unwrap().to_ascii_lowercase();
        assert!(headers.contains("authorization") && headers.contains("content-type"), "{headers}");
        if method == "PUT" {
            assert!(reply.header("access-control-allow-methods").unwrap().contains("PUT"));
        }
    }
    for (origin, method, path) in [
        ("https://evil.example", "GET", "/items/1"),
        ("null", "GET", "/items/1"),
        ("https://app.example.evil.example", "GET", "/items/1"),
        ("https://app.example", "DELETE", "/items/1"),
        ("https://app.example", "GET", "/nowhere"),
    ] {
        let reply = preflight(origin, method, path);
        // Pages may read why, if their origin is a client's; the browser makes the request only after a 2xx.
        let refused = allowed(&reply).is_none() || reply.status >= 400;
        assert!(refused, "{origin} {method} {path}: {} {:?}", reply.status, reply.headers);
    }
    assert_eq!(shop.upstream.requests(), 0, "preflights end here");

    let app = shop.ada("openid");
    let call = |origin: &str| {
        let reply = server.send("GET", "/items/1", &[("Authorization", &app.bearer()), ("Origin", origin)], b"");
        assert_eq!(reply.status, 200);
        allowed(&reply)
    };
    assert_eq!(call("https://app.example").as_deref(), Some("https://app.example"));
    assert_eq!(call("https://other.example"), None, "the origin of another client");
    assert_eq!(call("https://evil.example"), None);
    let refused = server.send("GET", "/items/1", &[("Origin", "https://app.example")], b"");
    assert_eq!(
        (refused.status, allowed(&refused).as_deref()),
        (401, Some("https://app.example")),
        "pages may read why"
    );
}

#[test]
fn bodies_are_as_large_as_their_route_takes() {
    let shop = Shop::start("[server]\nmax-body = 4096\n");
    let server = &shop.server;
    let tokens = shop.ada("openid");
    let bearer = tokens.bearer();
    let send = |method: &str, path: &str, size: usize| {
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "text/plain")];
        server.send(method, path, &headers, &vec![b'a'; size]).refusal()
    };
    assert_eq!(send("POST", "/notes", 1024).0, 200);
    assert_eq!(send("POST", "/notes", 1025), (413, "body-too-large".into()));
    assert_eq!(send("PUT", "/items/1", 4096).0, 200);
    assert_eq!(send("PUT", "/items/1", 4097), (413, "body-too-large".into()));
    // Chunks announce no length, and are held to the same.
    let chunked = |size: usize| {
        let mut stream = Http::new(&server.ca()).open(server.gateway);
        let head = format!(
            "POST /notes HTTP/1.1\r\nHost: localhost\r\nAuthorization: {bearer}\r\nContent-Type: text/plain\r\n\
             Transfer-Encoding: chunked\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut left = size;
        while left > 0 {
            let part = left.min(500);
            left -= part;
            // It may have been refused by now.
            let _ = stream.write_all(format!("{part:x}\r\n{}\r\n", "a".repeat(part)).as_bytes());
        }
        let _ = stream.write_all(b"0\r\n\r\n");
        read_reply(&mut stream).refusal()
    };
    assert_eq!(chunked(1024).0, 200);
    assert_eq!(chunked(1025), (413, "body-too-large".into()));
    assert_eq!(chunked(20_000), (413, "body-too-large".into()));
}
