//! TLS for the listeners: 1.3 (1.2 by choice), X25519MLKEM768 first, no 0-RTT, tickets with keys that rotate.

mod certificates;
mod local_ca;
mod tickets;

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::ServerSessionMemoryCache;
use rustls::{CipherSuite, ServerConfig};

pub use certificates::{CertificateError, CertificateFiles, Certificates};
pub use local_ca::LocalCa;
pub use tickets::TicketKeys;

const SESSIONS: usize = 20_000;

/// What a listener offers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TlsOptions {
    /// Also TLS 1.2, with ECDHE and AEAD only.
    pub allow_tls12: bool,
    /// Offer HTTP/2 in ALPN, before HTTP/1.1.
    pub http2: bool,
}

impl Default for TlsOptions {
    fn default() -> TlsOptions {
        TlsOptions { allow_tls12: false, http2: true }
    }
}

/// Why a listener's TLS can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// rustls refused the settings.
    #[error("tls can't be set up")]
    Rustls(#[from] rustls::Error),
}

/// The house's provider: aws-lc-rs with the hybrid post-quantum group first, and AES-128 before AES-256: the key schedule
/// of a handshake then runs on SHA-256, for which processors have instructions.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    let first = |suite: &rustls::SupportedCipherSuite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256;
    provider.cipher_suites.sort_by_key(first);
    provider.kx_groups = vec![
        aws_lc_rs::kx_group::X25519MLKEM768,
        aws_lc_rs::kx_group::X25519,
        aws_lc_rs::kx_group::SECP256R1,
        aws_lc_rs::kx_group::SECP384R1,
    ];
    Arc::new(provider)
}

/// The configuration of a listener. Certificates may be reloaded while it is in use. Without `tickets`, and where TLS 1.2
/// is allowed (see [`TicketKeys`]), sessions resume in this process only.
pub fn server_config(
    certificates: Arc<Certificates>,
    options: &TlsOptions,
    tickets: Option<Arc<TicketKeys>>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let versions: &[&rustls::SupportedProtocolVersion] = if options.allow_tls12 {
        &[&rustls::version::TLS13, &rustls::version::TLS12]
    } else {
        &[&rustls::version::TLS13]
    };
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols =
        if options.http2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
    config.ticketer = match tickets.filter(|_| !options.allow_tls12) {
        Some(tickets) => tickets,
        // Random keys that rotate every 6 h and live 12 h.
        None => aws_lc_rs::Ticketer::new()?,
    };
    config.send_tls13_tickets = 1;
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
    config.max_early_data_size = 0;
    config.ignore_client_order = true;
    Ok(Arc::new(config))
}
