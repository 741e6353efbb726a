//! Peers that are slow or greedy over HTTP/1.1 and TLS.

use std::io::Write as _;
use std::time::{Duration, Instant};

use crate::support::Server;
use crate::wire::{Honest, client_config, journal_tells, memory_is_bounded, read_to_end, tcp, tls};

const ATTACKER: [u8; 4] = [127, 0, 9, 1];

#[test]
fn slow_headers_are_answered_408_and_cut_off_within_their_deadline() {
    let server = Server::start(&[]);
    let honest = Honest::start(&server, "/health");
    let config = client_config(&server, "http/1.1");
    let mut slow: Vec<_> = (0..200).map(|_| tls(&config, ATTACKER, server.gateway).unwrap()).collect();
    let began = Instant::now();
    for stream in &mut slow {
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").unwrap();
    }
    // A byte each two seconds does not buy more time.
    while began.elapsed() < Duration::from_secs(8) {
        std::thread::sleep(Duration::from_secs(2));
        for stream in &mut slow {
            stream.write_all(b"a").unwrap();
        }
    }
    for stream in &mut slow {
        let answer = String::from_utf8_lossy(&read_to_end(stream, Duration::from_secs(8))).into_owned();
        assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("head-timeout"), "{answer}");
    }
    // 10 s, the reaper's step, and the two seconds that closing may take.
    assert!((9..14).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    journal_tells(&server, "request.malformed", "head-timeout", 200);
    honest.was_served();
    memory_is_bounded(&server);
}

#[test]
fn slow_bodies_are_answered_408_while_the_backend_is_spared() {
    let origin = crate::origin::Origin::start();
    let server = Server::start(&["--upstream", &origin.url(), "--public", "/t/*"]);
    let honest = Honest::start(&server, "/t/ok");
    let config = client_config(&server, "http/1.1");
    let mut slow: Vec<_> = (0..100).map(|_| tls(&config, ATTACKER, server.gateway).unwrap()).collect();
    let began = Instant::now();
    for stream in &mut slow {
        stream.write_all(b"POST /t/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nbegin").unwrap();
    }
    while began.elapsed() < Duration::from_secs(3) {
        std::thread::sleep(Duration::from_secs(1));
        for stream in &mut slow {
            stream.write_all(b"a").unwrap();
        }
    }
    for stream in &mut slow {
        let answer = String::from_utf8_lossy(&read_to_end(stream, Duration::from_secs(6))).into_owned();
        assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("body-too-slow"), "{answer}");
    }
    assert!((4..9).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    crate::support::eventually("the journal tells how they ended", Duration::from_secs(10), || {
        let all = crate::wire::entries(&server, "request.decided");
        let slow = all.iter().filter(|entry| entry["event"]["http"]["status"] == 408);
        // Those of one second stand as one event.
        slow.map(|entry| entry["event"]["count"].as_u64().unwrap_or(1)).sum::<u64>() >= 100
    });
    honest.was_served();
    memory_is_bounded(&server);
}

#[test]
fn half_open_tls_handshakes_are_bounded_in_time_and_number() {
    let server = Server::start(&[]);
    let honest = Honest::start(&server, "/health");
    let began = Instant::now();
    // The first bytes of a ClientHello that never ends.
    let half = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    let mut open = Vec::new();
    for _ in 0..600 {
        let mut stream = tcp(ATTACKER, server.gateway).unwrap();
        // One beyond the bound is closed at once.
        let _ = stream.write_all(&half);
        open.push(stream);
    }
    for stream in &mut open {
        use std::io::Read as _;
        stream.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
        let ended = matches!(stream.read(&mut [0; 64]), Ok(0))
            || stream.take_error().unwrap().is_some()
            || stream.peer_addr().is_err()
            || stream.write(&half).is_err();
        assert!(ended, "a half-open handshake is still open after {:?}", began.elapsed());
    }
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    journal_tells(&server, "request.malformed", "handshakes-of-network", 300);
    journal_tells(&server, "request.malformed", "handshake-timeout", 64);
    honest.was_served();
    memory_is_bounded(&server);
}

#[test]
fn header_bombs_are_answered_431() {
    let server = Server::start(&[]);
    let honest = Honest::start(&server, "/health");
    let config = client_config(&server, "http/1.1");
    let large = format!("GET /health HTTP/1.1\r\nHost: localhost\r\nX-Large: {}", "a".repeat(4 << 20));
    let many = format!("GET /health HTTP/1.1\r\nHost: localhost\r\n{}", "a: b\r\n".repeat(100_000));
    for (bomb, code) in [(&large, "head-too-large"), (&many, "too-many-headers")] {
        for _ in 0..20 {
            let mut stream = tls(&config, ATTACKER, server.gateway).unwrap();
            // The server stops reading and closes before all of it is sent; whoever has sent less reads the answer.
            let _ = stream.write_all(&bomb.as_bytes()[..48 * 1024]);
            let answer = String::from_utf8_lossy(&read_to_end(&mut stream, Duration::from_secs(5))).into_owned();
            assert!(answer.starts_with("HTTP/1.1 431 ") && answer.contains(code), "{answer}");
            let mut stream = tls(&config, ATTACKER, server.gateway).unwrap();
            let _ = stream.write_all(bomb.as_bytes());
            read_to_end(&mut stream, Duration::from_secs(5));
        }
        journal_tells(&server, "request.malformed", code, 40);
    }
    honest.was_served();
    memory_is_bounded(&server);
}
