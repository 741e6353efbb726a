//! A restart, which is what an upgrade is, on a socket that outlives the process.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustls::ClientConfig;

use crate::origin::Origin;
use crate::support::{Server, activated, free_address};
use crate::wire::{client_config, get, tls};

/// Asks over connections that are kept until the server says that it closes them; gives how many answers it got.
fn keep_asking(config: &Arc<ClientConfig>, from: [u8; 4], to: SocketAddr, stop: &AtomicBool) -> usize {
    let mut answers = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut stream = tls(config, from, to).unwrap();
        let mut last = false;
        while !last && !stop.load(Ordering::Relaxed) {
            stream.write_all(b"GET /t/ok HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") {
                stream.read_exact(&mut byte).unwrap_or_else(|error| panic!("after {answers} answers: {error}"));
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
            assert!(head.starts_with("http/1.1 200 "), "{head}");
            let length = head.split("content-length: ").nth(1).unwrap().split('\r').next().unwrap().parse().unwrap();
            stream.read_exact(&mut vec![0; length]).unwrap();
            answers += 1;
            last = head.contains("connection: close");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    answers
}

#[test]
fn a_restart_under_constant_load_fails_no_request() {
    let origin = Origin::start();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("testudo.toml"), "[limits]\nexempt = [\"127.0.0.0/8\"]\n").unwrap();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut server = Server::start_on(socket, folder, &["--upstream", &origin.url(), "--public", "/t/*"]);
    let (config, to) = (client_config(&server, "http/1.1"), server.gateway);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let kept: Vec<_> = (1..=2)
            .map(|last| {
                scope.spawn({
                    let stop = &stop;
                    let config = &config;
                    move || keep_asking(config, [127, 0, 20, last], to, stop)
                })
            })
            .collect();
        let fresh: Vec<_> = (1..=3)
            .map(|last| {
                let (stop, config) = (&stop, &config);
                scope.spawn(move || {
                    let (mut answers, mut slowest) = (0, Duration::ZERO);
                    while !stop.load(Ordering::Relaxed) {
                        let began = Instant::now();
                        let (status, body) = get(config, [127, 0, 21, last], to, "/t/ok").unwrap();
                        assert_eq!(status, 200, "{body}");
                        slowest = slowest.max(began.elapsed());
                        answers += 1;
                        std::thread::sleep(Duration::from_millis(10));
                    }
                    (answers, slowest)
                })
            })
            .collect();
        // HTTP/2 with a client that knows nothing of us.
        let (url, ca, stopped) = (format!("{}/t/ok", server.url()), server.ca(), &stop);
        let curl = scope.spawn(move || {
            let mut answers = 0;
            while !stopped.load(Ordering::Relaxed) {
                let mut command = Command::new("curl");
                let asked =
                    command.args(["-sS", "--http2", "-w", " %{http_version} %{http_code}", "--cacert"]).arg(&ca);
                let output = asked.args(["--max-time", "20", &url]).output().unwrap();
                let said = String::from_utf8_lossy(&output.stdout).into_owned();
                assert!(said.ends_with(" 2 200"), "{said} {}", String::from_utf8_lossy(&output.stderr));
                answers += 1;
            }
            answers
        });
        for _ in 0..3 {
            std::thread::sleep(Duration::from_millis(500));
            server.halt();
            server.resume();
        }
        std::thread::sleep(Duration::from_millis(500));
        stop.store(true, Ordering::Relaxed);
        assert!(curl.join().unwrap() > 3);
        let kept: Vec<_> = kept.into_iter().map(|caller| caller.join().unwrap()).collect();
        let fresh: Vec<_> = fresh.into_iter().map(|caller| caller.join().unwrap()).collect();
        eprintln!("answers over kept connections: {kept:?}; over new ones, with the slowest: {fresh:?}");
        assert!(kept.iter().chain(fresh.iter().map(|(answers, _)| answers)).all(|answers| *answers > 50));
        assert!(fresh.iter().all(|(_, slowest)| *slowest < Duration::from_secs(8)), "{fresh:?}");
    });

    // What was agreed on with the process before is still good: its tickets' keys come from the key ring.
    get(&config, [127, 0, 20, 9], to, "/t/ok").unwrap();
    server.halt();
    server.resume();
    let resumed = tls(&config, [127, 0, 20, 9], to).unwrap();
    assert_eq!(resumed.conn.handshake_kind(), Some(rustls::HandshakeKind::Resumed));
}

#[test]
fn a_socket_that_nobody_would_serve_is_refused() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut started = activated(folder.path());
    started.args(["up", "--listen", &free_address().to_string(), "--admin", &free_address().to_string()]);
    let address = socket.local_addr().unwrap().to_string();
    let output = started.stdin(Stdio::from(std::os::fd::OwnedFd::from(socket))).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(&address) && said.contains("server.listen"), "{said}");
    // What is no listening socket, too.
    let file = std::fs::File::open("/dev/null").unwrap();
    let output = activated(folder.path()).arg("up").stdin(file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && said.contains("socket unit"), "{said}");
}
