//! WebSocket pass-through, with tungstenite at both ends.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use testudo_gateway::EndOutcome;
use tokio::io::AsyncWriteExt as _;
use tungstenite::{Message, WebSocket};

use crate::harness::{Fixture, Origin, Setup, eventually, ok, origin, read_until};

fn echo_origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            std::thread::spawn(move || {
                let mut socket = tungstenite::accept(stream).unwrap();
                while let Ok(message) = socket.read() {
                    if (message.is_text() || message.is_binary()) && socket.send(message).is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}

fn open(fixture: &Fixture) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect(fixture.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    tungstenite::client(format!("ws://{}/chat", fixture.address), stream).unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_pass_in_both_directions() {
    let fixture = Setup::upstream(format!("http://{}", echo_origin())).start();
    let mut socket = open(&fixture);
    for size in [0, 1, 125, 126, 65_535, 65_536, 300_000] {
        let message = Message::binary(vec![7_u8; size]);
        socket.send(message.clone()).unwrap();
        assert_eq!(socket.read().unwrap(), message);
    }
    socket.close(None).unwrap();
    while socket.read().is_ok() {}
    drop(socket);
    eventually("the end", || !fixture.seen.ends.lock().is_empty()).await;
    let end = fixture.seen.ends.lock()[0];
    assert!(end.outcome == EndOutcome::Complete && end.bytes > 430_000, "{end:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_signal_closes_within_100_ms_with_a_close_frame() {
    let fixture = Setup::upstream(format!("http://{}", echo_origin())).start();
    let mut socket = open(&fixture);
    socket.send(Message::text("hi")).unwrap();
    socket.read().unwrap();
    let began = Instant::now();
    fixture.seen.signal.close("session-revoked");
    match socket.read().unwrap() {
        Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), 1008),
        other => panic!("{other:?}"),
    }
    while socket.read().is_ok() {}
    assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
    eventually("the end", || !fixture.seen.ends.lock().is_empty()).await;
    assert_eq!(fixture.seen.ends.lock()[0].outcome, EndOutcome::Aborted("session-revoked"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_in_which_nothing_moves_is_closed() {
    let mut setup = Setup::upstream(format!("http://{}", echo_origin()));
    setup.limits.tunnel_idle = Duration::from_millis(400);
    let fixture = setup.start();
    let mut socket = open(&fixture);
    let began = Instant::now();
    // What moves keeps it open, beyond the time that it may be silent.
    while began.elapsed() < Duration::from_millis(800) {
        socket.send(Message::text("hi")).unwrap();
        socket.read().unwrap();
        std::thread::sleep(Duration::from_millis(50));
    }
    match socket.read().unwrap() {
        Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), 1001),
        other => panic!("{other:?}"),
    }
    eventually("the end", || !fixture.seen.ends.lock().is_empty()).await;
    assert_eq!(fixture.seen.ends.lock()[0].outcome, EndOutcome::Aborted("tunnel-idle"));
}

const ASK: &[u8] = b"GET /no-websocket HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

#[tokio::test]
async fn without_leave_the_upstream_never_sees_the_upgrade() {
    let (address, heads, _) = origin(Origin::Answer(ok("plain"))).await;
    let fixture = Setup::upstream(format!("http://{address}")).start();
    let mut stream = fixture.connect().await;
    // The bytes behind the request wait for its answer: they are the next request, since nothing was upgraded.
    stream.write_all(&[ASK, b"GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"].concat()).await.unwrap();
    let answer = read_until(&mut stream, "hello h").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("plain"), "{answer}");
    assert!(!heads.lock()[0].to_ascii_lowercase().contains("upgrade"), "{}", heads.lock()[0]);
    // A malformed one is still refused after it.
    stream.write_all(b"GET / HTTP/1.1\nHost: h\n\n").await.unwrap();
    read_until(&mut stream, "bare-lf").await;
}

#[tokio::test]
async fn an_uninvited_101_is_an_error_of_the_upstream() {
    let switching = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    let (address, _, _) = origin(Origin::Answer(switching.to_vec())).await;
    let fixture = Setup::upstream(format!("http://{address}")).start();
    for request in [ASK, b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"] {
        let mut stream = fixture.connect().await;
        stream.write_all(request).await.unwrap();
        let answer = read_until(&mut stream, "upstream-").await;
        assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    }
}
