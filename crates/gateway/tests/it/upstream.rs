//! Upstreams that are down, slow, lying or gone.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use testudo_gateway::{EndOutcome, HealthCheck, UpstreamConfig, UpstreamGroup, UpstreamSettings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use testudo_gateway::tls::TlsOptions;

use crate::harness::{Origin, Setup, eventually, ok, origin, read_all, read_until};
use crate::tls::local;

const GET: &[u8] = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n";

async fn closed_port() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test]
async fn an_upstream_that_is_down_is_a_502() {
    let fixture = Setup::upstream(format!("http://{}", closed_port().await)).start();
    let answer = fixture.talk(GET).await;
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.ends_with("upstream-connect"), "{answer}");
    assert!(!fixture.group.as_ref().unwrap().status().is_empty());
}

#[tokio::test]
async fn a_silent_upstream_is_a_504() {
    let (address, ..) = origin(Origin::Silent).await;
    let mut setup = Setup::upstream(format!("http://{address}"));
    setup.settings.head_timeout = Duration::from_millis(200);
    let fixture = setup.start();
    let began = Instant::now();
    let mut stream = fixture.connect().await;
    stream.write_all(GET).await.unwrap();
    let answer = read_until(&mut stream, "upstream-timeout").await;
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn an_upstream_that_does_not_speak_http_is_a_502() {
    for (code, bytes) in [
        ("upstream-malformed", &b"SSH-2.0-OpenSSH\r\n\r\n"[..]),
        ("upstream-closed", b""),
        ("upstream-closed", b"HTTP/1.1 200 OK\r\ncontent-le"),
    ] {
        let (address, ..) = origin(Origin::AnswerAndClose(bytes.to_vec())).await;
        let fixture = Setup::upstream(format!("http://{address}")).start();
        let answer = fixture.talk(GET).await;
        assert!(answer.starts_with("HTTP/1.1 502 ") && answer.ends_with(code), "{code}: {answer}");
    }
}

#[tokio::test]
async fn a_part_is_never_passed_off_as_the_whole() {
    for lie in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this"[..],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nonly this\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nonly this\r\nnonsense\r\n",
    ] {
        let (address, ..) = origin(Origin::AnswerAndClose(lie.to_vec())).await;
        let fixture = Setup::upstream(format!("http://{address}")).start();
        let mut stream = fixture.connect().await;
        stream.write_all(GET).await.unwrap();
        let mut all = Vec::new();
        // The connection ends, by a close or a reset, before the message does.
        let ended = tokio::time::timeout(Duration::from_secs(2), stream.read_to_end(&mut all)).await;
        assert!(ended.is_ok(), "the connection must end");
        let text = String::from_utf8_lossy(&all);
        assert!(!text.contains("\r\n0\r\n\r\n") && !text.contains("content-length: 9\r\n"), "{text}");
        eventually("the end", || !fixture.seen.ends.lock().is_empty()).await;
        let end = fixture.seen.ends.lock()[0];
        assert_eq!(end.outcome, EndOutcome::Aborted("upstream-broken"), "{text}");
    }
}

