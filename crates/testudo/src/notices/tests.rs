//! Tests of `notices`.

#![allow(clippy::duration_suboptimal_units, reason = "the unit of what is measured")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use testudo_core::{Event, EventKind, IncidentId, Severity};
use testudo_export::notice::webhook::WebhookSecrets;
use testudo_store::{JournalFilter, Tx};

use super::*;
use crate::config::{self, Overrides};
use crate::data::DataFolder;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PATIENCE: Duration = Duration::from_secs(60);

async fn node(folder: &Path, configuration: &str) -> Arc<Node> {
    let file = folder.join("testudo.toml");
    std::fs::write(&file, configuration).unwrap();
    let config = config::load(Some(&file), std::iter::empty(), &Overrides::default()).unwrap();
    check(&config).unwrap();
    Node::open(config, DataFolder::open(&folder.join("data")).unwrap(), None).await.unwrap()
}

/// An incident as the journal tells of it.
async fn incident(node: &Node) -> IncidentId {
    let now = node.clock.now();
    let incident = IncidentId::new(now, [7; 10]);
    let alert = testudo_core::Alert {
        rule: "testudo-credential-stuffing".into(),
        title: "Credential stuffing from one network".into(),
        author: String::new(),
        level: Severity::High,
        at: now,
        since: now,
        group: std::collections::BTreeMap::new(),
        places: vec![0],
        count: 40,
        suppressed: 0,
        tags: Vec::new(),
        false_positives: Vec::new(),
    };
    let mut tx = Tx::new();
    tx.event(alert.event());
    let place = node.store.commit(tx).await.unwrap().first_seq.unwrap();
    let of = |kind| Event::new(kind, now).on(incident.to_string());
    let mut tx = Tx::new();
    tx.event(of(EventKind::IncidentOpened).detail("level", "critical"));
    tx.event(of(EventKind::IncidentChanged).detail("what", "alerted").detail("alert", place.to_string()));
    for action in ["tighten-limits", "revoke-person", "revoke-person", "notify"] {
        tx.event(of(EventKind::ResponsePerformed).detail("action", action));
    }
    node.store.commit(tx).await.unwrap();
    incident
}

async fn events(node: &Node, kind: EventKind, count: usize) -> Vec<testudo_store::Plain> {
    let filter = JournalFilter { kinds: vec![kind], ..JournalFilter::default() };
    let all = async {
        loop {
            let found = node.store.read_journal(0, 100, &filter).await.unwrap();
            if found.len() >= count {
                return found.into_iter().map(|entry| entry.plain).collect();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, all).await.unwrap_or_else(|_| panic!("{count} events {kind}"))
}

/// Answers requests with these statuses in turn, and hands over head and body.
fn hook(statuses: &'static [u16]) -> (SocketAddr, Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, (sender, receiver)) = (listener.local_addr().unwrap(), channel());
    std::thread::spawn(move || {
        for status in statuses {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                assert!(reader.read_line(&mut head).unwrap() > 0);
            }
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let mut body = vec![0; length.unwrap()];
            reader.read_exact(&mut body).unwrap();
            let location = "Location: http://127.0.0.1:9/\r\n";
            write!(stream, "HTTP/1.1 {status} X\r\n{location}Content-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
            sender.send((head, String::from_utf8(body).unwrap())).unwrap();
        }
    });
    (address, receiver)
}

fn header<'h>(head: &'h str, name: &str) -> &'h str {
    let line = head.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}: ")));
    line.unwrap_or_else(|| panic!("no {name} in {head}")).split_once(": ").unwrap().1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_is_signed_tried_again_and_told_once() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), format!("{SECRET}\n")).unwrap();
    let (address, heard) = hook(&[503, 204]);
    let configuration = format!(
        "[[notify]]\nname = \"soc\"\nkind = \"webhook\"\nurl = \"http://{address}/hook?x=1\"\nsecret-file = \"{}\"\n",
        folder.path().join("secret").display()
    );
    let node = node(folder.path(), &configuration).await;
    let stop = CloseSignal::new();
    node.notices_through(Box::new(Outbox::start(&node, stop.clone())));
    let incident = incident(&node).await;
    assert!(matches!(node.notify("nobody", incident).await, Err(ActionError::NotFound(_))));
    for _ in 0..3 {
        node.notify("soc", incident).await.unwrap();
    }
    let sent = events(&node, EventKind::NoticeSent, 1).await;
    assert_eq!(sent[0].details["attempts"], "2");
    assert_eq!(sent[0].target.as_deref(), Some(&*incident.to_string()));
    let ((first, body), (second, again)) = (heard.recv().unwrap(), heard.recv().unwrap());
    assert_eq!(body, again);
    assert!(first.starts_with("POST /hook?x=1 HTTP/1.1\r\n"), "{first}");
    assert_eq!(header(&first, "webhook-id"), header(&second, "webhook-id"), "a repeat is known as one");
    let secrets = WebhookSecrets::parse(SECRET).unwrap();
    for head in [&first, &second] {
        let timestamp: i64 = header(head, "webhook-timestamp").parse().unwrap();
        let (id, signature) = (header(head, "webhook-id"), header(head, "webhook-signature"));
        assert!(secrets.verify(id, timestamp, signature, body.as_bytes(), node.clock.now()));
        let late = node.clock.now().plus(Duration::from_mins(6));
        assert!(!secrets.verify(id, timestamp, signature, body.as_bytes(), late), "not in the window of a replay");
    }
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["type"], "incident.opened");
    assert_eq!(body["data"]["title"], "Credential stuffing from one network");
    assert_eq!(body["data"]["severity"], "critical");
    assert_eq!(body["data"]["done"], serde_json::json!(["revoke-person: done (2 times)", "tighten-limits: done"]));
    assert!(body["data"]["link"].as_str().unwrap().ends_with(&format!("/incidents/{incident}")));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(events(&node, EventKind::NoticeSent, 1).await.len(), 1, "asked for three times, told once");
    stop.close("test");
    node.store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_wants_is_given_up_and_said_and_redirects_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), SECRET).unwrap();
    let ((gone, _heard), (elsewhere, _too)) = (hook(&[410]), hook(&[302]));
    let channel = |name: &str, address: SocketAddr| {
        let secret = folder.path().join("secret");
        format!(
            "[[notify]]\nname = \"{name}\"\nkind = \"webhook\"\nurl = \"http://{address}/\"\nsecret-file = \"{}\"\n",
            secret.display()
        )
    };
    let configuration = channel("gone", gone) + &channel("elsewhere", elsewhere);
    let node = node(folder.path(), &configuration).await;
    let stop = CloseSignal::new();
    node.notices_through(Box::new(Outbox::start(&node, stop.clone())));
    let incident = incident(&node).await;
    for name in ["gone", "elsewhere"] {
        node.notify(name, incident).await.unwrap();
    }
    let failed = events(&node, EventKind::NoticeFailed, 2).await;
    let causes: Vec<&str> = failed.iter().map(|plain| &*plain.details["cause"]).collect();
    assert!(causes.iter().any(|cause| cause.contains("410")), "{causes:?}");
    assert!(causes.iter().any(|cause| cause.contains("redirects are not followed")), "{causes:?}");
    stop.close("test");
    node.store.close().await.unwrap();
}

