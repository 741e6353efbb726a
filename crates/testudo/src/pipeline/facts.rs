//! What is known of a request before anything is decided.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use http::HeaderValue;
use lru::LruCache;
use testudo_access::{PreparedPrincipal, PrincipalFacts};
use testudo_core::{RequestId, Timestamp};
use testudo_crypto::random;
use testudo_gateway::Inbound;
use testudo_gateway::client_address::{self, ClientAddress};
use testudo_gateway::trace::TraceContext;
use testudo_identity::{Acr, Caller};
use testudo_store::Store;

use super::outbound;
use super::risk::LastWay;
use crate::node::Node;
use crate::snapshot::Snapshot;
use crate::standing::StandingFacts;

/// The facts of one request.
pub struct Facts {
    pub request: RequestId,
    /// The same as the value of a header.
    pub request_value: HeaderValue,
    pub address: IpAddr,
    /// Whether the forwarding headers came from a trusted proxy.
    pub trusted: bool,
    pub https: bool,
    /// The host that the client asked for, without port.
    pub host: Option<String>,
    pub now: Timestamp,
    pub monotonic: Duration,
    pub now_ns: u64,
    pub trace: TraceContext,
}

impl Facts {
    pub fn read(node: &Node, snapshot: &Snapshot, inbound: &Inbound) -> Facts {
        let headers = &inbound.parts.headers;
        let ClientAddress { address, https, host, trusted } =
            client_address::resolve(inbound.conn.peer.ip(), headers, &snapshot.trusted);
        let now = node.clock.now();
        let monotonic = node.clock.monotonic();
        let host = host.or_else(|| headers.get(http::header::HOST)?.to_str().ok().map(str::to_owned));
        let request = RequestId::new(now, random::array());
        Facts {
            request,
            request_value: outbound::display(request).unwrap_or_else(|| HeaderValue::from_static("")),
            address,
            trusted,
            https: https.unwrap_or(inbound.conn.tls.is_some()),
            host: host.map(without_port),
            now,
            monotonic,
            now_ns: u64::try_from(monotonic.as_nanos()).unwrap_or(u64::MAX),
            trace: TraceContext::from_headers(headers),
        }
    }
}

fn without_port(mut host: String) -> String {
    if let Some(colon) = host.rfind(':')
        && host.get(colon + 1..).is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
    {
        host.truncate(colon);
    }
    host.make_ascii_lowercase();
    host
}

/// What is derived from a token once, and asked at each request that carries it.
pub struct Known {
    /// What standing must know.
    pub standing: StandingFacts,
    /// Who asks, for policies.
    pub principal: PreparedPrincipal,
    /// How it came last.
    pub way: LastWay,
}

/// What this worker knows of tokens, by their id.
pub struct KnownTokens {
    known: LruCache<String, Rc<Known>>,
    stranger: PreparedPrincipal,
}

/// Tokens that a worker knows beside the cache of verified ones; a prepared principal takes some kilobytes.
const MOST_TOKENS: usize = 8_192;

impl Default for KnownTokens {
    fn default() -> KnownTokens {
        KnownTokens { known: LruCache::unbounded(), stranger: PreparedPrincipal::stranger() }
    }
}

impl KnownTokens {
    /// Somebody without a token.
    pub fn stranger(&self) -> &PreparedPrincipal {
        &self.stranger
    }

    /// What is known of a caller.
    pub fn of(&mut self, store: &Store, caller: &Caller) -> Rc<Known> {
        if let Some(known) = self.known.get(caller.jti.as_str()) {
            return Rc::clone(known);
        }
        let known =
            Rc::new(Known { standing: standing(store, caller), principal: principal(caller), way: LastWay::default() });
        if self.known.len() >= MOST_TOKENS {
            self.known.pop_lru();
        }
        self.known.put(caller.jti.clone(), Rc::clone(&known));
        known
    }
}

fn principal(caller: &Caller) -> PreparedPrincipal {
    let scopes: Vec<String> = caller.scopes.iter().map(str::to_owned).collect();
    let Some(person) = caller.person else { return PreparedPrincipal::service(&caller.client, &scopes) };
    let roles: Vec<String> = caller.roles.iter().cloned().collect();
    PreparedPrincipal::person(&PrincipalFacts { person, client: &caller.client, scopes: &scopes, roles: &roles })
}

fn standing(store: &Store, caller: &Caller) -> StandingFacts {
    StandingFacts {
        person: caller.person.map(|person| store.person_pseudonym(person)),
        session: caller.session,
        family: caller.family,
        client: caller.client.clone(),
        build: None,
        issued: caller.issued,
        auth_time: caller.auth_time.unwrap_or(Timestamp::EPOCH),
        second_factor: caller.acr == Some(Acr::SecondFactor),
    }
}
