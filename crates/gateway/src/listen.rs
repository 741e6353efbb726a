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
use crate::close::CloseSignal;
use crate::conn::{CoarseClock, ConnFacts, ConnState, Protocol, TlsFacts};
use crate::counters::Counters;
use crate::reaper::Reaper;
use crate::serve::{Handler, Serving, Shed, ShedReason};

const BACKLOG: i32 = 4096;

/// Bytes that the kernel takes from us before the peer's window is open for them. Without a bound it takes megabytes,
/// and a peer that reads steadily but slowly would look as if it took nothing for minutes. Accepted sockets inherit it.
#[cfg(target_os = "linux")]
const NOT_SENT: u32 = 32 * 1024;

/// Listening sockets that outlive the process: whoever started it (systemd, by a socket unit) opened them before and
/// keeps them after. While no process accepts, connections wait in the kernel's queue, so a restart loses none.
#[derive(Clone, Debug, Default)]
pub struct InheritedSockets(Vec<Arc<TcpListener>>);

impl InheritedSockets {
    /// These sockets; each must be listening already.
    pub fn new(sockets: Vec<TcpListener>) -> io::Result<InheritedSockets> {
        for socket in &sockets {
            let here = socket2::SockRef::from(socket);
            if !here.is_listener()? {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "an inherited socket does not listen"));
            }
            #[cfg(target_os = "linux")]
            here.set_tcp_notsent_lowat(NOT_SENT)?;
            socket.set_nonblocking(true)?;
        }
        Ok(InheritedSockets(sockets.into_iter().map(Arc::new).collect()))
    }

    /// Where they listen.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.0.iter().map(|socket| socket.local_addr()).collect()
    }

    /// The sockets of an address, dealt to the workers so that each socket has one and each worker has one; none when the
    /// address was not inherited. Workers that share a socket take turns at its one queue.
    pub(crate) fn deal(&self, address: SocketAddr, workers: usize) -> io::Result<Option<Vec<Vec<TcpListener>>>> {
        let here = |socket: &&Arc<TcpListener>| socket.local_addr().is_ok_and(|own| own == address);
        let sockets: Vec<_> = self.0.iter().filter(here).collect();
        if sockets.is_empty() || workers == 0 {
            return Ok(None);
        }
        let mut hands: Vec<Vec<TcpListener>> = (0..workers).map(|_| Vec::new()).collect();
        for number in 0..sockets.len().max(workers) {
            let socket = sockets.get(number % sockets.len());
            if let (Some(socket), Some(hand)) = (socket, hands.get_mut(number % workers)) {
                hand.push(socket.try_clone()?);
            }
        }
        Ok(Some(hands))
    }
}

/// A listening socket of a worker.
#[derive(Debug)]
pub(crate) struct WorkerSocket {
    pub(crate) listener: TcpListener,
    /// Whether somebody else keeps it open after us.
    pub(crate) inherited: bool,
}

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
    /// Fired when a stopping worker takes no more connections from inherited sockets.
    pub(crate) full_stop: CloseSignal,
    pub(crate) connections: Seats,
    pub(crate) handshakes: Seats,
}

impl<H: Handler> Front<H> {
    /// Accepts until the drain begins; what the kernel has queued by then is still served. An inherited socket is served
    /// on while older connections finish, so that nobody waits for them; what is queued after that is for the next
    /// process.
    pub(crate) async fn accept(self: Rc<Self>, listener: tokio::net::TcpListener, inherited: bool) {
        let stop = if inherited { self.full_stop.clone() } else { self.serving.drain.clone() };
        let mut stopping = std::pin::pin!(stop.closed());
        loop {
            tokio::select! {
                biased;
                () = &mut stopping => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => self.clone().begin(stream, peer),
                    Err(error) => self.pause(&error).await,
                },
            }
        }
        if inherited {
            return;
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
            state.begin_late();
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
    #[test]
    fn inherited_sockets_are_dealt_so_that_each_is_served_and_nobody_is_idle() {
        let (one, other) = (bind(([127, 0, 0, 1], 0).into()).unwrap(), bind(([127, 0, 0, 1], 0).into()).unwrap());
        let (first, second) = (one.local_addr().unwrap(), other.local_addr().unwrap());
        let shared = bind(first).unwrap();
        let sockets = InheritedSockets::new(vec![one, other, shared]).unwrap();
        assert_eq!(sockets.addresses().unwrap(), [first, second, first]);
        let dealt = |address, workers| {
            let hands = sockets.deal(address, workers).unwrap();
            hands.map(|hands| hands.iter().map(Vec::len).collect::<Vec<_>>())
        };
        assert_eq!(dealt(first, 1), Some(vec![2]));
        assert_eq!(dealt(first, 2), Some(vec![1, 1]));
        assert_eq!(dealt(first, 4), Some(vec![1, 1, 1, 1]));
        assert_eq!(dealt(second, 3), Some(vec![1, 1, 1]));
        assert_eq!(dealt(([127, 0, 0, 1], 1).into(), 3), None);
        // Bound, but not listening.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        assert!(InheritedSockets::new(vec![socket.into()]).is_err());
    }
}
