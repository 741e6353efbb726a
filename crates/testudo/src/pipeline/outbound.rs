//! What goes to the upstream and what comes back: headers in both directions.

use std::fmt::Write as _;
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};
use testudo_gateway::{Inbound, Outbound, ResponseBody, cors, headers};
use testudo_identity::Caller;
use testudo_limits::RateState;

use super::facts::Facts;
use crate::snapshot::Snapshot;

const PERSON: HeaderName = HeaderName::from_static("testudo-person");
const CLIENT: HeaderName = HeaderName::from_static("testudo-client");
const SCOPES: HeaderName = HeaderName::from_static("testudo-scopes");
const ROLES: HeaderName = HeaderName::from_static("testudo-roles");
const ACR: HeaderName = HeaderName::from_static("testudo-acr");
const REQUEST: HeaderName = HeaderName::from_static("testudo-request");
const OBSERVE: HeaderName = HeaderName::from_static("testudo-observe");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// How long a browser may remember a preflight.
const PREFLIGHT_AGE: Duration = Duration::from_mins(10);
/// Headers that one preflight may ask for.
const MOST_HEADERS: usize = 64;
/// A response of unknown length, or one longer than this, may stay open for long.
const LONG: u64 = 256 * 1024;

/// Makes the request that the upstream reads. The second value is the `Origin` that the client named.
pub fn prepare(
    snapshot: &Snapshot,
    facts: &Facts,
    caller: Option<&Caller>,
    inbound: Inbound,
    websocket: bool,
) -> (Outbound, Option<HeaderValue>) {
    let peer = inbound.conn.peer.ip();
    let Inbound { mut parts, body, upgrade, .. } = inbound;
    let to = &mut parts.headers;
    let origin = to.get(header::ORIGIN).cloned();
    headers::strip_reserved(to);
    let host = to.get(header::HOST).cloned().unwrap_or_else(|| HeaderValue::from_static(""));
    let forwarding = headers::Forwarding { peer, https: facts.https, host: &host, trusted: facts.trusted };
    headers::set_forwarded(to, &forwarding);
    facts.trace.set(to);
    to.insert(REQUEST, facts.request_value.clone());
    if let Some(caller) = caller {
        // The token has done its work; the upstream needs to know who, not to be able to act as her.
        to.remove(header::AUTHORIZATION);
        if let Some(person) = caller.person {
            set_display(to, PERSON, person);
        }
        set_display(to, CLIENT, &caller.client);
        set_display(to, SCOPES, caller.scopes.iter().collect::<Vec<_>>().join(" "));
        if !caller.roles.is_empty() {
            set_display(to, ROLES, caller.roles.iter().map(String::as_str).collect::<Vec<_>>().join(" "));
        }
        if let Some(acr) = caller.acr {
            set_display(to, ACR, acr);
        }
    }
    let mut outbound = Outbound::new(parts, body);
    outbound.head_timeout = Some(snapshot.config.upstream.head_timeout);
    if websocket {
        outbound.upgrade = upgrade;
    }
    (outbound, origin)
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(mut value) = HeaderValue::try_from(value) {
        // It differs each time: over HTTP/2 it would only push others out of the table of headers.
        value.set_sensitive(true);
        headers.insert(name, value);
    }
}

fn set_display(headers: &mut HeaderMap, name: HeaderName, value: impl std::fmt::Display) {
    if let Some(value) = display(value) {
        headers.insert(name, value);
    }
}

/// A header's value from its text form, which HTTP/2 keeps out of its table of headers.
pub fn display(value: impl std::fmt::Display) -> Option<HeaderValue> {
    let mut text = String::with_capacity(48);
    let _ = write!(text, "{value}");
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Completes the headers of any answer.
pub fn finish(
    snapshot: &Snapshot,
    facts: &Facts,
    caller: Option<&Caller>,
    origin: Option<&HeaderValue>,
    rate: Option<RateState>,
    to: &mut HeaderMap,
) {
    headers::strip_reserved(to);
    snapshot.security_headers.apply(to, facts.https);
    if origin.is_some() {
        let rules = snapshot.cors(caller.map(|caller| &caller.client));
        cors::apply(&rules, origin, to);
    }
    if let Some(rate) = rate {
        set(to, RATE_LIMIT, rate.rate_limit());
        set(to, RATE_LIMIT_POLICY, rate.policy());
    }
    to.insert(REQUEST, facts.request_value.clone());
    if snapshot.config.server.observe {
        to.insert(OBSERVE, HeaderValue::from_static("on"));
    }
}

/// What a preflight may be told: an origin that a client names may use the method that the contract has for the path, and
/// headers of its own. What is ours is taken off anyway.
pub fn preflight_rules(snapshot: &Snapshot, asked: &HeaderMap) -> cors::CorsRules {
    let mut rules = (*snapshot.cors(None)).clone();
    let text = |name: HeaderName| asked.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    rules.methods.extend(text(header::ACCESS_CONTROL_REQUEST_METHOD).parse::<Method>());
    let names = text(header::ACCESS_CONTROL_REQUEST_HEADERS).split(',').take(MOST_HEADERS);
    rules.headers.extend(names.filter_map(|name| name.trim().parse::<HeaderName>().ok()));
    rules.max_age = PREFLIGHT_AGE;
    rules
}

/// Whether a response may stay open for long, so that it must end with its session.
pub fn is_stream(response: &Response<ResponseBody>) -> bool {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return true;
    }
    let length = response.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    length.and_then(|text| text.parse::<u64>().ok()).is_none_or(|length| length > LONG)
}