#[tokio::test]
async fn an_upstream_that_sends_too_much_is_not_used_again() {
    let long = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfineHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
    let (address, _, connections) = origin(Origin::Answer(long.to_vec())).await;
    let fixture = Setup::upstream(format!("http://{address}")).start();
    for _ in 0..3 {
        let mut stream = fixture.connect().await;
        stream.write_all(GET).await.unwrap();
        let answer = read_until(&mut stream, "fine").await;
        assert!(!answer.contains("evil"), "{answer}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_stalled_answer_is_broken_off() {
    let (address, ..) = origin(Origin::Answer(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart".to_vec())).await;
    let mut setup = Setup::upstream(format!("http://{address}"));
    setup.settings.body_stall = Duration::from_millis(150);
    let fixture = setup.start();
    fixture.talk(GET).await;
    eventually("the end", || !fixture.seen.ends.lock().is_empty()).await;
    assert_eq!(fixture.seen.ends.lock()[0].outcome, EndOutcome::Aborted("upstream-stalled"));
}

#[tokio::test]
async fn only_what_is_idempotent_is_sent_again() {
    let (address, heads, connections) = origin(Origin::OnlyFirst(ok("fine"))).await;
    let fixture = Setup::upstream(format!("http://{address}")).start();
    let mut stream = fixture.connect().await;
    for _ in 0..3 {
        stream.write_all(GET).await.unwrap();
        let answer = read_until(&mut stream, "fine").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!((heads.lock().len(), connections.load(Ordering::SeqCst)), (5, 3));
    stream.write_all(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi").await.unwrap();
    let answer = read_until(&mut stream, "upstream-closed").await;
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
    assert_eq!(heads.lock().len(), 6);
}

#[tokio::test]
async fn places_are_bounded_and_the_queue_too() {
    let (address, heads, _) = origin(Origin::Silent).await;
    let mut setup = Setup::upstream(format!("http://{address}"));
    setup.settings.max_in_flight = 1;
    setup.settings.max_queue = 1;
    setup.settings.queue_timeout = Duration::from_millis(200);
    let fixture = setup.start();
    let mut first = fixture.connect().await;
    first.write_all(GET).await.unwrap();
    eventually("the first is with the origin", || heads.lock().len() == 1).await;
    let mut second = fixture.connect().await;
    second.write_all(GET).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut third = fixture.connect().await;
    third.write_all(GET).await.unwrap();
    assert!(read_until(&mut third, "upstream-queue-").await.contains("503"));
    assert!(read_all(&mut second).await.ends_with("upstream-queue-timeout"));
    drop(first);
    eventually("the place is free", || fixture.group.as_ref().unwrap().status()[0].in_flight == 0).await;
}

#[tokio::test]
async fn a_dead_server_is_avoided_and_a_checked_one_comes_back() {
    let (address, heads, _) = origin(Origin::Answer(ok("fine"))).await;
    let dead = closed_port().await;
    let mut setup = Setup::upstream(format!("http://{address}"));
    setup.upstreams.push(format!("http://{dead}"));
    setup.settings.failures = 2;
    setup.settings.ejection = Duration::from_mins(1);
    let fixture = setup.start();
    let mut failed = 0;
    for _ in 0..60 {
        let mut stream = fixture.connect().await;
        stream.write_all(GET).await.unwrap();
        failed += usize::from(read_until(&mut stream, "\r\n\r\n").await.starts_with("HTTP/1.1 502"));
    }
    // Nothing was sent to the one that refuses, so nobody is told of it.
    assert_eq!((failed, heads.lock().len()), (0, 60));
    assert!(!fixture.group.as_ref().unwrap().status()[1].healthy);

    let check = HealthCheck { interval: Duration::from_millis(20), ..HealthCheck::new("/healthz") };
    let settings = UpstreamSettings { health: Some(check), ..UpstreamSettings::default() };
    let servers = [UpstreamConfig::new(format!("http://{address}")), UpstreamConfig::new(format!("http://{dead}"))];
    let group = UpstreamGroup::new(&servers, settings).unwrap();
    tokio::spawn(group.clone().watch());
    eventually("the dead one is out", || !group.status()[1].healthy).await;
    assert!(group.status()[0].healthy);
    assert!(heads.lock().iter().any(|head| head.starts_with("GET /healthz ")));
    let listener = tokio::net::TcpListener::bind(dead).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 512];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(&ok("back")).await;
        }
    });
    eventually("it is back", || group.status()[1].healthy).await;
}

#[tokio::test]
async fn large_bodies_stream_both_ways() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut reader, mut writer) = stream.split();
        let mut head = vec![0; 4096];
        let mut seen = Vec::new();
        let rest = loop {
            let count = reader.read(&mut head).await.unwrap();
            seen.extend_from_slice(&head[..count]);
            if let Some(at) = seen.windows(4).position(|window| window == b"\r\n\r\n") {
                break seen.split_off(at + 4);
            }
        };
        writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 20000000\r\n\r\n").await.unwrap();
        writer.write_all(&rest).await.unwrap();
        tokio::io::copy(&mut reader, &mut writer).await.unwrap();
    });
    let fixture = Setup::upstream(format!("http://{address}")).start();
    let mut stream = fixture.connect().await;
    let (mut reader, mut writer) = stream.split();
    let body: Vec<u8> = (0..20_000_000_u32).map(|number| number.to_le_bytes()[1]).collect();
    let send = async {
        writer.write_all(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 20000000\r\n\r\n").await.unwrap();
        writer.write_all(&body).await.unwrap();
    };
    let receive = async {
        let mut all = Vec::new();
        let mut piece = vec![0; 1 << 16];
        loop {
            let count = reader.read(&mut piece).await.unwrap();
            all.extend_from_slice(&piece[..count]);
            if let Some(at) = all.windows(4).take(4096).position(|window| window == b"\r\n\r\n")
                && all.len() == at + 4 + body.len()
            {
                return all.split_off(at + 4);
            }
        }
    };
    let ((), received) =
        tokio::time::timeout(Duration::from_secs(20), async { tokio::join!(send, receive) }).await.unwrap();
    assert!(received == body);
}

