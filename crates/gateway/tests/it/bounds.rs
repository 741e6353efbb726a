//! Each bound at its edge: what is announced, what just fits, and what is one too many.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use testudo_gateway::EndOutcome;
use testudo_gateway::tls::TlsOptions;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::framing::verdict;
use crate::harness::{Fixture, Origin, Setup, eventually, ok, origin, read_until};
use crate::http2::{get_frame, raw};
use crate::tls::local;

const GET: &[u8] = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n";

fn start(setup: Setup) -> (Fixture, tempfile::TempDir, std::path::PathBuf) {
    let (tls, dir, ca) = local(TlsOptions::default());
    (Setup { tls: Some(tls), ..setup }.start(), dir, ca)
}

#[tokio::test]
async fn http2_settings_say_what_the_limits_are() {
    let (fixture, _dir, ca) = start(Setup::default());
    let mut stream = raw(&fixture, &ca).await;
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!((head[3], head[4]), (4, 0), "SETTINGS come first: {head:?}");
    let mut settings = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
    stream.read_exact(&mut settings).await.unwrap();
    let setting = |wanted: u16| {
        let found = settings.chunks(6).find(|entry| u16::from_be_bytes([entry[0], entry[1]]) == wanted);
        found.map(|entry| u32::from_be_bytes([entry[2], entry[3], entry[4], entry[5]]))
    };
    assert_eq!(setting(3), Some(100), "MAX_CONCURRENT_STREAMS");
    // Left out where it is the default of RFC 9113, 65,535, one less than ours.
    assert_eq!(setting(4).unwrap_or(65_535), 65_536, "INITIAL_WINDOW_SIZE");
    assert_eq!(setting(6), Some(16 * 1024), "MAX_HEADER_LIST_SIZE");
    assert_ne!(setting(2), Some(1), "nobody asked for pushes");
    // The window of the connection is widened from its default by a WINDOW_UPDATE on stream 0.
    let mut rest = Vec::new();
    while !rest.windows(9).any(|frame| frame[..4] == [0, 0, 4, 8] && frame[5..] == [0, 0, 0, 0]) {
        let mut piece = [0; 64];
        let count = stream.read(&mut piece).await.unwrap();
        assert!(count > 0);
        rest.extend_from_slice(&piece[..count]);
    }
    let at = rest.windows(9).position(|frame| frame[..4] == [0, 0, 4, 8]).unwrap() + 9;
    while rest.len() < at + 4 {
        rest.push(stream.read_u8().await.unwrap());
    }
    let wider = u32::from_be_bytes([rest[at], rest[at + 1], rest[at + 2], rest[at + 3]]);
    assert_eq!(wider, 1024 * 1024 - 65_535);
}

