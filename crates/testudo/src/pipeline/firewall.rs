//! The firewall's part in a request's trip: its head is judged first, its body when everything else allows it.

use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Version};
use testudo_contract::Found;
use testudo_core::{Control, ControlSet, Decision, Denial};
use testudo_gateway::{BodyError, Collected, Inbound, InboundBody};
use testudo_waf::{Connection, Intervention, Match, RequestLine, Transaction};

use super::facts::Facts;
use crate::config::FirewallMode;
use crate::snapshot::Snapshot;

/// The most bytes of a body that are held. A longer one, and that of a gRPC call, passes unread only on a route whose own
/// `max-body` allows more, and in detection.
const HELD: usize = 256 * 1024;
/// Matches that an event names.
const MOST: usize = 32;

/// One request before the firewall; nothing where it is off.
pub struct Inspection(Option<Transaction>);

impl Inspection {
    /// Judges the head.
    pub fn open(snapshot: &Snapshot, facts: &Facts, inbound: &Inbound) -> (Inspection, Decision) {
        let Some(waf) = &snapshot.waf else { return (Inspection(None), Decision::default()) };
        let (client, server) = (facts.address.to_string(), inbound.conn.local.ip().to_string());
        let connection = Connection {
            client: &client,
            client_port: inbound.conn.peer.port(),
            server: &server,
            server_port: inbound.conn.local.port(),
        };
        let parts = &inbound.parts;
        let mut transaction = waf.open(&connection, &facts.request.to_string(), facts.now);
        let target = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        transaction.request_line(&RequestLine {
            method: parts.method.as_str().as_bytes(),
            target: target.as_bytes(),
            protocol: match parts.version {
                Version::HTTP_10 => b"HTTP/1.0",
                Version::HTTP_2 => b"HTTP/2.0",
                _ => b"HTTP/1.1",
            },
            raw: None,
        });
        for (name, value) in &parts.headers {
            transaction.request_header(name.as_str().as_bytes(), value.as_bytes());
        }
        if let (false, Some(host)) = (parts.headers.contains_key(HOST), &facts.host) {
            transaction.request_header(b"host", host.as_bytes());
        }
        let decision = match transaction.request_head() {
            Some(intervention) => judged(intervention),
            None => Decision::default(),
        };
        (Inspection(Some(transaction)), decision)
    }

    /// Judges the body, which is then as it was before. Only now it is known that nothing was found.
    pub async fn body(
        &mut self,
        snapshot: &Snapshot,
        found: Option<&Found<'_>>,
        headers: &HeaderMap,
        body: &mut InboundBody,
    ) -> Decision {
        let Some(transaction) = &mut self.0 else { return Decision::default() };
        if transaction.intervention().is_some() {
            return Decision::allow(Control::Waf);
        }
        // What the route allows may pass unread; callers can't choose that by what they say of their body.
        let unread = snapshot.config.waf.mode == FirewallMode::Detect
            || found.and_then(|found| found.route.rules.max_body).is_some_and(|most| most > HELD as u64);
        let longer = body.declared().is_some_and(|declared| declared > HELD as u64);
        let read = match () {
            () if unread && is_stream(headers) => Ok(Collected::Whole(Bytes::new())),
            () if longer => Ok(Collected::TooLarge(Bytes::new())),
            () => body.read_up_to(HELD).await,
        };
        match read {
            Ok(Collected::Whole(bytes)) => {
                if !bytes.is_empty() {
                    transaction.request_body(&bytes);
                }
                put_back(body, bytes);
            }
            Ok(Collected::TooLarge(bytes)) => {
                put_back(body, bytes);
                if !unread {
                    return too_large();
                }
            }
            Err(error) => return broken(&error),
        }
        match transaction.request_end() {
            Some(intervention) => judged(intervention),
            None => Decision::allow(Control::Waf),
        }
    }

    /// What an event says about it: the rules that matched, in plain; what they matched, sealed.
    pub fn found(&self) -> Option<Findings> {
        let matches = self.0.as_ref()?.matches();
        if matches.is_empty() {
            return None;
        }
        let ids: Vec<String> = matches.iter().take(MOST).map(|found| found.id.to_string()).collect();
        let mut values = String::new();
        for Match { id, variable, value, .. } in matches.iter().take(MOST) {
            let _ = writeln!(values, "{id} {variable}={}", String::from_utf8_lossy(value));
        }
        Some(Findings { rules: ids.join(" "), values })
    }
}

/// What the firewall found in a request.
pub struct Findings {
    /// The ids of the rules.
    pub rules: String,
    /// What they matched.
    pub values: String,
}

/// The controls that must answer because of it.
pub fn required(snapshot: &Snapshot) -> ControlSet {
    if snapshot.waf.is_some() { ControlSet::of(&[Control::Waf]) } else { ControlSet::EMPTY }
}

/// Messages of gRPC may wait for answers to those before, so none can be held back.
fn is_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.starts_with(b"application/grpc"))
}

fn put_back(body: &mut InboundBody, bytes: Bytes) {
    if !bytes.is_empty() {
        let rest = std::mem::replace(body, InboundBody::empty());
        *body = InboundBody::replay(bytes, rest);
    }
}

fn judged(intervention: &Intervention) -> Decision {
    let denial = match intervention.status() {
        400 => Denial::Malformed,
        413 => Denial::TooLarge,
        _ => Denial::Forbidden,
    };
    let text = format!(
        "the firewall takes this request for an attack (rule {}); if it is none, tell the operators the request's id",
        intervention.rule()
    );
    Decision::deny(Control::Waf, denial, "attack-suspected", text)
}

fn too_large() -> Decision {
    Decision::deny(
        Control::Waf,
        Denial::TooLarge,
        "body-too-large-to-inspect",
        "the request body is larger than the 256 KiB that the firewall reads, and this route allows no more",
    )
}

fn broken(error: &BodyError) -> Decision {
    if matches!(error, BodyError::TooLarge) {
        let text = "the request body is larger than this route takes";
        return Decision::deny(Control::Contract, Denial::TooLarge, "body-too-large", text);
    }
    let text = "the request body was cut off or came too slowly";
    Decision::deny(Control::Waf, Denial::Malformed, "body-incomplete", text)
}
