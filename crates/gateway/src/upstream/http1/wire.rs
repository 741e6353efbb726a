//! The bytes of one connection: what was read and not understood yet, and what is to be written.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

use crate::upstream::connect::UpstreamIo;

/// Room for a read: at first, and at most, when reads fill it.
const LEAST_READ: usize = 8 * 1024;
const MOST_READ: usize = 64 * 1024;
/// Pieces up to this size are copied behind the head, so that one write takes both.
const SMALL: usize = 8 * 1024;

/// A connection that one request has for itself.
#[derive(Debug)]
pub(crate) struct Wire {
    io: UpstreamIo,
    pub(super) inbox: BytesMut,
    pub(crate) out: Outbox,
    room: usize,
    flushed: bool,
    /// Bytes that were written.
    pub(super) sent: u64,
    /// Bytes of the current answer came.
    pub(crate) heard: bool,
    /// It has served a request before.
    pub(crate) reused: bool,
}

impl Wire {
    pub(crate) fn new(io: UpstreamIo) -> Wire {
        Wire {
            io,
            inbox: BytesMut::new(),
            out: Outbox::default(),
            room: LEAST_READ,
            flushed: true,
            sent: 0,
            heard: false,
            reused: false,
        }
    }

    /// Writes all that is to be written.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some((first, second)) = self.out.next() {
            let io = Pin::new(&mut self.io);
            let written = if second.is_empty() {
                ready!(io.poll_write(cx, first))?
            } else {
                ready!(io.poll_write_vectored(cx, &[io::IoSlice::new(first), io::IoSlice::new(second)]))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.written(written);
            self.sent += written as u64;
            self.flushed = false;
        }
        if !self.flushed {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads behind what is there; zero is the end.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.inbox.capacity() - self.inbox.len() < self.room / 2 {
            self.inbox.reserve(self.room);
        }
        let room = self.inbox.capacity() - self.inbox.len();
        let read = ready!(poll_read_buf(Pin::new(&mut self.io), cx, &mut self.inbox))?;
        if read == room {
            self.room = (self.room * 2).min(MOST_READ);
        }
        self.heard |= read > 0;
        Poll::Ready(Ok(read))
    }

    /// Everything was written.
    pub(super) fn is_written(&self) -> bool {
        self.out.is_empty() && self.flushed
    }

    /// Everything was written, and nothing lies here that was not asked for.
    pub(super) fn is_clean(&self) -> bool {
        self.inbox.is_empty() && self.is_written()
    }

    /// Between two requests, without the room that a large answer took.
    pub(super) fn rested(mut self) -> Wire {
        if self.room > LEAST_READ {
            self.inbox = BytesMut::new();
            self.room = LEAST_READ;
        }
        self.reused = true;
        self
    }

    /// Whether the server still holds the connection, and is silent as it must be between two requests.
    pub(crate) fn is_usable(&mut self) -> bool {
        let mut byte = [0];
        let mut buf = ReadBuf::new(&mut byte);
        let mut cx = Context::from_waker(Waker::noop());
        self.is_clean() && Pin::new(&mut self.io).poll_read(&mut cx, &mut buf).is_pending()
    }

    /// The connection as a stream for another protocol, with what was read already.
    pub(super) fn into_stream(self) -> Rewound {
        Rewound { io: self.io, ahead: self.inbox.freeze() }
    }
}

/// What is to be written: text, then a piece that was not copied, then the text that ends it.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    text: Vec<u8>,
    at: usize,
    piece: Bytes,
    end: &'static [u8],
}

impl Outbox {
    /// Makes room for a new head.
    pub(super) fn begin(&mut self) -> &mut Vec<u8> {
        *self = Outbox { text: std::mem::take(&mut self.text), ..Outbox::default() };
        self.text.clear();
        &mut self.text
    }

    #[cfg(test)]
    pub(super) fn into_text(self) -> Vec<u8> {
        self.text
    }

    /// The head again, for another connection.
    pub(crate) fn rewind(mut self) -> Outbox {
        self.at = 0;
        self
    }

    /// Whether more may be put here before it is written.
    pub(super) fn has_room(&self) -> bool {
        self.piece.is_empty() && self.text.len() - self.at < SMALL
    }

    fn is_empty(&self) -> bool {
        self.at == self.text.len() && self.piece.is_empty() && self.end.is_empty()
    }

    /// Only where there is room.
    pub(super) fn text(&mut self, text: &[u8]) {
        if self.at == self.text.len() {
            self.text.clear();
            self.at = 0;
        }
        self.text.extend_from_slice(text);
    }

    /// Only where there is room.
    pub(super) fn push(&mut self, piece: Bytes, end: &'static [u8]) {
        if piece.len() <= SMALL {
            self.text(&piece);
            self.text(end);
        } else {
            self.piece = piece;
            self.end = end;
        }
    }

    fn next(&self) -> Option<(&[u8], &[u8])> {
        let text = self.text.get(self.at..).unwrap_or_default();
        match (text.is_empty(), self.piece.is_empty(), self.end.is_empty()) {
            (false, ..) => Some((text, &self.piece)),
            (true, false, _) => Some((&self.piece, self.end)),
            (true, true, false) => Some((self.end, &[])),
            (true, true, true) => None,
        }
    }

    fn written(&mut self, mut count: usize) {
        let text = count.min(self.text.len() - self.at);
        self.at += text;
        count -= text;
        let piece = count.min(self.piece.len());
        self.piece.advance(piece);
        count -= piece;
        self.end = self.end.get(count..).unwrap_or_default();
    }
}

/// A stream of which some bytes were read ahead.
#[derive(Debug)]
pub(crate) struct Rewound {
    io: UpstreamIo,
    ahead: Bytes,
}

impl AsyncRead for Rewound {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ahead.is_empty() {
            return Pin::new(&mut this.io).poll_read(cx, buf);
        }
        let count = this.ahead.len().min(buf.remaining());
        buf.put_slice(&this.ahead.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
