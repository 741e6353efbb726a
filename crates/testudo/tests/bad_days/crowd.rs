//! Ten thousand connections that do nothing.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use crate::support::{Server, eventually, open_files};
use crate::wire::{Honest, MOST_MEMORY_KIB, Tls, client_config, memory_is_bounded, tls};

const CROWD: usize = 10_000;
/// Descriptors that this process and the server need besides.
const OTHERS: usize = 200;
const THREADS: usize = 4;

/// Half of the crowd never says anything, the other half has asked once and keeps its connection.
fn join(server: &Server, thread: usize, count: usize) -> Vec<Tls> {
    let config = client_config(server, "http/1.1");
    let mut crowd = Vec::with_capacity(count);
    for number in 0..count {
        // Each worker takes 4,096 of a /24: several networks share the work.
        let from = [127, 1, u8::try_from(thread).unwrap(), u8::try_from(number % 200 + 1).unwrap()];
        let mut stream = tls(&config, from, server.gateway).unwrap();
        if number % 2 == 0 {
            stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            let mut answer = [0; 4096];
            let length = stream.read(&mut answer).unwrap();
            assert!(answer[..length].starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer[..length]));
        }
        crowd.push(stream);
    }
    crowd
}

/// Connections that the gateway has.
pub fn open(server: &Server) -> u64 {
    let (_, text) = server.curl(&[&format!("{}/metrics", server.admin_url())]);
    let line = text.lines().find(|line| line.starts_with("testudo_connections_open ")).unwrap();
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn ten_thousand_idle_connections_are_held_and_then_closed() {
    let files = open_files();
    let crowd = CROWD.min(files.saturating_sub(OTHERS));
    if crowd < CROWD {
        crate::support::skip(
            "TESTUDO_REQUIRE_FILES",
            &format!("only {crowd} of {CROWD} idle connections: the limit is {files} open files"),
        );
    }
    let server = Server::start(&[]);
    let before = server.memory_kib();
    let honest = Honest::start(&server, "/health");
    let began = Instant::now();
    let joined: Vec<Tls> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn({
                    let server = &server;
                    move || join(server, thread, crowd / THREADS)
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let took = began.elapsed();
    let held = open(&server);
    let after = server.memory_kib();
    eprintln!(
        "{held} idle connections in {took:?}: {} MiB before, {} MiB with them, {} KiB each",
        before / 1024,
        after / 1024,
        after.saturating_sub(before) / held.max(1)
    );
    // The first are closed after a minute of idleness, however long the last take to come.
    if took < Duration::from_secs(55) {
        assert!(held >= joined.len() as u64, "{held} of {} are open", joined.len());
    }
    assert!(after <= MOST_MEMORY_KIB, "{} MiB", after / 1024);
    eventually("all idle connections are closed", Duration::from_secs(75), || open(&server) < 20);
    honest.was_served();
    memory_is_bounded(&server);
    drop(joined);
}
