//! One worker's connections to one server: idle HTTP/1.1 connections, shared HTTP/2 connections, and places.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use hyper::client::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::oneshot;

use super::connect::dial;
use super::error::ForwardError;
use super::group::{Server, UpstreamGroup};
use super::http1::Wire;
use crate::body::InboundBody;
use crate::local::LocalExecutor;

const MAX_HTTP2_CONNECTIONS: usize = 16;

/// An HTTP/1.1 connection that nobody uses.
#[derive(Debug)]
struct Idle {
    wire: Wire,
    since: Instant,
}

/// An HTTP/2 connection that requests share.
#[derive(Clone, Debug)]
pub(super) struct Http2 {
    pub(super) sender: http2::SendRequest<InboundBody>,
    pub(super) streams: Rc<Cell<usize>>,
    pub(super) reused: bool,
}

/// One worker's connections to one server.
#[derive(Debug)]
pub(super) struct ServerPool {
    pub(super) server: Arc<Server>,
    pub(super) group: UpstreamGroup,
    idle: RefCell<Vec<Idle>>,
    shared: RefCell<Vec<Http2>>,
    dialing: tokio::sync::Mutex<()>,
    in_flight: Cell<usize>,
    queue: RefCell<VecDeque<oneshot::Sender<()>>>,
}

/// A place among the requests that a server answers at a time.
#[derive(Debug)]
pub(super) struct PlaceTaken(Rc<ServerPool>);

impl ServerPool {
    pub(super) fn new(group: UpstreamGroup, server: Arc<Server>) -> Rc<ServerPool> {
        Rc::new(ServerPool {
            server,
            group,
            idle: RefCell::default(),
            shared: RefCell::default(),
            dialing: tokio::sync::Mutex::new(()),
            in_flight: Cell::new(0),
            queue: RefCell::default(),
        })
    }

    /// Waits, within bounds, for a place.
    pub(super) async fn place(self: &Rc<Self>) -> Result<PlaceTaken, ForwardError> {
        let settings = &self.group.0.settings;
        if self.in_flight.get() < settings.max_in_flight && self.queue.borrow().is_empty() {
            return Ok(self.seat());
        }
        let waiting = {
            let mut queue = self.queue.borrow_mut();
            queue.retain(|waiting| !waiting.is_closed());
            if queue.len() >= settings.max_queue {
                return Err(ForwardError::QueueFull);
            }
            let (sender, receiver) = oneshot::channel();
            queue.push_back(sender);
            receiver
        };
        match tokio::time::timeout(settings.queue_timeout, waiting).await {
            Ok(Ok(())) => Ok(self.seat()),
            _ => Err(ForwardError::QueueTimeout),
        }
    }

    fn seat(self: &Rc<Self>) -> PlaceTaken {
        self.in_flight.set(self.in_flight.get() + 1);
        self.server.in_flight.fetch_add(1, Relaxed);
        PlaceTaken(self.clone())
    }

    /// An idle HTTP/1.1 connection, or a new one. `fresh` asks for a new one.
    pub(super) async fn http1(&self, fresh: bool) -> Result<Wire, ForwardError> {
        if !fresh && let Some(wire) = self.take_idle() {
            return Ok(wire);
        }
        // Boxed: it is rare, and every request's future would hold room for it.
        Box::pin(self.dial_http1()).await
    }

    async fn dial_http1(&self) -> Result<Wire, ForwardError> {
        Ok(Wire::new(dial(&self.group, &self.server, self.group.0.settings.connect_timeout).await?))
    }

    fn take_idle(&self) -> Option<Wire> {
        let mut idle = self.idle.borrow_mut();
        let limit = self.group.0.settings.idle_timeout;
        while let Some(mut candidate) = idle.pop() {
            if candidate.since.elapsed() > limit {
                // The list is in order of return: the others are older.
                idle.clear();
                return None;
            }
            if candidate.wire.is_usable() {
                return Some(candidate.wire);
            }
        }
        None
    }

    /// Takes a connection back whose answer was read to its end.
    pub(super) fn give_back(&self, wire: Wire) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < self.group.0.settings.max_idle {
            idle.push(Idle { wire, since: Instant::now() });
        }
    }

    /// Closes what has been idle for too long, and what the server closed.
    pub(super) fn sweep(&self) {
        let limit = self.group.0.settings.idle_timeout;
        self.idle.borrow_mut().retain_mut(|idle| idle.since.elapsed() <= limit && idle.wire.is_usable());
        self.shared.borrow_mut().retain(|shared| !shared.sender.is_closed());
    }

    /// A shared HTTP/2 connection with room for one more stream, or a new one.
    pub(super) async fn http2(&self) -> Result<Http2, ForwardError> {
        if let Some(shared) = self.take_shared() {
            return Ok(shared);
        }
        let _one_dials = self.dialing.lock().await;
        if let Some(shared) = self.take_shared() {
            return Ok(shared);
        }
        let settings = &self.group.0.settings;
        let io = TokioIo::new(dial(&self.group, &self.server, settings.connect_timeout).await?);
        let (sender, connection) = http2::Builder::new(LocalExecutor)
            .timer(TokioTimer::new())
            .initial_stream_window_size(256 * 1024)
            .initial_connection_window_size(1024 * 1024)
            .max_header_list_size(64 * 1024)
            .keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(10))
            .handshake(io)
            .await
            .map_err(ForwardError::Handshake)?;
        tokio::task::spawn_local(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "upstream connection ended");
            }
        });
        let shared = Http2 { sender, streams: Rc::default(), reused: false };
        self.shared.borrow_mut().push(Http2 { reused: true, ..shared.clone() });
        Ok(shared)
    }

    fn take_shared(&self) -> Option<Http2> {
        let mut shared = self.shared.borrow_mut();
        shared.retain(|connection| !connection.sender.is_closed());
        let least = shared.iter().min_by_key(|connection| connection.streams.get())?;
        let full = least.streams.get() >= self.group.0.settings.streams;
        (!full || shared.len() >= MAX_HTTP2_CONNECTIONS).then(|| least.clone())
    }
}

impl Drop for PlaceTaken {
    fn drop(&mut self) {
        self.0.server.in_flight.fetch_sub(1, Relaxed);
        self.0.in_flight.set(self.0.in_flight.get() - 1);
        while let Some(next) = self.0.queue.borrow_mut().pop_front() {
            if next.send(()).is_ok() {
                break;
            }
        }
    }
}
