//! Opening connections to a server: TCP, TLS with verification, then HTTP.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::error::ForwardError;
use super::group::{Server, UpstreamGroup};

/// A connection to a server that counts what it read, so that a retry knows whether an answer had begun.
#[derive(Debug)]
pub(super) struct UpstreamIo {
    stream: Stream,
    received: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Dials a server within the connect timeout.
pub(super) async fn dial(
    group: &UpstreamGroup,
    server: &Server,
    timeout: Duration,
) -> Result<(TokioIo<UpstreamIo>, Arc<AtomicU64>), ForwardError> {
    let stream = tokio::time::timeout(timeout, open(group, server))
        .await
        .map_err(|_| ForwardError::ConnectTimeout(server.url.clone()))??;
    let received = Arc::new(AtomicU64::new(0));
    Ok((TokioIo::new(UpstreamIo { stream, received: received.clone() }), received))
}

async fn open(group: &UpstreamGroup, server: &Server) -> Result<Stream, ForwardError> {
    let failed = |source| ForwardError::Connect { url: server.url.clone(), source };
    let place = &server.place;
    let tcp = match place.host.parse::<std::net::IpAddr>() {
        Ok(address) => TcpStream::connect((address, place.port)).await,
        Err(_) => TcpStream::connect((place.host.as_str(), place.port)).await,
    }
    .map_err(failed)?;
    tcp.set_nodelay(true).map_err(failed)?;
    let (Some(name), Some(config)) = (&place.tls, group.tls(place.protocol)) else {
        return Ok(Stream::Plain(tcp));
    };
    let tls = TlsConnector::from(config.clone())
        .connect(name.clone(), tcp)
        .await
        .map_err(|source| ForwardError::Tls { url: server.url.clone(), source })?;
    Ok(Stream::Tls(Box::new(tls)))
}

impl AsyncRead for UpstreamIo {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let polled = match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        };
        let fresh = buf.filled().len() - before;
        if fresh > 0 {
            this.received.store(this.received.load(Relaxed) + fresh as u64, Relaxed);
        }
        polled
    }
}

impl AsyncWrite for UpstreamIo {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