#[tokio::test]
async fn upstreams_over_tls_are_verified() {
    let (tls, _dir, ca) = local(TlsOptions::default());
    let (_, _other_dir, other_ca) = local(TlsOptions::default());
    let behind = Setup { tls: Some(tls), ..Setup::default() }.start();
    let port = behind.address.port();
    for scheme in ["https", "h2"] {
        for (host, file, expected) in
            [("localhost", &ca, "reached"), ("127.0.0.1", &ca, "reached"), ("localhost", &other_ca, "upstream-tls")]
        {
            let mut setup = Setup::upstream(format!("{scheme}://{host}:{port}"));
            setup.settings.ca_file = Some(file.clone());
            let front = setup.start();
            let answer = front.talk(b"GET /behind HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
            let reached = answer.contains("no upstream");
            assert_eq!(reached, expected != "upstream-tls", "{scheme}://{host}: {answer}");
            assert_eq!(answer.starts_with("HTTP/1.1 502 ") && answer.ends_with("upstream-tls"), !reached, "{answer}");
        }
    }
    let heads = behind.seen.heads.lock();
    assert_eq!(heads.len(), 2);
    assert!(String::from_utf8_lossy(&heads[0]).contains(&format!("host: localhost:{port}\r\n")));
}

#[tokio::test]
async fn a_refused_connection_is_no_ones_loss_while_another_server_stands() {
    let (address, heads, _) = origin(Origin::AnswerAndClose(ok("fine"))).await;
    let (first, second) = (closed_port().await, closed_port().await);
    let mut setup = Setup::upstream(format!("http://{first}"));
    setup.upstreams.extend([format!("http://{address}"), format!("http://{second}")]);
    setup.settings.refusal = Duration::from_millis(300);
    let fixture = setup.start();
    // Whatever the method: the body was not begun.
    for number in 0..40 {
        let mut stream = fixture.connect().await;
        let body = format!("POST /{number} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
        stream.write_all(body.as_bytes()).await.unwrap();
        let answer = read_until(&mut stream, "\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{number}: {answer}");
    }
    let sent: Vec<_> = heads.lock().iter().map(|head| head.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(sent, (0..40).map(|number| format!("/{number}")).collect::<Vec<_>>(), "each once");
    let healthy = || fixture.group.as_ref().unwrap().status().iter().map(|server| server.healthy).collect::<Vec<_>>();
    assert_eq!(healthy(), [false, true, false]);
    // Down for a short time only.
    eventually("they are asked again", || healthy() == [true, true, true]).await;
    drop(fixture);

    // When all refuse, each is asked once, and the caller hears why.
    let mut setup = Setup::upstream(format!("http://{first}"));
    setup.upstreams.push(format!("h2c://{second}"));
    let fixture = setup.start();
    let answer = fixture.talk(GET).await;
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.ends_with("upstream-connect"), "{answer}");
    // They are tried nonetheless, and one that is back is found at once.
    let listener = tokio::net::TcpListener::bind(first).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 512];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(&ok("back")).await;
        }
    });
    assert!(fixture.talk(GET).await.ends_with("back"));
}

