//! Every size and time that a peer could make large or slow, with its default.

use std::time::Duration;

use crate::framing::HeadLimits;

/// Limits of the listeners and their connections.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The TLS handshake must be done within this time. 5 s.
    pub handshake_timeout: Duration,
    /// Handshakes at a time per worker. 512.
    pub handshakes: usize,
    /// Handshakes at a time per source /24 or /64 and worker. 64.
    pub handshakes_per_network: usize,
    /// Connections per worker. 16,384.
    pub connections: usize,
    /// Connections per source /24 or /64 and worker. 4,096.
    pub connections_per_network: usize,
    /// From the first byte of an HTTP/1.1 head to its last. 10 s.
    pub head_timeout: Duration,
    /// A connection without an open request is closed after this time. 60 s.
    pub idle_timeout: Duration,
    /// HTTP/2 connections without an open request, per worker: each holds some 50 KiB of buffers and compression state.
    /// When there are more, those that have been idle the longest are closed. 512.
    pub idle_http2: usize,
    /// A peer that takes no byte of an answer for this time is cut off. 30 s.
    pub write_stall: Duration,
    /// Waiting time for a peer that takes an answer more slowly than `write_rate`. 30 s.
    pub write_grace: Duration,
    /// Bytes per second that a peer must take while an answer waits for it; 0 asks for none. 512.
    pub write_rate: u32,
    /// Waiting time for a body that is free of any rate. 5 s.
    pub body_grace: Duration,
    /// Bytes per second that a body must bring after its grace. 256.
    pub body_rate: u32,
    /// A whole body must arrive within this time. 5 min.
    pub body_deadline: Duration,
    /// A tunnel (WebSocket) without a byte in either direction is closed after this time. 10 min.
    pub tunnel_idle: Duration,
    /// Bounds of an HTTP/1.1 head. 32 KiB, 100 fields.
    pub head: HeadLimits,
    /// HTTP/1.1 read buffer. 64 KiB.
    pub buffer: usize,
    /// HTTP/2 streams at a time. 100.
    pub streams: u32,
    /// HTTP/2 window of a stream. 64 KiB.
    pub stream_window: u32,
    /// HTTP/2 window of a connection. 1 MiB.
    pub connection_window: u32,
    /// Bytes of answers that a peer may let wait over HTTP/2, of all streams together. Pieces get small long before, so
    /// that nobody honest comes here. 2 MiB.
    pub held: u64,
    /// HTTP/2 header list. 16 KiB.
    pub header_list: u32,
    /// HTTP/2 header fields, with cookie crumbs. 128.
    pub header_fields: usize,
    /// `RST_STREAM` frames per 10 s and connection. 200.
    pub resets: u32,
    /// Frames without effect (PING, SETTINGS, PRIORITY, CONTINUATION, empty DATA) per 10 s and connection. 1,000.
    pub idle_frames: u32,
    /// An idle HTTP/2 connection is pinged after this time. 20 s.
    pub ping_interval: Duration,
    /// and closed without an answer after this time. 10 s.
    pub ping_timeout: Duration,
    /// A connection is asked to close after this time, give or take a tenth. 1 h.
    pub max_age: Duration,
    /// Requests per connection. 10,000.
    pub max_requests: u32,
    /// How often the reaper looks. 250 ms.
    pub sweep: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            handshake_timeout: Duration::from_secs(5),
            handshakes: 512,
            handshakes_per_network: 64,
            connections: 16_384,
            connections_per_network: 4_096,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_mins(1),
            idle_http2: 512,
            write_stall: Duration::from_secs(30),
            write_grace: Duration::from_secs(30),
            write_rate: 512,
            body_grace: Duration::from_secs(5),
            body_rate: 256,
            body_deadline: Duration::from_mins(5),
            tunnel_idle: Duration::from_mins(10),
            head: HeadLimits::default(),
            buffer: 64 * 1024,
            streams: 100,
            stream_window: 64 * 1024,
            connection_window: 1024 * 1024,
            held: 2 * 1024 * 1024,
            header_list: 16 * 1024,
            header_fields: 128,
            resets: 200,
            idle_frames: 1_000,
            ping_interval: Duration::from_secs(20),
            ping_timeout: Duration::from_secs(10),
            max_age: Duration::from_hours(1),
            max_requests: 10_000,
            sweep: Duration::from_millis(250),
        }
    }
}
