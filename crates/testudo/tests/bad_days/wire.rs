//! Clients that speak TLS and then whatever a test wants, honest ones beside them, and what the journal says.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

use crate::support::Server;

/// The most memory under any flood.
pub const MOST_MEMORY_KIB: u64 = 256 * 1024;

/// A TLS connection without anything above it.
pub type Tls = StreamOwned<ClientConnection, TcpStream>;

/// Clients of one protocol that trust the server's CA.
pub fn client_config(server: &Server, alpn: &str) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(server.ca()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    Arc::new(config)
}

/// A TCP connection that comes from an address of our choice within 127.0.0.0/8.
pub fn tcp(from: [u8; 4], to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::from(from), 0)).into())?;
    socket.connect_timeout(&to.into(), Duration::from_secs(10))?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A TLS connection, with its handshake done.
pub fn tls(config: &Arc<ClientConfig>, from: [u8; 4], to: SocketAddr) -> std::io::Result<Tls> {
    let stream = tcp(from, to)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.set_write_timeout(Some(Duration::from_secs(30)))?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut tls = StreamOwned::new(ClientConnection::new(Arc::clone(config), name).unwrap(), stream);
    while tls.conn.is_handshaking() {
        tls.conn.complete_io(&mut tls.sock)?;
    }
    Ok(tls)
}

/// Everything up to the end of the connection, which must come within this time.
pub fn read_to_end(stream: &mut Tls, within: Duration) -> Vec<u8> {
    let deadline = Instant::now() + within;
    let mut all = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "the connection is still open after {within:?}: {}", String::from_utf8_lossy(&all));
        stream.sock.set_read_timeout(Some(left.max(Duration::from_millis(1)))).unwrap();
        match stream.read(&mut buffer) {
            Ok(0) => return all,
            Ok(count) => all.extend_from_slice(&buffer[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            // A reset, or an end without a farewell.
            Err(_) => return all,
        }
    }
}

/// One answer to `GET` over a connection of its own: status and body, or why there was none.
pub fn get(config: &Arc<ClientConfig>, from: [u8; 4], to: SocketAddr, path: &str) -> std::io::Result<(u16, String)> {
    ask(config, from, to, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
}

/// The same for a request that is written out and asks to close.
pub fn ask(config: &Arc<ClientConfig>, from: [u8; 4], to: SocketAddr, head: &str) -> std::io::Result<(u16, String)> {
    let mut stream = tls(config, from, to)?;
    stream.sock.set_read_timeout(Some(Duration::from_secs(90)))?;
    stream.write_all(head.as_bytes())?;
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    match (status, text.split_once("\r\n\r\n")) {
        (Some(status), Some((head, body))) => {
            // Hop by hop, so that what the wire said can be compared.
            let _ = ended;
            Ok((status, format!("{head}\n\n{body}")))
        }
        _ => Err(ended.err().unwrap_or_else(|| std::io::Error::other(format!("no answer: {text}")))),
    }
}

/// Somebody who asks for a path again and again while others misbehave.
pub struct Honest {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Report>,
}

/// What she saw.
#[derive(Debug, Default)]
pub struct Report {
    pub served: usize,
    pub wrong: Vec<String>,
    pub slowest: Duration,
}

impl Honest {
    pub fn start(server: &Server, path: &str) -> Honest {
        let (config, to) = (client_config(server, "http/1.1"), server.gateway);
        let (stop, path) = (Arc::new(AtomicBool::new(false)), path.to_owned());
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut report = Report::default();
            while !stopped.load(Ordering::Relaxed) {
                let began = Instant::now();
                match get(&config, [127, 0, 0, 1], to, &path) {
                    Ok((200, _)) => report.served += 1,
                    Ok((status, body)) => report.wrong.push(format!("{status} {body}")),
                    Err(error) => report.wrong.push(error.to_string()),
                }
                report.slowest = report.slowest.max(began.elapsed());
                std::thread::sleep(Duration::from_millis(50));
            }
            report
        });
        Honest { stop, thread }
    }

    /// Every one of her requests was served, none slowly.
    pub fn was_served(self) {
        // At least one request after the bad part.
        std::thread::sleep(Duration::from_millis(200));
        self.stop.store(true, Ordering::Relaxed);
        let report = self.thread.join().unwrap();
        assert!(report.wrong.is_empty(), "{report:?}");
        assert!(report.served > 0, "{report:?}");
        assert!(report.slowest < Duration::from_secs(5), "{report:?}");
    }
}

/// Entries of a kind, newest first.
pub fn entries(server: &Server, kind: &str) -> Vec<Value> {
    let arguments = ["--format", "json", "audit", "list", "--kind", kind, "--limit", "200"];
    let page: Value = serde_json::from_str(&server.run(&arguments)).unwrap();
    page["items"].as_array().unwrap().clone()
}

/// How many events with this code the journal holds, where folded ones count as many as they are.
pub fn told(server: &Server, kind: &str, code: &str) -> u64 {
    let of_code = |entry: &&Value| entry["event"]["code"] == code;
    entries(server, kind).iter().filter(of_code).map(|entry| entry["event"]["count"].as_u64().unwrap_or(1)).sum()
}

/// The journal tells of something at least so many times.
pub fn journal_tells(server: &Server, kind: &str, code: &str, times: u64) {
    crate::support::eventually(&format!("{kind} {code} x {times} in the journal"), Duration::from_secs(15), || {
        told(server, kind, code) >= times
    });
}

pub fn memory_is_bounded(server: &Server) {
    let peak = server.peak_memory_kib();
    eprintln!("peak memory: {} MiB", peak / 1024);
    assert!(peak <= MOST_MEMORY_KIB, "the server took {} MiB", peak / 1024);
}
