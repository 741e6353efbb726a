//! Why a request could not be forwarded, and what the caller is told.

use testudo_core::Fault;

use crate::body::BodyError;

/// What lies behind a failure.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a request could not be forwarded. Nothing was answered to the caller yet.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// Every server is out.
    #[error("no upstream is healthy")]
    Unavailable,
    /// Too many requests wait already.
    #[error("too many requests wait for the upstream")]
    QueueFull,
    /// No place came free in time.
    #[error("the upstream had no free place in time")]
    QueueTimeout,
    /// The TCP connection was refused or failed.
    #[error("can't connect to the upstream `{url}`")]
    Connect {
        /// The server.
        url: String,
        /// Why.
        source: std::io::Error,
    },
    /// The connection took too long.
    #[error("connecting to the upstream `{0}` took too long")]
    ConnectTimeout(String),
    /// The upstream's certificate or handshake was refused.
    #[error("the tls handshake with the upstream `{url}` failed")]
    Tls {
        /// The server.
        url: String,
        /// Why.
        source: std::io::Error,
    },
    /// HTTP could not begin on the connection.
    #[error("the upstream does not speak the configured protocol")]
    Handshake(#[source] hyper::Error),
    /// No answer in time.
    #[error("the upstream did not answer in time")]
    HeadTimeout,
    /// The connection ended before an answer.
    #[error("the upstream closed the connection before it answered")]
    Closed(#[source] Cause),
    /// The answer is not HTTP.
    #[error("the upstream's answer is malformed")]
    Malformed(#[source] Cause),
    /// The upstream switched protocols although nobody asked, or to another one.
    #[error("the upstream switched protocols without being asked")]
    UnexpectedUpgrade,
    /// A WebSocket can't be opened over an HTTP/2 upstream.
    #[error("a websocket needs an HTTP/1.1 upstream")]
    UpgradeNeedsHttp1,
    /// The caller's body broke off.
    #[error("the caller's body broke off")]
    Caller(#[source] BodyError),
    /// The request can't be sent as it is.
    #[error("the prepared request can't be sent")]
    Request(#[source] http::Error),
}

impl ForwardError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            ForwardError::Caller(error) => error.fault(),
            // Not the server's doing: it must not be avoided for these.
            ForwardError::QueueFull | ForwardError::QueueTimeout | ForwardError::UpgradeNeedsHttp1 => Fault::Dependency,
            ForwardError::Request(_) => Fault::Bug,
            _ => Fault::Peer,
        }
    }

    /// No connection came to be, so nothing was sent.
    pub(super) fn is_unreached(&self) -> bool {
        matches!(self, ForwardError::Connect { .. } | ForwardError::ConnectTimeout(_) | ForwardError::Tls { .. })
    }

    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            ForwardError::Unavailable => "upstream-unavailable",
            ForwardError::QueueFull => "upstream-queue-full",
            ForwardError::QueueTimeout => "upstream-queue-timeout",
            ForwardError::Connect { .. } => "upstream-connect",
            ForwardError::ConnectTimeout(_) => "upstream-connect-timeout",
            ForwardError::Tls { .. } => "upstream-tls",
            ForwardError::Handshake(_) => "upstream-protocol",
            ForwardError::HeadTimeout => "upstream-timeout",
            ForwardError::Closed(_) => "upstream-closed",
            ForwardError::Malformed(_) => "upstream-malformed",
            ForwardError::UnexpectedUpgrade => "upstream-upgrade",
            ForwardError::UpgradeNeedsHttp1 => "upstream-upgrade-protocol",
            ForwardError::Caller(error) => error.code(),
            ForwardError::Request(_) => "request-unsendable",
        }
    }

    /// The status for the caller.
    pub fn status(&self) -> u16 {
        match self {
            // Ours to say: we could ask the server, and have too many who want to.
            ForwardError::QueueFull | ForwardError::QueueTimeout => 503,
            ForwardError::UpgradeNeedsHttp1 => 502,
            ForwardError::ConnectTimeout(_) | ForwardError::HeadTimeout => 504,
            ForwardError::Caller(error) => error.status(),
            other => other.fault().status(),
        }
    }
}
