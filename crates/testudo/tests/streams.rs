//! Open streams end with their session, and with their token: WebSocket, server-sent events, long downloads.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

mod support;

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::json;
use support::http::{Http, Person, Tls, Tokens, read_head, request};
use support::upstream::Upstream;
use support::{Server, eventually};
use tungstenite::Message;
use tungstenite::client::IntoClientRequest as _;

const PASSWORD: &str = "correct horse battery staple";
/// Between the end of a session and the end of its streams.
const AT_MOST: Duration = Duration::from_millis(100);

/// A server before a backend that streams, with Ada and her tokens.
struct Fixture {
    server: Arc<Server>,
    ada: Person,
    tokens: Tokens,
    _upstream: Upstream,
}

impl Fixture {
    fn start() -> Fixture {
        let upstream = Upstream::start();
        let server = Server::start(&["--upstream", &upstream.url()]);
        server.run(&["client", "create", "app", "--redirect", "http://127.0.0.1/callback", "--first-party"]);
        server.create_person("ada@example.org", PASSWORD);
        let mut ada = Person::new("ada@example.org", PASSWORD);
        let tokens = server.tokens(&mut ada, "app", "openid");
        Fixture { server: Arc::new(server), ada, tokens, _upstream: upstream }
    }

    fn session(&self) -> String {
        self.server.session_of("ada@example.org")
    }

    /// Ends her session, and says when that was asked for and when it was acknowledged.
    fn revoke(&self, session: &str) -> (Instant, Instant) {
        let asked = Instant::now();
        let reply = self.server.as_owner("DELETE", &format!("/admin/v1/sessions/{session}"), None);
        assert_eq!(reply.status, 204, "{}", reply.text());
        (asked, Instant::now())
    }
}

/// Opens a stream and reads it on a thread of its own; gives the bytes so far, then the instant of its end.
fn watch(server: &Server, tokens: &Tokens, path: &str) -> (Receiver<usize>, std::thread::JoinHandle<Instant>) {
    let mut stream = Http::new(&server.ca()).open(server.gateway);
    let bytes = request(server.gateway, "GET", path, &[("Authorization", &tokens.bearer())], b"", false);
    stream.write_all(&bytes).unwrap();
    let head = read_head(&mut stream);
    assert_eq!(head.status, 200, "{head:?}");
    let (sender, receiver) = channel();
    let thread = std::thread::spawn(move || read_until_end(stream, &sender));
    (receiver, thread)
}

fn read_until_end(mut stream: Tls, sender: &std::sync::mpsc::Sender<usize>) -> Instant {
    let mut buffer = [0; 16 * 1024];
    loop {
        match stream.read(&mut buffer) {
            // The end of a chunked body is an end as well, whatever the connection does then.
            Ok(read) if read > 0 && !buffer[..read].ends_with(b"\r\n0\r\n\r\n") && &buffer[..read] != b"0\r\n\r\n" => {
                let _ = sender.send(read);
            }
            _ => return Instant::now(),
        }
    }
}

fn ends_in_time(what: &str, fixture: &Fixture, path: &str) {
    let (bytes, thread) = watch(&fixture.server, &fixture.tokens, path);
    for _ in 0..5 {
        bytes.recv_timeout(Duration::from_secs(5)).expect("the stream flows");
    }
    let session = fixture.session();
    assert!(!thread.is_finished());
    let (asked, acknowledged) = fixture.revoke(&session);
    let ended = thread.join().unwrap();
    let late = ended.saturating_duration_since(acknowledged);
    eprintln!("{what}: ended {:?} after the revocation was asked for", ended.saturating_duration_since(asked));
    assert!(ended > asked, "{what} ended before its session did");
    assert!(late < AT_MOST, "{what} ended {late:?} after its session");
    assert_eq!(fixture.server.get("/stream", &fixture.tokens).status, 401);
}

#[test]
fn events_end_within_100_ms_of_the_session() {
    ends_in_time("server-sent events", &Fixture::start(), "/stream");
}

#[test]
fn a_long_download_ends_within_100_ms_of_the_session() {
    ends_in_time("a download", &Fixture::start(), "/download");
}

#[test]
fn the_wallets_events_end_within_100_ms_of_session_revoke() {
    let server = Server::start(&[]);
    server.create_person("ada@example.org", PASSWORD);
    let mut ada = Person::new("ada@example.org", PASSWORD);
    let tokens = server.tokens(&mut ada, "wallet-app", "openid accounts:read");
    let accounts = server.get("/accounts", &tokens).json();
    let account = accounts["accounts"][0]["id"].as_str().unwrap();
    let (bytes, thread) = watch(&server, &tokens, &format!("/accounts/{account}/events"));
    bytes.recv_timeout(Duration::from_secs(5)).expect("the balance comes first");
    let session = server.session_of("ada@example.org");
    // Through the command, as an operator does it.
    let said = server.run(&["session", "revoke", &session]);
    let acknowledged = Instant::now();
    assert!(said.contains(&session), "{said}");
    let late = thread.join().unwrap().saturating_duration_since(acknowledged);
    assert!(late < AT_MOST, "the stream ended {late:?} after `session revoke`");
    assert_eq!(server.get("/accounts", &tokens).refusal(), (401, "session-revoked".into()));
}

