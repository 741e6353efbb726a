//! Listening sockets that systemd hands over (`sd_listen_fds(3)`). They outlive the process: over a restart, connections wait
//! in the kernel's queue instead of being refused.

use std::net::SocketAddr;

use listenfd::ListenFd;
use testudo_gateway::InheritedSockets;

use crate::config::ServerConfig;
use crate::node::StartError;

const MAX_SOCKETS: usize = 64;

/// The sockets of `LISTEN_FDS`, if it is meant for this process. It changes the environment: call it before there are
/// other threads.
pub fn take() -> Result<InheritedSockets, StartError> {
    let variable = |name| std::env::var(name).ok();
    if variable("LISTEN_PID").and_then(|pid| pid.parse().ok()) != Some(std::process::id()) {
        return Ok(InheritedSockets::default());
    }
    let count = variable("LISTEN_FDS").and_then(|count| count.parse::<usize>().ok());
    if count.is_none_or(|count| count > MAX_SOCKETS) {
        return Err(refused(format!("`LISTEN_FDS` is no number up to {MAX_SOCKETS}; leave it to systemd")));
    }
    let mut handed = ListenFd::from_env();
    let mut sockets = Vec::new();
    for number in 0..handed.len() {
        let socket = handed.take_tcp_listener(number);
        sockets.extend(socket.map_err(|error| {
            refused(format!(
                "can't use a socket of the socket unit: {error}; give it `ListenStream=` lines with addresses"
            ))
        })?);
    }
    InheritedSockets::new(sockets)
        .map_err(|error| refused(format!("can't use the sockets of the socket unit: {error}")))
}

/// Whether each socket has a listener: one that nobody serves would let connections wait for ever.
pub fn check(sockets: &InheritedSockets, config: &ServerConfig) -> Result<(), StartError> {
    let addresses = sockets.addresses().map_err(|error| refused(error.to_string()))?;
    let named = |address: &SocketAddr| config.listen.contains(address) || config.admin == *address;
    match addresses.into_iter().find(|address| !named(address)) {
        None => Ok(()),
        Some(address) => Err(refused(format!(
            "the socket unit listens on `{address}`, which neither `server.listen` nor `server.admin` names; let both name \
             the same addresses"
        ))),
    }
}

fn refused(text: impl std::fmt::Display) -> StartError {
    StartError::Usage(miette::miette!("{text}"))
}
