//! TLS: versions, groups, ALPN, the local CA, reload.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use testudo_gateway::tls::{CertificateFiles, Certificates, LocalCa, TicketKeys, TlsOptions, server_config};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::harness::{Setup, eventually, read_until};

pub fn roots(file: &Path) -> rustls::RootCertStore {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file).unwrap()).unwrap();
    roots
}

pub fn client(ca: &Path, versions: &[&'static rustls::SupportedProtocolVersion], alpn: &[u8]) -> rustls::ClientConfig {
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots(ca))
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    config
}

pub async fn connect(address: SocketAddr, config: rustls::ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    connect_to(address, config, "localhost").await
}

async fn connect_to(
    address: SocketAddr,
    config: rustls::ClientConfig,
    name: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await.unwrap();
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(name.to_owned()).unwrap(), stream).await
}

/// A gateway's TLS from a local CA in a new folder, with the CA's file.
pub fn local(options: TlsOptions) -> (Arc<rustls::ServerConfig>, tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let ca = LocalCa::open_or_create(dir.path()).unwrap();
    let file = ca.certificate_path().to_owned();
    let certificates = Certificates::from_local_ca(ca, vec!["gateway.test".to_owned()]).unwrap();
    (server_config(certificates, &options, None).unwrap(), dir, file)
}

#[tokio::test]
async fn tls13_with_the_hybrid_group_serves_http1_and_http2() {
    let (tls, _dir, ca) = local(TlsOptions::default());
    let fixture = Setup { tls: Some(tls), ..Setup::default() }.start();
    for name in ["localhost", "127.0.0.1", "::1", "gateway.test"] {
        let mut stream =
            connect_to(fixture.address, client(&ca, &[&rustls::version::TLS13], b"http/1.1"), name).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let group = stream.get_ref().1.negotiated_key_exchange_group().unwrap().name();
        assert_eq!(group, rustls::NamedGroup::X25519MLKEM768);
        stream.write_all(b"GET /hello HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
        read_until(&mut stream, "hello h").await;
    }
    assert!(fixture.seen.groups.lock().iter().all(|group| *group == Some("X25519MLKEM768")));
    // A client without it is served, too.
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = vec![aws_lc_rs::kx_group::X25519];
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots(&ca))
        .with_no_client_auth();
    let stream = connect(fixture.address, config).await.unwrap();
    let group = stream.get_ref().1.negotiated_key_exchange_group().unwrap().name();
    assert_eq!(group, rustls::NamedGroup::X25519);
    eventually("five handshakes", || fixture.gateway.counters().handshakes == 5).await;
}

#[tokio::test]
async fn tls12_is_refused_unless_allowed() {
    for allow_tls12 in [false, true] {
        let (tls, _dir, ca) = local(TlsOptions { allow_tls12, ..TlsOptions::default() });
        let fixture = Setup { tls: Some(tls), ..Setup::default() }.start();
        let old = connect(fixture.address, client(&ca, &[&rustls::version::TLS12], b"http/1.1")).await;
        assert_eq!(old.is_ok(), allow_tls12);
    }
}

#[tokio::test]
async fn sessions_resume_by_ticket() {
    let (tls, _dir, ca) = local(TlsOptions::default());
    let fixture = Setup { tls: Some(tls), ..Setup::default() }.start();
    let config = client(&ca, &[&rustls::version::TLS13], b"http/1.1");
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let mut stream = connect(fixture.address, config.clone()).await.unwrap();
        stream.write_all(b"GET /hello HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
        read_until(&mut stream, "hello h").await;
        kinds.push(stream.get_ref().1.handshake_kind().unwrap());
    }
    assert_eq!(kinds, [rustls::HandshakeKind::Full, rustls::HandshakeKind::Resumed]);
}

struct Set(std::sync::atomic::AtomicI64);

impl Set {
    fn forward(&self, hours: i64) {
        self.0.fetch_add(hours * 3_600_000_000, std::sync::atomic::Ordering::SeqCst);
    }
}

