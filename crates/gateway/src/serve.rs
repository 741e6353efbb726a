//! Serving one connection: hyper in the middle, framing below it, the handler above it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;
use std::time::Instant;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HOST, HeaderValue, UPGRADE};
use http::{Method, Request, Response, StatusCode, Uri, request};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::body::outgoing::Outgoing;
use crate::body::{BodyEnd, InboundBody, Pace, ResponseBody};
use crate::close::CloseSignal;
use crate::conn::{ConnFacts, ConnState, Protocol, Ticket, UpgradeAnswer};
use crate::framing::{Arrived, Framing, MalformedCode, Shared, is_host, is_path_and_query};
use crate::headers::{SecurityHeaders, strip_hop_by_hop};
use crate::http2_watch::{FrameCounter, FrameWatch};
use crate::limits::Limits;
use crate::local::LocalExecutor;
use crate::paced::Paced;
use crate::upstream::{ClientUpgrade, run_tunnel};

/// What answers the requests of one worker. It lives on the worker's thread and may spawn local tasks.
pub trait Handler: 'static {
    /// Answers a request. When the caller hangs up, the future is dropped.
    fn handle(self: Rc<Self>, inbound: Inbound) -> impl Future<Output = Response<ResponseBody>> + 'static;

    /// A request was refused by framing; the gateway answers it itself.
    fn malformed(&self, report: &Malformed) {
        let _ = report;
    }

    /// A connection was refused or closed by a limit.
    fn shed(&self, report: &Shed) {
        let _ = report;
    }
}

/// A request as it came in.
#[derive(Debug)]
pub struct Inbound {
    /// Method, target and headers. The target is always path and query (or `*`); there is always exactly one `host`.
    pub parts: request::Parts,
    /// The body, under its minimum rate and deadline.
    pub body: InboundBody,
    /// The connection.
    pub conn: Arc<ConnFacts>,
    /// HTTP/1.1: the very bytes of the head.
    pub raw_head: Option<Bytes>,
    /// When the head was complete.
    pub started: Instant,
    /// Present when the caller asks for WebSocket; put into [`crate::Outbound`] to allow it.
    pub upgrade: Option<ClientUpgrade>,
}

/// A request that framing refused.
#[derive(Clone, Debug)]
pub struct Malformed {
    /// Why.
    pub code: MalformedCode,
    /// The other end.
    pub peer: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
    /// How the connection speaks.
    pub protocol: Protocol,
    /// The first bytes of the request as far as they came, at most 16 KiB; empty when its head was accepted or is not known.
    pub raw_head: Bytes,
}

/// Why a connection was refused or closed by a limit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ShedReason {
    /// The worker has too many connections.
    Connections,
    /// The source network has too many connections.
    ConnectionsOfNetwork,
    /// Too many handshakes at a time.
    Handshakes,
    /// Too many handshakes of the source network at a time.
    HandshakesOfNetwork,
    /// The TLS handshake took too long.
    HandshakeTimeout,
    /// The peer took nothing of an answer for too long, or took it too slowly.
    WriteStalled,
}

impl ShedReason {
    /// A stable code.
    pub const fn code(self) -> &'static str {
        match self {
            ShedReason::Connections => "connections",
            ShedReason::ConnectionsOfNetwork => "connections-of-network",
            ShedReason::Handshakes => "handshakes",
            ShedReason::HandshakesOfNetwork => "handshakes-of-network",
            ShedReason::HandshakeTimeout => "handshake-timeout",
            ShedReason::WriteStalled => "write-stalled",
        }
    }
}

/// A connection that was refused or closed by a limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shed {
    /// The other end.
    pub peer: SocketAddr,
    /// Why.
    pub why: ShedReason,
}

/// The header fields that hyper takes when it is not told otherwise.
const HYPER_FIELDS: usize = 100;

