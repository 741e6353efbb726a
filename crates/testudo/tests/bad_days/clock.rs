//! The wall clock steps, forth and back. Deadlines and limits follow the monotonic clock and do not care; tokens follow
//! the wall clock; the journal goes on and is sound.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Server, eventually, skip};
use crate::wire::{Honest, ask, client_config, get, told};

/// Where Debian's package `faketime` puts its library.
fn library() -> Option<PathBuf> {
    let place = |folder: &str| PathBuf::from(folder).join("faketime/libfaketimeMT.so.1");
    let folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];
    folders.into_iter().map(place).find(|path| path.exists())
}

/// A server whose wall clock can be turned, and how.
struct Turned {
    server: Server,
    dial: PathBuf,
}

impl Turned {
    fn start() -> Option<Turned> {
        let Some(library) = library() else {
            skip("TESTUDO_REQUIRE_FAKETIME", "the package `faketime` is not installed");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let dial = folder.path().join("dial");
        std::fs::write(&dial, "+0\n").unwrap();
        let environment = [
            ("LD_PRELOAD", library.to_str().unwrap()),
            ("FAKETIME_TIMESTAMP_FILE", dial.to_str().unwrap()),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("DONT_FAKE_MONOTONIC", "1"),
        ];
        let server = Server::start_with(folder, &[], &environment);
        Some(Turned { server, dial })
    }

    fn turn(&self, offset: &str) {
        let new = self.dial.with_extension("new");
        std::fs::write(&new, format!("{offset}\n")).unwrap();
        std::fs::rename(&new, &self.dial).unwrap();
    }
}

#[test]
fn steps_of_the_clock_are_survived() {
    let Some(turned) = Turned::start() else { return };
    let server = &turned.server;
    let config = client_config(server, "http/1.1");
    let honest = Honest::start(server, "/health");
    for offset in ["+3h", "+0", "-3h", "+0", "+400d", "+0"] {
        turned.turn(offset);
        let began = Instant::now();
        // The journal is written, with what the clock says now.
        let strangers = told(server, "request.decided", "token-missing");
        assert_eq!(get(&config, [127, 0, 0, 1], server.gateway, "/accounts").unwrap().0, 401);
        eventually(&format!("the journal goes on at {offset}"), Duration::from_secs(5), || {
            told(server, "request.decided", "token-missing") > strangers
        });
        assert_eq!(server.curl(&[&format!("{}/readyz", server.admin_url())]).0, 200, "at {offset}");
        assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    }
    honest.was_served();
    let report: Value = serde_json::from_str(&server.run(&["--format", "json", "audit", "verify"])).unwrap();
    assert_eq!(report["sound"], true, "{report}");
    assert!(turned.server.stop());
}

#[test]
fn a_token_is_refused_at_another_time_and_accepted_at_its_own() {
    let Some(turned) = Turned::start() else { return };
    let server = &turned.server;
    let config = client_config(server, "http/1.1");
    let create = ["--format", "json", "client", "create", "batch", "--confidential", "--service"];
    let made: Value = serde_json::from_str(&server.run(&create)).unwrap();
    let secret = made["client_secret"].as_str().or(made["secret"].as_str()).unwrap();
    let (status, answer) = server.curl(&[
        "-u",
        &format!("batch:{secret}"),
        "-d",
        "grant_type=client_credentials",
        &format!("{}/token", server.url()),
    ]);
    assert_eq!(status, 200, "{answer}");
    let token: Value = serde_json::from_str(&answer).unwrap();
    let head = format!(
        "GET /accounts HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
        token["access_token"].as_str().unwrap()
    );
    // Several times, so that each worker is asked.
    let with_token =
        || -> Vec<u16> { (0..8).map(|_| ask(&config, [127, 0, 0, 1], server.gateway, &head).unwrap().0).collect() };
    let accepted = with_token();
    assert!(!accepted.contains(&401), "{accepted:?}");
    for offset in ["+3h", "+0", "-3h", "+0"] {
        turned.turn(offset);
        let expected = if offset == "+0" { accepted.clone() } else { vec![401; 8] };
        assert_eq!(with_token(), expected, "at {offset}");
    }
}
