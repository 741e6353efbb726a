//! What happens to headers on the way through, in both directions (RFC 9110 section 7.6, RFC 9113 section 8.2.2).

use std::fmt::Write as _;
use std::net::IpAddr;

use http::HeaderMap;
use http::header::{
    CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, FORWARDED, HeaderName, HeaderValue, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

use crate::client_address::{X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
static HOP_BY_HOP: [HeaderName; 7] =
    [KEEP_ALIVE, PROXY_CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TRANSFER_ENCODING, UPGRADE, TRAILER];

/// Headers that `Connection` may not name away: they would change what was decided about.
const KEPT: [&str; 8] =
    ["host", "authorization", "dpop", "cookie", "content-length", "content-type", "traceparent", "forwarded"];

/// Takes out what belongs to one connection only, also what `Connection` names. With `grpc`, `TE: trailers` stays.
pub fn strip_hop_by_hop(headers: &mut HeaderMap, grpc: bool) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
            .filter(|name| !KEPT.contains(&name.as_str()) && !is_reserved(name.as_str()) && !is_forwarding(name))
            .collect();
        headers.remove(CONNECTION);
        for name in named {
            headers.remove(name);
        }
    }
    // Few messages carry any of these: one look at the names is cheaper than a search for each.
    while let Some(name) = headers.keys().find_map(hop_by_hop) {
        headers.remove(name);
    }
    if !headers.contains_key(TE) {
        return;
    }
    let trailers = headers.get(TE).is_some_and(|value| {
        value.as_bytes().split(|byte| *byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(b"trailers"))
    });
    headers.remove(TE);
    if grpc && trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
}

/// The name, if it is one of [`HOP_BY_HOP`]; their lengths tell most others apart.
fn hop_by_hop(name: &HeaderName) -> Option<&'static HeaderName> {
    match name.as_str().len() {
        7 | 10 | 16..=19 => HOP_BY_HOP.iter().find(|hop| *hop == name),
        _ => None,
    }
}

fn is_forwarding(name: &HeaderName) -> bool {
    [X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO].contains(name)
}

/// Takes out `Testudo-*` as callers could send it, also written with underscores: only the gateway says these things.
pub fn strip_reserved(headers: &mut HeaderMap) {
    if headers.keys().any(|name| is_reserved(name.as_str())) {
        let names: Vec<HeaderName> = headers.keys().filter(|name| is_reserved(name.as_str())).cloned().collect();
        for name in names {
            headers.remove(name);
        }
    }
}

/// Besides `testudo-*`, what a CGI-like upstream would read as a forwarded header because it takes `_` for `-`.
fn is_reserved(name: &str) -> bool {
    match name.as_bytes() {
        [b't', b'e', b's', b't', b'u', b'd', b'o', b'-' | b'_', ..] => true,
        [b'x' | b'f', ..] if name.contains('_') => {
            let dashed = name.replace('_', "-");
            dashed.starts_with("x-forwarded-") || dashed == "x-real-ip"
        }
        _ => false,
    }
}

/// Takes out of a caller's trailers what would change the message that was decided about.
pub(crate) fn strip_trailers(trailers: &mut HeaderMap) {
    strip_reserved(trailers);
    for name in KEPT.into_iter().chain(["content-encoding", "transfer-encoding", "connection", "te", "trailer"]) {
        trailers.remove(name);
    }
    strip_forwarded(trailers);
}

fn strip_forwarded(headers: &mut HeaderMap) {
    let claims = |name: &&HeaderName| name.as_str().starts_with("x-forwarded-");
    if headers.keys().any(|name| claims(&name)) {
        let names: Vec<HeaderName> = headers.keys().filter(claims).cloned().collect();
        for name in names {
            headers.remove(name);
        }
    }
}