fn web_socket(fixture: &Fixture) -> tungstenite::WebSocket<Tls> {
    let stream = Http::new(&fixture.server.ca()).open(fixture.server.gateway);
    let url = format!("wss://localhost:{}/chat", fixture.server.gateway.port());
    let mut ask = url.into_client_request().unwrap();
    ask.headers_mut().insert("authorization", fixture.tokens.bearer().parse().unwrap());
    tungstenite::client(ask, stream).unwrap().0
}

#[test]
fn a_web_socket_ends_within_100_ms_of_the_session_and_says_why() {
    let fixture = Fixture::start();
    let mut socket = web_socket(&fixture);
    for size in [0, 125, 65_536, 200_000] {
        let message = Message::binary(vec![7_u8; size]);
        socket.send(message.clone()).unwrap();
        assert_eq!(socket.read().unwrap(), message);
    }
    let session = fixture.session();
    let thread = std::thread::spawn(move || (socket.read(), Instant::now()));
    let (asked, acknowledged) = fixture.revoke(&session);
    let (last, ended) = thread.join().unwrap();
    match last.unwrap() {
        Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), 1008, "a violation of policy"),
        other => panic!("{other:?}"),
    }
    eprintln!("a WebSocket: closed {:?} after the revocation was asked for", ended.saturating_duration_since(asked));
    assert!(ended.saturating_duration_since(acknowledged) < AT_MOST);
    let stream = Http::new(&fixture.server.ca()).open(fixture.server.gateway);
    let mut ask = format!("wss://localhost:{}/chat", fixture.server.gateway.port()).into_client_request().unwrap();
    ask.headers_mut().insert("authorization", fixture.tokens.bearer().parse().unwrap());
    assert!(tungstenite::client(ask, stream).is_err(), "no new one either");
    // Its story is in the journal.
    eventually("the end of the stream in the journal", Duration::from_secs(5), || {
        fixture.server.events("request.decided").iter().any(|event| event["details"]["ended"] == "session-ended")
    });
}

#[test]
fn a_stream_whose_session_ends_before_its_first_byte_never_flows() {
    let fixture = Fixture::start();
    let session = fixture.session();
    let (server, tokens) = (Arc::clone(&fixture.server), fixture.tokens.clone());
    let thread = std::thread::spawn(move || {
        let mut stream = Http::new(&server.ca()).open(server.gateway);
        let bytes = request(server.gateway, "GET", "/late-stream", &[("Authorization", &tokens.bearer())], b"", true);
        stream.write_all(&bytes).unwrap();
        let began = Instant::now();
        // Whatever comes, it must come to an end.
        let (sender, _receiver) = channel();
        (read_until_end(stream, &sender), began)
    });
    std::thread::sleep(Duration::from_millis(200));
    fixture.revoke(&session);
    let (ended, began) = thread.join().unwrap();
    assert!(ended.duration_since(began) < Duration::from_secs(3), "{:?}", ended.duration_since(began));
}

#[test]
fn other_peoples_streams_go_on() {
    let fixture = Fixture::start();
    fixture.server.create_person("bob@example.org", PASSWORD);
    let mut bob = Person::new("bob@example.org", PASSWORD);
    let his = fixture.server.tokens(&mut bob, "app", "openid");
    let (bytes, thread) = watch(&fixture.server, &his, "/stream");
    let session = fixture.session();
    fixture.revoke(&session);
    std::thread::sleep(Duration::from_millis(300));
    while bytes.try_recv().is_ok() {}
    assert!(!thread.is_finished());
    bytes.recv_timeout(Duration::from_secs(1)).expect("his stream flows on");
    // Locking him ends it, too.
    fixture.server.run(&["user", "lock", "bob@example.org", "--reason", "test"]);
    let acknowledged = Instant::now();
    assert!(thread.join().unwrap().saturating_duration_since(acknowledged) < AT_MOST);
}

#[test]
fn a_stream_ends_with_its_token() {
    // A client's tokens live 30 seconds at least: this test is the longest, and it mostly waits.
    let mut fixture = Fixture::start();
    let form = json!({
        "name": "Short", "type": "public", "redirect_uris": ["http://127.0.0.1/callback"], "scopes": ["openid"],
        "grant_types": ["authorization_code"], "cors_origins": [], "first_party": true, "access_token_seconds": 30,
    });
    let body = json!({ "id": "short", "client": form });
    let reply = fixture.server.as_owner("POST", "/admin/v1/clients", Some(&body));
    assert_eq!(reply.status, 201, "{}", reply.text());
    fixture.tokens = fixture.server.tokens(&mut fixture.ada, "short", "openid");
    assert_eq!(fixture.tokens.lifetime, 30);
    let began = Instant::now();
    let (_bytes, thread) = watch(&fixture.server, &fixture.tokens, "/stream");
    let mut socket = web_socket(&fixture);
    let (last, closed) = (socket.read(), Instant::now());
    assert!(matches!(last, Ok(Message::Close(Some(_)))), "{last:?}");
    for ended in [thread.join().unwrap(), closed] {
        let lived = ended.duration_since(began);
        assert!((Duration::from_secs(28)..Duration::from_secs(31)).contains(&lived), "{lived:?}");
    }
}
