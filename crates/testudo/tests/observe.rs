//! Observe mode says so wherever somebody looks: in answers, the log, the journal and the metrics; also when a reload
//! switches it on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::time::Duration;

use support::eventually;
use support::shop::{Shop, toml};

const LOUD: &str = "OBSERVE MODE";

#[test]
fn a_reload_into_observe_mode_is_as_loud_as_a_start() {
    let shop = Shop::start("");
    let server = &shop.server;
    let paths = ["/livez", "/readyz", "/metrics", "/admin/v1/status", "/enrol"];
    let observed = |path: &str| server.send_admin("GET", path, &[], b"").header("testudo-observe").map(str::to_owned);
    for path in paths {
        assert_eq!(observed(path), None, "{path}");
    }
    assert_eq!(server.send("GET", "/staff", &[], b"").status, 401);
    assert!(!server.log().contains(LOUD));

    let file = server.folder().join("testudo.toml");
    std::fs::write(&file, toml(&shop.upstream, "[server]\nobserve = true")).unwrap();
    server.run(&["reload"]);
    assert_eq!(server.send("GET", "/staff", &[], b"").status, 200);
    for path in paths {
        assert_eq!(observed(path).as_deref(), Some("on"), "{path}");
    }
    assert_eq!(server.events("config.reloaded")[0]["details"]["observe"], "on");
    eventually("the log says so", Duration::from_secs(5), || server.log().contains(LOUD));

    std::fs::write(&file, toml(&shop.upstream, "")).unwrap();
    server.run(&["reload"]);
    assert_eq!(server.send("GET", "/staff", &[], b"").status, 401);
    assert_eq!(observed("/livez"), None);
    assert!(server.events("config.reloaded")[0]["details"]["observe"].is_null());
    assert_eq!(server.log().matches(LOUD).count(), 1);

    let started = Shop::start("[server]\nobserve = true\n");
    assert_eq!(started.server.events("node.started")[0]["details"]["observe"], "on");
    eventually("the log says so", Duration::from_secs(5), || started.server.log().contains(LOUD));
}
