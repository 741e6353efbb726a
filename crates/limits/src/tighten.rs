//! Rates that are tightened for a time: a share of what is configured, for everyone, for a network, or for a route.
//!
//! One [`Tightened`] serves all limiters of a node and is replaced whole. While nothing is tightened it costs a request
//! one load. A request of a tightened subject costs 100/share times as much of the same limit, so that both the rate and
//! the burst are the share of the configured ones.
//!
//! A network's share holds for what its callers have for themselves (address, subnet, person, device, and the doors by
//! address and subnet), never for what they share with others (client, route, all tries of a door): an attack must not
//! use these up faster because it is slowed down.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use ipnet::IpNet;
use testudo_core::LimitTarget;

use crate::network::canonical;
use crate::rate::Limit;

/// One tightening in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tightening {
    /// For whom.
    pub target: LimitTarget,
    /// Of the configured rates, in per cent; 0 counts as 1, and 100 and more changes nothing.
    pub percent: u8,
    /// Until when, in nanoseconds of the clock that never goes back.
    pub until_ns: u64,
}

/// What is tightened on a node.
#[derive(Debug, Default)]
pub struct Tightened {
    any: AtomicBool,
    shares: ArcSwap<Shares>,
}

/// The share of a limit that is allowed, in per cent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Share(u8);

/// The shares of one request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Allowed {
    /// Of what everybody shares.
    pub everyone: Share,
    /// Of what the caller has for itself.
    pub own: Share,
    /// Of what everybody shares on the route.
    pub route: Share,
    /// Of what the caller has for itself on the route.
    pub own_on_route: Share,
}

#[derive(Debug, Default)]
struct Shares {
    everyone: Option<Until>,
    networks: HashMap<IpNet, Until>,
    /// The lengths of prefixes in use, so that a look-up is one probe for each.
    lengths: Vec<(bool, u8)>,
    routes: HashMap<Box<str>, Until>,
}

#[derive(Clone, Copy, Debug)]
struct Until(Share, u64);

impl Tightened {
    /// Replaces all that is tightened. The next request of every worker sees it.
    pub fn replace(&self, all: impl IntoIterator<Item = Tightening>) {
        let mut shares = Shares::default();
        for Tightening { target, percent, until_ns } in all {
            let until = Until(Share(percent.clamp(1, 100)), until_ns);
            match target {
                LimitTarget::Everyone => shares.everyone = Some(until),
                LimitTarget::Network(network) => drop(shares.networks.insert(canonical(network), until)),
                LimitTarget::Route(template) => drop(shares.routes.insert(template, until)),
            }
        }
        shares.lengths = shares.networks.keys().map(|net| (net.addr().is_ipv6(), net.prefix_len())).collect();
        shares.lengths.sort_unstable();
        shares.lengths.dedup();
        let any = shares.everyone.is_some() || !shares.networks.is_empty() || !shares.routes.is_empty();
        self.shares.store(Arc::new(shares));
        self.any.store(any, Ordering::Release);
    }

    /// Whether anything is tightened.
    pub fn is_any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// What a request from this address to this route is allowed.
    pub(crate) fn allowed(&self, address: IpAddr, template: Option<&str>, now_ns: u64) -> Allowed {
        if !self.is_any() {
            return Allowed::ALL;
        }
        let shares = self.shares.load();
        let share = |until: Option<&Until>| until.map_or(Share::ALL, |until| until.at(now_ns));
        let everyone = share(shares.everyone.as_ref());
        let own = everyone.min(shares.network(address.to_canonical(), now_ns));
        let route = share(template.and_then(|template| shares.routes.get(template)));
        Allowed { everyone, own, route: everyone.min(route), own_on_route: own.min(route) }
    }
}

impl Shares {
    fn network(&self, address: IpAddr, now_ns: u64) -> Share {
        let lengths = self.lengths.iter().filter(|(v6, _)| *v6 == address.is_ipv6());
        let networks = lengths.filter_map(|(_, length)| IpNet::new(address, *length).ok());
        let found = networks.filter_map(|network| self.networks.get(&network.trunc()));
        found.map(|until| until.at(now_ns)).min().unwrap_or(Share::ALL)
    }
}

impl Until {
    fn at(self, now_ns: u64) -> Share {
        if now_ns < self.1 { self.0 } else { Share::ALL }
    }
}

impl Allowed {
    const ALL: Allowed = Allowed { everyone: Share::ALL, own: Share::ALL, route: Share::ALL, own_on_route: Share::ALL };
}

impl Share {
    /// All of it.
    pub const ALL: Share = Share(100);

    /// The limit of which this share is allowed: requests cost more, and what a used-up limit needs to be whole again
    /// stays as it is. At least one request passes.
    pub fn of(self, limit: Limit) -> Limit {
        if self == Share::ALL {
            return limit;
        }
        let interval = limit.interval.saturating_mul(100).div_ceil(u64::from(self.0));
        Limit { interval, tolerance: limit.span().saturating_sub(interval) }
    }

    /// The share in per cent, unless it is all.
    pub fn percent(self) -> Option<u8> {
        (self != Share::ALL).then_some(self.0)
    }
}

#[cfg(test)]
mod tests;
