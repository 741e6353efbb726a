//! Peers that are slow, silent, greedy or many.

use std::time::{Duration, Instant};

use testudo_gateway::tls::TlsOptions;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Setup, closes_within, eventually, read_all, read_until};
use crate::tls::local;

#[tokio::test]
async fn slow_heads_get_a_408_and_are_closed() {
    let mut setup = Setup::default();
    setup.limits.head_timeout = Duration::from_millis(300);
    let fixture = setup.start();
    let mut stream = fixture.connect().await;
    let drip = async {
        for byte in b"GET /hello HTTP/1.1\r\nHost: h\r\nX-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" {
            if stream.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        read_all(&mut stream).await
    };
    let answer = tokio::time::timeout(Duration::from_secs(4), drip).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("head-timeout"), "{answer}");
    eventually("closed", || fixture.gateway.counters().connections_open == 0).await;
    assert_eq!(fixture.seen.malformed.lock()[0].0, "head-timeout");
}

#[tokio::test]
async fn slow_bodies_are_refused_below_the_rate_and_a_steady_one_passes() {
    let mut setup = Setup::default();
    setup.limits.body_grace = Duration::from_millis(200);
    setup.limits.body_rate = 1_000;
    let fixture = setup.start();
    let mut slow = fixture.connect().await;
    slow.write_all(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n").await.unwrap();
    let drip = async {
        for _ in 0..100 {
            if slow.write_all(b"x").await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let (answer, ()) = tokio::join!(
        async {
            let mut steady = fixture.connect().await;
            steady.write_all(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5000\r\n\r\n").await.unwrap();
            for _ in 0..10 {
                steady.write_all(&[b'y'; 500]).await.unwrap();
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            read_until(&mut steady, "yyyy").await
        },
        drip
    );
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer = read_all(&mut slow).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.ends_with("body-too-slow"), "{answer}");
}

#[tokio::test]
async fn a_body_has_a_deadline() {
    let mut setup = Setup::default();
    setup.limits.body_deadline = Duration::from_millis(200);
    let fixture = setup.start();
    let mut stream = fixture.connect().await;
    stream.write_all(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf").await.unwrap();
    assert!(read_until(&mut stream, "body-deadline").await.starts_with("HTTP/1.1 408 "));
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_the_callers_fault() {
    let fixture = Setup::default().start();
    let mut stream = fixture.connect().await;
    stream.write_all(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf").await.unwrap();
    stream.shutdown().await.unwrap();
    assert!(read_all(&mut stream).await.ends_with("caller-gone"));
}

#[tokio::test]
async fn half_open_handshakes_are_bounded_in_time_and_number() {
    let (tls, _dir, _) = local(TlsOptions::default());
    let mut setup = Setup { tls: Some(tls), ..Setup::default() };
    setup.limits.handshake_timeout = Duration::from_millis(300);
    setup.limits.handshakes_per_network = 10;
    let fixture = setup.start();
    let mut streams = Vec::new();
    for _ in 0..10 {
        let mut stream = fixture.connect().await;
        stream.write_all(&[0x16, 3, 1, 2, 0, 1]).await.unwrap();
        streams.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut eleventh = fixture.connect().await;
    assert!(closes_within(&mut eleventh, Duration::from_millis(200)).await.is_some());
    assert_eq!(fixture.seen.shed.lock().as_slice(), ["handshakes-of-network"]);
    for mut stream in streams {
        assert!(closes_within(&mut stream, Duration::from_secs(1)).await.is_some());
    }
    // The peer sees its end a moment before it is counted.
    let counted = Instant::now() + Duration::from_secs(1);
    while fixture.gateway.counters().handshakes_failed < 10 && Instant::now() < counted {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(fixture.gateway.counters().handshakes_failed, 10);
    assert_eq!(fixture.seen.shed.lock().iter().filter(|why| **why == "handshake-timeout").count(), 10);
}

#[tokio::test]
async fn header_bombs_are_refused() {
    let fixture = Setup::default().start();
    let large = format!("GET /hello HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "a".repeat(10 << 20));
    let many = format!("GET /hello HTTP/1.1\r\nHost: h\r\n{}\r\n", "a: b\r\n".repeat(1_000));
    for (code, bomb) in [("head-too-large", large), ("too-many-headers", many)] {
        let mut stream = fixture.connect().await;
        let (mut reader, mut writer) = stream.split();
        let (_, answer) = tokio::join!(writer.write_all(bomb.as_bytes()), read_until(&mut reader, "\"code\""));
        assert!(answer.starts_with("HTTP/1.1 431 ") && answer.contains(code), "{answer}");
    }
}

#[tokio::test]
async fn idle_connections_do_not_hinder_others_and_end() {
    let mut setup = Setup::default();
    setup.limits.idle_timeout = Duration::from_millis(1_500);
    let fixture = setup.start();
    let mut idle = Vec::new();
    for _ in 0..1_000 {
        idle.push(TcpStream::connect(fixture.address).await.unwrap());
    }
    eventually("all are there", || fixture.gateway.counters().connections_open == 1_000).await;
    assert!(fixture.talk(b"GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await.ends_with("hello h"));
    for stream in &mut idle {
        assert!(closes_within(stream, Duration::from_secs(5)).await.is_some());
    }
    eventually("all are gone", || fixture.gateway.counters().connections_open == 0).await;
}

#[tokio::test]
async fn connections_per_network_are_bounded() {
    let mut setup = Setup::default();
    setup.limits.connections_per_network = 5;
    let fixture = setup.start();
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(fixture.connect().await);
    }
    eventually("five", || fixture.gateway.counters().connections_open == 5).await;
    let mut sixth = fixture.connect().await;
    assert!(closes_within(&mut sixth, Duration::from_secs(1)).await.is_some());
    assert_eq!(fixture.seen.shed.lock().as_slice(), ["connections-of-network"]);
    held.pop();
    eventually("four", || fixture.gateway.counters().connections_open == 4).await;
    assert!(fixture.talk(b"GET /hello HTTP/1.1\r\nHost: h\r\n\r\n").await.ends_with("hello h"));
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_cut_off() {
    let mut setup = Setup::default();
    setup.limits.write_stall = Duration::from_millis(300);
    let fixture = setup.start();
    let mut stream = fixture.connect().await;
    stream.write_all(b"GET /big HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    eventually("shed", || fixture.seen.shed.lock().contains(&"write-stalled")).await;
    eventually("closed", || fixture.gateway.counters().connections_open == 0).await;
}

/// Takes an answer in pieces of a kilobyte with pauses; how much it got before the connection ended or a second passed.
async fn take_slowly(address: std::net::SocketAddr) -> (usize, bool) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    // A small window, so that the kernels between the two can't take much.
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    stream.write_all(b"GET /big HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    let mut taken = 0;
    let mut piece = [0; 1024];
    for _ in 0..60 {
        match stream.read(&mut piece).await {
            Ok(count @ 1..) => taken += count,
            _ => return (taken, true),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    (taken, false)
}

#[tokio::test]
async fn a_reader_below_the_rate_is_cut_off_and_a_steady_one_is_served() {
    for (rate, cut) in [(10_000_000, true), (0, false)] {
        let mut setup = Setup::default();
        setup.limits.write_grace = Duration::from_millis(200);
        setup.limits.write_rate = rate;
        let fixture = setup.start();
        let mut steady = fixture.connect().await;
        steady.write_all(b"GET /hello HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
        read_until(&mut steady, "hello h").await;
        let (taken, ended) = take_slowly(fixture.address).await;
        // It got something at every moment: what ends it is not that nothing moved.
        assert!(taken > 1024, "{taken}");
        assert_eq!(fixture.seen.shed.lock().as_slice(), if cut { &["write-stalled"][..] } else { &[] });
        // What the kernels hold is still delivered to it after the end.
        assert!(cut || !ended);
        // Whoever reads at once, or has nothing to read, is not behind.
        steady.write_all(b"GET /big HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut all = Vec::new();
        steady.read_to_end(&mut all).await.unwrap();
        assert!(all.len() > 8 << 20);
    }
}
