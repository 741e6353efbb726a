//! Upstreams: who they are ([`UpstreamGroup`], shared by all workers), each worker's own connections to them
//! ([`Upstreams`]), and the one way to them, [`Upstreams::forward`].

mod body;
mod config;
mod connect;
mod error;
mod forward;
mod group;
mod health;
pub(crate) mod http1;
mod pool;
mod tunnel;

pub use body::UpstreamBody;
pub use config::{HealthCheck, UpstreamConfig, UpstreamConfigError, UpstreamProtocol, UpstreamSettings};
pub use error::ForwardError;
pub use forward::{Outbound, Upstreams};
pub use group::{ServerStatus, UpstreamGroup};
pub use tunnel::ClientUpgrade;
pub(crate) use tunnel::{Tunnel, run as run_tunnel};
