//! One connection: what is known about it, and the marks that the worker's reaper judges it by.
//!
//! Timers are not armed per request: the I/O path leaves coarse time marks, and one sweep per worker compares them with
//! the limits. That bounds everything a peer can make slow, at the price of a few stores per request.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use slab::Slab;

use crate::admission::Seat;
use crate::counters::Counters;
use crate::framing::{Arrived, MalformedCode};
use crate::limits::Limits;

/// The protocol of a connection, chosen by ALPN and never guessed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Protocol {
    /// HTTP/1.1 or HTTP/1.0.
    Http1,
    /// HTTP/2 over TLS.
    Http2,
}

/// What the TLS handshake agreed on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFacts {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: &'static str,
    /// The cipher suite, such as `TLS13_AES_128_GCM_SHA256`.
    pub cipher: &'static str,
    /// The key exchange group, such as `X25519MLKEM768`; unknown after a TLS 1.2 resumption.
    pub group: Option<&'static str>,
    /// The server name that the client asked for.
    pub sni: Option<String>,
}

/// What is known about a connection for its whole life.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnFacts {
    /// The other end of the TCP connection; perhaps a proxy, see [`crate::client_address`].
    pub peer: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
    /// The handshake, unless the listener is plain.
    pub tls: Option<TlsFacts>,
    /// How it speaks.
    pub protocol: Protocol,
    /// The worker that serves it.
    pub worker: usize,
    /// When it was accepted.
    pub opened: Instant,
}

/// Milliseconds since the worker began, plus one; moved on by the reaper. Zero is left to mean "not running".
#[derive(Debug)]
pub(crate) struct CoarseClock(AtomicU64);

impl CoarseClock {
    pub(crate) fn new() -> Arc<CoarseClock> {
        Arc::new(CoarseClock(AtomicU64::new(1)))
    }

    pub(crate) fn now(&self) -> u64 {
        self.0.load(Relaxed)
    }

    pub(crate) fn set(&self, since_start: Duration) {
        self.0.store(u64::try_from(since_start.as_millis()).unwrap_or(u64::MAX - 1) + 1, Relaxed);
    }
}

const GRACEFUL: u8 = 1;
const KILL: u8 = 2;
const HEAD_EXPIRED: u8 = 4;
const PARK: u8 = 8;
const LAST: u8 = 16;
const LATE: u8 = 32;

/// An HTTP/1.1 connection that is idle for so long gives its buffers back.
const PARK_AFTER: Duration = Duration::from_secs(1);

/// Who may be about to ask when the server stops is waited for so long.
const LINGER: u64 = 1_000;

/// What was decided about the upgrade that a client waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum UpgradeAnswer {
    Accepted,
    Refused,
}

/// The living state of a connection, shared by its I/O, its requests and the reaper.
#[derive(Debug)]
pub(crate) struct ConnState {
    pub(crate) facts: Arc<ConnFacts>,
    pub(crate) clock: Arc<CoarseClock>,
    pub(crate) counters: Arc<Counters>,
    _seat: Seat,
    task: AtomicWaker,
    reader: AtomicWaker,
    flags: AtomicU8,
    upgrade: AtomicU8,
    opened: u64,
    expires: AtomicU64,
    head_since: AtomicU64,
    write_since: AtomicU64,
    /// Bytes that the peer took since the last sweep.
    taken: AtomicU64,
    /// Milliseconds that the peer is behind the least rate.
    behind: AtomicU64,
    swept: AtomicU64,
    idle_since: AtomicU64,
    kill_at: AtomicU64,
    open: AtomicU32,
    requests: AtomicU32,
    tunnel: AtomicU8,
    arrived: Mutex<VecDeque<Arrived>>,
    body_fault: Mutex<Option<MalformedCode>>,
    stalls: Mutex<Slab<u64>>,
    /// Bytes of answers that flow control holds back.
    held: AtomicU64,
}

