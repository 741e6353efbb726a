//! HTTP over TLS as the players of a drill speak it: to one address on loopback, in the name of many, through the
//! forwarding header that the server takes from a trusted proxy.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use testudo_core::Timestamp;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::DrillError;

/// The largest answer that a player reads.
const MAX_ANSWER: usize = 4 * 1024 * 1024;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where the players play.
#[derive(Clone)]
pub struct Stage {
    connector: TlsConnector,
    /// The gateway.
    pub gateway: SocketAddr,
    /// The admin address.
    pub admin: SocketAddr,
    /// The origin that the gateway calls its own.
    pub origin: String,
}

/// An answer, and when it was whole.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// When it was whole.
    pub at: Timestamp,
}

impl Reply {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The first value of a header.
    pub fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The code of a problem document or an OAuth error, else the status.
    pub fn code(&self) -> String {
        let body = self.json();
        let code = body.get("code").or_else(|| body.get("error")).and_then(Value::as_str);
        code.map_or_else(|| self.status.as_u16().to_string(), str::to_owned)
    }
}

impl Stage {
    /// A stage whose certificate was signed by what stands in this file.
    pub fn new(roots: &Path, gateway: SocketAddr, admin: SocketAddr, origin: String) -> Result<Stage, DrillError> {
        let failed = |error: &dyn std::fmt::Display| DrillError::Server(format!("{}: {error}", roots.display()));
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(roots).map_err(|error| failed(&error))? {
            store.add(certificate.map_err(|error| failed(&error))?).map_err(|error| failed(&error))?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?;
        let config = builder.with_root_certificates(store).with_no_client_auth();
        Ok(Stage { connector: TlsConnector::from(Arc::new(config)), gateway, admin, origin })
    }

    /// A line to the gateway in the name of a client address.
    pub fn line(&self, from: IpAddr) -> Line {
        Line { stage: self.clone(), to: self.gateway, from: Some(from), open: None }
    }

    /// A line to the admin address, which believes no proxy.
    pub fn admin_line(&self) -> Line {
        Line { stage: self.clone(), to: self.admin, from: None, open: None }
    }
}

/// A connection that is opened again when it has ended.
pub struct Line {
    stage: Stage,
    to: SocketAddr,
    from: Option<IpAddr>,
    open: Option<SendRequest<Full<Bytes>>>,
}

impl Line {
    /// The address in whose name it speaks.
    pub fn speaks_for(&mut self, from: IpAddr) {
        self.from = Some(from);
    }

    /// One request. `headers` come before those that every request has.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(header::HeaderName, &str)],
        body: &[u8],
    ) -> Result<Reply, DrillError> {
        let exchange = self.exchange(method, path, headers, body);
        match timeout(PATIENCE, exchange).await {
            Ok(reply) => reply,
            Err(_) => Err(DrillError::Server(format!("no answer within {} s", PATIENCE.as_secs()))),
        }
    }

    async fn exchange(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(header::HeaderName, &str)],
        body: &[u8],
    ) -> Result<Reply, DrillError> {
        let request = || {
            let mut request = Request::builder()
                .method(method.clone())
                .uri(path)
                .header(header::HOST, format!("localhost:{}", self.to.port()));
            if let Some(from) = self.from {
                request = request.header("x-forwarded-for", from.to_string());
            }
            for (name, value) in headers {
                request = request.header(name, *value);
            }
            request.body(Full::new(Bytes::copy_from_slice(body))).map_err(|error| failed(&error))
        };
        let first = request()?;
        let kept = match self.open.take() {
            Some(mut open) => open.ready().await.is_ok().then_some(open),
            None => None,
        };
        let mut open = match kept {
            Some(open) => open,
            None => self.connect().await?,
        };
        let response = match open.send_request(first).await {
            Ok(response) => response,
            // A line that lay idle may have been closed meanwhile: what never left may be sent again.
            Err(error) if error.is_canceled() || error.is_closed() => {
                open = self.connect().await?;
                open.send_request(request()?).await.map_err(|error| failed(&error))?
            }
            Err(error) => return Err(failed(&error)),
        };
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| failed(&error))?.to_bytes();
        self.open = Some(open);
        Ok(Reply { status: parts.status, headers: parts.headers, body, at: now() })
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, DrillError> {
        let tcp = TcpStream::connect(self.to).await.map_err(|error| failed(&error))?;
        tcp.set_nodelay(true).map_err(|error| failed(&error))?;
        let name = ServerName::try_from("localhost").map_err(|error| failed(&error))?;
        let tls = self.stage.connector.connect(name, tcp).await.map_err(|error| failed(&error))?;
        let (sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(tls)).await.map_err(|error| failed(&error))?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

fn failed(error: &dyn std::fmt::Display) -> DrillError {
    DrillError::Server(error.to_string())
}

/// The wall clock, which events are dated by too.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
