//! What holds for a time and for many: blocked networks, tightened limits, routes that may only be read. Pure.
//!
//! Each list is bounded: when it is full, what ends first leaves. The newest word about a target holds.

use std::collections::HashMap;
use std::net::IpAddr;

use http::Method;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use testudo_core::{Event, LimitTarget, Timestamp};
use testudo_limits::canonical;
use testudo_store::Plain;

use super::path::RoutePath;

/// Networks that can be blocked at the same time.
const MAX_BLOCKS: usize = 100_000;
/// Targets whose limits can be tightened at the same time.
const MAX_TIGHTENED: usize = 10_000;
/// Paths that can be restricted at the same time.
const MAX_RESTRICTED: usize = 1_000;
/// The longest reason that is kept, in characters.
const MAX_REASON: usize = 200;

/// Since when, until when, and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "Saved")]
pub struct Held {
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Why, as it stands in the journal.
    pub reason: String,
}

/// Limits that are tightened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HeldLimit {
    /// For whom.
    pub target: LimitTarget,
    /// Of the configured rates, in per cent.
    pub percent: u8,
    /// For how long, and why.
    pub held: Held,
}

/// How blocks were saved before they had reasons, and as they are now.
#[derive(Deserialize)]
#[serde(untagged)]
enum Saved {
    Until(Timestamp),
    Whole { since: Timestamp, until: Timestamp, reason: String },
}

impl From<Saved> for Held {
    fn from(saved: Saved) -> Held {
        match saved {
            Saved::Until(until) => Held { since: Timestamp::EPOCH, until, reason: String::new() },
            Saved::Whole { since, until, reason } => Held { since, until, reason },
        }
    }
}

impl Held {
    /// As an event announces it; none if the event says not until when.
    fn of(plain: &Plain) -> Option<Held> {
        let until = Timestamp::from_micros(plain.details.get("until")?.parse().ok()?);
        let reason = plain.details.get("reason").map(|text| text.chars().take(MAX_REASON).collect());
        Some(Held { since: plain.at, until, reason: reason.unwrap_or_default() })
    }
}

/// Blocked networks.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Blocks {
    networks: HashMap<IpNet, Held>,
    /// By prefix length, so that a look-up is one probe per length in use.
    #[serde(skip)]
    lengths: Vec<(bool, u8)>,
}

impl Blocks {
    pub(super) fn begin(&mut self, event: &Event, plain: &Plain) {
        if let (Some(network), Some(held)) = (network(event), Held::of(plain)) {
            insert(&mut self.networks, MAX_BLOCKS, network, held, |held| held.until);
            self.index();
        }
    }

    pub(super) fn end(&mut self, event: &Event) {
        if let Some(network) = network(event) {
            self.networks.remove(&network);
            self.index();
        }
    }

    pub(super) fn index(&mut self) {
        self.lengths = self.networks.keys().map(|network| (network.addr().is_ipv6(), network.prefix_len())).collect();
        self.lengths.sort_unstable();
        self.lengths.dedup();
    }

    /// Until when the address is blocked.
    pub(super) fn of(&self, address: IpAddr, now: Timestamp) -> Option<Timestamp> {
        let address = address.to_canonical();
        self.lengths
            .iter()
            .filter(|(v6, _)| *v6 == address.is_ipv6())
            .filter_map(|(_, length)| IpNet::new(address, *length).ok())
            .filter_map(|network| self.networks.get(&network.trunc()))
            .map(|held| held.until)
            .filter(|until| *until > now)
            .max()
    }

    pub(super) fn forget(&mut self, now: Timestamp) {
        self.networks.retain(|_, held| held.until > now);
        self.index();
    }

