//! The facts of a call, as the pipeline hands them down in the request's extensions.

use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, USER_AGENT};
use axum::http::request::Parts;
use testudo_core::{Clock, RequestId};
use testudo_identity::Context;

const LONGEST_AGENT: usize = 256;

/// Facts of the request that only the pipeline knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CallFacts {
    /// The request's id.
    pub request: RequestId,
    /// The client's address, after trusted proxies.
    pub address: IpAddr,
    /// The other end of the connection.
    pub peer: IpAddr,
}

/// The caller owns the data folder: she speaks through its Unix socket. Set by `testudo` only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LocalOwner;

/// The context of a call; nothing if the pipeline did not set the facts.
pub(crate) fn context(parts: &Parts, clock: &dyn Clock) -> Option<(CallFacts, Context)> {
    let facts = *parts.extensions.get::<CallFacts>()?;
    let agent = parts.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    let user_agent = agent.map(|agent| agent.chars().take(LONGEST_AGENT).collect());
    Some((facts, Context { request: facts.request, address: facts.address, user_agent, now: clock.now() }))
}

/// The value of the only `Authorization` header. Two of them are as good as none that can be read.
pub(crate) fn authorization(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let first = values.next()?;
    Some(if values.next().is_some() { &b"\0"[..] } else { first.as_bytes() })
}
