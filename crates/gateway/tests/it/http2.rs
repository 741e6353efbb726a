//! HTTP/2 towards clients and upstreams.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::client::conn::http2::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use testudo_gateway::tls::TlsOptions;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::{Fixture, Setup, body_of, eventually};
use crate::tls::{client, connect, local};

async fn open(fixture: &Fixture, ca: &Path) -> SendRequest<Full<Bytes>> {
    let stream = connect(fixture.address, client(ca, &[&rustls::version::TLS13], b"h2")).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn request(method: &str, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(format!("https://localhost{path}"))
}

fn empty(builder: http::request::Builder) -> Request<Full<Bytes>> {
    builder.body(Full::default()).unwrap()
}

fn start(setup: Setup) -> (Fixture, tempfile::TempDir, std::path::PathBuf) {
    let (tls, dir, ca) = local(TlsOptions::default());
    (Setup { tls: Some(tls), ..setup }.start(), dir, ca)
}

#[tokio::test]
async fn many_streams_share_a_connection() {
    let (fixture, _dir, ca) = start(Setup::default());
    let sender = open(&fixture, &ca).await;
    let asks = (0..300).map(|number| {
        let mut sender = sender.clone();
        async move {
            let body = Full::new(Bytes::from(format!("body {number}")));
            let answer = sender.send_request(request("POST", "/echo").body(body).unwrap()).await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
            assert_eq!(body_of(answer.into_body()).await.unwrap(), format!("body {number}"));
        }
    });
    futures_util::future::join_all(asks).await;
    assert_eq!(fixture.gateway.counters().connections, 1);
}

#[tokio::test]
async fn host_and_authority_must_agree() {
    let (fixture, _dir, ca) = start(Setup::default());
    let mut sender = open(&fixture, &ca).await;
    let answer = sender.send_request(empty(request("GET", "/hello"))).await.unwrap();
    assert_eq!(body_of(answer.into_body()).await.unwrap(), "hello localhost");
    let cases = [
        ("host-conflict", request("GET", "/hello").header("host", "other")),
        ("host-duplicate", request("GET", "/hello").header("host", "localhost").header("host", "localhost")),
        ("target", request("GET", "/hello?a=^")),
    ];
    for (code, builder) in cases {
        let answer = sender.send_request(empty(builder)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{code}");
        let body = body_of(answer.into_body()).await.unwrap();
        assert!(String::from_utf8_lossy(&body).contains(code), "{code}: {body:?}");
    }
    let crumbs =
        (0..130).fold(request("GET", "/hello"), |builder, number| builder.header("cookie", format!("c{number}=1")));
    let answer = sender.send_request(empty(crumbs)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert_eq!(fixture.seen.malformed.lock().len(), 4);
}

/// A gRPC-like origin: echoes the body, then trailers.
async fn grpc_origin() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(|request: Request<hyper::body::Incoming>| async move {
                assert_eq!(request.headers()["te"], "trailers");
                assert_eq!(request.version(), http::Version::HTTP_2);
                let bytes = request.into_body().collect().await.unwrap().to_bytes();
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", "7".parse().unwrap());
                for late in ["testudo-person", "set-cookie", "cache-control", "x-forwarded-for"] {
                    trailers.insert(late, "late".parse().unwrap());
                }
                let frames = [Ok::<_, std::io::Error>(Frame::data(bytes)), Ok(Frame::trailers(trailers))];
                let body = StreamBody::new(futures_util::stream::iter(frames));
                let response = Response::builder().header("content-type", "application/grpc").body(body);
                Ok::<_, std::io::Error>(response.unwrap())
            });
            tokio::spawn(
                hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .timer(TokioTimer::new())
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    address
}

#[tokio::test]
async fn grpc_trailers_pass_to_and_from_an_http2_upstream() {
    let (fixture, _dir, ca) = start(Setup::upstream(format!("h2c://{}", grpc_origin().await)));
    let mut sender = open(&fixture, &ca).await;
    for _ in 0..3 {
        let ask =
            request("POST", "/pkg.Service/Call").header("content-type", "application/grpc").header("te", "trailers");
        let answer =
            sender.send_request(ask.body(Full::new(Bytes::from_static(b"\0\0\0\0\x02hi"))).unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let collected = answer.into_body().collect().await.unwrap();
        assert_eq!(collected.trailers().unwrap()["grpc-status"], "7");
        assert_eq!(collected.trailers().unwrap().len(), 1);
        assert_eq!(collected.to_bytes(), &b"\0\0\0\0\x02hi"[..]);
    }
}

#[tokio::test]
async fn a_signal_resets_the_stream_and_leaves_the_connection() {
    let (fixture, _dir, ca) = start(Setup::default());
    let mut sender = open(&fixture, &ca).await;
    let mut answer = sender.send_request(empty(request("GET", "/stream"))).await.unwrap();
    answer.body_mut().frame().await.unwrap().unwrap();
    fixture.seen.signal.close("session-revoked");
    let ended = tokio::time::timeout(Duration::from_millis(100), body_of(answer.into_body())).await.unwrap();
    assert!(ended.is_err());
    assert!(sender.ready().await.is_ok());
}

#[tokio::test]
async fn an_unread_stream_is_cut_off_after_the_write_stall() {
    let mut setup = Setup::default();
    setup.limits.write_stall = Duration::from_millis(300);
    let (fixture, _dir, ca) = start(setup);
    let mut sender = open(&fixture, &ca).await;
    let endless = sender.send_request(empty(request("GET", "/big"))).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    eventually("shed", || fixture.seen.shed.lock().contains(&"write-stalled")).await;
    assert!(body_of(endless.into_body()).await.is_err());
}

#[tokio::test]
async fn of_too_many_idle_connections_the_longest_idle_ones_are_closed() {
    let mut setup = Setup::default();
    setup.limits.idle_http2 = 3;
    let (fixture, _dir, ca) = start(setup);
    let mut busy = open(&fixture, &ca).await;
    let stream = busy.send_request(empty(request("GET", "/stream"))).await.unwrap();
    let mut senders = Vec::new();
    for number in 0..6 {
        // The oldest asks again before there are too many: it stays, and the next ones go.
        if number >= 3 {
            let first: &mut SendRequest<Full<Bytes>> = &mut senders[0];
            first.send_request(empty(request("GET", "/hello"))).await.unwrap();
        }
        let mut sender = open(&fixture, &ca).await;
        sender.send_request(empty(request("GET", "/hello"))).await.unwrap();
        senders.push(sender);
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    eventually("three are closed", || senders.iter().filter(|sender| sender.is_closed()).count() == 3).await;
    let closed: Vec<_> = senders.iter().map(SendRequest::is_closed).collect();
    assert_eq!(closed, [false, true, true, true, false, false]);
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(senders.iter().filter(|sender| sender.is_closed()).count(), 3);
    assert!(!busy.is_closed() && fixture.seen.shed.lock().is_empty());
    assert_eq!(fixture.gateway.counters().connections_open, 4);
    drop(stream);
}

#[tokio::test]
async fn a_window_that_opens_byte_by_byte_is_too_slow() {
    let mut setup = Setup::default();
    setup.limits.write_grace = Duration::from_millis(300);
    setup.limits.write_rate = 5_000;
    let (fixture, _dir, ca) = start(setup);
    // Little is asked of who has the window open, however little the answer brings.
    let mut open = raw(&fixture, &ca).await;
    open.write_all(&get_frame(1, "/stream")).await.unwrap();
    let mut narrow = connect(fixture.address, client(&ca, &[&rustls::version::TLS13], b"h2")).await.unwrap();
    // SETTINGS_INITIAL_WINDOW_SIZE of 64 bytes.
    narrow.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\x40").await.unwrap();
    narrow.write_all(&get_frame(1, "/stream")).await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(narrow);
    let trickle = async {
        while writer.write_all(&[0, 0, 4, 8, 0, 0, 0, 0, 1, 0, 0, 0, 1]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let closed = async {
        let mut sink = [0; 4096];
        let mut seen = 0;
        while let Ok(count @ 1..) = reader.read(&mut sink).await {
            seen += count;
        }
        seen
    };
    let seen = tokio::time::timeout(Duration::from_secs(5), async {
        tokio::select! { seen = closed => seen, () = trickle => 0 }
    });
    seen.await.expect("still open");
    eventually("shed", || fixture.seen.shed.lock().contains(&"write-stalled")).await;
    eventually("it is gone", || fixture.gateway.counters().connections_open == 1).await;
    let mut piece = [0; 64];
    assert!(matches!(open.read(&mut piece).await, Ok(1..)));
}

/// A HEADERS frame for `GET /slow` on a stream.
fn headers_frame(stream: u32) -> Vec<u8> {
    get_frame(stream, "/slow")
}

pub fn get_frame(stream: u32, path: &str) -> Vec<u8> {
    // :method GET, :scheme https, :path (literal), :authority localhost (literal).
    let mut block = vec![0x82, 0x87, 0x04, u8::try_from(path.len()).unwrap()];
    block.extend(path.as_bytes());
    block.extend([0x01, 9]);
    block.extend(b"localhost");
    let mut frame = vec![0, 0, u8::try_from(block.len()).unwrap(), 1, 5];
    frame.extend(stream.to_be_bytes());
    frame.extend(block);
    frame
}

pub async fn raw(fixture: &Fixture, ca: &Path) -> tokio_rustls::client::TlsStream<tokio::net::TcpStream> {
    let mut stream = connect(fixture.address, client(ca, &[&rustls::version::TLS13], b"h2")).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    stream
}

#[tokio::test]
async fn a_rapid_reset_ends_the_connection_and_is_reported() {
    let (fixture, _dir, ca) = start(Setup::default());
    let mut stream = raw(&fixture, &ca).await;
    let (mut reader, mut writer) = tokio::io::split(&mut stream);
    let attack = async {
        for number in 0..5_000_u32 {
            let id = number * 2 + 1;
            let mut bytes = headers_frame(id);
            bytes.extend([0, 0, 4, 3, 0]);
            bytes.extend(id.to_be_bytes());
            bytes.extend([0, 0, 0, 8]);
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
    let codes: Vec<_> = fixture.seen.malformed.lock().iter().map(|seen| seen.0.clone()).collect();
    assert!(matches!(codes.as_slice(), [one] if one == "reset-flood" || one == "protocol"), "{codes:?}");
    assert!(fixture.seen.requests.load(std::sync::atomic::Ordering::SeqCst) < 400);
}

#[tokio::test]
async fn floods_of_frames_without_effect_end_the_connection() {
    let (fixture, _dir, ca) = start(Setup::default());
    let ping = [&[0, 0, 8, 6, 0, 0, 0, 0, 0][..], &[1; 8]].concat();
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0].to_vec();
    // HEADERS without END_HEADERS, then CONTINUATION without end.
    let continuation = [0, 0, 1, 9, 0, 0, 0, 0, 1, 0x82].to_vec();
    let mut opening = headers_frame(1);
    opening[4] = 1;
    for (first, flood) in [(Vec::new(), ping), (Vec::new(), settings), (opening, continuation)] {
        let mut stream = raw(&fixture, &ca).await;
        let (mut reader, mut writer) = tokio::io::split(&mut stream);
        let attack = async {
            if writer.write_all(&first).await.is_err() {
                return;
            }
            for _ in 0..200_000 {
                if writer.write_all(&flood).await.is_err() {
                    return;
                }
            }
        };
        let closed = async {
            let mut sink = [0; 4096];
            while matches!(reader.read(&mut sink).await, Ok(1..)) {}
        };
        tokio::time::timeout(Duration::from_secs(10), async {
            tokio::select! { () = attack => {}, () = closed => {} }
        })
        .await
        .expect("still open");
    }
    eventually("the reports", || fixture.seen.malformed.lock().len() == 3).await;
    eventually("all closed", || fixture.gateway.counters().connections_open == 0).await;
}