impl ConnState {
    pub(crate) fn new(
        facts: ConnFacts,
        clock: Arc<CoarseClock>,
        counters: Arc<Counters>,
        seat: Seat,
        max_age: Duration,
    ) -> Arc<ConnState> {
        let now = clock.now();
        counters.connections_open.fetch_add(1, Relaxed);
        counters.connections.fetch_add(1, Relaxed);
        Arc::new(ConnState {
            facts: Arc::new(facts),
            clock,
            counters,
            _seat: seat,
            task: AtomicWaker::new(),
            reader: AtomicWaker::new(),
            flags: AtomicU8::new(0),
            upgrade: AtomicU8::new(0),
            opened: now,
            expires: AtomicU64::new(now.saturating_add(u64::try_from(max_age.as_millis()).unwrap_or(u64::MAX))),
            head_since: AtomicU64::new(0),
            write_since: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            behind: AtomicU64::new(0),
            swept: AtomicU64::new(now),
            idle_since: AtomicU64::new(now),
            kill_at: AtomicU64::new(0),
            open: AtomicU32::new(0),
            requests: AtomicU32::new(0),
            tunnel: AtomicU8::new(0),
            arrived: Mutex::new(VecDeque::new()),
            body_fault: Mutex::new(None),
            stalls: Mutex::new(Slab::new()),
            held: AtomicU64::new(0),
        })
    }

    // -- the connection's task ---------------------------------------------------------------------------------

    pub(crate) fn register_task(&self, waker: &std::task::Waker) {
        self.task.register(waker);
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.flags.load(Relaxed) & KILL != 0
    }

    pub(crate) fn is_graceful(&self) -> bool {
        self.flags.load(Relaxed) & GRACEFUL != 0
    }

    /// Whether an answer that begins now is the last one.
    pub(crate) fn is_last(&self) -> bool {
        self.flags.load(Relaxed) & (GRACEFUL | LAST) != 0
    }

    /// The server stops. What is open ends; a caller who may be about to ask, or who has not asked yet, is answered once
    /// more. Over HTTP/2 a GOAWAY says all of this.
    pub(crate) fn farewell(&self) {
        if self.is_last() {
            return;
        }
        if self.facts.protocol == Protocol::Http2 && self.requests.load(Relaxed) > 0 {
            return self.end_gracefully();
        }
        self.flags.fetch_or(LAST, Relaxed);
        self.expires.fetch_min(self.clock.now() + LINGER, Relaxed);
    }

    /// It began when the server was stopping already.
    pub(crate) fn begin_late(&self) {
        self.flags.fetch_or(LATE, Relaxed);
        self.farewell();
    }

    pub(crate) fn is_late(&self) -> bool {
        self.flags.load(Relaxed) & LATE != 0
    }

    /// Finish what is open, then close.
    pub(crate) fn end_gracefully(&self) {
        if self.flags.fetch_or(GRACEFUL, Relaxed) & GRACEFUL == 0 {
            self.task.wake();
        }
    }

    /// Close now.
    pub(crate) fn kill(&self) {
        self.flags.fetch_or(KILL, Relaxed);
        self.task.wake();
        self.reader.wake();
    }

    /// Close gracefully, and for good after this many milliseconds.
    pub(crate) fn kill_in(&self, millis: u64) {
        self.kill_at.store(self.clock.now() + millis, Relaxed);
        self.end_gracefully();
    }

    /// Nothing is asked, and nothing has been for a while. hyper may hold heads that it has not served yet: it yields
    /// between pipelined requests, and what it has read would be lost with it.
    pub(crate) fn may_park(&self) -> bool {
        self.flags.load(Relaxed) & PARK != 0 && self.open.load(Relaxed) == 0 && self.arrived.lock().is_empty()
    }

    pub(crate) fn unpark(&self) {
        self.flags.fetch_and(!PARK, Relaxed);
    }

    pub(crate) fn is_head_expired(&self) -> bool {
        self.flags.load(Relaxed) & HEAD_EXPIRED != 0
    }

    // -- inbound bytes -----------------------------------------------------------------------------------------

    pub(crate) fn head_began(&self) {
        if self.head_since.load(Relaxed) == 0 {
            self.head_since.store(self.clock.now(), Relaxed);
        }
    }

    pub(crate) fn head_ended(&self) {
        self.head_since.store(0, Relaxed);
    }

    pub(crate) fn push_arrived(&self, arrived: Arrived) {
        self.arrived.lock().push_back(arrived);
    }

