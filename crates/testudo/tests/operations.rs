//! Running a server: reload, certificates, observe mode, health and metrics.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::io::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use support::http::{Browser, Http, Person, Tokens, form, read_reply, request};
use support::shop::{POLICY, Shop, toml};
use support::upstream::{Upstream, saw};
use support::{Server, eventually};

const JSON: (&str, &str) = ("Content-Type", "application/json");
const TEXT: (&str, &str) = ("Content-Type", "text/plain");

#[test]
fn observe_mode_lets_through_and_still_takes_claims_off() {
    let shop = Shop::start("[server]\nobserve = true\n");
    let server = &shop.server;
    let reply = server.send("GET", "/staff", &[("Testudo-Person", "per_evil"), ("testudo_roles", "clerk")], b"");
    assert_eq!((reply.status, reply.header("testudo-observe")), (200, Some("on")));
    assert!(!reply.text().contains("evil") && !reply.text().contains("clerk"), "{}", reply.text());
    let tokens = shop.ada("openid");
    let reply = server.send("POST", "/refunds", &[("Authorization", &tokens.bearer()), JSON], b"{}");
    assert_eq!(reply.status, 200);
    assert_eq!(saw(&reply.json(), "testudo-client"), ["app"]);
    let told = |code: &str| {
        server
            .events("request.decided")
            .iter()
            .any(|event| event["code"] == code && event["details"]["observed"] == "would have been refused")
    };
    eventually("the report in the journal", Duration::from_secs(5), || told("policy-denied") && told("token-missing"));
    let metrics = server.send_admin("GET", "/metrics", &[], b"").text();
    assert!(value_of(&metrics, "testudo_observed_total") >= 2.0 && value_of(&metrics, "testudo_observe") > 0.0);
    assert!(server.greeting.concat().contains("OBSERVE MODE"));
    // All but framing is off, and says so.
    let check = server.json(&["check"]);
    for control in check["controls"].as_array().unwrap() {
        assert_eq!(control["on"] == true, control["control"] == "transport", "{control}");
    }
}