/// The peer makes us reset its streams, each with a frame that its stream can't take (CVE-2025-8671).
#[tokio::test]
async fn a_flood_of_frames_that_make_us_reset_ends_the_connection() {
    let (fixture, _dir, ca) = start(Setup::default());
    let mut stream = raw(&fixture, &ca).await;
    let (mut reader, mut writer) = tokio::io::split(&mut stream);
    let attack = async {
        for number in 0..5_000_u32 {
            let id = number * 2 + 1;
            let mut bytes = get_frame(id, "/slow");
            // A window beyond 2^31 - 1.
            bytes.extend([0, 0, 4, 8, 0]);
            bytes.extend(id.to_be_bytes());
            bytes.extend([0x7f, 0xff, 0xff, 0xff]);
            if writer.write_all(&bytes).await.is_err() {
                return;
            }
            if number % 16 == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    };
    let closed = async {
        let mut sink = [0; 4096];
        while matches!(reader.read(&mut sink).await, Ok(1..)) {}
    };
    tokio::time::timeout(Duration::from_secs(10), async { tokio::join!(attack, closed) }).await.expect("still open");
    eventually("the report", || !fixture.seen.malformed.lock().is_empty()).await;
    let handled = fixture.seen.requests.load(Ordering::SeqCst);
    assert!(handled < 600, "{handled} requests of one connection were begun");
    eventually("it is gone", || fixture.gateway.counters().connections_open == 0).await;
}

/// What HTTP/2 holds back for a peer that takes nothing, and that it ends.
#[tokio::test]
async fn answers_that_wait_for_a_window_are_bounded_and_end_their_connection() {
    let mut setup = Setup::default();
    setup.limits.write_grace = Duration::from_millis(600);
    setup.limits.write_stall = Duration::from_mins(1);
    let (fixture, _dir, ca) = start(setup);
    let mut stream = raw(&fixture, &ca).await;
    // One byte of each answer; its body ends with its first piece, and the rest waits.
    stream.write_all(&[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1]).await.unwrap();
    for number in 0..50_u32 {
        stream.write_all(&get_frame(number * 2 + 1, "/hello")).await.unwrap();
    }
    eventually("all are answered", || fixture.seen.ends.lock().len() == 50).await;
    eventually("shed", || fixture.seen.shed.lock().contains(&"write-stalled")).await;
    eventually("it is gone", || fixture.gateway.counters().connections_open == 0).await;

    // Whoever lets wait more than the bound is not waited for.
    let mut setup = Setup::default();
    setup.limits.held = 100 * 1024;
    let (fixture, _dir, ca) = start(setup);
    let mut stream = raw(&fixture, &ca).await;
    for number in 0..3_u32 {
        stream.write_all(&get_frame(number * 2 + 1, "/big")).await.unwrap();
    }
    eventually("shed", || fixture.seen.shed.lock().contains(&"write-stalled")).await;
}

#[tokio::test]
async fn chunk_extensions_and_trailers_fit_to_the_byte() {
    let refused = |body: &str| {
        let text = format!("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n{body}");
        let whole = verdict(std::iter::once(text.as_bytes())).refused();
        assert_eq!(verdict(text.as_bytes().chunks(7)).refused(), whole);
        whole
    };
    // Of all chunks together, line ends included.
    let extensions = |length: usize| format!("1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(length - 1));
    assert_eq!(refused(&extensions(1024)), None);
    assert_eq!(refused(&extensions(1025)), Some("chunk-extension"));
    let two = format!("1;{0}\r\nx\r\n1;{0}\r\nx\r\n0\r\n\r\n", "e".repeat(600));
    assert_eq!(refused(&two), Some("chunk-extension"));
    let trailers = |length: usize| format!("0\r\nx: {}\r\n\r\n", "t".repeat(length - "x: \r\n\r\n".len()));
    assert_eq!(refused(&trailers(8 * 1024)), None);
    assert_eq!(refused(&trailers(8 * 1024 + 1)), Some("trailer"));
    let fields = |count: usize| format!("0\r\n{}\r\n", "x: t\r\n".repeat(count));
    assert_eq!(refused(&fields(32)), None);
    assert_eq!(refused(&fields(33)), Some("trailer"));
}

#[tokio::test]
async fn a_silent_event_stream_is_waited_for_longer_than_a_silent_answer_and_not_for_ever() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let (address, ..) = origin(Origin::Answer([&head[..], b"9\r\ndata: 1\n\n\r\n"].concat())).await;
    let mut setup = Setup::upstream(format!("http://{address}"));
    setup.settings.body_stall = Duration::from_millis(50);
    setup.settings.stream_stall = Duration::from_millis(500);
    let fixture = setup.start();
    let mut stream = fixture.connect().await;
    stream.write_all(GET).await.unwrap();
    read_until(&mut stream, "data: 1").await;
    let began = Instant::now();
    eventually("the end", || !fixture.seen.ends.lock().is_empty()).await;
    assert_eq!(fixture.seen.ends.lock()[0].outcome, EndOutcome::Aborted("upstream-stalled"));
    assert!(began.elapsed() > Duration::from_millis(300), "{:?}", began.elapsed());
}

#[tokio::test]
async fn idle_upstream_connections_are_kept_for_their_time_and_to_their_number() {
    let (address, _, connections) = origin(Origin::Answer(ok("fine"))).await;
    let mut setup = Setup::upstream(format!("http://{address}"));
    setup.settings.max_idle = 1;
    setup.settings.idle_timeout = Duration::from_millis(400);
    let fixture = setup.start();
    let ask = async || {
        let mut stream = fixture.connect().await;
        stream.write_all(GET).await.unwrap();
        read_until(&mut stream, "fine").await;
    };
    let opened = || connections.load(Ordering::SeqCst);
    ask().await;
    ask().await;
    assert_eq!(opened(), 1, "it is used again");
    tokio::time::sleep(Duration::from_millis(600)).await;
    ask().await;
    assert_eq!(opened(), 2, "it was idle for too long");
    // Many at a time, of which one connection is kept.
    let before = opened();
    futures_util::future::join_all((0..20).map(|_| ask())).await;
    let together = opened() - before;
    futures_util::future::join_all((0..20).map(|_| ask())).await;
    let again = opened() - before - together;
    assert!(together > 2 && again + 1 >= together / 2, "{together} were opened, and then {again}");
}