/// What the upstream is told about the way of a request.
#[derive(Clone, Copy, Debug)]
pub struct Forwarding<'a> {
    /// The other end of the connection: the last hop.
    pub peer: IpAddr,
    /// Whether the caller spoke TLS.
    pub https: bool,
    /// The host that the caller asked for.
    pub host: &'a HeaderValue,
    /// Whether the peer is a named proxy, so that the hops that it lists are kept before it.
    pub trusted: bool,
}

/// Sets `X-Forwarded-For`, `-Proto` and `-Host`; takes out `Forwarded` and `X-Real-IP`, and everything that a stranger
/// claimed.
pub fn set_forwarded(headers: &mut HeaderMap, forwarding: &Forwarding<'_>) {
    headers.remove(FORWARDED);
    headers.remove(X_REAL_IP);
    let mut list = String::new();
    if forwarding.trusted {
        for value in headers.get_all(&X_FORWARDED_FOR) {
            if let Ok(hops) = value.to_str() {
                list.push_str(hops);
                list.push_str(", ");
            }
        }
    } else {
        strip_forwarded(headers);
    }
    push_address(&mut list, forwarding.peer.to_canonical());
    match HeaderValue::try_from(list) {
        Ok(value) => headers.insert(X_FORWARDED_FOR, value),
        Err(_) => headers.remove(&X_FORWARDED_FOR),
    };
    let proto = if forwarding.https { "https" } else { "http" };
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(proto));
    headers.insert(X_FORWARDED_HOST, forwarding.host.clone());
}

/// Writes an address; most are of version 4, and the way through a formatter takes longer than all the rest here.
fn push_address(text: &mut String, address: IpAddr) {
    let IpAddr::V4(address) = address else {
        let _ = write!(text, "{address}");
        return;
    };
    for (place, octet) in address.octets().into_iter().enumerate() {
        if place > 0 {
            text.push('.');
        }
        for (least, unit) in [(100, 100), (10, 10), (0, 1)] {
            if octet >= least {
                text.push(char::from(b'0' + octet / unit % 10));
            }
        }
    }
}

/// Headers that make browsers careful. What the upstream set itself is left alone.
#[derive(Clone, Debug)]
pub struct SecurityHeaders {
    /// `Strict-Transport-Security`, over TLS only.
    pub transport: Option<HeaderValue>,
    /// `X-Content-Type-Options: nosniff`.
    pub no_sniff: bool,
    /// `Content-Security-Policy` for HTML that has none.
    pub html_policy: Option<HeaderValue>,
    /// `Referrer-Policy` for HTML.
    pub referrer: Option<HeaderValue>,
    /// `X-Frame-Options: DENY` for HTML without a policy of its own.
    pub no_frames: bool,
}

impl Default for SecurityHeaders {
    fn default() -> SecurityHeaders {
        SecurityHeaders {
            transport: Some(HeaderValue::from_static("max-age=31536000; includeSubDomains")),
            no_sniff: true,
            html_policy: Some(HeaderValue::from_static("frame-ancestors 'none'")),
            referrer: Some(HeaderValue::from_static("no-referrer")),
            no_frames: true,
        }
    }
}

