//! HTTP/1.1 as clients speak it.

use std::fmt::Write as _;
use std::time::Duration;

use testudo_gateway::EndOutcome;
use tokio::io::AsyncWriteExt as _;

use crate::harness::{Origin, Setup, eventually, ok, origin, read_all, read_until};

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let fixture = Setup::default().start();
    let mut text = String::new();
    for number in 0..50 {
        write!(text, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n<{number:02}>").unwrap();
    }
    let mut stream = fixture.connect().await;
    stream.write_all(text.as_bytes()).await.unwrap();
    let answer = read_until(&mut stream, "<49>").await;
    let order: Vec<_> =
        answer.match_indices('<').map(|(at, _)| answer[at + 1..at + 3].parse::<u32>().unwrap()).collect();
    assert_eq!(order, (0..50).collect::<Vec<_>>());
    assert_eq!(fixture.seen.heads.lock().len(), 50);
    eventually("all ended", || fixture.seen.ends.lock().len() == 50).await;
    assert!(fixture.seen.ends.lock().iter().all(|end| end.outcome == EndOutcome::Complete && end.bytes == 4));
}

#[tokio::test]
async fn chunks_and_trailers_reach_the_upstream_and_come_back() {
    let answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: x-hop\r\nx-hop: 1\r\nx-end: 2\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 9\r\n\r\n";
    let (address, heads, _) = origin(Origin::Answer(answer.to_vec())).await;
    let fixture = Setup::upstream(format!("http://{address}")).start();
    let answer = fixture
        .talk(b"POST /x?y=1 HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nConnection: TE, x-mine\r\nx-mine: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx-t: 1\r\n\r\n")
        .await;
    assert!(answer.contains("3\r\nabc\r\n"), "{answer}");
    assert!(answer.contains("x-end: 2") && !answer.contains("x-hop"), "{answer}");
    let head = heads.lock()[0].to_ascii_lowercase();
    assert!(head.starts_with("post /x?y=1 http/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("host: {address}")) && head.contains("transfer-encoding: chunked"), "{head}");
    assert!(!head.contains("x-mine") && !head.contains("te: trailers"), "{head}");
}

#[tokio::test]
async fn a_head_request_ends_complete_and_keeps_the_connection() {
    let (address, _, _) = origin(Origin::Answer(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n".to_vec())).await;
    let fixture = Setup::upstream(format!("http://{address}")).start();
    let mut stream = fixture.connect().await;
    for _ in 0..2 {
        stream.write_all(b"HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
        let answer = read_until(&mut stream, "\r\n\r\n").await;
        assert!(answer.contains("content-length: 10"), "{answer}");
    }
    eventually("both ended", || fixture.seen.ends.lock().len() == 2).await;
    assert!(fixture.seen.ends.lock().iter().all(|end| end.outcome == EndOutcome::Complete));
}

#[tokio::test]
async fn a_caller_that_hangs_up_is_noticed() {
    let fixture = Setup::default().start();
    let mut stream = fixture.connect().await;
    stream.write_all(b"GET /stream HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    read_until(&mut stream, "data: 1").await;
    drop(stream);
    eventually("the end", || !fixture.seen.ends.lock().is_empty()).await;
    assert_eq!(fixture.seen.ends.lock()[0].outcome, EndOutcome::HungUp);
}

#[tokio::test]
async fn open_streams_end_within_100_ms_of_the_signal() {
    for path in ["/stream", "/silent"] {
        let fixture = Setup::default().start();
        let mut stream = fixture.connect().await;
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes()).await.unwrap();
        read_until(&mut stream, "\r\n\r\n").await;
        fixture.seen.signal.close("session-revoked");
        let took = crate::harness::closes_within(&mut stream, Duration::from_secs(2)).await.expect("still open");
        assert!(took < Duration::from_millis(100), "{path}: {took:?}");
        eventually("the end", || fixture.seen.ends.lock().len() == 1).await;
        assert_eq!(fixture.seen.ends.lock()[0].outcome, EndOutcome::Aborted("session-revoked"));
    }
}

#[tokio::test]
async fn the_upstream_connection_is_kept() {
    let (address, heads, connections) = origin(Origin::Answer(ok("fine"))).await;
    let fixture = Setup::upstream(format!("http://{address}")).start();
    for _ in 0..10 {
        let answer = fixture.talk(b"GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
        assert!(answer.ends_with("fine"), "{answer}");
    }
    assert_eq!((heads.lock().len(), connections.load(std::sync::atomic::Ordering::SeqCst)), (10, 1));
}

#[tokio::test]
async fn old_clients_are_answered_and_closed() {
    let fixture = Setup::default().start();
    let mut stream = fixture.connect().await;
    stream.write_all(b"GET /hello HTTP/1.0\r\nHost: h\r\n\r\n").await.unwrap();
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.0 200 OK") && answer.ends_with("hello h"), "{answer}");
}
