//! What an upstream is: its URL, weight, and the limits of the way to it.

use std::path::PathBuf;
use std::time::Duration;

use http::uri::Authority;
use rustls_pki_types::ServerName;

use crate::pem::PemError;

/// One server of an upstream group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UpstreamConfig {
    /// `http://`, `https://` (HTTP/1.1), `h2c://` (HTTP/2 with prior knowledge) or `h2://` (HTTP/2 over TLS), with host
    /// and optional port, without a path.
    pub url: String,
    /// Its share of requests relative to the others; at least 1.
    pub weight: u32,
}

impl UpstreamConfig {
    /// A server with weight 1.
    pub fn new(url: impl Into<String>) -> UpstreamConfig {
        UpstreamConfig { url: url.into(), weight: 1 }
    }
}

/// How an upstream is spoken to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UpstreamProtocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// An active health check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HealthCheck {
    /// The path to GET; 2xx and 3xx are healthy.
    pub path: String,
    /// Time between two checks. 5 s.
    pub interval: Duration,
    /// A check must be answered within this time. 2 s.
    pub timeout: Duration,
    /// Failures in a row that take a server out. 3.
    pub unhealthy_after: u32,
    /// Successes in a row that take it back. 2.
    pub healthy_after: u32,
}

impl HealthCheck {
    /// The usual times for a path.
    pub fn new(path: impl Into<String>) -> HealthCheck {
        HealthCheck {
            path: path.into(),
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            unhealthy_after: 3,
            healthy_after: 2,
        }
    }
}

/// Limits of the way to the upstream.
#[derive(Clone, Debug)]
pub struct UpstreamSettings {
    /// TCP and TLS together. 2 s.
    pub connect_timeout: Duration,
    /// From the whole request sent to the head of the answer. 30 s.
    pub head_timeout: Duration,
    /// The longest silence within an answer. 60 s.
    pub body_stall: Duration,
    /// The longest silence within an event stream or a gRPC answer. 10 min.
    pub stream_stall: Duration,
    /// An idle connection is closed after this time. 30 s.
    pub idle_timeout: Duration,
    /// Idle connections per server and worker. 256.
    pub max_idle: usize,
    /// Requests at a time per server and worker. 1,024.
    pub max_in_flight: usize,
    /// Requests that wait for a place, per server and worker. 1,024.
    pub max_queue: usize,
    /// The longest such wait. 1 s.
    pub queue_timeout: Duration,
    /// Streams at a time per HTTP/2 connection. 100.
    pub streams: usize,
    /// Failures in a row after which a server is avoided. 5.
    pub failures: u32,
    /// For how long. 10 s.
    pub ejection: Duration,
    /// For how long a server is avoided that takes no connection. 5 s.
    pub refusal: Duration,
    /// Trust anchors for `https` and `h2` (PEM); the system's bundle without it.
    pub ca_file: Option<PathBuf>,
    /// Pass the caller's Host on instead of the upstream's own.
    pub preserve_host: bool,
    /// Active checks.
    pub health: Option<HealthCheck>,
}

impl Default for UpstreamSettings {
    fn default() -> UpstreamSettings {
        UpstreamSettings {
            connect_timeout: Duration::from_secs(2),
            head_timeout: Duration::from_secs(30),
            body_stall: Duration::from_mins(1),
            stream_stall: Duration::from_mins(10),
            idle_timeout: Duration::from_secs(30),
            max_idle: 256,
            max_in_flight: 1024,
            max_queue: 1024,
            queue_timeout: Duration::from_secs(1),
            streams: 100,
            failures: 5,
            ejection: Duration::from_secs(10),
            refusal: Duration::from_secs(5),
            ca_file: None,
            preserve_host: false,
            health: None,
        }
    }
}

/// Why an upstream can't be used as configured.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamConfigError {
    /// None was named.
    #[error("no upstream is named; give at least one URL")]
    None,
    /// The URL is not usable.
    #[error("the upstream `{url}` is not usable: {reason}")]
    Url {
        /// As given.
        url: String,
        /// What is wrong and what to do.
        reason: &'static str,
    },
    /// The trust anchors can't be read.
    #[error("the trust anchors for upstreams can't be used")]
    Ca(#[from] PemError),
    /// No system bundle was found.
    #[error("no system bundle of trust anchors was found; name one with `ca_file`")]
    NoSystemCa,
    /// The anchors are not certificates.
    #[error("the trust anchors hold no usable certificate")]
    EmptyCa,
    /// rustls refused the settings.
    #[error("tls to upstreams can't be set up")]
    Tls(#[source] rustls::Error),
}

/// A parsed upstream URL.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) authority: Authority,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) protocol: UpstreamProtocol,
    pub(super) tls: Option<ServerName<'static>>,
}

impl Place {
    pub(super) fn parse(url: &str) -> Result<Place, UpstreamConfigError> {
        let wrong = |reason| UpstreamConfigError::Url { url: url.to_owned(), reason };
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("write it as `http://host:port`"))?;
        let (protocol, tls) = match scheme {
            "http" => (UpstreamProtocol::Http1, false),
            "https" => (UpstreamProtocol::Http1, true),
            "h2c" => (UpstreamProtocol::Http2, false),
            "h2" => (UpstreamProtocol::Http2, true),
            _ => return Err(wrong("the scheme must be `http`, `https`, `h2c` or `h2`")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#']) {
            return Err(wrong("leave out the path; requests keep their own"));
        }
        if rest.contains('@') {
            return Err(wrong("leave out user and password; secrets don't belong into a URL"));
        }
        let authority: Authority = rest.parse().map_err(|_| wrong("host and port are not valid"))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(wrong("the host is missing"));
        }
        // `Authority::port` is none for a port that is out of range, too.
        let port = match authority.as_str().strip_prefix(authority.host()).and_then(|rest| rest.strip_prefix(':')) {
            Some(port) => port.parse().map_err(|_| wrong("the port is not a number up to 65535"))?,
            None if tls => 443,
            None => 80,
        };
        let tls = if tls {
            Some(ServerName::try_from(host.clone()).map_err(|_| wrong("the host is not a name that TLS can verify"))?)
        } else {
            None
        };
        Ok(Place { authority, host, port, protocol, tls })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn urls_are_parsed_strictly() {
        let place = Place::parse("http://127.0.0.1:3000").unwrap();
        assert_eq!((place.host.as_str(), place.port, place.tls.is_some()), ("127.0.0.1", 3000, false));
        let place = Place::parse("h2://[::1]/").unwrap();
        assert_eq!((place.host.as_str(), place.port, place.protocol), ("::1", 443, UpstreamProtocol::Http2));
        for bad in
            ["127.0.0.1:3000", "ftp://x", "http://", "http://u:p@x", "http://x/api", "http://x:70000", "https://?"]
        {
            assert!(Place::parse(bad).is_err(), "{bad}");
        }
    }
}