impl testudo_core::Clock for Set {
    fn now(&self) -> testudo_core::Timestamp {
        testudo_core::Timestamp::from_micros(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }

    fn monotonic(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}

#[tokio::test]
async fn sessions_resume_on_another_node_and_after_a_restart_for_two_windows() {
    use rustls::HandshakeKind::{Full, Resumed};
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(Set(std::sync::atomic::AtomicI64::new(20_000 * 86_400_000_000)));
    let start = |secret: u8, allow_tls12: bool| {
        let ca = LocalCa::open_or_create(dir.path()).unwrap();
        let certificates = Certificates::from_local_ca(ca, Vec::new()).unwrap();
        let keys = TicketKeys::new(&[secret; 32], clock.clone());
        let options = TlsOptions { allow_tls12, ..TlsOptions::default() };
        let tls = server_config(certificates, &options, Some(keys)).unwrap();
        Setup { tls: Some(tls), ..Setup::default() }.start()
    };
    let mut node = start(1, false);
    let config = client(&dir.path().join("ca.pem"), &[&rustls::version::TLS13], b"http/1.1");
    let kind = async |node: &crate::harness::Fixture| {
        let mut stream = connect(node.address, config.clone()).await.unwrap();
        stream.write_all(b"GET /hello HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
        read_until(&mut stream, "hello h").await;
        stream.get_ref().1.handshake_kind().unwrap()
    };
    assert_eq!(kind(&node).await, Full);
    assert_eq!(kind(&node).await, Resumed);
    // A restart, and as good as that another node: nothing but the secret is the same.
    node = start(1, false);
    assert_eq!(kind(&node).await, Resumed);
    clock.forward(6);
    node = start(1, false);
    assert_eq!(kind(&node).await, Resumed);
    clock.forward(12);
    assert_eq!(kind(&node).await, Full, "two windows later the key is gone");
    assert_eq!(kind(&node).await, Resumed);
    node = start(2, false);
    assert_eq!(kind(&node).await, Full, "another installation, or a rotated secret");
    // Where TLS 1.2 is allowed, keys are the process's own.
    node = start(1, true);
    assert_eq!(kind(&node).await, Full);
    assert_eq!(kind(&node).await, Resumed);
    node = start(1, true);
    assert_eq!(kind(&node).await, Full);
}

fn write_pair(dir: &Path, name: &str) -> (CertificateFiles, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let files = CertificateFiles { certificate: dir.join("cert.pem"), key: dir.join("key.pem") };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    (files, made.cert.der().clone())
}

#[tokio::test]
async fn certificates_are_swapped_while_in_use_and_errors_keep_the_old_ones() {
    let dir = tempfile::tempdir().unwrap();
    let (files, first) = write_pair(dir.path(), "localhost");
    let certificates = Certificates::from_files(vec![files.clone()]).unwrap();
    let tls = server_config(certificates.clone(), &TlsOptions::default(), None).unwrap();
    let fixture = Setup { tls: Some(tls), ..Setup::default() }.start();
    let seen = async || {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&files.certificate).unwrap_or(first.clone())).unwrap();
        roots.add(first.clone()).unwrap();
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = connect(fixture.address, config).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].clone()
    };
    assert_eq!(seen().await, first);
    let (_, second) = write_pair(dir.path(), "localhost");
    assert_eq!(seen().await, first);
    certificates.reload().unwrap();
    assert_eq!(seen().await, second);

    let good = std::fs::read(&files.certificate).unwrap();
    for broken in [&b""[..], b"nonsense", b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"] {
        std::fs::write(&files.certificate, broken).unwrap();
        let error = certificates.reload().unwrap_err().to_string();
        assert!(error.contains("cert.pem"), "{error}");
    }
    std::fs::write(&files.certificate, &good).unwrap();
    assert_eq!(seen().await, second);
    let other = rcgen::KeyPair::generate().unwrap();
    std::fs::write(&files.key, other.serialize_pem()).unwrap();
    let error = certificates.reload().unwrap_err().to_string();
    assert!(error.contains("can't be used together"), "{error}");
    std::fs::remove_file(&files.key).unwrap();
    assert!(certificates.reload().unwrap_err().to_string().contains("key.pem"));
    assert_eq!(seen().await, second);
}

#[test]
fn the_local_ca_is_made_once_and_guards_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("tls");
    LocalCa::open_or_create(&place).unwrap();
    let (certificate, key) = (place.join("ca.pem"), place.join("ca-key.pem"));
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let before = std::fs::read(&certificate).unwrap();
    LocalCa::open_or_create(&place).unwrap();
    assert_eq!(std::fs::read(&certificate).unwrap(), before);

    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(LocalCa::open_or_create(&place).unwrap_err().to_string().contains("chmod 600"));
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let other = tempfile::tempdir().unwrap();
    LocalCa::open_or_create(other.path()).unwrap();
    std::fs::copy(other.path().join("ca.pem"), &certificate).unwrap();
    assert!(LocalCa::open_or_create(&place).unwrap_err().to_string().contains("does not belong"));
    std::fs::remove_file(&key).unwrap();
    assert!(LocalCa::open_or_create(&place).unwrap_err().to_string().contains("key is missing"));
    assert!(!key.exists());
}
