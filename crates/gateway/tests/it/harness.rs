//! A gateway with a small handler, origins that answer bytes, and clients that speak bytes.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use parking_lot::Mutex;
use testudo_core::{Control, ControlSet, Decision, Forward, Gate as _};
use testudo_gateway::{
    BodyEnd, CloseSignal, Collected, Gateway, GatewayConfig, Handler, Inbound, InheritedSockets, Limits, Malformed,
    Outbound, ResponseBody, Shed, UpstreamConfig, UpstreamGroup, UpstreamSettings, Upstreams,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What the handler saw.
#[derive(Default)]
pub struct Seen {
    pub malformed: Mutex<Vec<(String, usize)>>,
    pub shed: Mutex<Vec<&'static str>>,
    pub ends: Mutex<Vec<BodyEnd>>,
    pub heads: Mutex<Vec<Bytes>>,
    pub groups: Mutex<Vec<Option<&'static str>>>,
    pub requests: AtomicUsize,
    pub signal: CloseSignal,
}

/// Answers `/hello`, `/echo`, `/stream` and `/slow` itself and forwards the rest.
struct Small {
    seen: Arc<Seen>,
    upstreams: Option<Rc<Upstreams>>,
}

impl Handler for Small {
    async fn handle(self: Rc<Self>, inbound: Inbound) -> Response<ResponseBody> {
        let seen = self.seen.clone();
        seen.requests.fetch_add(1, Ordering::SeqCst);
        seen.heads.lock().extend(inbound.raw_head.clone());
        seen.groups.lock().push(inbound.conn.tls.as_ref().and_then(|tls| tls.group));
        let mut response = self.route(inbound).await;
        let body = std::mem::replace(response.body_mut(), ResponseBody::empty());
        *response.body_mut() = body.until(seen.signal.clone()).on_end(move |end| seen.ends.lock().push(end));
        response
    }

    fn malformed(&self, report: &Malformed) {
        self.seen.malformed.lock().push((report.code.to_string(), report.raw_head.len()));
    }

    fn shed(&self, report: &Shed) {
        self.seen.shed.lock().push(report.why.code());
    }
}

impl Small {
    async fn route(&self, mut inbound: Inbound) -> Response<ResponseBody> {
        match inbound.parts.uri.path() {
            "/hello" => Response::new(format!("hello {}", inbound.parts.headers["host"].to_str().unwrap()).into()),
            "/echo" => match inbound.body.read_up_to(1 << 20).await {
                Ok(Collected::Whole(bytes)) => Response::new(bytes.into()),
                Ok(Collected::TooLarge(_)) => status(StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
                Err(error) => status(StatusCode::from_u16(error.status()).unwrap(), error.code()),
            },
            "/slow" => {
                tokio::time::sleep(Duration::from_millis(300)).await;
                Response::new("slow".into())
            }
            "/stream" => {
                let frames = futures_util::stream::unfold(0_u32, |count| async move {
                    if count > 0 {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    let frame = http_body::Frame::data(Bytes::from(format!("data: {count}\n\n")));
                    Some((Ok::<_, std::io::Error>(frame), count + 1))
                });
                Response::new(ResponseBody::boxed(StreamBody::new(frames)))
            }
            "/silent" => {
                let frames = futures_util::stream::pending::<Result<http_body::Frame<Bytes>, std::io::Error>>();
                Response::new(ResponseBody::boxed(StreamBody::new(frames)))
            }
            "/big" => Response::new(vec![b'x'; 8 << 20].into()),
            _ => self.forward(inbound).await,
        }
    }

    async fn forward(&self, inbound: Inbound) -> Response<ResponseBody> {
        let Some(upstreams) = &self.upstreams else { return status(StatusCode::NOT_FOUND, "no upstream") };
        let mut outbound = Outbound::new(inbound.parts, inbound.body);
        if outbound.request.uri().path() != "/no-websocket" {
            outbound.upgrade = inbound.upgrade;
        }
        let admission = Decision::allow_all(Forward::MINIMUM)
            .admit::<Forward, _>(outbound, ControlSet::EMPTY.with(Control::Transport))
            .unwrap();
        match upstreams.forward(admission).await {
            Ok(owed) => {
                let (response, _) = owed.settle(|response, _: &_| (response, Decision::allow(Control::Audit)));
                response.map(ResponseBody::from)
            }
            Err(error) => status(StatusCode::from_u16(error.status()).unwrap(), error.code()),
        }
    }
}

fn status(status: StatusCode, code: &'static str) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::from(code));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

/// A running gateway.
pub struct Fixture {
    pub address: SocketAddr,
    pub seen: Arc<Seen>,
    pub group: Option<UpstreamGroup>,
    pub gateway: Gateway,
}

/// How to start one.
pub struct Setup {
    pub limits: Limits,
    pub tls: Option<Arc<rustls::ServerConfig>>,
    pub upstreams: Vec<String>,
    pub settings: UpstreamSettings,
    pub workers: usize,
    pub listen: SocketAddr,
    pub inherited: InheritedSockets,
}

impl Default for Setup {
    fn default() -> Setup {
        let limits = Limits { sweep: Duration::from_millis(20), ..Limits::default() };
        Setup {
            limits,
            tls: None,
            upstreams: Vec::new(),
            settings: UpstreamSettings::default(),
            workers: 1,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            inherited: InheritedSockets::default(),
        }
    }
}

impl Setup {
    pub fn upstream(url: impl Into<String>) -> Setup {
        Setup { upstreams: vec![url.into()], ..Setup::default() }
    }

    pub fn start(self) -> Fixture {
        let seen: Arc<Seen> = Arc::default();
        let servers: Vec<_> = self.upstreams.into_iter().map(UpstreamConfig::new).collect();
        let settings = self.settings;
        let group = (!servers.is_empty()).then(|| UpstreamGroup::new(&servers, settings).unwrap());
        let config = GatewayConfig {
            listen: vec![self.listen],
            inherited: self.inherited,
            workers: self.workers,
            tls: self.tls,
            limits: self.limits,
        };
        let (shared, servers) = (seen.clone(), group.clone());
        let gateway = Gateway::start(config, move |_| {
            Rc::new(Small { seen: shared.clone(), upstreams: servers.clone().map(Upstreams::new) })
        })
        .unwrap();
        Fixture { address: gateway.addresses()[0], seen, group, gateway }
    }
}

impl Fixture {
    /// Sends bytes, and reads until the gateway closes or falls silent for half a second.
    pub async fn talk(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        read_all(&mut stream).await
    }

    pub async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }
}

/// Reads until the end, or until nothing came for half a second.
pub async fn read_all(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut all = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(Ok(count @ 1..)) = tokio::time::timeout(Duration::from_millis(500), stream.read(&mut buffer)).await {
        all.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// Reads until `end` was seen, within two seconds.
pub async fn read_until(stream: &mut (impl tokio::io::AsyncRead + Unpin), end: &str) -> String {
    let mut all = Vec::new();
    let reading = async {
        let mut buffer = [0; 4096];
        while !String::from_utf8_lossy(&all).contains(end) {
            let count = stream.read(&mut buffer).await.unwrap();
            assert!(count > 0, "closed before `{end}`: {}", String::from_utf8_lossy(&all));
            all.extend_from_slice(&buffer[..count]);
        }
    };
    tokio::time::timeout(Duration::from_secs(2), reading).await.unwrap_or_else(|_| panic!("never saw `{end}`"));
    String::from_utf8_lossy(&all).into_owned()
}

/// Whether the peer closes within a time.
pub async fn closes_within(stream: &mut (impl tokio::io::AsyncRead + Unpin), limit: Duration) -> Option<Duration> {
    let began = Instant::now();
    let mut buffer = [0; 4096];
    let reading = async {
        while let Ok(count) = stream.read(&mut buffer).await {
            if count == 0 {
                break;
            }
        }
    };
    tokio::time::timeout(limit, reading).await.ok().map(|()| began.elapsed())
}

/// Waits until something holds, at most two seconds.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..200 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}

/// What an origin does with each connection: reads a head, then writes pieces.
#[derive(Clone)]
pub enum Origin {
    /// Answers each request head with these bytes and keeps the connection.
    Answer(Vec<u8>),
    /// Answers once with these bytes and closes.
    AnswerAndClose(Vec<u8>),
    /// Reads and never answers.
    Silent,
    /// Answers the first request of a connection and closes at the second, without a byte.
    OnlyFirst(Vec<u8>),
}

/// Starts an origin; returns its address, the heads that it read, and the count of connections.
pub async fn origin(kind: Origin) -> (SocketAddr, Arc<Mutex<Vec<String>>>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (heads, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
    let (read, opened) = (heads.clone(), connections.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            opened.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve_origin(stream, kind.clone(), read.clone()));
        }
    });
    (address, heads, connections)
}

async fn serve_origin(mut stream: TcpStream, kind: Origin, heads: Arc<Mutex<Vec<String>>>) {
    let mut buffer = Vec::new();
    let mut answered = 0;
    loop {
        let head = loop {
            if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                let rest = buffer.split_off(at + 4);
                break std::mem::replace(&mut buffer, rest);
            }
            let mut piece = [0; 4096];
            match stream.read(&mut piece).await {
                Ok(count @ 1..) => buffer.extend_from_slice(&piece[..count]),
                _ => return,
            }
        };
        heads.lock().push(String::from_utf8(head).unwrap());
        match &kind {
            Origin::Answer(bytes) => stream.write_all(bytes).await.unwrap(),
            Origin::AnswerAndClose(bytes) => {
                stream.write_all(bytes).await.unwrap();
                let _ = stream.shutdown().await;
                return;
            }
            Origin::OnlyFirst(bytes) if answered == 0 => stream.write_all(bytes).await.unwrap(),
            Origin::OnlyFirst(_) => return,
            Origin::Silent => {}
        }
        answered += 1;
    }
}

/// The whole body of a client's response.
pub async fn body_of(body: hyper::body::Incoming) -> Result<Bytes, hyper::Error> {
    body.collect().await.map(http_body_util::Collected::to_bytes)
}

/// A plain answer with a length.
pub fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