#[test]
fn observe_mode_reports_what_stands_before_our_own_endpoints_too() {
    let limits = "[limits]\naddress = \"1/min burst 2\"\nclient = \"1/min burst 1\"\n";
    let strict = Shop::start(limits);
    let statuses: Vec<u16> = (0..4).map(|_| strict.server.send("GET", "/sign-in", &[], b"").status).collect();
    assert_eq!(statuses, [200, 200, 429, 429], "without it the same requests are refused");

    let shop = Shop::start(&format!("[server]\nobserve = true\n{limits}"));
    let server = &shop.server;
    let told = |code: &str, target: &Value| {
        server.events("request.decided").iter().any(|event| {
            let observed = event["details"]["observed"] == "would have been refused" && event["outcome"] == "success";
            observed && event["code"] == code && event["target"] == *target
        })
    };
    let reported = |code: &str, target: Value| {
        eventually(&format!("{code} in the journal"), Duration::from_secs(5), || told(code, &target));
    };
    // Limits and strict counters. What the page itself refuses stays refused.
    let mut browser = Browser::new(server);
    for number in 0..16 {
        let reply = browser.sign_in(&Person::new(&format!("guess{number}@example.org"), "a wrong password"));
        assert_eq!((reply.status, reply.header("testudo-observe")), (401, Some("on")), "{}", reply.text());
    }
    reported("limit-address", Value::Null);
    // Tokens: limits are reported, what ends a sign-in is not.
    let tokens = shop.ada("openid offline_access");
    let again = shop.ada("openid offline_access");
    reported("limit-client", json!("tokens"));
    let refresh = |tokens: &Tokens| {
        let refresh = tokens.refresh.as_deref().unwrap();
        let fields = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", refresh)];
        server.token(&form(&fields), &[])
    };
    assert_eq!(refresh(&again).status, 200);
    server.run(&["session", "revoke", "ada@example.org"]);
    assert_eq!(refresh(&tokens).status, 400, "tokens outlive the mode: none are made for an ended session");
    assert_eq!(server.get("/items/1", &again).status, 200, "which is reported at the backend's routes");
    assert_eq!(server.send("GET", "/userinfo", &[("Authorization", &again.bearer())], b"").status, 401);
    // Standing, where no limit speaks first.
    let open = Shop::start("[server]\nobserve = true\n");
    let server = &open.server;
    let own = json!({ "target": { "network": "127.0.0.0/8" }, "seconds": 600, "reason": "test", "confirmed": true });
    assert_eq!(server.as_owner("POST", "/admin/v1/blocks", Some(&own)).status, 204);
    assert_eq!(server.send("GET", "/sign-in", &[], b"").status, 200);
    let preflight = [("Origin", "https://app.example"), ("Access-Control-Request-Method", "GET")];
    let reply = server.send("OPTIONS", "/items/1", &preflight, b"");
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (204, Some("https://app.example")));
    eventually("the block in the journal", Duration::from_secs(5), || {
        let codes = server.events("request.decided");
        codes.iter().filter(|event| event["code"] == "peer-blocked" && event["outcome"] == "success").count() >= 2
    });
    // A form that can't be read leaves nothing to call the page with.
    let large = vec![b'a'; 70 * 1024];
    let reply = server.send("POST", "/sign-in", &[("Content-Type", "application/x-www-form-urlencoded")], &large);
    assert_eq!(reply.refusal(), (413, "body-too-large".into()));
    // The admin address.
    for _ in 0..4 {
        let reply = shop.server.send_admin("GET", "/admin/v1/status", &[], b"");
        assert_eq!((reply.status, reply.header("testudo-observe")), (401, Some("on")));
    }
    reported("limit-address", json!("admin-address"));
    let refused = (0..4).map(|_| strict.server.send_admin("GET", "/admin/v1/status", &[], b"")).next_back().unwrap();
    assert_eq!((refused.status, refused.header("retry-after").is_some()), (429, true));
    eventually("the refusal in the journal", Duration::from_secs(5), || {
        let events = strict.server.events("request.decided");
        events.iter().any(|event| event["target"] == "admin-address" && event["outcome"] == "failure")
    });
}

#[test]
fn a_hang_up_signal_swaps_the_configuration_whole_or_not_at_all() {
    let shop = Shop::start("");
    let server = &shop.server;
    let file = server.folder().join("testudo.toml");
    let tokens = shop.ada("openid");
    let refund = || server.send("POST", "/refunds", &[("Authorization", &tokens.bearer()), TEXT], &[b'a'; 1500]).status;
    assert_eq!(refund(), 403);
    // A good file: another policy and a smaller body, together.
    std::fs::write(server.folder().join("policy.cedar"), POLICY.replace("/refunds", "/notes")).unwrap();
    std::fs::write(&file, toml(&shop.upstream, "[server]\nmax-body = 1024\n")).unwrap();
    server.signal("HUP");
    eventually("the new policy", Duration::from_secs(5), || refund() == 413);
    assert_eq!(server.send("POST", "/refunds", &[("Authorization", &tokens.bearer())], b"").status, 200);
    assert_eq!(server.events("config.reloaded").len(), 1);

    // Corrupt ones: the old one stays, and the journal says why.
    let refused = |number: usize, text: &str, word: &str| {
        std::fs::write(&file, text).unwrap();
        server.signal("HUP");
        eventually("the refusal in the journal", Duration::from_secs(5), || {
            server.events("config.refused").len() == number
        });
        assert!(
            server.events("config.refused")[0].to_string().contains(word),
            "{:?}",
            server.events("config.refused")[0]
        );
        assert_eq!(refund(), 413, "{text}");
    };
    refused(1, "[server]\nmax-bodyy = 9\n", "max-bodyy");
    refused(2, "\u{0}\u{1}", "");
    refused(3, &toml(&shop.upstream, "").replace("api.yaml", "gone.yaml"), "gone.yaml");
    let reload = server.command(&["reload"]);
    assert_eq!(reload.status.code(), Some(1), "who asks is told");
    let said = String::from_utf8_lossy(&reload.stderr).into_owned();
    assert!(said.contains("gone.yaml"), "{said}");
    std::fs::write(&file, toml(&shop.upstream, "")).unwrap();
    server.run(&["reload"]);
    assert_eq!(refund(), 200, "in force when the command ends");
}

