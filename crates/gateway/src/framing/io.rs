//! The follower put between the socket and hyper. Bytes are read straight into hyper's buffer and judged there; what
//! is not accepted yet is taken out again and held.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Follower, MalformedCode, Step};
use crate::conn::{ConnState, UpgradeAnswer};
use crate::framing::HeadLimits;

/// What hyper is given in place of a head that was refused: it makes hyper call the service once more, in order,
/// behind answers that are still being written. The service finds the refusal in the queue and answers it.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nhost: malformed.invalid\r\nconnection: close\r\n\r\n";
const RAW_EXCERPT: usize = 2 * 1024;
const MAX_HELD_FOR_UPGRADE: usize = 64 * 1024;
const MAX_DISCARDED: usize = 256 * 1024;

/// A request as framing saw it, in the order of arrival.
#[derive(Debug)]
pub(crate) enum Arrived {
    Head { raw: Bytes, at: Instant, upgrade: bool },
    Malformed { code: MalformedCode, raw: Bytes },
}

/// Where the inbound bytes went wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Failed {
    /// In a head: the stand-in is delivered after what was accepted.
    Head,
    /// In a body: reading fails after what was accepted.
    Body(MalformedCode),
}

/// A byte stream whose inbound side is followed.
#[derive(Debug)]
pub(crate) struct Framed<T> {
    inner: T,
    conn: Arc<ConnState>,
    follower: Follower,
    /// Read but not accepted.
    held: BytesMut,
    /// Accepted but not delivered.
    ready: Bytes,
    ended: bool,
    failed: Option<Failed>,
    discarded: usize,
    closing: bool,
    shut: bool,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Framed<T> {
    pub(crate) fn new(inner: T, conn: Arc<ConnState>, limits: HeadLimits) -> Framed<T> {
        Framed {
            inner,
            conn,
            follower: Follower::new(limits),
            held: BytesMut::new(),
            ready: Bytes::new(),
            ended: false,
            failed: None,
            discarded: 0,
            closing: false,
            shut: false,
        }
    }

    /// Between two requests, and nothing of the next one is here.
    pub(crate) fn is_quiet(&self) -> bool {
        self.follower.is_in_head()
            && self.held.is_empty()
            && self.ready.is_empty()
            && self.failed.is_none()
            && !self.ended
            && !self.closing
    }

    /// Reads as ever, but keeps what it reads for the next reader. Ready when there is something to read, if only an end.
    pub(crate) fn poll_arrival(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut first = [0; 512];
        let mut buf = ReadBuf::new(&mut first);
        ready!(Pin::new(&mut *self).poll_read(cx, &mut buf))?;
        if !buf.filled().is_empty() {
            let mut all = BytesMut::from(buf.filled());
            all.extend_from_slice(&self.ready);
            self.ready = all.freeze();
        }
        Poll::Ready(Ok(()))
    }

    /// How much of `fresh` may be delivered. What follows must be held.
    fn judge(&mut self, fresh: &[u8]) -> usize {
        let mut accepted = 0;
        while let Some(rest) = fresh.get(accepted..).filter(|rest| !rest.is_empty()) {
            let in_head = self.follower.is_in_head();
            match self.follower.step(rest) {
                Step::Head(facts) => {
                    self.conn.head_ended();
                    let raw = Bytes::copy_from_slice(rest.get(..facts.length).unwrap_or(rest));
                    self.conn.push_arrived(Arrived::Head { raw, at: Instant::now(), upgrade: facts.upgrade });
                    accepted += facts.length;
                }
                Step::Body(taken) => accepted += taken,
                Step::More => {
                    self.conn.head_began();
                    break;
                }
                Step::Hold => break,
                Step::Malformed(code) => {
                    self.refuse(code, rest, in_head);
                    break;
                }
            }
        }
        accepted
    }

    /// In a head: the refusal is queued. In a body: hyper's read will fail, and the body tells its reader why.
    fn refuse(&mut self, code: MalformedCode, seen: &[u8], in_head: bool) {
        self.conn.head_ended();
        if in_head {
            self.failed = Some(Failed::Head);
            let excerpt = seen.get(..RAW_EXCERPT).unwrap_or(seen);
            self.conn.push_arrived(Arrived::Malformed { code, raw: Bytes::copy_from_slice(excerpt) });
        } else {
            self.failed = Some(Failed::Body(code));
            self.conn.set_body_fault(code);
        }
    }

    /// Delivers accepted bytes.
    fn deliver(&mut self, buf: &mut ReadBuf<'_>) {
        let count = self.ready.len().min(buf.remaining());
        buf.put_slice(self.ready.get(..count).unwrap_or_default());
        self.ready.advance(count);
    }

    /// Judges what is held, after more was read or an upgrade was answered.
    fn release(&mut self) {
        let mut held = std::mem::take(&mut self.held);
        let accepted = self.judge(&held);
        self.ready = held.split_to(accepted).freeze();
        self.held = held;
        self.after_judging();
    }

    /// A refusal in a head puts the stand-in behind what was accepted before it.
    fn after_judging(&mut self) {
        if self.failed.is_some() {
            self.held = BytesMut::new();
        }
        if self.failed == Some(Failed::Head) {
            self.ready = if self.ready.is_empty() {
                Bytes::from_static(STAND_IN)
            } else {
                let mut both = BytesMut::from(self.ready.as_ref());
                both.extend_from_slice(STAND_IN);
                both.freeze()
            };
        }
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        if buf.filled().len() == before {
            self.ended = true;
            return Poll::Ready(Ok(()));
        }
        if self.held.is_empty() {
            let fresh = buf.filled().get(before..).unwrap_or_default();
            let accepted = self.judge(fresh);
            if self.failed.is_some() {
                buf.set_filled(before + accepted);
                self.after_judging();
            } else if accepted < fresh.len() {
                self.held.extend_from_slice(fresh.get(accepted..).unwrap_or_default());
                buf.set_filled(before + accepted);
            }
        } else {
            self.held.extend_from_slice(buf.filled().get(before..).unwrap_or_default());
            buf.set_filled(before);
            self.release();
        }
        Poll::Ready(Ok(()))
    }

    /// While the client waits for the answer to its upgrade, its bytes are held (within a bound); its end is passed on.
    fn poll_hold(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.conn.register_reader(cx.waker());
        if let Some(answer) = self.conn.take_upgrade_answer() {
            self.follower.answer_upgrade(answer == UpgradeAnswer::Accepted);
            self.release();
            return Poll::Ready(Ok(()));
        }
        if self.held.len() >= MAX_HELD_FOR_UPGRADE {
            return Poll::Pending;
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        self.ended = buf.filled().len() == before;
        self.held.extend_from_slice(buf.filled().get(before..).unwrap_or_default());
        buf.set_filled(before);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Framed<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        loop {
            if !this.ready.is_empty() {
                this.deliver(buf);
            }
            if buf.filled().len() > before || buf.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            match this.failed {
                None => {}
                Some(Failed::Head) => return Poll::Pending,
                Some(Failed::Body(code)) => {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, code.as_str())));
                }
            }
            if this.ended {
                return Poll::Ready(Ok(()));
            }
            if this.follower.is_in_head() && this.conn.is_head_expired() {
                this.follower.fail(MalformedCode::HeadTimeout);
                let held = std::mem::take(&mut this.held);
                this.refuse(MalformedCode::HeadTimeout, &held, true);
                this.after_judging();
                continue;
            }
            if this.follower.is_held() {
                ready!(this.poll_hold(cx, buf))?;
            } else {
                ready!(this.poll_fill(cx, buf))?;
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Framed<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write(cx, buf);
        mark_write(&this.conn, written.is_pending());
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write_vectored(cx, bufs);
        mark_write(&this.conn, written.is_pending());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.inner).poll_flush(cx);
        mark_write(&this.conn, flushed.is_pending());
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.closing = true;
        if !this.shut {
            ready!(Pin::new(&mut this.inner).poll_shutdown(cx))?;
            this.shut = true;
            if this.failed.is_some() {
                this.conn.kill_in(1_000);
            }
        }
        // A socket closed over unread bytes is reset, and the answer could be lost with it: read them away first.
        if this.failed.is_some() && !this.ended {
            let mut scratch = [0_u8; 4096];
            while this.discarded < MAX_DISCARDED {
                let mut buf = ReadBuf::new(&mut scratch);
                ready!(Pin::new(&mut this.inner).poll_read(cx, &mut buf))?;
                if buf.filled().is_empty() {
                    break;
                }
                this.discarded += buf.filled().len();
            }
        }
        Poll::Ready(Ok(()))
    }
}

pub(crate) fn mark_write(conn: &ConnState, pending: bool) {
    if pending {
        conn.write_blocked();
    } else {
        conn.write_moved();
    }
}
