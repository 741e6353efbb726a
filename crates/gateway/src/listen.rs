//! Listening sockets and the accept loop of a worker.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use socket2::{Domain, Protocol as SocketProtocol, Socket, Type};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::admission::{Full, Network, Seat, Seats};
use crate::conn::{CoarseClock, ConnFacts, ConnState, Protocol, TlsFacts};
use crate::counters::Counters;
use crate::reaper::Reaper;
use crate::serve::{Handler, Serving, Shed, ShedReason};

const BACKLOG: i32 = 4096;

/// Bytes that the kernel takes from us before the peer's window is open for them. Without a bound it takes megabytes,
/// and a peer that reads steadily but slowly would look as if it took nothing for minutes. Accepted sockets inherit it.
#[cfg(target_os = "linux")]
const NOT_SENT: u32 = 32 * 1024;

/// Whether nobody listens there. A shared port would let a second gateway take half of the connections unnoticed.
pub(crate) fn is_free(address: SocketAddr) -> io::Result<()> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(SocketProtocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(1)
}

/// A listening socket that shares its port with those of the other workers.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(SocketProtocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    #[cfg(target_os = "linux")]
    socket.set_tcp_notsent_lowat(NOT_SENT)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// What the listeners of a worker share.
pub(crate) struct Front<H> {
    pub(crate) serving: Rc<Serving<H>>,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) worker: usize,
    pub(crate) clock: Arc<CoarseClock>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) reaper: Rc<Reaper>,
    pub(crate) connections: Seats,
    pub(crate) handshakes: Seats,
}

impl<H: Handler> Front<H> {
    /// Accepts until the drain begins; what the kernel has queued by then is still served.
    pub(crate) async fn accept(self: Rc<Self>, listener: tokio::net::TcpListener) {
        let drain = self.serving.drain.clone();
        let mut draining = std::pin::pin!(drain.closed());
        loop {
            tokio::select! {
                biased;
                () = &mut draining => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => self.clone().begin(stream, peer),
                    Err(error) => self.pause(&error).await,
                },
            }
        }
        while let Some(Ok((stream, peer))) = listener.accept().now_or_never() {
            self.clone().begin(stream, peer);
        }
    }

    async fn pause(&self, error: &io::Error) {
        // Out of descriptors or memory: waiting lets connections end. An aborted connection needs no pause.
        if error.kind() != io::ErrorKind::ConnectionAborted {
            tracing::warn!(worker = self.worker, %error, "can't accept connections");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn begin(self: Rc<Self>, stream: TcpStream, peer: SocketAddr) {
        let network = Network::of(peer.ip());
        let seat = match self.connections.take(network) {
            Ok(seat) => seat,
            Err(Full::All) => return self.shed(peer, ShedReason::Connections),
            Err(Full::Network) => return self.shed(peer, ShedReason::ConnectionsOfNetwork),
        };
        let Ok(local) = stream.local_addr() else { return };
        // Without it small answers wait for the peer's acknowledgement; nothing else depends on it.
        let _ = stream.set_nodelay(true);
        let Some(acceptor) = self.tls.clone() else {
            let facts = self.facts(peer, local, None, Protocol::Http1);
            return self.run(stream, facts, seat);
        };
        let handshake_seat = match self.handshakes.take(network) {
            Ok(seat) => seat,
            Err(Full::All) => return self.shed(peer, ShedReason::Handshakes),
            Err(Full::Network) => return self.shed(peer, ShedReason::HandshakesOfNetwork),
        };
        tokio::task::spawn_local(async move {
            let limit = self.serving.limits.handshake_timeout;
            let accepted = tokio::time::timeout(limit, acceptor.accept(stream)).await;
            drop(handshake_seat);
            match accepted {
                Ok(Ok(stream)) => {
                    self.counters.handshakes.fetch_add(1, Relaxed);
                    let (tls, protocol) = agreed(&stream);
                    let facts = self.facts(peer, local, Some(tls), protocol);
                    // A task of its own, so that what the handshake needed is given back.
                    self.run(stream, facts, seat);
                }
                Ok(Err(error)) => {
                    self.counters.handshakes_failed.fetch_add(1, Relaxed);
                    tracing::debug!(%error, "tls handshake failed");
                }
                Err(_) => {
                    self.counters.handshakes_failed.fetch_add(1, Relaxed);
                    self.shed(peer, ShedReason::HandshakeTimeout);
                }
            }
        });
    }

    fn facts(&self, peer: SocketAddr, local: SocketAddr, tls: Option<TlsFacts>, protocol: Protocol) -> ConnFacts {
        ConnFacts { peer, local, tls, protocol, worker: self.worker, opened: Instant::now() }
    }

    fn run<T>(&self, stream: T, facts: ConnFacts, seat: Seat)
    where
        T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let age = jitter(self.serving.limits.max_age);
        let state = ConnState::new(facts, self.clock.clone(), self.counters.clone(), seat, age);
        self.reaper.watch(&state);
        if self.serving.drain.is_closed() {
            state.end_gracefully();
        }
        tokio::task::spawn_local(self.serving.clone().serve(stream, state));
    }

    fn shed(&self, peer: SocketAddr, why: ShedReason) {
        self.counters.shed.fetch_add(1, Relaxed);
        self.serving.handler.shed(&Shed { peer, why });
    }
}

/// A tenth more or less, so that connections opened together don't end together.
fn jitter(age: Duration) -> Duration {
    let [byte] = testudo_crypto::random::array::<1>();
    age.mul_f64(0.9 + 0.2 * f64::from(byte) / 255.0)
}

fn agreed(stream: &TlsStream<TcpStream>) -> (TlsFacts, Protocol) {
    let (_, connection) = stream.get_ref();
    let version = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "unknown",
    };
    let cipher = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).unwrap_or("unknown");
    let group = connection.negotiated_key_exchange_group().and_then(|group| group.name().as_str());
    let sni = connection.server_name().map(str::to_owned);
    let protocol = if connection.alpn_protocol() == Some(b"h2") { Protocol::Http2 } else { Protocol::Http1 };
    (TlsFacts { version, cipher, group, sni }, protocol)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn accepted_sockets_bound_what_the_kernel_takes_unsent() {
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        listener.set_nonblocking(false).unwrap();
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        assert_eq!(socket2::SockRef::from(&accepted).tcp_notsent_lowat().unwrap(), NOT_SENT);
    }
}
