//! The body of a request: from the caller, made here, or the caller's with an inspected prefix put back.

use std::cell::Cell;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::{BodyError, Pace};
use crate::conn::ConnState;
use crate::framing::MalformedCode;
use crate::headers;

/// Looks at a body while it is sent on. What it returns as an error is a stable code, and breaks the body off.
pub trait BodyWatch {
    /// So many more bytes came.
    fn chunk(&mut self, bytes: &[u8]) -> Result<(), &'static str>;

    /// The body is complete. What came last is sent on only after this.
    fn end(&mut self) -> Result<(), &'static str>;
}

/// A watch with the last bytes that came: they wait until it is known whether more come, and what is thought of all.
struct Watched {
    watch: Box<dyn BodyWatch>,
    held: Bytes,
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("held", &self.held.len()).finish_non_exhaustive()
    }
}

/// The body of a request.
#[derive(Debug)]
pub struct InboundBody {
    prefix: Bytes,
    source: Option<Incoming>,
    conn: Option<Arc<ConnState>>,
    declared: Option<u64>,
    received: Rc<Cell<u64>>,
    most: u64,
    pace: Option<Box<Pace>>,
    trailers: Option<http::HeaderMap>,
    passes_trailers: bool,
    broken: bool,
    fault: Rc<Cell<Option<CallerFault>>>,
    watched: Option<Box<Watched>>,
}

/// Why a caller's body broke off, for whoever sent it on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CallerFault {
    Malformed(MalformedCode),
    TooLarge,
    TooSlow,
    Deadline,
    Gone,
    Refused(&'static str),
}

/// What [`InboundBody::read_up_to`] found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Collected {
    /// The whole body.
    Whole(Bytes),
    /// More than asked for: what was read so far. The rest stays in the body.
    TooLarge(Bytes),
}

impl InboundBody {
    /// No body.
    pub fn empty() -> InboundBody {
        InboundBody::from_bytes(Bytes::new())
    }

    /// A body made here.
    pub fn from_bytes(bytes: Bytes) -> InboundBody {
        InboundBody {
            declared: Some(bytes.len() as u64),
            prefix: bytes,
            source: None,
            conn: None,
            received: Rc::default(),
            most: u64::MAX,
            pace: None,
            trailers: None,
            passes_trailers: false,
            broken: false,
            fault: Rc::default(),
            watched: None,
        }
    }

    pub(crate) fn from_caller(body: Incoming, conn: Arc<ConnState>, pace: impl FnOnce() -> Pace) -> InboundBody {
        if body.is_end_stream() {
            return InboundBody::empty();
        }
        InboundBody {
            prefix: Bytes::new(),
            declared: body.size_hint().exact(),
            source: Some(body),
            conn: Some(conn),
            received: Rc::default(),
            most: u64::MAX,
            pace: Some(Box::new(pace())),
            trailers: None,
            passes_trailers: false,
            broken: false,
            fault: Rc::default(),
            watched: None,
        }
    }

    /// Puts inspected bytes back before the rest of the body that they came from.
    #[must_use]
    pub fn replay(prefix: Bytes, mut rest: InboundBody) -> InboundBody {
        rest.prefix = if rest.prefix.is_empty() {
            prefix
        } else {
            let mut joined = BytesMut::from(prefix.as_ref());
            joined.extend_from_slice(&rest.prefix);
            joined.freeze()
        };
        rest
    }

    /// The length that the caller announced, or that is known.
    pub fn declared(&self) -> Option<u64> {
        self.declared
    }

    /// Breaks the body off when more than so many bytes come: what is sent in chunks announces no length.
    pub fn limit(&mut self, most: u64) {
        self.most = most;
    }

    /// Has somebody look at all of it while it is sent on: the last piece waits for what is thought of the whole, so that
    /// nobody gets a body complete that was refused.
    pub fn watch(&mut self, watch: impl BodyWatch + 'static) {
        self.watched = Some(Box::new(Watched { watch: Box::new(watch), held: Bytes::new() }));
    }

    /// Hands the caller's trailers on, without those that would change the message. Otherwise they are dropped (RFC 9110
    /// section 6.5, RFC 9112 section 7.1.2): they come after the decision, so nobody decided about them.
    pub(crate) fn pass_trailers(&mut self) {
        self.passes_trailers = true;
    }

    /// Body bytes read from the caller so far.
    pub fn received(&self) -> u64 {
        self.received.get()
    }

    /// The counter behind [`InboundBody::received`], readable after the body was forwarded.
    pub fn received_counter(&self) -> Rc<Cell<u64>> {
        self.received.clone()
    }

    /// Set once the caller's body broke off, readable after the body was forwarded.
    pub(crate) fn caller_fault(&self) -> Rc<Cell<Option<CallerFault>>> {
        self.fault.clone()
    }

    fn broke(&mut self, fault: CallerFault) {
        self.broken = true;
        self.fault.set(Some(fault));
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.is_end_stream()
    }