/// What the connections of a worker share.
pub(crate) struct Serving<H> {
    pub(crate) handler: Rc<H>,
    pub(crate) limits: Limits,
    pub(crate) drain: CloseSignal,
    http1: http1::Builder,
    http2: http2::Builder<LocalExecutor>,
}

impl<H: Handler> Serving<H> {
    pub(crate) fn new(handler: Rc<H>, limits: Limits, drain: CloseSignal) -> Rc<Serving<H>> {
        let mut http1 = http1::Builder::new();
        // The time of a head is watched below hyper, by framing and the reaper, at no cost per request.
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_buf_size(limits.buffer)
            .half_close(false)
            .keep_alive(true);
        // Framing counts the fields. Room for as many as hyper takes by itself lies on the stack, for more on the heap.
        if limits.head.fields > HYPER_FIELDS {
            http1.max_headers(limits.head.fields);
        }
        let mut http2 = http2::Builder::new(LocalExecutor);
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            .initial_stream_window_size(limits.stream_window)
            .initial_connection_window_size(limits.connection_window)
            .max_header_list_size(limits.header_list)
            .max_pending_accept_reset_streams(20)
            .max_local_error_reset_streams(256)
            .max_send_buf_size(256 * 1024)
            .keep_alive_interval(limits.ping_interval)
            .keep_alive_timeout(limits.ping_timeout);
        Rc::new(Serving { handler, limits, drain, http1, http2 })
    }

