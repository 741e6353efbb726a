//! Who calls: the peer, or what named proxies say in front of it (RFC 7239, and `X-Forwarded-*`).

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::header::{FORWARDED, HeaderName};
use ipnet::IpNet;

use crate::framing::is_host;

pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(crate) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(crate) const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const MAX_HOPS: usize = 32;

/// The networks whose proxies are believed. None by default.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// These networks and no others.
    pub fn new(networks: Vec<IpNet>) -> TrustedProxies {
        TrustedProxies(networks)
    }

    /// Whether the address belongs to a named proxy.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// Who calls, as far as it can be believed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientAddress {
    /// The nearest address that is not a named proxy.
    pub address: IpAddr,
    /// Whether the caller spoke TLS to the proxy, if a named proxy says so.
    pub https: Option<bool>,
    /// The host that the caller asked the proxy for.
    pub host: Option<String>,
    /// Whether the connection comes from a named proxy; forwarded headers of others are worthless.
    pub trusted: bool,
}

/// Finds the caller. Hops are read from the right, and only as long as each is a named proxy; what is malformed ends
/// the walk at the last address that was believed.
pub fn resolve(peer: IpAddr, headers: &HeaderMap, proxies: &TrustedProxies) -> ClientAddress {
    let peer = peer.to_canonical();
    let mut found = ClientAddress { address: peer, https: None, host: None, trusted: proxies.contains(peer) };
    if !found.trusted {
        return found;
    }
    let hops = if headers.contains_key(FORWARDED) { forwarded(headers) } else { x_forwarded(headers) };
    for hop in hops.into_iter().rev().take(MAX_HOPS) {
        let Some(address) = hop.address else { break };
        found.address = address;
        found.https = hop.https.or(found.https);
        found.host = hop.host.or(found.host);
        if !proxies.contains(address) {
            break;
        }
    }
    found
}

#[derive(Default)]
struct Hop {
    address: Option<IpAddr>,
    https: Option<bool>,
    host: Option<String>,
}

fn x_forwarded(headers: &HeaderMap) -> Vec<Hop> {
    let mut hops: Vec<Hop> =
        items(headers, &X_FORWARDED_FOR).map(|item| Hop { address: parse_address(item), ..Hop::default() }).collect();
    // Proto and Host are about the proxy's own caller: they belong to the last hop.
    if let Some(last) = hops.last_mut() {
        last.https = items(headers, &X_FORWARDED_PROTO).last().and_then(parse_proto);
        last.host = items(headers, &X_FORWARDED_HOST).last().and_then(parse_host);
    }
    hops
}

fn forwarded(headers: &HeaderMap) -> Vec<Hop> {
    let hop = |item: &str| {
        let mut hop = Hop::default();
        for pair in item.split(';') {
            let Some((name, value)) = pair.split_once('=') else { continue };
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "for" => hop.address = parse_address(value),
                "proto" => hop.https = parse_proto(value),
                "host" => hop.host = parse_host(value),
                _ => {}
            }
        }
        hop
    };
    items(headers, &FORWARDED).map(hop).collect()
}

fn items<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().flat_map(|value| value.to_str().unwrap_or("").split(',')).map(str::trim)
}

/// An address, with or without a port, IPv6 with or without brackets. `unknown` and obfuscated names are none.
fn parse_address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address| address.to_canonical())
}

fn parse_proto(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("https") {
        Some(true)
    } else if text.eq_ignore_ascii_case("http") {
        Some(false)
    } else {
        None
    }
}

fn parse_host(text: &str) -> Option<String> {
    is_host(text.as_bytes()).then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn ask(peer: &str, headers: &[(&'static str, &str)]) -> ClientAddress {
        let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]);
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        resolve(peer.parse().unwrap(), &map, &proxies)
    }

    #[test]
    fn strangers_are_not_believed() {
        let found = ask("192.0.2.1", &[("x-forwarded-for", "198.51.100.7"), ("forwarded", "for=198.51.100.8")]);
        assert_eq!((found.address, found.trusted), ("192.0.2.1".parse().unwrap(), false));
    }

    #[test]
    fn the_nearest_stranger_is_the_caller() {
        let found =
            ask("10.0.0.1", &[("x-forwarded-for", "203.0.113.66, 198.51.100.7"), ("x-forwarded-for", "10.9.9.9")]);
        assert_eq!(found.address, "198.51.100.7".parse::<IpAddr>().unwrap());
        let found =
            ask("::ffff:10.0.0.1", &[("forwarded", r#"for="[2001:db8::9]:4711";proto=https;host=App.example"#)]);
        assert_eq!(found.address, "2001:db8::9".parse::<IpAddr>().unwrap());
        assert_eq!((found.https, found.host.as_deref()), (Some(true), Some("app.example")));
    }

    #[test]
    fn what_is_malformed_ends_the_walk() {
        for bad in ["unknown", "198.51.100.7.1", "_hidden", "198.51.100.7:x", ""] {
            let list = format!("203.0.113.66, {bad}, 10.2.2.2");
            assert_eq!(ask("10.0.0.1", &[("x-forwarded-for", &list)]).address, "10.2.2.2".parse::<IpAddr>().unwrap());
        }
        assert_eq!(ask("10.0.0.1", &[]).address, "10.0.0.1".parse::<IpAddr>().unwrap());
    }
}