#[tokio::test]
async fn a_server_whose_certificate_is_wrong_gets_nothing_and_the_next_one_does() {
    let (tls, _dir, _) = local(TlsOptions::default());
    let (_, _other_dir, other_ca) = local(TlsOptions::default());
    let stranger = Setup { tls: Some(tls), ..Setup::default() }.start();
    let (address, heads, _) = origin(Origin::Answer(ok("fine"))).await;
    let mut setup = Setup::upstream(format!("https://localhost:{}", stranger.address.port()));
    setup.upstreams.push(format!("http://{address}"));
    setup.settings.ca_file = Some(other_ca);
    let fixture = setup.start();
    for _ in 0..20 {
        assert!(fixture.talk(b"GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await.ends_with("fine"));
    }
    assert_eq!(heads.lock().len(), 20);
    assert!(stranger.seen.heads.lock().is_empty());
}

/// A listening socket whose queue is full: connecting to it takes for ever.
fn deaf() -> (socket2::Socket, Vec<std::net::TcpStream>, std::net::SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(1).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let dial = || std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200));
    let held = std::iter::from_fn(|| dial().ok()).take(100).collect();
    assert!(dial().is_err(), "its queue has room");
    (socket, held, address)
}

#[tokio::test]
async fn one_server_that_does_not_answer_is_waited_for_and_a_second_is_the_last() {
    let all = [deaf(), deaf(), deaf()];
    let deaf = all.each_ref().map(|(_, _, address)| format!("http://{address}"));
    let (address, heads, _) = origin(Origin::AnswerAndClose(ok("fine"))).await;
    let mut setup = Setup::upstream(deaf[0].clone());
    setup.upstreams.push(format!("http://{address}"));
    setup.settings.connect_timeout = Duration::from_millis(200);
    let fixture = setup.start();
    for _ in 0..10 {
        assert!(fixture.talk(b"POST /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await.ends_with("fine"));
    }
    assert_eq!(heads.lock().len(), 10);

    let mut setup = Setup::upstream(deaf[0].clone());
    setup.upstreams.extend_from_slice(&deaf[1..]);
    setup.settings.connect_timeout = Duration::from_millis(200);
    let fixture = setup.start();
    let began = Instant::now();
    let mut stream = fixture.connect().await;
    stream.write_all(GET).await.unwrap();
    let answer = read_until(&mut stream, "upstream-connect-timeout").await;
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
    assert!(began.elapsed() >= Duration::from_millis(400));
    let asked = fixture.group.as_ref().unwrap().status().iter().filter(|server| !server.healthy).count();
    assert_eq!(asked, 2, "the third was not asked");
}

/// An HTTP/2 origin that notes the names of trailers.
async fn trailer_origin() -> (std::net::SocketAddr, std::sync::Arc<parking_lot::Mutex<Vec<http::HeaderName>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let trailers = std::sync::Arc::new(parking_lot::Mutex::new(Vec::new()));
    let seen = trailers.clone();
    tokio::spawn(async move {
        use http_body_util::BodyExt as _;
        while let Ok((stream, _)) = listener.accept().await {
            let seen = seen.clone();
            let service = hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
                let seen = seen.clone();
                async move {
                    let body = request.into_body().collect().await.unwrap();
                    seen.lock().extend(body.trailers().into_iter().flat_map(|map| map.keys().cloned()));
                    Ok::<_, std::io::Error>(http::Response::new(String::from("fine")))
                }
            });
            tokio::spawn(
                hyper::server::conn::http2::Builder::new(hyper_util::rt::TokioExecutor::new())
                    .serve_connection(hyper_util::rt::TokioIo::new(stream), service),
            );
        }
    });
    (address, trailers)
}