    /// Serves until the connection ends.
    pub(crate) async fn serve<T>(self: Rc<Self>, io: T, state: Arc<ConnState>)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = || {
            let (serving, conn) = (self.clone(), state.clone());
            // hyper keeps room for one answer's future in each connection: boxed, an idle one costs a pointer.
            service_fn(move |request| Box::pin(serving.clone().answer(conn.clone(), request)))
        };
        match state.facts.protocol {
            Protocol::Http1 => {
                let framing = Framing::new(state.clone(), self.limits.head);
                let io = Shared::new(Paced::new(io, framing, state.clone()));
                // Between requests a connection is parked: only its byte stream is kept.
                while io.arrival(&state).await {
                    let connection = self.http1.serve_connection(TokioIo::new(io.clone()), service()).with_upgrades();
                    let graceful = http1::UpgradeableConnection::graceful_shutdown;
                    let ended = Box::pin(drive(connection, &state, graceful, || io.is_quiet())).await;
                    if !matches!(ended, Ended::Parked) {
                        break;
                    }
                }
            }
            Protocol::Http2 => {
                let counter = FrameCounter::new(self.limits.resets, self.limits.idle_frames);
                let watch = FrameWatch::new(state.clone(), counter);
                let io = TokioIo::new(Paced::new(io, watch, state.clone()));
                let connection = self.http2.serve_connection(io, service());
                let graceful = http2::Connection::graceful_shutdown;
                let ended = Box::pin(drive(connection, &state, graceful, || false)).await;
                if let (None, Ended::Over(Some(error))) = (state.body_fault(), ended)
                    && is_protocol_error(&error)
                {
                    self.report(&state, MalformedCode::Protocol, Bytes::new());
                }
            }
        }
        // A refusal within a body or between the frames is told once, when the connection ends.
        while let Some(arrived) = state.pop_arrived() {
            if let Arrived::Malformed { code, raw } = arrived {
                self.report(&state, code, raw);
            }
        }
        if let Some(code) = state.body_fault() {
            self.report(&state, code, Bytes::new());
        }
    }

    fn report(&self, state: &ConnState, code: MalformedCode, raw_head: Bytes) {
        state.counters.malformed.fetch_add(1, Relaxed);
        let ConnFacts { peer, local, protocol, .. } = *state.facts;
        self.handler.malformed(&Malformed { code, peer, local, protocol, raw_head });
    }

    async fn answer(
        self: Rc<Self>,
        state: Arc<ConnState>,
        request: Request<Incoming>,
    ) -> Result<Response<Outgoing>, Infallible> {
        let counting = (state.facts.protocol == Protocol::Http2).then(|| state.clone());
        let response = self.respond(state, request).await;
        Ok(response.map(|body| Outgoing::new(body, counting)))
    }

    async fn respond(self: Rc<Self>, state: Arc<ConnState>, request: Request<Incoming>) -> Response<ResponseBody> {
        let headless = request.method() == Method::HEAD;
        let is_http2 = state.facts.protocol == Protocol::Http2;
        let ticket = state.open_request(self.limits.max_requests);
        let inbound = match self.receive(&state, request) {
            Ok(inbound) => inbound,
            Err((code, raw)) => {
                self.report(&state, code, raw);
                let mut response = refusal(code, !is_http2);
                SecurityHeaders::default().apply(response.headers_mut(), state.facts.tls.is_some());
                response.body_mut().attach(ticket, headless, false);
                return response;
            }
        };
        let waits_for_upgrade = inbound.1;
        let mut response = self.handler.clone().handle(inbound.0).await;
        if waits_for_upgrade && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            state.answer_upgrade(UpgradeAnswer::Refused);
        }
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return self.switch(&state, ticket, response, waits_for_upgrade);
        }
        let bodyless = headless || matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        response.body_mut().attach(ticket, bodyless, is_http2);
        if !is_http2 && state.is_last() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// From hyper's request to ours; the flag tells whether framing holds the caller's bytes until we answer.
    fn receive(
        &self,
        state: &Arc<ConnState>,
        request: Request<Incoming>,
    ) -> Result<(Inbound, bool), (MalformedCode, Bytes)> {
        let (mut parts, body) = request.into_parts();
        let (raw_head, started, waits) = match state.facts.protocol {
            Protocol::Http1 => match state.pop_arrived() {
                Some(Arrived::Head { raw, at, upgrade }) => (Some(raw), at, upgrade),
                Some(Arrived::Malformed { code, raw }) => return Err((code, raw)),
                None => return Err((MalformedCode::Protocol, Bytes::new())),
            },
            Protocol::Http2 => {
                check_http2(&mut parts, self.limits.header_fields).map_err(|code| (code, Bytes::new()))?;
                (None, Instant::now(), false)
            }
        };
        if parts.uri.authority().is_some() {
            let target = parts.uri.path_and_query().cloned();
            parts.uri = target.map_or_else(|| Uri::from_static("/"), Uri::from);
        }
        let on = parts.extensions.remove::<OnUpgrade>();
        let wants_websocket =
            parts.headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
        let upgrade = on.filter(|_| waits && wants_websocket).map(|on| ClientUpgrade { on });
        let limits = &self.limits;
        let pace = || Pace::new(limits.body_grace, limits.body_rate, limits.body_deadline);
        let body = InboundBody::from_caller(body, state.clone(), pace);
        let conn = state.facts.clone();
        Ok((Inbound { parts, body, conn, raw_head, started, upgrade }, waits))
    }

    /// A 101 from the upstream: the caller's connection becomes a tunnel.
    fn switch(
        &self,
        state: &Arc<ConnState>,
        ticket: Ticket,
        mut response: Response<ResponseBody>,
        waiting: bool,
    ) -> Response<ResponseBody> {
        let Some((tunnel, signal, on_end)) = response.body_mut().take_tunnel().filter(|_| waiting) else {
            if waiting {
                state.answer_upgrade(UpgradeAnswer::Refused);
            }
            let mut response = Response::new(ResponseBody::empty());
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response.body_mut().attach(ticket, false, false);
            return response;
        };
        state.answer_upgrade(UpgradeAnswer::Accepted);
        let (drain, idle) = (self.drain.clone(), self.limits.tunnel_idle);
        tokio::task::spawn_local(async move {
            let _ticket = ticket;
            let (bytes, outcome) = run_tunnel(tunnel, signal, drain, idle).await;
            if let Some(on_end) = on_end {
                on_end(BodyEnd { bytes, outcome });
            }
        });
        let headers = response.headers_mut();
        strip_hop_by_hop(headers, false);
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        response.map(|_| ResponseBody::empty())
    }
}