#[test]
fn certificates_from_files_are_read_again() {
    let upstream = Upstream::start();
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str| {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (folder.path().join(format!("{name}.pem")), folder.path().join(format!("{name}.key")));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&key, private).unwrap();
    };
    make("first");
    make("second");
    let place = |name: &str| {
        std::fs::copy(folder.path().join(format!("{name}.pem")), folder.path().join("tls.pem")).unwrap();
        std::fs::copy(folder.path().join(format!("{name}.key")), folder.path().join("tls.key")).unwrap();
    };
    place("first");
    let path = folder.path().to_owned();
    std::fs::write(path.join("testudo.toml"), "[tls]\ncertificate = \"tls.pem\"\nkey = \"tls.key\"\n").unwrap();
    // The folder goes to the server and lives as long.
    let names: Vec<_> =
        ["first.pem", "second.pem", "second.key", "tls.pem", "tls.key"].iter().map(|n| path.join(n)).collect();
    let server = Server::start_in(folder, &["--upstream", &upstream.url(), "--public", "/health"]);
    let trusts = |certificate: &std::path::Path| Http::new(certificate).try_open(server.gateway).is_ok();
    assert!(trusts(&names[0]) && !trusts(&names[1]));
    let mut kept = Http::new(&names[0]).open(server.gateway);
    std::fs::copy(&names[1], &names[3]).unwrap();
    // The certificate alone does not fit the old key: nothing changes.
    server.signal("HUP");
    eventually("the refusal in the journal", Duration::from_secs(5), || server.events("config.refused").len() == 1);
    assert!(trusts(&names[0]));
    std::fs::copy(&names[2], &names[4]).unwrap();
    server.signal("HUP");
    eventually("the new certificate", Duration::from_secs(5), || trusts(&names[1]));
    assert!(!trusts(&names[0]));
    // Connections that are open stay open.
    kept.write_all(&request(server.gateway, "GET", "/health", &[], b"", false)).unwrap();
    assert_eq!(read_reply(&mut kept).status, 200);
}

#[test]
fn health_and_metrics_are_on_the_admin_address_alone() {
    let shop = Shop::start("");
    let server = &shop.server;
    let tokens = shop.ada("openid");
    for _ in 0..5 {
        assert_eq!(server.get("/items/1", &tokens).status, 200);
        assert_eq!(server.send("GET", "/items/1", &[], b"").status, 401);
    }
    let get = |path: &str| server.send_admin("GET", path, &[], b"");
    assert_eq!((get("/livez").status, get("/livez").text()), (200, "alive\n".into()));
    assert_eq!((get("/readyz").status, get("/readyz").text()), (200, "ready\n".into()));
    let metrics = get("/metrics");
    assert!(metrics.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    let text = metrics.text();
    assert!(value_of(&text, "testudo_requests_total{class=\"2xx\"}") >= 5.0);
    assert!(value_of(&text, "testudo_requests_total{class=\"4xx\"}") >= 5.0);
    assert!(value_of(&text, "testudo_refused_total{control=\"authentication\"}") >= 5.0);
    assert!(value_of(&text, "testudo_request_seconds_count") >= 10.0);
    assert!(value_of(&text, "testudo_journal_entries") > 5.0);
    assert!(value_of(&text, "testudo_standing_lag_seconds") < 5.0);
    assert!((value_of(&text, "testudo_journal_lost_total") - 0.0).abs() < f64::EPSILON);
    assert!(value_of(&text, "testudo_connections_total") >= 10.0);
    // Each metric is described once, and every line is one that Prometheus reads.
    let mut described = std::collections::BTreeSet::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("# TYPE ") {
            assert!(described.insert(name.split(' ').next().unwrap().to_owned()), "{line}");
        } else if !line.starts_with('#') {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let base = name.split('{').next().unwrap();
            let known = ["_bucket", "_sum", "_count", ""]
                .iter()
                .any(|end| base.strip_suffix(end).is_some_and(|b| described.contains(b)));
            assert!(known, "{line} has no # TYPE");
            value.parse::<f64>().unwrap_or_else(|error| panic!("{error}: {line}"));
        }
    }
    for path in ["/livez", "/readyz", "/metrics", "/admin/v1/status", "/enrol"] {
        let reply = server.send("GET", path, &[("Authorization", &tokens.bearer())], b"");
        assert_eq!(reply.status, 404, "{path} on the gateway");
    }
    let status: Value = server.as_owner("GET", "/admin/v1/status", None).json();
    assert_eq!((&status["observe"], &status["generation"]), (&json!(false), &json!(1)), "{status}");
    assert!(status["upstreams"][0]["healthy"].as_bool().unwrap(), "{status}");
}

