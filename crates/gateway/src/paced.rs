//! A caller's byte stream. What comes in goes through whoever follows it; what goes out leaves the marks by which the
//! reaper tells a slow reader. A mark is a load and a store: no clock is read and no timer is armed per write.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::conn::ConnState;

/// Who follows the inbound bytes of a stream `T`.
pub(crate) trait Follow<T> {
    /// Reads from the stream what may be handed on.
    fn poll_read(&mut self, stream: &mut T, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>>;

    /// After the outbound side was shut: whether anything is left to do before the stream is dropped.
    fn poll_farewell(&mut self, stream: &mut T, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = (stream, cx);
        Poll::Ready(Ok(()))
    }
}

/// A followed byte stream whose peer must take what is written at a least rate.
#[derive(Debug)]
pub(crate) struct Paced<T, F> {
    stream: T,
    follow: F,
    conn: Arc<ConnState>,
    closing: bool,
    shut: bool,
}

impl<T, F> Paced<T, F> {
    pub(crate) fn new(stream: T, follow: F, conn: Arc<ConnState>) -> Paced<T, F> {
        Paced { stream, follow, conn, closing: false, shut: false }
    }

    /// The follower, and the stream that it reads from.
    pub(crate) fn parts(&mut self) -> (&mut F, &mut T) {
        (&mut self.follow, &mut self.stream)
    }

    pub(crate) fn follow(&self) -> &F {
        &self.follow
    }

    /// Whether closing it has begun.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing
    }

    fn mark<V>(&self, polled: &Poll<V>, taken: usize) {
        if polled.is_pending() {
            self.conn.write_blocked();
        } else {
            self.conn.write_moved(taken);
        }
    }
}

fn count(taken: &Poll<io::Result<usize>>) -> usize {
    match taken {
        Poll::Ready(Ok(count)) => *count,
        _ => 0,
    }
}

impl<T: Unpin, F: Follow<T> + Unpin> AsyncRead for Paced<T, F> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.follow.poll_read(&mut this.stream, cx, buf)
    }
}

impl<T: AsyncWrite + Unpin, F: Follow<T> + Unpin> AsyncWrite for Paced<T, F> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let taken = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.mark(&taken, count(&taken));
        taken
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let taken = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.mark(&taken, count(&taken));
        taken
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        this.mark(&flushed, 0);
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.closing = true;
        if !this.shut {
            let shut = Pin::new(&mut this.stream).poll_shutdown(cx);
            this.mark(&shut, 0);
            ready!(shut)?;
            this.shut = true;
        }
        this.follow.poll_farewell(&mut this.stream, cx)
    }
}