/// HTTP/2: one host, said once; a target that HTTP/1.1 could carry; a bounded number of fields.
fn check_http2(parts: &mut request::Parts, max_fields: usize) -> Result<(), MalformedCode> {
    if parts.headers.len() > max_fields {
        return Err(MalformedCode::TooManyHeaders);
    }
    if parts.method == Method::CONNECT {
        return Err(MalformedCode::Connect);
    }
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    let valid = match target {
        "*" => parts.method == Method::OPTIONS,
        _ => target.starts_with('/') && is_path_and_query(target.as_bytes()),
    };
    if !valid {
        return Err(MalformedCode::Target);
    }
    let mut hosts = parts.headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(MalformedCode::HostDuplicate);
    }
    let authority = parts.uri.authority().map(http::uri::Authority::as_str);
    match (authority, host) {
        (None, None) => return Err(MalformedCode::HostMissing),
        (Some(authority), Some(host)) if !authority.as_bytes().eq_ignore_ascii_case(host.as_bytes()) => {
            return Err(MalformedCode::HostConflict);
        }
        (_, Some(host)) if !is_host(host.as_bytes()) => return Err(MalformedCode::HostInvalid),
        (Some(authority), None) => {
            if !is_host(authority.as_bytes()) {
                return Err(MalformedCode::HostInvalid);
            }
            let value = HeaderValue::from_str(authority).map_err(|_| MalformedCode::HostInvalid)?;
            parts.headers.insert(HOST, value);
        }
        _ => {}
    }
    // RFC 9113 section 8.2.3: cookie crumbs are joined before anybody looks at them.
    let mut crumbs = parts.headers.get_all(http::header::COOKIE).iter();
    if crumbs.next().is_some() && crumbs.next().is_some() {
        let all: Vec<&[u8]> = parts.headers.get_all(http::header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
        if let Ok(joined) = HeaderValue::from_bytes(&all.join(&b"; "[..])) {
            parts.headers.insert(http::header::COOKIE, joined);
        }
    }
    Ok(())
}

/// The gateway's own answer to a malformed request (RFC 9457).
fn refusal(code: MalformedCode, close: bool) -> Response<ResponseBody> {
    let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let title = status.canonical_reason().unwrap_or("Bad Request");
    let body = format!(
        "{{\"type\":\"urn:testudo:problem:{code}\",\"title\":\"{title}\",\"status\":{},\"code\":\"{code}\",\"detail\":\"{}\"}}\n",
        status.as_u16(),
        code.text(),
    );
    let mut response = Response::new(ResponseBody::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if close {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// How the driving of a connection ended.
enum Ended {
    Over(Option<hyper::Error>),
    Parked,
}

/// Polls a connection until it ends, the reaper ends it, or it is idle and may be dropped.
async fn drive<C>(
    connection: C,
    state: &ConnState,
    graceful: impl Fn(Pin<&mut C>),
    is_quiet: impl Fn() -> bool,
) -> Ended
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut connection = pin!(connection);
    let mut told = false;
    std::future::poll_fn(|cx| {
        state.register_task(cx.waker());
        if state.is_killed() {
            return Poll::Ready(Ended::Over(None));
        }
        if !told && state.is_graceful() {
            told = true;
            graceful(connection.as_mut());
        }
        if !told && state.may_park() && is_quiet() {
            return Poll::Ready(Ended::Parked);
        }
        connection.as_mut().poll(cx).map(|ended| Ended::Over(ended.err()))
    })
    .await
}

/// Whether the peer broke HTTP/2, as opposed to going away.
fn is_protocol_error(error: &hyper::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<h2::Error>() {
            return error.is_library() && error.reason().is_some_and(|reason| reason != h2::Reason::NO_ERROR);
        }
        source = cause.source();
    }
    false
}
