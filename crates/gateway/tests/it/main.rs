//! The gateway over real sockets on loopback, with origins written here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

mod abuse;
mod answers;
mod bounds;
mod framing;
mod harness;
mod http1;
mod http2;
mod lifecycle;
mod malformed;
mod tls;
mod upstream;
mod websocket;
