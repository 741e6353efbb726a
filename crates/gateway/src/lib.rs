//! TLS, HTTP/1.1 and HTTP/2, strict framing and upstream pools; no policy.
//!
//! [`Gateway::start`] runs one worker per core. Each accepts on its own socket, follows the bytes of its connections
//! below hyper ([`framing`]), and hands requests to its [`Handler`]. The handler decides, and sends what it admitted
//! through [`Upstreams::forward`], which takes a request only out of an admission.
//!
//! To add a limit: a field with its default in [`Limits`], a mark in `conn.rs` where the bytes pass, and a comparison
//! in its `sweep`. To refuse something new in a head: a code in `framing/code.rs`, a check in `framing/head.rs`, and a
//! line in the table of `tests/malformed.rs`.

mod admission;
mod body;
pub mod client_address;
mod close;
mod conn;
pub mod cors;
mod counters;
pub mod framing;
mod gateway;
pub mod headers;
mod http2_watch;
mod limits;
mod listen;
mod local;
mod paced;
mod pem;
mod reaper;
mod serve;
pub mod tls;
pub mod trace;
mod upstream;

pub use body::{BodyEnd, BodyError, BodyWatch, Collected, EndOutcome, InboundBody, ResponseBody};
pub use close::CloseSignal;
pub use conn::{ConnFacts, Protocol, TlsFacts};
pub use counters::GatewayCounters;
pub use framing::MalformedCode;
pub use gateway::{CountersHandle, Drained, Gateway, GatewayConfig, StartError, WorkerContext};
pub use limits::Limits;
pub use listen::InheritedSockets;
pub use pem::PemError;
pub use serve::{Handler, Inbound, Malformed, Shed, ShedReason};
#[doc(hidden)]
pub use upstream::http1::read_answer;
pub use upstream::{
    ClientUpgrade, ForwardError, HealthCheck, Outbound, ServerStatus, UpstreamBody, UpstreamConfig,
    UpstreamConfigError, UpstreamGroup, UpstreamProtocol, UpstreamSettings, Upstreams,
};