impl SecurityHeaders {
    /// Adds to the headers of an answer what is missing.
    pub fn apply(&self, headers: &mut HeaderMap, https: bool) {
        if let Some(value) = self.transport.as_ref().filter(|_| https) {
            headers.entry(STRICT_TRANSPORT_SECURITY).or_insert_with(|| value.clone());
        }
        if self.no_sniff {
            headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        }
        let html = headers.get(CONTENT_TYPE).is_some_and(|value| {
            let value = value.as_bytes();
            value.get(..9).is_some_and(|kind| kind.eq_ignore_ascii_case(b"text/html"))
                || value.get(..21).is_some_and(|kind| kind.eq_ignore_ascii_case(b"application/xhtml+xml"))
        });
        if !html {
            return;
        }
        if !headers.contains_key(CONTENT_SECURITY_POLICY) {
            if self.no_frames {
                headers.entry(X_FRAME_OPTIONS).or_insert(HeaderValue::from_static("DENY"));
            }
            if let Some(policy) = &self.html_policy {
                headers.insert(CONTENT_SECURITY_POLICY, policy.clone());
            }
        }
        if let Some(policy) = &self.referrer {
            headers.entry(REFERRER_POLICY).or_insert_with(|| policy.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn map(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn hop_by_hop_goes_and_connection_can_not_drop_what_was_decided_on() {
        let mut headers = map(&[
            ("connection", "keep-alive, X-Trick, authorization, testudo-person, x-forwarded-for"),
            ("keep-alive", "timeout=5"),
            ("x-trick", "1"),
            ("authorization", "Bearer x"),
            ("testudo-person", "p"),
            ("x-forwarded-for", "192.0.2.1"),
            ("te", "gzip, trailers"),
            ("upgrade", "h2c"),
            ("proxy-authorization", "Basic x"),
            ("transfer-encoding", "chunked"),
            ("accept", "*/*"),
        ]);
        strip_hop_by_hop(&mut headers, true);
        assert_eq!(names(&headers), ["accept", "authorization", "te", "testudo-person", "x-forwarded-for"]);
        assert_eq!(headers[TE], "trailers");
        strip_hop_by_hop(&mut headers, false);
        assert!(!headers.contains_key(TE));
    }

    #[test]
    fn reserved_headers_are_taken_out_however_written() {
        let mut headers = map(&[("Testudo-Person", "x"), ("testudo_scopes", "y"), ("testudos", "z"), ("host", "h")]);
        headers.insert("x_forwarded_for", HeaderValue::from_static("1.2.3.4"));
        strip_reserved(&mut headers);
        assert_eq!(names(&headers), ["host", "testudos"]);
    }

    #[test]
    fn only_named_proxies_keep_their_hops() {
        for (trusted, expected) in [(true, "198.51.100.7, 10.0.0.1"), (false, "10.0.0.1")] {
            let mut headers =
                map(&[("x-forwarded-for", "198.51.100.7"), ("forwarded", "for=1.2.3.4"), ("x-real-ip", "1.2.3.4")]);
            if !trusted {
                headers.insert("x-forwarded-prefix", HeaderValue::from_static("/admin"));
            }
            let host = HeaderValue::from_static("app.example");
            let peer = "::ffff:10.0.0.1".parse().unwrap();
            set_forwarded(&mut headers, &Forwarding { peer, https: true, host: &host, trusted });
            assert_eq!(headers[X_FORWARDED_FOR], expected);
            assert_eq!(headers[X_FORWARDED_PROTO], "https");
            assert_eq!(names(&headers), ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"]);
        }
    }

    #[test]
    fn addresses_are_written_as_ever() {
        for bytes in (0..=255_u8).map(|byte| [byte, 255 - byte, byte / 2, byte.wrapping_mul(7)]) {
            for address in [IpAddr::from(bytes), IpAddr::from(std::net::Ipv4Addr::from(bytes).to_ipv6_compatible())] {
                let mut text = String::new();
                push_address(&mut text, address);
                assert_eq!(text, address.to_string());
            }
        }
    }

    #[test]
    fn the_upstreams_own_policy_stays() {
        let mut headers = map(&[
            ("content-type", "text/html; charset=utf-8"),
            ("content-security-policy", "default-src 'self'"),
            ("strict-transport-security", "max-age=63072000"),
        ]);
        SecurityHeaders::default().apply(&mut headers, true);
        assert_eq!(headers[CONTENT_SECURITY_POLICY], "default-src 'self'");
        assert_eq!(headers[STRICT_TRANSPORT_SECURITY], "max-age=63072000");
        assert!(!headers.contains_key(X_FRAME_OPTIONS));
        assert_eq!(headers[REFERRER_POLICY], "no-referrer");
        let mut headers = map(&[("content-type", "application/json")]);
        SecurityHeaders::default().apply(&mut headers, false);
        assert_eq!(names(&headers), ["content-type", "x-content-type-options"]);
    }
}
