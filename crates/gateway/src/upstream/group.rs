//! The servers of an upstream and how they are: shared by all workers, so that what one learns all know.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rustls::RootCertStore;

use super::config::{Place, UpstreamConfig, UpstreamConfigError, UpstreamProtocol, UpstreamSettings};
use crate::pem;

const SYSTEM_BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// One server with its health.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) url: String,
    pub(super) place: Place,
    pub(super) weight: u32,
    pub(super) in_flight: AtomicU32,
    pub(super) healthy: AtomicBool,
    failures: AtomicU32,
    /// Milliseconds since the group began, until which the server is avoided.
    avoided_until: AtomicU64,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) servers: Vec<Arc<Server>>,
    pub(super) settings: UpstreamSettings,
    pub(super) tls_http1: Option<Arc<rustls::ClientConfig>>,
    pub(super) tls_http2: Option<Arc<rustls::ClientConfig>>,
    began: Instant,
}

/// The servers of one upstream.
#[derive(Clone, Debug)]
pub struct UpstreamGroup(pub(super) Arc<Inner>);

/// How a server is, for the console and `/metrics`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerStatus {
    /// As configured.
    pub url: String,
    /// Whether it is used.
    pub healthy: bool,
    /// Requests that it is answering now.
    pub in_flight: u32,
}

impl UpstreamGroup {
    /// Parses the URLs and reads the trust anchors when one needs them. Nothing is connected yet.
    pub fn new(servers: &[UpstreamConfig], settings: UpstreamSettings) -> Result<UpstreamGroup, UpstreamConfigError> {
        if servers.is_empty() {
            return Err(UpstreamConfigError::None);
        }
        let servers = servers.iter().map(Server::new).collect::<Result<Vec<_>, _>>()?;
        let uses_tls =
            |protocol| servers.iter().any(|server| server.place.tls.is_some() && server.place.protocol == protocol);
        let (http1, http2) = (uses_tls(UpstreamProtocol::Http1), uses_tls(UpstreamProtocol::Http2));
        let (tls_http1, tls_http2) = if http1 || http2 {
            let roots = Arc::new(roots(settings.ca_file.as_deref())?);
            let client = |wanted: bool, alpn| wanted.then(|| client_config(roots.clone(), alpn)).transpose();
            (client(http1, b"http/1.1".as_slice())?, client(http2, b"h2")?)
        } else {
            (None, None)
        };
        Ok(UpstreamGroup(Arc::new(Inner { servers, settings, tls_http1, tls_http2, began: Instant::now() })))
    }

    /// Whether all its servers speak HTTP/2.
    pub fn is_http2(&self) -> bool {
        self.0.servers.iter().all(|server| server.place.protocol == UpstreamProtocol::Http2)
    }

    /// How the servers are.
    pub fn status(&self) -> Vec<ServerStatus> {
        let now = self.now();
        let status = |server: &Arc<Server>| ServerStatus {
            url: server.url.clone(),
            healthy: server.healthy.load(Relaxed) && !server.is_avoided(now),
            in_flight: server.in_flight.load(Relaxed),
        };
        self.0.servers.iter().map(status).collect()
    }

    /// Runs the active health checks without end; returns at once when none is configured.
    pub async fn watch(self) {
        super::health::watch(self).await;
    }

    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// A request went wrong by the server's fault.
    pub(super) fn failed(&self, server: &Server) {
        let failures = server.failures.fetch_add(1, Relaxed) + 1;
        if failures >= self.0.settings.failures {
            tracing::warn!(upstream = %server.url, "upstream is avoided after {failures} failures in a row");
            server.failures.store(0, Relaxed);
            self.avoid(server, self.0.settings.ejection);
        }
    }

    /// A server that takes no connection is avoided at once, if only for a short time: it may be about to come back.
    pub(super) fn unreached(&self, server: &Server) {
        if !server.is_avoided(self.now()) {
            self.avoid(server, self.0.settings.refusal);
        }
    }

    fn avoid(&self, server: &Server, time: Duration) {
        let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        server.avoided_until.store(self.now().saturating_add(time), Relaxed);
    }

    pub(super) fn tls(&self, protocol: UpstreamProtocol) -> Option<&Arc<rustls::ClientConfig>> {
        match protocol {
            UpstreamProtocol::Http1 => self.0.tls_http1.as_ref(),
            UpstreamProtocol::Http2 => self.0.tls_http2.as_ref(),
        }
    }
}

impl Server {
    fn new(config: &UpstreamConfig) -> Result<Arc<Server>, UpstreamConfigError> {
        Ok(Arc::new(Server {
            url: config.url.clone(),
            place: Place::parse(&config.url)?,
            weight: config.weight.max(1),
            in_flight: AtomicU32::new(0),
            healthy: AtomicBool::new(true),
            failures: AtomicU32::new(0),
            avoided_until: AtomicU64::new(0),
        }))
    }

    pub(super) fn is_avoided(&self, now: u64) -> bool {
        let until = self.avoided_until.load(Relaxed);
        until != 0 && now < until
    }

    /// A request went well.
    pub(super) fn succeeded(&self) {
        if self.failures.load(Relaxed) != 0 {
            self.failures.store(0, Relaxed);
        }
    }

    /// The smaller, the sooner it is chosen.
    pub(super) fn load(&self) -> u64 {
        (u64::from(self.in_flight.load(Relaxed)) + 1) * 1024 / u64::from(self.weight)
    }
}

fn roots(file: Option<&Path>) -> Result<RootCertStore, UpstreamConfigError> {
    let path = match file {
        Some(file) => file,
        None => {
            SYSTEM_BUNDLES.iter().map(Path::new).find(|path| path.exists()).ok_or(UpstreamConfigError::NoSystemCa)?
        }
    };
    let mut store = RootCertStore::empty();
    let (added, ignored) = store.add_parsable_certificates(pem::certificates(path)?);
    if ignored > 0 {
        tracing::warn!(file = %path.display(), ignored, "trust anchors that are not usable were left out");
    }
    if added == 0 { Err(UpstreamConfigError::EmptyCa) } else { Ok(store) }
}

fn client_config(roots: Arc<RootCertStore>, alpn: &[u8]) -> Result<Arc<rustls::ClientConfig>, UpstreamConfigError> {
    let mut config = rustls::ClientConfig::builder_with_provider(crate::tls::provider())
        .with_safe_default_protocol_versions()
        .map_err(UpstreamConfigError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    Ok(Arc::new(config))
}
