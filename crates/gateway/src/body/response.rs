//! The body of an answer, with what hangs on it: the signal that ends it, and who wants to know how it ended.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::BodyError;
use crate::close::CloseSignal;
use crate::conn::Ticket;
use crate::upstream::{Tunnel, UpstreamBody};

/// How a body ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BodyEnd {
    /// Body bytes handed to the connection (for a tunnel: bytes to the caller).
    pub bytes: u64,
    /// How it ended.
    pub outcome: EndOutcome,
}

/// How a body ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EndOutcome {
    /// Whole.
    Complete,
    /// Broken off by us or the upstream, with the code of why.
    Aborted(&'static str),
    /// The caller went away before its end.
    HungUp,
}

/// Over HTTP/2 an answer goes in pieces of this size at most,
const PIECE: usize = 64 * 1024;
/// and of this one while its connection holds back as much as that: so many streams that nobody reads hold little.
const SMALL_PIECE: usize = 8 * 1024;
const MUCH_HELD: u64 = 256 * 1024;

type OnEnd = Box<dyn FnOnce(BodyEnd)>;
type Boxed = Pin<Box<dyn Body<Data = Bytes, Error = BodyError>>>;

enum Source {
    Empty,
    Full(Bytes),
    Upstream(UpstreamBody),
    Boxed(Boxed),
}

/// The body of an answer.
pub struct ResponseBody {
    source: Source,
    /// What of the last frame did not fit into a piece.
    rest: Bytes,
    bytes: u64,
    close: Option<CloseSignal>,
    closed: Option<Pin<Box<dyn Future<Output = ()>>>>,
    on_end: Option<OnEnd>,
    ticket: Option<Ticket>,
    stall: Option<usize>,
    ended: Option<EndOutcome>,
    headless: bool,
}

impl ResponseBody {
    /// No body.
    pub fn empty() -> ResponseBody {
        ResponseBody::new(Source::Empty)
    }