fn value_of(metrics: &str, name: &str) -> f64 {
    let line = metrics.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
    line.unwrap_or_else(|| panic!("no {name} in {metrics}")).rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn logs_are_json_and_hold_neither_secrets_nor_names() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("testudo.toml"), "[log]\nlevel = \"debug\"\n").unwrap();
    let server = Server::start_in(folder, &["--log-format", "json"]);
    let password = "a password that nobody else has";
    server.create_person("grace.hopper@example.org", password);
    let mut grace = Person::new("grace.hopper@example.org", password);
    let tokens = server.tokens(&mut grace, "wallet-app", "openid offline_access accounts:read");
    assert_eq!(
        server.get("/accounts?secret=in-the-query", &tokens).status,
        400,
        "the contract names no such parameter"
    );
    server.send("GET", "/accounts", &[("Authorization", "Bearer made.up.token")], b"");
    server.signal("HUP");
    eventually("the reload", Duration::from_secs(5), || server.events("config.reloaded").len() == 1);
    eventually("the reload in the log", Duration::from_secs(5), || server.log().contains("configuration is in force"));
    let text = server.log();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
    }
    let refresh = tokens.refresh.as_deref().unwrap();
    for secret in ["grace", password, &tokens.access, refresh, "made.up.token", "in-the-query"] {
        assert!(!text.contains(secret), "`{secret}` is in the log");
    }
}

#[test]
fn a_passphrase_or_the_environment_can_hold_the_root_key() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("passphrase");
    let private = || {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    std::fs::write(&secret, "a long passphrase of an operator\n").unwrap();
    private();
    std::fs::write(folder.path().join("testudo.toml"), "[store]\nroot-passphrase-file = \"passphrase\"\n").unwrap();
    let mut server = Server::start_in(folder, &[]);
    server.create_person("ada@example.org", "correct horse battery staple");
    assert!(!server.data().join("root.key").exists(), "no key lies beside what it opens");
    server.halt();
    let folder = server.folder().to_owned();
    std::fs::write(folder.join("passphrase"), "another passphrase of an operator\n").unwrap();
    let refused = server.command(&["user", "list"]);
    assert_eq!(refused.status.code(), Some(3), "{}", String::from_utf8_lossy(&refused.stderr));
    std::fs::write(folder.join("passphrase"), "a long passphrase of an operator\n").unwrap();
    assert_eq!(server.json(&["user", "list"]).as_array().unwrap().len(), 1);
    server.resume();

    let key = data_encoding::BASE64URL_NOPAD.encode(&testudo_crypto::random::array::<32>());
    let environment = [("TESTUDO_ROOT_KEY", key.as_str())];
    let other = Server::start_with(tempfile::tempdir().unwrap(), &[], &environment);
    assert!(!other.data().join("root.key").exists());
    // Commands speak to the running server, and so need no key themselves.
    assert_eq!(other.json(&["user", "list"]), json!([]));
}