    pub(crate) fn pop_arrived(&self) -> Option<Arrived> {
        self.arrived.lock().pop_front()
    }

    pub(crate) fn set_body_fault(&self, code: MalformedCode) {
        *self.body_fault.lock() = Some(code);
    }

    pub(crate) fn body_fault(&self) -> Option<MalformedCode> {
        *self.body_fault.lock()
    }

    pub(crate) fn register_reader(&self, waker: &std::task::Waker) {
        self.reader.register(waker);
    }

    pub(crate) fn answer_upgrade(&self, answer: UpgradeAnswer) {
        self.upgrade.store(if answer == UpgradeAnswer::Accepted { 1 } else { 2 }, Relaxed);
        if answer == UpgradeAnswer::Accepted {
            self.tunnel.store(1, Relaxed);
        }
        self.reader.wake();
    }

    pub(crate) fn take_upgrade_answer(&self) -> Option<UpgradeAnswer> {
        match self.upgrade.swap(0, Relaxed) {
            1 => Some(UpgradeAnswer::Accepted),
            2 => Some(UpgradeAnswer::Refused),
            _ => None,
        }
    }

    // -- outbound bytes ----------------------------------------------------------------------------------------

    pub(crate) fn write_blocked(&self) {
        if self.write_since.load(Relaxed) == 0 {
            self.write_since.store(self.clock.now(), Relaxed);
        }
    }

    /// The peer took so many bytes, or nothing is left for it to take. Only the connection's own thread writes here.
    pub(crate) fn write_moved(&self, taken: usize) {
        self.taken.store(self.taken.load(Relaxed) + taken as u64, Relaxed);
        if self.write_since.load(Relaxed) != 0 {
            self.write_since.store(0, Relaxed);
        }
    }

    /// A response body handed out data and was not asked again yet: HTTP/2 flow control may hold it.
    pub(crate) fn stall_open(&self) -> usize {
        self.stalls.lock().insert(0)
    }

    pub(crate) fn stall_mark(&self, slot: usize, waiting_for_peer: bool) {
        if let Some(mark) = self.stalls.lock().get_mut(slot) {
            *mark = if waiting_for_peer { self.clock.now() } else { 0 };
        }
    }

    pub(crate) fn stall_close(&self, slot: usize) {
        self.stalls.lock().try_remove(slot);
    }

    /// A piece of an answer goes to HTTP/2, which keeps it until the peer takes it.
    pub(crate) fn hold(&self, length: usize) {
        self.held.fetch_add(length as u64, Relaxed);
    }

    /// It was written, or its stream was given up.
    pub(crate) fn release(&self, length: usize) {
        self.held.fetch_sub(length as u64, Relaxed);
    }

    /// What is held back.
    pub(crate) fn held(&self) -> u64 {
        self.held.load(Relaxed)
    }

    // -- requests ----------------------------------------------------------------------------------------------

    /// A request begins. The ticket ends it when dropped.
    pub(crate) fn open_request(self: &Arc<Self>, max_requests: u32) -> Ticket {
        self.open.fetch_add(1, Relaxed);
        self.idle_since.store(0, Relaxed);
        self.counters.requests.fetch_add(1, Relaxed);
        self.counters.requests_open.fetch_add(1, Relaxed);
        if self.requests.fetch_add(1, Relaxed) + 1 >= max_requests || self.is_last() {
            self.end_gracefully();
        }
        Ticket { conn: self.clone() }
    }

    /// Requests that are not finished.
    pub(crate) fn open_requests(&self) -> u32 {
        self.open.load(Relaxed)
    }

    // -- the reaper --------------------------------------------------------------------------------------------

