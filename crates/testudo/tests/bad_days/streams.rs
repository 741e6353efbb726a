//! Floods of HTTP/2 streams: answers that nobody takes, and what follows for whoever floods.

use std::io::{ErrorKind, Read as _, Write as _};
use std::time::{Duration, Instant};

use crate::http2::{END_HEADERS, END_STREAM, HEADERS, PING, RST_STREAM, SETTINGS, connect, flood, frame, request};
use crate::support::attack::responses;
use crate::support::{Server, eventually};
use crate::wire::{Honest, Tls, client_config, get, journal_tells, memory_is_bounded};

/// `GET` of a path in HPACK.
fn get_block(path: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x87, 0x04, u8::try_from(path.len()).unwrap()];
    block.extend_from_slice(path.as_bytes());
    block.extend_from_slice(b"\x01\x09localhost");
    block
}

/// Answers the pings that are there; whether the connection is still open.
fn answer_pings(stream: &mut Tls) -> bool {
    stream.sock.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    let mut piece = [0; 16 * 1024];
    match stream.read(&mut piece) {
        Ok(0) => false,
        Ok(count) => {
            // What comes is small frames in whole records: heads of answers with a byte each, then pings.
            let pings = piece[..count].windows(17).filter(|bytes| bytes[..9] == [0, 0, 8, PING, 0, 0, 0, 0, 0]);
            pings.into_iter().all(|ping| stream.write_all(&frame(PING, 1, 0, &ping[9..])).is_ok())
        }
        Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

#[test]
fn answers_that_nobody_takes_hold_little_memory_and_end_their_connection() {
    // Each answer is as long as a piece, so that its body ends at once, and everything waits for the window.
    let origin = crate::origin::Origin::start();
    let server = Server::start(&["--upstream", &origin.url(), "--public", "/t/*"]);
    // What stalls takes the backend's places until it is cut off; what the server answers itself goes on.
    let honest = Honest::start(&server, "/sign-in");
    let before = server.memory_kib();
    let began = Instant::now();
    let mut stalled: Vec<_> = (0..60)
        .map(|number| {
            let mut stream = connect(&server, 100 + number);
            // SETTINGS_INITIAL_WINDOW_SIZE of one byte for each stream.
            stream.write_all(&frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 1])).unwrap();
            for id in 0..100_u32 {
                let ask = frame(HEADERS, END_STREAM | END_HEADERS, id * 2 + 1, &get_block("/t/64-kib"));
                stream.write_all(&ask).unwrap();
            }
            stream
        })
        .collect();
    // 6,000 answers of 64 KiB are 375 MiB.
    std::thread::sleep(Duration::from_secs(3));
    let held = server.memory_kib().saturating_sub(before);
    eprintln!("60 connections with 100 stalled answers each: {} MiB", held / 1024);
    assert!(held < 150 * 1024, "{held} KiB are held for those who take nothing");
    // They answer pings, as whoever wants to stay does.
    while !stalled.is_empty() && began.elapsed() < Duration::from_mins(1) {
        stalled.retain_mut(answer_pings);
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(stalled.is_empty(), "{} are open after {:?}", stalled.len(), began.elapsed());
    journal_tells(&server, "request.malformed", "write-stalled", 60);
    honest.was_served();
    memory_is_bounded(&server);
}

#[test]
fn whoever_floods_with_resets_is_slowed_down() {
    let server = Server::start(&[]);
    flood(connect(&server, 90), |number| {
        let id = number * 2 + 1;
        let mut both = frame(HEADERS, END_STREAM | END_HEADERS, id, &request());
        both.extend(frame(RST_STREAM, 0, id, &[0, 0, 0, 8]));
        both
    });
    // Pings are counted by nobody but us, so that this flood has one code only.
    flood(connect(&server, 90), |_| frame(PING, 0, 0, &[0; 8]));
    journal_tells(&server, "request.malformed", "frame-flood", 1);
    eventually("the network is slowed down", Duration::from_secs(20), || {
        server.json(&["limits", "list"]).to_string().contains("127.0.90.0/24")
    });
    let incident = server.json(&["incident", "list"])["items"][0]["id"].as_str().unwrap().to_owned();
    let incident = server.json(&["incident", "show", &incident]);
    assert!(incident.to_string().contains("testudo-stream-flood"), "{incident:#}");
    let tightened = responses(&incident, "tighten-limits");
    assert!(!tightened.is_empty() && tightened.iter().all(|one| one["state"] == "performed"), "{incident:#}");
    // It may do a quarter of what others may: 100 requests at once instead of 400.
    let config = client_config(&server, "http/1.1");
    let refused = |network: u8| {
        let codes = (0..140).map(|_| get(&config, [127, 0, network, 1], server.gateway, "/health").unwrap().0);
        codes.filter(|status| *status == 429).count()
    };
    let (slowed, other) = (refused(90), refused(91));
    assert!(slowed > 0 && other == 0, "{slowed} and {other} of 140 were refused");
}