    /// Reads until the end, or until more than `max` bytes were read. Trailers stay in the body.
    pub async fn read_up_to(&mut self, max: usize) -> Result<Collected, BodyError> {
        let mut first = Bytes::new();
        let mut rest = BytesMut::new();
        while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut *self).poll_frame(cx)).await {
            match frame?.into_data() {
                Ok(data) if first.is_empty() => first = data,
                Ok(data) => {
                    if rest.is_empty() {
                        rest.extend_from_slice(&first);
                    }
                    rest.extend_from_slice(&data);
                }
                Err(_) => continue,
            }
            if first.len().max(rest.len()) > max {
                return Ok(Collected::TooLarge(joined(first, rest)));
            }
        }
        Ok(Collected::Whole(joined(first, rest)))
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(source) = self.source.as_mut() else { return Poll::Ready(None) };
        match Pin::new(source).poll_frame(cx) {
            Poll::Ready(Some(Ok(mut frame))) => {
                if let Some(data) = frame.data_ref() {
                    self.received.set(self.received.get() + data.len() as u64);
                    if self.received.get() > self.most {
                        self.broke(CallerFault::TooLarge);
                        return Poll::Ready(Some(Err(BodyError::TooLarge)));
                    }
                } else if let Some(trailers) = frame.trailers_mut() {
                    headers::strip_trailers(trailers);
                    self.trailers = Some(std::mem::take(trailers)).filter(|left| !left.is_empty());
                    // Nothing comes after them.
                    self.source = None;
                    return Poll::Ready(None);
                }
                if let Some(pace) = self.pace.as_mut() {
                    pace.moved();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                let malformed = self.conn.as_ref().and_then(|conn| conn.body_fault());
                self.broke(malformed.map_or(CallerFault::Gone, CallerFault::Malformed));
                Poll::Ready(Some(Err(malformed.map_or(BodyError::CallerGone(error), BodyError::Malformed))))
            }
            Poll::Ready(None) => {
                self.source = None;
                Poll::Ready(None)
            }
            Poll::Pending => match self.pace.as_mut().map(|pace| pace.poll_wait(cx, self.received.get())) {
                Some(Poll::Ready(error)) => {
                    let deadline = matches!(error, BodyError::Deadline);
                    self.broke(if deadline { CallerFault::Deadline } else { CallerFault::TooSlow });
                    Poll::Ready(Some(Err(error)))
                }
                _ => Poll::Pending,
            },
        }
    }
}

impl InboundBody {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if !self.prefix.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.prefix)))));
        }
        if self.broken {
            return Poll::Ready(None);
        }
        match self.poll_source(cx) {
            Poll::Ready(None) if self.passes_trailers => {
                Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
            }
            polled => polled,
        }
    }

    fn poll_watched(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            let next = ready!(self.poll_next(cx)).transpose();
            let Some(mut watched) = self.watched.take() else { return Poll::Ready(next.transpose()) };
            let data = match next {
                Ok(Some(frame)) => match frame.into_data() {
                    Ok(data) => Some(data),
                    Err(trailers) => {
                        // They come after the end: they are kept until what was held is gone.
                        self.trailers = trailers.into_trailers().ok();
                        None
                    }
                },
                Ok(None) => None,
                Err(error) => return Poll::Ready(Some(Err(error))),
            };
            let judged = match &data {
                Some(data) => watched.watch.chunk(data),
                None => watched.watch.end(),
            };
            if let Err(code) = judged {
                self.broke(CallerFault::Refused(code));
                return Poll::Ready(Some(Err(BodyError::Refused(code))));
            }
            let Some(data) = data else {
                let last = std::mem::take(&mut watched.held);
                return if last.is_empty() { self.poll_next(cx) } else { Poll::Ready(Some(Ok(Frame::data(last)))) };
            };
            let before = std::mem::replace(&mut watched.held, data);
            self.watched = Some(watched);
            if !before.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(before))));
            }
        }
    }
}

fn joined(first: Bytes, rest: BytesMut) -> Bytes {
    if rest.is_empty() { first } else { rest.freeze() }
}

impl Body for InboundBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if this.watched.is_some() { this.poll_watched(cx) } else { this.poll_next(cx) }
    }

    fn is_end_stream(&self) -> bool {
        self.prefix.is_empty()
            && !(self.passes_trailers && self.trailers.is_some())
            && self.watched.is_none()
            && (self.broken || self.source.as_ref().is_none_or(Body::is_end_stream))
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.watched.as_ref().map_or(0, |watched| watched.held.len());
        let here = (self.prefix.len() + held) as u64;
        match self.source.as_ref().map(Body::size_hint) {
            None => SizeHint::with_exact(here),
            Some(hint) => match hint.exact() {
                Some(rest) => SizeHint::with_exact(rest + here),
                None => SizeHint::new(),
            },
        }
    }
}