fn with_trailers(kind: &str, body: &str) -> Vec<u8> {
    let mut head = format!("POST /x HTTP/1.1\r\nHost: h\r\nContent-Type: {kind}\r\nTrailer: x-sum\r\n").into_bytes();
    head.extend(format!("TE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n{body}0\r\nx-sum: 1\r\n").bytes());
    head.extend(b"testudo-person: p\r\nx-forwarded-for: 1.2.3.4\r\n\r\n");
    head
}

#[tokio::test]
async fn a_caller_can_not_smuggle_identity_in_trailers() {
    let (address, trailers) = trailer_origin().await;
    let fixture = Setup::upstream(format!("h2c://{address}")).start();
    for body in ["", "2\r\nhi\r\n"] {
        let answer = fixture.talk(&with_trailers("application/grpc+proto", body)).await;
        assert!(answer.contains("fine"), "{answer}");
        assert_eq!(std::mem::take(&mut *trailers.lock()), ["x-sum"]);
    }
}

#[tokio::test]
async fn trailers_go_no_further_than_the_decision_unless_grpc_has_a_use_for_them() {
    let (address, trailers) = trailer_origin().await;
    let fixture = Setup::upstream(format!("h2c://{address}")).start();
    let answer = fixture.talk(&with_trailers("application/json", "2\r\n{}\r\n")).await;
    assert!(answer.contains("fine"), "{answer}");
    assert!(trailers.lock().is_empty());

    // HTTP/1.1, read whole: the body arrives as a whole, with nothing behind it, and the connection goes on.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let got = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut all = Vec::new();
        for _ in 0..2 {
            let mut piece = [0; 4096];
            while !all.ends_with(b"0\r\n\r\n") {
                let count = stream.read(&mut piece).await.unwrap();
                all.extend_from_slice(&piece[..count]);
            }
            stream.write_all(&ok("fine")).await.unwrap();
            all.push(b'|');
        }
        String::from_utf8(all).unwrap()
    });
    let fixture = Setup::upstream(format!("http://{address}")).start();
    let mut stream = fixture.connect().await;
    for kind in ["application/json", "application/grpc"] {
        stream.write_all(&with_trailers(kind, "2\r\n{}\r\n")).await.unwrap();
        read_until(&mut stream, "fine").await;
    }
    let got = got.await.unwrap();
    assert_eq!(got.matches("\r\n2\r\n{}\r\n0\r\n\r\n|").count(), 2, "{got}");
    assert!(!got.contains("x-sum") && !got.to_lowercase().contains("trailer:"), "{got}");
}

/// An HTTP/2 origin that reads each body to its end and answers then.
async fn http2_origin() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = hyper::service::service_fn(|request: http::Request<hyper::body::Incoming>| async move {
                crate::harness::body_of(request.into_body()).await?;
                Ok::<_, hyper::Error>(http::Response::new(String::from("fine")))
            });
            tokio::spawn(
                hyper::server::conn::http2::Builder::new(hyper_util::rt::TokioExecutor::new())
                    .serve_connection(hyper_util::rt::TokioIo::new(stream), service),
            );
        }
    });
    address
}

