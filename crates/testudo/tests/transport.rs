//! The wire as callers meet it: which TLS is spoken, gRPC behind a token, what the server's own answers carry, and what
//! the metrics count of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use support::Server;
use support::http::{Http, Person, Reply, read_reply};

/// Clients that speak these versions of TLS and trust the server's CA.
fn client(server: &Server, versions: &[&'static SupportedProtocolVersion], alpn: &[u8]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(server.ca()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    Arc::new(config)
}

/// The version that a handshake agrees on.
fn handshake(
    server: &Server,
    to: SocketAddr,
    version: &'static SupportedProtocolVersion,
) -> std::io::Result<ProtocolVersion> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut connection = ClientConnection::new(client(server, &[version], b"http/1.1"), name).unwrap();
    let mut stream = TcpStream::connect(to)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok(connection.protocol_version().unwrap())
}

#[test]
fn tls_12_is_spoken_only_when_it_is_asked_for() {
    let (old, new) = (&rustls::version::TLS12, &rustls::version::TLS13);
    let strict = Server::start(&[]);
    for to in [strict.gateway, strict.admin] {
        assert!(handshake(&strict, to, old).is_err());
        assert_eq!(handshake(&strict, to, new).unwrap(), ProtocolVersion::TLSv1_3);
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("testudo.toml"), "[tls]\nallow-tls12 = true\n").unwrap();
    let lenient = Server::start_in(folder, &[]);
    assert_eq!(handshake(&lenient, lenient.gateway, old).unwrap(), ProtocolVersion::TLSv1_2);
    assert_eq!(handshake(&lenient, lenient.gateway, new).unwrap(), ProtocolVersion::TLSv1_3);
}

/// A gRPC service: answers with what it got and who asked, and says in a trailer how it went.
async fn grpc_service() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(|request: Request<hyper::body::Incoming>| async move {
                assert_eq!(request.headers()["te"], "trailers");
                assert!(!request.headers().contains_key("authorization"), "the token stays at the gateway");
                let client = request.headers()["testudo-client"].clone();
                let bytes = request.into_body().collect().await.unwrap().to_bytes();
                let trailers =
                    HeaderMap::from_iter([(http::HeaderName::from_static("grpc-status"), "0".parse().unwrap())]);
                let frames = [Ok::<_, std::io::Error>(Frame::data(bytes)), Ok(Frame::trailers(trailers))];
                let answer = Response::builder().header("content-type", "application/grpc").header("x-client", client);
                Ok::<_, std::io::Error>(answer.body(StreamBody::new(futures_util::stream::iter(frames))).unwrap())
            });
            let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(http.clone().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpc_over_h2c_passes_behind_a_token_with_its_trailers() {
    let upstream = format!("h2c://{}", grpc_service().await);
    let (server, token) = tokio::task::spawn_blocking(move || {
        let server = Server::start(&["--upstream", &upstream]);
        server.run(&["client", "create", "app", "--redirect", "http://127.0.0.1/callback", "--first-party"]);
        server.create_person("ada@example.org", "correct horse battery staple");
        let mut ada = Person::new("ada@example.org", "correct horse battery staple");
        let token = server.tokens(&mut ada, "app", "openid").bearer();
        (server, token)
    })
    .await
    .unwrap();
    let stream = tokio::net::TcpStream::connect(server.gateway).await.unwrap();
    let config = client(&server, &[&rustls::version::TLS13], b"h2");
    let name = ServerName::try_from("localhost").unwrap();
    let stream = tokio_rustls::TlsConnector::from(config).connect(name, stream).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let message = Bytes::from_static(b"\0\0\0\0\x02hi");
    let call = |token: Option<&str>| {
        let mut request = Request::post(format!("{}/orders.Orders/Get", server.url()))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        request.body(Full::new(message.clone())).unwrap()
    };
    assert_eq!(sender.send_request(call(None)).await.unwrap().status(), 401);
    assert_eq!(sender.send_request(call(Some("Bearer made.up.token"))).await.unwrap().status(), 401);
    for _ in 0..3 {
        let answer = sender.send_request(call(Some(&token))).await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.headers()["x-client"]), (200, &"app".parse().unwrap()));
        let collected = answer.into_body().collect().await.unwrap();
        assert_eq!(collected.trailers().unwrap()["grpc-status"], "0");
        assert_eq!(collected.to_bytes(), message);
    }
}

#[test]
fn the_servers_own_answers_carry_what_protects_browsers() {
    let server = Server::start(&[]);
    let http = Http::new(&server.ca());
    let raw = |to: SocketAddr, bytes: &[u8]| {
        let mut stream = http.open(to);
        // It may be refused before all of it is sent.
        let _ = stream.write_all(bytes);
        read_reply(&mut stream)
    };
    let endless = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}", "a".repeat(40 * 1024));
    let large = "POST /enrol HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1060000\r\n\r\n".to_owned()
        + &"a".repeat(1_060_000);
    for (to, bytes, status) in [
        (server.gateway, "GET / HTTP/1.1\r\n\r\n", 400),
        (server.gateway, endless.as_str(), 431),
        (server.admin, "GET / HTTP/1.1\r\n\r\n", 400),
        (server.admin, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        (server.admin, "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        (server.admin, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        (server.admin, large.as_str(), 413),
    ] {
        let reply = raw(to, bytes.as_bytes());
        let asked = bytes.lines().next().unwrap();
        assert_eq!(reply.status, status, "{asked}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{asked}: {:?}", reply.headers);
        assert!(reply.header("strict-transport-security").is_some(), "{asked}: {:?}", reply.headers);
    }
    // Who asks the admin address too often.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("testudo.toml"), "[limits]\naddress = \"1/min burst 1\"\n").unwrap();
    let strict = Server::start_in(folder, &[]);
    let replies: Vec<Reply> = (0..4).map(|_| strict.send_admin("GET", "/admin/v1/status", &[], b"")).collect();
    let refused = &replies[3];
    assert_eq!((refused.status, refused.header("x-content-type-options")), (429, Some("nosniff")));
}

#[test]
fn metrics_count_handshakes_and_open_requests() {
    let server = Server::start(&[]);
    let value = |name: &str| -> u64 {
        let text = server.send_admin("GET", "/metrics", &[], b"").text();
        let line = text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).rsplit(' ').next().unwrap().parse().unwrap()
    };
    for _ in 0..3 {
        assert_eq!(server.send("GET", "/health", &[], b"").status, 200);
    }
    assert!(handshake(&server, server.gateway, &rustls::version::TLS12).is_err());
    assert!(value("testudo_handshakes_total") >= 3);
    assert_eq!((value("testudo_handshakes_failed_total"), value("testudo_shed_total")), (1, 0));
    assert_eq!(value("testudo_requests_open"), 0);
}
