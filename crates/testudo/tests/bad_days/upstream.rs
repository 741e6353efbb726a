//! Backends that are down, slow, lie about the length of their answers, or close early.

use std::io::Write as _;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::origin::Origin;
use crate::support::{Server, eventually, free_address};
use crate::wire::{Honest, client_config, entries, get, memory_is_bounded, read_to_end, tls};

const CALLER: [u8; 4] = [127, 0, 8, 1];

fn start(url: &str, config: &str) -> Server {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("testudo.toml"), config).unwrap();
    Server::start_in(folder, &["--upstream", url, "--public", "/t/*"])
}

/// Asks over HTTP/1.1 and over HTTP/2: the status, the body, and whether the answer came whole.
fn both(server: &Server, path: &str) -> Vec<(u16, String, bool)> {
    ["--http1.1", "--http2"]
        .into_iter()
        .map(|version| {
            let body = server.folder().join("answer");
            let _ = std::fs::remove_file(&body);
            let output = std::process::Command::new("curl")
                .args(["-sS", version, "--max-time", "30", "-w", "%{http_code}", "--cacert"])
                .arg(server.ca())
                .arg("-o")
                .arg(&body)
                .arg(format!("{}{path}", server.url()))
                .output()
                .unwrap();
            let status = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or(0);
            (status, std::fs::read_to_string(&body).unwrap_or_default(), output.status.success())
        })
        .collect()
}

#[test]
fn a_backend_that_is_down_is_told_apart_and_taken_back() {
    let address = free_address();
    let server = start(&format!("http://{address}"), "");
    let config = client_config(&server, "http/1.1");
    for _ in 0..6 {
        let began = Instant::now();
        let (status, body) = get(&config, CALLER, server.gateway, "/t/ok").unwrap();
        assert!(status == 502 && body.contains("\"code\":\"upstream-connect\""), "{status} {body}");
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }
    eventually("the journal tells that it is down", Duration::from_secs(10), || {
        entries(&server, "upstream.down").iter().any(|entry| entry["event"]["target"] == format!("http://{address}"))
    });
    // The gateway itself is well.
    assert_eq!(server.curl(&[&format!("{}/readyz", server.admin_url())]).0, 200);
    assert_eq!(server.curl(&[&format!("{}/.well-known/openid-configuration", server.url())]).0, 200);
    let _origin = Origin::start_at(address);
    eventually("it is used again", Duration::from_secs(15), || {
        matches!(get(&config, CALLER, server.gateway, "/t/ok"), Ok((200, _)))
    });
    eventually("the journal tells that it is up", Duration::from_secs(20), || {
        !entries(&server, "upstream.up").is_empty()
    });
}

#[test]
fn with_two_backends_one_may_be_down() {
    let origin = Origin::start();
    let down = format!("http://{}", free_address());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("testudo.toml"), "[upstream]\nhealth-path = \"/health\"\n").unwrap();
    let server = Server::start_in(folder, &["--upstream", &origin.url(), "--upstream", &down, "--public", "/t/*"]);
    let config = client_config(&server, "http/1.1");
    let mut failures = 0;
    for _ in 0..40 {
        failures += usize::from(get(&config, CALLER, server.gateway, "/t/ok").unwrap().0 != 200);
    }
    // Nothing was sent to the one that refuses: the other one is asked instead.
    assert_eq!(failures, 0);
    eventually("it is taken out", Duration::from_secs(30), || {
        entries(&server, "upstream.down").iter().any(|entry| entry["event"]["target"] == down)
    });
    for _ in 0..20 {
        assert_eq!(get(&config, CALLER, server.gateway, "/t/ok").unwrap().0, 200);
    }
}

#[test]
fn a_slow_backend_is_given_up_and_others_are_served_meanwhile() {
    let origin = Origin::start();
    let server = start(&origin.url(), "[upstream]\nhead-timeout = \"1s\"\n");
    let honest = Honest::start(&server, "/t/ok");
    let config = client_config(&server, "http/1.1");
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| {
                let (status, body) = get(&config, CALLER, server.gateway, "/t/after-4-s").unwrap();
                assert!(status == 504 && body.contains("upstream-timeout"), "{status} {body}");
            });
        }
    });
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    eventually("the journal tells", Duration::from_secs(5), || {
        let all = entries(&server, "request.decided");
        all.iter().filter(|entry| entry["event"]["details"]["upstream"] == "upstream-timeout").count() == 50
    });
    honest.was_served();
    memory_is_bounded(&server);
}

#[test]
fn answers_that_lie_about_their_length_never_look_whole() {
    let origin = Origin::start();
    let server = start(&origin.url(), "");
    for path in ["/t/short", "/t/half-a-chunk"] {
        for (status, body, whole) in both(&server, path) {
            assert!(status == 200 && !whole && body.len() < 64, "{path}: {status} {whole} {body}");
        }
    }
    eventually("the journal tells how they ended", Duration::from_secs(5), || {
        let all = entries(&server, "request.decided");
        all.iter().filter(|entry| entry["event"]["details"]["ended"].is_string()).count() == 4
    });
    // What comes behind the declared length is no answer to anybody.
    for _ in 0..10 {
        for (status, body, _) in both(&server, "/t/long") {
            assert_eq!((status, body.as_str()), (200, "hello"));
        }
        for (status, body, whole) in both(&server, "/t/ok") {
            assert_eq!((status, body.as_str(), whole), (200, "ok", true));
        }
    }
    for (status, body, _) in both(&server, "/t/two-lengths") {
        assert!(status == 502 && body.contains("upstream-malformed"), "{status} {body}");
    }
}

#[test]
fn backends_that_close_early_are_answered_502() {
    let origin = Origin::start();
    let server = start(&origin.url(), "");
    let honest = Honest::start(&server, "/t/ok");
    for (path, code) in [
        ("/t/no-answer", "upstream-closed"),
        ("/t/half-a-head", "upstream-closed"),
        ("/t/garbage", "upstream-malformed"),
    ] {
        for (status, body, _) in both(&server, path) {
            assert!(status == 502 && body.contains(code), "{path}: {status} {body}");
        }
    }
    // A request that may have had an effect is not sent a second time.
    let before = origin.requests.load(Ordering::Relaxed);
    let (status, _) = server.curl(&["-d", "x=1", &format!("{}/t/no-answer", server.url())]);
    assert_eq!(status, 502);
    honest.was_served();
    assert!(origin.requests.load(Ordering::Relaxed) > before);
    memory_is_bounded(&server);
}

#[test]
fn a_backend_that_falls_silent_within_an_answer_is_given_up() {
    let origin = Origin::start();
    let server = start(&origin.url(), "");
    let honest = Honest::start(&server, "/t/ok");
    let mut stream = tls(&client_config(&server, "http/1.1"), CALLER, server.gateway).unwrap();
    let began = Instant::now();
    stream.write_all(b"GET /t/stall HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let answer = String::from_utf8_lossy(&read_to_end(&mut stream, Duration::from_secs(75))).into_owned();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("only this"), "{answer}");
    assert!((58..66).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    eventually("the journal tells", Duration::from_secs(5), || {
        let all = entries(&server, "request.decided");
        all.iter().any(|entry| entry["event"]["details"]["ended"] == "upstream-stalled")
    });
    honest.was_served();
}