    /// Compares the marks with the limits and ends what overstays. Says why, when it closed the connection.
    pub(crate) fn sweep(&self, limits: &Limits) -> Option<Overdue> {
        let now = self.clock.now();
        let over = |mark: &AtomicU64, limit: Duration| {
            let since = mark.load(Relaxed);
            since != 0 && u128::from(now.saturating_sub(since)) > limit.as_millis()
        };
        if self.is_killed() {
            return None;
        }
        let kill_at = self.kill_at.load(Relaxed);
        if kill_at != 0 && now >= kill_at {
            self.kill();
            return None;
        }
        let slow = self.is_slow_reader(now, limits);
        let greedy = self.held() > limits.held;
        if slow
            || greedy
            || over(&self.write_since, limits.write_stall)
            || self.is_stream_stalled(now, limits.write_stall)
        {
            self.kill();
            return Some(Overdue::WriteStalled);
        }
        if self.tunnel.load(Relaxed) != 0 {
            return None;
        }
        if over(&self.head_since, limits.head_timeout) {
            if self.flags.fetch_or(HEAD_EXPIRED, Relaxed) & HEAD_EXPIRED == 0 {
                self.kill_at.store(now + 2_000, Relaxed);
                self.task.wake();
                self.reader.wake();
            }
            return None;
        }
        if self.is_graceful() {
            return None;
        }
        if over(&self.idle_since, limits.idle_timeout) {
            self.kill_in(1_000);
            return Some(Overdue::Idle);
        }
        if now >= self.expires.load(Relaxed) {
            self.end_gracefully();
        }
        let quiet = self.head_since.load(Relaxed) == 0 && self.write_since.load(Relaxed) == 0;
        if self.facts.protocol == Protocol::Http1
            && quiet
            && over(&self.idle_since, PARK_AFTER)
            && self.flags.fetch_or(PARK, Relaxed) & PARK == 0
        {
            self.task.wake();
        }
        None
    }

    /// Time in which the peer keeps us waiting puts it behind; each byte that it takes, and time in which nothing waits,
    /// brings it forward, though never ahead. Over HTTP/2 all streams count together: many streams over a thin line are
    /// each slow.
    fn is_slow_reader(&self, now: u64, limits: &Limits) -> bool {
        let before = self.swept.swap(now, Relaxed);
        let taken = self.taken.swap(0, Relaxed);
        let Some(earned) = taken.saturating_mul(1_000).checked_div(u64::from(limits.write_rate)) else { return false };
        let stalled = || self.stalls.lock().iter().any(|(_, since)| *since != 0);
        let waits = self.write_since.load(Relaxed) != 0 || self.held() > 0 || stalled();
        let behind = self.behind.load(Relaxed);
        if !waits && behind == 0 {
            return false;
        }
        // When the worker itself comes late, that is not the peer's doing.
        let sweep = u64::try_from(limits.sweep.as_millis()).unwrap_or(u64::MAX);
        let elapsed = now.saturating_sub(before).min(sweep.saturating_mul(2));
        let behind =
            if waits { (behind + elapsed).saturating_sub(earned) } else { behind.saturating_sub(earned + elapsed) };
        self.behind.store(behind, Relaxed);
        u128::from(behind) > limits.write_grace.as_millis()
    }

    /// Since when it has been idle, if it is a connection over HTTP/2, which can't be parked.
    pub(crate) fn idle_http2(&self) -> Option<u64> {
        let since = self.idle_since.load(Relaxed);
        let here = self.facts.protocol == Protocol::Http2 && since != 0 && !self.is_last() && !self.is_killed();
        here.then_some(since)
    }

    fn is_stream_stalled(&self, now: u64, limit: Duration) -> bool {
        let stalls = self.stalls.lock();
        stalls.iter().any(|(_, since)| *since != 0 && u128::from(now.saturating_sub(*since)) > limit.as_millis())
    }

    /// How old the connection is, in milliseconds.
    pub(crate) fn age(&self) -> u64 {
        self.clock.now().saturating_sub(self.opened)
    }
}

impl Drop for ConnState {
    fn drop(&mut self) {
        self.counters.connections_open.fetch_sub(1, Relaxed);
    }
}

/// Why the reaper closed a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Overdue {
    WriteStalled,
    Idle,
}

/// An open request; dropped when its answer is done or given up.
#[derive(Debug)]
pub(crate) struct Ticket {
    conn: Arc<ConnState>,
}

impl Ticket {
    pub(crate) fn conn(&self) -> &Arc<ConnState> {
        &self.conn
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.conn.counters.requests_open.fetch_sub(1, Relaxed);
        if self.conn.open.fetch_sub(1, Relaxed) == 1 {
            self.conn.idle_since.store(self.conn.clock.now(), Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
