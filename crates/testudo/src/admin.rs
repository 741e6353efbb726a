//! The admin side: the Unix socket for commands, and the client that commands use.

mod client;
mod socket;

pub use client::{Client, ClientError};
pub use socket::serve;
