//! The one way to an upstream: it takes its request only out of an admission.

#![expect(clippy::type_complexity, reason = "the type is named where it is used")]

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use http::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderValue, UPGRADE};
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use testudo_core::{Admission, Forward, Owed};

use super::body::{OpenStream, Source, UpstreamBody};
use super::config::UpstreamProtocol;
use super::error::ForwardError;
use super::group::UpstreamGroup;
use super::http1::{Answered, Arriving, Exchange, Trouble, Wire};
use super::pool::{Http2, PlaceTaken, ServerPool};
use super::tunnel::{ClientUpgrade, Tunnel};
use crate::body::{BodyError, CallerFault, InboundBody, Pace};
use crate::headers;

const STREAM_DEADLINE: Duration = Duration::from_hours(24);

/// A request as the upstream will read it: the subject of the gate `Forward`.
#[derive(Debug)]
pub struct Outbound {
    /// Method, origin-form target, prepared headers, body. Hop-by-hop headers are taken out when it is sent.
    pub request: Request<InboundBody>,
    /// The caller's wish to speak another protocol; `None` never upgrades.
    pub upgrade: Option<ClientUpgrade>,
    /// Replaces the configured time to the head of the answer.
    pub head_timeout: Option<Duration>,
}

impl Outbound {
    /// A plain request.
    pub fn new(parts: http::request::Parts, body: InboundBody) -> Outbound {
        Outbound { request: Request::from_parts(parts, body), upgrade: None, head_timeout: None }
    }
}

/// One worker's way to an upstream group, with its own connections.
#[derive(Debug)]
pub struct Upstreams {
    group: UpstreamGroup,
    pools: Vec<Rc<ServerPool>>,
}

impl Upstreams {
    /// On the worker's thread, within its runtime.
    pub fn new(group: UpstreamGroup) -> Rc<Upstreams> {
        let pools = group.0.servers.iter().map(|server| ServerPool::new(group.clone(), server.clone())).collect();
        let upstreams = Rc::new(Upstreams { group, pools });
        let weak = Rc::downgrade(&upstreams);
        tokio::task::spawn_local(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(5)).await;
                let Some(upstreams) = weak.upgrade() else { break };
                upstreams.pools.iter().for_each(|pool| pool.sweep());
            }
        });
        upstreams
    }

    /// Sends the admitted request and waits for the head of the answer. The body streams in both directions with
    /// back-pressure; a request without body whose reused connection died before any byte of an answer is sent once
    /// more on a new connection if its method is idempotent. A server that takes no connection is passed over for the
    /// next one, whatever the method: nothing was sent by then.
    pub async fn forward(
        &self,
        admission: Admission<Forward, Outbound>,
    ) -> Result<Owed<Response<UpstreamBody>>, ForwardError> {
        let (outbound, obligations) = admission.into_parts();
        let (pool, place, connection) = self.reach(outbound.upgrade.is_some()).await?;
        let sent = match connection {
            Connection::Http1(connection) => send_http1(pool, place, connection, outbound).await,
            Connection::Http2(connection) => Box::pin(send_http2(pool, place, connection, outbound)).await,
        };
        match &sent {
            Ok(_) => pool.server.succeeded(),
            Err(error) => self.note(pool, error),
        }
        let mut response = sent?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            headers::strip_hop_by_hop(response.headers_mut(), false);
        }
        Ok(Owed::new(response, obligations))
    }

    /// A place at a server and a connection to it. Each server is tried once at most, and the second that does not even
    /// refuse is the last: the caller waits, too.
    async fn reach(&self, fresh: bool) -> Result<(&Rc<ServerPool>, PlaceTaken, Connection), ForwardError> {
        let mut tried = Vec::new();
        let mut timeouts = 0;
        let mut last = None;
        loop {
            let pool = match self.choose(&tried) {
                Ok(pool) => pool,
                Err(none) => return Err(last.unwrap_or(none)),
            };
            let place = pool.place().await?;
            let error = match Connection::to(pool, fresh).await {
                Ok(connection) => return Ok((pool, place, connection)),
                Err(error) => error,
            };
            self.note(pool, &error);
            if !error.is_unreached() {
                return Err(error);
            }
            self.group.unreached(&pool.server);
            timeouts += u32::from(matches!(error, ForwardError::ConnectTimeout(_)));
            if timeouts > 1 {
                return Err(error);
            }
            tried.push(pool);
            last = Some(error);
        }
    }

    fn note(&self, pool: &ServerPool, error: &ForwardError) {
        if error.fault() == testudo_core::Fault::Peer {
            tracing::warn!(upstream = %pool.server.url, code = error.code(), error = %chain(error), "upstream failed");
            self.group.failed(&pool.server);
        }
    }

    /// Two choices at random among the usable servers, the less loaded one wins. When all are avoided for passive
    /// failures they are tried nonetheless; when active checks say that all are down, nothing is. Those in `tried` are
    /// left out.
    fn choose(&self, tried: &[&Rc<ServerPool>]) -> Result<&Rc<ServerPool>, ForwardError> {
        if let ([only], []) = (self.pools.as_slice(), tried) {
            return if only.server.healthy.load(Relaxed) { Ok(only) } else { Err(ForwardError::Unavailable) };
        }
        let now = self.group.now();
        let untried = |pool: &&Rc<ServerPool>| !tried.iter().any(|tried| Rc::ptr_eq(tried, pool));
        let healthy = || self.pools.iter().filter(untried).filter(|pool| pool.server.healthy.load(Relaxed));
        let usable = || healthy().filter(|pool| !pool.server.is_avoided(now));
        let count = usable().count();
        if count == 0 {
            return healthy().min_by_key(|pool| pool.server.load()).ok_or(ForwardError::Unavailable);
        }
        let [first, second] = testudo_crypto::random::array::<2>().map(|byte| usize::from(byte) % count);
        let pair = [usable().nth(first), usable().nth(second)];
        pair.into_iter().flatten().min_by_key(|pool| pool.server.load()).ok_or(ForwardError::Unavailable)
    }
}

