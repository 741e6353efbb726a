//! Connections to where things are sent: TCP, and TLS on it. Every step has a limit of time.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

const SYSTEM_BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
/// A bundle of trust anchors is smaller.
const MAX_BUNDLE: u64 = 8 * 1024 * 1024;
/// Until a connection stands, TLS included.
const CONNECT: Duration = Duration::from_secs(10);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The address is not one.
    #[error("`{address}` is not an address; {help}")]
    Address {
        /// What was given.
        address: String,
        /// What to write.
        help: &'static str,
    },
    /// Trust anchors can't be had.
    #[error("no trust anchors in `{path}`: {cause}")]
    Anchors {
        /// The file.
        path: String,
        /// Why.
        cause: String,
    },
    /// Nobody answers, or not in the way that was hoped for.
    #[error("{0}")]
    Connect(String),
}

/// Where to connect, and whether through TLS.
#[derive(Clone)]
pub struct Place {
    host: String,
    port: u16,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

/// Bytes both ways.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

impl Place {
    /// The place that a URL names, over TLS if `tls` holds its schema. `schemes` are the plain one and the one with TLS,
    /// with the ports that they have by themselves, if any.
    pub(crate) fn parse(
        text: &str,
        schemes: [(&str, Option<u16>); 2],
        ca_file: Option<&Path>,
        help: &'static str,
    ) -> Result<(Url, Place), WireError> {
        let refused = || WireError::Address { address: shown(text), help };
        let url = Url::parse(text).map_err(|_| refused())?;
        let [(plain, plain_port), (secure, secure_port)] = schemes;
        let is_secure = url.scheme() == secure;
        if (!is_secure && url.scheme() != plain)
            || !url.username().is_empty()
            || url.password().is_some()
            || url.fragment().is_some()
        {
            return Err(refused());
        }
        let host = url.host_str().map(|host| host.trim_matches(['[', ']']).to_owned()).ok_or_else(refused)?;
        let port = url.port().or(if is_secure { secure_port } else { plain_port }).ok_or_else(refused)?;
        let tls = if is_secure {
            let name = ServerName::try_from(host.clone()).map_err(|_| refused())?;
            Some((Arc::new(client_config(trust_anchors(ca_file)?)?), name))
        } else {
            None
        };
        Ok((url, Place { host, port, tls }))
    }

    /// Whether what is sent is encrypted.
    pub const fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Connects.
    pub(crate) async fn connect(&self) -> Result<Box<dyn Io>, WireError> {
        let failed = |error: &dyn std::fmt::Display| {
            WireError::Connect(format!("`{}:{}` can't be reached: {error}", self.host, self.port))
        };
        let connect = async {
            let stream = TcpStream::connect((&*self.host, self.port)).await.map_err(|error| failed(&error))?;
            // Waiting for more to send only delays what is there.
            let _ = stream.set_nodelay(true);
            match &self.tls {
                None => Ok(Box::new(stream) as Box<dyn Io>),
                Some((config, name)) => {
                    let connector = TlsConnector::from(Arc::clone(config));
                    let stream = connector.connect(name.clone(), stream).await.map_err(|error| failed(&error))?;
                    Ok(Box::new(stream) as Box<dyn Io>)
                }
            }
        };
        tokio::time::timeout(CONNECT, connect)
            .await
            .unwrap_or_else(|_| Err(failed(&format!("no connection within {} s", CONNECT.as_secs()))))
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}{}", self.host, self.port, if self.is_secure() { " (tls)" } else { "" })
    }
}

/// Whether a URL names this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        // Schemes that the standard does not know keep their hosts as text.
        None => false,
    }
}

/// The same for a host as text.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// An address for an error, without what may be a secret in it.
fn shown(text: &str) -> String {
    let tail = text.rsplit_once('@').map_or(text, |(_, tail)| tail);
    tail.chars().take(200).collect()
}

/// The trust anchors of a file, or those of the system.
pub fn trust_anchors(ca_file: Option<&Path>) -> Result<RootCertStore, WireError> {
    let path = match ca_file {
        Some(path) => path,
        None => SYSTEM_BUNDLES.iter().map(Path::new).find(|path| path.exists()).ok_or_else(|| WireError::Anchors {
            path: SYSTEM_BUNDLES.join(", "),
            cause: "the system has no bundle; name one with `ca-file`".into(),
        })?,
    };
    let failed = |cause: String| WireError::Anchors { path: path.display().to_string(), cause };
    let size = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
    if size > MAX_BUNDLE {
        return Err(failed("it is larger than 8 MiB".into()));
    }
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| failed(error.to_string()))? {
        let certificate = certificate.map_err(|error| failed(error.to_string()))?;
        match roots.add(certificate) {
            Ok(()) => {}
            // A system's bundle may hold some that can't be used.
            Err(_) if ca_file.is_none() => {}
            Err(error) => return Err(failed(error.to_string())),
        }
    }
    if roots.is_empty() { Err(failed("it holds no certificate".into())) } else { Ok(roots) }
}

fn client_config(roots: RootCertStore) -> Result<ClientConfig, WireError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| WireError::Connect(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
