//! Counters of the gateway for `/metrics`: one set per worker, summed when asked.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The live counters of one worker.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connections: AtomicU64,
    pub(crate) connections_open: AtomicU64,
    pub(crate) handshakes: AtomicU64,
    pub(crate) handshakes_failed: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) requests_open: AtomicU64,
    pub(crate) malformed: AtomicU64,
    pub(crate) shed: AtomicU64,
}

/// What the gateway counted since its start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GatewayCounters {
    /// Connections accepted and served.
    pub connections: u64,
    /// Connections open now.
    pub connections_open: u64,
    /// TLS handshakes completed.
    pub handshakes: u64,
    /// TLS handshakes that failed or were too slow.
    pub handshakes_failed: u64,
    /// Requests handed to the handler.
    pub requests: u64,
    /// Requests open now.
    pub requests_open: u64,
    /// Requests refused by framing.
    pub malformed: u64,
    /// Connections refused or closed by a limit.
    pub shed: u64,
}

impl GatewayCounters {
    pub(crate) fn add(&mut self, counters: &Counters) {
        self.connections += counters.connections.load(Relaxed);
        self.connections_open += counters.connections_open.load(Relaxed);
        self.handshakes += counters.handshakes.load(Relaxed);
        self.handshakes_failed += counters.handshakes_failed.load(Relaxed);
        self.requests += counters.requests.load(Relaxed);
        self.requests_open += counters.requests_open.load(Relaxed);
        self.malformed += counters.malformed.load(Relaxed);
        self.shed += counters.shed.load(Relaxed);
    }
}
