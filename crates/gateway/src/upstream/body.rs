//! The body of an upstream's answer; holds its connection until the last byte, then gives it back.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::http1::{Download, Piece};
use super::pool::{PlaceTaken, ServerPool};
use super::tunnel::Tunnel;
use crate::body::{BodyError, Pace};
use crate::headers;

/// What would control or authorise an answer that was decided about already (RFC 9110 section 6.5.1).
const NOT_IN_TRAILERS: [HeaderName; 9] = [
    header::CACHE_CONTROL,
    header::EXPIRES,
    header::LOCATION,
    header::RETRY_AFTER,
    header::SET_COOKIE,
    header::VARY,
    header::WWW_AUTHENTICATE,
    header::CONTENT_SECURITY_POLICY,
    header::STRICT_TRANSPORT_SECURITY,
];

/// Takes out of an answer's trailers what belongs into its head or to one connection, and what only the gateway says.
fn strip(trailers: &mut HeaderMap) {
    headers::strip_hop_by_hop(trailers, false);
    headers::strip_trailers(trailers);
    for name in NOT_IN_TRAILERS {
        trailers.remove(name);
    }
}

/// Where an answer comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// A connection of its own, which goes back to its pool afterwards.
    Http1 { download: Box<Download>, pool: Rc<ServerPool>, _place: PlaceTaken },
    /// A stream of a shared one.
    Http2 { incoming: Incoming, _stream: OpenStream, _place: PlaceTaken },
}

impl Source {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self {
            Source::Http1 { download, .. } => download.poll_next(cx).map(|next| match next {
                Ok(Piece::Data(data)) => Some(Ok(Frame::data(data))),
                Ok(Piece::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
                Ok(Piece::End | Piece::More) => None,
                Err(error) => Some(Err(error)),
            }),
            Source::Http2 { incoming, .. } => Pin::new(incoming)
                .poll_frame(cx)
                .map(|next| next.map(|frame| frame.map_err(|error| BodyError::UpstreamBroken(error.into())))),
        }
    }

    fn is_end(&self) -> bool {
        match self {
            Source::Http1 { download, .. } => download.is_done(),
            Source::Http2 { incoming, .. } => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Source::Http1 { download, .. } => download.left().map_or_else(SizeHint::new, SizeHint::with_exact),
            Source::Http2 { incoming, .. } => incoming.size_hint(),
        }
    }

    /// After its end.
    fn give_back(self) {
        if let Source::Http1 { download, pool, _place } = self
            && let Some(wire) = download.finish()
        {
            pool.give_back(wire);
        }
    }
}

/// A stream counted on its HTTP/2 connection.
#[derive(Debug)]
pub(super) struct OpenStream(Rc<Cell<usize>>);

impl OpenStream {
    pub(super) fn new(streams: Rc<Cell<usize>>) -> OpenStream {
        streams.set(streams.get() + 1);
        OpenStream(streams)
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// The body of an upstream's answer.
///
/// If the upstream closes early or lies about its length, the body fails, and the connection to the caller is broken:
/// a part is never passed off as the whole.
#[derive(Debug)]
pub struct UpstreamBody {
    whole: Bytes,
    source: Option<Source>,
    pace: Option<Box<Pace>>,
    tunnel: Option<Box<Tunnel>>,
    broken: bool,
    /// What is to be told at the next look.
    failing: Option<BodyError>,
}

impl UpstreamBody {
    /// A body that is to be read.
    pub(super) fn new(source: Source, pace: impl FnOnce() -> Pace) -> UpstreamBody {
        if source.is_end() {
            source.give_back();
            return UpstreamBody::whole(Bytes::new());
        }
        UpstreamBody { source: Some(source), pace: Some(Box::new(pace())), ..UpstreamBody::whole(Bytes::new()) }
    }

    /// A body that is here.
    pub(super) fn whole(whole: Bytes) -> UpstreamBody {
        UpstreamBody { whole, source: None, pace: None, tunnel: None, broken: false, failing: None }
    }

    pub(super) fn tunnel(tunnel: Tunnel) -> UpstreamBody {
        UpstreamBody { tunnel: Some(Box::new(tunnel)), ..UpstreamBody::whole(Bytes::new()) }
    }

    pub(crate) fn take_tunnel(&mut self) -> Option<Tunnel> {
        self.tunnel.take().map(|tunnel| *tunnel)
    }

    fn give_back(&mut self) {
        if let Some(source) = self.source.take() {
            source.give_back();
        }
    }

    /// Fails, at the next look: what was said before is on its way by then. In HTTP/2 a reset takes back what still waits.
    fn fail(&mut self, cx: &Context<'_>, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.broken = true;
        self.source = None;
        self.failing = Some(error);
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if !this.whole.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.whole)))));
        }
        if let Some(error) = this.failing.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let Some(source) = this.source.as_mut().filter(|_| !this.broken) else { return Poll::Ready(None) };
        match source.poll_frame(cx) {
            Poll::Ready(Some(Ok(mut frame))) => {
                if let Some(trailers) = frame.trailers_mut() {
                    strip(trailers);
                }
                if source.is_end() {
                    this.give_back();
                } else if let Some(pace) = this.pace.as_mut() {
                    pace.moved();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => this.fail(cx, error),
            Poll::Ready(None) => {
                this.give_back();
                Poll::Ready(None)
            }
            Poll::Pending => match this.pace.as_mut().map(|pace| pace.poll_wait(cx, 0)) {
                Some(Poll::Ready(_)) => this.fail(cx, BodyError::UpstreamStalled),
                _ => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        !self.broken && self.whole.is_empty() && self.source.as_ref().is_none_or(Source::is_end)
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.source, self.broken) {
            (Some(source), false) => source.size_hint(),
            (None, false) => SizeHint::with_exact(self.whole.len() as u64),
            (_, true) => SizeHint::new(),
        }
    }
}
