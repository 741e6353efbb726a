//! The body of an upstream's answer; holds its connection until the last byte, then gives it back.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::pool::{Http1, PlaceTaken, ServerPool};
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

/// What an answer holds on to until it was read.
#[derive(Debug)]
pub(super) enum Lease {
    Http1 { connection: Http1, pool: Rc<ServerPool>, _place: PlaceTaken },
    Http2 { _stream: OpenStream, _place: PlaceTaken },
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
    source: Option<Incoming>,
    lease: Option<Lease>,
    pace: Option<Box<Pace>>,
    tunnel: Option<Box<Tunnel>>,
    broken: bool,
}

impl UpstreamBody {
    pub(super) fn new(source: Incoming, lease: Lease, pace: impl FnOnce() -> Pace) -> UpstreamBody {
        let mut body = UpstreamBody { source: None, lease: Some(lease), pace: None, tunnel: None, broken: false };
        if source.is_end_stream() {
            body.give_back();
        } else {
            body.pace = Some(Box::new(pace()));
            body.source = Some(source);
        }
        body
    }

    pub(super) fn tunnel(tunnel: Tunnel) -> UpstreamBody {
        UpstreamBody { source: None, lease: None, pace: None, tunnel: Some(Box::new(tunnel)), broken: false }
    }

    pub(crate) fn take_tunnel(&mut self) -> Option<Tunnel> {
        self.tunnel.take().map(|tunnel| *tunnel)
    }

    fn give_back(&mut self) {
        if let Some(Lease::Http1 { connection, pool, _place }) = self.lease.take() {
            pool.give_back(connection);
        }
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let Some(source) = this.source.as_mut().filter(|_| !this.broken) else { return Poll::Ready(None) };
        match Pin::new(&mut *source).poll_frame(cx) {
            Poll::Ready(Some(Ok(mut frame))) => {
                if let Some(trailers) = frame.trailers_mut() {
                    strip(trailers);
                }
                if source.is_end_stream() {
                    this.source = None;
                    this.give_back();
                } else if let Some(pace) = this.pace.as_mut() {
                    pace.moved();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                this.broken = true;
                this.lease = None;
                Poll::Ready(Some(Err(BodyError::UpstreamBroken(error))))
            }
            Poll::Ready(None) => {
                this.source = None;
                this.give_back();
                Poll::Ready(None)
            }
            Poll::Pending => match this.pace.as_mut().map(|pace| pace.poll_wait(cx, 0)) {
                Some(Poll::Ready(_)) => {
                    this.broken = true;
                    this.lease = None;
                    Poll::Ready(Some(Err(BodyError::UpstreamStalled)))
                }
                _ => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        !self.broken && self.source.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.source, self.broken) {
            (Some(source), false) => source.size_hint(),
            (None, false) => SizeHint::with_exact(0),
            (_, true) => SizeHint::new(),
        }
    }
}