    pub(super) fn get(&self, network: &IpNet) -> Option<&Held> {
        self.networks.get(&canonical(*network))
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (&IpNet, &Held)> {
        self.networks.iter()
    }
}

/// Tightened limits.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<HeldLimit>", into = "Vec<HeldLimit>")]
pub(super) struct Limits(HashMap<LimitTarget, HeldLimit>);

impl From<Vec<HeldLimit>> for Limits {
    fn from(all: Vec<HeldLimit>) -> Limits {
        Limits(all.into_iter().map(|limit| (limit.target.clone(), limit)).collect())
    }
}

impl From<Limits> for Vec<HeldLimit> {
    fn from(limits: Limits) -> Vec<HeldLimit> {
        limits.0.into_values().collect()
    }
}

impl Limits {
    pub(super) fn begin(&mut self, event: &Event, plain: &Plain) {
        let percent = plain.details.get("percent").and_then(|text| text.parse().ok());
        let percent = percent.filter(|percent| (1..=99).contains(percent));
        if let (Some(target), Some(percent), Some(held)) = (limit_target(event, plain), percent, Held::of(plain)) {
            let limit = HeldLimit { target: target.clone(), percent, held };
            insert(&mut self.0, MAX_TIGHTENED, target, limit, |limit| limit.held.until);
        }
    }

    pub(super) fn end(&mut self, event: &Event, plain: &Plain) {
        limit_target(event, plain).and_then(|target| self.0.remove(&target));
    }

    pub(super) fn forget(&mut self, now: Timestamp) {
        self.0.retain(|_, limit| limit.held.until > now);
    }

    pub(super) fn get(&self, target: &LimitTarget) -> Option<&HeldLimit> {
        self.0.get(target)
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &HeldLimit> {
        self.0.values()
    }
}

/// Routes that may only be read, by the path at and below which they lie.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Routes(HashMap<RoutePath, Held>);

impl Routes {
    pub(super) fn begin(&mut self, plain: &Plain) {
        if let (Some(path), Some(held)) = (route_path(plain), Held::of(plain)) {
            insert(&mut self.0, MAX_RESTRICTED, path, held, |held| held.until);
        }
    }

    pub(super) fn end(&mut self, plain: &Plain) {
        route_path(plain).and_then(|path| self.0.remove(&path));
    }

    /// Until when this route may only be read, by its template and by the path as it came.
    pub(super) fn of(&self, template: &str, path: &str, now: Timestamp) -> Option<Timestamp> {
        let over = self.0.iter().filter(|(restricted, held)| held.until > now && restricted.covers(template, path));
        over.map(|(_, held)| held.until).max()
    }

    pub(super) fn forget(&mut self, now: Timestamp) {
        self.0.retain(|_, held| held.until > now);
    }

    pub(super) fn get(&self, path: &RoutePath) -> Option<&Held> {
        self.0.get(path)
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (&RoutePath, &Held)> {
        self.0.iter()
    }
}

/// Whether a request only reads: by its method, unless it says in a header that the method is another, or becomes a
/// connection that speaks for itself.
pub(super) fn only_reads(method: &Method, headers: &http::HeaderMap) -> bool {
    const OVERRIDES: [&str; 3] = ["x-http-method-override", "x-http-method", "x-method-override"];
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
        && !headers.contains_key(http::header::UPGRADE)
        && !OVERRIDES.iter().any(|name| headers.contains_key(*name))
}

/// Puts a value in; into a full list in the place of the one that ends first.
fn insert<K: Clone + Eq + std::hash::Hash, V>(
    list: &mut HashMap<K, V>,
    most: usize,
    key: K,
    value: V,
    until: impl Fn(&V) -> Timestamp,
) {
    if list.len() >= most && !list.contains_key(&key) {
        let first = list.iter().min_by_key(|(_, value)| until(value)).map(|(key, _)| key.clone());
        first.and_then(|key| list.remove(&key));
    }
    list.insert(key, value);
}

/// The network of a block, from the sealed part of its event.
fn network(event: &Event) -> Option<IpNet> {
    event.personal.get("network").and_then(|text| text.parse().ok()).map(canonical)
}

/// For whom an event tightens limits or restores them.
fn limit_target(event: &Event, plain: &Plain) -> Option<LimitTarget> {
    match plain.target.as_deref()? {
        "everyone" => Some(LimitTarget::Everyone),
        "network" => network(event).map(LimitTarget::Network),
        template => template.starts_with('/').then(|| LimitTarget::Route(template.into())),
    }
}

fn route_path(plain: &Plain) -> Option<RoutePath> {
    plain.target.as_deref()?.parse().ok()
}