    /// Any body. A [`BodyError`] of it stays what it is.
    pub fn boxed<B>(body: B) -> ResponseBody
    where
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        use http_body_util::BodyExt as _;
        ResponseBody::new(Source::Boxed(Box::pin(
            body.map_err(|error| error.into().downcast::<BodyError>().map_or_else(BodyError::Source, |error| *error)),
        )))
    }

    /// Ends this stream (a download, an event stream, a WebSocket) when the signal is fired.
    #[must_use]
    pub fn until(mut self, signal: CloseSignal) -> ResponseBody {
        self.close = Some(signal);
        self
    }

    /// Calls back once when the body ended, however it ended. A second callback runs after the first.
    #[must_use]
    pub fn on_end(mut self, callback: impl FnOnce(BodyEnd) + 'static) -> ResponseBody {
        self.on_end = Some(match self.on_end.take() {
            None => Box::new(callback),
            Some(first) => Box::new(move |end| {
                first(end);
                callback(end);
            }),
        });
        self
    }

    /// The whole body, when it is in memory already.
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match &self.source {
            Source::Full(bytes) => Some(bytes),
            _ => None,
        }
    }

    fn new(source: Source) -> ResponseBody {
        ResponseBody {
            source,
            rest: Bytes::new(),
            bytes: 0,
            close: None,
            closed: None,
            on_end: None,
            ticket: None,
            stall: None,
            ended: None,
            headless: false,
        }
    }

    /// Ties the body to its request. `headless`: no body will be asked for (HEAD, 204, 304).
    pub(crate) fn attach(&mut self, ticket: Ticket, headless: bool, watch_stalls: bool) {
        if watch_stalls && !headless && !self.is_end_stream() {
            self.stall = Some(ticket.conn().stall_open());
        }
        self.ticket = Some(ticket);
        self.headless = headless;
    }

    /// The tunnel that a 101 carries, with the signal and the callback that now belong to it.
    pub(crate) fn take_tunnel(&mut self) -> Option<(Tunnel, Option<CloseSignal>, Option<OnEnd>)> {
        let Source::Upstream(body) = &mut self.source else { return None };
        let tunnel = body.take_tunnel()?;
        Some((tunnel, self.close.take(), self.on_end.take()))
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if !self.rest.is_empty() {
            let whole = std::mem::take(&mut self.rest);
            return Poll::Ready(Some(Ok(self.cut(whole))));
        }
        let polled = match &mut self.source {
            Source::Empty => Poll::Ready(None),
            Source::Full(bytes) => {
                let whole = std::mem::take(bytes);
                Poll::Ready((!whole.is_empty()).then(|| Ok(Frame::data(whole))))
            }
            Source::Upstream(body) => Pin::new(body).poll_frame(cx),
            Source::Boxed(body) => body.as_mut().poll_frame(cx),
        };
        polled.map_ok(|frame| match frame.into_data() {
            Ok(whole) => self.cut(whole),
            Err(trailers) => trailers,
        })
    }

    /// The first piece of a frame; the rest waits.
    fn cut(&mut self, mut whole: Bytes) -> Frame<Bytes> {
        if let (Some(_), Some(ticket)) = (self.stall, &self.ticket) {
            let most = if ticket.conn().held() < MUCH_HELD { PIECE } else { SMALL_PIECE };
            if whole.len() > most {
                self.rest = whole.split_off(most);
            }
        }
        Frame::data(whole)
    }

    /// Nothing more is sent.
    fn give_up(&mut self) {
        self.source = Source::Empty;
        self.rest = Bytes::new();
    }

    fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<&'static str> {
        let Some(signal) = &self.close else { return Poll::Pending };
        let closed = self.closed.get_or_insert_with(|| Box::pin(signal.closed()));
        closed.as_mut().poll(cx).map(|()| signal.reason().unwrap_or("closed"))
    }

    fn finish(&mut self, outcome: EndOutcome) {
        if self.ended.is_none() {
            self.ended = Some(outcome);
            if let Some(callback) = self.on_end.take() {
                callback(BodyEnd { bytes: self.bytes, outcome });
            }
        }
    }

    fn mark(&self, waiting_for_peer: bool) {
        if let (Some(slot), Some(ticket)) = (self.stall, &self.ticket) {
            ticket.conn().stall_mark(slot, waiting_for_peer);
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if let Some(signal) = this.close.as_ref().filter(|signal| signal.is_closed()) {
            let reason = signal.reason().unwrap_or("closed");
            this.give_up();
            this.finish(EndOutcome::Aborted(reason));
            return Poll::Ready(Some(Err(BodyError::Closed(reason))));
        }
        let polled = this.poll_source(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                this.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                if this.is_end_stream() {
                    this.finish(EndOutcome::Complete);
                }
                this.mark(true);
            }
            Poll::Ready(Some(Err(error))) => {
                let code = error.code();
                this.finish(EndOutcome::Aborted(code));
            }
            Poll::Ready(None) => {
                this.finish(EndOutcome::Complete);
                this.mark(false);
            }
            Poll::Pending => {
                this.mark(false);
                if let Poll::Ready(reason) = this.poll_closed(cx) {
                    this.give_up();
                    this.finish(EndOutcome::Aborted(reason));
                    return Poll::Ready(Some(Err(BodyError::Closed(reason))));
                }
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        if !self.rest.is_empty() {
            return false;
        }
        match &self.source {
            Source::Empty => true,
            Source::Full(bytes) => bytes.is_empty(),
            Source::Upstream(body) => body.is_end_stream(),
            Source::Boxed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let source = match &self.source {
            Source::Empty => SizeHint::with_exact(0),
            Source::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::Upstream(body) => body.size_hint(),
            Source::Boxed(body) => body.size_hint(),
        };
        let rest = self.rest.len() as u64;
        match source.exact() {
            _ if rest == 0 => source,
            Some(length) => SizeHint::with_exact(length + rest),
            None => SizeHint::new(),
        }
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        let whole = self.headless || self.is_end_stream();
        self.finish(if whole { EndOutcome::Complete } else { EndOutcome::HungUp });
        if let (Some(slot), Some(ticket)) = (self.stall, &self.ticket) {
            ticket.conn().stall_close(slot);
        }
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match &self.source {
            Source::Empty => "empty",
            Source::Full(_) => "full",
            Source::Upstream(_) => "upstream",
            Source::Boxed(_) => "boxed",
        };
        f.debug_struct("ResponseBody").field("source", &source).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl From<Bytes> for ResponseBody {
    fn from(bytes: Bytes) -> ResponseBody {
        ResponseBody::new(Source::Full(bytes))
    }
}

impl From<&'static str> for ResponseBody {
    fn from(text: &'static str) -> ResponseBody {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl From<String> for ResponseBody {
    fn from(text: String) -> ResponseBody {
        Bytes::from(text).into()
    }
}

impl From<Vec<u8>> for ResponseBody {
    fn from(bytes: Vec<u8>) -> ResponseBody {
        Bytes::from(bytes).into()
    }
}

impl From<UpstreamBody> for ResponseBody {
    fn from(body: UpstreamBody) -> ResponseBody {
        ResponseBody::new(Source::Upstream(body))
    }
}