/// A connection of either protocol.
enum Connection {
    Http1(Wire),
    Http2(Http2),
}

impl Connection {
    /// As the server speaks. `fresh` asks for one that nobody used before.
    async fn to(pool: &ServerPool, fresh: bool) -> Result<Connection, ForwardError> {
        match pool.server.place.protocol {
            UpstreamProtocol::Http1 => pool.http1(fresh).await.map(Connection::Http1),
            UpstreamProtocol::Http2 => pool.http2().await.map(Connection::Http2),
        }
    }
}

async fn send_http1(
    pool: &Rc<ServerPool>,
    place: PlaceTaken,
    wire: Wire,
    outbound: Outbound,
) -> Result<Response<UpstreamBody>, ForwardError> {
    let settings = &pool.group.0.settings;
    let Outbound { mut request, upgrade, head_timeout } = outbound;
    prepare(request.headers_mut());
    if !settings.preserve_host || !request.headers().contains_key(HOST) {
        let authority = pool.server.place.authority.as_str();
        let value = HeaderValue::from_str(authority).map_err(|error| ForwardError::Request(error.into()))?;
        request.headers_mut().insert(HOST, value);
    }
    if upgrade.is_some() {
        request.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        request.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
    }
    let timeout = head_timeout.unwrap_or(settings.head_timeout);
    let uploaded = Uploaded::of(&request);
    let again = request.body().is_empty() && is_idempotent(request.method());
    let mut exchange = Exchange::begin(wire, request);
    let begun = match in_time(poll_fn(|cx| exchange.poll_head(cx)), &uploaded, timeout).await? {
        Err(Trouble::Closed(error)) if again && exchange.is_unheard() => {
            tracing::debug!(%error, "sent again on a new connection");
            exchange = exchange.again(Box::pin(pool.http1(true)).await?);
            Box::pin(in_time(poll_fn(|cx| exchange.poll_head(cx)), &uploaded, timeout)).await?
        }
        begun => begun,
    };
    let begun = begun.map_err(|trouble| match trouble {
        Trouble::Closed(error) => ForwardError::Closed(error),
        Trouble::Malformed(error) => ForwardError::Malformed(error),
        Trouble::Caller(error) => ForwardError::Caller(error),
    })?;
    match exchange.answered(begun) {
        Answered::Answer(response, Arriving::Whole(whole, wire)) => {
            if let Some(wire) = wire {
                pool.give_back(wire);
            }
            Ok(response.map(|()| UpstreamBody::whole(whole)))
        }
        Answered::Answer(response, Arriving::Rest(download)) => {
            let stall = pace(settings, response.headers());
            let source = Source::Http1 { download: Box::new(download), pool: pool.clone(), _place: place };
            Ok(response.map(|()| UpstreamBody::new(source, || stall)))
        }
        Answered::Switched(response, upstream) => {
            let Some(client) = upgrade.filter(|_| is_websocket(response.headers())) else {
                return Err(ForwardError::UnexpectedUpgrade);
            };
            Ok(response.map(|()| UpstreamBody::tunnel(Tunnel::new(client, upstream, place))))
        }
    }
}

