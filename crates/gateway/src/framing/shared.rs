//! A byte stream that outlives the connection that speaks over it: while a caller is silent, only the stream is kept,
//! and not the buffers of an HTTP connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Framing;
use crate::conn::ConnState;
use crate::paced::Paced;

/// A followed byte stream with more than one owner, of which one reads and writes at a time.
#[derive(Debug)]
pub(crate) struct Shared<T> {
    stream: Arc<Mutex<Paced<T, Framing>>>,
    vectored: bool,
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Shared<T> {
        Shared { stream: self.stream.clone(), vectored: self.vectored }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Shared<T> {
    pub(crate) fn new(stream: Paced<T, Framing>) -> Shared<T> {
        let vectored = stream.is_write_vectored();
        Shared { stream: Arc::new(Mutex::new(stream)), vectored }
    }

    /// Waits for the first bytes of a request, or for the end. `false` when the stream is of no use any more.
    pub(crate) async fn arrival(&self, state: &ConnState) -> bool {
        let arrived = std::future::poll_fn(|cx| {
            state.register_task(cx.waker());
            if state.is_killed() {
                return Poll::Ready(false);
            }
            // A farewell needs the connection.
            if state.is_graceful() {
                return Poll::Ready(true);
            }
            let mut paced = self.stream.lock();
            let (framing, stream) = paced.parts();
            framing.poll_arrival(stream, cx).map(|arrived| arrived.is_ok())
        })
        .await;
        state.unpark();
        arrived
    }

    /// Whether the connection above may be dropped without losing anything.
    pub(crate) fn is_quiet(&self) -> bool {
        let paced = self.stream.lock();
        !paced.is_closing() && paced.follow().is_quiet()
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Shared<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream.lock()).poll_read(cx, buf)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Shared<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream.lock()).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream.lock()).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.vectored
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream.lock()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream.lock()).poll_shutdown(cx)
    }
}