/// A mail server's side of one session, as RFC 5321 has it; the message is handed over.
fn smtp(stream: impl Read + Write, sender: &Sender<String>) {
    let mut stream = BufReader::new(stream);
    said_to(&mut stream, "220 mail.example.org ESMTP\r\n");
    let (mut all, mut line) = (String::new(), String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        all.push_str(&line);
        match line.split([' ', '\r']).next().unwrap().to_ascii_uppercase().as_str() {
            "EHLO" => said_to(&mut stream, "250-mail.example.org\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n"),
            "AUTH" => said_to(&mut stream, "235 2.7.0 ok\r\n"),
            "DATA" => {
                said_to(&mut stream, "354 go on\r\n");
                loop {
                    line.clear();
                    stream.read_line(&mut line).unwrap();
                    if line == ".\r\n" {
                        break;
                    }
                    all.push_str(&line);
                }
                said_to(&mut stream, "250 taken\r\n");
                sender.send(all.clone()).unwrap();
            }
            "QUIT" => {
                said_to(&mut stream, "221 bye\r\n");
                return;
            }
            _ => said_to(&mut stream, "250 ok\r\n"),
        }
    }
}

fn said_to<S: Read + Write>(stream: &mut BufReader<S>, text: &str) {
    stream.get_mut().write_all(text.as_bytes()).unwrap();
    stream.get_mut().flush().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_goes_out_over_tls_and_in_plain_on_loopback_only() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(folder.path().join("ca.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.path().join("credentials"), "testudo\nsecret-of-the-test\n").unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let tls = builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let tls = Arc::new(tls);
    let (sender, mails) = channel();
    let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
    let (plain, secure) = (listen(), listen());
    let (plain_at, secure_at) = (plain.local_addr().unwrap(), secure.local_addr().unwrap());
    let to = sender.clone();
    std::thread::spawn(move || {
        for stream in plain.incoming() {
            smtp(stream.unwrap(), &to);
        }
    });
    std::thread::spawn(move || {
        for stream in secure.incoming() {
            let stream: TcpStream = stream.unwrap();
            let connection = rustls::ServerConnection::new(Arc::clone(&tls)).unwrap();
            smtp(rustls::StreamOwned::new(connection, stream), &sender);
        }
    });
    let at = |name: &str| folder.path().join(name).display().to_string();
    let configuration = format!(
        "[[notify]]\nname = \"plain\"\nkind = \"mail\"\nserver = \"smtp+plain://127.0.0.1:{}\"\n\
         from = \"Testudo <testudo@example.org>\"\nto = [\"soc@example.org\", \"on-call@example.org\"]\n\
         [[notify]]\nname = \"secure\"\nkind = \"mail\"\nserver = \"smtps://localhost:{}\"\nca-file = \"{}\"\n\
         credentials-file = \"{}\"\nfrom = \"testudo@example.org\"\nto = [\"soc@example.org\"]\n",
        plain_at.port(),
        secure_at.port(),
        at("ca.pem"),
        at("credentials")
    );
    let node = node(folder.path(), &configuration).await;
    let stop = CloseSignal::new();
    node.notices_through(Box::new(Outbox::start(&node, stop.clone())));
    let incident = incident(&node).await;
    node.notify("plain", incident).await.unwrap();
    let mail = tokio::task::spawn_blocking(move || (mails.recv_timeout(PATIENCE).unwrap(), mails)).await.unwrap();
    let (text, mails) = mail;
    assert!(text.contains("RCPT TO:<on-call@example.org>"), "{text}");
    assert!(text.contains("Subject: [testudo] critical: Credential stuffing from one network"), "{text}");
    assert!(text.contains("- tighten-limits: done"), "{text}");
    node.notify("secure", incident).await.unwrap();
    let text = tokio::task::spawn_blocking(move || mails.recv_timeout(PATIENCE).unwrap()).await.unwrap();
    assert!(text.contains("AUTH PLAIN"), "{text}");
    assert!(text.contains(&format!("/incidents/{incident}")), "{text}");
    assert_eq!(events(&node, EventKind::NoticeSent, 2).await.len(), 2);
    stop.close("test");
    node.store.close().await.unwrap();
}
