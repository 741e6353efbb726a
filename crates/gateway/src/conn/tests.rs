//! Marks and sweeps, with a clock that stands still between them.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::admission::{Network, Seats};

fn connection(limits: &Limits) -> (Arc<ConnState>, Arc<CoarseClock>) {
    connection_of(Protocol::Http2, limits)
}

fn connection_of(protocol: Protocol, limits: &Limits) -> (Arc<ConnState>, Arc<CoarseClock>) {
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let facts = ConnFacts { peer: address, local: address, tls: None, protocol, worker: 0, opened: Instant::now() };
    let (clock, seats) = (CoarseClock::new(), Seats::new(9, 9));
    let seat = seats.take(Network::of(address.ip())).unwrap();
    (ConnState::new(facts, clock.clone(), Arc::default(), seat, limits.max_age), clock)
}

/// Sweeps every 250 ms for so many seconds over a peer that takes `bytes` in every so many of them; says after how
/// many milliseconds it was cut off.
fn takes(bytes: usize, every: u64, waits: bool, seconds: u64) -> Option<u64> {
    let limits = Limits { write_stall: Duration::from_hours(1), ..Limits::default() };
    let (state, clock) = connection(&limits);
    let _ticket = state.open_request(9);
    for sweep in 1..=seconds * 4 {
        clock.set(Duration::from_millis(sweep * 250));
        if sweep % every == 0 {
            state.write_moved(bytes);
        }
        if waits {
            state.write_blocked();
        }
        if state.sweep(&limits) == Some(Overdue::WriteStalled) {
            assert!(state.is_killed());
            return Some(sweep * 250);
        }
    }
    None
}

#[test]
fn a_peer_is_behind_by_the_time_that_its_bytes_do_not_earn() {
    // Nothing at all: when the grace is over.
    assert_eq!(takes(0, 1, true, 60), Some(30_250));
    // Half of the rate: in twice the time, whether in drops or in gulps.
    assert_eq!(takes(64, 1, true, 120), Some(60_250));
    assert!(takes(64 * 16, 16, true, 120).unwrap().abs_diff(60_000) <= 4_000);
    // The rate, and a peer for whom nothing waits.
    assert_eq!(takes(128, 1, true, 3_600), None);
    assert_eq!(takes(128 * 40, 40, true, 3_600), None);
    assert_eq!(takes(0, 1, false, 3_600), None);
}

#[test]
fn a_large_gulp_earns_no_credit_and_a_late_sweep_is_not_the_peers_doing() {
    let limits = Limits { write_stall: Duration::from_hours(1), ..Limits::default() };
    let (state, clock) = connection(&limits);
    let _ticket = state.open_request(9);
    state.write_moved(100 << 20);
    state.write_blocked();
    clock.set(Duration::from_millis(250));
    assert_eq!(state.sweep(&limits), None);
    // The worker slept for an hour: that counts as two sweeps.
    clock.set(Duration::from_hours(1));
    let unstalled = Limits { write_stall: Duration::from_hours(9), ..limits };
    assert_eq!(state.sweep(&unstalled), None);
    let cut = (1..1_000).find(|sweep| {
        clock.set(Duration::from_hours(1) + Duration::from_millis(sweep * 250));
        state.sweep(&unstalled).is_some()
    });
    assert_eq!(cut, Some(119));
}

#[test]
fn streams_that_wait_count_once_for_their_connection() {
    let limits = Limits { write_stall: Duration::from_hours(1), ..Limits::default() };
    let (state, clock) = connection(&limits);
    let _ticket = state.open_request(9);
    let slots: Vec<_> = (0..50).map(|_| state.stall_open()).collect();
    for slot in &slots {
        state.stall_mark(*slot, true);
    }
    for sweep in 1..=4_000 {
        clock.set(Duration::from_millis(sweep * 250));
        // 512 bytes a second for all of them together.
        state.write_moved(128);
        assert_eq!(state.sweep(&limits), None, "{sweep}");
    }
}

#[test]
fn a_farewell_leaves_one_request_and_a_second() {
    let limits = Limits::default();
    let (state, _) = connection(&limits);
    state.farewell();
    assert!(state.is_last() && !state.is_graceful() && state.idle_http2().is_none());
    let ticket = state.open_request(9);
    assert!(state.is_graceful());
    drop(ticket);
    // Silent: it is closed after a second.
    let (state, clock) = connection(&limits);
    state.begin_late();
    assert!(state.is_late());
    clock.set(Duration::from_millis(900));
    state.sweep(&limits);
    assert!(!state.is_graceful());
    clock.set(Duration::from_secs(1));
    state.sweep(&limits);
    assert!(state.is_graceful());
    // HTTP/2 that has asked before says GOAWAY at once.
    let (state, _) = connection(&limits);
    drop(state.open_request(9));
    state.farewell();
    assert!(state.is_graceful());
}

#[test]
fn a_connection_is_not_parked_while_a_request_of_it_waits_in_hyper() {
    let limits = Limits::default();
    let (state, clock) = connection_of(Protocol::Http1, &limits);
    let head = || Arrived::Head { raw: bytes::Bytes::new(), at: Instant::now(), upgrade: false };
    state.push_arrived(head());
    state.push_arrived(head());
    // The first is served; hyper yields, and the worker comes back to it late.
    state.pop_arrived();
    drop(state.open_request(9));
    clock.set(Duration::from_secs(5));
    assert_eq!(state.sweep(&limits), None);
    assert!(!state.may_park(), "the second would be lost");
    state.pop_arrived();
    assert!(state.may_park());
}
