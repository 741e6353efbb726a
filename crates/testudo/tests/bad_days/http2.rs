//! Floods of HTTP/2 frames, written by hand.

use std::io::{ErrorKind, Read as _, Write as _};
use std::time::{Duration, Instant};

use crate::crowd::open;
use crate::support::{Server, eventually, open_files, skip};
use crate::wire::{Honest, Tls, client_config, journal_tells, memory_is_bounded, read_to_end, tls, told};

pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GO_AWAY: u8 = 7;
const CONTINUATION: u8 = 9;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// Each attack comes from a network of its own.
pub fn connect(server: &Server, network: u8) -> Tls {
    let mut stream = tls(&client_config(server, "h2"), [127, 0, network, 1], server.gateway).unwrap();
    assert_eq!(stream.conn.alpn_protocol(), Some(b"h2".as_slice()));
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).unwrap();
    stream
}

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![a, b, c, kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// `GET /health` in HPACK, from the static table and literals that are not indexed.
pub fn request() -> Vec<u8> {
    let mut block = vec![0x82, 0x87];
    block.extend_from_slice(b"\x04\x07/health");
    block.extend_from_slice(b"\x01\x09localhost");
    block
}

/// Writes a flood until the server stops taking it, and says how long the connection lived.
pub fn flood(mut stream: Tls, mut next: impl FnMut(u32) -> Vec<u8>) -> Duration {
    let began = Instant::now();
    let mut number = 0;
    while began.elapsed() < Duration::from_secs(10) {
        if stream.write_all(&next(number)).is_err() {
            return began.elapsed();
        }
        number += 1;
        if number >= 20_000 {
            break;
        }
    }
    read_to_end(&mut stream, Duration::from_secs(5));
    began.elapsed()
}

#[test]
fn rapid_resets_end_the_connection() {
    let server = Server::start(&[]);
    let honest = Honest::start(&server, "/health");
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let server = &server;
            scope.spawn(move || {
                for _ in 0..5 {
                    let lived = flood(connect(server, 20 + thread), |number| {
                        let id = number * 2 + 1;
                        let mut both = frame(HEADERS, END_STREAM | END_HEADERS, id, &request());
                        both.extend(frame(RST_STREAM, 0, id, &[0, 0, 0, 8]));
                        both
                    });
                    assert!(lived < Duration::from_secs(5), "{lived:?}");
                }
            });
        }
    });
    // Streams that are reset before they are looked at have a bound of their own, which ends the connection sooner.
    eventually("the floods are in the journal", Duration::from_secs(10), || {
        told(&server, "request.malformed", "reset-flood") + told(&server, "request.malformed", "protocol") >= 20
    });
    honest.was_served();
    memory_is_bounded(&server);
}

#[test]
fn continuation_floods_end_the_connection() {
    let server = Server::start(&[]);
    let honest = Honest::start(&server, "/health");
    for round in 0..10 {
        let mut first = request();
        // A header of 8 KiB in each frame: the list is far beyond its bound after two of them; or a single byte of
        // white noise in each, which never ends the block.
        let piece = if round % 2 == 0 {
            let mut field = vec![0, 1, b'x', 0x7f, 0x81, 0x3f];
            field.extend_from_slice(&[b'a'; 8192]);
            field
        } else {
            first.clear();
            Vec::new()
        };
        let lived = flood(connect(&server, 30 + round), |number| match number {
            0 => frame(HEADERS, END_STREAM, 1, &first),
            _ => frame(CONTINUATION, 0, 1, &piece),
        });
        assert!(lived < Duration::from_secs(5), "{lived:?}");
    }
    eventually("the floods are in the journal", Duration::from_secs(10), || {
        let count = |code| told(&server, "request.malformed", code);
        count("frame-flood") + count("protocol") >= 10
    });
    honest.was_served();
    memory_is_bounded(&server);
}

#[test]
fn pings_and_settings_without_end_end_the_connection() {
    let server = Server::start(&[]);
    let honest = Honest::start(&server, "/health");
    for (network, flood_frame) in [(41, frame(PING, 0, 0, &[0; 8])), (42, frame(SETTINGS, 0, 0, &[]))] {
        let lived = flood(connect(&server, network), |_| flood_frame.clone());
        assert!(lived < Duration::from_secs(5), "{lived:?}");
    }
    journal_tells(&server, "request.malformed", "frame-flood", 2);
    honest.was_served();
    memory_is_bounded(&server);
}