async fn send_http2(
    pool: &Rc<ServerPool>,
    place: PlaceTaken,
    mut connection: Http2,
    outbound: Outbound,
) -> Result<Response<UpstreamBody>, ForwardError> {
    let settings = &pool.group.0.settings;
    let Outbound { mut request, upgrade, head_timeout } = outbound;
    if upgrade.is_some() {
        return Err(ForwardError::UpgradeNeedsHttp1);
    }
    if prepare(request.headers_mut()) {
        request.body_mut().pass_trailers();
    }
    *request.version_mut() = Version::HTTP_2;
    let caller_host = request.headers_mut().remove(HOST);
    let mut parts = request.uri().clone().into_parts();
    parts.scheme = Some(if pool.server.place.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP });
    parts.authority = Some(match caller_host.filter(|_| settings.preserve_host) {
        Some(host) => {
            http::uri::Authority::try_from(host.as_bytes()).map_err(|error| ForwardError::Request(error.into()))?
        }
        None => pool.server.place.authority.clone(),
    });
    parts.path_and_query.get_or_insert_with(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from_parts(parts).map_err(|error| ForwardError::Request(error.into()))?;
    let timeout = head_timeout.unwrap_or(settings.head_timeout);
    let uploaded = Uploaded::of(&request);
    let again = copy_for_retry(&request);
    let mut stream = OpenStream::new(connection.streams.clone());
    let answered = match in_time(connection.sender.send_request(request), &uploaded, timeout).await? {
        Err(error) if uploaded.fault().is_none() && !error.is_parse() => match again {
            Some(again) if connection.reused => {
                tracing::debug!(%error, "sent again on another connection");
                connection = Box::pin(pool.http2()).await?;
                stream = OpenStream::new(connection.streams.clone());
                Box::pin(in_time(connection.sender.send_request(again), &uploaded, timeout)).await?
            }
            _ => Err(error),
        },
        other => other,
    };
    let response = answered.map_err(|error| classify(error, uploaded.fault()))?;
    let stall = pace(settings, response.headers());
    Ok(response.map(|incoming| {
        let source = Source::Http2 { incoming, _stream: stream, _place: place };
        UpstreamBody::new(source, || stall)
    }))
}

/// How far the caller's body is, and whether it broke off.
struct Uploaded(Option<(Rc<Cell<u64>>, Rc<Cell<Option<CallerFault>>>)>);

impl Uploaded {
    fn of(request: &Request<InboundBody>) -> Uploaded {
        let body = request.body();
        Uploaded((!body.is_empty()).then(|| (body.received_counter(), body.caller_fault())))
    }

    fn progress(&self) -> Option<u64> {
        self.0.as_ref().map(|(progress, _)| progress.get())
    }

    fn fault(&self) -> Option<CallerFault> {
        self.0.as_ref().and_then(|(_, fault)| fault.get())
    }
}

fn is_idempotent(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE)
}

/// What a second attempt over HTTP/2 needs.
fn copy_for_retry(request: &Request<InboundBody>) -> Option<Request<InboundBody>> {
    if !request.body().is_empty() || !is_idempotent(request.method()) {
        return None;
    }
    let mut copy = Request::new(InboundBody::empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}

/// Waits for the head of the answer. While the caller's body still moves, the time does not run out: that body has a
/// deadline of its own.
async fn in_time<T>(
    answer: impl Future<Output = T>,
    uploaded: &Uploaded,
    timeout: Duration,
) -> Result<T, ForwardError> {
    let mut answer = std::pin::pin!(answer);
    let mut seen = None;
    loop {
        if let Ok(answered) = tokio::time::timeout(timeout, answer.as_mut()).await {
            return Ok(answered);
        }
        let now = uploaded.progress();
        if now.is_none() || now == seen {
            return Err(ForwardError::HeadTimeout);
        }
        seen = now;
    }
}

/// A broken upload shows up as many errors; the body itself knows whether the caller is behind them.
fn classify(error: hyper::Error, caller: Option<CallerFault>) -> ForwardError {
    match caller {
        Some(CallerFault::Malformed(code)) => ForwardError::Caller(BodyError::Malformed(code)),
        Some(CallerFault::TooLarge) => ForwardError::Caller(BodyError::TooLarge),
        Some(CallerFault::TooSlow) => ForwardError::Caller(BodyError::TooSlow),
        Some(CallerFault::Deadline) => ForwardError::Caller(BodyError::Deadline),
        Some(CallerFault::Refused(code)) => ForwardError::Caller(BodyError::Refused(code)),
        Some(CallerFault::Gone) => ForwardError::Caller(BodyError::CallerGone(error)),
        None if error.is_parse() => ForwardError::Malformed(error.into()),
        None => ForwardError::Closed(error.into()),
    }
}

/// Takes out what belongs to the caller's connection; `TE: trailers` stays for gRPC. Tells whether it is gRPC.
fn prepare(headers: &mut HeaderMap) -> bool {
    let grpc = headers.get(CONTENT_TYPE).is_some_and(is_grpc);
    headers::strip_hop_by_hop(headers, grpc);
    headers.remove(http::header::EXPECT);
    grpc
}

fn is_grpc(value: &HeaderValue) -> bool {
    value.as_bytes().starts_with(b"application/grpc")
}

fn is_websocket(headers: &HeaderMap) -> bool {
    headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

fn pace(settings: &super::config::UpstreamSettings, headers: &HeaderMap) -> Pace {
    let long = headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| is_grpc(value) || value.as_bytes().starts_with(b"text/event-stream"));
    let stall = if long { settings.stream_stall } else { settings.body_stall };
    Pace::new(stall, 0, STREAM_DEADLINE)
}

/// An error with its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
