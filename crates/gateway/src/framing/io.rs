//! The follower put between the socket and hyper. Bytes are read straight into hyper's buffer and judged there; what
//! is not accepted yet is taken out again and held.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, ReadBuf};

use super::{Follower, MalformedCode, Step};
use crate::conn::{ConnState, UpgradeAnswer};
use crate::framing::HeadLimits;
use crate::paced::Follow;

/// What hyper is given in place of a head that was refused: it makes hyper call the service once more, in order,
/// behind answers that are still being written. The service finds the refusal in the queue and answers it.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nhost: malformed.invalid\r\nconnection: close\r\n\r\n";
const RAW_EXCERPT: usize = 16 * 1024;
const MAX_HELD_FOR_UPGRADE: usize = 64 * 1024;
const MAX_DISCARDED: usize = 4 * 1024 * 1024;

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

/// The follower of one connection, with what it holds back.
#[derive(Debug)]
pub(crate) struct Framing {
    conn: Arc<ConnState>,
    follower: Follower,
    /// Read but not accepted.
    held: BytesMut,
    /// Accepted but not delivered.
    ready: Bytes,
    ended: bool,
    failed: Option<Failed>,
    discarded: usize,
    farewell: bool,
}

impl Framing {
    pub(crate) fn new(conn: Arc<ConnState>, limits: HeadLimits) -> Framing {
        Framing {
            conn,
            follower: Follower::new(limits),
            held: BytesMut::new(),
            ready: Bytes::new(),
            ended: false,
            failed: None,
            discarded: 0,
            farewell: false,
        }
    }

    /// Between two requests, and nothing of the next one is here.
    pub(crate) fn is_quiet(&self) -> bool {
        self.follower.is_in_head()
            && self.held.is_empty()
            && self.ready.is_empty()
            && self.failed.is_none()
            && !self.ended
    }

    /// Reads as ever, but keeps what it reads for the next reader. Ready when there is something to read, if only an end.
    pub(crate) fn poll_arrival<T>(&mut self, stream: &mut T, cx: &mut Context<'_>) -> Poll<io::Result<()>>
    where
        T: AsyncRead + Unpin,
    {
        let mut first = [0; 512];
        let mut buf = ReadBuf::new(&mut first);
        ready!(self.poll_read(stream, cx, &mut buf))?;
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

    fn poll_fill<T>(&mut self, stream: &mut T, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>>
    where
        T: AsyncRead + Unpin,
    {
        let before = buf.filled().len();
        ready!(Pin::new(stream).poll_read(cx, buf))?;
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
    fn poll_hold<T>(&mut self, stream: &mut T, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>>
    where
        T: AsyncRead + Unpin,
    {
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
        ready!(Pin::new(stream).poll_read(cx, buf))?;
        self.ended = buf.filled().len() == before;
        self.held.extend_from_slice(buf.filled().get(before..).unwrap_or_default());
        buf.set_filled(before);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + Unpin> Follow<T> for Framing {
    fn poll_read(&mut self, stream: &mut T, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        loop {
            if !self.ready.is_empty() {
                self.deliver(buf);
            }
            if buf.filled().len() > before || buf.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            match self.failed {
                None => {}
                Some(Failed::Head) => return Poll::Pending,
                Some(Failed::Body(code)) => {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, code.as_str())));
                }
            }
            if self.ended {
                return Poll::Ready(Ok(()));
            }
            if self.follower.is_in_head() && self.conn.is_head_expired() {
                self.follower.fail(MalformedCode::HeadTimeout);
                let held = std::mem::take(&mut self.held);
                self.refuse(MalformedCode::HeadTimeout, &held, true);
                self.after_judging();
                continue;
            }
            if self.follower.is_held() {
                ready!(self.poll_hold(stream, cx, buf))?;
            } else {
                ready!(self.poll_fill(stream, cx, buf))?;
            }
        }
    }

    /// A socket closed over unread bytes is reset, and the answer could be lost with it: they are read away first. So a
    /// client that is still sending a body learns why it was refused.
    fn poll_farewell(&mut self, stream: &mut T, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let is_in_body = !self.follower.is_in_head() && !self.follower.is_tunnel();
        if self.failed.is_none() && !is_in_body {
            return Poll::Ready(Ok(()));
        }
        if !std::mem::replace(&mut self.farewell, true) {
            self.conn.kill_in(1_000);
        }
        let mut scratch = [0_u8; 4096];
        while !self.ended && self.discarded < MAX_DISCARDED {
            let mut buf = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut *stream).poll_read(cx, &mut buf))?;
            self.ended = buf.filled().is_empty();
            self.discarded += buf.filled().len();
        }
        Poll::Ready(Ok(()))
    }
}