#[test]
fn header_bombs_in_hpack_are_refused() {
    let server = Server::start(&[]);
    let honest = Honest::start(&server, "/health");
    // One field of 3 KiB goes into the dynamic table and is then named by one byte each: 16 KiB on the wire stand for
    // 48 MiB of headers.
    let mut first = request();
    first.extend_from_slice(&[0x40, 1, b'x', 0x7f, 0x81, 0x17]);
    first.extend_from_slice(&[b'a'; 3072]);
    let mut bomb = request();
    bomb.extend(std::iter::repeat_n(0xbe, 16_000));
    for round in 0..20 {
        let mut stream = connect(&server, 50 + round);
        stream.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &first)).unwrap();
        for id in 1..50 {
            if stream.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, id * 2 + 1, &bomb)).is_err() {
                break;
            }
        }
        // Each bomb ends its stream or the connection, and no handler sees it.
        let refused = |(kind, id, _): &(u8, u32, Vec<u8>)| *kind == GO_AWAY || *kind == RST_STREAM && *id > 1;
        let frames = frames_until(&mut stream, |frames| frames.iter().any(refused));
        // `:status` 431 as hpack writes it: the name from the static table, the value behind it.
        let answered = frames.iter().filter(|(kind, id, _)| *kind == HEADERS && *id > 1);
        assert!(answered.clone().all(|(_, _, block)| block.first() == Some(&0x48)), "{frames:?}");
    }
    honest.was_served();
    memory_is_bounded(&server);
}

/// The frames that come, as kind, stream and payload, until they hold what is looked for or the connection ends.
pub fn frames_until(stream: &mut Tls, found: impl Fn(&[(u8, u32, Vec<u8>)]) -> bool) -> Vec<(u8, u32, Vec<u8>)> {
    let (began, mut bytes, mut frames) = (Instant::now(), Vec::new(), Vec::new());
    stream.sock.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    loop {
        while let Some((head, rest)) = bytes.split_at_checked(9) {
            let head: &[u8] = head;
            let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            let id = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
            if rest.len() < length {
                break;
            }
            frames.push((head[3], id, rest[..length].to_vec()));
            bytes.drain(..9 + length);
        }
        if found(&frames) {
            return frames;
        }
        let mut piece = [0; 16 * 1024];
        match stream.read(&mut piece) {
            Ok(count @ 1..) => bytes.extend_from_slice(&piece[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("still open after {:?} and {frames:?}", began.elapsed())
            }
            _ => return frames,
        }
    }
}

/// Asks for `/health` on a stream and reads until the end of the answer.
fn ask(stream: &mut Tls, id: u32) {
    stream.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, id, &request())).unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("status") {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).unwrap();
        assert!(count > 0, "closed: {}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&piece[..count]);
    }
}

#[test]
fn idle_connections_are_held_to_a_bound_and_the_latest_stay() {
    const CROWD: usize = 2_400;
    const BOUND: u64 = 1_024;
    let files = open_files();
    if files < CROWD + 200 {
        return skip("TESTUDO_REQUIRE_FILES", &format!("{CROWD} connections: the limit is {files} open files"));
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("testudo.toml"), "[server]\nworkers = 2\n").unwrap();
    let server = Server::start_in(folder, &[]);
    let honest = Honest::start(&server, "/health");
    let before = server.memory_kib();
    let mut crowd: Vec<Tls> = (0..CROWD)
        .map(|number| {
            let config = client_config(&server, "h2");
            let from = [127, 2, u8::try_from(number / 200).unwrap(), u8::try_from(number % 200 + 1).unwrap()];
            let mut stream = tls(&config, from, server.gateway).unwrap();
            stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
            stream.write_all(&frame(SETTINGS, 0, 0, &[])).unwrap();
            ask(&mut stream, 1);
            stream
        })
        .collect();
    eventually("the longest idle are closed", Duration::from_secs(10), || open(&server) <= BOUND + 10);
    eprintln!("{} idle connections: {} KiB before, {} with them", open(&server), before, server.memory_kib());
    // Who came last is still there, and who came first was told to go.
    ask(crowd.last_mut().unwrap(), 3);
    let told = read_to_end(&mut crowd[0], Duration::from_secs(5));
    assert!(told.windows(4).any(|window| window == [0, 0, 8, GO_AWAY]), "{told:?}");
    honest.was_served();
    memory_is_bounded(&server);
}