#[tokio::test]
async fn a_broken_upload_is_the_callers_fault_and_the_upstream_stays() {
    let (address, ..) = origin(Origin::Silent).await;
    for upstream in [format!("http://{address}"), format!("h2c://{}", http2_origin().await)] {
        let mut setup = Setup::upstream(upstream.clone());
        setup.limits.body_grace = Duration::from_millis(100);
        setup.limits.body_rate = 1_000_000;
        setup.settings.failures = 1;
        let fixture = setup.start();
        for (status, code, upload) in [
            ("408", "body-too-slow", "Content-Length: 9\r\n\r\nhalf"),
            ("400", "chunk-end", "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX"),
        ] {
            let mut stream = fixture.connect().await;
            stream.write_all(format!("POST /x HTTP/1.1\r\nHost: h\r\n{upload}").as_bytes()).await.unwrap();
            let answer = read_until(&mut stream, "\r\n\r\n").await;
            let answer = answer + &read_all(&mut stream).await;
            let expected = answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.ends_with(code);
            assert!(expected, "{upstream} {code}: {answer}");
            assert!(fixture.group.as_ref().unwrap().status()[0].healthy);
        }
        eventually("nothing is in flight", || fixture.group.as_ref().unwrap().status()[0].in_flight == 0).await;
    }
}

/// An origin that answers as soon as it has read a head, and reads the rest afterwards.
async fn early_origin(answer: Vec<u8>) -> (std::net::SocketAddr, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let read = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let seen = read.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut piece = vec![0; 1 << 16];
            let count = stream.read(&mut piece).await.unwrap();
            seen.fetch_add(count, Ordering::SeqCst);
            stream.write_all(&answer).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
            while let Ok(count @ 1..) = stream.read(&mut piece).await {
                seen.fetch_add(count, Ordering::SeqCst);
            }
        }
    });
    (address, read)
}

#[tokio::test]
async fn an_early_answer_does_not_stop_the_upload() {
    for answer in [ok("fine"), b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n".to_vec()]
    {
        let (address, read) = early_origin(answer).await;
        let fixture = Setup::upstream(format!("http://{address}")).start();
        let mut stream = fixture.connect().await;
        let size = 3_000_000;
        stream
            .write_all(format!("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let (mut reader, mut writer) = stream.into_split();
        let answered = tokio::spawn(async move { read_until(&mut reader, "fine").await });
        let body = vec![b'x'; size];
        // The caller goes on sending although it was answered.
        writer.write_all(&body).await.unwrap();
        assert!(answered.await.unwrap().starts_with("HTTP/1.1 200"));
        eventually("everything arrived", || read.load(Ordering::SeqCst) >= size).await;
    }
}

#[tokio::test]
async fn a_server_that_refuses_and_closes_is_heard() {
    // It reads no body, answers, and closes: writing the rest fails, the answer counts.
    let refusal = b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno".to_vec();
    let (address, ..) = origin(Origin::AnswerAndClose(refusal)).await;
    let fixture = Setup::upstream(format!("http://{address}")).start();
    let mut stream = fixture.connect().await;
    stream.write_all(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 500000\r\n\r\n").await.unwrap();
    stream.write_all(&vec![b'x'; 1000]).await.unwrap();
    let answer = read_until(&mut stream, "no").await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn answers_that_two_readers_could_cut_differently_are_refused() {
    for lie in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nfine",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: a\r\n folded\r\ncontent-length: 4\r\n\r\nfine",
    ] {
        let (address, ..) = origin(Origin::AnswerAndClose(lie.to_vec())).await;
        let fixture = Setup::upstream(format!("http://{address}")).start();
        let answer = fixture.talk(GET).await;
        assert!(answer.starts_with("HTTP/1.1 502 ") && answer.ends_with("upstream-malformed"), "{answer}");
    }
}

#[tokio::test]
async fn a_connection_that_the_server_closed_meanwhile_is_not_used() {
    // Each connection is closed after its first answer without having said so.
    let (address, heads, connections) = origin(Origin::AnswerAndClose(ok("fine"))).await;
    let fixture = Setup::upstream(format!("http://{address}")).start();
    let mut stream = fixture.connect().await;
    for _ in 0..3 {
        // Not idempotent, so that it could not be sent again.
        stream.write_all(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        assert!(read_until(&mut stream, "fine").await.starts_with("HTTP/1.1 200"));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!((heads.lock().len(), connections.load(Ordering::SeqCst)), (3, 3));
}
