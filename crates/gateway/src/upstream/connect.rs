//! Opening connections to a server: TCP, TLS with verification, then HTTP.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::error::ForwardError;
use super::group::{Server, UpstreamGroup};

/// A connection to a server.
#[derive(Debug)]
pub(super) enum UpstreamIo {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Dials a server within the connect timeout.
pub(super) async fn dial(
    group: &UpstreamGroup,
    server: &Server,
    timeout: Duration,
) -> Result<UpstreamIo, ForwardError> {
    tokio::time::timeout(timeout, open(group, server))
        .await
        .map_err(|_| ForwardError::ConnectTimeout(server.url.clone()))?
}

async fn open(group: &UpstreamGroup, server: &Server) -> Result<UpstreamIo, ForwardError> {
    let failed = |source| ForwardError::Connect { url: server.url.clone(), source };
    let place = &server.place;
    let tcp = match place.host.parse::<std::net::IpAddr>() {
        Ok(address) => TcpStream::connect((address, place.port)).await,
        Err(_) => TcpStream::connect((place.host.as_str(), place.port)).await,
    }
    .map_err(failed)?;
    tcp.set_nodelay(true).map_err(failed)?;
    let (Some(name), Some(config)) = (&place.tls, group.tls(place.protocol)) else {
        return Ok(UpstreamIo::Plain(tcp));
    };
    let tls = TlsConnector::from(config.clone())
        .connect(name.clone(), tcp)
        .await
        .map_err(|source| ForwardError::Tls { url: server.url.clone(), source })?;
    Ok(UpstreamIo::Tls(Box::new(tls)))
}

impl AsyncRead for UpstreamIo {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            UpstreamIo::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            UpstreamIo::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for UpstreamIo {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            UpstreamIo::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            UpstreamIo::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            UpstreamIo::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            UpstreamIo::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            UpstreamIo::Plain(stream) => stream.is_write_vectored(),
            UpstreamIo::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            UpstreamIo::Plain(stream) => Pin::new(stream).poll_flush(cx),
            UpstreamIo::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            UpstreamIo::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            UpstreamIo::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
